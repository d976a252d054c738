"""Plans as tables: out for spreadsheets and other programs, and in again as a policy.

One row a day, region, segment and channel, with everything that holds there. What belongs to a wider unit stands on
each of its rows: discount and mechanic belong to a region and segment on a day, daypart weights to a region and
channel. Of such a unit's rows all but one may be left blank; those that are filled in must agree. Numbers are written
with all their digits, so that a plan comes back bit for bit.
"""

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import MECHANICS
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.documents.problems import ProblemList, suggest
from xbopt.core.errors import PolicyError, Problem
from xbopt.core.files import replace_file
from xbopt.core.scenario.scenario import Scenario

_KEYS = ("date", "region", "segment", "channel")
_DAYPART = "daypart_"
_SUM_TOLERANCE = 1e-6
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SEPARATORS = (",", ";", "\t")


class PlanTableError(PolicyError):
    """Raised when a plan's table cannot be used. ``problems`` holds what was found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


def plan_columns(scenario: Scenario) -> tuple[str, ...]:
    """The columns of a plan's table, in the order in which they are written."""
    return (*_KEYS, "spend_base", "discount_frac", "mechanic", *(_DAYPART + part for part in scenario.dayparts))


def write_plan(plan: ScheduledPolicy, scenario: Scenario, path: Path | str) -> None:
    """Write a plan as CSV; a file that is there already is replaced at the end.

    Discounts are written as they would be given: never deeper than the scenario's ceiling.

    Raises:
        UsageError: The file cannot be written there.
    """
    given = np.minimum(plan.discount_frac, scenario.limits.discount_ceiling)
    cells = list(product(*(enumerate(names) for names in (scenario.regions, scenario.segments, scenario.channels))))
    with replace_file(Path(path)) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(plan_columns(scenario))
        for day in range(scenario.days):
            when = scenario.date_of(day).isoformat()
            for (r, region), (s, segment), (c, channel) in cells:
                spend, discount = float(plan.spend_base[day, r, s, c]), float(given[day, r, s])
                mechanic = MECHANICS[int(plan.mechanic[day, r, s])]
                weights = (repr(float(weight)) for weight in plan.daypart_weights[r, c])
                writer.writerow((when, region, segment, channel, repr(spend), repr(discount), mechanic, *weights))


def read_plan(path: Path | str, scenario: Scenario) -> ScheduledPolicy:
    """Read a plan; its name is that of the file.

    Commas, semicolons or tabs separate columns; with the latter two, a decimal comma is understood.

    Raises:
        PlanTableError: The table is no plan of this scenario; it tells every problem with its line and column.
    """
    found = _Problems(str(path))
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        found.note(f"{error.strerror}.")
        raise found.error() from None
    except UnicodeDecodeError as error:
        found.note(f"This is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8.")
        raise found.error() from None
    plan = _Filling(scenario, found)
    for row in _rows(text, scenario, found):
        plan.take(row)
    if not found.listed:  # a row that could not be read would seem to be missing
        plan.check_complete()
    if found.listed:
        raise found.error()
    return ScheduledPolicy(
        name=Path(path).name,
        kind="planner",
        spend_base=plan.spend,
        daypart_weights=plan.weights,
        discount_frac=plan.discount,
        mechanic=plan.mechanic,
    )


