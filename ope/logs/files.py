"""The files of a log, and their rows in batches: Parquet, CSV, JSON lines, folders of them, or a table."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

import gzip
import hashlib
import re
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from xbopt.core.decision_log.reader import log_files
from xbopt.core.decision_log.schema import METADATA_KEY
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope.logs.file_kinds import is_json
from xbopt.ope.logs.json_lines import JsonRows, look_through
from xbopt.ope.logs.tables import TABLE, TableRows, is_table

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536
"""Rows in memory at once; it changes no result."""
_SUFFIXES = (".parquet", ".csv", ".csv.gz")
_LINES = tuple(f".{name}{zipped}" for name in ("jsonl", "ndjson", "dsjson") for zipped in ("", ".gz"))
_JSON_SUFFIXES = tuple(f".{name}{zipped}" for name in ("jsonl", "ndjson", "dsjson", "json") for zipped in ("", ".gz"))
_DELIMITERS = (",", ";", "\t", "|")
_HEADER_BYTES = 65_536

_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")

_HASH_BLOCK = 1 << 20

Format = Literal["parquet", "csv", "json", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One file of a log.

    Attributes:
        path: Where it is; the word table for a table in memory.
        format: Parquet, text with one delimiter, possibly zipped, or a table in memory.
        names: Its columns, those of its folders' names (``country=DE``) included.
        constants: Columns that its folders' names give, and their values.
        delimiter: What stands between the columns of a text file.
        rows_of_groups: Rows of each row group of a Parquet file, or of each slice of a table.
        inside: Its path within the log's folder; empty for a log that is one file.
        table: The rows of a table; None for a file.
        json: The rows of a file with one JSON object a line; None for any other.
    """

    path: Path
    format: Format
    names: tuple[str, ...]
    constants: Mapping[str, str]
    delimiter: str = ","
    rows_of_groups: tuple[int, ...] = ()
    inside: str = ""
    table: TableRows | None = field(default=None, repr=False, compare=False)
    json: JsonRows | None = field(default=None, repr=False)

    @property
    def metadata(self) -> Mapping[bytes, bytes]:
        """What the file or table states of itself; empty for text."""
        if self.table is not None:
            return self.table.table.schema.metadata or {}
        if self.format != "parquet":
            return {}
        from pyarrow import parquet

        with _broken(self.path):
            return parquet.read_schema(self.path).metadata or {}

    def digest(self) -> str:
        """SHA-256 of the bytes of a file, or of the content of a table."""
        if self.table is not None:
            return self.table.digest()
        digest = hashlib.sha256()
        with self.path.open("rb") as source:
            while block := source.read(_HASH_BLOCK):
                digest.update(block)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """A part of a log that one worker reads.

    Attributes:
        file: The file.
        groups: Row groups of a Parquet file, or slices of a table; empty for all rows.
        first_row: Rows of the file that stand before.
        first_of_log: Rows of the whole log that stand before; 0 as long as nobody counted.
    """

    file: LogFile
    groups: tuple[int, ...] = ()
    first_row: int = 0
    first_of_log: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBatch:
    """Some rows, as they stand in the file.

    Attributes:
        columns: Arrow arrays by column.
        rows: Number of rows.
        place: The file's name.
        first_row: Rows of the file that stand before.
    """

    columns: "Mapping[str, pa.Array]" = field(repr=False)
    rows: int
    place: str
    first_row: int


def open_files(path: Path) -> list[LogFile]:
    """The files of a log, with their columns; every file must have the same.

    Raises:
        DecisionLogError: A file is missing, broken, of another kind, or differs in its columns.
    """
    found = _found(path)
    objects = [is_json(one) for one in found]
    if all(objects):
        return _json_files(found, path)
    if any(objects):
        raise DecisionLogError(
            f"{path}: {found[objects.index(True)].name} holds JSON, others do not; one kind is wanted."
        )
    files = [_opened(one, path) for one in found]
    for file in files[1:]:
        if set(file.names) != set(files[0].names):
            odd = sorted(set(file.names) ^ set(files[0].names))
            raise DecisionLogError(f"{file.path}: its columns differ from those of {files[0].path}: {', '.join(odd)}.")
    return files


