"""A sheet understood as a plan's table: its columns, dates and numbers, and which of its rows are totals."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xbopt.core.documents.problems import ProblemList, suggest
from xbopt.core.errors import PolicyError, Problem
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.spreadsheets.dates import DateForm, as_text, main_form, possible_forms
from xbopt.core.spreadsheets.numbers import Decimal, decimal_sign
from xbopt.core.spreadsheets.sheet import Cell, Row, Sheet

KEYS = ("date", "region", "segment", "channel")
DAYPART = "daypart_"
_OTHER_NAMES = {"spend": "spend_base", "discount": "discount_frac"}
_TOTAL = re.compile(
    r"(?:grand|sub)?[\s-]*(?:totals?|sum|summe|zwischensumme|gesamt(?:summe|betrag)?|totale|suma|合计|总计|小计|合計|総計|小計)"
    r"(?:[\s:].*)?",
    re.IGNORECASE,
)


class PlanTableError(PolicyError):
    """Raised when a plan's table cannot be used. ``problems`` holds what was found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class PlanProblems(ProblemList):
    """The problems of a plan's table: each cause once, where it stands first, with the number of places."""

    def __init__(self, file: str) -> None:
        super().__init__(file=file)
        self._places: dict[tuple[str, ...], list[Problem]] = {}

    def note(self, message: str, *, line: int = 0, column: int = 0, path: str = "", cause: str = "") -> None:
        """Take up a problem. Those of one path and cause are one; without a cause the message is the cause."""
        problem = Problem(message=message, path=path, file=self.file, line=line, column=column)
        self._places.setdefault((path, cause or message), []).append(problem)

    @property
    def found(self) -> bool:
        """Whether there is any."""
        return bool(self._places)

    def error(self) -> PlanTableError:
        """All of them."""
        for places in self._places.values():
            first, rest = places[0], len(places) - 1
            more = f" The same holds for {rest:,} more row{'s' * (rest > 1)}." if rest else ""
            self.add(
                Problem(
                    message=first.message + more, path=first.path, file=first.file, line=first.line, column=first.column
                )
            )
        return PlanTableError(self.in_order())


def plan_columns(scenario: Scenario) -> tuple[str, ...]:
    """The columns of a plan's table, in the order in which they are written."""
    return (*KEYS, "spend_base", "discount_frac", "mechanic", *(DAYPART + part for part in scenario.dayparts))


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


def understood(sheet: Sheet, scenario: Scenario, problems: PlanProblems) -> PlanTable | None:
    """Understand a sheet as a plan's table; None after a problem."""
    wanted = plan_columns(scenario)
    index, notes = _columns(sheet, wanted, problems)
    if problems.found:
        return None
    rows, totals = _without_totals(sheet, index)
    for row in rows:
        if len(row.cells) > len(sheet.head):
            message = f"There are {len(row.cells)} entries for {len(sheet.head)} columns."
            problems.note(message, line=row.line, column=1)
    if totals:
        lines = ", ".join(str(row.line) for row in totals[:5]) + (", ..." if len(totals) > 5 else "")
        notes.append(f"line {lines} holds a total and is no row of the plan.")
    dates = [as_text(row.cells[index["date"]]) for row in rows]
    form = _date_form(sheet, rows, dates, index, scenario, problems)
    numeric = [index[name] for name in wanted if name in index and name not in (*KEYS, "mechanic")]
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


def _columns(sheet: Sheet, wanted: Sequence[str], problems: PlanProblems) -> tuple[dict[str, int], list[str]]:
    """Where each known column stands, and a note on the others."""
    index: dict[str, int] = {}
    ignored: list[tuple[int, str]] = []
    for i, head in enumerate(sheet.head):
        name = re.sub(r"[\s\-]+", "_", re.sub(r"\s*[(\[][^)\]]*[)\]]$", "", head.strip()).lower())
        name = _OTHER_NAMES.get(name, name)
        if name not in wanted:
            ignored.append((i, head))
        elif name in index:
            problems.note(
                f"The column {name} stands here twice.", line=sheet.head_line, column=sheet.place(sheet.head_line, i)
            )
        else:
            index[name] = i
    dayparts = [name for name in wanted if name.startswith(DAYPART)]
    optional = ("discount_frac", "mechanic", *(() if any(name in index for name in dayparts) else dayparts))
    missing = [name for name in wanted if name not in index and name not in optional]
    for i, head in ignored:
        # A column that looks like a missing one is a slip of the pen, no column of the planner's own.
        hint = suggest(head, [*missing, *(name for name in optional if name not in index)]) if head else ""
        if hint:
            place = sheet.place(sheet.head_line, i)
            problems.note(f"There is no column {head[:60]!r}.{hint}", line=sheet.head_line, column=place)
    for name in missing:
        problems.note(f"The column {name} is missing.", line=sheet.head_line, column=1)
    notes: list[str] = []
    own = [head for _, head in ignored if head]
    if own:
        notes.append(f"the column{'s' * (len(own) > 1)} {', '.join(own)} {'are' if len(own) > 1 else 'is'} not read.")
    if not any(name in index for name in dayparts):
        notes.append("no daypart columns: ads run through the day as in the scenario's own plan.")
    for name, instead in (("discount_frac", "no discounts are given"), ("mechanic", "discounts are plain percent off")):
        if name not in index:
            notes.append(f"no column {name}: {instead}.")
    return index, notes


def _without_totals(sheet: Sheet, index: dict[str, int]) -> tuple[tuple[Row, ...], list[Row]]:
    """The plan's rows, and the rows of totals: those that say so, or have an amount and nothing else."""
    rows: list[Row] = []
    totals: list[Row] = []
    keys = [index[name] for name in KEYS]
    for row in sheet.rows:
        named = [row.cells[i] for i in keys if row.cells[i] is not None]
        said = any(isinstance(cell, str) and _TOTAL.fullmatch(cell) for cell in row.cells)
        (totals if not named or (said and len(named) < len(keys)) else rows).append(row)
    return tuple(rows), totals


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
        day = {form.name: form.read(dates[0]) for form in forms}
        readings = " or ".join(f"{found} ({name})" for name, found in day.items())
        problems.note(
            f"{dates[0]} can be {readings}, and nothing in this file settles it. Write dates as YYYY-MM-DD.",
            line=rows[0].line,
            column=sheet.place(rows[0].line, index["date"]),
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
                    cause="form",
                )
    return None
