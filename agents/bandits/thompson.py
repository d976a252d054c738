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

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from xbopt.agents.bandits.bandit import checked_share, checked_size, not_finite, setting
from xbopt.agents.bandits.compiled_thompson import thompson_linear
from xbopt.agents.bandits.linear import LinearBandit
from xbopt.core.arrays import FloatArray, IntArray


@dataclass(kw_only=True, eq=False)
class LinThompson(LinearBandit):
    """Thompson sampling over linear models: an action is chosen as often as it is likely to be the best.

    Attributes:
        spread: ``v``: standard deviation of a sampled score, in units of ``sqrt(x'A^-1 x)``; the reward's noise.
        epsilon: Share of uniform exploration on top; it gives every action a floor.
    """

    spread: float = setting(1.0, checked_size)
    epsilon: float = setting(0.0, checked_share)

    @property
    def probability_floor(self) -> float:
        """``epsilon / K``."""
        return self.epsilon / self.n_actions

    def act(self, context: ArrayLike, rng: np.random.Generator | None = None) -> IntArray:
        """Draw an action for each row ``(n,)`` by sampling scores; cheaper than with the propensity.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        generator = self._rng if rng is None else rng
        rows = self._checked(context)
        mean, sd = self.models.means(rows), self.spread * np.sqrt(self.models.variances(rows))
        chosen = np.argmax(mean + sd * generator.standard_normal(mean.shape), axis=1)
        if self.epsilon > 0.0:
            explore = generator.random(len(chosen)) < self.epsilon
            chosen = np.where(explore, generator.integers(self.n_actions, size=len(chosen)), chosen)
        return chosen

    def _probabilities(self, context: FloatArray) -> FloatArray:
        models, probabilities = self.models, np.empty((len(context), self.n_actions))
        bad = thompson_linear(
            context, models.main_theta, models.inverse, models.norm, self.spread, self.epsilon, probabilities
        )
        if bad >= 0:
            raise not_finite(context, bad)
        return probabilities
