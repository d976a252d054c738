"""How the importance weights of a log are spread: from sums that chunks add to and workers merge."""

import itertools
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray

EDGES: FloatArray = 10.0 ** np.arange(-3.0, 4.5, 0.5)
"""Bounds between bins ``(m,)``; the first bin holds weights of 0, the second those below the first bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightHistogram:
    """Rows and weight by size of the weight.

    Attributes:
        rows: Number of rows in each bin ``(m + 2,)``: weight 0, below the first edge, between edges, from the last on.
        weight: Sum of their weights ``(m + 2,)``.
    """

    rows: IntArray
    weight: FloatArray

    @classmethod
    def of(cls, weights: FloatArray) -> "WeightHistogram":
        """From some weights ``(n,)``."""
        bins = np.where(weights > 0.0, 1 + np.searchsorted(EDGES, weights, side="right"), 0)
        size = len(EDGES) + 2
        weight = np.bincount(bins, weights=weights, minlength=size).astype(np.float64)
        return cls(rows=np.bincount(bins, minlength=size), weight=weight)

    def plus(self, other: "WeightHistogram") -> "WeightHistogram":
        """Both together."""
        return WeightHistogram(rows=self.rows + other.rows, weight=self.weight + other.weight)

    def labels(self) -> tuple[str, ...]:
        """What each bin holds, for people ``(m + 2,)``."""
        bounds = [f"{edge:,.3g}" if edge < 1000 else f"{edge:,.0f}" for edge in EDGES.tolist()]
        between = [f"{low} to {high}" for low, high in itertools.pairwise(bounds)]
        return ("0", f"below {bounds[0]}", *between, f"{bounds[-1]} and more")
