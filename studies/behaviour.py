"""Policies as those who log data play them: every choice drawn from known probabilities."""

from dataclasses import dataclass

import numpy as np

from xbopt.agents.exploration import checked_exploration, over_the_menu
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy, Observation, Policy, TacticPolicy
from xbopt.simulator.parameters import MarketParameters

RANDOM = "random"
"""The behaviour that draws every notch around the re-planner alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomNotches(FactoredDirect):
    """Notches around a policy, every level of every factor alike."""

    @property
    def name(self) -> str:
        """Name in data sets."""
        return f"{RANDOM}+{self.anchor.name}"

    def factor_probabilities(self, observation: Observation) -> FloatArray:
        """Probability of every level of each factor ``(B, A, L)``."""
        exists = self.factors.exists
        return np.broadcast_to(exists / self.factors.levels[:, None], (observation.worlds, *exists.shape))


def behaviour_of(
    policy: Policy,
    market: MarketParameters,
    exploration: float | None,
    *,
    is_uniform: bool = False,
) -> FactoredPolicy | TacticPolicy:
    """How a policy is played for a data set.

    Args:
        policy: Names decisions (notches around them are explored), or draws choices.
        market: The market as the seller believes it to be.
        exploration: Share of exploration, 0..1; that of the policy itself where None.
        is_uniform: Draw every notch around it alike.

    Raises:
        PolicyError: The share is not within 0..1, or the policy cannot explore.
    """
    if isinstance(policy, DirectPolicy):
        return (RandomNotches if is_uniform else FactoredDirect).of(policy, market, exploration or 0.0)
    if isinstance(policy, FactoredPolicy):
        return policy if exploration is None else policy.exploring(checked_exploration(exploration))
    return over_the_menu(policy, market.scenario, exploration)
