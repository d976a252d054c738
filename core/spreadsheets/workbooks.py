"""Workbooks: the sheet that holds the wanted table, and its cells as they are meant."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from xbopt.core.errors import UsageError
from xbopt.core.spreadsheets.markup import Markup, ods_markup, xlsx_markup
from xbopt.core.spreadsheets.sheet import OLD_WORKBOOK, Cell, IsColumn, Lines, filled, head_position, typed

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

_MARKUP = {".xlsx": xlsx_markup, ".xlsm": xlsx_markup, ".ods": ods_markup}
Rows = list[tuple[int, Sequence[Cell]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    name: str
    rows: Rows
    merged: Sequence[tuple[tuple[int, int], tuple[int, int]]]


def workbook_lines(content: bytes, suffix: str, is_column: IsColumn) -> Lines:
    """The lines of the one visible sheet that has a head of the wanted table; else of the first that holds anything.

    Raises:
        UsageError: The workbook cannot be opened, or several sheets have such a head.
    """
    if content[:4] == OLD_WORKBOOK and suffix in _MARKUP:
        raise UsageError("This workbook is locked by a password, or an old .xls. Save it as .xlsx without a password.")
    # Only those who have a workbook wait for its reader.
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        hidden = [each.name for each in book.sheets_metadata if each.visible != SheetVisibleEnum.Visible]
        sheets = [_read(book, name) for name in book.sheet_names]
        chosen = _chosen([each for each in sheets if each.name not in hidden], is_column)
        markup = _MARKUP[suffix](content, chosen.name) if chosen.rows and suffix in _MARKUP else Markup()
    except PasswordError:
        raise UsageError("This workbook is locked by a password; save it without one.") from None
    except (CalamineError, zipfile.BadZipFile, OSError, KeyError, SyntaxError) as error:
        raise UsageError(f"This workbook cannot be opened ({error}); save it again as .xlsx.") from None
    rows = [(line, list(cells)) for line, cells in chosen.rows]
    for line, cells in rows:
        for i in range(len(cells)):
            cells[i] = markup.broken.get((line, i), cells[i])
    covered = _fill_down(rows, markup.merged or chosen.merged)
    others = [each.name + (" (hidden)" if each.name in hidden else "") for each in sheets if each is not chosen]
    notes = [f"the sheet{'s' * (len(others) > 1)} {', '.join(others)} {'are' if len(others) > 1 else 'is'} not read."]
    return Lines(
        cells=rows,
        merged=covered,
        currencies=markup.currencies,
        hides_errors=suffix not in _MARKUP,
        notes=tuple(notes if others else ()),
    )


def _read(book: "CalamineWorkbook", name: str) -> _Named:
    sheet = book.get_sheet_by_name(name)
    values = sheet.to_python(skip_empty_area=False)
    rows: Rows = [(line, [_cell(value) for value in row]) for line, row in enumerate(values, start=1)]
    return _Named(name=name, rows=rows, merged=sheet.merged_cell_ranges or ())


def _chosen(sheets: Sequence[_Named], is_column: IsColumn) -> _Named:
    with_head = [
        each for each in sheets if head_position((cells for _, cells in filled(each.rows)), is_column) is not None
    ]
    if len(with_head) > 1:
        names = ", ".join(each.name for each in with_head)
        raise UsageError(f"The sheets {names} all hold such a table. Leave one, or hide the others.")
    filled_ones = [each for each in sheets if filled(each.rows)]
    return next(iter([*with_head, *filled_ones, *sheets]), _Named(name="", rows=[], merged=()))


def _fill_down(
    rows: Sequence[tuple[int, list[Cell]]], merged: Iterable[tuple[tuple[int, int], tuple[int, int]]]
) -> frozenset[tuple[int, int]]:
    """Give the cells below the first of a merged block what the first holds; returns line and position of the block."""
    by_line = {line: cells for line, cells in rows if any(cell is not None for cell in cells)}
    covered: set[tuple[int, int]] = set()
    for (top, left), (bottom, _) in merged:
        if top == bottom or top + 1 not in by_line:
            continue
        for line in range(top + 1, bottom + 2):
            if line in by_line and left < len(by_line[line]):
                by_line[line][left] = by_line[top + 1][left]
                covered.add((line, left))
    return frozenset(covered)


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
    return typed(str(value))
