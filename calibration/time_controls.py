"""Which movements of demand over time are taken out before a price or a promotion is made responsible for the rest."""

from typing import Literal

import numpy as np

from xbopt.calibration.count_regression import absorb
from xbopt.core.arrays import FloatArray, IntArray

Control = Literal["region_week", "week", "smooth"]
"""Effects of each week in each region, of each week, or a trend with a yearly wave."""
_WEEKS_A_YEAR = 52.18
_LEAST_SHARE = 0.05
_LEAST_MOVE = 1e-3
_HALF_YEAR = 26


def time_control(moved: FloatArray, series: IntArray, region: IntArray, week: IntArray) -> Control | None:
    """The strictest control that leaves enough of what moves; None where nothing does.

    It looks at prices alone and never at demand, so that it cannot choose a result.

    Args:
        moved: What moves sales: log prices, discounts or instruments ``(N,)`` or ``(N, K)``.
        series: Number of the series ``(N,)``.
        region: Number of the region ``(N,)``.
        week: Number of the week ``(N,)``.
    """
    ones, columns = np.ones(len(week)), moved.reshape(len(week), -1)
    own = absorb(columns, [numbered(series)], ones)
    size = (own**2).mean(axis=0)
    if not size.max(initial=0.0) > _LEAST_MOVE**2:
        return None
    candidates: tuple[Control, ...] = ("region_week", "week", "smooth")
    for control in candidates:
        smooth, groups = control_terms(control, series, region, week)
        left = absorb(np.column_stack([columns, smooth]), groups, ones)
        rest, wave = left[:, : columns.shape[1]], left[:, columns.shape[1] :]
        rest = rest - wave @ np.linalg.lstsq(wave, rest, rcond=None)[0] if smooth.shape[1] else rest
        if ((rest**2).mean(axis=0) / np.maximum(size, 1e-300)).max(initial=0.0) > _LEAST_SHARE:
            return control
    return None


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
