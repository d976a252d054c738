"""Intervals for means and ratios whose sampling distribution is skewed: rare rewards, heavy weights.

The distribution of the estimate is matched in mean, variance and skewness by a shifted gamma distribution. With the
influence phi_b of block b, variance V = sum phi_b^2 and m = sum phi_b^3 / sum phi_b^2 (the size of a typical large
contribution), the estimate minus ``value - y``, where ``y = 2 V / m``, is close to a gamma variable with mean y and
variance V. The interval is the one of Fay and Feuer 1997 ("Confidence intervals for directly standardized rates: a
method based on the gamma distribution") for such a variable, with m in place of their largest
weight: the far end allows for one more contribution of size m that happened not to be logged. Each end is the wider one
of this interval and the plain delta-method interval, since the sign of the skewness is uncertain when few rows carry
the weight.
"""

from statistics import NormalDist

from xbopt.core.arrays import FloatArray
from xbopt.ope.estimators.ratios import ProjectedFormula
from xbopt.ope.results.estimates import Estimate

_ALMOST_SYMMETRIC = 1e-4  # skewness of the estimate below which gamma and normal interval differ by nothing to speak of


def skewed_interval(value: float, influence: FloatArray, *, confidence: float) -> tuple[float, float]:
    """Equal-tailed interval, robust to skewness; without bounds where there is one block only.

    Args:
        value: The estimate.
        influence: Influence of each independent block ``(b,)``, summing to 0.
        confidence: Such as 0.95.
    """
    from scipy.special import gammaincinv, stdtrit

    blocks = len(influence)
    second = float(influence @ influence)
    if blocks < 2 or not second < float("inf"):
        return float("-inf"), float("inf")  # one block says nothing about spread
    if second == 0.0:
        return value, value
    variance = second * blocks / (blocks - 1)
    error = variance**0.5
    tail = (1.0 - confidence) / 2.0
    normal = -NormalDist().inv_cdf(tail)
    # With few blocks the spread itself is uncertain: Student's quantile instead of the normal one, on both parts.
    student = float(stdtrit(blocks - 1, 1.0 - tail))
    low, high = value - student * error, value + student * error
    reach = float((influence * influence) @ influence) / second
    if abs(reach) > _ALMOST_SYMMETRIC * error:
        size = abs(reach)
        y = 2.0 * variance / size
        near = y - variance / y * float(gammaincinv(y * y / variance, tail))
        total, spread = y + size, variance + size * size
        far = spread / total * float(gammaincinv(total * total / spread, 1.0 - tail)) - y
        below, above = (near, far) if reach > 0.0 else (far, near)
        low = min(low, value - below * student / normal)
        high = max(high, value + above * student / normal)
    return low, high


def with_interval(formula: ProjectedFormula, *, confidence: float) -> Estimate:
    """The estimate of a formula with its interval."""
    value = formula.value()
    low, high = skewed_interval(value, formula.leave_one_out(), confidence=confidence)
    return Estimate(value=value, se=formula.standard_error(), low=low, high=high)
