"""Upload sheets: a plan's budgets and hours put into the user's own export, and what becomes of the plan by it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from xbopt.campaigns.booking.account import Account
from xbopt.campaigns.booking.budget_lines import Export, read_export
from xbopt.campaigns.booking.check_row import CheckRow
from xbopt.campaigns.booking.export_table import plain_header, plain_table
from xbopt.campaigns.booking.mapping import MappedCampaign
from xbopt.campaigns.booking.platform import BookingPlatform, booking_platform
from xbopt.campaigns.booking.runs import By, Run, check_of_runs, runs_of
from xbopt.campaigns.booking.scheduling import hours_of, schedule_column, weights_that_hold
from xbopt.campaigns.booking.takes import Takes, taken
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario

_PLAIN = "csv"
_PLAIN_HEAD = ("campaign", "region", "segment", "channel", "daily_budget", "currency")
_REST = 1e-6
"""A part of a cell's spend that is below a millionth of it is no part that goes elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """The sheets of one platform.

    Attributes:
        platform: The format.
        mark: What the files' names end with.
        account: The account that the sheets are for.
        sheets: What each file holds, by name; the name has the days that it is for.
        check: Every cell that is not what the plan asks for.
        takes: Which lines of the export take which part of the plan.
        asked_base: What the plan wants spent through it ``(N, R, S, C)``, base currency.
        booked: What the platform will do by these sheets. Spend is its own alone, so that sheets of several platforms
            add up. Discounts are no platform's business and stay the plan's.
    """

    platform: BookingPlatform
    mark: str
    account: Account
    sheets: Mapping[str, bytes] = field(repr=False)
    check: tuple[CheckRow, ...] = field(repr=False)
    takes: Takes = field(repr=False)
    asked_base: FloatArray = field(repr=False)
    booked: PlannedDays = field(repr=False)

    @property
    def share(self) -> FloatArray:
        """Part of each cell's spend that goes through this platform ``(R, S, C)``."""
        return self.takes.share.sum(axis=0)

    @property
    def channels(self) -> tuple[int, ...]:
        """Positions of the channels that the sheets are about."""
        return tuple(np.flatnonzero(self.share.sum(axis=(0, 1)) > 0.0).tolist())

    @property
    def asked_total_base(self) -> float:
        """What the plan wants spent through this platform on all days."""
        return float(self.asked_base.sum())

    @property
    def booked_total_base(self) -> float:
        """What the platform will spend on all days, where each day costs its budget."""
        return float(self.booked.spend_base.sum())

    def carried_out(self, days: PlannedDays) -> PlannedDays:
        """The plan with what this platform will do in place of what it was asked for: to be replayed and valued.

        Sheets of several platforms are put in one after the other.
        """
        rest = np.maximum(days.spend_base - self.asked_base, 0.0)
        elsewhere, here = (spend.sum(axis=(0, 2))[..., None] for spend in (rest, self.booked.spend_base))
        both = np.where(elsewhere + here > 0.0, elsewhere + here, 1.0)
        mean = (elsewhere * days.daypart_weights + here * self.booked.daypart_weights) / both
        weights = np.where(here > 0.0, mean, days.daypart_weights)
        return replace(days, spend_base=rest + self.booked.spend_base, daypart_weights=weights)


