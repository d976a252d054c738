"""The hours of each line of a sheet: what is written, what is left as it is, and when ads will be shown by it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np

from xbopt.campaigns.booking.account import Account
from xbopt.campaigns.booking.budget_lines import BudgetLine, Export
from xbopt.campaigns.booking.check_row import CheckCode, CheckRow
from xbopt.campaigns.booking.hours import (
    Schedule,
    as_half_hours,
    as_intervals,
    bid_levels,
    bid_schedule,
    daypart_of_quarter,
    half_hours,
    half_hours_as_percent,
    has_a_wish,
    intervals_as_percent,
    lag_quarters,
    moves_within,
    on_account_clock,
    weights_by,
)
from xbopt.campaigns.booking.takes import Takes
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.scenario.scenario import Scenario


@dataclass(slots=True, kw_only=True)
class Hours:
    """Schedules by day and line.

    Attributes:
        texts: What is written into each line's schedule by day; None for a cell that is left.
        percent: Percent of the usual bid that will hold by day and line, by quarter of the account's day; None where
            ads follow the audience.
        check: What of the hours does not stand in the sheet.
    """

    texts: list[tuple[str | None, ...]] = field(default_factory=list[tuple[str | None, ...]])
    percent: list[tuple[FloatArray | None, ...]] = field(default_factory=list[tuple[FloatArray | None, ...]])
    check: list[CheckRow] = field(default_factory=list[CheckRow])


def zones_of(scenario: Scenario) -> list[ZoneInfo]:
    """The zone of each region."""
    return [ZoneInfo(region.timezone) for region in scenario.document.market.regions]


def schedule_column(export: Export, line: BudgetLine) -> int | None:
    """Where a line's schedule stands; None where the format or the export has no such column for it."""
    form = export.platform.schedule
    return export.column(form.names) if form is not None and form.noun == line.level.noun else None


def follows_bids(export: Export, line: BudgetLine) -> bool:
    """Whether a line's bids can differ by hour: its bid strategy is known to be by hand."""
    form = export.platform.schedule
    if form is None or form.kind == "half_hours":
        return False
    return export.cell(line.rows[0], form.bidding).casefold() in {each.casefold() for each in form.by_hand}


def hours_of(
    days: PlannedDays, scenario: Scenario, export: Export, takes: Takes, account: Account, asked: FloatArray
) -> Hours:
    """Decide what each line's schedule says on each day.

    Args:
        days: The plan; its dayparts are in the regions' own time.
        scenario: The parts of the day.
        export: The schedules that are there.
        takes: The lines.
        account: Its zone is that of the schedules.
        asked: Spend by line and cell ``(N, K, R, S, C)``; cells of one line count by it.
    """
    made = Hours()
    plans = [_LinePlan(k, days, scenario, export, takes, account, asked) for k in range(len(takes.lines))]
    span = scenario.date_of(days.first_day), scenario.date_of(days.end_day - 1)
    for plan in plans:
        for code, detail in plan.told():
            made.check.append(CheckRow(code=code, first=span[0], last=span[1], line=plan.name, detail=detail))
        made.check += [
            CheckRow(code="other_day", first=span[0], last=span[1], line=plan.name, detail=f"{hours:+g}")
            for hours in sorted(plan.hours_ahead(days.first_day))
        ]
    for day in range(days.first_day, days.end_day):
        on_day = [plan.on_day(day) for plan in plans]
        made.texts.append(tuple(text for text, _ in on_day))
        made.percent.append(tuple(percent for _, percent in on_day))
        for plan in plans:
            if plan.moves_on(day):
                when = scenario.date_of(day)
                made.check.append(CheckRow(code="clock_change", first=when, last=when, line=plan.name))
    return made


