"""Intervals that hold at every sample size, for scores between bounds that are known beforehand.

The bounds are stated by the caller and never read off the scores: a range read off the sample understates itself just
when a large score was not drawn. For importance weighting the bound is the reward's range over the least propensity.
"""

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.ope.data.array_checks import finite_array

_BET_LIMIT = 0.75  # share of the capital that one round may cost
_BISECTIONS = 50


def hoeffding(scores: ArrayLike, *, low: float, high: float, confidence: float) -> tuple[float, float]:
    """Mean plus and minus ``(high - low) sqrt(log(2 / alpha) / (2 n))`` (Hoeffding 1963, theorem 2).

    Raises:
        UsageError: A score lies outside the stated bounds, or there is none.
    """
    unit = _unit_scores(scores, low, high)
    half = float(np.sqrt(np.log(2.0 / (1.0 - confidence)) / (2.0 * len(unit))))
    return _back(float(unit.mean()) - half, float(unit.mean()) + half, low, high)


def empirical_bernstein(scores: ArrayLike, *, low: float, high: float, confidence: float) -> tuple[float, float]:
    """Interval from the sample variance V and the stated range (Maurer, Pontil 2009, theorem 4, at both ends).

    In units of the range: ``mean -/+ (sqrt(2 V log(4 / alpha) / n) + 7 log(4 / alpha) / (3 (n - 1)))``.

    Raises:
        UsageError: A score lies outside the stated bounds, or there are fewer than two.
    """
    unit = _unit_scores(scores, low, high)
    count = len(unit)
    if count < 2:
        raise UsageError("An empirical Bernstein interval needs two scores or more.")
    log = float(np.log(4.0 / (1.0 - confidence)))
    half = float(np.sqrt(2.0 * unit.var(ddof=1) * log / count)) + 7.0 * log / (3.0 * (count - 1))
    return _back(float(unit.mean()) - half, float(unit.mean()) + half, low, high)


def betting(scores: ArrayLike, *, low: float, high: float, confidence: float) -> tuple[float, float]:
    """Hedged betting interval (Waudby-Smith, Ramdas 2024, "Estimating means of bounded random variables by betting").

    A mean m stays in the interval while the two capitals of theorem 3, ``prod (1 +/- lambda_t (x_t - m)) / 2``, stay
    below ``1 / alpha``; the bets are their predictable plug-in for a fixed number of scores. Far narrower
    than Hoeffding where the variance is small. The scores have to be in an order that does not depend on their values.

    Raises:
        UsageError: A score lies outside the stated bounds, or there is none.
    """
    unit = _unit_scores(scores, low, high)
    limit = float(np.log(2.0 / (1.0 - confidence)))
    bets = _bets(unit, limit)
    return _back(_lower_end(unit, bets, limit), 1.0 - _lower_end(1.0 - unit, bets, limit), low, high)


def _unit_scores(scores: ArrayLike, low: float, high: float) -> FloatArray:
    array = finite_array("scores", scores, axes=("n",), lengths=(None,))
    if not len(array):
        raise UsageError("There is no score.")
    if not low < high:
        raise UsageError(f"The bounds are {low} and {high}; a lower and a higher number are wanted.")
    if array.min() < low or array.max() > high:
        raise UsageError(
            f"Scores run from {array.min():.6g} to {array.max():.6g}, outside the stated bounds {low:g} to {high:g}."
        )
    return (array - low) / (high - low)


def _back(left: float, right: float, low: float, high: float) -> tuple[float, float]:
    return low + (high - low) * max(left, 0.0), low + (high - low) * min(right, 1.0)


def _bets(unit: FloatArray, limit: float) -> FloatArray:
    """lambda_t = sqrt(2 log(2 / alpha) / (n sigma^2_{t-1})), from scores before t alone."""
    count = len(unit)
    numbers = np.arange(1, count + 1)
    means = (0.5 + np.cumsum(unit)) / (numbers + 1)
    variances = (0.25 + np.cumsum((unit - means) ** 2)) / (numbers + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    return np.sqrt(2.0 * limit / (count * before))


def _lower_end(unit: FloatArray, bets: FloatArray, limit: float) -> float:
    """The least mean that the capital betting on larger means does not rule out; the capital falls with the mean."""
    left, right = 0.0, float(unit.mean())
    for _ in range(_BISECTIONS):
        middle = (left + right) / 2.0
        stakes = np.minimum(bets, _BET_LIMIT / middle) if middle > 0.0 else bets
        if float(np.log1p(stakes * (unit - middle)).sum()) >= limit:
            left = middle
        else:
            right = middle
    return left
