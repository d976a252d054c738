"""Logged exploration: any plan as a stochastic logging policy with exact propensities."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.menu import TacticMenu
from xbopt.core.decisions.policy import (
    BlindPolicy,
    CanExplore,
    DirectPolicy,
    Observation,
    Policy,
    PolicyKind,
    TacticPolicy,
)
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.scenario import Scenario


def over_the_menu(policy: Policy, scenario: Scenario, exploration: float | None) -> TacticPolicy:
    """The policy over a menu, with a share of exploration; its own share where None.

    Args:
        policy: A plan is translated to the scenario's menu, and explores nothing where None.
        scenario: The scenario.
        exploration: 0..1, or None.

    Raises:
        PolicyError: The share is not within 0..1, or the policy cannot explore.
    """
    if isinstance(policy, DirectPolicy):
        return ExploringPolicy(plan=policy, scenario=scenario, exploration=exploration or 0.0)
    if exploration is None:
        return policy
    if not isinstance(policy, CanExplore):
        raise PolicyError(f"{policy.name} cannot take another share of exploration; leave it out.")
    return policy.exploring(exploration)


def checked_exploration(share: float) -> float:
    """A share of uniform exploration, 0..1.

    Raises:
        PolicyError: It is outside.
    """
    if not 0.0 <= share <= 1.0:
        raise PolicyError(f"exploration is {share:g}; a share from 0 to 1 is wanted.")
    return share


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploringPolicy:
    """A plan translated to the tactic menu, with a share of uniform exploration.

    A tactic is held for the scenario's decision period, so it is compared with the plan's mean over that period. In
    each cell the tactic nearest to it has probability ``1 - e + e/K``, every other one ``e/K``.

    Attributes:
        plan: The plan.
        scenario: Its menu is drawn from.
        exploration: ``e``, 0..1.
    """

    plan: DirectPolicy
    scenario: Scenario
    exploration: float

    def __post_init__(self) -> None:
        """Check the share.

        Raises:
            PolicyError: It is not within 0..1.
        """
        checked_exploration(self.exploration)

    @property
    def name(self) -> str:
        """Name in reports and logs."""
        return f"{self.plan.name}+explore{self.exploration:g}"

    @property
    def kind(self) -> PolicyKind:
        """The plan's kind."""
        return self.plan.kind

    @property
    def menu(self) -> TacticMenu:
        """The scenario's own menu."""
        return self.scenario.menu

    @property
    def reads_own_cell_only(self) -> bool:
        """Of plans that are known from the first day."""
        return isinstance(self.plan, BlindPolicy)

    def probabilities(self, observation: Observation) -> FloatArray:
        """Probability of each tactic in each cell ``(B, R, S, K)``."""
        menu = self.menu
        nearest = menu.nearest(self.period(observation), observation.day_budget_base)
        chosen = nearest[..., None] == np.arange(len(menu))
        return (1.0 - self.exploration) * chosen + self.exploration / len(menu)

    def period(self, observation: Observation) -> Decision:
        """The plan's mean decision over the days that a tactic is held, as far as the plan is known today."""
        end = min(observation.day + self.scenario.document.tactics.decide_every_days, observation.days)
        days = [self.plan.decide(replace(observation, day=day)) for day in range(observation.day, end)]
        # The mechanic is that of the deepest discount: a mean of names means nothing.
        deepest = np.argmax(np.stack([day.discount_frac for day in days]), axis=0)
        mechanics = np.stack([day.mechanic for day in days])
        return Decision(
            spend_base=np.mean([day.spend_base for day in days], axis=0),
            daypart_weights=np.mean([day.daypart_weights for day in days], axis=0),
            discount_frac=np.mean([day.discount_frac for day in days], axis=0),
            mechanic=np.take_along_axis(mechanics, deepest[None], axis=0)[0],
        )
