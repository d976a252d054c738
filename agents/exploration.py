"""Logged exploration: any policy as a stochastic logging policy with exact propensities."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.anchored_menu import PolicyMenu
from xbopt.core.decisions.policy import (
    CanExplore,
    DirectPolicy,
    FactoredPolicy,
    Observation,
    Policy,
    PolicyKind,
    TacticPolicy,
)
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.scenario import Scenario


def over_the_menu(
    policy: Policy, scenario: Scenario, exploration: float | None, *, mark: str = ""
) -> TacticPolicy | FactoredPolicy:
    """The policy as one that gives probabilities, with a share of exploration; its own share where None.

    Args:
        policy: One that names its decisions explores the menu around itself, and nothing where None.
        scenario: The scenario.
        exploration: 0..1, or None.
        mark: Tells policies of one name apart; see ``PolicyMenu``.

    Raises:
        PolicyError: The share is not within 0..1, or the policy cannot explore.
    """
    if isinstance(policy, DirectPolicy):
        return ExploringPolicy(plan=policy, scenario=scenario, exploration=exploration or 0.0, mark=mark)
    if exploration is None:
        return policy
    if not isinstance(policy, FactoredPolicy | CanExplore):
        raise PolicyError(f"{policy.name} cannot take another share of exploration; leave it out.")
    return policy.exploring(checked_exploration(exploration))


def without_exploration(policy: Policy) -> Policy:
    """The policy as it acts where it explores nothing; itself where it cannot say."""
    if isinstance(policy, ExploringPolicy):
        return policy.plan
    return policy.exploring(0.0) if isinstance(policy, FactoredPolicy | CanExplore) else policy


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
    """A policy that names its decisions, over the tactic menu around itself, with a share of uniform exploration.

    In each cell the neutral tactic, which is the policy itself, has probability ``1 - e + e/K``, every other one
    ``e/K``. Tactics are held for the scenario's decision period, while the policy decides anew every day. Without
    exploration it is the policy, to the last bit.

    Attributes:
        plan: The policy.
        scenario: Its menu is drawn from.
        exploration: ``e``, 0..1.
        mark: Tells policies of one name apart in the menu's labels.
    """

    plan: DirectPolicy
    scenario: Scenario
    exploration: float
    mark: str = ""

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
        """The policy's kind."""
        return self.plan.kind

    @property
    def menu(self) -> PolicyMenu:
        """The scenario's menu around the policy."""
        return PolicyMenu.of(self.scenario.menu, self.plan, self.mark)

    @property
    def reads_own_cell_only(self) -> bool:
        """Its probabilities are the same in every cell, whatever is seen."""
        return True

    @property
    def shares(self) -> FloatArray:
        """Probability of each tactic ``(K,)``, the same in every cell."""
        menu = self.menu
        own = np.arange(len(menu)) == menu.neutral
        return (1.0 - self.exploration) * own + self.exploration / len(menu)

    def probabilities(self, observation: Observation) -> FloatArray:
        """Probability of each tactic in each cell ``(B, R, S, K)``."""
        shares = self.shares
        regions, segments, _, _ = self.scenario.shape
        return np.broadcast_to(shares, (observation.worlds, regions, segments, len(shares)))

    def exploring(self, share: float) -> "ExploringPolicy":
        """The same policy with another share.

        Raises:
            PolicyError: The share is not within 0..1.
        """
        return replace(self, exploration=share)
