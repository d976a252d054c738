"""A log that is a table in memory: anything that speaks the Arrow C stream interface."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from xbopt.core.errors import DecisionLogError

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "table"
"""What messages and reports call a log that has no file."""
_SLICE = 1_000_000
_STREAM, _ARRAY = "__arrow_c_stream__", "__arrow_c_array__"


def is_table(log: object) -> bool:
    """Whether a log is a table rather than a path: of pandas, polars, DuckDB or pyarrow, or columns by name."""
    return isinstance(log, Mapping) or hasattr(log, _STREAM) or hasattr(log, _ARRAY)


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a table, read in slices as a file is read in row groups.

    Attributes:
        table: The table; texts are ``large_string``, whatever library wrote them.
    """

    table: "pa.Table" = field(repr=False)

    @classmethod
    def of(cls, source: object) -> "TableRows":
        """The rows of anything that ``is_table`` takes.

        Raises:
            DecisionLogError: A column has no type, or columns differ in length.
        """
        import pyarrow as pa

        try:
            table = pa.table(source)
            table = table.cast(pa.schema([_plain_field(one) for one in table.schema], table.schema.metadata))
        except (pa.ArrowException, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise DecisionLogError(
                f"{TABLE}: this is no table of columns with one type each ({reason}). Give a data frame, or columns "
                "of equal length by name."
            ) from error
        pieces = max((column.num_chunks for column in table.columns), default=0)
        return cls(table.combine_chunks() if pieces > 1 + table.num_rows // _SLICE else table)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self.table.column_names)

    @property
    def rows_of_groups(self) -> tuple[int, ...]:
        """Rows of each slice."""
        rows = self.table.num_rows
        return tuple(min(_SLICE, rows - first) for first in range(0, rows, _SLICE)) or (0,)

    def batches(self, columns: Sequence[str], groups: Sequence[int], *, rows: int) -> "Iterator[pa.RecordBatch]":
        """Some slices, some columns of them, in batches of at most so many rows."""
        chosen = self.table.select(list(columns))
        for group in groups:
            part = chosen.slice(group * _SLICE, _SLICE)
            if columns:
                yield from part.to_batches(max_chunksize=rows)

    def digest(self) -> str:
        """SHA-256 over names, types and values: the same however the table is cut into chunks or codes its names."""
        import pyarrow as pa
        from pyarrow import compute

        total = hashlib.sha256()
        for name, column in zip(self.table.column_names, self.table.columns, strict=True):
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            total.update(f"{name}\0{kind}\n".encode())
            for first in range(0, len(column), _SLICE):
                # Taken anew: what lies beneath an empty value, or beyond a slice, is not part of the content.
                some = column.slice(first, _SLICE)
                part = compute.take(some.cast(kind), pa.array(np.arange(len(some))))
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, pa.schema([pa.field("", kind)])) as stream:
                    stream.write_table(pa.table({"": part}).combine_chunks())
                total.update(sink.getvalue())
        return total.hexdigest()


def _plain_field(field: "pa.Field") -> "pa.Field":
    return field.with_type(_plain_type(field.type))


def _plain_type(kind: "pa.DataType") -> "pa.DataType":
    """The same type with every kind of text as one."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return pa.dictionary(pa.int32(), _plain_type(kind.value_type))
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pa.large_string()
    return kind
