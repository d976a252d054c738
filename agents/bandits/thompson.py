"""Linear Thompson sampling with exact propensities.

Each action has its own model, so given the context the sampled scores are independent scalar Gaussians: mean
``x'theta_k``, standard deviation ``v sqrt(x'A_k^-1 x)`` (Agrawal & Goyal 2013, "Thompson sampling for contextual
bandits with linear payoffs", with one parameter vector an action). Sampling them needs ``K`` normals, not ``K`` draws
of a ``d``-dimensional vector. The probability that action ``a`` scores highest is one integral,

    p_a = integral of phi_a(z) prod_{b != a} Phi_b(z) dz

with the density and distribution function of each score. All ``K`` integrals share their nodes. On the whole line the
integrand is analytic and dies off at both ends, where the trapezoid rule converges exponentially (Trefethen & Weideman
2014, "The exponentially convergent trapezoidal rule"); its spacing follows the narrowest score. Where that would take
too many nodes, or the integrals do not sum to 1, Gauss-Legendre panels take over, each as wide as the scores that vary
in it allow. A score without any spread is a step, at which the integral begins; ties of such scores share. The error
is below 1e-8.
"""

import numpy as np
from numpy.typing import ArrayLike

from xbopt.agents.bandits.arithmetic import Engine
from xbopt.agents.bandits.bandit import checked_share, checked_size, not_finite
from xbopt.agents.bandits.linear import LinearBandit
from xbopt.core.arrays import FloatArray, IntArray


class LinThompson(LinearBandit):
    """Thompson sampling over linear models: an action is chosen as often as it is likely to be the best.

    Args:
        n_actions: ``K``.
        n_features: ``d``.
        seed: Seed of the bandit's own draws.
        spread: ``v``: standard deviation of a sampled score, in units of ``sqrt(x'A^-1 x)``; the reward's noise.
        epsilon: Share of uniform exploration on top; it gives every action a floor.
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
        spread: float = 1.0,
        epsilon: float = 0.0,
        ridge: float = 1.0,
        discount: float = 1.0,
        engine: Engine = "auto",
    ) -> None:
        self._spread, self._epsilon = checked_size("spread", spread), checked_share("epsilon", epsilon)
        super().__init__(
            n_actions=n_actions, n_features=n_features, seed=seed, ridge=ridge, discount=discount, engine=engine,
            settings={"spread": spread, "epsilon": epsilon},
        )  # fmt: skip

    @property
    def probability_floor(self) -> float:
        """``epsilon / K``."""
        return self._epsilon / self._n_actions

    def act(self, context: ArrayLike, rng: np.random.Generator | None = None) -> IntArray:
        """Draw an action for each row ``(n,)`` by sampling scores; cheaper than with the propensity.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        generator = self._rng if rng is None else rng
        mean, sd = self._score_laws(self._checked(context))
        chosen = np.argmax(mean + sd * generator.standard_normal(mean.shape), axis=1)
        if self._epsilon > 0.0:
            explore = generator.random(len(chosen)) < self._epsilon
            chosen = np.where(explore, generator.integers(self._n_actions, size=len(chosen)), chosen)
        return chosen

    def _score_laws(self, context: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of every action's sampled score ``(n, K)``."""
        return self.models.means(context), self._spread * np.sqrt(self.models.variances(context))

    def _probabilities(self, context: FloatArray) -> FloatArray:
        models, probabilities = self.models, np.empty((len(context), self._n_actions))
        bad = self._arithmetic.thompson_linear(
            context, models.main_theta, models.inverse, models.norm, self._spread, self._epsilon, probabilities
        )
        if bad >= 0:
            raise not_finite(context, bad)
        return probabilities
