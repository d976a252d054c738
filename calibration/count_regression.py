"""Log-linear regression of counts with effects of groups absorbed, and clustered covariances.

Zero counts stay in: dropping them, as a regression of logs does, pulls elasticities of slow products towards zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from xbopt.calibration.absorbed_effects import Effects, RegressionError, absorb
from xbopt.core.arrays import FloatArray, IntArray

_MOST_ROUNDS = 60
_LARGEST_LOG = 60.0
_LARGEST_CONDITION = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFit:
    """A fitted regression of counts.

    Attributes:
        coefficients: ``(K,)``.
        counts: What was fitted ``(N,)``.
        fitted: Expected counts ``(N,)``.
        bread: Inverse information ``(K, K)``.
        scores: Each row's share in the estimating equations ``(N, K)``; they sum to 0.
        regressors: The regressors with the effects of groups taken out ``(N, K)``.
        instruments: What the estimating equations multiply by ``(N, K)``; the regressors where there are none.
        weights: Weights of the last round ``(N,)``.
    """

    coefficients: FloatArray
    counts: FloatArray = field(repr=False)
    fitted: FloatArray = field(repr=False)
    bread: FloatArray
    scores: FloatArray = field(repr=False)
    regressors: FloatArray = field(repr=False)
    instruments: FloatArray = field(repr=False)
    weights: FloatArray = field(repr=False)


def fit_counts(
    counts: FloatArray,
    regressors: FloatArray,
    groups: Sequence[Effects],
    *,
    exposure: FloatArray | None = None,
    instruments: FloatArray | None = None,
) -> CountFit:
    """Fit ``E[y] = exposure exp(x'b + effects of groups)``.

    Without instruments by Poisson pseudo-maximum likelihood, which needs no Poisson counts, only the right mean (Santos
    Silva, Tenreyro 2006), by iterated weighted least squares with groups absorbed (Correia, Guimaraes, Zylkin 2020).
    With instruments by the moments ``z (y / E[y] - 1) = 0``, which hold where the shock that moves the price multiplies
    demand (Mullahy 1997): two-stage least squares in each round, all rows weighing alike.

    Args:
        counts: ``(N,)``, 0 or more; no group may hold zeros only.
        regressors: ``(N, K)``.
        groups: Effects that are absorbed, one entry for each kind of group.
        exposure: Multiplier known beforehand ``(N,)``, such as days on sale; above 0.
        instruments: ``(N, Z)``, at least as many as regressors.

    Raises:
        RegressionError: It does not converge, or the regressors say the same thing twice.
    """
    offset = np.zeros(len(counts)) if exposure is None else np.log(exposure)
    eta = np.log(counts + 0.5 * max(float(counts.mean()), 1e-12)) - offset
    coefficients = np.zeros(regressors.shape[1])
    iv = None if instruments is None else absorb(instruments, groups, np.ones(len(counts)))
    x, before = regressors, np.inf
    for _ in range(_MOST_ROUNDS):
        fitted = np.exp(np.clip(eta + offset, -_LARGEST_LOG, _LARGEST_LOG))
        weights = fitted if iv is None else np.ones(len(counts))
        working = eta + (counts - fitted) / fitted
        # Effects that the last round took out change nothing, and most of the turns are saved.
        within = absorb(np.column_stack([working, x]), groups, weights)
        left, x = within[:, 0], within[:, 1:]
        z = x if iv is None else _projected(x, iv)
        solved = _solve(z.T @ (weights[:, None] * x), z.T @ (weights * left))
        # What the regressors and the groups leave of the working response is not fitted.
        eta = working - (left - x @ solved)
        change = float(np.max(np.abs(solved - coefficients), initial=0.0))
        coefficients = solved
        misfit = _misfit(counts, eta + offset)
        if change < 1e-7 and abs(before - misfit) <= 1e-8 * (1.0 + abs(misfit)):
            break
        before = misfit
    else:
        raise RegressionError("The regression of counts does not converge.")
    fitted = np.exp(np.clip(eta + offset, -_LARGEST_LOG, _LARGEST_LOG))
    residual = counts - fitted if iv is None else counts / fitted - 1.0
    bread = np.asarray(np.linalg.inv(z.T @ (weights[:, None] * x)), dtype=np.float64)
    return CountFit(
        coefficients=coefficients,
        counts=counts,
        fitted=fitted,
        bread=bread,
        scores=z * residual[:, None],
        regressors=x,
        instruments=z,
        weights=weights,
    )


def clustered_covariance(fit: CountFit, clusters: IntArray) -> tuple[FloatArray, int]:
    """Covariance of the coefficients that holds whatever goes on inside a cluster, and the number of clusters.

    The cluster jackknife, CV3 (MacKinnon, Nielsen, Webb 2023, equation 10): unlike the plain sandwich it is not too
    small where few clusters hold most of the movement. Where one cluster alone tells a coefficient it is infinite.
    """
    names, place = np.unique(clusters, return_inverse=True)
    count, wide = len(names), fit.scores.shape[1]
    if count < 2:
        return np.full((wide, wide), np.inf), count
    sums = np.column_stack([np.bincount(place, fit.scores[:, k], count) for k in range(wide)])
    weighted = fit.weights[:, None] * fit.regressors
    parts = np.stack(
        [[np.bincount(place, fit.instruments[:, j] * weighted[:, k], count) for k in range(wide)] for j in range(wide)]
    ).transpose(2, 0, 1)
    without = np.linalg.inv(fit.bread)[None] - parts
    if bool((np.linalg.cond(without) > _LARGEST_CONDITION).any()):
        return np.full((wide, wide), np.inf), count
    moved = np.linalg.solve(without, sums[..., None])[..., 0]
    return (count - 1) / count * (moved.T @ moved), count


def chance_of_zero(fit: CountFit, chosen: slice, clusters: IntArray) -> float:
    """Chance of such coefficients if all of them are 0 (Wald's F); 1 where one cluster alone tells them."""
    covariance, count = clustered_covariance(fit, clusters)
    values, spread = fit.coefficients[chosen], covariance[chosen, chosen]
    if not np.isfinite(spread).all():
        return 1.0
    wald = float(values @ np.linalg.solve(spread, values)) / len(values)
    return float(stats.f.sf(wald, len(values), max(count - 1, 1)))


def _misfit(counts: FloatArray, log_mean: FloatArray) -> float:
    """The Poisson deviance, less what does not depend on the fit."""
    bounded = np.clip(log_mean, -_LARGEST_LOG, _LARGEST_LOG)
    return float(2.0 * (np.exp(bounded).sum() - counts @ bounded))


def _projected(x: FloatArray, instruments: FloatArray) -> FloatArray:
    """The regressors as the instruments predict them: the first stage."""
    return instruments @ np.linalg.lstsq(instruments, x, rcond=None)[0]


def _solve(matrix: FloatArray, right: FloatArray) -> FloatArray:
    size = np.sqrt(np.maximum(np.abs(np.diag(matrix)), 1e-300))
    scaled = matrix / np.outer(size, size)
    if np.linalg.cond(scaled) > 1e10:
        raise RegressionError("Two regressors, or a regressor and the effects of groups, say the same thing.")
    return np.linalg.solve(scaled, right / size) / size
