"""A sheet understood as a plan's table: its columns, dates and numbers, and which of its rows are totals."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xbopt.core.scenario.plan_head import KEYS, MECHANIC, SPEND, column_name, plan_columns, read_head
from xbopt.core.scenario.plan_problems import PlanProblems
from xbopt.core.scenario.plan_subtotals import subtotal_lines
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.spreadsheets.dates import DateForm, as_text, main_form, possible_forms
from xbopt.core.spreadsheets.numbers import Decimal, decimal_sign, is_in_another_currency
from xbopt.core.spreadsheets.sheet import Cell, Row, Sheet, is_broken

_TOTAL = re.compile(
    r"(?:.+\s)?(?:(?:grand|sub)?[\s-]*(?:totals?|sum)|(?:zwischen)?summe|(?:gesamt|teil)?ergebnis|gesamt(?:summe|betrag)?"
    r"|totale|r[ée]sultat|suma|.*合计|.*总计|.*小计|.*合計|.*総計|.*小計)(?:[\s:].*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTable:
    """A sheet whose columns, dates and numbers are understood.

    Attributes:
        sheet: Where it came from.
        index: Position of each known column.
        rows: The rows of the plan; totals are not among them.
        form: How dates are written.
        decimal: Decimal sign of numbers.
        notes: What was read otherwise than it stands there.
    """

    sheet: Sheet
    index: dict[str, int]
    rows: tuple[Row, ...]
    form: DateForm
    decimal: Decimal
    notes: tuple[str, ...]

    def cell(self, row: Row, column: str) -> Cell:
        """What a row has in a column; None where the table has no such column."""
        return row.cells[self.index[column]] if column in self.index else None

    def place(self, row: Row, column: str) -> int:
        """Where that cell starts in its line."""
        return self.sheet.place(row.line, self.index[column])

    def cell_name(self, row: Row, column: str) -> str:
        """A workbook's name of that cell; empty of a text file."""
        return self.sheet.cell_name(row.line, self.index[column])


def understood(sheet: Sheet, scenario: Scenario, problems: PlanProblems) -> PlanTable | None:
    """Understand a sheet as a plan's table; None after a problem."""
    wanted = plan_columns(scenario)
    index, columns = read_head(sheet, wanted, scenario.base_currency, problems)
    notes = [*sheet.notes, *columns]
    if problems.found:
        return None
    rows = _without_others(sheet, index, notes)
    for row in rows:
        if len(row.cells) > len(sheet.head):
            message = f"There are {len(row.cells)} entries for {len(sheet.head)} columns."
            problems.note(message, line=row.line, column=1)
    _check_whole(sheet, rows, index, scenario.base_currency, problems)
    if problems.found:
        return None
    dates = [as_text(row.cells[index["date"]]) for row in rows]
    form = _date_form(sheet, rows, dates, index, scenario, problems)
    numeric = [i for name, i in index.items() if name not in (*KEYS, MECHANIC)]
    cells = (row.cells[i] for row in rows for i in numeric)
    decimal = decimal_sign(cells, separator=sheet.separator)
    if decimal is None:
        problems.note(
            "Numbers such as 1.234 can mean a thousand or a little more than one, and no number of this file settles "
            "it. Write one of them with two decimals, as in 1.234,00 or 1,234.00."
        )
        return None
    if form is None or problems.found:
        return None
    return PlanTable(sheet=sheet, index=index, rows=rows, form=form, decimal=decimal, notes=tuple(notes))


def _without_others(sheet: Sheet, index: dict[str, int], notes: list[str]) -> tuple[Row, ...]:
    """The rows of the plan alone; notes tell the others.

    Totals say so, or have an amount and no key; subtotals are the sum of the rows whose keys they name; a remark stands
    alone; a table pasted below has its head again.
    """
    rows: list[Row] = []
    others: dict[str, list[Row]] = {}
    keys = {index[name] for name in KEYS}
    for row in sheet.rows:
        held = [i for i in index.values() if row.cells[i] is not None]
        named = len(keys.intersection(held))
        said = any(isinstance(cell := row.cells[i], str) and _TOTAL.fullmatch(cell) for i in {0, *keys})
        if all(column_name(str(row.cells[i])) == name for name, i in index.items() if name in KEYS):
            others.setdefault("the head again", []).append(row)
        elif said and named < len(keys):
            others.setdefault("a total", []).append(row)
        elif len(held) == named <= 1:
            others.setdefault("a remark", []).append(row)
        elif not named:
            others.setdefault("a total", []).append(row)
        else:
            rows.append(row)
    if subtotals := subtotal_lines(rows, index, sheet.separator):
        others["a subtotal"] = [row for row in rows if row.line in subtotals]
        rows = [row for row in rows if row.line not in subtotals]
    for what, found in others.items():
        many = len(found) > 1
        lines = ", ".join(str(row.line) for row in found[:5]) + (", ..." if len(found) > 5 else "")
        row = "no rows" if many else "no row"
        notes.append(
            f"line{'s' * many} {lines} hold{'s' * (not many)} {what} and {'are' if many else 'is'} {row} of the plan."
        )
    return tuple(rows)


