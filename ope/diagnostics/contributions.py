"""How much of a value single decisions carry: weights times rewards, whose tails are those of the rewards too."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """What the sizes of contributions say.

    Attributes:
        worth: Effective number of contributions, (sum |c|)^2 / sum c^2.
        top_share: Share of the greatest in the sum of all sizes.
        top_row: Its row, from 0.
        top_reward: Its reward.
    """

    worth: float
    top_share: float
    top_row: int
    top_reward: float


class ContributionSums:
    """Gathers the sizes of contributions of any chunks in any order."""

    __slots__ = ("_squares", "_top", "_total")

    def __init__(self) -> None:
        self._total = self._squares = 0.0
        # The greatest size, its row counted downwards (of equal ones the earliest), and its reward.
        self._top: tuple[float, int, float] = (-1.0, 1, 0.0)

    def add(self, part: FloatArray, reward: FloatArray, *, rows: IntArray) -> None:
        """Add contributions, rewards and the rows' numbers in the log ``(n,)``."""
        size = np.abs(part)
        self._total += float(size.sum())
        self._squares += float(size @ size)
        place = int(size.argmax())
        self._top = max(self._top, (float(size[place]), -int(rows[place]), float(reward[place])))

    def merge(self, other: "ContributionSums") -> None:
        """Add what another one has gathered."""
        self._total += other._total
        self._squares += other._squares
        self._top = max(self._top, other._top)

    def found(self) -> Contributions | None:
        """What the sums say; None where nothing contributes."""
        if self._squares <= 0.0:
            return None
        size, row, reward = self._top
        return Contributions(
            worth=self._total * self._total / self._squares,
            top_share=size / self._total,
            top_row=-row,
            top_reward=reward,
        )
