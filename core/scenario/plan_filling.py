"""A plan that is filled in row by row from a table whose columns, dates and numbers are understood."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.decision import MECHANICS
from xbopt.core.documents.problems import suggest
from xbopt.core.scenario.plan_head import DAYPART
from xbopt.core.scenario.plan_problems import PlanProblems
from xbopt.core.scenario.plan_sheet import PlanTable
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.spreadsheets.dates import as_text
from xbopt.core.spreadsheets.numbers import is_in_another_currency, is_percentage, number_of
from xbopt.core.spreadsheets.sheet import Row, typed

_SUM_TOLERANCE = 1e-6


class PlanFilling:
    """A plan under way.

    What belongs to a wider unit than the row may be left blank on all but one of its rows; filled in, it has to agree.
    """

    def __init__(self, scenario: Scenario, table: PlanTable, problems: PlanProblems) -> None:
        regions, segments, channels, dayparts = scenario.shape
        self._scenario, self._table, self._problems = scenario, table, problems
        document = scenario.document
        self._ids: Mapping[str, Sequence[str]] = {
            "region": scenario.regions,
            "segment": scenario.segments,
            "channel": scenario.channels,
            "mechanic": MECHANICS,
        }
        names = {
            "region": [region.name for region in document.market.regions],
            "segment": [segment.name for segment in document.segments],
            "channel": [channel.name for channel in document.channels],
            "mechanic": [name.replace("_", " ") for name in MECHANICS],
        }
        self._names = {column: _known_names(ids, names[column]) for column, ids in self._ids.items()}
        self._line: IntArray = np.zeros((scenario.days, regions, segments, channels), dtype=np.int64)
        self._said: dict[tuple[str, int, int, int], int] = {}
        self._blank_spend = 0
        self.notes: list[str] = []
        self.spend: FloatArray = np.zeros(self._line.shape)
        self.discount: FloatArray = np.full((scenario.days, regions, segments), np.nan)
        self.mechanic: IntArray = np.full(self.discount.shape, -1, dtype=np.int64)
        self.weights: FloatArray = np.full((regions, channels, dayparts), np.nan)

    def take(self, row: Row) -> None:
        """Enter one row."""
        day = self._day(row)
        r, s, c = (self._position(row, name) for name in ("region", "segment", "channel"))
        if day is None or r is None or s is None or c is None:
            return
        if self._line[day, r, s, c]:
            first = self._line[day, r, s, c]
            message = f"Day, region, segment and channel are those of line {first} again."
            self._wrong(row, "date", message, cause="again")
            return
        self._line[day, r, s, c] = row.line
        self._take_spend(row, (day, r, s, c))
        self._take_discount(row, day, r, s)
        position = None if self._table.cell(row, "mechanic") in (None, "-") else self._position(row, "mechanic")
        known = int(self.mechanic[day, r, s])
        before = math.nan if known < 0 else float(known)
        if position is not None and self._agrees(row, "mechanic", (day, r, s), float(position), before):
            self.mechanic[day, r, s] = position
        for h, part in enumerate(self._scenario.dayparts):
            self._take_weight(row, DAYPART + part, r, c, h)

    def complete(self) -> None:
        """Fill in what no row says: nothing is spent there, no discount is given, the day is the own plan's."""
        left_out = self._line == 0
        if left_out.any():
            day, r, s, c = (int(i) for i in np.argwhere(left_out)[0])
            names = self._scenario
            place = f"{names.date_of(day)}, {names.regions[r]}, {names.segments[s]}, {names.channels[c]}"
            count = f"{int(left_out.sum()):,} of {left_out.size:,}"
            self.notes.append(f"{count} rows are left out and count as no spend; the first: {place}.")
        if self._blank_spend:
            self.notes.append(f"{self._blank_spend:,} rows leave the spend blank and count as no spend.")
        self._complete_discounts(left_out)
        self._complete_weights()

    def _complete_discounts(self, left_out: BoolArray) -> None:
        no_row = left_out.all(axis=3)
        planned = self._scenario.plan.discount_frac > 0.0
        if no_row.any() and "discount_frac" in self._table.index and (np.any(self.discount > 0.0) or planned.any()):
            # Whoever deletes rows without spend deletes their discounts.
            day, r, s = (int(i) for i in np.argwhere(no_row)[0])
            names, count = self._scenario, int(no_row.sum())
            first = f"{names.date_of(day)}, {names.regions[r]}, {names.segments[s]}"
            self.notes.append(
                f"{count:,} of {no_row.size:,} days of a region and segment have no row, and so no discount; the "
                f"first: {first}."
            )
        unsaid = np.isnan(self.discount) & ~no_row
        if "discount_frac" in self._table.index:
            for day, r, s in np.argwhere(unsaid):
                self._unsaid(_first(self._line[day, r, s]), "discount_frac")
        self.discount = np.where(np.isnan(self.discount), 0.0, self.discount)
        self.mechanic = np.where(self.mechanic < 0, 0, self.mechanic)

    def _unsaid(self, line: int, column: str) -> None:
        self._problems.note(
            "No row of this region and segment on this day fills this in; write 0 for no discount.",
            line=line,
            path=column,
            cause="unsaid",
        )

    def _complete_weights(self) -> None:
        own = self._scenario.plan.daypart_weights
        if not any(DAYPART + part in self._table.index for part in self._scenario.dayparts):
            self.weights = own.copy()
            return
        unsaid = np.isnan(self.weights)
        for r, c in np.argwhere(unsaid.any(axis=2)):
            if unsaid[r, c].all() and not self._line[:, r, :, c].any():
                self.weights[r, c] = own[r, c]  # the file has no row of this region and channel
                continue
            line = _first(self._line[:, r, :, c])
            message = "No row of this region and channel fills in all dayparts."
            self._problems.note(message, line=line, path=DAYPART + "*", cause="unsaid")
        sums = self.weights.sum(axis=2)
        for r, c in np.argwhere(np.abs(sums - 1.0) > _SUM_TOLERANCE):
            message = f"The daypart weights sum to {sums[r, c]:.6g}; they have to sum to 1."
            line = _first(self._line[:, r, :, c])
            self._problems.note(message, line=line, path=DAYPART + "*", cause="sum")

    def _day(self, row: Row) -> int | None:
        text = as_text(self._table.cell(row, "date"))
        found = self._table.form.read(text)
        if found is None:
            self._wrong(row, "date", f"{text[:40]!r} is no date in the form {self._table.form.name}.", cause="form")
            return None
        day = (found - self._scenario.start).days
        if 0 <= day < self._scenario.days:
            return day
        last = self._scenario.date_of(self._scenario.days - 1)
        message = f"{found} is outside the horizon, {self._scenario.start} to {last}."
        self._wrong(row, "date", message, cause="outside")
        return None

    def _position(self, row: Row, column: str) -> int | None:
        cell = self._table.cell(row, column)
        text = as_text(cell)
        known = self._names[column]
        if text.casefold() in known:
            return known[text.casefold()]
        ids = self._ids[column]
        hint = suggest(text, (*known, *ids)) or f" One of {', '.join(ids)} is wanted."
        self._wrong(row, column, f"There is no {column} {text[:40]!r}.{hint}", cause=text)
        return None

    def _take_spend(self, row: Row, cell: tuple[int, int, int, int]) -> None:
        content = self._table.cell(row, "spend_base")
        if content is None:
            self._blank_spend += 1
            return
        value = self._number(row, "spend_base")
        if value is not None and is_in_another_currency(content, self._scenario.base_currency):
            message = f"{content} is in another currency; amounts of this plan are in {self._scenario.base_currency}."
            self._wrong(row, "spend_base", message, cause="currency")
        elif value is not None and is_percentage(content):
            self._wrong(row, "spend_base", f"{content} is a share; write an amount of money.", cause="share")
        elif value is not None and value < 0.0:
            self._wrong(row, "spend_base", f"The spend is {as_text(content)}; it cannot be negative.", cause="negative")
        elif value is not None:
            self.spend[cell] = value

    def _take_discount(self, row: Row, day: int, r: int, s: int) -> None:
        content = self._table.cell(row, "discount_frac")
        value = None if content is None else self._number(row, "discount_frac")
        if value is None:
            return
        ceiling = float(self._scenario.limits.discount_ceiling[r, s])
        if not 0.0 <= value <= ceiling:
            limit = f"0 to {ceiling!r} is allowed here (discounts.ceiling_frac and the margin floor)"
            hint = f" For {value:g} % write {value / 100:g} or {value:g}%." if 1.0 <= value <= 100.0 * ceiling else ""
            self._wrong(row, "discount_frac", f"The discount is {as_text(content)}; {limit}.{hint}", cause="range")
        elif self._agrees(row, "discount_frac", (day, r, s), value, float(self.discount[day, r, s])):
            self.discount[day, r, s] = value

    def _take_weight(self, row: Row, column: str, r: int, c: int, h: int) -> None:
        content = self._table.cell(row, column)
        value = None if content is None else self._number(row, column)
        if value is None:
            return
        if value < 0.0:
            self._wrong(row, column, f"The weight is {as_text(content)}; it cannot be negative.", cause="negative")
        elif self._agrees(row, column, (r, c, h), value, float(self.weights[r, c, h])):
            self.weights[r, c, h] = value

    def _agrees(self, row: Row, column: str, unit: tuple[int, int, int], value: float, before: float) -> bool:
        """Whether a shared value is new, or the same as before."""
        place = (column, *unit)
        if math.isnan(before):
            self._said[place] = row.line
            return True
        if value == before:
            return False
        whose = "region and channel" if column.startswith(DAYPART) else "region and segment on this day"
        message = f"Line {self._said[place]} says otherwise for the same {whose}."
        self._wrong(row, column, message, cause="otherwise")
        return False

    def _number(self, row: Row, column: str) -> float | None:
        content = self._table.cell(row, column)
        value = number_of(content, self._table.decimal)
        if value is None:
            text, other = repr(as_text(content)[:40]), "," if self._table.decimal == "." else "."
            if number_of(content, other) is None:
                self._wrong(row, column, f"{text} is no number.", cause="number")
            else:
                message = f"{text} has another decimal sign than the rest of this file; write all numbers alike."
                self._wrong(row, column, message, cause="decimal")
        return value

    def _wrong(self, row: Row, column: str, message: str, *, cause: str) -> None:
        place, cell = self._table.place(row, column), self._table.cell_name(row, column)
        self._problems.note(message, line=row.line, column=place, path=column, cell=cell, cause=cause)


def _first(lines: IntArray) -> int:
    """The first of some lines; 0 where there is none."""
    return int(lines[lines > 0].min(initial=np.iinfo(np.int64).max)) if lines.any() else 0


def _known_names(ids: Sequence[str], names: Sequence[str]) -> Mapping[str, int]:
    """Position by id and by name, in any case; a name that two share belongs to nobody."""
    folded = [(typed(name) or "").casefold() for name in names]
    known = {name: position for position, name in enumerate(folded) if name and folded.count(name) == 1}
    return known | {each.casefold(): position for position, each in enumerate(ids)}
