"""Lift tests: what a channel was measured to add, in some regions and days, by a trial with a control.

A test enters the likelihood through what the market says about the same days played with and without the change, on
the days of the test and after it: so it informs the level of a response and how long it lasts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np

from xbopt.calibration.fit.noise import WEEK
from xbopt.calibration.fit.parameters import SampledMarket
from xbopt.calibration.fit.replay import Replay
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.errors import CalibrationError, TableError, UsageError
from xbopt.core.spreadsheets.dates import as_text, possible_forms
from xbopt.core.spreadsheets.numbers import decimal_sign, number_of
from xbopt.core.spreadsheets.reading import read_sheet
from xbopt.core.spreadsheets.sheet import Cell
from xbopt.core.tables.rows import Row as TableRow

COLUMNS = ("channel", "regions", "start", "end", "days_after", "change", "metric", "lift", "se")
"""Columns of a file of tests."""
_NUMBERS = ("days_after", "change", "lift", "se")
_USUAL_DAYS = 28
_LARGEST = 1e12
_OFF_BY = 0.2
"""Share of the usual spend by which a test's spend may always miss what was stated."""
_USUAL_QUANTILE = 0.95
_SAME = 1e-6
_METRICS: Sequence[Literal["orders", "revenue"]] = ("orders", "revenue")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftTest:
    """A finished test.

    Attributes:
        channel: The channel whose spend was changed.
        regions: Where.
        start: First day of the change.
        end: Last one.
        days_after: Days after it that the lift counts too.
        change: Relative change of spend: -1 is off, 0.5 is half as much again.
        metric: What was counted.
        lift: What the change added over these regions and days; below 0 where less was spent.
        se: Its standard error.
    """

    channel: str
    regions: tuple[str, ...]
    start: date
    end: date
    days_after: int
    change: float
    metric: Literal["orders", "revenue"]
    lift: float
    se: float

    @property
    def name(self) -> str:
        """Channel, regions and days."""
        return f"{self.channel} in {', '.join(self.regions)} from {self.start} to {self.end}"


def read_lift_tests(path: Path | str) -> tuple[LiftTest, ...]:
    """Read a file of tests, text or workbook; regions are separated by semicolons, ``change`` is a number or ``off``.

    Raises:
        TableError: Says file, row and column.
    """
    file = Path(path).name
    try:
        sheet = read_sheet(path, lambda name: name.casefold() in COLUMNS)
    except UsageError as error:
        raise TableError(f"{file} cannot be read: {error}") from None
    head = [name.casefold() for name in sheet.head]
    if sorted(head) != sorted(COLUMNS):
        wrong = next((name for name in COLUMNS if head.count(name) != 1), "") or next(
            name for name in head if name not in COLUMNS
        )
        raise TableError(f"{file}, row {sheet.head_line}, column {wrong}: the header must be {','.join(COLUMNS)}.")
    if not sheet.rows:
        raise TableError(f"{file}, row {sheet.head_line + 1}, column {COLUMNS[0]}: the table has no rows.")
    columns = {name: [row.cells[head.index(name)] for row in sheet.rows] for name in COLUMNS}
    texts = {name: [as_text(cell) for cell in columns[name]] for name in COLUMNS}
    texts |= _plain_numbers(columns, texts, sheet.separator, file) | _plain_dates(texts, file)
    rows = [
        TableRow(file=file, line=row.line, cells={name: texts[name][n] for name in COLUMNS})
        for n, row in enumerate(sheet.rows)
    ]
    tests = tuple(_read(row) for row in rows)
    for later, row in enumerate(rows):
        earlier = next((n for n in range(later) if _overlap(tests[n], tests[later])), None)
        if earlier is not None:
            raise row.error("start", f"shares {_SHARED.format(f'row {rows[earlier].line}')}")
    return tests


def _plain_numbers(
    columns: Mapping[str, list[Cell]], texts: Mapping[str, list[str]], separator: str | None, file: str
) -> dict[str, list[str]]:
    """Numbers of the whole file with a decimal point; what is none stays as it is, to be refused at its place."""
    decimal = decimal_sign((cell for name in _NUMBERS for cell in columns[name]), separator=separator)
    if decimal is None:
        raise TableError(f"{file}: a number as 1.234 may be above a thousand or just above one. Write it as 1234.0.")
    return {
        name: [
            text if (number := number_of(cell, decimal)) is None else f"{number:.17g}"
            for cell, text in zip(columns[name], texts[name], strict=True)
        ]
        for name in _NUMBERS
    }


