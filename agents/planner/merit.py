"""Which plan is better: first the one that keeps the return floor, then the one that brings more."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray

_KEPT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Merit:
    """The order of plans.

    Attributes:
        floor: Least contribution margin per unit of media spend; None where there is none.
    """

    floor: float | None

    def shortfall(self, margins: FloatArray, spends: FloatArray) -> FloatArray:
        """How far each plan is below the floor ``(N,)``, relative to its margin; 0 where the floor is kept."""
        if self.floor is None:
            return np.zeros(len(margins))
        missing = (self.floor * spends - margins) / np.maximum(np.abs(margins), 1e-300)
        return np.where(missing > _KEPT, missing, 0.0)

    def best(self, totals: FloatArray, margins: FloatArray, spends: FloatArray) -> int:
        """Position of the best plan, the first of equals, by goal ``(N,)``, contribution margin and media spend."""
        return int(np.lexsort((-totals, self.shortfall(margins, spends)))[0])