def _found(path: Path) -> list[Path]:
    """The files of a log; in a folder JSON counts where nothing else lies there, since it may describe the rest."""
    try:
        found = log_files(path, _SUFFIXES)
    except DecisionLogError:
        if not path.is_dir():
            raise
        return log_files(path, (*_SUFFIXES, *_JSON_SUFFIXES))
    lines = [one for one in sorted(path.rglob("*")) if one.name.endswith(_LINES)] if path.is_dir() else []
    if lines:
        raise DecisionLogError(
            f"{path}: {lines[0].relative_to(path)} holds JSON lines, and {found[0].name} does not. One kind of file is "
            "wanted in a folder, lest rows be left out."
        )
    return found


def _json_files(found: Sequence[Path], top: Path) -> list[LogFile]:
    """Files with one JSON object a line; a key that one file lacks is empty there."""
    try:
        columns = look_through(found)
    except (OSError, EOFError, zlib.error) as error:
        raise DecisionLogError(f"{top}: this cannot be read ({error}). It may be cut off or damaged.") from error
    files: list[LogFile] = []
    for path in found:
        constants = _folder_names(path, top, tuple(columns.kinds))
        files.append(
            LogFile(
                path=path,
                format="json",
                names=(*columns.kinds, *constants),
                constants=constants,
                inside=_inside(path, top),
                json=JsonRows(path, columns),
            )
        )
    return files


def open_source(source: object) -> tuple[Path, list[LogFile]]:
    """The path and the files of a log that is a path or a table.

    Raises:
        UsageError: It is neither.
        DecisionLogError: As ``open_files`` and ``open_table``.
    """
    if isinstance(source, str | Path):
        return Path(source), open_files(Path(source))
    if is_table(source):
        return Path(TABLE), open_table(source)
    raise UsageError(
        f"A path is wanted, or a table with __arrow_c_stream__ such as a data frame; {type(source).__name__} was given."
    )


def open_table(source: object) -> list[LogFile]:
    """A table in memory as the one file of a log.

    Raises:
        DecisionLogError: It is no table.
    """
    table = TableRows.of(source)
    _refuse_twice(table.names, TABLE)
    return [
        LogFile(
            path=Path(TABLE),
            format="table",
            names=tuple(table.names),
            constants={},
            rows_of_groups=table.rows_of_groups,
            table=table,
        )
    ]


def is_own_log(file: LogFile) -> bool:
    """Whether xbopt itself wrote the file."""
    return METADATA_KEY in file.metadata


def split(files: Sequence[LogFile], *, rows: int = 4_000_000) -> list[LogPart]:
    """Parts of about that many rows: row groups of Parquet files together, and whole text files."""
    parts: list[LogPart] = []
    for file in files:
        groups: list[int] = []
        first, held = 0, 0
        for group, size in enumerate(file.rows_of_groups):
            groups.append(group)
            held += size
            if held >= rows:
                parts.append(LogPart(file=file, groups=tuple(groups), first_row=first))
                groups, first, held = [], first + held, 0
        if groups or not file.rows_of_groups:
            parts.append(LogPart(file=file, groups=tuple(groups), first_row=first))
    return parts


def read_part(part: LogPart, columns: Sequence[str], *, batch_rows: int = BATCH_ROWS) -> Iterator[RawBatch]:
    """The rows of a part, some columns of them. Values of text files come as text, empty ones as null.

    Raises:
        DecisionLogError: The file is broken; the message names the row where it is known.
    """
    file, first = part.file, part.first_row
    wanted = [name for name in columns if name not in file.constants]
    with _broken(file.path):
        for batch in _batches(part, wanted, batch_rows):
            if batch.num_rows:
                yield _raw(batch, file, columns, first)
            first += batch.num_rows


def _batches(part: LogPart, columns: list[str], batch_rows: int) -> "Iterator[pa.RecordBatch]":
    if part.file.json is not None:
        return part.file.json.batches(columns, rows=batch_rows)
    if part.file.table is not None:
        return part.file.table.batches(columns, part.groups, rows=batch_rows)
    return _parquet(part, columns, batch_rows) if part.file.format == "parquet" else _text(part.file, columns)


def _raw(batch: "pa.RecordBatch", file: LogFile, columns: Sequence[str], first: int) -> RawBatch:
    import pyarrow as pa

    found: dict[str, pa.Array] = {
        name: pa.array([file.constants[name]] * batch.num_rows, type=pa.string())
        if name in file.constants
        else batch.column(name)
        for name in columns
    }
    return RawBatch(columns=found, rows=batch.num_rows, place=str(file.path), first_row=first)


