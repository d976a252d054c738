"""The mode of a posterior by Levenberg-Marquardt, with finite differences from one batch of markets.

Everything that an iteration needs is played at once: the damped step that is tried, the same with each parameter moved
a little, and other dampings. Where the first damping holds, its differences are there already.

Residuals bend where a parameter matters on one side only, as a half-life does that is hardly a day. Squares of
derivatives do not hold that, and steps by them alone go to and fro around the mode. So what they leave out is learnt
from how the derivatives change from step to step (Dennis, Gay and Welsch, ACM Transactions on Mathematical Software 7,
1981).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.core.arrays import FloatArray

Residuals = Callable[[FloatArray], FloatArray]
"""From standardised vectors ``(B, P)`` to whitened residuals ``(B, N)``."""

DIFFERENCE = 1e-3
"""Step of the finite differences, in prior standard deviations; the expected mode has no noise that would need more."""
_TRIALS = (0.1, 10.0, 100.0, 1000.0)
_LONGEST_STEP = 2.0
_DECREMENT = 5e-3
_DAMPING = 1e-3
_SMALLEST, _LARGEST = 1e-9, 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """A mode of ``(|r(z)|^2 + |z|^2) / 2``.

    Attributes:
        z: Where it is ``(P,)``.
        residuals: There ``(N,)``.
        jacobian: Derivatives of the residuals ``(N, P)``.
        decrement: Newton decrement: what a further full step would gain, about, curvature by both.
        iterations: Batches of markets that were played.
        converged: Whether the decrement came below 0.005, where the mode is known to a tenth of a standard deviation.
    """

    z: FloatArray = field(repr=False)
    residuals: FloatArray = field(repr=False)
    jacobian: FloatArray = field(repr=False)
    decrement: float
    iterations: int
    converged: bool

    @property
    def precision(self) -> FloatArray:
        """Gauss-Newton precision of the posterior in standardised coordinates ``(P, P)``."""
        return self.jacobian.T @ self.jacobian + np.eye(len(self.z))

    @property
    def gradient(self) -> FloatArray:
        """Derivatives of the objective ``(P,)``; 0 at a mode."""
        return self.jacobian.T @ self.residuals + self.z

    @property
    def freedom(self) -> FloatArray:
        """What the mode leaves of each residual's variance ``(N,)``: its share of the degrees of freedom."""
        return 1.0 - np.einsum("np,pq,nq->n", self.jacobian, np.linalg.inv(self.precision), self.jacobian)

    def left_out(self, rows: list[int]) -> FloatArray:
        """Residuals ``(K,)`` of rows that the mode had not seen, in standard deviations of their prediction.

        What a mode took in it hides: with leverages ``H = J_k (J'J + I)^-1 J_k'`` of the rows, their errors against a
        prediction by all others are ``(I - H)^-1 r_k``, of that covariance (Cook and Weisberg 1982, to first order).
        """
        own = self.jacobian[rows]
        predicted = np.linalg.inv(np.eye(len(rows)) - own @ np.linalg.inv(self.precision) @ own.T)
        return np.asarray((predicted @ self.residuals[rows]) / np.sqrt(np.diag(predicted)), dtype=np.float64)

    @property
    def objective(self) -> float:
        """Half the squares of residuals and of standardised coordinates."""
        return 0.5 * float(self.residuals @ self.residuals + self.z @ self.z)


def find_mode(residuals: Residuals, start: FloatArray, *, rough_frac: float = 0.0, most: int = 30) -> Optimum:
    """Find the mode from a start ``(P,)``.

    Args:
        residuals: Plays markets; every call costs about the same for few vectors and for many.
        start: Where to begin.
        rough_frac: Also end where a step gains less than this share of the objective: near enough to read noise off.
        most: Batches that are played at most.
    """
    moves = DIFFERENCE * np.eye(len(start))
    damping, bend = _DAMPING, np.zeros_like(moves)
    best = residuals(np.concatenate([start[None], start + moves]))
    at = _reached(start, best[0], best[1:])
    for iteration in range(1, most + 1):
        curvature = _curvature(at, bend)
        decrement = 0.5 * float(at.gradient @ np.linalg.solve(curvature, at.gradient))
        if decrement < max(_DECREMENT, rough_frac * at.objective):
            return replace(at, decrement=decrement, iterations=iteration, converged=True)
        dampings = [damping, *(factor * damping for factor in _TRIALS)]
        points = np.stack([at.z - _clipped(_damped(at, curvature, one)) for one in dampings])
        played = residuals(np.concatenate([points[:1] + moves, points]))
        trials = played[len(start) :]
        objectives = 0.5 * ((trials**2).sum(axis=1) + (points**2).sum(axis=1))
        objectives = np.where(np.isfinite(objectives), objectives, np.inf)
        chosen = int(np.argmin(objectives))
        now = at.objective
        if objectives[chosen] >= now:
            if damping * _TRIALS[-1] > _LARGEST or now - objectives[chosen] > -1e-9 * max(now, 1.0):
                break
            damping *= _TRIALS[-1]
            continue
        if now - objectives[0] >= 0.9 * (now - objectives[chosen]):
            chosen, around = 0, played[: len(start)]
        else:
            around = residuals(points[chosen] + moves)
        after = _reached(points[chosen], trials[chosen], around)
        bend = _bent(bend, at, after)
        at, damping = after, max(dampings[chosen] / 10.0, _SMALLEST)
    decrement = 0.5 * float(at.gradient @ np.linalg.solve(_curvature(at, bend), at.gradient))
    return replace(at, decrement=decrement, iterations=most, converged=decrement < _DECREMENT)


def _reached(z: FloatArray, residuals: FloatArray, around: FloatArray) -> Optimum:
    """A point on the way, from the residuals there and those with each parameter moved a little ``(P, N)``."""
    return Optimum(
        z=z,
        residuals=residuals,
        jacobian=(around - residuals).T / DIFFERENCE,
        decrement=np.inf,
        iterations=0,
        converged=False,
    )


def _curvature(at: Optimum, bend: FloatArray) -> FloatArray:
    """Second derivatives of the objective ``(P, P)``: by squares and by what bends, nowhere less than the prior's."""
    values, vectors = np.linalg.eigh(at.precision + bend)
    return np.asarray((vectors * np.maximum(values, 1.0)) @ vectors.T, dtype=np.float64)


def _bent(bend: FloatArray, before: Optimum, after: Optimum) -> FloatArray:
    """What the squares of derivatives leave out ``(P, P)``, anew by a step: structured, sized, of least change."""
    step, change = after.z - before.z, after.gradient - before.gradient
    along = float(change @ step)
    if along <= 0.0:
        return bend
    wanted = (after.jacobian - before.jacobian).T @ after.residuals
    had = abs(float(step @ bend @ step))
    bend = bend * (min(1.0, abs(float(step @ wanted)) / had) if had > 0.0 else 1.0)
    missing = wanted - bend @ step
    both = np.outer(missing, change) / along
    return bend + both + both.T - float(step @ missing) * np.outer(change, change) / along**2


def _damped(at: Optimum, curvature: FloatArray, damping: float) -> FloatArray:
    shifted = curvature + damping * np.diag(np.diag(at.precision))
    return np.asarray(np.linalg.solve(shifted, at.gradient), dtype=np.float64)


def _clipped(step: FloatArray) -> FloatArray:
    """A step of at most two prior standard deviations along any coordinate: logs further off are not trusted yet."""
    longest = float(np.abs(step).max(initial=0.0))
    return step if longest <= _LONGEST_STEP else step * (_LONGEST_STEP / longest)
