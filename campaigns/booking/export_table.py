"""A user's own export as a table whose cells can be replaced while every other byte stays as it is."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

_LINES_TO_HEAD = 40
_HEADERS_KEPT = 4096
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a cell that a spreadsheet reckons with."""
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


def head_row(rows: Sequence[Sequence[str]], is_column: Callable[[str], bool]) -> int | None:
    """Which of the first rows names most wanted columns, the first of them; None where none names two."""
    named = [len({plain_header(cell) for cell in row if is_column(cell)}) for row in rows[:_LINES_TO_HEAD]]
    best = max(named, default=0)
    return named.index(best) if best > 1 else None


def as_text(cell: str) -> str:
    """A text for a table of ours, such that a spreadsheet shows it and does not take it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def plain_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """A table as CSV in UTF-8."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows(rows)
    return stream.getvalue().encode()
