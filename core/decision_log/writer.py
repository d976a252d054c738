"""Writing a decision log: in batches, to a temporary file that takes its name when all is written."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportAttributeAccessIssue=false

import json
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decision_log.checks import check_columns
from xbopt.core.decision_log.schema import (
    FLOAT_COLUMNS,
    INT_COLUMNS,
    METADATA_KEY,
    OPTIONAL_COLUMNS,
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
        with_exploration: Whether every batch gives ``exploration``.
        with_mask: Whether every batch gives ``allowed``.
        with_missing: Whether every batch gives ``filled`` and ``missing``.

    Raises:
        UsageError: On entering: the file cannot be written there.
        DecisionLogError: The disk refuses to take the rows.
    """

    def __init__(
        self,
        path: Path,
        schema: DecisionLogSchema,
        *,
        with_probabilities: bool = True,
        with_exploration: bool = False,
        with_mask: bool = False,
        with_missing: bool = False,
    ) -> None:
        self._path = path
        self._schema = schema
        self._with = {
            "action_probabilities": with_probabilities,
            "exploration": with_exploration,
            "allowed": with_mask,
            "observation": bool(schema.observation_names),
            "shadows": bool(schema.shadows),
            "filled": with_missing,
            "missing": with_missing,
        }
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
            given = {name for name, is_given in self._with.items() if is_given}
            writer = parquet.ParquetWriter(temporary, arrow_schema(self._schema, given), compression="zstd")
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
        """Append decisions. The decisions of one moment, which share episode and step, stand together.

        Raises:
            DecisionLogError: A wrong shape or value; the message names row and column. Nothing was appended.
        """
        if self._writer is None:
            raise DecisionLogError(f"{self._path}: the log is not open; use it in a with block.")
        for name, wanted in self._with.items():
            if (getattr(columns, name) is not None) != wanted:
                verb = "lacks" if wanted else "has"
                raise DecisionLogError(f"{self._path}: this batch {verb} {name}, unlike the log.")
        check_columns(columns, self._schema, where=str(self._path), first_row=self._rows)
        ids = columns.decision_id.tolist()
        known = next((row for row, one in enumerate(ids) if one in self._ids), None)
        if known is not None:
            raise DecisionLogError(
                f"{self._path}: row {self._rows + known + 1}, column decision_id: "
                f"{ids[known]!r} stands in an earlier row too."
            )
        self._ids.update(ids)
        table = arrow_table(columns, self._schema)
        for first, end in _pieces(columns):
            if self._pending_rows + end - first > _ROWS_PER_GROUP:
                self._flush()
            self._pending.append(table.slice(first, end - first))
            self._pending_rows += end - first
        self._rows += len(columns)

    def _flush(self) -> None:
        import pyarrow as pa

        if self._writer is not None and self._pending:
            try:
                self._writer.write_table(pa.concat_tables(self._pending), row_group_size=_ROWS_PER_GROUP)
            except OSError as error:
                raise DecisionLogError(f"{self._path}: the log cannot be written: {error}.") from error
            self._pending, self._pending_rows = [], 0


def _pieces(columns: DecisionColumns) -> Iterator[tuple[int, int]]:
    """First row and end of pieces that fit into a row group: a moment stays in one, so that it is read at once."""
    rows, first = len(columns), 0
    if rows > _ROWS_PER_GROUP:
        changes = (columns.episode_id[1:] != columns.episode_id[:-1]) | (columns.step[1:] != columns.step[:-1])
        begins = np.flatnonzero(changes) + 1
        while rows - first > _ROWS_PER_GROUP:
            last = int(np.searchsorted(begins, first + _ROWS_PER_GROUP, side="right")) - 1
            end = int(begins[last]) if last >= 0 and begins[last] > first else first + _ROWS_PER_GROUP
            yield first, end
            first = end
    yield first, rows


