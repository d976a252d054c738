"""Context columns as numbers: names become one column a level, missing numbers get a column of their own."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.logs.conversion import (
    count_names,
    is_list,
    is_null,
    is_text,
    number_lists,
    numbers,
    plain,
    positions,
    texts,
)
from xbopt.ope.logs.files import RawBatch

if TYPE_CHECKING:
    import pyarrow as pa

MOST_LEVELS = 50
"""A column of names keeps this many levels, the most frequent; the rest share one."""
IDENTIFIER_LEVELS = 10_000
"""A column with more different values is no context but an identifier."""
MISSING, OTHER = "(missing)", "(other)"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberField:
    """A column of numbers; with ``missing``, empty values count as 0 and a second column marks them."""

    column: str
    missing: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the encoded columns."""
        return (self.column, f"{self.column}={MISSING}") if self.missing else (self.column,)

    def encode(self, batch: RawBatch) -> FloatArray:
        """The rows ``(n, 1)`` or ``(n, 2)``."""
        values = numbers(batch, self.column, may_be_empty=True)
        empty = np.isnan(values)
        filled = np.where(empty, 0.0, values)
        return np.stack([filled, empty], axis=1) if self.missing else filled[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NameField:
    """A column of names; each of ``levels`` becomes a column of 0 and 1, all others share one if there are any."""

    column: str
    levels: tuple[str, ...]
    others: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the encoded columns."""
        return tuple(f"{self.column}={level}" for level in (*self.levels, *((OTHER,) if self.others else ())))

    def encode(self, batch: RawBatch) -> FloatArray:
        """The rows ``(n, levels)``."""
        codes = positions(texts(batch, self.column, may_be_empty=True).fill_null(MISSING), self.levels)
        return np.eye(len(self.levels) + 1)[codes][:, : len(self.names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListField:
    """A column of lists of ``width`` numbers."""

    column: str
    width: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the encoded columns."""
        return tuple(f"{self.column}[{i}]" for i in range(self.width))

    def encode(self, batch: RawBatch) -> FloatArray:
        """The rows ``(n, width)``."""
        return number_lists(batch, self.column, self.width)


Field = NumberField | NameField | ListField


class FieldFinder:
    """Finds out, batch by batch, what a context column holds."""

    def __init__(self, column: str, *, is_name: bool) -> None:
        self.column, self._is_name = column, is_name
        self._levels: Counter[str] = Counter()
        self._missing = False
        self._width: int | None = None

    def look(self, batch: RawBatch) -> None:
        """Take note of a batch.

        Raises:
            DecisionLogError: The column holds far too many different names, or nothing that could be context.
        """
        column = plain(batch, self.column)
        if is_list(column.type):
            self._width = number_lists(batch, self.column, self._width).shape[1]
            return
        if is_text(column.type) or self._is_name:
            if not self._is_name:
                self._is_name = not _all_numbers(column)
            # Counted while all are numbers too: a later batch may hold a name.
            if self._is_name or len(self._levels) <= IDENTIFIER_LEVELS:
                count_names(texts(batch, self.column, may_be_empty=True).fill_null(MISSING), self._levels)
            if self._is_name and len(self._levels) > IDENTIFIER_LEVELS:
                raise DecisionLogError(
                    f"{batch.place}: column {self.column} holds more than {IDENTIFIER_LEVELS:,} different names; "
                    "that is an identifier, not context. Leave it out of context=..."
                )
        if not self._is_name:
            self._missing |= bool(np.isnan(numbers(batch, self.column, may_be_empty=True)).any())

    def found(self) -> Field:
        """What the column holds."""
        if self._width is not None:
            return ListField(column=self.column, width=self._width)
        if not self._is_name:
            return NumberField(column=self.column, missing=self._missing)
        # By count, then by name: the same levels whatever the order of the rows.
        ranked = sorted(self._levels, key=lambda level: (-self._levels[level], level))
        kept = MOST_LEVELS if len(ranked) <= MOST_LEVELS else MOST_LEVELS - 1
        return NameField(column=self.column, levels=tuple(sorted(ranked[:kept])), others=max(len(ranked) - kept, 0))


def encode(fields: Sequence[Field], batch: RawBatch) -> FloatArray:
    """The context of a batch ``(n, d)``."""
    blocks = [field.encode(batch) for field in fields]
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((batch.rows, 0))


def encoding_notes(fields: Sequence[Field]) -> list[str]:
    """What the encoding did beyond copying numbers, in sentences."""
    named = [field for field in fields if isinstance(field, NameField)]
    notes = [
        f"Context column {field.column}: {len(field.levels)} levels kept, {field.others} rarer ones share {OTHER}."
        for field in named
        if field.others > 0
    ]
    whole = [field.column for field in named if field.others <= 0]
    if whole:
        notes.insert(0, f"Context columns of names, one column a level: {', '.join(whole)}.")
    gaps = [field.column for field in fields if isinstance(field, NumberField) and field.missing]
    if gaps:
        notes.append(f"Context columns with empty values, counted as 0 and marked: {', '.join(gaps)}.")
    return notes


def _all_numbers(column: "pa.Array") -> bool:
    import pyarrow as pa
    from pyarrow import compute

    try:
        compute.utf8_trim_whitespace(column).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return not bool(is_null(column).all()) or len(column) == 0