def _check_whole(
    sheet: Sheet, rows: Sequence[Row], index: dict[str, int], currency: str, problems: PlanProblems
) -> None:
    """Cells without a value of their own: errors, uncalculated formulas, one amount for several rows, blank keys."""
    keys = {index[name] for name in KEYS}
    for row in rows:
        missing = [name for name in KEYS if row.cells[index[name]] is None]
        for name, i in index.items():
            cell = row.cells[i]
            if is_broken(cell):
                calculated = "let a spreadsheet calculate and save it" if str(cell).startswith("=") else "mend it there"
                what = "a formula without its result" if str(cell).startswith("=") else "an error of the spreadsheet"
                message, cause = f"{str(cell)[:40]!r} is {what}; {calculated}, or write the value.", "broken"
            elif name == SPEND and (row.line, i) in sheet.lines.merged:
                message, cause = "A merged cell has one amount for several rows; split it, one amount a row.", "merged"
            elif name == SPEND and is_in_another_currency(sheet.lines.currencies.get((row.line, i)), currency):
                shown = sheet.lines.currencies[row.line, i]
                message = f"This amount is shown in another currency ({shown}); amounts of this plan are in {currency}."
                cause = "currency"
            elif name in missing[:1]:
                which = f"The {', '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing;"
                it, is_that = ("them", "they are those") if len(missing) > 1 else ("it", "it is that")
                message = f"{which} write {it} in every row, also where {is_that} of the row above."
                if {i for i in index.values() if row.cells[i] is not None} - keys == {index[SPEND]}:
                    message += " If the row is a subtotal, delete it: it is no sum of several rows that it names."
                cause = "missing"
            elif cell is None and sheet.lines.hides_errors and name not in KEYS:
                message = "In this format an empty cell can be an error. Write 0 or the value, or save it as .xlsx."
                cause = "hidden"
            else:
                continue
            place, named = sheet.place(row.line, i), sheet.cell_name(row.line, i)
            problems.note(message, line=row.line, column=place, path=name, cell=named, cause=cause)


def _date_form(
    sheet: Sheet,
    rows: Sequence[Row],
    dates: Sequence[str],
    index: dict[str, int],
    scenario: Scenario,
    problems: PlanProblems,
) -> DateForm | None:
    first, last = scenario.start, scenario.date_of(scenario.days - 1)
    forms = possible_forms(dates, first, last)
    if len(forms) == 1:
        return forms[0]
    if not rows:
        problems.note("There is no row below the head.", line=sheet.head_line, column=1)
    elif forms:
        at = next(i for i, text in enumerate(dates) if len({form.read(text) for form in forms}) > 1)
        readings = " or ".join(f"{form.read(dates[at])} ({form.name})" for form in forms)
        problems.note(
            f"{dates[at]} can be {readings}, and nothing in this file settles it. Write dates as YYYY-MM-DD.",
            line=rows[at].line,
            column=sheet.place(rows[at].line, index["date"]),
            path="date",
        )
    else:
        form = main_form(dates)
        name = "YYYY-MM-DD" if form is None else form.name
        for row, text in zip(rows, dates, strict=True):
            if form is None or form.read(text) is None:
                problems.note(
                    f"{text[:40]!r} is no date in the form {name} of this file."
                    if form is not None and form.name != "YYYY-MM-DD"
                    else f"{text[:40]!r} is no date; write YYYY-MM-DD, as in {first}.",
                    line=row.line,
                    column=sheet.place(row.line, index["date"]),
                    path="date",
                    cell=sheet.cell_name(row.line, index["date"]),
                    cause="form",
                )
    return None
