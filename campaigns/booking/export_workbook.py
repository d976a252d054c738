"""A workbook (ECMA-376) whose cells are replaced in its markup: everything else in the archive stays as it is."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from posixpath import normpath
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from xbopt.campaigns.booking.export_table import Cells, head_row
from xbopt.core.spreadsheets.sheet import column_letters
from xbopt.imports.refusals import UnreadFileError

_ROW = re.compile(r"<((?:\w+:)?)row\b([^>]*?)(?:(/)>|>(.*?)</\1row>)", re.DOTALL)
_CELL = re.compile(r"<((?:\w+:)?)c\b([^>]*?)(?:(/)>|>(.*?)</\1c>)", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_AGAIN = "Open the export in Excel, save it as .xlsx and take that."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWorkbook:
    """The wanted sheet of a workbook."""

    rows: tuple[tuple[str, ...], ...]
    separator: None
    _content: bytes
    _part: str
    _file: str

    @property
    def suffix(self) -> str:
        """A workbook."""
        return ".xlsx"

    @classmethod
    def of(cls, content: bytes, is_column: Callable[[str], bool], sheet: str, file: str = "") -> "ExportWorkbook":
        """Read the sheet of that name, or the one whose head names most of the wanted columns."""
        from python_calamine import CalamineError, CalamineWorkbook

        try:
            book = CalamineWorkbook.from_filelike(io.BytesIO(content))
            names = [name for name in book.sheet_names if not sheet or re.search(sheet, name.strip())]
            tables = {name: _texts(book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in names}
            with_head = {name: rows for name, rows in tables.items() if head_row(rows, is_column) is not None}
            if not with_head:
                which = f"a sheet whose name fits {sheet}" if sheet else "a sheet with the columns of a budget"
                raise UnreadFileError(file, "no_sheet", f"There is no {which[2:]} in this workbook. Export it again.")
            name = max(with_head, key=lambda each: _named(with_head[each], is_column))
            part = _part_of(content, name)
        except (CalamineError, zipfile.BadZipFile, KeyError, StopIteration, ET.ParseError) as error:
            raise UnreadFileError(file, "no_workbook", f"This workbook cannot be opened ({error}). {_AGAIN}") from None
        return cls(rows=with_head[name], separator=None, _content=content, _part=part, _file=file)

    def with_cells(self, cells: Cells) -> bytes:
        """The workbook with some cells replaced: a number where a number stood, else a text."""
        by_row: dict[int, dict[int, str]] = {}
        for (row, column), text in cells.items():
            by_row.setdefault(row + 1, {})[column] = text
        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(self._content)) as old, zipfile.ZipFile(made, "w") as new:
            for item in old.infolist():
                data = old.read(item)
                if item.filename == self._part:
                    data = self._patched(data.decode("utf-8"), by_row).encode("utf-8")
                new.writestr(item, data, compress_type=item.compress_type)
        return made.getvalue()

    def _patched(self, markup: str, by_row: dict[int, dict[int, str]]) -> str:
        left = dict(by_row)
        pieces: list[str] = []
        done = 0
        for found in _ROW.finditer(markup):
            number = re.search(r'\br="(\d+)"', found[2])
            if number is None or int(number[1]) not in left:
                continue
            new = self._row(found, int(number[1]), left.pop(int(number[1])))
            pieces += [markup[done : found.start()], new]
            done = found.end()
        if left:
            raise UnreadFileError(self._file, "no_row", f"Row {min(left)} of the workbook is not numbered. {_AGAIN}")
        return "".join([*pieces, markup[done:]])

    def _row(self, row: re.Match[str], number: int, new: dict[int, str]) -> str:
        prefix, attributes, inside = row[1], row[2], row[4] or ""
        cells: list[tuple[int, str]] = []
        for found in _CELL.finditer(inside):
            name = re.search(r'\br="([A-Z]+)\d+"', found[2])
            if name is None:
                raise UnreadFileError(self._file, "no_cell", f"Cells of row {number} are not named. {_AGAIN}")
            position = _position(name[1])
            if position in new:
                if re.search(r"<(?:\w+:)?f\b", found[4] or ""):
                    where = f"{name[1]}{number}"
                    raise UnreadFileError(self._file, "formula", f"{where} is a formula. Put its value there first.")
                style = re.search(r'\bs="\d+"', found[2])
                kind = re.search(r'\bt="(\w+)"', found[2])
                text = (kind is not None and kind[1] != "n") or found[4] is None
                made = _cell(prefix, name[1], number, style[0] if style else "", new.pop(position), as_text=text)
                cells.append((position, made))
            else:
                cells.append((position, found[0]))
        for position, text in new.items():
            cells.append((position, _cell(prefix, column_letters(position), number, "", text, as_text=True)))
        joined = "".join(text for _, text in sorted(cells, key=lambda each: each[0]))
        return f"<{prefix}row{attributes.rstrip('/')}>{joined}</{prefix}row>"


def _cell(prefix: str, letters: str, number: int, style: str, text: str, *, as_text: bool) -> str:
    head = f'<{prefix}c r="{letters}{number}"' + (f" {style}" if style else "")
    if not as_text and _NUMBER.fullmatch(text):
        return f"{head}><{prefix}v>{text}</{prefix}v></{prefix}c>"
    return f'{head} t="inlineStr"><{prefix}is><{prefix}t>{escape(text)}</{prefix}t></{prefix}is></{prefix}c>'


def _position(letters: str) -> int:
    """The position of a column from its letters, from 0."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _named(rows: Sequence[Sequence[str]], is_column: Callable[[str], bool]) -> int:
    position = head_row(rows, is_column)
    return 0 if position is None else sum(is_column(cell) for cell in rows[position])


def _texts(rows: Sequence[Sequence[object]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_text(value) for value in row) for row in rows)


def _text(value: object) -> str:
    """A value as a text file would have it; whole numbers without a point, as identifiers are."""
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)


def _part_of(content: bytes, sheet: str) -> str:
    """Where the archive holds the sheet of that name (ECMA-376 Part 1, 18.2.19 and Part 2, relationships)."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        book = archive.read("xl/workbook.xml")
        wanted = next(each for each in _elements(book, "sheet") if each.get("name") == sheet)
        identity = next(value for name, value in wanted.items() if name.endswith("}id"))
        relations = _elements(archive.read("xl/_rels/workbook.xml.rels"), "Relationship")
        target = next(each.get("Target", "") for each in relations if each.get("Id") == identity)
    return normpath(target.lstrip("/") if target.startswith("/") else f"xl/{target}")


def _elements(part: bytes, name: str) -> Iterator[ET.Element]:
    for _, element in ET.iterparse(io.BytesIO(part)):  # noqa: S314 - expat bounds entities
        if element.tag.rpartition("}")[2] == name:
            yield element
