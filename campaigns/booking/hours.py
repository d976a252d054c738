"""A plan's parts of the day, in the region's own time, as a schedule in the time of the account.

A part of the day that shall have the share ``w`` of the spend, where people are there with the share ``a``, is bid at
``w / a`` of the usual: 1 on average over the audience's day, 0 where no ads are shown. Schedules repeat every week on
the account's clock. Where one of two zones changes its clock and the other does not, the schedule moves against the
region, so that sheets are cut there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.scenario.scenario import Scenario

QUARTERS = 96
_MINUTES = 15
_PER_HOUR = 4
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LEAST_PERCENT, MOST_PERCENT = 10, 1000
"""Bid modifiers of Google Ads go from 0.1 to 10."""
MOST_INTERVALS = 6
_PAUSE = 1_000_000
_SAME = 0.005
"""Bids by hour that differ by less than half a percent from the usual are the usual."""
_INTERVAL = re.compile(r"\((\w+)(?:@(\d+(?:\.\d+)?)%)?\[(\d\d):(\d\d)-(\d\d):(\d\d)\]\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Bids by quarter of an hour of the account's day.

    Attributes:
        percent: Percent of the usual bid ``(96,)``; 0 for no ads.
        clipped: Quarters whose bid was moved to what the platform takes.
        merged: Quarters whose bid was evened out so that a day has few enough intervals.
    """

    percent: IntArray
    clipped: int = 0
    merged: int = 0


def lag_quarters(account: ZoneInfo, region: ZoneInfo, day: date, hour: int = 12) -> int:
    """How many quarters of an hour a region's clock is ahead of the account's, at an hour of the account's day."""
    moment = datetime.combine(day, time(hour), tzinfo=account)
    ahead = moment.astimezone(region).utcoffset()
    own = moment.utcoffset()
    assert ahead is not None
    assert own is not None, "both have a zone"
    return round((ahead - own) / timedelta(minutes=_MINUTES))


def moves_within(account: ZoneInfo, region: ZoneInfo, day: date) -> bool:
    """Whether the two clocks move against each other on a day of the account."""
    return lag_quarters(account, region, day, 0) != lag_quarters(account, region, day + timedelta(days=1), 0)


def daypart_of_quarter(scenario: Scenario) -> IntArray:
    """Which part of the day each quarter of an hour of a region's clock belongs to ``(96,)``."""
    found = np.zeros(QUARTERS, dtype=np.int64)
    for h, part in enumerate(scenario.document.calendar.dayparts):
        found[_PER_HOUR * part.from_hour : _PER_HOUR * part.to_hour] = h
    return found


def bid_levels(weights: FloatArray, audience: FloatArray) -> FloatArray:
    """Bids over the usual one by part of the day ``(H,)``, with mean 1 over the audience's day."""
    safe = np.maximum(audience, 1e-12)
    return weights / weights.sum() / (safe / safe.sum())


def has_a_wish(levels: FloatArray) -> bool:
    """Whether bids differ from the usual at any part of the day."""
    return bool(np.any(np.abs(levels - 1.0) > _SAME))


def on_account_clock(
    levels: Sequence[FloatArray], lags: Sequence[int], parts: IntArray, weight: FloatArray
) -> FloatArray:
    """Bids by quarter of the account's day ``(96,)``, the mean over cells by weight.

    Args:
        levels: Bids of each cell ``(H,)``.
        lags: How many quarters each cell's region is ahead.
        parts: Part of the day by quarter of a region's clock ``(96,)``.
        weight: Of each cell; any positive sum.
    """
    quarters = np.arange(QUARTERS)
    each = [level[parts[(quarters + lag) % QUARTERS]] for level, lag in zip(levels, lags, strict=True)]
    return np.average(np.stack(each), axis=0, weights=weight)


def bid_schedule(bids: FloatArray, *, on_off: bool) -> Schedule:
    """Bids as whole percents that the platform takes, in few enough intervals.

    Args:
        bids: ``(96,)``.
        on_off: Hours can be on or off and nothing between.
    """
    if on_off:
        return Schedule(percent=np.where(bids > 0.0, 100, 0))
    percent = np.rint(100.0 * bids).astype(np.int64)
    taken = np.where(bids > 0.0, np.clip(percent, LEAST_PERCENT, MOST_PERCENT), 0)
    even = _evened(taken)
    return Schedule(percent=even, clipped=int((taken != percent).sum()), merged=int((even != taken).sum()))


