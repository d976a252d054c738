"""Judging on a part of a log: the rows that a fixed rule holds out, so that a policy may learn from the others."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from xbopt.core.arrays import BoolArray
from xbopt.core.errors import UsageError
from xbopt.core.hold_out import WHOLE_EPISODES, checked_hold_out, group_hashes, in_share
from xbopt.core.text_hashes import hashed
from xbopt.ope.logs.conversion import texts
from xbopt.ope.logs.files import LogPart, RawBatch, read_part
from xbopt.ope.logs.roles import ColumnRoles
from xbopt.ope.logs.rows import LogRows

if TYPE_CHECKING:
    import pyarrow as pa

_BY = ("cluster", "unit", "episode_id", "decision_id")
"""Roles by which rows are held out together, the first that the log has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The rows that judge.

    Attributes:
        share: Share of the groups that is held out.
        columns: What names a row's group: one column; of our own logs episode and step.
        episodes: Episodes of one of our own logs; 0 for a foreign one.
    """

    share: float
    columns: tuple[str, ...]
    episodes: int = 0

    @classmethod
    def of_own(cls, share: float, *, episodes: int) -> "HeldOut":
        """For one of our own logs.

        Raises:
            UsageError: The share is not between 0 and 1.
        """
        return cls(share=checked_hold_out(share), columns=("episode_id", "step"), episodes=episodes)

    @classmethod
    def of_foreign(cls, share: float, roles: ColumnRoles) -> "HeldOut":
        """For a foreign log.

        Raises:
            UsageError: No column names rows, or the share is not between 0 and 1.
        """
        share = checked_hold_out(share)
        column = next((name for role in _BY if (name := roles.one(role)) is not None), None)
        if column is None:
            raise UsageError(
                "To hold rows out, they need names: --columns cluster=NAME (customer, shop, day), or decision_id=NAME."
            )
        return cls(share=share, columns=(column,))

    @property
    def group(self) -> str:
        """What is held out as a whole."""
        if len(self.columns) == 1:
            return self.columns[0]
        return "episode" if self.episodes >= WHOLE_EPISODES else "step of an episode"

    def judges(self, batch: RawBatch) -> BoolArray:
        """Which rows of a batch are held out ``(n,)``."""
        first = texts(batch, self.columns[0])
        if len(self.columns) == 1:
            hashes = hashed(first)
        else:
            hashes = group_hashes(first, batch.columns[self.columns[1]], episodes=self.episodes)
        return in_share(hashes, self.share)

    def count(self, parts: Sequence[LogPart]) -> int:
        """How many rows are held out in all."""
        return sum(int(self.judges(batch).sum()) for part in parts for batch in read_part(part, self.columns))

    def place_in(self, part: LogPart, number: int) -> int:
        """Position in the part of its held-out row with that number, both from 0."""
        before = held = 0
        for batch in read_part(part, self.columns):
            judges = np.flatnonzero(self.judges(batch))
            if number < held + len(judges):
                return before + int(judges[number - held])
            held, before = held + len(judges), before + batch.rows
        return number


def some_of(rows: LogRows, kept: BoolArray) -> LogRows:
    """Some rows of a batch, in order; ``numbers`` says which of the file they are."""
    if kept.all():
        return rows
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {}
    for one in fields(rows):
        value: object = getattr(rows, one.name)
        if isinstance(value, np.ndarray):
            arrays[one.name] = value[kept]
    keys = _filtered(rows.keys, kept)
    numbers = np.flatnonzero(kept).astype(np.int64)
    raw = None if rows.raw is None else replace(rows.raw, columns=_filtered(rows.raw.columns, kept), rows=len(numbers))
    return replace(rows, **arrays, data=rows.data.rows(kept), keys=keys, raw=raw, kept=numbers)  # pyright: ignore[reportArgumentType]


def _filtered(columns: "Mapping[str, pa.Array]", kept: BoolArray) -> "dict[str, pa.Array]":
    return {name: column.filter(kept) for name, column in columns.items()}
