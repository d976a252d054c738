"""Strict reading of the dated tables, and the one rule for which row holds on a day.

A table is a CSV file beside this module. Its header must be exactly the columns that its reader asks for, and
every cell is checked: a row that cannot be trusted stops the program instead of moving a price silently.
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol, TypeVar

from xbopt.core.errors import TableError

EVIDENCE_MARKS: tuple[str, ...] = ("S", "S-", "W", "W+", "M", "E", "mem", "src")
"""How solid a number is: S primary or peer-reviewed, S- a vendor's number seen second-hand, W weak web source
(W+ with much data behind it), M measured or computed, E estimate, mem from memory, src read in source code."""

CERTAINTIES: tuple[str, ...] = ("high", "medium", "low", "unknown")
"""How sure a rule is: high for an official text or two independent professional sources, medium for one professional
source, low for an estimate or memory, unknown where nobody knows and the row holds only what is known."""

_ISO_CURRENCY_LENGTH = 3

EU_MEMBERS = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())
"""Member states of the European Union, by ISO 3166 code."""

TABLE_FOLDER = Path(__file__).parent


def certainty_of(evidence: str) -> str:
    """The certainty that an evidence mark amounts to, where a table has no column of its own for it."""
    return {"S": "high", "E": "low", "mem": "low"}.get(evidence, "medium")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table, with its place.

    Attributes:
        file: Name of the file, without folders.
        line: Line in the file where the row ends, from 1; the header is line 1.
        cells: Text of each cell by column.
    """

    file: str
    line: int
    cells: Mapping[str, str]

    def error(self, column: str, message: str) -> TableError:
        """The error to raise for one cell; it names file, row and column."""
        return TableError(f"{self.file}, row {self.line}, column {column}: {message}")

    def text(self, column: str) -> str:
        """The cell's text, which must not be empty.

        Raises:
            TableError: The cell is empty.
        """
        value = self.cells[column]
        if not value:
            raise self.error(column, "is empty.")
        return value

    def optional_text(self, column: str) -> str:
        """The cell's text, which may be empty."""
        return self.cells[column]

    def number(self, column: str, *, low: float, high: float) -> float:
        """The cell as a number between ``low`` and ``high``, both allowed.

        Raises:
            TableError: The cell is no finite number, or lies outside.
        """
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            raise self.error(column, f"{text!r} is not a number.") from None
        if not (math.isfinite(value) and low <= value <= high):
            raise self.error(column, f"{text} is not between {low:g} and {high:g}.")
        return value

    def integer(self, column: str, *, low: int, high: int) -> int:
        """The cell as a whole number between ``low`` and ``high``, both allowed.

        Raises:
            TableError: The cell is no whole number, or lies outside.
        """
        text = self.text(column)
        if not (text.isascii() and text.isdigit()):
            raise self.error(column, f"{text!r} is not a whole number.")
        value = int(text)
        if not low <= value <= high:
            raise self.error(column, f"{value} is not between {low} and {high}.")
        return value

    def day(self, column: str) -> date:
        """The cell as a date, written as in 2026-07-01.

        Raises:
            TableError: The cell is no such date.
        """
        text = self.text(column)
        try:
            value = date.fromisoformat(text)
        except ValueError:
            raise self.error(column, f"{text!r} is not a date such as 2026-07-01.") from None
        if value.isoformat() != text:
            raise self.error(column, f"{text!r} must be written {value.isoformat()}.")
        return value

    def choice(self, column: str, allowed: Sequence[str]) -> str:
        """The cell, which must be one of ``allowed``.

        Raises:
            TableError: The cell is something else.
        """
        text = self.text(column)
        if text not in allowed:
            raise self.error(column, f"{text!r} is not one of {', '.join(allowed)}.")
        return text

    def flag(self, column: str) -> bool:
        """The cell, which must be ``yes`` or ``no``."""
        return self.choice(column, ("yes", "no")) == "yes"

    def currency(self, column: str) -> str:
        """The cell as an ISO 4217 code.

        Raises:
            TableError: The cell is no such code.
        """
        text = self.text(column)
        if not (len(text) == _ISO_CURRENCY_LENGTH and text.isascii() and text.isupper()):
            raise self.error(column, f"{text!r} is not an ISO 4217 code such as EUR.")
        return text

    def evidence(self) -> str:
        """The cell ``evidence``, one of `EVIDENCE_MARKS`."""
        return self.choice("evidence", EVIDENCE_MARKS)

    def certainty(self) -> str:
        """The cell ``certainty``, one of `CERTAINTIES`."""
        return self.choice("certainty", CERTAINTIES)