def half_hours(bids: FloatArray) -> Schedule:
    """Hours on or off in steps of half an hour; a half hour is on where any of it shall be."""
    on = np.repeat(np.any((bids > 0.0).reshape(-1, 2), axis=1), 2)
    return Schedule(percent=np.where(on, 100, 0), merged=int((on != (bids > 0.0)).sum()))


def _evened(percent: IntArray) -> IntArray:
    """Neighbouring spans with the nearest bids get their mean until a day has few enough intervals with ads.

    Hours stay on or off as they are, unless there are more pauses than intervals: then the shortest ones go.
    """
    made = percent.copy()
    while len(spans := _spans(made)) > 1 and sum(bid > 0 for _, _, bid in spans) > MOST_INTERVALS:
        _, i = min(
            (_PAUSE * ((bid > 0) != (after > 0)) + abs(bid - after) * min(b - a, end - b), i)
            for i, ((a, b, bid), (_, end, after)) in enumerate(pairwise(spans))
        )
        span = slice(spans[i][0], spans[i + 1][1])
        made[span] = max(round(float(made[span].mean())), LEAST_PERCENT)
    return made


def _spans(percent: IntArray) -> list[tuple[int, int, int]]:
    """First quarter, quarter after the last, and percent of each run of equal bids."""
    starts = [0, *(np.flatnonzero(np.diff(percent)) + 1).tolist()]
    return [(a, b, int(percent[a])) for a, b in pairwise([*starts, QUARTERS])]


def as_intervals(schedule: Schedule) -> str:
    """``(Monday@80%[08:00-17:30]);...`` for every day of the week; hours without ads are left out."""
    return ";".join(
        f"({day}{'' if percent == 100 else f'@{percent}%'}[{_clock(a)}-{_clock(b)}])"
        for day in DAYS
        for a, b, percent in _spans(schedule.percent)
        if percent
    )


def _clock(quarter: int) -> str:
    return f"{quarter // _PER_HOUR:02d}:{_MINUTES * (quarter % _PER_HOUR):02d}"


def as_half_hours(schedule: Schedule) -> str:
    """7 x 48 digits, Monday 0:00 first; 1 for on."""
    return "".join("1" if percent else "0" for percent in schedule.percent[::2]) * len(DAYS)


def intervals_as_percent(text: str) -> FloatArray | None:
    """Mean percent of the usual bid by quarter of a day over a week ``(96,)``; None where the text is no schedule."""
    made = np.zeros(QUARTERS)
    for piece in filter(None, (each.strip() for each in text.split(";"))):
        found = _INTERVAL.fullmatch(piece)
        if found is None or found[1] not in DAYS:
            return None
        a, b = (_PER_HOUR * int(found[i]) + int(found[i + 1]) // _MINUTES for i in (3, 5))
        made[a : b or QUARTERS] += float(found[2] or 100.0) / len(DAYS)
    return made if text.strip() else None


def half_hours_as_percent(text: str) -> FloatArray | None:
    """The same of 7 x 48 digits; all 0 means always on, like all 1."""
    digits = text.strip()
    if len(digits) != QUARTERS // 2 * len(DAYS) or set(digits) - {"0", "1"}:
        return None
    if "1" not in digits:
        return np.full(QUARTERS, 100.0)
    week = np.array([float(each) for each in digits]).reshape(len(DAYS), -1)
    return np.repeat(100.0 * week.mean(axis=0), 2)


def weights_by(percent: FloatArray, lag: int, parts: IntArray, audience: FloatArray) -> FloatArray:
    """The spend by part of a region's day that a schedule makes ``(H,)``; the audience's where it shows no ads.

    Args:
        percent: By quarter of the account's day ``(96,)``.
        lag: How many quarters the region is ahead.
        parts: Part of the day by quarter of the region's clock.
        audience: The audience's day ``(H,)``.
    """
    local = percent[(np.arange(QUARTERS) - lag) % QUARTERS]
    mean = np.array([local[parts == h].mean() for h in range(len(audience))])
    spent = audience * mean
    return spent / spent.sum() if spent.sum() > 0.0 else audience / audience.sum()