class _LinePlan:
    """What is to be done about the hours of one line."""

    def __init__(
        self,
        k: int,
        days: PlannedDays,
        scenario: Scenario,
        export: Export,
        takes: Takes,
        account: Account,
        asked: FloatArray,
    ) -> None:
        line = takes.lines[k]
        self.name = line.name or line.id
        self._scenario = scenario
        cells = np.argwhere(takes.share[k].sum(axis=1) > 0.0)
        self._regions = [int(r) for r, _ in cells]
        self._levels = [bid_levels(days.daypart_weights[r, c], scenario.audience[r]) for r, c in cells]
        weight = np.array([asked[:, k, r, :, c].sum() for r, c in cells])
        self._weight = weight if weight.sum() > 0.0 else np.ones(len(cells))
        self._parts = daypart_of_quarter(scenario)
        self._account = account.zone if account.timezone else None
        self._zones = zones_of(scenario)
        self._half_hours = export.platform.schedule is not None and export.platform.schedule.kind == "half_hours"
        column = schedule_column(export, line)
        self._has_column = column is not None
        row = export.table.rows[line.rows[0]]
        self._there = row[column].strip() if column is not None and column < len(row) else ""
        self._by_hand = follows_bids(export, line)
        self._wishes = any(has_a_wish(level) for level in self._levels)
        pauses = any(bool(np.any(level <= 0.0)) for level in self._levels)
        self._writes = self._wishes and self._has_column and self._account is not None and (self._by_hand or pauses)
        self._made: dict[tuple[int, ...], Schedule] = {}

    def told(self) -> Iterator[tuple[CheckCode, str]]:
        """What of the hours does not stand in the sheet, whatever the day."""
        if self._wishes and not self._has_column:
            yield "hours_unbookable", ""
        elif self._wishes and self._account is None:
            yield "hours_no_zone", ""
        elif self._wishes and not self._by_hand:
            yield "hours_only_on_off", ""
        if self._there and not self._writes:
            yield "hours_left", self._there[:60]
        if self._writes:
            schedule = self._schedule(0)
            if schedule.clipped:
                yield "hours_clipped", str(schedule.clipped)
            if schedule.merged:
                yield "hours_merged", str(schedule.merged)

    def on_day(self, day: int) -> tuple[str | None, FloatArray | None]:
        """What is written on a day, and the percents that hold."""
        if self._writes:
            schedule = self._schedule(day)
            text = as_half_hours(schedule) if self._half_hours else as_intervals(schedule)
            return text, schedule.percent.astype(float)
        if self._account is None or not self._there:
            return None, None
        there = half_hours_as_percent(self._there) if self._half_hours else intervals_as_percent(self._there)
        return None, there if there is None or self._by_hand or self._half_hours else np.where(there > 0.0, 100.0, 0.0)

    def hours_ahead(self, day: int) -> set[float]:
        """By how many hours the days of its regions begin before the account's, where they do not begin together."""
        if self._account is None:
            return set()
        when = self._scenario.date_of(day)
        return {lag_quarters(self._account, self._zones[r], when) / 4.0 for r in self._regions} - {0.0}

    def moves_on(self, day: int) -> bool:
        """Whether a schedule moves against the hours of a region within a day."""
        when = self._scenario.date_of(day)
        return self._writes and self._account is not None and any(
            moves_within(self._account, self._zones[r], when) for r in set(self._regions)
        )  # fmt: skip

    def _schedule(self, day: int) -> Schedule:
        assert self._account is not None, "schedules are written where the account's zone is known"
        when = self._scenario.date_of(day)
        lags = tuple(lag_quarters(self._account, self._zones[r], when) for r in self._regions)
        if lags not in self._made:
            bids = on_account_clock(self._levels, lags, self._parts, self._weight)
            made = half_hours(bids) if self._half_hours else bid_schedule(bids, on_off=not self._by_hand)
            self._made[lags] = made
        return self._made[lags]


def weights_that_hold(
    planned: PlannedDays,
    scenario: Scenario,
    account: Account,
    spend: FloatArray,
    percent: list[tuple[FloatArray | None, ...]],
) -> FloatArray:
    """The dayparts that schedules make ``(R, C, H)``: the mean over days and lines by spend; the plan's without any.

    Args:
        planned: The plan.
        scenario: The audience's day, and the zones.
        account: The zone of schedules.
        spend: By day, line, region and channel ``(N, K, R, C)``.
        percent: By day and line; None where ads follow the audience.
    """
    made = planned.daypart_weights.copy()
    parts, zones = daypart_of_quarter(scenario), zones_of(scenario)
    own = account.zone if account.timezone else None
    for r, c in np.argwhere(spend.sum(axis=(0, 1)) > 0.0).tolist():
        audience = scenario.audience[r]
        total = np.zeros(len(audience))
        for n, k in np.argwhere(spend[:, :, r, c] > 0.0).tolist():
            bids = percent[n][k]
            if bids is None or own is None:
                weights = audience / audience.sum()
            else:
                lag = lag_quarters(own, zones[r], scenario.date_of(planned.first_day + n))
                weights = weights_by(bids, lag, parts, audience)
            total += spend[n, k, r, c] * weights
        made[r, c] = total / total.sum()
    return made
