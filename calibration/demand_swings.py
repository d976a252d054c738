"""Swings of demand that a regression leaves, and how far prices or deals that follow them unseen may mislead it.

What moves is the sum of its own causes and ``g`` times demand. Where a share ``f`` of its (co)variance ``Q`` follows
demand, whose own is ``C``, ``g^2 C = f Q``, and the response is off by ``g C / Q = sqrt(f C / Q)``. The share is an
assumption; the error counts as one of mean 0 (plausible exogeneity: Conley, Hansen, Rossi 2012).
"""

import numpy as np

from xbopt.calibration.absorbed_effects import OwnSlopes
from xbopt.calibration.count_regression import CountFit
from xbopt.core.arrays import FloatArray, IntArray

FOLLOWS_CHANCE = 0.02
"""Chance below which prices or deals and the sales of other weeks go together too well: they follow demand."""
FOLLOWING_SHARE = 0.1
"""Share of the moves of prices or deals that may follow demand unseen."""


def following_error(demand: float, moved: float) -> float:
    """Standard error of a response, by (co)variances of demand and of what moves it; infinite where nothing does."""
    if demand <= 0.0:
        return 0.0
    return float(np.sqrt(FOLLOWING_SHARE * demand / moved)) if moved > 0.0 else float("inf")


def swing_variance(fit: CountFit, own: OwnSlopes, week: IntArray) -> float:
    """Relative variance of the demand of a week beyond that of Poisson counts; 0 at least.

    Args:
        fit: A fit of counts.
        own: The effects of series in it.
        week: Number of the week ``(N,)``, the other effects.
    """
    rows = len(fit.counts)
    free = rows - len(fit.coefficients) - int(own.counts.sum()) - len(np.unique(week))
    squares = float(((fit.counts - fit.fitted) ** 2).sum()) * rows / max(free, 1)
    return max(squares - float(fit.fitted.sum()), 0.0) / float((fit.fitted**2).sum())


def swing_covariance(fit: CountFit, own: OwnSlopes, week: IntArray) -> tuple[float, IntArray, FloatArray]:
    """Relative covariance of demand in neighbouring weeks, the rows of these ``(2, M)``, and their weights ``(M,)``.

    Args:
        fit: A fit of counts; rows sorted by series, weeks in order.
        own: The effects of series in it.
        week: Number of the week ``(N,)``.
    """
    series = own.group
    first = np.flatnonzero((np.diff(series) == 0) & (np.diff(week) == 1))
    pair, residual = np.stack([first, first + 1]), fit.counts - fit.fitted
    weight = fit.fitted[pair].prod(axis=0)
    share = np.minimum(own.counts / np.bincount(series), 0.5)[series[first]]
    # Least squares leave residuals that sum to 0 over what was taken out: neighbours covary by -share / (1 - share).
    chance = share / (1.0 - share) * (residual[pair] ** 2).mean(axis=0)
    covariance = float((residual[pair].prod(axis=0) + chance).sum()) / max(float(weight.sum()), 1e-300)
    return covariance, pair, weight
