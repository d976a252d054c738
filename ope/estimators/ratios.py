"""Estimators as sums of ratios of column totals, with their influence by block.

Every estimator of a mean here is ``sum_t (a_t' S) / S[d_t]``, where ``S`` holds totals of per-row columns: IPS divides
by the number of rows, SNIPS by the total weight, SNDR does both. Value, standard error and bootstrap come from the same
block sums ``S_b``. The influence of block b is the derivative of the ratio (delta method), and sums to 0 over blocks:

    phi_b = sum_t (a_t' S_b - ratio_t S_b[d_t]) / S[d_t]
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.ope.data.blocks import sums_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One ratio: a weighted sum of columns over a column.

    Attributes:
        numerator: Weight of each column by name.
        denominator: Name of the column below.
    """

    numerator: Mapping[str, float]
    denominator: str


Formula = tuple[Ratio, ...]


def mean_of(**numerator: float) -> Ratio:
    """Mean over rows of a weighted sum of columns."""
    return Ratio(numerator=numerator, denominator="one")


@dataclass(frozen=True, slots=True)
class ProjectedFormula:
    """A formula applied to block sums.

    Attributes:
        tops: Numerator of each ratio by block ``(t, b)``.
        bottoms: Denominator of each ratio by block ``(t, b)``.
    """

    tops: FloatArray
    bottoms: FloatArray

    def value(self) -> float:
        """The estimate; NaN where a denominator is 0."""
        bottoms = self.bottoms.sum(axis=1)
        if (bottoms == 0.0).any():
            return float("nan")
        return float((self.tops.sum(axis=1) / bottoms).sum())

    def influence(self) -> FloatArray:
        """Influence of each block ``(b,)``; sums to 0."""
        bottoms = self.bottoms.sum(axis=1)
        if (bottoms == 0.0).any():
            return np.full(len(self.tops.T), np.nan)
        ratios = self.tops.sum(axis=1) / bottoms
        parts = (self.tops - ratios[:, None] * self.bottoms) / bottoms[:, None]
        influence: FloatArray = np.add.reduce(parts, axis=0)
        return influence

    def leave_one_out(self) -> FloatArray:
        """What leaving out each block would take away from the estimate, centred ``(b,)``.

        The jackknife (Efron, Tibshirani 1993, "An Introduction to the Bootstrap", chapter 11): as ``influence``, but a
        block that holds much of a denominator counts for more. On that scale ``sum^2 b / (b - 1)`` is the variance.
        NaN where one block holds a denominator alone: nothing is left without it, so nothing tells the spread.
        """
        totals = self.bottoms.sum(axis=1)
        rest = totals[:, None] - self.bottoms
        if self._rests_on_one_block():
            return np.full(len(self.tops.T), np.nan)
        ratios = self.tops.sum(axis=1) / totals
        parts = (self.tops - ratios[:, None] * self.bottoms) / rest
        taken: FloatArray = np.add.reduce(parts, axis=0)
        count = len(taken)
        return (taken - taken.mean()) * ((count - 1) / count)

    def standard_error(self) -> float:
        """Delta-method standard error, robust to dependence within blocks: sqrt(b / (b - 1) sum phi_b^2).

        NaN where one block holds a denominator alone; its influence would come out as 0.
        """
        count = self.tops.shape[1]
        if count < 2 or self._rests_on_one_block():
            return float("nan")
        influence = self.influence()
        second = float(influence @ influence)
        return float(np.sqrt(count / (count - 1) * second))

    def _rests_on_one_block(self) -> bool:
        """Whether a denominator is 0, or (up to rounding) the share of one block."""
        totals = self.bottoms.sum(axis=1)
        rest = totals[:, None] - self.bottoms
        return bool((totals == 0.0).any() or (rest <= 1e-12 * np.abs(totals)[:, None]).any())


def project(formula: Formula, blocks: FloatArray, columns: Mapping[str, int]) -> ProjectedFormula:
    """Apply a formula to block sums ``(b, s)``, whose columns have the positions ``columns``."""
    tops = np.zeros((len(formula), len(blocks)))
    bottoms = np.empty((len(formula), len(blocks)))
    for place, ratio in enumerate(formula):
        for name, factor in ratio.numerator.items():
            tops[place] += factor * blocks[:, columns[name]]
        bottoms[place] = blocks[:, columns[ratio.denominator]]
    return ProjectedFormula(tops, bottoms)


def weighted_mean(score: FloatArray, weight: FloatArray, cluster: IntArray | None) -> ProjectedFormula:
    """``sum(w score) / sum(w)`` over single rows, with its sums by cluster; all arguments ``(n,)``.

    For estimands whose scores depend on all rows, such as quantiles, tails and kernels.
    """
    lines = np.stack([weight * score, weight])
    if cluster is not None:
        labels, position = np.unique(cluster, return_inverse=True)
        lines = sums_by(position, len(labels), lines)
    return ProjectedFormula(lines[:1], lines[1:])
