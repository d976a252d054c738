"""The wanted table of a file, whatever program saved it."""

from collections.abc import Sequence
from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.core.spreadsheets.sheet import Cell, IsColumn, Lines, Row, Sheet, filled, head_position
from xbopt.core.spreadsheets.text_files import text_lines
from xbopt.core.spreadsheets.workbooks import workbook_lines

WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


def read_sheet(path: Path | str, is_column: IsColumn) -> Sheet:
    """Read the wanted table of a file: below the first line that names enough of its columns, else below the first.

    Raises:
        UsageError: The file is not there, is no table, is empty, or has several such tables.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{error.strerror}.") from None
    if Path(path).suffix.lower() in WORKBOOKS:
        return _below_head(workbook_lines(content, Path(path).suffix.lower(), is_column), is_column)
    if content[:2] == b"PK":
        raise UsageError("This is a workbook under another name; let its name end in .xlsx.")
    return _below_head(text_lines(content, is_column), is_column)


def _below_head(lines: Lines, is_column: IsColumn) -> Sheet:
    held = filled(lines.cells)
    if not held:
        raise UsageError("The file is empty; its first line has to name the columns.")
    position = head_position((cells for _, cells in held), is_column) or 0
    head_line, head = held[position]
    notes = list(lines.notes)
    if position:
        above = [line for line, _ in held[:position]]
        which = f"line {above[0]}" if position == 1 else f"lines {above[0]} to {above[-1]}"
        notes.append(f"{which} above the head {'is' if position == 1 else 'are'} not read.")
    # Spreadsheets save empty columns at the right; a column without a name counts where it holds anything.
    width = max(_end(head), min(len(head), max((_end(cells) for _, cells in held[position + 1 :]), default=0)))
    names = tuple("" if cell is None else str(cell) for cell in head[:width])
    made = [Row(line=line, cells=_fitted(cells, width)) for line, cells in held[position + 1 :]]
    return Sheet(head=names, head_line=head_line, rows=tuple(made), lines=lines, notes=tuple(notes))


def _end(cells: Sequence[Cell]) -> int:
    """How many cells there are up to the last that holds anything."""
    return max((i for i, cell in enumerate(cells) if cell is not None), default=-1) + 1


def _fitted(cells: Sequence[Cell], width: int) -> tuple[Cell, ...]:
    """Cells without empty ones beyond the head, filled up to its width."""
    return (*cells[: max(_end(cells), width)], *([None] * (width - len(cells))))
