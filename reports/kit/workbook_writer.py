"""One worksheet at a time: tables with units, and heat maps with their sums."""

import datetime as dt
import math

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from xbopt.reports.kit.figures import BridgeStep, Column, HeatMap, Table, Value
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.studies.kpis import WorldRange
from xbopt.studies.labels import Unit

_WIDEST, _NARROWEST = 60, 11
_ROUNDED: dict[Unit, int] = {"money": 2, "price": 2, "share": 10, "ratio": 6, "count": 6, "score": 6}


class WorkbookWriter:
    """Writes sheets; a cell holds the figure itself and shows it with the decimals that the page has."""

    def __init__(self, book: Workbook, numbers: NumberFormat) -> None:
        self._book, self._numbers = book, numbers
        self._formats: dict[tuple[str, bool], Format] = {}
        self._head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._title = book.add_format({"bold": True, "font_size": 14})
        self._text = book.add_format({"text_wrap": True, "valign": "top"})

    def _format(self, unit: Unit, value: float = 0.0, *, bold: bool = False) -> Format:
        """How a value is shown; formats are shared between cells."""
        decimals = self._numbers.decimals(value, unit)
        number = "#,##0" + ("." + "0" * decimals if decimals else "")
        code = {
            "money": f'{number} "{self._numbers.currency}"',
            "price": f'{number} "{self._numbers.currency}"',
            "share": f"{number}%",
            "number": "0.######",
            "date": "yyyy-mm-dd",
            "text": "@",
        }.get(unit, number)
        if (code, bold) not in self._formats:
            self._formats[code, bold] = self._book.add_format({"num_format": code, "bold": bold})
        return self._formats[code, bold]

    def table(self, name: str, table: Table) -> None:
        """A sheet with one table; an figure takes four columns: mean, standard error, low and high."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 1)
        column = 0
        for i, head in enumerate(table.columns):
            cells = [row[i] for row in table.rows]
            parts = ("", " se", " low", " high") if any(isinstance(cell, WorldRange) for cell in cells) else ("",)
            for n, part in enumerate(parts):
                sheet.write_string(0, column, head.name + part, self._head)
                for at, cell in enumerate(cells, start=1):
                    is_total = table.last_is_total and at == len(cells)
                    self._cell(sheet, at, column, _part(cell, n), table.unit(at - 1, i), bold=is_total)
                sheet.set_column(column, column, _width(head, cells if n == 0 else []))
                column += 1

    def heat_maps(self, name: str, maps: tuple[HeatMap, ...]) -> None:
        """A sheet with heat maps below each other; sums are formulas."""
        sheet = self._book.add_worksheet(name)
        sheet.set_column(0, 0, 28)
        row = 0
        for heat in maps:
            row = self._heat(sheet, row, heat) + 2
        sheet.set_column(1, max((len(heat.columns) for heat in maps), default=1) + 1, 14)

    def bridge(self, name: str, steps: tuple[BridgeStep, ...]) -> None:
        """The bridge: amounts are values, running sums and the total are formulas over them."""
        sheet = self._book.add_worksheet(name)
        for i, head in enumerate(("Term", "Amount", "Of net revenue")):
            sheet.write_string(0, i, head, self._head)
        amounts: list[str] = []
        summed = 0.0
        revenue = next((rounded(step.amount, "money") for step in steps if step.key == "net_revenue"), 0.0)
        revenue_row = next((i for i, step in enumerate(steps, start=1) if step.key == "net_revenue"), 0)
        for row, step in enumerate(steps, start=1):
            cell = xl_rowcol_to_cell(row, 1)
            bold = step.kind != "amount"
            sheet.write_string(row, 0, step.name, self._format("text", bold=bold))
            if step.kind == "amount":
                amounts.append(cell)
                amount = rounded(step.amount, "money")
                summed = rounded(summed + amount, "money")
                sheet.write_number(row, 1, amount, self._format("money", amount, bold=bold))
            else:
                amount = summed
                self._formula(sheet, row, 1, f"=SUM({','.join(amounts)})", amount, "money")
            if revenue_row and revenue != 0.0 and not math.isnan(step.of_revenue):
                share = f"={cell}/{xl_rowcol_to_cell(revenue_row, 1, row_abs=True, col_abs=True)}"
                self._formula(sheet, row, 2, share, step.of_revenue, "share", bold=bold)
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, 2, 18)

    def words(self, name: str, title: str, lines: list[tuple[str, str]]) -> None:
        """A sheet of labelled sentences."""
        sheet = self._book.add_worksheet(name)
        sheet.set_column(0, 0, 18)
        sheet.set_column(1, 1, 110)
        sheet.write_string(0, 0, title, self._title)
        for row, (label, text) in enumerate(lines, start=2):
            sheet.write_string(row, 0, label, self._text)
            sheet.write_string(row, 1, text, self._text)

    def _heat(self, sheet: Worksheet, top: int, heat: HeatMap) -> int:
        """Write one heat map; the number of its last row."""
        sheet.write_string(top, 0, heat.title, self._title)
        sheet.write_string(top + 1, 0, heat.row_title, self._head)
        for j, column in enumerate(heat.columns, start=1):
            sheet.write_string(top + 1, j, column, self._head)
        first, last, width = top + 2, top + 1 + len(heat.rows), len(heat.columns)
        for row, (row_name, values) in enumerate(zip(heat.rows, heat.values, strict=True), start=first):
            sheet.write_string(row, 0, row_name)
            for j, value in enumerate(values, start=1):
                self._cell(sheet, row, j, value, heat.unit)
        if not heat.sums:
            return last
        shown = [[rounded(value, heat.unit) for value in values] for values in heat.values]
        sheet.write_string(top + 1, width + 1, "Total", self._head)
        sheet.write_string(last + 1, 0, "Total", self._format("text", bold=True))
        for row, values in enumerate(shown, start=first):
            span = f"{xl_rowcol_to_cell(row, 1)}:{xl_rowcol_to_cell(row, width)}"
            self._formula(sheet, row, width + 1, f"=SUM({span})", math.fsum(values), heat.unit)
        sums = [math.fsum(column) for column in zip(*shown, strict=True)]
        for j, value in enumerate([*sums, math.fsum(sums)], start=1):
            span = f"{xl_rowcol_to_cell(first, j)}:{xl_rowcol_to_cell(last, j)}"
            self._formula(sheet, last + 1, j, f"=SUM({span})", value, heat.unit)
        return last + 1

    def _cell(self, sheet: Worksheet, row: int, column: int, value: Value, unit: Unit, *, bold: bool = False) -> None:
        if isinstance(value, str):
            sheet.write_string(row, column, value, self._format("text", bold=bold))
        elif isinstance(value, dt.date):
            sheet.write_datetime(row, column, dt.datetime.combine(value, dt.time()), self._format("date", bold=bold))
        elif isinstance(value, float | int) and math.isfinite(value):
            sheet.write_number(row, column, rounded(value, unit), self._format(unit, value, bold=bold))
        else:  # a figure that has no meaning stays empty: a zero would be a lie
            sheet.write_blank(row, column, None, self._format(unit, bold=bold))

    def _formula(
        self, sheet: Worksheet, row: int, column: int, formula: str, result: float, unit: Unit, *, bold: bool = True
    ) -> None:
        """A formula with its result, which readers show that do not calculate."""
        # The library declares no type for the result; its default, 0, is taken for one.
        shown = rounded(result, unit)
        sheet.write_formula(row, column, formula, self._format(unit, result, bold=bold), shown)  # pyright: ignore[reportArgumentType]


def rounded(number: float, unit: Unit) -> float:
    """Money to cents; other figures without the noise of sums, which would make 1e-17 of a share that is 0."""
    return round(number, _ROUNDED[unit]) if unit in _ROUNDED else number


def _part(value: Value, n: int) -> Value:
    if isinstance(value, WorldRange):
        return (value.mean, value.se, value.low, value.high)[n]
    return value if n == 0 else None


def _width(head: Column, cells: list[Value]) -> int:
    longest = max((len(cell) for cell in cells if isinstance(cell, str)), default=0)
    return min(max(longest + 2, len(head.name) + 2, _NARROWEST), _WIDEST)