def _plain_dates(texts: Mapping[str, list[str]], file: str) -> dict[str, list[str]]:
    """Dates as 2026-07-01; what is none stays as it is, to be refused at its place."""
    forms = possible_forms([*texts["start"], *texts["end"]], date.min, date.max)
    if len(forms) > 1:
        names = " or ".join(form.name for form in forms)
        raise TableError(f"{file}: the dates may be {names}. Write them as 2026-07-01.")
    if not forms:
        return {}
    read = forms[0].read
    return {name: [str(read(text) or text) for text in texts[name]] for name in ("start", "end")}


def _read(row: TableRow) -> LiftTest:
    start, end = row.day("start"), row.day("end")
    if end < start:
        raise row.error("end", f"must not lie before the start, {start}.")
    change = -1.0 if row.text("change").casefold() == "off" else row.number("change", low=-1.0, high=100.0)
    if change == 0.0:
        raise row.error("change", "is 0: nothing was tested. Write off, or the relative change of spend such as -0.5.")
    regions = tuple(part.strip() for part in row.text("regions").split(";"))
    if len(set(regions)) < len(regions):
        raise row.error("regions", "names a region twice. Write each region of the test once.")
    return LiftTest(
        channel=row.text("channel"),
        regions=regions,
        start=start,
        end=end,
        days_after=row.integer("days_after", low=0, high=365),
        change=change,
        metric="orders" if row.choice("metric", _METRICS) == "orders" else "revenue",
        lift=row.number("lift", low=-_LARGEST, high=_LARGEST),
        se=row.number("se", low=1e-9, high=_LARGEST),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedTest:
    """A test on the days of a panel.

    Attributes:
        test: The test.
        days: First day that counts and the one after the last.
        regions: Positions of its regions.
        without: Spend as it would have been without the change ``(T, R, S, C)``.
    """

    test: LiftTest
    days: tuple[int, int]
    regions: tuple[int, ...]
    without: FloatArray

    def residual(self, replay: Replay, sampled: SampledMarket, played: FloatArray) -> FloatArray:
        """Measured less modelled lift in standard errors ``(B,)``.

        Args:
            replay: The panel's days.
            sampled: The markets, ``B`` of them.
            played: What they count on the panel's days ``(B, T, R, K)``.
        """
        first, end = self.days
        otherwise = replay.play(sampled, spend=self.without, days=end)
        difference = (played[:, first:end] - otherwise[:, first:end])[:, :, list(self.regions)].sum(axis=(1, 2))
        kinds = replay.kinds
        lift = difference[:, kinds.index("revenue" if self.test.metric == "revenue" else "orders")]
        return (self.test.lift - lift) / self.test.se


def placed_tests(replay: Replay, tests: Sequence[LiftTest], first: int) -> tuple[PlacedTest, ...]:
    """Lay tests on a panel's days.

    Raises:
        CalibrationError: A test is about days, regions or a channel that the panel does not hold, its spend is not
            what the test states, or two tests read their lift off the same days.
    """
    for one, other in combinations(tests, 2):
        if _overlap(one, other):
            raise CalibrationError(f"The lift test of {other.name} shares {_SHARED.format(f'that of {one.name}')}")
    return tuple(_placed(replay, test, first) for test in tests)


_SHARED = (
    "days of its channel in a region with {}: both read the same luck, which would count twice. Give one row for what "
    "was measured once, in orders where there is a choice, or shorten days_after so that no day counts in both."
)


def _overlap(one: LiftTest, other: LiftTest) -> bool:
    """Whether two lifts of a channel were read off the same days of a region, days after included."""

    def end(test: LiftTest) -> date:
        return test.end + timedelta(days=test.days_after)

    same = one.channel == other.channel and not set(one.regions).isdisjoint(other.regions)
    return same and one.start <= end(other) and other.start <= end(one)


def _placed(replay: Replay, test: LiftTest, first: int) -> PlacedTest:
    scenario, panel = replay.market.scenario, replay.panel
    for what, names, known in (
        ("channel", (test.channel,), scenario.channels),
        ("region", test.regions, scenario.regions),
    ):
        for name in names:
            if name not in known:
                raise CalibrationError(
                    f"The lift test of {test.name} names the {what} {name!r}; the panel has {known}."
                )
    begins, ends = (test.start - panel.start).days, (test.end - panel.start).days + 1
    last = panel.start + timedelta(days=panel.days - 1)
    if begins < first or ends + test.days_after > panel.days:
        raise CalibrationError(
            f"The lift test of {test.name} with {test.days_after} days after it does not lie within the panel's scored "
            f"days, {panel.start + timedelta(days=first)} to {last}. Give a panel that holds it."
        )
    if len(set(test.regions)) < len(test.regions):
        raise CalibrationError(f"The lift test of {test.name} names a region twice. Name each region once.")
    regions = tuple(scenario.regions.index(region) for region in test.regions)
    channel = scenario.channels.index(test.channel)
    without = panel.spend.copy()
    for region in regions:
        before = panel.spend[max(begins - _USUAL_DAYS, 0) : begins, region, :, channel].mean(axis=0)
        changed = panel.spend[begins:ends, region, :, channel]
        without[begins:ends, region, :, channel] = before if test.change == -1.0 else changed / (1.0 + test.change)
        _refuse_other_spend(
            test, scenario.regions[region], panel.spend[:, region, :, channel].sum(axis=1), begins, ends
        )
    if float(np.abs(without - panel.spend).sum()) <= _SAME * float(without.sum()):
        raise CalibrationError(
            f"The lift test of {test.name}: the panel shows the same spend with and without the change. Its spend must "
            "be that of the test."
        )
    return PlacedTest(test=test, days=(begins, ends + test.days_after), regions=regions, without=without)


def _refuse_other_spend(test: LiftTest, region: str, spend: FloatArray, begins: int, ends: int) -> None:
    """Refuse a test whose days did not see the spend that it states, of a region's daily spend ``(T,)``.

    It may miss what is stated by as much as usual stretches of its length miss the four weeks before them, 19 of 20 of
    them; by a fifth of the usual spend in any case; and never so far that no change at all would be nearer.
    """
    length, stated = ends - begins, 1.0 + test.change
    usual, seen = (float(part.mean()) for part in (spend[max(begins - _USUAL_DAYS, 0) : begins], spend[begins:ends]))
    if usual <= 0.0 and seen <= 0.0:
        return
    starts = [
        t for t in range(_USUAL_DAYS, len(spend) - length + 1, WEEK) if t - _USUAL_DAYS >= ends or t + length <= begins
    ]
    before = np.array([spend[t - _USUAL_DAYS : t].mean() for t in starts])
    after = np.array([spend[t : t + length].mean() for t in starts])
    missed = np.abs(after[before > 0.0] / before[before > 0.0] - 1.0)
    spread = float(np.quantile(missed, _USUAL_QUANTILE)) if len(missed) else 0.0
    off_by = abs(seen / usual - stated) if usual > 0.0 else np.inf
    if off_by <= max(_OFF_BY, stated * spread) and off_by < 0.5 * abs(test.change):
        return
    what = "off" if test.change == -1.0 else f"at {stated:,.2f} times what is usual"
    raise CalibrationError(
        f"The lift test of {test.name}: the panel does not show it {what}: {region} spends {seen * length:,.0f} in "
        f"these days, where {usual * length:,.0f} is usual by the four weeks before. Give the days and regions of the "
        "change, and the relative change of spend that these days show. A test that kept spend and hid the ads from "
        "some users is not in a panel's spend, and cannot be used."
    )


def outside_tests(replay: Replay, tests: Sequence[PlacedTest], first: int) -> BoolArray:
    """Weekly counts that no test has told already ``(W, R, K)``.

    The orders of a test's days are what its lift was read off; scoring both would count them twice.
    """
    kinds = replay.kinds
    weeks = (replay.days - first) // WEEK
    free = np.ones((weeks, len(replay.market.scenario.regions), len(kinds)), dtype=np.bool_)
    sold = [kinds.index(kind) for kind in ("orders", "first", "revenue")]
    for test in tests:
        begin, end = (test.days[0] - first) // WEEK, -(-(test.days[1] - first) // WEEK)
        for region in test.regions:
            free[begin:end, region, sold] = False
    return free
