"""Which movements of demand over time are taken out before a price or a promotion is made responsible for the rest."""

from typing import Literal

import numpy as np

from xbopt.calibration.absorbed_effects import OwnSlopes, absorb
from xbopt.core.arrays import FloatArray, IntArray

Control = Literal["region_week", "week", "smooth"]
"""Effects of each week in each region, of each week, or a trend with a yearly wave."""
_WEEKS_A_YEAR = 52.18
_LEAST_SHARE = 0.05
_LEAST_MOVE = 1e-3
_HALF_YEAR = 26


def time_control(
    moved: FloatArray, series: IntArray, region: IntArray, week: IntArray, tick: FloatArray | None = None
) -> Control | None:
    """The strictest control that leaves enough of what moves; None where nothing does.

    It looks at prices alone and never at demand, so that it cannot choose a result. What rounding leaves of a course
    that all share is no move of its own: of what is left, as much is taken off as the common course leaves once it is
    rounded.

    Args:
        moved: What moves sales: log prices, discounts or instruments ``(N,)`` or ``(N, K)``.
        series: Number of the series ``(N,)``.
        region: Number of the region ``(N,)``.
        week: Number of the week ``(N,)``.
        tick: Of log prices, the step of the price list that each stands on ``(N,)``; 0 for none.
    """
    ones, columns = np.ones(len(week)), moved.reshape(len(week), -1)
    own = absorb(columns, [numbered(series)], ones)
    size = (own**2).mean(axis=0)
    if not size.max(initial=0.0) > _LEAST_MOVE**2:
        return None
    candidates: tuple[Control, ...] = ("region_week", "week", "smooth")
    for control in candidates:
        terms = control_terms(control, series, region, week)
        rest = _rest(columns, *terms)
        own = (rest**2).mean(axis=0)
        if tick is not None and tick.any():
            own = own - (_rest(_on_ticks(columns - rest, tick[:, None]), *terms) ** 2).mean(axis=0)
        if (own / np.maximum(size, 1e-300)).max(initial=0.0) > _LEAST_SHARE:
            return control
    return None


def _rest(columns: FloatArray, smooth: FloatArray, groups: list[IntArray]) -> FloatArray:
    """What a control leaves of columns ``(N, K)``."""
    left = absorb(np.column_stack([columns, smooth]), groups, np.ones(len(columns)))
    rest, wave = left[:, : columns.shape[1]], left[:, columns.shape[1] :]
    return rest - wave @ np.linalg.lstsq(wave, rest, rcond=None)[0] if smooth.shape[1] else rest


def _on_ticks(log_price: FloatArray, tick: FloatArray) -> FloatArray:
    """Log prices at the nearest step of the list, one step at least."""
    step = np.where(tick > 0.0, tick, 1.0)
    steps = np.maximum(np.round(np.exp(log_price) / step), 1.0)
    return np.where(tick > 0.0, np.log(steps * step), log_price)


def control_terms(
    control: Control, series: IntArray, region: IntArray, week: IntArray
) -> tuple[FloatArray, list[IntArray]]:
    """Regressors ``(N, K)`` of a control, and the groups whose effects are absorbed; those of series always are."""
    if control == "smooth":
        turn = 2.0 * np.pi * week / _WEEKS_A_YEAR
        columns = np.column_stack([week / _WEEKS_A_YEAR, np.sin(turn), np.cos(turn)])
        # Less than half a year of a wave is a trend.
        return columns[:, : 1 if np.ptp(week) < _HALF_YEAR else 3], [numbered(series)]
    period = week if control == "week" else region * (int(week.max(initial=0)) + 1) + week
    return np.zeros((len(week), 0)), [numbered(series), numbered(period)]


def own_courses(series: IntArray, week: IntArray) -> OwnSlopes:
    """A level, a trend and a yearly wave of each series: how it ages, and a season that is not that of the shop.

    Of less than a year a wave is a trend, and of less than half a year a trend may be all that a price did.
    """
    group = numbered(series)
    size = int(group.max(initial=-1)) + 1
    first, last = np.full(size, np.iinfo(np.int64).max), np.zeros(size, dtype=np.int64)
    np.minimum.at(first, group, week)
    np.maximum.at(last, group, week)
    span, since = (last - first)[group] + 1, (week - first[group]) / _WEEKS_A_YEAR
    turn = 2.0 * np.pi * since
    year = np.where(span > _WEEKS_A_YEAR - 1.0, 1.0, 0.0)
    trend = np.where(span >= _HALF_YEAR, since, 0.0)
    return OwnSlopes(group=group, columns=np.column_stack([trend, year * np.sin(turn), year * np.cos(turn)]))


def rows_with_sales(
    sales: FloatArray, control: Control, series: IntArray, region: IntArray, week: IntArray
) -> IntArray:
    """Rows of groups in which something was sold; others have no finite effect."""
    rows = np.arange(len(sales))
    while True:
        _, groups = control_terms(control, series[rows], region[rows], week[rows])
        good = np.ones(len(rows), dtype=np.bool_)
        for group in groups:
            good &= np.bincount(group, sales[rows])[group] > 0.0
        if bool(good.all()):
            return rows
        rows = rows[good]


def numbered(values: IntArray) -> IntArray:
    """Numbers from 0 without gaps."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)
