"""Policies as those who log data play them: every choice drawn from known probabilities."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.exploration import checked_exploration, over_the_menu
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.factors import Factors, one_notch_exploration
from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy, Observation, Policy, PolicyKind, TacticPolicy
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.residual_actions import ResidualActions

RANDOM = "random"
"""The behaviour that draws every notch around the re-planner alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotchesAround:
    """A policy that names its decisions, explored by notches around them.

    Attributes:
        actions: The notches around the policy.
        share: Share of each factor's choices that go one notch to either side, 0..1; 0 is the policy itself.
        is_uniform: Draw every level alike instead.
    """

    actions: ResidualActions
    share: float = 0.0
    is_uniform: bool = False

    @property
    def name(self) -> str:
        """Name in data sets."""
        own = self.actions.anchor.name
        return f"{RANDOM}+{own}" if self.is_uniform else f"{own}+notch{self.share:g}" if self.share else own

    @property
    def kind(self) -> PolicyKind:
        """The policy's kind."""
        return self.actions.anchor.kind

    @property
    def factors(self) -> Factors:
        """The notches."""
        return self.actions.factors

    def factor_probabilities(self, observation: Observation) -> FloatArray:
        """Probability of every level of each factor ``(B, A, L)``."""
        factors, worlds = self.factors, observation.worlds
        if self.is_uniform:
            return np.broadcast_to(factors.exists / factors.levels[:, None], (worlds, *factors.exists.shape))
        own = np.broadcast_to(factors.neutral, (worlds, len(factors)))
        return one_notch_exploration(factors, own, self.share)

    def decode(self, levels: IntArray, observation: Observation) -> Decision:
        """The day's decision of levels ``(B, A)``, before projection."""
        return self.actions.decode(levels, observation)

    def exploring(self, share: float) -> "NotchesAround":
        """The same policy with another share.

        Raises:
            PolicyError: The share is not within 0..1.
        """
        return replace(self, share=checked_exploration(share))


def behaviour_of(
    policy: Policy,
    scenario: Scenario,
    daypart_value: FloatArray,
    exploration: float | None,
    *,
    is_uniform: bool = False,
) -> FactoredPolicy | TacticPolicy:
    """How a policy is played for a data set.

    Args:
        policy: Names decisions (notches around them are explored), or draws choices.
        scenario: The scenario.
        daypart_value: Effect per money by daypart ``(R, C, H)``.
        exploration: Share of exploration, 0..1; that of the policy itself where None.
        is_uniform: Draw every notch around it alike.

    Raises:
        PolicyError: The share is not within 0..1, or the policy cannot explore.
    """
    if isinstance(policy, DirectPolicy):
        around = NotchesAround(actions=ResidualActions.of(scenario, policy, daypart_value), is_uniform=is_uniform)
        return around.exploring(exploration or 0.0)
    if isinstance(policy, FactoredPolicy):
        return policy if exploration is None else policy.exploring(checked_exploration(exploration))
    return over_the_menu(policy, scenario, exploration)
