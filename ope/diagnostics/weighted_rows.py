"""Self-normalised means over single rows, for estimands whose scores depend on all rows: quantiles, tails, kernels."""

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.ope.data.blocks import sums_by
from xbopt.ope.estimators.ratios import ProjectedFormula
from xbopt.ope.intervals.skewed import skewed_interval
from xbopt.ope.results import Estimate


def weighted_mean(score: FloatArray, weight: FloatArray, cluster: IntArray | None) -> ProjectedFormula:
    """``sum(w score) / sum(w)`` with its sums by cluster; all arguments ``(n,)``."""
    lines = np.stack([weight * score, weight])
    if cluster is not None:
        labels, position = np.unique(cluster, return_inverse=True)
        lines = sums_by(position, len(labels), lines)
    return ProjectedFormula(lines[:1], lines[1:])


def with_interval(formula: ProjectedFormula, *, confidence: float) -> Estimate:
    """The estimate of a formula with its skewness-corrected interval."""
    value = formula.value()
    low, high = skewed_interval(value, formula.leave_one_out(), confidence=confidence)
    return Estimate(value=value, se=formula.standard_error(), low=low, high=high)
