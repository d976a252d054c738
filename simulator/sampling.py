"""Samplers that turn uniforms at fixed positions into normal, lognormal and Poisson draws by the inverse CDF.

One uniform in, one draw out: a draw depends on its own uniform and its own parameters, never on its neighbours or
on the order of work. The draws rise with the uniform, and the Poisson draw rises with its mean, so that two policies
on common random numbers differ by what they did alone.

How the Poisson quantile, the smallest k with P(N <= k) >= u, is found:

- mean below 8: the probabilities are summed from 0 upwards. What is not settled by k = 18 goes to the search, and so
  does u within 1e-6 of 1.
- mean of 8 and above: let x solve Q(x, mean) = u, with Q the regularised upper incomplete gamma function. As
  P(N <= k) = Q(k + 1, mean), the quantile is ceil(x) - 1. x is expanded in powers of mean**-1/2 around the normal
  quantile w (the idea of Giles 2016, "Algorithm 955", ACM TOMS 42:1). The coefficients follow from the
  Cornish-Fisher series of the gamma distribution, reverted. For ``|w| <= 3`` the error is below
  ``_expansion_error``; where an integer lies within that bound of x, the CDF itself decides. Rarer u go to the search.
- search: bracket and bisect on the CDF or, where u > 1/2, on the survival function against 1 - u, a difference
  that float64 holds exactly.

So each draw is exact, except that u may fall on the wrong side of a step of the CDF where both agree within rounding
(a relative difference of some 1e-15).
"""

import numpy as np
from scipy.special import ndtri, pdtr, pdtrc

from xbopt.core.arrays import BoolArray, FloatArray, IntArray

MAX_MEAN = 1e12
"""Largest Poisson mean.

Up to here x is rounded by less than 0.001. Near 1e15 float64 could no longer tell neighbouring counts apart.
"""

_SMALL_MEAN = 8.0
_FIRST_STEPS = 5  # settles most draws of means below 2; the others are gathered before more steps are made
_LAST_STEP = 18  # P(N > 18) is 7e-4 at a mean of 8
_NEAR_ONE = 1.0 - 1e-6  # above it a sum of probabilities is too coarse against 1 - u
_CENTRAL_W = 3.0
_BLOCK = 16_384  # elements worked on at once, so that the working arrays stay in the second-level cache
_EPS = float(np.finfo(np.float64).eps)


def normal_from_uniform(u: FloatArray) -> FloatArray:
    """Standard normal quantile of ``u``, same shape.

    Raises:
        ValueError: A value of ``u`` is outside the open interval (0, 1) or not a number.
    """
    _check_uniforms(u)
    return np.asarray(ndtri(u), dtype=np.float64)


def lognormal_from_normal(z: FloatArray, cv: FloatArray | float) -> FloatArray:
    """Multiplier with mean 1 and coefficient of variation ``cv``: exp(s z - s²/2) with s² = log(1 + cv²).

    Args:
        z: Standard normal draws, any shape.
        cv: Standard deviation over mean, 0 or more; broadcasts against ``z``.

    Raises:
        ValueError: ``cv`` is negative, infinite or not a number.
    """
    spread = np.asarray(cv, dtype=np.float64)
    if spread.size and not (spread.min() >= 0.0 and spread.max() < np.inf):
        raise ValueError("cv must be finite and not negative.")
    variance = np.log1p(spread * spread)
    return np.exp(np.sqrt(variance) * z - 0.5 * variance)


