"""A policy that names its decisions, as one made of factors around itself: how it is logged with propensities."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.exploration import checked_exploration
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.factors import Factors, one_notch_exploration
from xbopt.core.decisions.policy import DirectPolicy, Observation, PolicyKind
from xbopt.env.residual_actions import ResidualActions
from xbopt.simulator.parameters import MarketParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class FactoredDirect:
    """Notches around a policy, which is all neutral levels itself; a share of each factor goes one notch aside.

    Without exploration its decisions are the policy's own, to the last bit.

    Attributes:
        actions: The notches, and the policy that they are around.
        exploration: ``e`` of each factor, 0..1.
    """

    actions: ResidualActions
    exploration: float = 0.0

    @classmethod
    def of(cls, policy: DirectPolicy, market: MarketParameters, exploration: float = 0.0) -> "FactoredDirect":
        """The policy, with notches of a market.

        Raises:
            PolicyError: The share is not within 0..1.
        """
        actions = ResidualActions.of(market, policy)
        return cls(actions=actions, exploration=checked_exploration(exploration))

    @property
    def anchor(self) -> DirectPolicy:
        """The policy itself."""
        return self.actions.anchor

    @property
    def name(self) -> str:
        """The policy's name, with its exploration if it has any."""
        return f"{self.anchor.name}+explore{self.exploration:g}" if self.exploration else self.anchor.name

    @property
    def kind(self) -> PolicyKind:
        """The policy's kind."""
        return self.anchor.kind

    @property
    def factors(self) -> Factors:
        """Pace, timing by region, discount by cell, spend by cell and channel."""
        return self.actions.factors

    def factor_probabilities(self, observation: Observation) -> FloatArray:
        """Probability of every level ``(B, A, L)``: the same on every morning."""
        own = np.broadcast_to(self.factors.neutral, (observation.worlds, len(self.factors)))
        return one_notch_exploration(self.factors, own, self.exploration)

    def decode(self, levels: IntArray, observation: Observation) -> Decision:
        """The day's decision of levels ``(B, A)``, before projection."""
        self.factors.check(levels, observation.worlds)
        return self.actions.decode(levels, observation)

    def exploring(self, share: float) -> "FactoredDirect":
        """The same with another share of exploration.

        Raises:
            PolicyError: It is not within 0..1.
        """
        return replace(self, exploration=checked_exploration(share))
