"""A sheet of cells from a file: CSV in any usual encoding and separator, or a workbook."""

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from xbopt.core.errors import UsageError

Cell = str | float | datetime | None
"""What a cell holds: stripped text, a workbook's number or moment, or None where it is empty."""

WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_SEPARATORS = (",", ";", "\t")
# Rows 16 to 55 of GB 2312: the characters of everyday Chinese stand there, and both of their bytes are high.
_CHINESE_LEADS, _HIGH = range(0xB0, 0xF8), 0xA1


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line below the head, at least as long as it. ``line`` counts from 1 as editors and spreadsheets do."""

    line: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table: the names in its head, and the rows below.

    Attributes:
        head: Column names as they stand there.
        head_line: Line of the head.
        rows: Rows that hold anything.
        separator: Of a text file; None of a workbook.
        raw: Lines of a text file, for places; empty of a workbook.
    """

    head: tuple[str, ...]
    head_line: int
    rows: tuple[Row, ...]
    separator: str | None = None
    raw: tuple[str, ...] = ()

    def place(self, line: int, index: int) -> int:
        """Where the cell of that index starts: the character in a text file's line, the column of a workbook."""
        if self.separator is None or not 0 < line <= len(self.raw):
            return index + 1
        start, quoted, passed = 1, False, 0
        for position, character in enumerate(self.raw[line - 1], start=1):
            if passed == index:
                break
            quoted ^= character == '"'
            if character == self.separator and not quoted:
                passed, start = passed + 1, position + 1
        return start


def read_sheet(path: Path | str) -> Sheet:
    """Read the first table of a file. The first line that holds anything is its head.

    Raises:
        UsageError: The file is not there, is no table, or is empty.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{error.strerror}.") from None
    if Path(path).suffix.lower() in WORKBOOKS:
        return _sheet(_workbook_rows(content), separator=None, raw=())
    if content[:2] == b"PK":
        raise UsageError("This is a workbook under another name; let its name end in .xlsx.")
    text = decoded(content)
    raw = tuple(text.splitlines())
    first = next((line for line in raw if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    rows: list[tuple[int, Sequence[Cell]]] = []
    try:
        began = 1
        for cells in reader:
            rows.append((began, [cell.strip() or None for cell in cells]))
            began = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(f"Line {reader.line_num} is no line of a table: {error}.") from None
    return _sheet(rows, separator=separator, raw=raw)


def decoded(content: bytes) -> str:
    """The text of a file saved by an office program: UTF-8, UTF-16, Windows-1252, or Chinese Windows (GB 18030).

    Raises:
        UsageError: It is none of these.
    """
    if b"\x00" in content[:4096]:
        marked = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        encodings = ("utf-16",) if marked else ("utf-16-le" if content[1:2] == b"\x00" else "utf-16-be",)
    else:
        encodings = ("utf-8-sig", "gb18030" if _looks_chinese(content) else "cp1252")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise UsageError("This is no text that a spreadsheet saves; save it as CSV in UTF-8, or as .xlsx.")


def _looks_chinese(content: bytes) -> bool:
    """Whether all bytes beyond ASCII come in pairs that are everyday Chinese characters."""
    pairs, lead = 0, None
    for byte in content:
        if lead is not None:
            if byte < _HIGH:
                return False
            pairs, lead = pairs + 1, None
        elif byte >= 0x80:
            if byte not in _CHINESE_LEADS:
                return False
            lead = byte
    return pairs > 0 and lead is None


def _workbook_rows(content: bytes) -> list[tuple[int, Sequence[Cell]]]:
    # Only those who have a workbook wait for its reader.
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = book.sheet_names
        values = book.get_sheet_by_name(names[0]).to_python(skip_empty_area=False) if names else []
    except (CalamineError, zipfile.BadZipFile, OSError) as error:
        raise UsageError(f"This workbook cannot be opened ({error}); save it again as .xlsx.") from None
    return [(line, [_cell(value) for value in row]) for line, row in enumerate(values, start=1)]


def _cell(value: object) -> Cell:
    """A workbook's value as a cell: dates become moments, truth values and durations text."""
    if isinstance(value, bool) or value is None:
        return None if value is None else str(value)
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, (time, timedelta)):
        return str(value)
    return str(value).strip() or None


def _sheet(rows: Sequence[tuple[int, Sequence[Cell]]], *, separator: str | None, raw: tuple[str, ...]) -> Sheet:
    filled = [(line, cells) for line, cells in rows if any(cell is not None for cell in cells)]
    if not filled:
        raise UsageError("The file is empty; its first line has to name the columns.")
    (head_line, head), *below = filled
    # Spreadsheets save empty columns at the right.
    width = max(i for i, cell in enumerate(head) if cell is not None) + 1
    names = tuple("" if cell is None else str(cell) for cell in head[:width])
    made = [Row(line=line, cells=_fitted(cells, width)) for line, cells in below]
    return Sheet(head=names, head_line=head_line, rows=tuple(made), separator=separator, raw=raw)


def _fitted(cells: Sequence[Cell], width: int) -> tuple[Cell, ...]:
    """Cells without empty ones beyond the head, filled up to its width."""
    end = max((i for i, cell in enumerate(cells) if cell is not None), default=-1) + 1
    return (*cells[: max(end, width)], *([None] * (width - len(cells))))
