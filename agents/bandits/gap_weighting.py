"""Inverse gap weighting: SquareCB, and FastCB for rare rewards.

Both trust a regression and choose an action the less, the further its prediction lies behind the best one's. The best
action takes the rest of the probability, which is at least ``1/K`` because no other action gets more than ``1/K``.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.agents.bandits.bandit import Bandit, checked_size, setting
from xbopt.agents.bandits.compiled import gap_weights
from xbopt.agents.bandits.linear import LinearBandit
from xbopt.agents.bandits.linear_models import LinearModels
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError


@dataclass(kw_only=True, eq=False)
class SquareCb(LinearBandit):
    """SquareCB (Foster & Rakhlin 2020, "Beyond UCB: optimal and efficient contextual bandits with regression oracles").

    Algorithm 1 for rewards: ``p_a = 1 / (K + gamma_t (f_best - f_a))`` for every action but the best, with
    ``gamma_t = gamma (1 + t)^growth`` after ``t`` rows. Gaps are in the reward's unit: scale rewards to about 0..1.
    Ties: the earliest of the best actions takes the rest.

    Attributes:
        gamma: How strongly a gap counts at the start; larger explores less.
        growth: Power with which that grows with the rows; 1/2 by the paper's theorem.
    """

    gamma: float = setting(10.0, checked_size)
    growth: float = setting(0.5, checked_size)

    @property
    def gamma_now(self) -> float:
        """How strongly a gap counts after the rows so far."""
        return self.gamma * (1.0 + self._rows) ** self.growth

    @property
    def probability_floor(self) -> float:
        """None is promised: the smallest probability is ``1 / (K + gamma_t gap)``."""
        return 0.0

    def _probabilities(self, context: FloatArray) -> FloatArray:
        return gap_weights(self.models.means(self._finite(context)), self.gamma_now, relative=False)


@dataclass(kw_only=True, eq=False)
class FastCb(Bandit):
    """FastCB for rewards within 0..1 that are mostly near 0, such as clicks and orders.

    Foster & Krishnamurthy 2021 ("Efficient first-order contextual bandits: prediction, allocation, and triangular
    discrimination", Algorithm 1) weigh gaps relative to the best prediction,
    ``p_a = f_best / (K f_best + gamma (f_a - f_best))`` for losses, and fit by log loss, so that regret shrinks with
    the best loss. Here the same weights serve rewards, ``p_a = f_best / (K f_best + gamma (f_best - f_a))``: where
    rewards are rare their noise is small too, and a gap of half the best rate counts the same at 0.2 and at 0.002.

    The regression is logistic, one an action, by one Newton step a row in the order of the rows.

    Attributes:
        gamma: How strongly a relative gap counts at the start.
        growth: Power with which that grows with the rows.
        initial_rate: Reward rate expected before anything was seen, inside 0..1; above the truth explores more.
        ridge: Strength of the prior.
    """

    gamma: float = setting(10.0, checked_size)
    growth: float = setting(0.5, checked_size)
    initial_rate: float = 0.1
    ridge: float = 1.0

    def __post_init__(self) -> None:
        """Begin with the prior."""
        super().__post_init__()
        if not 0.0 < self.initial_rate < 1.0:
            raise UsageError(f"initial_rate is {self.initial_rate:g}; a rate inside 0..1 is wanted.")
        self._offset = float(np.log(self.initial_rate / (1.0 - self.initial_rate)))
        self.models = LinearModels(n_actions=self.n_actions, n_features=self.n_features, ridge=self.ridge)

    @property
    def gamma_now(self) -> float:
        """How strongly a relative gap counts after the rows so far."""
        return self.gamma * (1.0 + self._rows) ** self.growth

    @property
    def probability_floor(self) -> float:
        """``1 / (K + gamma_t)``, since no relative gap exceeds 1; it falls with the rows, so none is promised."""
        return 0.0

    def predict(self, context: FloatArray) -> FloatArray:
        """Expected reward of every action ``(n, K)`` for contexts ``(n, d)``.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        return self._rates(self._checked(context))

    def uncertainty(self, context: FloatArray) -> FloatArray:
        """Standard deviation of every prediction ``(n, K)``: the logit's, times the rate's slope ``p (1 - p)``.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        rows = self._checked(context)
        rates = self._rates(rows)
        return rates * (1.0 - rates) * np.sqrt(self.models.variances(rows))

    def _rates(self, context: FloatArray) -> FloatArray:
        # Logits beyond 30 are certain; the bound keeps the exponential finite and the best rate positive.
        return 1.0 / (1.0 + np.exp(-np.clip(self._offset + self.models.means(context), -30.0, 30.0)))

    def _probabilities(self, context: FloatArray) -> FloatArray:
        return gap_weights(self._rates(self._finite(context)), self.gamma_now, relative=True)

    def _learn(self, context: FloatArray, action: IntArray, reward: FloatArray, weight: FloatArray) -> None:
        outside = (reward < 0.0) | (reward > 1.0)
        if outside.any():
            row = int(np.argmax(outside))
            raise UsageError(f"reward is {reward[row]:g} at row {row}; FastCb learns rewards within 0..1.")
        self.models.learn_rates(context, action, reward, weight, offset=self._offset)
