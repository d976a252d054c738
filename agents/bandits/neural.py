"""NeuralLinear: a small network makes the features, a Bayesian linear model on top of them chooses."""

import numpy as np

from xbopt.agents.bandits.arithmetic import Engine
from xbopt.agents.bandits.bandit import Bandit, StateArrays, checked_share, checked_size
from xbopt.agents.bandits.linear_models import LinearModels
from xbopt.agents.bandits.network import Network
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError
from xbopt.core.randomness import named_generator

_BATCH = 256


class NeuralLinear(Bandit):
    """Thompson sampling over linear models of learned features.

    Riquelme, Tucker & Snoek 2018 ("Deep Bayesian bandits showdown", NeuralLinear): the network is trained on the rows
    kept in memory, and the linear models are fitted anew to those rows with the new features. Between trainings new
    rows enter the linear models with the features of the day. Propensities are exact, as in ``LinThompson``.

    Args:
        n_actions: ``K``.
        n_features: ``d``.
        seed: Seed of the first weights, the training and the bandit's own draws.
        hidden: Units of the hidden layers; the last one's values, and a constant, are the features.
        memory: Rows that are kept for training; the oldest make room.
        train_every: Rows between two trainings.
        train_steps: Steps of Adam in a training, each on 256 rows of the memory.
        rate: Learning rate of Adam.
        spread: Standard deviation of a sampled score, in units of ``sqrt(f'A^-1 f)``; the reward's noise.
        epsilon: Share of uniform exploration on top.
        ridge: Strength of the linear models' prior.
        discount: Weight that a row keeps in the linear models when the next one comes.
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
        hidden: tuple[int, ...] = (64, 24),
        memory: int = 20_000,
        train_every: int = 500,
        train_steps: int = 100,
        rate: float = 3e-3,
        spread: float = 1.0,
        epsilon: float = 0.0,
        ridge: float = 1.0,
        discount: float = 1.0,
        engine: Engine = "auto",
    ) -> None:
        if not hidden or min(hidden) < 1:
            raise UsageError(f"hidden is {hidden}; at least one layer of at least one unit is wanted.")
        for name, number in (("memory", memory), ("train_every", train_every), ("train_steps", train_steps)):
            if number < 1:
                raise UsageError(f"{name} is {number}; at least 1 is wanted.")
        self._seed, self._train_every, self._train_steps = seed, int(train_every), int(train_steps)
        self._rate = checked_size("rate", rate, zero=False)
        self._spread, self._epsilon = checked_size("spread", spread), checked_share("epsilon", epsilon)
        super().__init__(
            n_actions=n_actions, n_features=n_features, seed=seed, engine=engine,
            settings={
                "hidden": tuple(hidden), "memory": memory, "train_every": train_every, "train_steps": train_steps,
                "rate": rate, "spread": spread, "epsilon": epsilon, "ridge": ridge, "discount": discount,
            },
        )  # fmt: skip
        self._network = Network((n_features, *hidden, n_actions), named_generator(seed, "neural_linear weights"))
        self.models = LinearModels(
            n_actions=n_actions, n_features=hidden[-1] + 1, ridge=ridge, discount=discount,
            arithmetic=self._arithmetic,
        )  # fmt: skip
        self._centre, self._scale = np.zeros(n_features), np.ones(n_features)
        self._context, self._action = np.zeros((memory, n_features)), np.zeros(memory, dtype=np.int64)
        self._reward, self._weight = np.zeros(memory), np.zeros(memory)
        self._seen = np.zeros(1, dtype=np.int64)

    @property
    def probability_floor(self) -> float:
        """``epsilon / K``."""
        return self._epsilon / self._n_actions

    def features(self, context: FloatArray) -> FloatArray:
        """The learned features ``(n, m + 1)`` of contexts ``(n, d)``; the last is the constant 1.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        return self._features(self._checked(context))

    def _features(self, context: FloatArray) -> FloatArray:
        learned = self._network.layers((context - self._centre) / self._scale, self._product)[-1]
        return np.ascontiguousarray(np.concatenate([learned, np.ones((len(context), 1))], axis=1))

    def _product(self, left: FloatArray, right: FloatArray) -> FloatArray:
        return self._arithmetic.predict(left, np.ascontiguousarray(right.T))

    def predict(self, context: FloatArray) -> FloatArray:
        """Expected reward of every action ``(n, K)`` for contexts ``(n, d)``.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        return self.models.means(self.features(context))

    def uncertainty(self, context: FloatArray) -> FloatArray:
        """Standard deviation of every prediction ``(n, K)``, the features taken as given.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        return np.sqrt(self.models.variances(self.features(context)))

    def _probabilities(self, context: FloatArray) -> FloatArray:
        features, models = self._features(self._finite(context)), self.models
        probabilities = np.empty((len(context), self._n_actions))
        self._arithmetic.thompson_linear(
            features, models.main_theta, models.inverse, models.norm, self._spread, self._epsilon, probabilities
        )
        return probabilities

    def _learn(self, context: FloatArray, action: IntArray, reward: FloatArray, weight: FloatArray) -> None:
        start = 0
        while start < len(action):
            seen = int(self._seen[0])
            end = min(len(action), start + self._train_every - seen % self._train_every)
            rows = slice(start, end)
            self.models.learn(self._features(context[rows]), action[rows], reward[rows, None], weight[rows])
            places = np.arange(seen, seen + end - start) % len(self._reward)
            self._context[places], self._action[places] = context[rows], action[rows]
            self._reward[places], self._weight[places] = reward[rows], weight[rows]
            self._seen += end - start
            if int(self._seen[0]) % self._train_every == 0:
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
        rng = named_generator(self._seed, f"neural_linear training {seen}")
        for _ in range(self._train_steps):
            at = rng.integers(len(rows), size=min(_BATCH, len(rows)))
            self._network.step(self._network.gradient(scaled[at], action[at], target[at], weight[at]), rate=self._rate)
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
        self.models.restore(dict(arrays))
        own = self.arrays()
        for name in own:
            if name.startswith(("network_", "memory_")) or name in ("centre", "scale"):
                own[name][...] = arrays[name]
