"""Worlds whose truth is known, for tests and benchmarks of off-policy evaluation.

They are synthetic on purpose: logging policy, evaluation policy and reward are all stated, so the true value is a mean
over contexts and needs no log.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.ope import LoggedBanditData, LoggedEpisodes

Kind = Literal["good overlap", "high reward", "rare reward", "poor overlap"]
KINDS: tuple[Kind, ...] = ("good overlap", "high reward", "rare reward", "poor overlap")
_INTERCEPT = {"good overlap": -0.5, "high reward": 2.5, "rare reward": -4.4, "poor overlap": -0.5}
_TRUTH_CONTEXTS = 400_000


def softmax(scores: FloatArray) -> FloatArray:
    """Probabilities along the last axis."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedWorld:
    """Contexts are normal, rewards 0 or 1 with a logistic chance, policies softmax.

    Attributes:
        kind: How policies overlap, and how frequent rewards are.
        n_actions: Actions ``K``.
        n_features: Context fields ``d``.
        noise: 0 for rewards of 0 or 1; above 0 for the chance itself plus normal noise of this deviation.
    """

    kind: Kind = "good overlap"
    n_actions: int = 10
    n_features: int = 5
    noise: float = 0.0
    slopes: tuple[FloatArray, FloatArray, FloatArray, FloatArray] = field(init=False)

    def __post_init__(self) -> None:
        """Draw the world's own slopes, the same for every kind."""
        random = np.random.default_rng(1)
        shape = (self.n_features, self.n_actions)
        slopes = [random.normal(size=shape) / np.sqrt(self.n_features) for _ in range(2)]
        own = random.normal(size=self.n_actions) * 0.5
        other = random.normal(size=shape) / np.sqrt(self.n_features)
        object.__setattr__(self, "slopes", (*slopes, own, other))

    def chance(self, context: FloatArray) -> FloatArray:
        """Mean reward of every action ``(n, K)``."""
        _, reward, own, _ = self.slopes
        return 1.0 / (1.0 + np.exp(-(context @ reward + own + _INTERCEPT[self.kind])))

    def logging(self, context: FloatArray) -> FloatArray:
        """Logging policy ``(n, K)``."""
        return softmax(context @ self.slopes[0])

    def evaluation(self, context: FloatArray) -> FloatArray:
        """Evaluation policy ``(n, K)``."""
        if self.kind == "poor overlap":
            return softmax(-2.4 * context @ self.slopes[0])  # prefers what the log avoids
        return softmax(0.6 * context @ self.slopes[0] + 0.8 * context @ self.slopes[3])

    def draw(
        self, rows: int, random: np.random.Generator, *, with_probabilities: bool = False
    ) -> tuple[LoggedBanditData, FloatArray]:
        """A log and the evaluation policy in its contexts."""
        context = random.normal(size=(rows, self.n_features))
        logging = self.logging(context)
        action = (logging.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1).clip(max=self.n_actions - 1)
        taken = np.arange(rows), action
        chance = self.chance(context)[taken]
        if self.noise:
            reward = chance + self.noise * random.normal(size=rows)
        else:
            reward = (random.random(rows) < chance).astype(np.float64)
        data = LoggedBanditData(
            context=context,
            action=action,
            reward=reward,
            propensity=logging[taken],
            n_actions=self.n_actions,
            action_probabilities=logging if with_probabilities else None,
        )
        return data, self.evaluation(context)

    def truth(self) -> float:
        """Value of the evaluation policy, from many contexts; its own error is below 0.0005."""
        context = np.random.default_rng(99).normal(size=(_TRUTH_CONTEXTS, self.n_features))
        return float((self.evaluation(context) * self.chance(context)).sum(axis=1).mean())


LEVELS = np.array([0.0, 0.4, 0.8, 1.2])


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignWorld:
    """A daily choice of spend for one market: adstock carries over, interest tires, a covariate moves by itself.

    Attributes:
        tilt: How much more the evaluation policy likes to spend.
    """

    tilt: float = 0.5

    def policy(self, state: FloatArray, tilt: float) -> FloatArray:
        """Probability of every spend level in states ``(n, 4)``."""
        taste = 0.2 * state[:, 1] - 0.2 * state[:, 0] + tilt * (1.0 + 0.3 * state[:, 2])
        return softmax(taste[:, None] * LEVELS)

    def play(self, episodes: int, steps: int, random: np.random.Generator, tilt: float) -> tuple[FloatArray, ...]:
        """States, actions, rewards and propensities of a policy, by episode and step."""
        state = np.empty((episodes, steps, 4))
        action = np.empty((episodes, steps), dtype=np.int64)
        reward, propensity = np.empty((episodes, steps)), np.empty((episodes, steps))
        adstock, interest, covariate = (
            np.full(episodes, 0.5),
            random.normal(size=episodes),
            random.normal(size=episodes),
        )
        for step in range(steps):
            season = np.full(episodes, np.sin(2.0 * np.pi * step / 7.0))
            here = np.stack([adstock, interest, covariate, season], axis=1)
            chances = self.policy(here, tilt)
            taken = (chances.cumsum(axis=1) < random.random((episodes, 1))).sum(axis=1).clip(max=len(LEVELS) - 1)
            spend = LEVELS[taken]
            state[:, step], action[:, step] = here, taken
            propensity[:, step] = chances[np.arange(episodes), taken]
            gain = 0.6 * spend * (1.0 + 0.4 * covariate) - 0.5 * spend**2
            noise = random.normal(size=(4, episodes))
            reward[:, step] = 2.0 + 0.5 * adstock + gain + 0.3 * interest + 0.2 * season + 0.8 * noise[0]
            adstock = 0.6 * adstock + 0.5 * spend + 0.1 * noise[1]
            interest = 0.8 * interest + 0.3 * noise[2] - 0.1 * spend
            covariate = 0.5 * covariate + 0.8 * noise[3]
        return state, action, reward, propensity

    def draw(self, episodes: int, steps: int, random: np.random.Generator) -> tuple[LoggedEpisodes, FloatArray]:
        """Logged episodes and the evaluation policy in their states."""
        state, action, reward, propensity = self.play(episodes, steps, random, 0.0)
        log = LoggedEpisodes(state=state, action=action, reward=reward, propensity=propensity, n_actions=len(LEVELS))
        evaluation = np.stack([self.policy(state[:, step], self.tilt) for step in range(steps)], axis=1)
        return log, evaluation

    def truth(self, steps: int, episodes: int = 200_000) -> float:
        """Value of the evaluation policy, by playing it."""
        return float(self.play(episodes, steps, np.random.default_rng(5), self.tilt)[2].sum(axis=1).mean())
