"""A sheet of cells from a file: a text with separators, or a workbook's sheet that holds the wanted table."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

Cell = str | float | datetime | None
"""What a cell holds: text as a keyboard types it, a workbook's number or moment, or None where it is empty.

An error of a spreadsheet is its text, as ``#REF!``; a formula that was never calculated is the formula, as ``=A1*2``.
"""

OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
"""How workbooks of the old format begin, and new ones that are locked by a password."""

_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_UNSEEN = str.maketrans(dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad"))
# #REF! and #NAME? in any language, #N/A, #NV, a column too narrow for its number, LibreOffice's Err:502.
_BROKEN = re.compile(r"#\S*[!?]|#N/?[A-Z]|#{2,}|#ERROR|err:\d+", re.IGNORECASE)
# A table's head is looked for in so many lines that hold anything, and has to name so many of the wanted columns.
_LINES_TO_HEAD, _NAMES_OF_HEAD = 40, 3

IsColumn = Callable[[str], bool]
"""Whether a text names a column of the wanted table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line below the head, at least as long as it. ``line`` counts from 1 as editors and spreadsheets do."""

    line: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What a file holds, before its head is known.

    Attributes:
        cells: Line number and cells of each line.
        separator: Of a text file; None of a workbook.
        raw: Lines of a text file, for places; empty of a workbook.
        merged: Line and position of cells below the first of a merged block; they hold what the first holds.
        currencies: Signs or codes with which a workbook shows amounts, by line and position.
        hides_errors: Whether a cell with an error looks like an empty one, as in old formats of workbooks.
        notes: What else the file holds.
    """

    cells: Sequence[tuple[int, Sequence[Cell]]]
    separator: str | None = None
    raw: tuple[str, ...] = ()
    merged: frozenset[tuple[int, int]] = frozenset()
    currencies: Mapping[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    hides_errors: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table: the names in its head, and the rows below.

    Attributes:
        head: Column names as they stand there.
        head_line: Line of the head.
        rows: Rows that hold anything.
        lines: The lines that they come from.
        notes: What the file holds besides.
    """

    head: tuple[str, ...]
    head_line: int
    rows: tuple[Row, ...]
    lines: Lines = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def separator(self) -> str | None:
        """What separates the columns of a text file; None of a workbook."""
        return self.lines.separator

    def place(self, line: int, index: int) -> int:
        """Where the cell of that index starts: the character in a text file's line, the column of a workbook."""
        raw = self.lines.raw
        if self.separator is None or not 0 < line <= len(raw):
            return index + 1
        start, quoted, passed = 1, False, 0
        for position, character in enumerate(raw[line - 1], start=1):
            if passed == index:
                break
            quoted ^= character == '"'
            if character == self.separator and not quoted:
                passed, start = passed + 1, position + 1
        return start

    def cell_name(self, line: int, index: int) -> str:
        """A workbook's name of a cell, as ``D7``; empty of a text file."""
        return "" if self.separator is not None else f"{column_letters(index)}{line}"


def column_letters(index: int) -> str:
    """The letters of a column from its position: A, B, ... Z, AA."""
    letters, number = "", index + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def typed(text: str) -> str | None:
    """A text as a keyboard types it: plain blanks, hyphens, digits and signs, none doubled; None where none is left.

    Office programs put in unbreakable blanks and hyphens, long dashes and full-width characters by themselves.
    """
    plain = unicodedata.normalize("NFKC", text).translate(_UNSEEN).translate(_DASHES)
    return " ".join(plain.split()) or None


def is_error(text: str) -> bool:
    """Whether a text is how a spreadsheet shows an error."""
    return _BROKEN.fullmatch(text) is not None


def is_broken(cell: Cell) -> bool:
    """Whether a cell holds an error, or a formula without its result."""
    return isinstance(cell, str) and (cell.startswith("=") or is_error(cell))


def head_position(lines: Iterable[Sequence[Cell]], is_column: IsColumn) -> int | None:
    """Which of some lines names most columns of the wanted table, the first of them; None where none names enough."""
    best, position = _NAMES_OF_HEAD - 1, None
    for i, cells in zip(range(_LINES_TO_HEAD), lines, strict=False):
        named = len({cell for cell in cells if isinstance(cell, str) and is_column(cell)})
        if named > best:
            best, position = named, i
    return position


def filled(lines: Iterable[tuple[int, Sequence[Cell]]]) -> list[tuple[int, Sequence[Cell]]]:
    """The lines that hold anything."""
    return [(line, cells) for line, cells in lines if any(cell is not None for cell in cells)]