def poisson_from_uniform(u: FloatArray, mean: FloatArray | float, out: FloatArray | None = None) -> FloatArray:
    """Poisson quantile: the smallest k with P(N <= k) >= u, as whole numbers in float64.

    Args:
        u: Uniforms in the open interval (0, 1), any shape.
        mean: Poisson means, 0..``MAX_MEAN``; broadcasts to the shape of ``u``. A mean of 0 gives 0.
        out: Where to write; float64, C-contiguous and of the shape of ``u``. A new array if left out.

    Raises:
        ValueError: A mean is negative, above ``MAX_MEAN`` or not a number; a value of ``u`` is outside (0, 1); or
            ``mean`` or ``out`` does not fit ``u``.
    """
    _check_uniforms(u)
    means = np.broadcast_to(np.asarray(mean, dtype=np.float64), u.shape)
    # min and max pass a NaN on, and NaN fails both comparisons: two cheap passes check everything.
    if means.size and not (means.min() >= 0.0 and means.max() <= MAX_MEAN):
        raise ValueError(f"Poisson means must lie between 0 and {MAX_MEAN:g}.")
    if out is None:
        out = np.empty(u.shape)
    elif out.shape != u.shape or out.dtype != np.float64 or not out.flags.c_contiguous:
        raise ValueError(f"out must be C-contiguous float64 of shape {u.shape}.")
    flat_u, flat_mean, flat_out = u.reshape(-1), means.reshape(-1), out.reshape(-1)
    for start in range(0, flat_u.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        _fill(flat_u[part], flat_mean[part], flat_out[part])
    return out


def _check_uniforms(u: FloatArray) -> None:
    if u.size and not (u.min() > 0.0 and u.max() < 1.0):
        raise ValueError("Uniforms must lie in the open interval (0, 1).")


def _fill(u: FloatArray, mean: FloatArray, out: FloatArray) -> None:
    """Write the Poisson quantiles of ``u`` into ``out``; all three are ``(n,)``."""
    is_large = mean >= _SMALL_MEAN
    large = np.flatnonzero(is_large)
    if large.size == u.size:
        out[:] = _by_expansion(u, mean)
        return
    none = np.minimum(mean, _SMALL_MEAN)  # exp is slow where it underflows
    np.negative(none, out=none)
    np.exp(none, out=none)  # P(N = 0) where the mean is small
    some = np.flatnonzero((u > none) > is_large)  # for truth values, > means "and not"
    # Both results are worked out before anything is written, so ``out`` may be ``u`` or ``mean`` itself.
    counts = _by_summation(u[some], mean[some], none[some])
    large_counts = _by_expansion(u[large], mean[large])
    out.fill(0.0)
    out[some] = counts
    out[large] = large_counts


def _by_summation(u: FloatArray, mean: FloatArray, none: FloatArray) -> FloatArray:
    """Quantiles for means below ``_SMALL_MEAN`` where u > P(N = 0) = ``none``."""
    count, rest, term, total = _count_steps(u, mean, none, none.copy(), range(1, _FIRST_STEPS + 1))
    if rest.size:
        rest_u, rest_mean = u[rest], mean[rest]
        steps = range(_FIRST_STEPS + 1, _LAST_STEP + 1)
        more, last, _, _ = _count_steps(rest_u, rest_mean, term[rest], total[rest], steps)
        if last.size:
            more[last] = _by_search(rest_u[last], rest_mean[last], more[last])
        count[rest] = more
    extreme = np.flatnonzero(u > _NEAR_ONE)
    if extreme.size:
        count[extreme] = _by_search(u[extreme], mean[extreme], count[extreme])
    return count


def _count_steps(
    u: FloatArray, mean: FloatArray, term: FloatArray, total: FloatArray, steps: range
) -> tuple[FloatArray, IntArray, FloatArray, FloatArray]:
    """Add P(N = k) to ``total`` for each k of ``steps``, counting how often u is still above.

    Changes ``term``, which holds P(N = k), and ``total``, which holds P(N <= k), in place.

    Returns:
        The counts, at least ``steps.start``; the places that are not settled yet; ``term`` and ``total``.
    """
    # Counting in bytes is ten times cheaper than adding a mask to floats.
    count = np.full(u.shape, steps.start, dtype=np.uint8)
    above = np.empty(u.shape, dtype=np.bool_)
    for k in steps:
        np.multiply(term, mean, out=term)
        np.divide(term, k, out=term)
        np.add(total, term, out=total)
        np.greater(u, total, out=above)
        np.add(count, above.view(np.uint8), out=count)
    return count.astype(np.float64), np.flatnonzero(above), term, total


def _expansion(w: FloatArray, mean: FloatArray) -> FloatArray:
    """Solve Q(x, mean) = Phi(w) for x, as a series in mean**-1/2.

    x = mean + w mean**(1/2) + (w² + 2)/6 - (w³ + 2w)/72 mean**(-1/2) + (3w⁴ + 7w² - 16)/810 mean**-1
    + (-207w⁵ - 548w³ + 2684w)/155520 mean**(-3/2) + ...
    """
    root = np.sqrt(mean)
    v = w * w
    # Horner's rule from the last term, in place: fresh arrays would cost more than the arithmetic.
    x = v * -207.0
    x -= 548.0
    x *= v
    x += 2684.0
    x *= w
    x /= root
    x *= 1.0 / 155520.0
    part = v * 3.0
    part += 7.0
    part *= v
    part -= 16.0
    part *= 1.0 / 810.0
    x += part
    x /= root
    v += 2.0
    np.multiply(v, w, out=part)
    part *= -1.0 / 72.0
    x += part
    x /= root
    v *= 1.0 / 6.0
    x += v
    root *= w
    x += root
    x += mean
    return x


def _expansion_error(mean: FloatArray) -> FloatArray:
    """Bound on the error of ``_expansion`` for ``|w| <= 3`` and means of 8 and above.

    Measured against bisection of Q on a grid of w and mean, the error times mean² is at most 0.71, near mean 8, and
    falls to 0.44, the next coefficient of the series at w = 3. The second part covers the rounding of x.
    """
    bound = mean * mean
    np.divide(1.0, bound, out=bound)
    bound += (4.0 * _EPS) * mean
    return bound


def _by_expansion(u: FloatArray, mean: FloatArray) -> FloatArray:
    """Quantiles for means of ``_SMALL_MEAN`` and above."""
    w = np.asarray(ndtri(u), dtype=np.float64)
    x = _expansion(w, mean)
    nearest = np.rint(x)
    count = np.floor(x)  # ceil(x) - 1 unless x is whole, and then the CDF decides
    np.abs(w, out=w)
    rare = w > _CENTRAL_W
    x -= nearest
    np.abs(x, out=x)
    close = np.flatnonzero((x <= _expansion_error(mean)) > rare)  # for truth values, > means "and not"
    if close.size:
        k = nearest[close]
        count[close] = k - (pdtr(k - 1.0, mean[close]) >= u[close])
    far = np.flatnonzero(rare)
    if far.size:
        count[far] = _by_search(u[far], mean[far], np.maximum(count[far], 0.0))
    return count


def _reaches(k: FloatArray, u: FloatArray, mean: FloatArray) -> BoolArray:
    """Whether P(N <= k) >= u, told from the tail in which u lies."""
    upper = u > 0.5
    chance = np.empty(u.shape)
    pdtr(k, mean, out=chance, where=~upper)
    pdtrc(k, mean, out=chance, where=upper)
    return np.where(upper, chance <= 1.0 - u, chance >= u)


def _by_search(u: FloatArray, mean: FloatArray, guess: FloatArray) -> FloatArray:
    """Quantiles by bracketing and bisection of the CDF, starting at ``guess``, which is 0 or more."""
    low, high = np.full(u.shape, -1.0), guess.copy()  # P(N <= low) < u always; P(N <= high) >= u after the first loop
    step = 1.0
    while (short := ~_reaches(high, u, mean)).any():
        low[short] = high[short]
        high[short] += step
        step *= 2.0
    step = 1.0
    while True:
        probe = np.maximum(high - step, low)
        enough = (probe > low) & _reaches(np.maximum(probe, 0.0), u, mean)
        low = np.where(enough, low, probe)
        if not enough.any():
            break
        high[enough] = probe[enough]
        step *= 2.0
    while (high - low > 1.0).any():
        middle = np.maximum(np.floor(0.5 * (low + high)), 0.0)
        enough = _reaches(middle, u, mean)
        # A bracket that is closed already has middle = low, or middle = high = 0; neither line moves it.
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle)
    return high
