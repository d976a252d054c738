"""Groups of rows by what was known before the decision: days, weekdays, hours, segments, levels and bins of columns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import FloatArray
from xbopt.ope.data.logged import LoggedBanditData

Shown = Mapping[str, float | str]
_MOST_DAYS, _BLOCKS, _LEVELS, _BINS = 64, 4, 6, 5
_MOST_SEGMENTS = 64
_FEWEST = 20  # rows of a group by itself
_FAR = 3.0  # standard deviations at which a column's moment is cut off
_EDGES_FROM = 2048  # rows from which the edges of bins are read
_HOURS, _ROWS_AN_HOUR = 4, 500  # hours that stand together, and rows from which each stands alone
_OLDEST = 3650.0  # days from 1970; earlier times are no dates


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """One way to hold rows apart.

    Attributes:
        kind: ``time``, ``segment`` or ``column``.
        column: Position of the context's column; None for others.
        member: What each row counts for in each group ``(n, m)``: 0 or 1, or the column itself, standardised.
        disjoint: Whether the groups do not overlap, so that they can be added up.
        shown: Figures that say which group it is, one set a group.
    """

    kind: str
    column: int | None = None
    member: FloatArray
    disjoint: bool = True
    shown: tuple[Shown, ...] = field(repr=False)


def groupings(data: LoggedBanditData) -> Iterator[Grouping]:
    """All groupings of rows, coarse ones and fine ones."""
    if data.time is not None:
        yield from _by_time(data.time)
    if data.segment is not None:
        codes, place = np.unique(data.segment, return_inverse=True)
        if 1 < len(codes) <= _MOST_SEGMENTS:
            yield _labelled("segment", place, tuple({"segment_code": float(code)} for code in codes.tolist()))
    for column in range(data.context.shape[1]):
        yield from _by_column(column, data.context[:, column])


def _by_time(time: FloatArray) -> Iterator[Grouping]:
    day = np.floor(time)
    days, place = np.unique(day, return_inverse=True)
    if len(days) > 1:
        each = max(-(-len(days) // _MOST_DAYS), -(-_FEWEST * len(days) // len(day)))  # days that stand together
        group = place // each
        yield _labelled("time", group, _spans(group, day))
    if len(days) > 2 * _BLOCKS or (len(days) == 1 and float(np.ptp(time)) > 0.0):
        edges = np.quantile(time, np.linspace(0.0, 1.0, _BLOCKS + 1)[1:-1])
        block = np.searchsorted(edges, time, side="right")
        yield _labelled("time", np.unique(block, return_inverse=True)[1], _spans(block, day))
    if float(np.ptp(time)) >= 14.0:
        codes, place = np.unique((day % 7.0).astype(np.int64), return_inverse=True)
        shown: list[Shown] = [{"weekday": _WEEKDAYS[code]} for code in codes.tolist()]
        yield _labelled("time", place, tuple(shown))
    yield from _by_hour(time)


def _by_hour(time: FloatArray) -> Iterator[Grouping]:
    """Hours of the day over several days; none where times are dates. Of one day blocks of time say the same."""
    if float(np.ptp(time)) <= 1.0:
        return
    hour = np.floor((time - np.floor(time)) * 24.0 + 1e-6).astype(np.int64).clip(max=23)
    each = 1 if len(time) >= 24 * _ROWS_AN_HOUR else _HOURS
    codes, place = np.unique(hour // each, return_inverse=True)
    if len(codes) > 1 and len(time) >= _FEWEST * len(codes):
        ends = [(code * each, (code + 1) * each) for code in codes.tolist()]
        yield _labelled("time", place, tuple({"from_hour": float(begin), "to_hour": float(end)} for begin, end in ends))


_WEEKDAYS = ("Thursdays", "Fridays", "Saturdays", "Sundays", "Mondays", "Tuesdays", "Wednesdays")  # from 1970-01-01


def _spans(group: NDArray[np.intp], day: FloatArray) -> tuple[Shown, ...]:
    shown: list[Shown] = []
    for code in np.unique(group).tolist():
        within = day[group == code]
        shown.append({"first_day": _day(float(within.min())), "last_day": _day(float(within.max()))})
    return tuple(shown)


def _day(day: float) -> str:
    """A day as a date; a small number counts the days of a log from a start that nobody stated."""
    return str(np.datetime64(int(day), "D")) if day > _OLDEST else f"day {int(day)}"


def _by_column(column: int, values: FloatArray) -> Iterator[Grouping]:
    levels = np.unique(values[:_EDGES_FROM])
    if len(levels) < 2:
        return
    if len(levels) <= _LEVELS:
        place = np.searchsorted(levels, values).clip(max=len(levels) - 1)
        shown = tuple({"level": float(level)} for level in levels)
        yield _labelled("column", place, shown, column)
        return
    edges = np.unique(np.quantile(values[:_EDGES_FROM], np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
    place = np.searchsorted(edges, values, side="right")
    ends = [float("-inf"), *edges.tolist(), float("inf")]
    found = np.flatnonzero(np.bincount(place, minlength=len(ends) - 1))
    place = np.searchsorted(found, place)
    shown = tuple({"above": ends[bin_], "up_to": ends[bin_ + 1]} for bin_ in found.tolist())
    yield _labelled("column", place, shown, column)
    spread = float(values.std())
    if spread > 0.0:
        moment = np.clip((values - values.mean()) / spread, -_FAR, _FAR)
        yield Grouping(kind="column", column=column, member=moment[:, None], disjoint=False, shown=({},))


def _labelled(kind: str, place: NDArray[np.intp], shown: tuple[Shown, ...], column: int | None = None) -> Grouping:
    return Grouping(
        kind=kind, column=column, member=np.equal.outer(place, np.arange(len(shown))).astype(np.float64), shown=shown
    )
