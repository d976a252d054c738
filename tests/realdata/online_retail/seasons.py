"""Indices of the year, the week and the day. Each has mean 1 over its cells."""

import numpy as np

from tests.realdata.online_retail.transactions import FloatArray, IntArray

DAYPARTS: dict[str, tuple[int, int]] = {
    "night": (0, 6),
    "morning": (6, 12),
    "afternoon": (12, 18),
    "evening": (18, 24),
}
WEEKDAYS: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def weekday_of(day: IntArray) -> IntArray:
    """Monday is 0; ``day`` counts from 1970-01-01, a Thursday."""
    return (day + 3) % 7


def month_of(day: IntArray) -> IntArray:
    """January is 1; ``day`` counts from 1970-01-01."""
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1


def _index(totals: FloatArray, days: FloatArray) -> FloatArray:
    """Totals per day, scaled to mean 1 over the cells that have days; other cells are 0."""
    per_day = np.divide(totals, days, out=np.zeros(len(totals)), where=days > 0)
    return per_day / per_day[days > 0].mean()


def season_figures(
    minute: IntArray, value_gbp: FloatArray, first_day: int, end_day: int, open_days: IntArray
) -> dict[str, object]:
    """Season of one group of orders; ``minute`` and ``value_gbp`` are ``(O,)``.

    ``month_orders`` and ``month_revenue`` are per calendar day, closed days and holidays included.
    ``month_orders_per_open_day`` divides by days on which the whole shop took any order, so it is free of
    closures. A month seen in two years pools its days (December: all of 2010 and nine days of 2011).
    ``weekday`` is per calendar day. ``hour`` is the share of orders times 24. ``daypart_share`` sums to 1.
    """
    day = minute // 1440
    calendar = np.arange(first_day, end_day)
    month = month_of(day)
    month_days = np.bincount(month_of(calendar), minlength=13)[1:].astype(np.float64)
    open_month_days = np.bincount(month_of(open_days), minlength=13)[1:].astype(np.float64)
    month_orders = np.bincount(month, minlength=13)[1:].astype(np.float64)
    month_value = np.bincount(month, value_gbp, minlength=13)[1:]
    week_days = np.bincount(weekday_of(calendar), minlength=7).astype(np.float64)
    week_orders = np.bincount(weekday_of(day), minlength=7).astype(np.float64)
    week_value = np.bincount(weekday_of(day), value_gbp, minlength=7)
    hour = minute % 1440 // 60
    by_hour = np.bincount(hour, minlength=24) / len(hour)
    names = [f"{number:02d}" for number in range(1, 13)]
    return {
        "month_orders": dict(zip(names, _index(month_orders, month_days).tolist(), strict=True)),
        "month_orders_per_open_day": dict(zip(names, _index(month_orders, open_month_days).tolist(), strict=True)),
        "month_revenue": dict(zip(names, _index(month_value, month_days).tolist(), strict=True)),
        "weekday_orders": dict(zip(WEEKDAYS, _index(week_orders, week_days).tolist(), strict=True)),
        "weekday_revenue": dict(zip(WEEKDAYS, _index(week_value, week_days).tolist(), strict=True)),
        "hour": {f"{number:02d}": float(share * 24) for number, share in enumerate(by_hour)},
        "daypart_share": {name: float(by_hour[low:high].sum()) for name, (low, high) in DAYPARTS.items()},
    }
