"""The factors that the result of one cell depends on, by names that are the same for every cell.

A decision made of factors is one draw for the whole market; its results come cell by cell. The row of a cell holds the
factors that are about it: those of the whole (pace), of its region (timing), its own (discount) and those of its
channels (spend). Other cells' factors move it only by what cells share, such as a budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.factors import Factors
from xbopt.core.errors import PolicyError


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFactors:
    """What the rows of all cells hold.

    Attributes:
        names: Kind, and channel where it is about one: ``pace``, ``timing``, ``discount``, ``spend/search`` ``(N,)``.
        labels: A readable name for each level of each.
        neutral: The level that changes nothing ``(N,)``.
        places: Where each stands among the factors of the whole decision ``(cells, N)``, regions first.
    """

    names: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    neutral: tuple[int, ...]
    places: IntArray

    @classmethod
    def of(cls, factors: Factors, *, regions: int, segments: int, channels: Sequence[str]) -> "CellFactors":
        """The factors of every cell.

        Args:
            factors: Those of whole decisions.
            regions: Number of regions, ``R``.
            segments: Number of segments, ``S``.
            channels: Names of the channels ``(C,)``.

        Raises:
            PolicyError: Cells have factors of different names or levels, so that their rows hold different things.
        """
        found: CellFactors | None = None
        places: list[IntArray] = []
        for cell in range(regions * segments):
            about: list[int] = factors.about_cell(*divmod(cell, segments)).tolist()
            own = cls(
                names=tuple(_name(factors, one, channels) for one in about),
                labels=tuple(factors.labels[one] for one in about),
                neutral=tuple(factors.neutral[about].tolist()),
                places=np.array(about),
            )
            found = found or own
            if (own.names, own.labels, own.neutral) != (found.names, found.labels, found.neutral):
                raise PolicyError("The factors of cells differ, so that the rows of a log could not be told alike.")
            places.append(own.places)
        if found is None or not found.names or len(set(found.names)) < len(found.names):
            raise PolicyError(
                "The factors of a cell need one of each kind, and of each channel where they are by channel."
            )
        return cls(names=found.names, labels=found.labels, neutral=found.neutral, places=np.stack(places))

    def probabilities(self, table: FloatArray) -> FloatArray:
        """Probabilities ``(B, A, L)`` as rows of cells ``(B, cells, K)``: every level, factor after factor."""
        parts = [table[:, self.places[:, at], : len(labels)] for at, labels in enumerate(self.labels)]
        return np.concatenate(parts, axis=2)


def _name(factors: Factors, place: int, channels: Sequence[str]) -> str:
    channel = int(factors.places[place, 2])
    return factors.kinds[place] if channel < 0 else f"{factors.kinds[place]}/{channels[channel]}"
