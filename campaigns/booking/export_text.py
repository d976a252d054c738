"""A text with separated columns as a table whose cells can be replaced; all other bytes stay as they are."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from xbopt.campaigns.booking.export_table import Cells, head_row
from xbopt.core.errors import UsageError
from xbopt.core.spreadsheets.text_files import decoded
from xbopt.imports.refusals import UnreadFileError

_SEPARATORS = (",", ";", "\t", "|")
_LINES_TO_JUDGE = 40
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030", "cp1252", "mac-roman")
_MARKS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}


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
        start = "\n".join(text.splitlines()[:_LINES_TO_JUDGE])

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