def arrow_schema(schema: DecisionLogSchema, given: Collection[str]) -> "pa.Schema":
    """The Arrow schema of a log, with names and units as metadata of file and columns.

    Args:
        schema: Names and units.
        given: The columns that not every log has, as far as this one has them.
    """
    import pyarrow as pa

    units = schema.context_units or ("",) * len(schema.context_names)
    numbers = pa.list_(pa.float64())
    named = [
        pa.field(column, pa.float64(), nullable=False, metadata={"name": name, "unit": unit})
        for column, name, unit in zip(schema.context_columns, schema.context_names, units, strict=True)
    ]
    labels = json.dumps(schema.choice_labels)
    optional = {
        "action_probabilities": [
            pa.field("action_probabilities", numbers, nullable=False, metadata={"actions": labels})
        ],
        "exploration": [pa.field("exploration", pa.float64(), nullable=True)],
        "allowed": [pa.field("allowed", pa.list_(pa.bool_()), nullable=False, metadata={"actions": labels})],
        "observation": [
            pa.field("observation", numbers, nullable=False, metadata={"names": json.dumps(schema.observation_names)})
        ],
        "shadows": [
            pa.field(shadow.column, numbers, nullable=True, metadata={"actions": labels}) for shadow in schema.shadows
        ],
        "filled": [pa.field("filled", pa.int64(), nullable=True)],
        "missing": [
            pa.field(
                "missing", pa.list_(pa.bool_()), nullable=True, metadata={"names": json.dumps(schema.context_names)}
            )
        ],
    }
    factors = json.dumps([factor.name for factor in schema.factors])
    money = {"reward": schema.reward_unit, "cost": schema.cost_unit}
    fields = [
        *(pa.field(name, pa.string(), nullable=False) for name in TEXT_COLUMNS),
        *(pa.field(name, pa.timestamp("us", tz="UTC"), nullable=False) for name in TIME_COLUMNS),
        *(
            pa.field(name, pa.list_(pa.int64()), nullable=False, metadata={"factors": factors})
            if schema.factors and name == "action"
            else pa.field(name, pa.int64(), nullable=False)
            for name in INT_COLUMNS
        ),
        *(
            pa.field(name, pa.float64(), nullable=name == "reward", metadata={"unit": money.get(name, "")})
            for name in FLOAT_COLUMNS
        ),
        pa.field("schema_version", pa.int64(), nullable=False),
        pa.field("context", numbers, nullable=False, metadata={"names": json.dumps(schema.context_names)}),
        *named,
        *(field for name, fields in optional.items() if name in given for field in fields),
    ]
    return pa.schema(fields, metadata={METADATA_KEY: json.dumps(schema_to_plain(schema)).encode()})


def arrow_table(columns: DecisionColumns, schema: DecisionLogSchema) -> "pa.Table":
    """Decisions as an Arrow table of the log's schema."""
    import pyarrow as pa

    target = arrow_schema(schema, {name for name in OPTIONAL_COLUMNS if getattr(columns, name) is not None})
    arrays: dict[str, object] = {name: getattr(columns, name) for name in (*INT_COLUMNS, *FLOAT_COLUMNS, "exploration")}
    unknown = None
    if columns.filled is not None:
        unknown = columns.filled < 0
        arrays["filled"] = pa.array(columns.filled, type=pa.int64(), mask=unknown)
    arrays |= {name: getattr(columns, name).tolist() for name in TEXT_COLUMNS}
    arrays |= {name: getattr(columns, name).astype("datetime64[us]") for name in TIME_COLUMNS}
    arrays["schema_version"] = np.full(len(columns), schema.version, dtype=np.int64)
    arrays |= dict(zip(schema.context_columns, columns.context.T, strict=True))
    for name in ("context", "action_probabilities", "allowed", "observation", "missing", "action"):
        values = getattr(columns, name)
        if values is not None and values.ndim > 1:
            arrays[name] = _lists(values, unknown if name == "missing" else None)
    if columns.shadows is not None:
        for shadow, values in zip(schema.shadows, np.moveaxis(columns.shadows, 1, 0), strict=True):
            arrays[shadow.column] = _lists(values)
    made = [
        array
        if isinstance(array := arrays[field.name], pa.Array)
        else pa.array(array, type=field.type, from_pandas=field.nullable)
        for field in target
    ]
    return pa.Table.from_arrays(made, schema=target)


def _lists(values: FloatArray | BoolArray | IntArray, empty: BoolArray | None = None) -> "pa.ListArray":
    """Rows ``(n, width)`` as lists; a row of nothing but NaN is empty (null), as are those that are named."""
    import pyarrow as pa

    rows, width = values.shape
    kind = {"f": np.float64, "b": np.bool_}.get(values.dtype.kind, np.int64)
    if values.dtype.kind == "f" and width and np.isnan(values[:, 0]).any():
        empty = np.asarray(np.isnan(values).all(axis=1))
    if empty is not None and empty.any():
        ends = np.concatenate([[0], np.cumsum(~empty)]).astype(np.int32) * np.int32(width)
        # A null where an entry begins makes the entry null.
        offsets = pa.array(ends, mask=np.append(empty, [False]))
        return pa.ListArray.from_arrays(offsets, np.ascontiguousarray(values[~empty], dtype=kind).ravel())
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
    return pa.ListArray.from_arrays(offsets, np.ascontiguousarray(values, dtype=kind).ravel())
