"""A user's own export as a table whose cells can be replaced while every other byte stays as it is."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from xbopt.core.errors import UsageError
from xbopt.core.spreadsheets.text_files import decoded
from xbopt.imports.refusals import UnreadFileError

_SEPARATORS = (",", ";", "\t", "|")
_LINES_TO_HEAD = 40
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030", "cp1252", "mac-roman")
_MARKS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
_HEADERS_KEPT = 4096
Cells = Mapping[tuple[int, int], str]
"""New texts by row and position, both from 0."""


class ExportTable(Protocol):
    """Rows of texts, the head among them."""

    @property
    def rows(self) -> Sequence[Sequence[str]]:
        """All rows as they stand there, empty ones and those above the head as well."""
        ...

    @property
    def separator(self) -> str | None:
        """What separates columns; None in a workbook."""
        ...

    @property
    def suffix(self) -> str:
        """How the name of such a file ends."""
        ...

    def with_cells(self, cells: Cells) -> bytes:
        """The file with some cells replaced.

        Raises:
            UnreadFileError: A cell cannot be replaced.
        """
        ...


@lru_cache(_HEADERS_KEPT)
def plain_header(text: str) -> str:
    """A header without case, blanks and underscores."""
    return re.sub(r"[\s_\ufeff]+", "", text).casefold()


def export_table(template: bytes | Path, is_column: Callable[[str], bool], sheet: str = "") -> ExportTable:
    """Read an export.

    Args:
        template: The file, or what it holds.
        is_column: Whether a header is one of those wanted.
        sheet: Regex of the sheet's name in a workbook.

    Raises:
        UsageError: The file is not there.
        UnreadFileError: It is no table.
    """
    try:
        content = template.read_bytes() if isinstance(template, Path) else template
    except OSError as error:
        raise UsageError(f"{template}: {error.strerror}.") from None
    file = str(template) if isinstance(template, Path) else ""
    if content[:2] == b"PK":
        from xbopt.campaigns.booking.export_workbook import ExportWorkbook

        return ExportWorkbook.of(content, is_column, sheet, file)
    return ExportText.of(content, is_column, file)


def head_row(rows: Sequence[Sequence[str]], is_column: Callable[[str], bool]) -> int | None:
    """Which of the first rows names most wanted columns, the first of them; None where none names two."""
    named = [len({plain_header(cell) for cell in row if is_column(cell)}) for row in rows[:_LINES_TO_HEAD]]
    best = max(named, default=0)
    return named.index(best) if best > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportText:
    """A text with separated columns, and where each cell stands in it (RFC 4180)."""

    rows: tuple[tuple[str, ...], ...]
    separator: str
    _text: str
    _places: tuple[tuple[tuple[int, int], ...], ...]
    _encoding: str
    _mark: bytes

    @property
    def suffix(self) -> str:
        """What Excel opens: tabs in UTF-16 are called csv by the platforms themselves."""
        return ".csv"

    @classmethod
    def of(cls, content: bytes, is_column: Callable[[str], bool], file: str = "") -> "ExportText":
        """Read a text."""
        mark, encoding, text = _decoded(content, file)
        start = "\n".join(text.splitlines()[:_LINES_TO_HEAD])

        def named(separator: str) -> tuple[int, int]:
            rows, _ = _split(start, separator, is_whole=False)
            position = head_row(rows, is_column)
            found = 0 if position is None else sum(is_column(cell) for cell in rows[position])
            return found, start.count(separator)

        separator = max(_SEPARATORS, key=named)
        rows, places = _split(text, separator)
        return cls(rows=rows, separator=separator, _text=text, _places=places, _encoding=encoding, _mark=mark)

    def with_cells(self, cells: Cells) -> bytes:
        """The text with some cells replaced; a row that ends early is filled up."""
        pieces: list[str] = []
        done = 0
        for row, column in sorted(cells):
            places = self._places[row]
            missing = column - len(places) + 1
            begin, end = places[column] if missing <= 0 else (places[-1][1], places[-1][1])
            quoted = self._text[begin : begin + 1] == '"' and missing <= 0
            new = _written(cells[row, column], self.separator, quoted=quoted)
            pieces += [self._text[done:begin], self.separator * max(missing, 0), new]
            done = end
        return self._mark + "".join([*pieces, self._text[done:]]).encode(self._encoding)


def _written(text: str, separator: str, *, quoted: bool) -> str:
    if quoted or separator in text or '"' in text or "\n" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _decoded(content: bytes, file: str) -> tuple[bytes, str, str]:
    """Byte-order mark, encoding and text, such that the text gives the same bytes again."""
    try:
        text = decoded(content)
    except UsageError:
        text = ""
    for encoding in _ENCODINGS if text.strip() else ():
        for mark in (b"", _MARKS.get(encoding, b"")):
            try:
                if mark + text.encode(encoding) == content:
                    return mark, encoding, text
            except UnicodeEncodeError:
                continue
    raise UnreadFileError(file, "no_text", "This is no table as a platform exports it. Export it again as CSV or XLSX.")


def _split(
    text: str, separator: str, *, is_whole: bool = True
) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[tuple[int, int], ...], ...]]:
    """Rows of cells, and where each cell begins and ends in the text.

    A quotation mark that is never closed is an error in a whole text, and may be cut off in the beginning of one.
    """
    end = rf"({re.escape(separator)}|\r\n|\n|\r|\Z)"
    begin = '(?!")' if is_whole else ""
    unquoted = rf"({begin}[^{re.escape(separator)}\r\n]*)"
    cell = re.compile(rf'(?:"([^"]*(?:""[^"]*)*)"|{unquoted}){end}')
    rows: list[tuple[str, ...]] = []
    places: list[tuple[tuple[int, int], ...]] = []
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    position = 0
    while position < len(text) or texts:
        found = cell.match(text, position)
        if found is None:
            line = text.count("\n", 0, position) + 1
            raise UnreadFileError("", "no_table", f"Line {line} is no row of a table: a quotation mark is not closed.")
        quoted, plain, after = found.groups()
        texts.append(quoted.replace('""', '"') if quoted is not None else plain)
        spans.append((found.start(), found.start(3)))
        position = found.end()
        if after != separator:
            rows.append(tuple(texts))
            places.append(tuple(spans))
            texts, spans = [], []
    return tuple(rows), tuple(places)


def plain_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """A table as CSV in UTF-8."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows(rows)
    return stream.getvalue().encode()