class _Problems(ProblemList):
    """The problems of a plan's table."""

    def note(self, message: str, *, line: int = 0, column: int = 0, path: str = "") -> None:
        self.add(Problem(message=message, path=path, file=self.file, line=line, column=column))

    def error(self) -> PlanTableError:
        return PlanTableError(self.in_order())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One line: the text of each column, and where in the line it starts."""

    line: int
    text: Mapping[str, str]
    column: Mapping[str, int]
    decimal_comma: bool


def _rows(text: str, scenario: Scenario, found: _Problems) -> list[_Row]:
    """The lines of the table below its head."""
    lines = text.splitlines()
    if not lines or not lines[0].strip():
        found.note("The file is empty; its first line has to name the columns.", line=1, column=1)
        return []
    separator = max(_SEPARATORS, key=lines[0].count)
    head, starts = _split(lines[0], separator)
    _check_head(head, starts, scenario, found)
    if found.listed:
        return []
    rows: list[_Row] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip(f" {separator}"):
            continue  # spreadsheets leave empty lines at the end
        cells, starts = _split(line, separator)
        if len(cells) != len(head):
            found.note(f"There are {len(cells)} entries for {len(head)} columns.", line=number, column=1)
            continue
        rows.append(
            _Row(
                line=number,
                text=dict(zip(head, cells, strict=True)),
                column=dict(zip(head, starts, strict=True)),
                decimal_comma=separator != ",",
            )
        )
    return rows


def _split(line: str, separator: str) -> tuple[list[str], list[int]]:
    """The entries of a line, without quotes and blanks around them, and the column where each starts."""
    cells: list[str] = []
    starts: list[int] = []
    for match in re.finditer(rf'("(?:[^"]|"")*"|[^{separator}]*)(?:{separator}|$)', line):
        cells.append(match[1].strip().removeprefix('"').removesuffix('"').replace('""', '"').strip())
        starts.append(match.start() + 1)
        if not match[0].endswith(separator):
            break
    return cells, starts


def _check_head(head: list[str], starts: list[int], scenario: Scenario, found: _Problems) -> None:
    wanted = plan_columns(scenario)
    for i, (name, start) in enumerate(zip(head, starts, strict=True)):
        if name not in wanted:
            hint = suggest(name, wanted) or f" The columns are {', '.join(wanted)}."
            found.note(f"There is no column {name[:60]!r}.{hint}", line=1, column=start)
        elif name in head[:i]:
            found.note(f"The column {name} stands here twice.", line=1, column=start)
    for name in wanted:
        if name not in head:
            found.note(f"The column {name} is missing.", line=1, column=1)


class _Filling:
    """A plan that is filled in row by row."""

    def __init__(self, scenario: Scenario, found: _Problems) -> None:
        regions, segments, channels, dayparts = scenario.shape
        self._scenario, self._found = scenario, found
        self._days = {scenario.date_of(day).isoformat(): day for day in range(scenario.days)}
        self._line: IntArray = np.zeros((scenario.days, regions, segments, channels), dtype=np.int64)
        self._said: dict[tuple[str, int, int, int], int] = {}
        self.spend: FloatArray = np.zeros(self._line.shape)
        self.discount: FloatArray = np.full((scenario.days, regions, segments), np.nan)
        self.mechanic: IntArray = np.full(self.discount.shape, -1, dtype=np.int64)
        self.weights: FloatArray = np.full((regions, channels, dayparts), np.nan)

    def take(self, row: _Row) -> None:
        """Enter one row."""
        scenario = self._scenario
        keys = [
            self._day(row),
            self._position(row, "region", scenario.regions),
            self._position(row, "segment", scenario.segments),
            self._position(row, "channel", scenario.channels),
        ]
        if None in keys:
            return
        day, r, s, c = (key for key in keys if key is not None)
        if self._line[day, r, s, c]:
            first = self._line[day, r, s, c]
            self._wrong(row, "date", f"Day, region, segment and channel are those of line {first} again.")
            return
        self._line[day, r, s, c] = row.line
        spend = self._number(row, "spend_base", "Where nothing is spent, write 0.")
        if spend is not None and spend < 0.0:
            self._wrong(row, "spend_base", f"The spend is {row.text['spend_base']}; it cannot be negative.")
        elif spend is not None:
            self.spend[day, r, s, c] = spend
        self._discount(row, day, r, s)
        self._mechanic(row, day, r, s)
        for h, part in enumerate(scenario.dayparts):
            self._weight(row, _DAYPART + part, r, c, h)

    def check_complete(self) -> None:
        """Check that every row is there, and that what rows share was said by one of them."""
        scenario, found = self._scenario, self._found
        missing = np.argwhere(self._line == 0)
        if len(missing):
            day, r, s, c = (int(i) for i in missing[0])
            place = f"{scenario.date_of(day)}, {scenario.regions[r]}, {scenario.segments[s]}, {scenario.channels[c]}"
            rows = "row is" if len(missing) == 1 else "rows are"
            found.note(f"{len(missing):,} {rows} missing of {self._line.size:,}; the first: {place}.")
            return
        for column, unsaid in (("discount_frac", np.isnan(self.discount)), ("mechanic", self.mechanic < 0)):
            for day, r, s in np.argwhere(unsaid):
                line = int(self._line[day, r, s].min())
                found.note("No row of this region and segment fills this in.", line=line, path=column)
        for r, c in np.argwhere(np.isnan(self.weights).any(axis=2)):
            line = int(self._line[:, r, :, c].min())
            found.note("No row of this region and channel fills in all dayparts.", line=line, path=_DAYPART + "*")
        sums = self.weights.sum(axis=2)
        for r, c in np.argwhere(np.abs(sums - 1.0) > _SUM_TOLERANCE):
            message = f"The daypart weights sum to {sums[r, c]:.6g}; they have to sum to 1."
            found.note(message, line=int(self._line[:, r, :, c].min()), path=_DAYPART + "*")

    def _day(self, row: _Row) -> int | None:
        text = row.text["date"]
        if text in self._days:
            return self._days[text]
        try:
            date.fromisoformat(text)
        except ValueError:
            self._wrong(row, "date", f"{text[:40]!r} is no date; write YYYY-MM-DD, as in {self._scenario.start}.")
        else:
            last = self._scenario.date_of(self._scenario.days - 1)
            self._wrong(row, "date", f"{text} is outside the horizon, {self._scenario.start} to {last}.")
        return None

    def _position(self, row: _Row, column: str, names: tuple[str, ...]) -> int | None:
        text = row.text[column]
        if text in names:
            return names.index(text)
        hint = suggest(text, names) or f" One of {', '.join(names)} is wanted."
        self._wrong(row, column, f"There is no {column} {text[:40]!r}.{hint}")
        return None

    def _discount(self, row: _Row, day: int, r: int, s: int) -> None:
        if not row.text["discount_frac"]:
            return
        value = self._number(row, "discount_frac", "")
        ceiling = float(self._scenario.limits.discount_ceiling[r, s])
        if value is not None and not 0.0 <= value <= ceiling:
            limit = f"0 to {ceiling!r} is allowed here (discounts.ceiling_frac and the margin floor)"
            self._wrong(row, "discount_frac", f"The discount is {row.text['discount_frac']}; {limit}.")
        elif value is not None and self._agrees(row, "discount_frac", (day, r, s), value, self.discount[day, r, s]):
            self.discount[day, r, s] = value

    def _mechanic(self, row: _Row, day: int, r: int, s: int) -> None:
        text = row.text["mechanic"]
        position = self._position(row, "mechanic", MECHANICS) if text else None
        known = int(self.mechanic[day, r, s])
        before = math.nan if known < 0 else float(known)
        if position is not None and self._agrees(row, "mechanic", (day, r, s), float(position), before):
            self.mechanic[day, r, s] = position

    def _weight(self, row: _Row, column: str, r: int, c: int, h: int) -> None:
        if not row.text[column]:
            return
        value = self._number(row, column, "")
        if value is not None and value < 0.0:
            self._wrong(row, column, f"The weight is {row.text[column]}; it cannot be negative.")
        elif value is not None and self._agrees(row, column, (r, c, h), value, self.weights[r, c, h]):
            self.weights[r, c, h] = value

    def _agrees(self, row: _Row, column: str, unit: tuple[int, int, int], value: float, before: float) -> bool:
        """Whether a shared value is new, or the same as before."""
        place = (column, *unit)
        if math.isnan(before):
            self._said[place] = row.line
            return True
        if value == before:
            return False
        whose = "region and channel" if column.startswith(_DAYPART) else "region and segment on this day"
        self._wrong(row, column, f"Line {self._said[place]} says otherwise for the same {whose}.")
        return False

    def _number(self, row: _Row, column: str, hint: str) -> float | None:
        text = row.text[column]
        plain = text.replace(",", ".") if row.decimal_comma and "." not in text else text
        if _NUMBER.fullmatch(plain) and math.isfinite(number := float(plain)):
            return number
        self._wrong(row, column, f"{text[:40]!r} is no number. {hint}".strip())
        return None

    def _wrong(self, row: _Row, column: str, message: str) -> None:
        self._found.note(message, line=row.line, column=row.column[column], path=column)
