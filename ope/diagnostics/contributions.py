"""How much of a value single decisions carry: weights times rewards, whose tails are those of the rewards too."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.ope.diagnostics.pareto import pareto_shape

_FEWEST = 300  # sizes from which the shape of their tail, of 50, is told
_LARGEST = 4096  # sizes that are kept at most for the shape of their tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """What the sizes of contributions say.

    Attributes:
        worth: Effective number of contributions, (sum |c|)^2 / sum c^2.
        tail: Shape k of the tail of their sizes (``pareto``), whose variance is infinite above 0.5; 0 of too few.
        top_share: Share of the greatest in the sum of all sizes.
        top_row: Its row, from 0.
        top_reward: Its reward.
    """

    worth: float
    tail: float
    top_share: float
    top_row: int
    top_reward: float


class ContributionSums:
    """Gathers the sizes of contributions of any chunks in any order."""

    __slots__ = ("_count", "_largest", "_squares", "_top", "_total")

    def __init__(self) -> None:
        self._total = self._squares = 0.0
        self._count = 0  # of sizes above 0
        self._largest: FloatArray = np.empty(0)
        # The greatest size, its row counted downwards (of equal ones the earliest), and its reward.
        self._top: tuple[float, int, float] = (-1.0, 1, 0.0)

    def add(self, part: FloatArray, reward: FloatArray, *, rows: IntArray) -> None:
        """Add contributions, rewards and the rows' numbers in the log ``(n,)``."""
        size = np.abs(part)
        self._total += float(size.sum())
        self._squares += float(size @ size)
        self._count += int(np.count_nonzero(size))
        self._keep_largest(size)
        place = int(size.argmax())
        self._top = max(self._top, (float(size[place]), -int(rows[place]), float(reward[place])))

    def merge(self, other: "ContributionSums") -> None:
        """Add what another one has gathered."""
        self._total += other._total
        self._squares += other._squares
        self._count += other._count
        self._keep_largest(other._largest)
        self._top = max(self._top, other._top)

    def found(self) -> Contributions | None:
        """What the sums say; None where nothing contributes."""
        if self._squares <= 0.0:
            return None
        size, row, reward = self._top
        return Contributions(
            worth=self._total * self._total / self._squares,
            tail=pareto_shape(self._largest, self._count) if self._count >= _FEWEST else 0.0,
            top_share=size / self._total,
            top_row=-row,
            top_reward=reward,
        )

    def _keep_largest(self, size: FloatArray) -> None:
        size = size[size > (self._largest.min() if len(self._largest) >= _LARGEST else 0.0)]
        together = np.concatenate([self._largest, size])
        if len(together) > _LARGEST:
            together = np.partition(together, len(together) - _LARGEST)[-_LARGEST:]
        self._largest = together
