"""Cross-validated choice among estimators (Cief, Kveton, Kompan 2025, "Cross-validated off-policy evaluation")."""

from collections.abc import Mapping

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator
from xbopt.ope.estimators.bandit import ColumnLayout
from xbopt.ope.estimators.ratios import Formula, project

_SPLITS = 20


def cross_validated_order(
    candidates: Mapping[str, Formula], blocks: FloatArray, layout: ColumnLayout, *, seed: int
) -> tuple[str, ...]:
    """Candidates by cross-validated squared error, the best first.

    Each split of the blocks gives a candidate's estimate on one part and an unbiased estimate on the other (DR, or IPS
    without a model); the mean squared distance orders the candidates. The parts are sized so
    that both estimates are about equally uncertain : in proportion to the variances.

    Args:
        candidates: Formula of each estimator.
        blocks: Block sums ``(b, s)``.
        layout: Names of the columns.
        seed: 0..2**63-1.
    """
    validator = "dr" if "dr" in candidates else "ips"
    judged = project(candidates[validator], blocks, layout.position)
    count = len(blocks)
    if count < 4:
        return tuple(candidates)
    random = named_generator(seed, "ope estimator choice")
    order = np.argsort(random.random((_SPLITS, count)), axis=1)
    distance: dict[str, float] = {}
    judge_variance = judged.standard_error() ** 2
    for name, formula in candidates.items():
        projected = project(formula, blocks, layout.position)
        variance = projected.standard_error() ** 2
        share = variance / (variance + judge_variance) if variance + judge_variance > 0.0 else 0.5
        fit = int(np.clip(round(share * count), 1, count - 1))
        own = _values(projected.tops, projected.bottoms, order[:, :fit])
        other = _values(judged.tops, judged.bottoms, order[:, fit:])
        squared = (own - other) ** 2
        usable = np.isfinite(squared)
        distance[name] = float(squared[usable].mean()) if usable.any() else float("inf")
    return tuple(sorted(distance, key=lambda name: distance[name]))


def _values(tops: FloatArray, bottoms: FloatArray, rows: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> FloatArray:
    """Value of a formula on each part of the blocks ``(splits,)``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        each = tops[:, rows].sum(axis=2) / bottoms[:, rows].sum(axis=2)
    values: FloatArray = each.sum(axis=0)
    return values
