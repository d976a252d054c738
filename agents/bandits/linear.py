"""Linear bandits that choose greedily by a score: epsilon-greedy and LinUCB."""

from dataclasses import dataclass

import numpy as np

from xbopt.agents.bandits.bandit import Bandit, checked_positive, checked_share, checked_size, not_finite, setting
from xbopt.agents.bandits.compiled import greedy_mix, ucb
from xbopt.agents.bandits.linear_models import LinearModels
from xbopt.core.arrays import FloatArray

TIE = 1e-9
"""Scores this close to the best, relative to ``1 + |best|``, are ties and share the best score's probability."""


@dataclass(kw_only=True, eq=False)
class LinearBandit(Bandit):
    """A bandit whose rewards are linear in the context, with one ridge regression an action.

    Attributes:
        ridge: Strength of the prior; the inverse matrix starts at ``I / ridge``.
        discount: Weight that a row keeps when the next one comes; below 1 for markets that drift.
    """

    ridge: float = 1.0
    discount: float = 1.0

    def __post_init__(self) -> None:
        """Begin with the prior."""
        super().__post_init__()
        self.models = LinearModels(
            n_actions=self.n_actions, n_features=self.n_features, ridge=self.ridge, discount=self.discount
        )

    def learn_all(self, context: FloatArray, reward: FloatArray, weight: FloatArray) -> None:
        """Learn from a reward for every action ``(n, K)``, observed or estimated; contexts ``(n, d)``."""
        self.models.learn_all(self._checked(context), reward, weight)
        self._rows += len(context)


@dataclass(kw_only=True, eq=False)
class EpsilonGreedy(LinearBandit):
    """The action with the highest expected reward, and with probability epsilon any action.

    ``epsilon_t = floor + (epsilon - floor) / (1 + t / half_rows)`` after ``t`` rows: half of the way to the floor is
    gone after ``half_rows`` rows (Auer, Cesa-Bianchi & Fischer 2002, "Finite-time analysis of the multiarmed bandit
    problem", section 3, decays as ``1/t`` too). Every action keeps at least ``floor / K``. Ties share.

    Attributes:
        epsilon: Share of exploration at the start.
        floor: Share of exploration that always stays, at most ``epsilon``.
        half_rows: Rows after which half of the decay is done.
    """

    epsilon: float = setting(0.2, checked_share)
    floor: float = setting(0.01, checked_share)
    half_rows: float = setting(1000.0, checked_positive)

    @property
    def epsilon_now(self) -> float:
        """Share of exploration after the rows so far."""
        floor = min(self.floor, self.epsilon)
        return floor + (self.epsilon - floor) / (1.0 + self._rows / self.half_rows)

    @property
    def probability_floor(self) -> float:
        """``floor / K``."""
        return min(self.floor, self.epsilon) / self.n_actions

    def _probabilities(self, context: FloatArray) -> FloatArray:
        return greedy_mix(self.models.means(self._finite(context)), self.epsilon_now, TIE)


@dataclass(kw_only=True, eq=False)
class LinUcb(LinearBandit):
    """The action with the highest upper confidence bound, and with probability epsilon any action.

    Score: ``x'theta_k + alpha sqrt(x'A_k^-1 x)`` (Li et al. 2010, Algorithm 1). The bound alone is deterministic;
    the share ``epsilon`` makes every propensity positive, so that the log can be evaluated. Ties share.

    Attributes:
        alpha: Width of the bound, in units of the reward's noise.
        epsilon: Share of uniform exploration.
    """

    alpha: float = setting(1.0, checked_size)
    epsilon: float = setting(0.02, checked_share)

    @property
    def probability_floor(self) -> float:
        """``epsilon / K``."""
        return self.epsilon / self.n_actions

    def scores(self, context: FloatArray) -> FloatArray:
        """Upper confidence bound of every action ``(n, K)`` for contexts ``(n, d)``."""
        rows = self._checked(context)
        return self.models.means(rows) + self.alpha * np.sqrt(self.models.variances(rows))

    def _probabilities(self, context: FloatArray) -> FloatArray:
        models, probabilities = self.models, np.empty((len(context), self.n_actions))
        bad = ucb(context, models.main_theta, models.inverse, models.norm, self.alpha, self.epsilon, TIE, probabilities)
        if bad >= 0:
            raise not_finite(context, bad)
        return probabilities