def write_sheets(
    days: PlannedDays,
    scenario: Scenario,
    platform: str,
    template: bytes | Path | None,
    mapping: Sequence[MappedCampaign] | None,
    *,
    account: Account,
    by: By = "run",
    label: str = "",
) -> Booking:
    """Put days of a plan into a user's own export. Nothing is created and nothing switched on.

    Platforms hold one daily budget a campaign, so that a sheet is for a run of days with the same budgets: it is to be
    uploaded before the first of them.

    Args:
        days: What is to be spent.
        scenario: The market that the plan is for.
        platform: Id of the format.
        template: The export; None for the plain CSV alone, which then has a row a cell.
        mapping: Which campaign is bought for which cells; None to read it off names, where they are unmistakable.
        account: Currency, rate and zone of the account.
        by: ``run``, a sheet for each run of days with equal budgets; ``mean``, one with the mean day.
        label: What the sheets are of, such as a plan. Its hash stands at the end of files' names, together with their
            lines, so that sheets of other lines do not overwrite these; nothing where it is empty.

    Raises:
        UsageError: The export or the mapping cannot be used as it is asked.
        RefusedFileError: The export lacks columns.
    """
    form = booking_platform(platform)
    account = in_units_of(account, form)
    export, takes = lines_to_book(form, scenario, template, mapping, account)
    asked = np.einsum("nrsc,krsc->nkrsc", days.spend_base, takes.share)
    hours = hours_of(days, scenario, export, takes, account, asked)
    in_account = asked.sum(axis=(2, 3, 4)) / account.base_per_unit
    runs = runs_of(in_account, hours.texts, takes, form, account, by)
    mark = _mark(label, takes)
    runs_today = np.array([line.runs for line in takes.lines], dtype=float)
    sheets: dict[str, bytes] = {}
    spend = np.zeros_like(asked)
    for run in runs:
        if run.units is None:
            continue
        name = _name(form, scenario, days.first_day, run, export.table.suffix, mark)
        sheets[name] = export.table.with_cells(_cells(run, export, takes, hours.texts[run.first], account))
        money = run.units / 10**account.digits * account.base_per_unit * runs_today
        spend[run.days] = divided(money, asked[run.days].mean(axis=0), takes.share)
    check = (
        *check_of_runs(runs, takes, account, scenario, days.first_day),
        *hours.check,
        *_of_lines_left_out(takes, days, scenario, account),
        *_of_other_sheets(asked.sum(axis=1), days, scenario),
    )
    return Booking(
        platform=form,
        mark=mark,
        account=account,
        sheets=sheets,
        check=check,
        takes=takes,
        asked_base=asked.sum(axis=1),
        booked=replace(
            days,
            spend_base=spend.sum(axis=1),
            daypart_weights=weights_that_hold(days, scenario, account, spend.sum(axis=3), hours.percent),
        ),
    )


def in_units_of(account: Account, form: BookingPlatform) -> Account:
    """An account whose budgets have the decimals that the platform takes."""
    return replace(account, whole_units=account.whole_units or account.currency in form.whole_units)


def lines_to_book(
    form: BookingPlatform,
    scenario: Scenario,
    template: bytes | Path | None,
    mapping: Sequence[MappedCampaign] | None,
    account: Account,
) -> tuple[Export, Takes]:
    """The export, and which of its lines take which part of the plan.

    Raises:
        UsageError: There is no export, it is in another currency, or the mapping does not fit it.
        RefusedFileError: The export lacks columns, or has more rows than the platform takes.
    """
    if template is None:
        if form.id != _PLAIN:
            raise UsageError(f"{form.title}: name an export of your own with --template; sheets are made from it.")
        template, cells = _plain_template(scenario, account)
        mapping = cells if mapping is None else mapping
    export = read_export(template, form)
    takes = taken(export, scenario, mapping)
    if others := sorted(export.currencies - {account.currency}):
        raise UsageError(
            f"The export's budgets are in {', '.join(others)}, the account is said to be in {account.currency}. Say "
            "the export's with --currency."
        )
    if text := export.money_not_in(account.currency):
        raise UsageError(
            f"The export says {text}, which is another currency than {account.currency}, in which the account is said "
            "to be kept. Say the export's with --currency, or export again."
        )
    rows = len(export.table.rows) - export.head - 1
    if form.rows_at_most is not None and rows > form.rows_at_most:
        raise UsageError(f"{form.title} takes {form.rows_at_most} rows, and these are {rows}. Export fewer at a time.")
    return export, takes