def read_rows(path: Path, columns: Sequence[str]) -> tuple[Row, ...]:
    """Read a table whose header is exactly ``columns``.

    Raises:
        TableError: The file cannot be read, its header differs, a row has too few or too many cells, a cell
            has spaces around it, or there is no row at all. The message names file, row and column.
    """
    file = path.name
    rows: list[Row] = []
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            no_header: list[str] = []
            header = next(reader, no_header)
            if header != list(columns):
                raise TableError(
                    f"{file}, row 1, column {_first_difference(header, columns)}: "
                    f"the header must be {','.join(columns)}."
                )
            for cells in reader:
                line = reader.line_num
                if len(cells) != len(columns):
                    column = columns[min(len(cells), len(columns) - 1)]
                    raise TableError(
                        f"{file}, row {line}, column {column}: {len(cells)} cells where {len(columns)} belong."
                    )
                row = Row(file=file, line=line, cells=dict(zip(columns, cells, strict=True)))
                for column, cell in row.cells.items():
                    if cell != cell.strip():
                        raise row.error(column, "has spaces around its text.")
                rows.append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise TableError(f"{file} cannot be read: {problem}.") from problem
    if not rows:
        raise TableError(f"{file}, row 2, column {columns[0]}: the table has no rows.")
    return tuple(rows)


def _first_difference(header: Sequence[str], columns: Sequence[str]) -> str:
    for position, column in enumerate(columns):
        if position >= len(header) or header[position] != column:
            return column
    return header[len(columns)]


class Dated(Protocol):
    """Anything that holds from a day on, until a later one replaces it."""

    @property
    def effective_from(self) -> date:
        """The first day on which it holds."""
        ...


DatedT = TypeVar("DatedT", bound=Dated)


def group_by_id(entries: Iterable[tuple[Row, str, DatedT]], column: str) -> dict[str, tuple[DatedT, ...]]:
    """Collect dated entries by id, in the file's order.

    Args:
        entries: For each row its place, its id, and what was read from it.
        column: The column of the id.

    Raises:
        TableError: The rows of an id do not stand together, or not in the order of their days.
    """
    groups: dict[str, list[DatedT]] = {}
    previous = ""
    for row, key, entry in entries:
        group = groups.setdefault(key, [])
        if group and key != previous:
            raise row.error(column, f"the rows of {key!r} must stand together.")
        if group and entry.effective_from <= group[-1].effective_from:
            raise row.error("effective_from", f"must be later than {group[-1].effective_from} in the row before.")
        group.append(entry)
        previous = key
    return {key: tuple(group) for key, group in groups.items()}


def entry_on(table: Mapping[str, Sequence[DatedT]], key: str, day: date, *, what: str) -> DatedT:
    """The entry of ``key`` that holds on ``day``: the latest one that began on or before it.

    Raises:
        TableError: The id is unknown, or ``day`` lies before the first day known; the message names both.
    """
    if key not in table:
        raise TableError(unknown_id(key, table, what=what))
    found: DatedT | None = None
    for entry in table[key]:
        if entry.effective_from > day:
            break
        found = entry
    if found is None:
        first = table[key][0].effective_from
        raise TableError(f"{what} {key!r} is not known on {day}: the first day known is {first}.")
    return found


def unknown_id(key: str, known: Iterable[str], *, what: str) -> str:
    """The sentence for an id that no table has, with the nearest known ones."""
    from difflib import get_close_matches

    names = sorted(known)
    near = get_close_matches(key, names, n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(names)}."
    return f"{what} {key!r} is unknown. {hint}"
