"""Studentised bootstrap by blocks of sums, on the logit scale where the value lies between known bounds.

Blocks are drawn with replacement, and every replicate has its own standard error (Efron, Tibshirani 1993, "An
Introduction to the Bootstrap", section 12.5; Hall 1992, "The Bootstrap and Edgeworth Expansion", section 3.5). The
replicates of all estimators share one matrix of counts, so a thousand of them are one matrix product.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator
from xbopt.ope.estimators.ratios import ProjectedFormula

_DRAWS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Replicates:
    """A bootstrap of one estimator.

    Attributes:
        values: Value in each replicate ``(m,)``.
        standard_errors: Standard error in each replicate ``(m,)``.
    """

    values: FloatArray
    standard_errors: FloatArray


def draw_counts(blocks: int, *, replicates: int, seed: int) -> FloatArray:
    """How often each block is drawn in each replicate ``(m, b)``; every row sums to b."""
    random = named_generator(seed, "ope bootstrap")
    counts = np.empty((replicates, blocks))
    step = max(1, _DRAWS_AT_ONCE // blocks)
    for first in range(0, replicates, step):
        rows = min(step, replicates - first)
        drawn = random.integers(0, blocks, size=(rows, blocks), dtype=np.int32)
        drawn += (np.arange(rows, dtype=np.int32) * blocks)[:, None]
        counts[first : first + rows] = np.bincount(drawn.ravel(), minlength=rows * blocks).reshape(rows, blocks)
    return counts


def bootstrap(formulas: list[ProjectedFormula], counts: FloatArray) -> list[Replicates]:
    """Replicates of every estimator, from the same draws of blocks."""
    pieces: list[FloatArray] = []
    for formula in formulas:
        lines = np.concatenate([formula.tops, formula.bottoms])
        left, right = np.triu_indices(len(lines))
        pieces.append(np.concatenate([lines, lines[left] * lines[right]]))
    sums: FloatArray = counts @ np.concatenate(pieces).T
    found: list[Replicates] = []
    start = 0
    for formula, piece in zip(formulas, pieces, strict=True):
        found.append(_replicate(sums[:, start : start + len(piece)], len(formula.tops), counts.shape[1]))
        start += len(piece)
    return found


def _replicate(sums: FloatArray, ratios: int, blocks: int) -> Replicates:
    """Values and standard errors from resampled sums ``(m, lines + products)``."""
    lines = 2 * ratios
    tops, bottoms = sums[:, :ratios], sums[:, ratios:lines]
    with np.errstate(divide="ignore", invalid="ignore"):
        each = tops / bottoms
        # phi_b = sum of lines_b times these factors, so its second moment is a quadratic form of the products.
        factors = np.concatenate([1.0 / bottoms, -each / bottoms], axis=1)
        left, right = np.triu_indices(lines)
        twice = np.where(left == right, 1.0, 2.0)
        squares = (factors[:, left] * factors[:, right] * twice * sums[:, lines:]).sum(axis=1)
    return Replicates(each.sum(axis=1), np.sqrt(blocks / (blocks - 1) * np.maximum(squares, 0.0)))


def bootstrap_t(
    value: float,
    standard_error: float,
    replicates: Replicates,
    *,
    confidence: float,
    bounds: tuple[float, float] | None,
) -> tuple[float, float]:
    """Bootstrap-t interval, equal-tailed; an end is NaN where too many replicates lie at a bound to tell it.

    A replicate at a bound (no event in it) has no standard error, but its statistic is beyond all others.

    Args:
        value: The estimate.
        standard_error: Its standard error, above 0.
        replicates: The bootstrap of it.
        confidence: Such as 0.95.
        bounds: Bounds of the value, for the logit scale; None for the plain scale.
    """
    tail = (1.0 - confidence) / 2.0
    levels = [1.0 - tail, tail]
    with np.errstate(divide="ignore", invalid="ignore"):
        if bounds is None or not bounds[0] < value < bounds[1]:
            high_t, low_t = _quantiles((replicates.values - value) / replicates.standard_errors, levels)
            return float(value - high_t * standard_error), float(value - low_t * standard_error)
        low, high = bounds
        inside = np.clip(replicates.values, low, high)
        here = np.log((value - low) / (high - value))
        there = np.log((inside - low) / (high - inside))
        slopes = (high - low) / ((inside - low) * (high - inside))
        statistics = (there - here) / (replicates.standard_errors * slopes)
        statistics = np.where(inside <= low, -np.inf, np.where(inside >= high, np.inf, statistics))
        high_t, low_t = _quantiles(statistics, levels)
        slope = (high - low) / ((value - low) * (high - value))
        ends = here - np.array([high_t, low_t]) * standard_error * slope
        shares = 1.0 / (1.0 + np.exp(-np.clip(ends, -700.0, 700.0)))
    # Where the quantile itself is such a replicate, the bootstrap does not tell that end.
    first = float(low + (high - low) * shares[0]) if np.isfinite(high_t) else float("nan")
    last = float(low + (high - low) * shares[1]) if np.isfinite(low_t) else float("nan")
    return first, last


def _quantiles(statistics: FloatArray, levels: list[float]) -> NDArray[np.float64]:
    """Quantiles of the statistics, of infinite ones too; a replicate without any meaning is left out."""
    known = np.sort(statistics[~np.isnan(statistics)])
    if not known.size:
        return np.full(len(levels), np.nan)
    return known[np.rint(np.array(levels) * (len(known) - 1)).astype(np.intp)]
