"""Writing a decision log: in batches, to a temporary file that takes its name when all is written."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportAttributeAccessIssue=false

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decision_log.checks import check_columns
from xbopt.core.decision_log.schema import (
    FLOAT_COLUMNS,
    INT_COLUMNS,
    METADATA_KEY,
    SCHEMA_VERSION,
    TEXT_COLUMNS,
    TIME_COLUMNS,
    DecisionColumns,
    DecisionLogSchema,
    schema_to_plain,
)
from xbopt.core.errors import DecisionLogError
from xbopt.core.files import replace_file

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

_ROWS_PER_GROUP = 65_536


class DecisionLogWriter:
    """Appends decisions to a Parquet file (zstd); a context manager.

    The file appears under its name only when the block ends without an exception; until then the rows stand in a
    hidden temporary file beside it, which is removed on any exception, Ctrl-C included.

    Args:
        path: The file; an older one is replaced.
        schema: Names and units, which are kept in the file.
        with_probabilities: Whether every batch gives ``action_probabilities``.

    Raises:
        UsageError: On entering: the file cannot be written there.
        DecisionLogError: The disk refuses to take the rows.
    """

    def __init__(self, path: Path, schema: DecisionLogSchema, *, with_probabilities: bool = True) -> None:
        self._path = path
        self._schema = schema
        self._with_probabilities = with_probabilities
        self._stack = ExitStack()
        self._writer: parquet.ParquetWriter | None = None
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._rows = 0
        self._ids: set[str] = set()

    @property
    def rows(self) -> int:
        """Number of decisions that were appended."""
        return self._rows

    def __enter__(self) -> Self:
        from pyarrow import parquet

        with ExitStack() as stack:
            temporary = stack.enter_context(replace_file(self._path))
            writer = parquet.ParquetWriter(
                temporary, arrow_schema(self._schema, with_probabilities=self._with_probabilities), compression="zstd"
            )
            # Closed before the file takes its name: callbacks run in reverse order.
            stack.callback(writer.close)
            self._stack = stack.pop_all()
        self._writer = writer
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        else:
            self._stack.__exit__(kind, error, trace)
        finally:
            self._writer = None

    def append(self, columns: DecisionColumns) -> None:
        """Append decisions.

        Raises:
            DecisionLogError: A wrong shape or value; the message names row and column. Nothing was appended.
        """
        if self._writer is None:
            raise DecisionLogError(f"{self._path}: the log is not open; use it in a with block.")
        if (columns.action_probabilities is not None) != self._with_probabilities:
            verb = "lacks" if self._with_probabilities else "has"
            raise DecisionLogError(f"{self._path}: this batch {verb} action_probabilities, unlike the log.")
        check_columns(columns, self._schema, where=str(self._path), first_row=self._rows)
        ids = columns.decision_id.tolist()
        known = next((row for row, one in enumerate(ids) if one in self._ids), None)
        if known is not None:
            raise DecisionLogError(
                f"{self._path}: row {self._rows + known + 1}, column decision_id: "
                f"{ids[known]!r} stands in an earlier row too."
            )
        self._ids.update(ids)
        self._pending.append(arrow_table(columns, self._schema))
        self._pending_rows += len(columns)
        self._rows += len(columns)
        if self._pending_rows >= _ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._writer is not None and self._pending:
            try:
                self._writer.write_table(pa.concat_tables(self._pending), row_group_size=_ROWS_PER_GROUP)
            except OSError as error:
                raise DecisionLogError(f"{self._path}: the log cannot be written: {error}.") from error
            self._pending, self._pending_rows = [], 0


def arrow_schema(schema: DecisionLogSchema, *, with_probabilities: bool) -> "pa.Schema":
    """The Arrow schema of a log, with names and units as metadata of file and columns."""
    import pyarrow as pa

    units = schema.context_units or ("",) * len(schema.context_names)
    numbers = pa.list_(pa.float64())
    named = [
        pa.field(column, pa.float64(), nullable=False, metadata={"name": name, "unit": unit})
        for column, name, unit in zip(schema.context_columns, schema.context_names, units, strict=True)
    ]
    labels = json.dumps(schema.action_labels)
    listed = [pa.field("action_probabilities", numbers, nullable=False, metadata={"actions": labels})]
    money = {"reward": schema.reward_unit, "cost": schema.cost_unit}
    fields = [
        *(pa.field(name, pa.string(), nullable=False) for name in TEXT_COLUMNS),
        *(pa.field(name, pa.timestamp("us", tz="UTC"), nullable=False) for name in TIME_COLUMNS),
        *(pa.field(name, pa.int64(), nullable=False) for name in INT_COLUMNS),
        *(
            pa.field(name, pa.float64(), nullable=name == "reward", metadata={"unit": money.get(name, "")})
            for name in FLOAT_COLUMNS
        ),
        pa.field("schema_version", pa.int64(), nullable=False),
        pa.field("context", numbers, nullable=False, metadata={"names": json.dumps(schema.context_names)}),
        *named,
        *(listed if with_probabilities else []),
    ]
    return pa.schema(fields, metadata={METADATA_KEY: json.dumps(schema_to_plain(schema)).encode()})


def arrow_table(columns: DecisionColumns, schema: DecisionLogSchema) -> "pa.Table":
    """Decisions as an Arrow table of the log's schema."""
    import pyarrow as pa

    target = arrow_schema(schema, with_probabilities=columns.action_probabilities is not None)
    arrays: dict[str, object] = {name: getattr(columns, name) for name in (*INT_COLUMNS, *FLOAT_COLUMNS)}
    arrays |= {name: getattr(columns, name).tolist() for name in TEXT_COLUMNS}
    arrays |= {name: getattr(columns, name).astype("datetime64[us]") for name in TIME_COLUMNS}
    arrays["schema_version"] = np.full(len(columns), SCHEMA_VERSION, dtype=np.int64)
    arrays |= dict(zip(schema.context_columns, columns.context.T, strict=True))
    lists: dict[str, FloatArray | None] = {
        "context": columns.context,
        "action_probabilities": columns.action_probabilities,
    }
    for name, values in lists.items():
        if values is not None:
            offsets = np.arange(len(values) + 1, dtype=np.int32) * np.int32(values.shape[1])
            arrays[name] = pa.ListArray.from_arrays(offsets, np.ascontiguousarray(values, dtype=np.float64).ravel())
    made = [
        array
        if isinstance(array := arrays[field.name], pa.ListArray)
        else pa.array(array, type=field.type, from_pandas=field.nullable)
        for field in target
    ]
    return pa.Table.from_arrays(made, schema=target)
