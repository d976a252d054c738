"""Columns of a batch as arrays of the type that is wanted; a value that does not fit is an error with its place."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decision_log.schema import TimeArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.data.logged import LARGEST
from xbopt.ope.logs.files import RawBatch

if TYPE_CHECKING:
    import pyarrow as pa


class _Placed(Protocol):
    """Rows of a file."""

    @property
    def place(self) -> str: ...
    @property
    def first_row(self) -> int: ...


def refuse(rows: _Placed, name: str, bad: BoolArray, say: Callable[[int], str]) -> None:
    """Raise for the first row that is wrong, if any is.

    Args:
        rows: The rows.
        name: The column.
        bad: Which rows are wrong ``(n,)``.
        say: What is wrong, given the position among the rows.

    Raises:
        DecisionLogError: The message names file, row and column; rows are counted from 1, without a header.
    """
    wrong = np.flatnonzero(bad)
    if len(wrong):
        row = int(wrong[0])
        also = f" ({len(wrong):,} rows of this batch in all)" if len(wrong) > 1 else ""
        raise DecisionLogError(f"{rows.place}: row {rows.first_row + row + 1}, column {name}: {say(row)}{also}.")


def refuse_huge(batch: RawBatch, name: str, values: FloatArray) -> None:
    """Refuse numbers ``(n,)`` or ``(n, d)`` whose squares, or sums of them, leave the range of float64.

    Raises:
        DecisionLogError: The message names file, row and column.
    """
    greatest: FloatArray = np.abs(values) if values.ndim == 1 else np.abs(values).max(axis=1, initial=0.0)
    refuse(batch, name, greatest > LARGEST, lambda _row: f"holds a number beyond {LARGEST:g} in size")


def plain(batch: RawBatch, name: str) -> "pa.Array":
    """The column without dictionary encoding."""
    import pyarrow as pa

    column = batch.columns[name]
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def is_null(column: "pa.Array") -> BoolArray:
    """Which values are empty ``(n,)``."""
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)


def numbers(batch: RawBatch, name: str, *, may_be_empty: bool = False) -> FloatArray:
    """A column of finite numbers ``(n,)``; NaN stands for empty values where there may be any.

    Raises:
        DecisionLogError: A value is empty, no number, or not finite.
    """
    import pyarrow as pa

    column = plain(batch, name)
    empty = is_null(column)
    if not may_be_empty:
        refuse(batch, name, empty, lambda _row: "is empty")
    kind = column.type
    if is_text(kind):
        read = _read(batch, name, column, _read_numbers, ", which is no number")
        values = np.array(read.to_numpy(zero_copy_only=False), dtype=np.float64)
    elif (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    ):
        values = np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    elif pa.types.is_null(kind):
        values = np.full(len(column), np.nan)
    else:
        raise DecisionLogError(f"{batch.place}: column {name} holds {kind}; wanted: numbers.")
    refuse(batch, name, ~np.isfinite(values) & ~empty, lambda row: f"is {values[row]}, which is no finite number")
    refuse_huge(batch, name, values)
    return values


def _read_numbers(column: "pa.Array") -> "pa.Array":
    """Texts as numbers. pyarrow takes no blanks around a number; people write them."""
    import pyarrow as pa
    from pyarrow import compute

    return compute.utf8_trim_whitespace(column).cast(pa.float64())


def _read(
    batch: RawBatch, name: str, column: "pa.Array", read: "Callable[[pa.Array], pa.Array]", words: str
) -> "pa.Array":
    """Texts as something else; the first that cannot be read is told with ``words``."""
    import pyarrow as pa

    def fails(text: str | None) -> bool:
        try:
            read(pa.array([text], type=pa.string()))
        except pa.ArrowInvalid:
            return True
        return False

    try:
        return read(column)
    except pa.ArrowInvalid:
        bad = np.array([fails(text) for text in column.to_pylist()])
        refuse(batch, name, bad, lambda row: f"is {column[row].as_py()!r}{words}")
        raise


def texts(batch: RawBatch, name: str, *, may_be_empty: bool = False) -> "pa.Array":
    """A column of names as Arrow text ``(n,)``; whole numbers and truth values are written out.

    Raises:
        DecisionLogError: A value is empty, or the column cannot be names.
    """
    import pyarrow as pa
    from pyarrow import compute

    column = plain(batch, name)
    kind = column.type
    if pa.types.is_floating(kind):
        values = np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)
        broken = ~is_null(column) & (values != np.rint(values))
        refuse(batch, name, broken, lambda row: f"is {values[row]}; a name or a whole number is wanted")
        column = column.cast(pa.int64())
        kind = column.type
    if not (
        is_text(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_temporal(kind)
        or pa.types.is_null(kind)
    ):
        raise DecisionLogError(f"{batch.place}: column {name} holds {kind}; wanted: names or whole numbers.")
    made = column.cast(pa.string())
    if not may_be_empty:
        empty = is_null(made) | np.asarray(
            compute.equal(made, "").fill_null(fill_value=False).to_numpy(zero_copy_only=False)
        )
        refuse(batch, name, empty, lambda _row: "is empty")
    return made


class StoredColumn(str):
    """Name of a column that is wanted as it is stored, not as text, among the ``keys`` of a policy."""

    __slots__ = ()


def key_columns(batch: RawBatch, names: Sequence[str]) -> "dict[str, pa.Array]":
    """Columns for joining, as text; as they are stored where a ``StoredColumn`` asks for them.

    Raises:
        DecisionLogError: A text is empty, or the column cannot be names.
    """
    return {name: batch.columns[name] if isinstance(name, StoredColumn) else texts(batch, name) for name in names}


def times(batch: RawBatch, name: str) -> TimeArray:
    """A column of moments ``(n,)``, UTC; a text without a zone counts as UTC.

    Raises:
        DecisionLogError: A value is empty or no moment.
    """
    import pyarrow as pa

    column = plain(batch, name)
    refuse(batch, name, is_null(column), lambda _row: "is empty")
    kind = column.type
    if is_text(kind):
        words = "; write moments as 2026-03-01 or 2026-03-01T12:30:00Z"
        column = _read(batch, name, column, _read_moments, words)
    elif not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise DecisionLogError(f"{batch.place}: column {name} holds {kind}; wanted: moments.")
    # Nanoseconds are cut; every other unit has to fit.
    fine = pa.types.is_timestamp(column.type) and column.type.unit == "ns"
    moments = column.cast(pa.timestamp("us"), safe=not fine)
    return np.asarray(moments.to_numpy(zero_copy_only=False)).astype("datetime64[us]")


def _read_moments(column: "pa.Array") -> "pa.Array":
    """Texts with and without a zone, as moments in UTC."""
    import pyarrow as pa
    from pyarrow import compute

    trimmed = compute.utf8_trim_whitespace(column)
    zoned = compute.match_substring_regex(trimmed, r"(Z|[+-]\d\d:?\d\d)$")
    nothing = pa.nulls(len(column), pa.string())
    without = compute.if_else(zoned, nothing, trimmed).cast(pa.timestamp("us"))
    within = compute.if_else(zoned, trimmed, nothing).cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))
    return compute.coalesce(without, within)


def words(batch: RawBatch, name: str) -> list[str]:
    """A column of names ``(n,)``.

    Raises:
        DecisionLogError: A value is empty, or the column cannot be names.
    """
    return [str(word) for word in texts(batch, name).to_pylist()]


def number_lists(batch: RawBatch, name: str, width: int | None = None, *, may_be_infinite: bool = False) -> FloatArray:
    """A column of lists of numbers as an array ``(n, width)``.

    Raises:
        DecisionLogError: A list is empty, of another length, or holds something that is no finite number; an infinite
            one passes where there may be any.
    """
    import pyarrow as pa
    from pyarrow import compute

    column = plain(batch, name)
    refuse(batch, name, is_null(column), lambda _row: "is empty")
    if not is_list(column.type):
        raise DecisionLogError(f"{batch.place}: column {name} holds {column.type}; wanted: lists of numbers.")
    lengths = np.asarray(compute.list_value_length(column).to_numpy(zero_copy_only=False))
    wanted = int(lengths[0]) if width is None else width
    refuse(batch, name, lengths != wanted, lambda row: f"has {lengths[row]} entries; {wanted} are wanted")
    values = np.array(column.flatten().cast(pa.float64()).to_numpy(zero_copy_only=False)).reshape(len(column), wanted)
    if may_be_infinite:
        refuse(batch, name, np.isnan(values).sum(axis=1) > 0, lambda _row: "holds a value that is no number")
        return values
    broken = (~np.isfinite(values)).sum(axis=1) > 0
    refuse(batch, name, broken, lambda _row: "holds a value that is no finite number")
    refuse_huge(batch, name, values)
    return values


def positions(names: "pa.Array", known: Sequence[str]) -> IntArray:
    """Position of each name in the known ones ``(n,)``; their number for any other name, and for an empty one."""
    import pyarrow as pa
    from pyarrow import compute

    found = compute.index_in(names, value_set=pa.array(list(known), type=pa.string()))
    return np.asarray(found.fill_null(len(known)).to_numpy(zero_copy_only=False), dtype=np.int64)


def count_names(names: "pa.Array", into: Counter[str]) -> None:
    """Add the rows of each name ``(n,)``."""
    for entry in names.value_counts().to_pylist():
        into[entry["values"]] += entry["counts"]


def is_text(kind: "pa.DataType") -> bool:
    """Whether an Arrow type is text."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_list(kind: "pa.DataType") -> bool:
    """Whether an Arrow type is a list of anything."""
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