def divided(money: FloatArray, asked: FloatArray, share: FloatArray) -> FloatArray:
    """Money of lines by cell ``(K, R, S, C)``: as the plan asks, and evenly where it asks for nothing.

    Args:
        money: By line ``(K,)``.
        asked: What the plan asks of each line by cell ``(K, R, S, C)``.
        share: Part of each cell through each line.
    """
    total = asked.sum(axis=(1, 2, 3), keepdims=True)
    even = share / share.sum(axis=(1, 2, 3), keepdims=True)
    return money[:, None, None, None] * np.where(total > 0.0, asked / np.where(total > 0.0, total, 1.0), even)


def _plain_template(scenario: Scenario, account: Account) -> tuple[bytes, tuple[MappedCampaign, ...]]:
    """A table with a row a cell, for those who have no export, and its mapping."""
    rows: list[tuple[str, ...]] = []
    cells: list[MappedCampaign] = []
    for region in scenario.regions:
        for segment in scenario.segments:
            for channel in scenario.channels:
                name = f"{region}/{segment}/{channel}"
                rows.append((name, region, segment, channel, "0", account.currency))
                cells.append(MappedCampaign(campaign=name, region=region, segment=segment, channel=channel))
    return plain_table(_PLAIN_HEAD, rows), tuple(cells)


def _mark(label: str, takes: Takes) -> str:
    """What the end of files' names tells apart."""
    named = [label, *(f"{line.account}/{line.id or line.name}" for line in takes.lines)]
    return sha256("\n".join(named).encode()).hexdigest()[:8] if label else ""


def _name(form: BookingPlatform, scenario: Scenario, first_day: int, run: Run, suffix: str, mark: str) -> str:
    first, last = (scenario.date_of(first_day + day).isoformat() for day in (run.first, run.end - 1))
    return f"{form.id}_{first}_{last}{f'_{mark}' if mark else ''}{suffix}"


def _cells(
    run: Run, export: Export, takes: Takes, schedules: Sequence[str | None], account: Account
) -> dict[tuple[int, int], str]:
    """The new texts of a sheet by row and column."""
    assert run.units is not None, "a run without budgets has no sheet"
    cells: dict[tuple[int, int], str] = {}
    for line, units, schedule in zip(takes.lines, run.units.tolist(), schedules, strict=True):
        amount = f"{units / 10**account.digits:.{account.digits}f}"
        for row in line.rows:
            cells[row, line.budget_column] = amount.replace(".", export.decimal)
            for name, value in export.platform.put.items():
                cells[row, export.columns[plain_header(name)]] = value
            column = schedule_column(export, line)
            if schedule is not None and column is not None:
                cells[row, column] = schedule
    return cells


def _of_lines_left_out(takes: Takes, days: PlannedDays, scenario: Scenario, account: Account) -> Iterator[CheckRow]:
    """Running lines of the export that go on beside the plan."""
    first, last = scenario.date_of(days.first_day), scenario.date_of(days.end_day - 1)
    for line in takes.left_out:
        yield CheckRow(
            code="left_out", first=first, last=last, line=line.name or line.id, stands=line.today or None,
            currency=account.currency,
        )  # fmt: skip


def _of_other_sheets(asked: FloatArray, days: PlannedDays, scenario: Scenario) -> Iterator[CheckRow]:
    """Spend of the plan that no line of this sheet takes, by region and channel."""
    first, last = scenario.date_of(days.first_day), scenario.date_of(days.end_day - 1)
    planned = days.spend_base.sum(axis=2).mean(axis=0)
    here = asked.sum(axis=2).mean(axis=0)
    for r, c in np.argwhere(planned - here > _REST * planned):
        yield CheckRow(
            code="other_sheet",
            first=first,
            last=last,
            line=f"{scenario.regions[r]} / {scenario.channels[c]}",
            asked=float(planned[r, c]),
            stands=float(here[r, c]),
            currency=scenario.base_currency,
        )
