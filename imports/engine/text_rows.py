"""Tables as text: the records at the start, and all rows below the head, in batches of texts."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

import csv
import io
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

import polars as pl

from xbopt.imports.engine.containers import Source, text_stream
from xbopt.imports.refusals import RefusedFileError, UnreadFileError

if TYPE_CHECKING:
    from pyarrow.csv import InvalidRow

csv.field_size_limit(1 << 24)
BATCH_ROWS = 200_000
# From so many bytes on a plain file is read by a faster reader.
FAST_FROM = 8 << 20
_MOST_INVALID = 1000
_END = "\x1e"
SHORT, LONG = "__fewer_cells", "__more_cells"


class NotPlainError(Exception):
    """Raised by the fast reader where a file is not as regular as it has to be; the careful one takes over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first records of a text, split at one delimiter.

    Attributes:
        delimiter: Between cells.
        records: Cells of each record.
        lines: How many lines of the file end with each record.
    """

    delimiter: str
    records: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]


def starts(source: Source, encoding: str, delimiters: Sequence[str], most: int) -> list[Start]:
    """The first records of a text file, by each delimiter; only by the one that a first line ``sep=`` names."""
    with text_stream(source, encoding) as stream:
        lines = list(islice(stream, most * 20))
    said = lines[0].strip(' \ufeff\r\n"').casefold() if lines else ""
    if said.startswith("sep=") and len(said) >= 5:
        delimiters = (lines[0].strip(' \ufeff\r\n"')[4],)
    elif said.startswith("sep="):
        delimiters = ("\t",)
    found: list[Start] = []
    for delimiter in delimiters:
        reader = csv.reader(io.StringIO("".join(lines), newline=""), delimiter=delimiter)
        records: list[tuple[str, ...]] = []
        ends: list[int] = []
        try:
            for cells in islice(reader, most):
                records.append(tuple(cells))
                ends.append(reader.line_num)
        except csv.Error:
            continue
        found.append(Start(delimiter=delimiter, records=tuple(records), lines=tuple(ends)))
    return found


def careful_rows(
    source: Source, encoding: str, delimiter: str, head: int, width: int, wanted: Sequence[int]
) -> Generator[pl.DataFrame]:
    """All rows below the record ``head``, from any text.

    Args:
        source: The file.
        encoding: Its encoding.
        delimiter: Between cells.
        head: Position of the head among the records.
        width: How many cells it has.
        wanted: Positions of the columns to give.

    Yields:
        Columns ``c0``, ``c7`` ... of the wanted positions, and whether a row has fewer or more cells than the head.

    Raises:
        RefusedFileError: A quotation mark is never closed: the file is cut off, or damaged.
    """
    with text_stream(source, encoding) as stream:
        # Behind the last line stands a mark: an open quotation mark swallows it.
        reader = csv.reader(chain(stream, ["\n", _END]), delimiter=delimiter)
        try:
            for _ in range(head + 1):
                next(reader, None)
            ended = False
            while batch := [cells for cells in islice(reader, BATCH_ROWS) if cells]:
                ended = batch[-1] == [_END]
                if ended:
                    batch.pop()
                yield frame_of(batch, width, wanted)
        except csv.Error as error:
            raise _cut(source, f"about line {reader.line_num} is no line of a table ({error})") from None
    if not ended:
        raise _cut(source, "a quotation mark is never closed")


def _cut(source: Source, why: str) -> RefusedFileError:
    return RefusedFileError(source.name, "cut_file", f"The file is cut off or damaged: {why}. Export it again.")


def frame_of(batch: Sequence[Sequence[str | None]], width: int, wanted: Sequence[int]) -> pl.DataFrame:
    """Rows as columns of text."""
    columns = {
        f"c{i}": pl.Series([cells[i] if i < len(cells) else None for cells in batch], dtype=pl.String) for i in wanted
    }
    lengths = [len(cells) for cells in batch]
    return pl.DataFrame(
        {
            **columns,
            SHORT: pl.Series([length < width for length in lengths], dtype=pl.Boolean),
            LONG: pl.Series([any(cells[width:]) for cells in batch], dtype=pl.Boolean),
        }
    )


def fast_rows(
    source: Source, delimiter: str, skipped_lines: int, width: int, wanted: Sequence[int]
) -> Generator[pl.DataFrame]:
    """The same rows of a large plain file in UTF-8, by Arrow's reader.

    Raises:
        NotPlainError: The file has rows of other lengths amidst the others, or Arrow cannot read it.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = [f"c{i}" for i in range(width)]
    others: list[tuple[int, str]] = []

    def keep(row: "InvalidRow") -> str:
        others.append((row.number or 0, row.text))
        return "skip" if len(others) < _MOST_INVALID else "error"

    rows = 0
    with source.open() as stream:
        for _ in range(skipped_lines):
            stream.readline()
        try:
            reader = arrow_csv.open_csv(
                stream,
                read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=8 << 20),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), include_columns=[f"c{i}" for i in wanted],
                    strings_can_be_null=False,
                ),
            )  # fmt: skip
            for batch in reader:
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                rows += frame.height
                yield frame.with_columns(pl.lit(value=False).alias(SHORT), pl.lit(value=False).alias(LONG))
        except pa.ArrowInvalid as error:
            raise NotPlainError(str(error)) from None
    if others and min(number for number, _ in others) <= rows:
        raise NotPlainError("rows of other lengths stand amidst the others")
    below = [cells for _, text in others for cells in csv.reader([text], delimiter=delimiter) if cells]
    if below:
        yield frame_of(below, width, wanted)


def check_delimiters(source: Source, found: Sequence[Start]) -> None:
    """Raise where a text cannot be split at all."""
    if not found:
        raise UnreadFileError(
            source.name, "no_table", "This is no table: its cells cannot be told apart. Export it as CSV."
        )
