"""Reading decision logs: a file, or a folder of files."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportAttributeAccessIssue=false

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decision_log.checks import check_columns, repeated
from xbopt.core.decision_log.reward_reach import joined_reach
from xbopt.core.decision_log.schema import (
    METADATA_KEY,
    OPTIONAL_COLUMNS,
    DecisionColumns,
    DecisionLog,
    DecisionLogSchema,
    TextArray,
    TimeArray,
    schema_from_plain,
)
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import DecisionLogError

if TYPE_CHECKING:
    import pyarrow as pa


def read_decision_log(path: Path) -> DecisionLog:
    """Read a decision log.

    Args:
        path: A Parquet file, or a folder in which every ``*.parquet`` file, however deep, is a part of the log, in
            the order of their paths. Names that begin with ``.`` or ``_`` are passed over.

    Raises:
        DecisionLogError: There is no such log, or it is broken; the message names file, row and column.
    """
    files = log_files(path)
    logs = [_read_file(file) for file in files]
    schema = logs[0].schema
    for file, log in zip(files[1:], logs[1:], strict=True):
        if log.schema != schema:
            raise DecisionLogError(
                f"{file}: its format version, context fields, actions, shadows or units differ from those of "
                f"{files[0]}."
            )
        for name in OPTIONAL_COLUMNS:
            if (getattr(log.columns, name) is None) != (getattr(logs[0].columns, name) is None):
                raise DecisionLogError(f"{file}: only some files of this log have the column {name}.")
    if len(logs) == 1:
        return logs[0]
    columns = _joined([log.columns for log in logs])
    again = np.flatnonzero(repeated(columns.decision_id))
    if len(again):
        ends = np.cumsum([len(log.columns) for log in logs])
        file = files[int(np.searchsorted(ends, again[0], side="right"))]
        raise DecisionLogError(
            f"{file}: decision {str(columns.decision_id[again[0]])!r} stands in an earlier file too."
        )
    reach = joined_reach(log.schema.reward_reach for log in logs)
    return DecisionLog(schema=replace(schema, reward_reach=reach), columns=columns)


def log_files(path: Path, suffixes: tuple[str, ...] = (".parquet",)) -> list[Path]:
    """The files of a log: the file itself, or every file with one of the endings below a folder, in order of path.

    Names that begin with ``.`` or ``_`` are passed over.

    Raises:
        DecisionLogError: There is no such file, or no file of these kinds in the folder.
    """
    if path.is_dir():
        found = sorted(
            file
            for file in path.rglob("*")
            if file.name.endswith(suffixes)
            and file.is_file()
            and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
        )
        if not found:
            raise DecisionLogError(f"{path}: this folder holds no {' or '.join(suffixes)} file.")
        return found
    if not path.exists():
        if not path.parent.is_dir():
            raise DecisionLogError(f"{path}: there is no such file; the folder {path.parent} does not exist either.")
        hint = suggest(path.name, (entry.name for entry in path.parent.iterdir()))
        raise DecisionLogError(f"{path}: there is no such file.{hint}")
    return [path]


def _read_file(file: Path) -> DecisionLog:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as source:
            return _converted(source.read(), file)
    except (pa.ArrowException, OSError, ValueError) as error:  # damaged text surfaces as a ValueError
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DecisionLogError(
            f"{file}: this is no complete Parquet file ({reason[:200]}). It may be cut off; write or copy it again."
        ) from error


def _converted(table: "pa.Table", file: Path) -> DecisionLog:
    schema = stated_schema(table.schema.metadata or {}, file)
    return DecisionLog(schema=schema, columns=decision_columns(table, schema, file=file))


def stated_schema(metadata: dict[bytes, bytes], file: Path) -> DecisionLogSchema:
    """The names and units that a file states of itself.

    Raises:
        DecisionLogError: It is no decision log, or one of another version.
    """
    if METADATA_KEY not in metadata:
        raise DecisionLogError(
            f"{file}: this is Parquet, but no decision log: the key {METADATA_KEY.decode()} is missing."
        )
    try:
        return schema_from_plain(json.loads(metadata[METADATA_KEY]))
    except (DecisionLogError, ValueError) as error:
        raise DecisionLogError(f"{file}: this log cannot be read: {error}") from error


def decision_columns(
    table: "pa.Table", schema: DecisionLogSchema, *, file: Path, first_row: int = 0, checked: bool = False
) -> DecisionColumns:
    """Rows of a file as checked arrays.

    Args:
        table: The rows, all columns.
        schema: What the file states of itself.
        file: Where they come from.
        first_row: Rows of the file that stand before these; messages count rows from 1.
        checked: Whether these rows were checked before; their values are not looked at again.

    Raises:
        DecisionLogError: A column is missing or of the wrong type, or a value is wrong; the message names the row.
    """
    columns = _Columns(table, file, first_row)
    other = np.flatnonzero(columns.integers("schema_version") != schema.version)
    if len(other):
        raise DecisionLogError(
            f"{file}: row {first_row + int(other[0]) + 1}, column schema_version: {schema.version} is wanted."
        )
    names, actions = table.column_names, sum(schema.levels)
    found = DecisionColumns(
        decision_id=columns.texts("decision_id"),
        timestamp=columns.times("timestamp"),
        episode_id=columns.texts("episode_id"),
        step=columns.integers("step"),
        unit=columns.texts("unit"),
        action=(
            columns.lists("action", len(schema.factors), whole=True).astype(np.int64)
            if schema.factors
            else columns.integers("action")
        ),
        propensity=columns.numbers("propensity"),
        reward=columns.numbers("reward", may_be_empty=True),
        cost=columns.numbers("cost"),
        reward_ready_at=columns.times("reward_ready_at"),
        policy_id=columns.texts("policy_id"),
        scenario_hash=columns.texts("scenario_hash"),
        context=columns.lists("context", len(schema.context_names)),
        action_probabilities=(
            columns.lists("action_probabilities", actions) if "action_probabilities" in names else None
        ),
        exploration=columns.numbers("exploration", may_be_empty=True) if "exploration" in names else None,
        allowed=columns.lists("allowed", actions) == 1.0 if "allowed" in names else None,
        observation=(
            columns.lists("observation", len(schema.observation_names))
            if schema.observation_names and "observation" in names
            else None
        ),
        shadows=(
            np.stack([columns.lists(one.column, actions, may_be_empty=True) for one in schema.shadows], axis=1)
            if schema.shadows and schema.shadows[0].column in names
            else None
        ),
        filled=columns.integers("filled", may_be_empty=True) if "filled" in names else None,
        missing=(
            columns.lists("missing", len(schema.context_names), may_be_empty=True) == 1.0
            if "missing" in names
            else None
        ),
    )
    if not checked:
        _check_named_context(columns, found.context, schema, file)
        check_columns(found, schema, where=str(file), first_row=first_row)
    return found


def _check_named_context(columns: "_Columns", context: FloatArray, schema: DecisionLogSchema, file: Path) -> None:
    for position, name in enumerate(schema.context_columns):
        differs = np.flatnonzero(columns.numbers(name) != context[:, position])
        # NaN differs from itself; the check of values that follows has the better words for it.
        differs = [row for row in differs.tolist() if not np.isnan(context[row, position])]
        if differs:
            place = f"{file}: row {columns.first_row + differs[0] + 1}, column {name}"
            raise DecisionLogError(f"{place}: differs from the same field of context.")


class _Columns:
    """The columns of a table as arrays, of the type that is wanted."""

    def __init__(self, table: "pa.Table", file: Path, first_row: int) -> None:
        self.table = table
        self.file = file
        self.first_row = first_row

    def texts(self, name: str) -> TextArray:
        import pyarrow as pa

        column = self._column(name, "text")
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise self._wrong_type(name, column.type, "text")
        return np.array(column.to_pylist(), dtype=np.str_).reshape(len(column))

    def times(self, name: str) -> TimeArray:
        import pyarrow as pa

        column = self._column(name, "a UTC timestamp")
        if not pa.types.is_timestamp(column.type) or column.type.tz not in {"UTC", "+00:00", "Etc/UTC", "Z"}:
            raise self._wrong_type(name, column.type, "a UTC timestamp")
        return np.asarray(column.cast(pa.timestamp("us", tz="UTC")).to_numpy()).astype("datetime64[us]")

    def integers(self, name: str, *, may_be_empty: bool = False) -> IntArray:
        """A column of whole numbers; where there may be empty values, -1 stands for them, and no number is below 0."""
        import pyarrow as pa

        column = self._column(name, "whole numbers", may_be_empty=may_be_empty)
        if not pa.types.is_integer(column.type):
            raise self._wrong_type(name, column.type, "whole numbers")
        if may_be_empty:
            below = np.flatnonzero(np.asarray(column.fill_null(0).to_numpy()) < 0)
            if len(below):
                row = self.first_row + int(below[0]) + 1
                raise DecisionLogError(f"{self.file}: row {row}, column {name}: is below 0.")
            column = column.fill_null(-1)
        return np.asarray(column.to_numpy(), dtype=np.int64)

    def numbers(self, name: str, *, may_be_empty: bool = False) -> FloatArray:
        """A column of numbers; NaN stands for empty values where there may be any."""
        import pyarrow as pa
        from pyarrow import compute

        column = self._column(name, "numbers", may_be_empty=may_be_empty)
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise self._wrong_type(name, column.type, "numbers")
        if may_be_empty and pa.types.is_floating(column.type):
            # In memory NaN stands for an empty value, so a NaN in the file itself would pass for one.
            is_nan = compute.is_nan(column).fill_null(fill_value=False).to_numpy()
            if is_nan.any():
                row = int(np.flatnonzero(is_nan)[0])
                raise DecisionLogError(
                    f"{self.file}: row {self.first_row + row + 1}, column {name}: is nan; leave it empty (null)."
                )
        return np.asarray(column.to_numpy(), dtype=np.float64)

    def lists(self, name: str, width: int, *, may_be_empty: bool = False, whole: bool = False) -> FloatArray:
        """A column of lists as an array ``(n, width)``; NaN stands for an empty list where there may be any."""
        import pyarrow as pa
        from pyarrow import compute

        wanted = "lists of whole numbers" if whole else "lists of numbers"
        column = self._column(name, wanted, may_be_empty=may_be_empty)
        kind = column.type
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        held = kind.value_type if is_list else kind
        fits = pa.types.is_integer(held) if whole else pa.types.is_floating(held) or pa.types.is_boolean(held)
        if not (is_list and fits):
            raise self._wrong_type(name, kind, wanted)
        rows: list[FloatArray] = []
        done = 0
        for chunk in column.chunks:
            known = np.asarray(chunk.is_valid().to_numpy(zero_copy_only=False))
            lengths = np.asarray(compute.list_value_length(chunk).to_numpy(zero_copy_only=False))
            wrong = np.flatnonzero(known & (lengths != width))
            if len(wrong):
                row = int(wrong[0])
                place = f"{self.file}: row {self.first_row + done + row + 1}, column {name}"
                raise DecisionLogError(f"{place}: has {int(lengths[row])} entries; {width} are wanted.")
            values = chunk.flatten()
            if values.null_count:
                row = int(np.flatnonzero(np.asarray(values.is_null()))[0]) // max(width, 1)
                raise DecisionLogError(
                    f"{self.file}: row {self.first_row + done + row + 1}, column {name}: holds an empty value (null)."
                )
            read = np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64).reshape(int(known.sum()), width)
            if not known.all():
                every = np.full((len(chunk), width), np.nan)
                every[known] = read
                read = every
            rows.append(read)
            done += len(chunk)
        return np.concatenate(rows) if rows else np.zeros((0, width))

    def _column(self, name: str, wanted: str, *, may_be_empty: bool = False) -> "pa.ChunkedArray":
        names: list[str] = self.table.column_names
        if name not in names:
            hint = suggest(name, names)
            raise DecisionLogError(f"{self.file}: the column {name!r} is missing; it holds {wanted}.{hint}")
        column = self.table.column(name)
        if column.null_count and not may_be_empty:
            row = int(np.flatnonzero(np.asarray(column.is_null()))[0])
            raise DecisionLogError(f"{self.file}: row {self.first_row + row + 1}, column {name}: is empty (null).")
        return column

    def _wrong_type(self, name: str, found: object, wanted: str) -> DecisionLogError:
        return DecisionLogError(f"{self.file}: column {name} holds {found}; wanted: {wanted}.")


def _joined(parts: list[DecisionColumns]) -> DecisionColumns:
    given = [one.name for one in fields(DecisionColumns) if getattr(parts[0], one.name) is not None]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in given}
    return replace(parts[0], **joined)
