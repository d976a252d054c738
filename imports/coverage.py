"""Days that a source tells nothing about: days without a row are not days on which nothing happened.

A platform writes no row while it is off, and none where a file is missing; no table tells these two apart. So a run of
days without any row of a platform, a week or longer and longer than its own pauses, is a hole unless its seller says
that it was off. Orders have a hole where so many days without any are far beyond chance at the shop's own rate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import log
from statistics import median

import polars as pl

from xbopt.core.errors import UsageError

ORDERS = "orders"
"""Source of the shop's own orders."""
_WEEK = 7
_PAUSES = 4
"""So many gaps of a week or more are a habit: such a source is bought now and then."""
_LEAST_DAYS = 14
"""A platform with rows on fewer days is hardly bought, and says nothing by being absent."""
_CLOSED_DAYS = 14
"""Days up to which a shop without any order may have closed: holidays."""
_QUIET = 0.25
"""Share of its usual rate that a shop may fall to out of season."""
_CHANCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Days of a source, first and last counted; ``source`` is a platform, or ``orders``."""

    source: str
    first: date
    last: date

    def __str__(self) -> str:
        """As ``--off`` takes it."""
        return f"{self.source}:{self.first}..{self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole(Span):
    """Days within those of the orders that a source tells nothing about; ``channels`` are those of the platform."""

    channels: tuple[str, ...] = ()


def read_span(text: str) -> Span:
    """A span as ``PLATFORM:DATE..DATE``.

    Raises:
        UsageError: It is not written so.
    """
    source, _, days = text.strip().partition(":")
    first, _, last = days.partition("..")
    try:
        span = Span(source=source, first=date.fromisoformat(first), last=date.fromisoformat(last))
    except ValueError:
        span = None
    if span is None or not source or span.last < span.first:
        raise UsageError(
            f"--off {text}: say which platform was off from which day to which, as "
            "facebook_ads:2026-04-01..2026-05-31; both days count."
        )
    return span


def media_holes(media: pl.DataFrame, first: date, last: date, off: Sequence[Span] = ()) -> tuple[Hole, ...]:
    """Holes of platforms between the first and the last day of orders, by platform and day.

    Args:
        media: The canonical table.
        first: First day of orders.
        last: Their last day.
        off: Spans in which a platform was off: its days without a row are days without spend.

    Raises:
        UsageError: ``off`` names a platform that has no rows.
    """
    rows = media.filter(pl.col("date").is_not_null()).select(
        "date",
        pl.col("platform").fill_null("media"),
        pl.coalesce("channel", "platform", pl.lit("media")).alias("channel"),
    )
    named = sorted(str(name) for name in rows["platform"].unique())
    unknown = sorted({span.source for span in off} - {*named, ORDERS})
    if unknown:
        raise UsageError(
            f"--off {', '.join(unknown)}: the media know no such platform, but {', '.join(named) or 'none'}."
        )
    found: list[Hole] = []
    for platform in named:
        own = rows.filter(pl.col("platform") == platform)
        days = set(own["date"].to_list())
        if len(days) < _LEAST_DAYS:
            continue
        gaps = _gaps(days | _days_of(off, platform), first, last)
        long = [(a, b) for a, b in gaps if (b - a).days + 1 >= _WEEK]
        pauses = sorted((b - a).days + 1 for a, b in long if a > first and b < last)
        usual = 2.0 * median(pauses) if len(pauses) >= _PAUSES else 0.0
        channels = tuple(sorted(str(name) for name in own["channel"].unique()))
        found += [
            Hole(source=platform, first=a, last=b, channels=channels) for a, b in long if (b - a).days + 1 > usual
        ]
    return tuple(found)


def order_holes(days: Iterable[date], off: Sequence[Span] = ()) -> tuple[Hole, ...]:
    """Runs of days without an order that chance does not make at a quarter of the shop's rate.

    In ``T`` days of Poisson orders with mean ``m`` a day, runs of ``n`` days without any are expected at most
    ``T exp(-m n)`` times. The rate is that of the days outside runs that a holiday could not explain.

    Args:
        days: Day of each order, in any order.
        off: Spans in which the shop was closed.
    """
    orders = list(days)
    if not orders:
        return ()
    first, last = min(orders), max(orders)
    long = [
        (a, b) for a, b in _gaps(set(orders) | _days_of(off, ORDERS), first, last) if (b - a).days + 1 >= _CLOSED_DAYS
    ]
    seen = (last - first).days + 1 - sum((b - a).days + 1 for a, b in long)
    needed = log(((last - first).days + 1) / _CHANCE) / (_QUIET * len(orders) / seen)
    return tuple(Hole(source=ORDERS, first=a, last=b) for a, b in long if (b - a).days + 1 > needed)


def covered_days(first: date, last: date, holes: Sequence[Span]) -> tuple[date, ...]:
    """Days that are in no hole, in their order."""
    every = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return tuple(day for day in every if not any(hole.first <= day <= hole.last for hole in holes))


def longest_covered(first: date, last: date, holes: Sequence[Span]) -> tuple[date, date] | None:
    """First and last day of the longest run of days in no hole, the latest of equals; None where there is none."""
    days = covered_days(first, last, holes)
    if not days:
        return None
    runs = [[days[0], days[0]]]
    for day in days[1:]:
        if day - runs[-1][1] == timedelta(days=1):
            runs[-1][1] = day
        else:
            runs.append([day, day])
    best = max(runs, key=lambda run: (run[1] - run[0], run[1]))
    return best[0], best[1]


def _days_of(off: Sequence[Span], source: str) -> set[date]:
    return {
        span.first + timedelta(days=n)
        for span in off
        if span.source == source
        for n in range((span.last - span.first).days + 1)
    }


def _gaps(days: set[date], first: date, last: date) -> list[tuple[date, date]]:
    """Runs of days, first and last counted, that are not among ``days``."""
    one = timedelta(days=1)
    edges = [first - one, *sorted(day for day in days if first <= day <= last), last + one]
    return [(a + one, b - one) for a, b in pairwise(edges) if b - a > one]
