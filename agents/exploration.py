"""Logged exploration: any plan as a stochastic logging policy with exact propensities."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.axes import FloatArray
from xbopt.core.errors import PolicyError
from xbopt.core.policy import DirectPolicy, Observation, PolicyKind
from xbopt.core.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploringPolicy:
    """A plan translated to the tactic menu, with a share of uniform exploration.

    In each cell the tactic nearest to what the plan would do has probability ``1 - e + e/K``, every other one ``e/K``.

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
        if not 0.0 <= self.exploration <= 1.0:
            raise PolicyError(f"exploration is {self.exploration:g}; a share from 0 to 1 is wanted.")

    @property
    def name(self) -> str:
        """Name in reports and logs."""
        return f"{self.plan.name}+explore{self.exploration:g}"

    @property
    def kind(self) -> PolicyKind:
        """The plan's kind."""
        return self.plan.kind

    def probabilities(self, observation: Observation) -> FloatArray:
        """Probability of each tactic in each cell ``(B, R, S, K)``."""
        menu = self.scenario.menu
        nearest = menu.nearest(self.plan.decide(observation), observation.day_budget_base)
        chosen = nearest[..., None] == np.arange(len(menu))
        return (1.0 - self.exploration) * chosen + self.exploration / len(menu)
