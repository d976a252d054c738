"""Decisions made of many small independent choices: one ordinal level a factor, each with a propensity of its own.

A full menu of nine levels in six channels of a cell has half a million entries. Its factors are six short lists: each
is drawn for itself, so the probability of a whole decision is the product of theirs, exactly, and nobody has to form
the menu.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import DecisionError

FactorKind = Literal["pace", "timing", "discount", "spend"]
FACTOR_KINDS: tuple[FactorKind, ...] = get_args(FactorKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """The factors of a decision, in one order everywhere.

    Attributes:
        names: Such as ``pace``, ``timing/DE``, ``discount/DE/new`` and ``spend/DE/new/search`` ``(A,)``.
        kinds: What each moves ``(A,)``.
        levels: Number of levels of each ``(A,)``, at least 2; levels are in order, from least to most.
        neutral: The level that changes nothing ``(A,)``.
        labels: A readable name for each level of each factor.
        places: Region, segment and channel that each is about ``(A, 3)``; -1 where it is about all of them.
    """

    names: tuple[str, ...]
    kinds: tuple[FactorKind, ...]
    levels: IntArray
    neutral: IntArray
    labels: tuple[tuple[str, ...], ...]
    places: IntArray

    def __len__(self) -> int:
        """Number of factors, ``A``."""
        return len(self.names)

    @property
    def most_levels(self) -> int:
        """The largest number of levels, ``L``."""
        return int(self.levels.max())

    @property
    def exists(self) -> FloatArray:
        """1 where a factor has a level, 0 beyond its last one ``(A, L)``."""
        return (np.arange(self.most_levels) < self.levels[:, None]).astype(np.float64)

    def about_cell(self, region: int, segment: int) -> IntArray:
        """Positions of the factors that a cell's result depends on: its own, its region's, and those of the whole."""
        wanted = np.array([region, segment])
        own = (self.places[:, :2] == wanted) | (self.places[:, :2] < 0)
        return np.flatnonzero(own.all(axis=1))

    def check(self, levels: IntArray, worlds: int) -> None:
        """Refuse anything but levels ``(B, A)``.

        Raises:
            DecisionError: A wrong shape, or a number that names no level.
        """
        if levels.shape != (worlds, len(self)) or levels.dtype.kind not in "iu":
            raise DecisionError(f"levels have shape {levels.shape}; whole numbers ({worlds}, {len(self)}) are wanted.")
        bad = (levels < 0) | (levels >= self.levels)
        if bad.any():
            row, factor = (int(i) for i in np.argwhere(bad)[0])
            raise DecisionError(
                f"The level of world {row} is {levels[row, factor]} for {self.names[factor]}; "
                f"0 to {self.levels[factor] - 1} are its levels."
            )


def one_notch_exploration(factors: Factors, own: IntArray, share: float) -> FloatArray:
    """Probability of every level ``(B, A, L)``: a policy's own level, and with a share one notch to either side.

    The own level keeps ``1 - e``; its neighbours have ``e / 2`` each, and at an end the one neighbour has all of ``e``.
    With a share of 0 the own level has probability 1, exactly.

    Args:
        factors: The factors.
        own: The policy's own levels ``(B, A)``.
        share: ``e``, 0..1.
    """
    level = np.arange(factors.most_levels)
    lower, upper = own > 0, own < factors.levels - 1
    each = share / np.maximum(lower.astype(np.float64) + upper, 1.0)
    beside = (level == (own - 1)[..., None]) & lower[..., None]
    beside |= (level == (own + 1)[..., None]) & upper[..., None]
    return np.where(level == own[..., None], 1.0 - share, np.where(beside, each[..., None], 0.0))
