"""NeuralLinear: a small network makes the features, a Bayesian linear model on top of them chooses."""

from dataclasses import dataclass

import numpy as np

from xbopt.agents.bandits.bandit import (
    Bandit,
    StateArrays,
    checked_count,
    checked_positive,
    checked_share,
    checked_size,
    setting,
)
from xbopt.agents.bandits.compiled import predict
from xbopt.agents.bandits.compiled_thompson import thompson_linear
from xbopt.agents.bandits.linear_models import LinearModels
from xbopt.agents.bandits.network import Network
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError
from xbopt.core.randomness import named_generator

_BATCH = 256


@dataclass(kw_only=True, eq=False)
class NeuralLinear(Bandit):
    """Thompson sampling over linear models of learned features.

    Riquelme, Tucker & Snoek 2018 ("Deep Bayesian bandits showdown", NeuralLinear): the network is trained on the rows
    kept in memory, and the linear models are fitted anew to those rows with the new features. Between trainings new
    rows enter the linear models with the features of the day. Propensities are exact, as in ``LinThompson``.

    Attributes:
        hidden: Units of the hidden layers; the last one's values, and a constant, are the features.
        memory: Rows that are kept for training; the oldest make room.
        train_every: Rows between two trainings.
        train_steps: Steps of Adam in a training, each on 256 rows of the memory.
        rate: Learning rate of Adam.
        spread: Standard deviation of a sampled score, in units of ``sqrt(f'A^-1 f)``; the reward's noise.
        epsilon: Share of uniform exploration on top.
        ridge: Strength of the linear models' prior.
        discount: Weight that a row keeps in the linear models when the next one comes.
    """

    hidden: tuple[int, ...] = (64, 24)
    memory: int = setting(20_000, checked_count)
    train_every: int = setting(500, checked_count)
    train_steps: int = setting(100, checked_count)
    rate: float = setting(3e-3, checked_positive)
    spread: float = setting(1.0, checked_size)
    epsilon: float = setting(0.0, checked_share)
    ridge: float = 1.0
    discount: float = 1.0

    def __post_init__(self) -> None:
        """Draw the first weights, and begin with the prior."""
        super().__post_init__()
        self.hidden = tuple(self.hidden)
        if not self.hidden or min(self.hidden) < 1:
            raise UsageError(f"hidden is {self.hidden}; at least one layer of at least one unit is wanted.")
        sizes = (self.n_features, *self.hidden, self.n_actions)
        self._network = Network(sizes, named_generator(self.seed, "neural_linear weights"))
        self.models = LinearModels(
            n_actions=self.n_actions, n_features=self.hidden[-1] + 1, ridge=self.ridge, discount=self.discount
        )
        self._centre, self._scale = np.zeros(self.n_features), np.ones(self.n_features)
        self._context, self._action = np.zeros((self.memory, self.n_features)), np.zeros(self.memory, dtype=np.int64)
        self._reward, self._weight = np.zeros(self.memory), np.zeros(self.memory)
        self._seen = np.zeros(1, dtype=np.int64)

    @property
    def probability_floor(self) -> float:
        """``epsilon / K``."""
        return self.epsilon / self.n_actions

    def _features(self, context: FloatArray) -> FloatArray:
        """The learned features ``(n, m + 1)`` of contexts ``(n, d)``; the last is the constant 1."""
        learned = self._network.layers((context - self._centre) / self._scale, _row_by_row)[-1]
        return np.ascontiguousarray(np.concatenate([learned, np.ones((len(context), 1))], axis=1))

    def _probabilities(self, context: FloatArray) -> FloatArray:
        features, models = self._features(self._finite(context)), self.models
        probabilities = np.empty((len(context), self.n_actions))
        thompson_linear(
            features, models.main_theta, models.inverse, models.norm, self.spread, self.epsilon, probabilities
        )
        return probabilities

    def _learn(self, context: FloatArray, action: IntArray, reward: FloatArray, weight: FloatArray) -> None:
        start = 0
        while start < len(action):
            seen = int(self._seen[0])
            end = min(len(action), start + self.train_every - seen % self.train_every)
            rows = slice(start, end)
            self.models.learn(self._features(context[rows]), action[rows], reward[rows, None], weight[rows])
            places = np.arange(seen, seen + end - start) % len(self._reward)
            self._context[places], self._action[places] = context[rows], action[rows]
            self._reward[places], self._weight[places] = reward[rows], weight[rows]
            self._seen += end - start
            if int(self._seen[0]) % self.train_every == 0:
                self._train()
            start = end

    def _train(self) -> None:
        """Train the network on the memory, and fit the linear models to it anew, oldest row first."""
        seen, memory = int(self._seen[0]), len(self._reward)
        rows = np.arange(max(0, seen - memory), seen) % memory
        context, action, reward, weight = (
            self._context[rows], self._action[rows], self._reward[rows], self._weight[rows]
        )  # fmt: skip
        self._centre[...] = context.mean(axis=0)
        spread = context.std(axis=0)
        # A feature that never changed teaches nothing; scale 1 leaves it where it is.
        self._scale[...] = np.where(spread > 1e-9 * (1.0 + np.abs(self._centre)), spread, 1.0)
        scaled = (context - self._centre) / self._scale
        target = (reward - reward.mean()) / max(float(reward.std()), 1e-12)
        rng = named_generator(self.seed, f"neural_linear training {seen}")
        for _ in range(self.train_steps):
            at = rng.integers(len(rows), size=min(_BATCH, len(rows)))
            self._network.step(self._network.gradient(scaled[at], action[at], target[at], weight[at]), rate=self.rate)
        self.models.clear()
        self.models.learn(self._features(context), action, reward[:, None], weight)

    def arrays(self) -> StateArrays:
        """Everything that was learned, by name."""
        own = {
            "centre": self._centre, "scale": self._scale, "memory_context": self._context,
            "memory_action": self._action, "memory_reward": self._reward, "memory_weight": self._weight,
            "memory_seen": self._seen,
        }  # fmt: skip
        return {**self.models.arrays(), **self._network.arrays(), **own}

    def _restore(self, arrays: StateArrays) -> None:
        self.models.restore(arrays)
        own = self.arrays()
        for name in own:
            if name.startswith(("network_", "memory_")) or name in ("centre", "scale"):
                own[name][...] = arrays[name]


def _row_by_row(left: FloatArray, right: FloatArray) -> FloatArray:
    """A matrix product in which no row's rounding depends on its neighbours."""
    return predict(left, np.ascontiguousarray(right.T))