def _parquet(part: LogPart, columns: list[str], batch_rows: int) -> "Iterator[pa.RecordBatch]":
    from pyarrow import parquet

    with parquet.ParquetFile(part.file.path) as source:
        # One row group at a time: asked for several, the library reads ahead, and memory grows with the file.
        for group in part.groups:
            yield from source.iter_batches(
                batch_size=batch_rows, row_groups=[group], columns=columns, use_threads=False
            )


def _text(file: LogFile, columns: list[str]) -> "Iterator[pa.RecordBatch]":
    """Batches of a text file. One thread reads, because only then do errors name the row."""
    import pyarrow as pa
    from pyarrow import csv

    with csv.open_csv(
        file.path,
        read_options=csv.ReadOptions(use_threads=False),
        parse_options=csv.ParseOptions(delimiter=file.delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=columns,
            null_values=[""],
            strings_can_be_null=True,
        ),
    ) as source:
        yield from source


def _opened(path: Path, top: Path) -> LogFile:
    is_parquet = _is_parquet(path)
    names, groups, delimiter = _names(path) if is_parquet else _header(path)
    _refuse_twice(names, str(path))
    constants = _folder_names(path, top, names)
    return LogFile(
        path=path,
        format="parquet" if is_parquet else "csv",
        names=(*names, *constants),
        constants=constants,
        delimiter=delimiter,
        rows_of_groups=groups,
        inside=_inside(path, top),
    )


def _inside(path: Path, top: Path) -> str:
    return path.relative_to(top).as_posix() if top.is_dir() else ""


def _folder_names(path: Path, top: Path, names: Sequence[str]) -> dict[str, str]:
    """Columns that the names of folders give, as in country=DE."""
    folders = path.relative_to(top).parts[:-1] if top.is_dir() else ()
    constants = dict(part.split("=", 1) for part in folders if "=" in part)
    return {name: value for name, value in constants.items() if name not in names}


def _refuse_twice(names: Sequence[str], place: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DecisionLogError(f"{place}: the column {twice[0]!r} stands there more than once.")


def _is_parquet(path: Path) -> bool:
    if path.name.endswith(_SUFFIXES):
        return path.name.endswith(".parquet")
    with _broken(path), path.open("rb") as source:
        return source.read(4) == b"PAR1"


def _names(path: Path) -> tuple[list[str], tuple[int, ...], str]:
    from pyarrow import parquet

    with _broken(path), parquet.ParquetFile(path) as source:
        facts = source.metadata
        groups = tuple(facts.row_group(i).num_rows for i in range(facts.num_row_groups))
        return list(source.schema_arrow.names), groups, ","


def _header(path: Path) -> tuple[list[str], tuple[int, ...], str]:
    import csv as plain_csv

    with _broken(path):
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as source:
            start = source.read(_HEADER_BYTES)
        line = start.decode("utf-8-sig").splitlines()[0] if start.strip() else ""
    if not line:
        raise DecisionLogError(f"{path}: the file is empty; its first line should name the columns.")
    delimiter = max(_DELIMITERS, key=line.count)
    return next(plain_csv.reader([line], delimiter=delimiter)), (), delimiter


@contextmanager
def _broken(path: Path) -> Generator[None]:
    """Turn what pyarrow says of a broken file into our own error."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        ragged = _RAGGED.search(str(error))
        if ragged:
            line, wanted, found = (int(number) for number in ragged.groups())
            raise DecisionLogError(
                f"{path}: row {line - 1} (line {line}) has {found} columns; the first line names {wanted}."
            ) from error
        lines = str(error).splitlines()
        reason = lines[0][:200] if lines else type(error).__name__
        what = "Parquet file" if path.name.endswith(".parquet") else "text file with columns"
        encoding = isinstance(error, UnicodeDecodeError) or "UTF8" in reason.upper().replace("-", "")
        advice = (
            "It is not in UTF-8. Was it saved as Windows-1252 (Latin)? Save it as UTF-8, or turn it over: iconv -f "
            "WINDOWS-1252 -t UTF-8."
            if encoding and not path.name.endswith(".parquet")
            else "It may be cut off or damaged; write or copy it again."
        )
        raise DecisionLogError(f"{path}: this is no complete {what} ({reason}). {advice}") from error
