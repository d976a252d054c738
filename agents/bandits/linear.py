"""Linear bandits that choose greedily by a score: epsilon-greedy and LinUCB."""

import numpy as np

from xbopt.agents.bandits.arithmetic import Engine
from xbopt.agents.bandits.bandit import Bandit, StateArrays, checked_share, checked_size, not_finite
from xbopt.agents.bandits.linear_models import LinearModels
from xbopt.agents.bandits.storage import Setting
from xbopt.core.arrays import FloatArray, IntArray

TIE = 1e-9
"""Scores this close to the best, relative to ``1 + |best|``, are ties and share the best score's probability."""


class LinearBandit(Bandit):
    """A bandit whose rewards are linear in the context, with one ridge regression an action.

    Args:
        n_actions: ``K``.
        n_features: ``d``.
        seed: Seed of the bandit's own draws.
        ridge: Strength of the prior; the inverse matrix starts at ``I / ridge``.
        discount: Weight that a row keeps when the next one comes; below 1 for markets that drift.
        engine: See ``Bandit``.
        settings: Further arguments of the class, by name.

    Raises:
        UsageError: An argument is outside its range.
    """

    def __init__(
        self,
        *,
        n_actions: int,
        n_features: int,
        seed: int,
        ridge: float,
        discount: float,
        engine: Engine,
        settings: dict[str, Setting],
    ) -> None:
        shared: dict[str, Setting] = {"ridge": ridge, "discount": discount}
        super().__init__(
            n_actions=n_actions, n_features=n_features, seed=seed, engine=engine, settings=shared | settings
        )
        self.models = LinearModels(
            n_actions=n_actions, n_features=n_features, ridge=ridge, discount=discount, arithmetic=self._arithmetic
        )

    def predict(self, context: FloatArray) -> FloatArray:
        """Expected reward of every action ``(n, K)`` for contexts ``(n, d)``.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        return self.models.means(self._checked(context))

    def uncertainty(self, context: FloatArray) -> FloatArray:
        """Standard deviation of every prediction ``(n, K)``: ``sqrt(x'A_k^-1 x)``.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        return np.sqrt(self.models.variances(self._checked(context)))

    def _learn(self, context: FloatArray, action: IntArray, reward: FloatArray, weight: FloatArray) -> None:
        self.models.learn(context, action, reward[:, None], weight)

    def learn_all(self, context: FloatArray, reward: FloatArray, weight: FloatArray) -> None:
        """Learn from a reward for every action ``(n, K)``, observed or estimated; contexts ``(n, d)``."""
        self.models.learn_all(self._checked(context), reward, weight)
        self._rows += len(context)

    def arrays(self) -> StateArrays:
        """Everything that was learned, by name."""
        return self.models.arrays()

    def _restore(self, arrays: StateArrays) -> None:
        self.models.restore(dict(arrays))


class EpsilonGreedy(LinearBandit):
    """The action with the highest expected reward, and with probability epsilon any action.

    ``epsilon_t = floor + (epsilon - floor) / (1 + t / half_rows)`` after ``t`` rows: half of the way to the floor is
    gone after ``half_rows`` rows (Auer, Cesa-Bianchi & Fischer 2002, "Finite-time analysis of the multiarmed bandit
    problem", section 3, decays as ``1/t`` too). Every action keeps at least ``floor / K``. Ties share.

    Args:
        n_actions: ``K``.
        n_features: ``d``.
        seed: Seed of the bandit's own draws.
        epsilon: Share of exploration at the start.
        floor: Share of exploration that always stays, at most ``epsilon``.
        half_rows: Rows after which half of the decay is done.
        ridge: Strength of the prior.
        discount: Weight that a row keeps when the next one comes.
        engine: See ``Bandit``.

    Raises:
        UsageError: An argument is outside its range.
    """

    def __init__(
        self,
        *,
        n_actions: int,
        n_features: int,
        seed: int = 0,
        epsilon: float = 0.2,
        floor: float = 0.01,
        half_rows: float = 1000.0,
        ridge: float = 1.0,
        discount: float = 1.0,
        engine: Engine = "auto",
    ) -> None:
        self._epsilon = checked_share("epsilon", epsilon)
        self._floor = min(checked_share("floor", floor), self._epsilon)
        self._half_rows = checked_size("half_rows", half_rows, zero=False)
        super().__init__(
            n_actions=n_actions, n_features=n_features, seed=seed, ridge=ridge, discount=discount, engine=engine,
            settings={"epsilon": epsilon, "floor": floor, "half_rows": half_rows},
        )  # fmt: skip

    @property
    def epsilon(self) -> float:
        """Share of exploration now."""
        return self._floor + (self._epsilon - self._floor) / (1.0 + self._rows / self._half_rows)

    @property
    def probability_floor(self) -> float:
        """``floor / K``."""
        return self._floor / self._n_actions

    def _probabilities(self, context: FloatArray) -> FloatArray:
        return self._arithmetic.greedy_mix(self.models.means(self._finite(context)), self.epsilon, TIE)


class LinUcb(LinearBandit):
    """The action with the highest upper confidence bound, and with probability epsilon any action.

    Score: ``x'theta_k + alpha sqrt(x'A_k^-1 x)`` (Li et al. 2010, Algorithm 1). The bound alone is deterministic;
    the share ``epsilon`` makes every propensity positive, so that the log can be evaluated. Ties share.

    Args:
        n_actions: ``K``.
        n_features: ``d``.
        seed: Seed of the bandit's own draws.
        alpha: Width of the bound, in units of the reward's noise.
        epsilon: Share of uniform exploration.
        ridge: Strength of the prior.
        discount: Weight that a row keeps when the next one comes.
        engine: See ``Bandit``.

    Raises:
        UsageError: An argument is outside its range.
    """

    def __init__(
        self,
        *,
        n_actions: int,
        n_features: int,
        seed: int = 0,
        alpha: float = 1.0,
        epsilon: float = 0.02,
        ridge: float = 1.0,
        discount: float = 1.0,
        engine: Engine = "auto",
    ) -> None:
        self._alpha, self._epsilon = checked_size("alpha", alpha), checked_share("epsilon", epsilon)
        super().__init__(
            n_actions=n_actions, n_features=n_features, seed=seed, ridge=ridge, discount=discount, engine=engine,
            settings={"alpha": alpha, "epsilon": epsilon},
        )  # fmt: skip

    @property
    def probability_floor(self) -> float:
        """``epsilon / K``."""
        return self._epsilon / self._n_actions

    def scores(self, context: FloatArray) -> FloatArray:
        """Upper confidence bound of every action ``(n, K)`` for contexts ``(n, d)``."""
        rows = self._checked(context)
        return self.models.means(rows) + self._alpha * np.sqrt(self.models.variances(rows))

    def _probabilities(self, context: FloatArray) -> FloatArray:
        models, probabilities = self.models, np.empty((len(context), self._n_actions))
        bad = self._arithmetic.ucb(
            context, models.main_theta, models.inverse, models.norm, self._alpha, self._epsilon, TIE, probabilities
        )
        if bad >= 0:
            raise not_finite(context, bad)
        return probabilities
