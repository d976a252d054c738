"""How heavy the tail of the importance weights is: the shape of a generalized Pareto distribution."""

import numpy as np

from xbopt.core.arrays import FloatArray

LARGEST_TAIL = 32_768  # weights that are kept at most; enough for 3 * sqrt(n) up to 10**8 rows
_FEWEST = 5


def tail_size(rows: int) -> int:
    """Rows in the tail: min(n / 5, 3 sqrt(n)) (Vehtari et al. 2024, "Pareto smoothed importance sampling")."""
    return min(int(np.ceil(min(0.2 * rows, 3.0 * np.sqrt(rows)))), LARGEST_TAIL - 1)


def pareto_shape(largest: FloatArray, rows: int) -> float:
    """Shape k of the tail of the weights; above 0.7 their mean is not to be relied on.

    Zhang and Stephens 2009 ("A new and efficient estimation method for the generalized Pareto distribution"), with the
    weak prior of Vehtari et al. 2024.

    Args:
        largest: The largest weights, at least ``tail_size(rows) + 1`` of them where there are so many, any order.
        rows: Number of weights altogether ``n``.

    Returns:
        k; 0 where there is no tail, because the largest weights are all the same; infinity where fewer than five rows
        stand above all others, so that no tail can be fitted.
    """
    ordered = np.sort(largest)
    tail = tail_size(rows)
    if len(ordered) <= tail:
        tail = len(ordered) - 1
    if tail < 1:
        return 0.0
    cutoff = float(ordered[-tail - 1])
    excess = ordered[ordered > cutoff * (1.0 + 1e-12)] - cutoff
    if not excess.size:
        return 0.0
    if excess.size < _FEWEST:
        return 0.0 if float(excess[-1]) <= cutoff else float("inf")
    return _zhang_stephens(excess)


def _zhang_stephens(excess: FloatArray) -> float:
    """Posterior mean of k from sorted positive excesses ``(m,)``."""
    count = len(excess)
    candidates = 30 + int(np.sqrt(count))
    quartile = float(excess[int(count / 4 + 0.5) - 1])
    steps = np.arange(1, candidates + 1)
    theta = 1.0 / excess[-1] + (1.0 - np.sqrt(candidates / (steps - 0.5))) / (3.0 * quartile)
    theta[theta == 0.0] = np.finfo(np.float64).tiny  # the exponential distribution, as a limit
    shape = np.log1p(-theta[:, None] * excess).mean(axis=1)
    likelihood = count * (np.log(-theta / shape) - shape - 1.0)
    weights = np.exp(likelihood - likelihood.max())
    best = float((theta * weights).sum() / weights.sum())
    k = float(np.log1p(-best * excess).mean())
    return (k * count + 0.5 * 10.0) / (count + 10.0)
