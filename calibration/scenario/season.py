"""Weekday and season of demand, net of the growth of the customer base, which the market plays by itself.

Orders of a day are taken as Poisson around expected(day) * weekday * season(day); the factors are found one after the
other until nothing moves, which is the maximum of the likelihood. The twelve heights are those of the market's own
curve, so that the curve's mean over a month, and not its middle, fits that month. A month that the data do not hold
keeps the height of the market started from, set against the months that both have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.simulator.calendar import seasonal_index

_ROUNDS = 60
_LEAST_DAYS = 20
"""Days of a month that must be seen before its height is measured."""
_BUSY = 0.8
"""Share of days with orders from which on a day without any is a closed one."""
LEAST_WEEKS = 8
"""Weeks of data below which a weekday's index is not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Indices of demand.

    Attributes:
        weekday: ``(7,)``, Monday first, mean 1; None where there are too few weeks.
        month: Heights ``(12,)``, mean 1.
        measured: Which months are measured ``(12,)``.
        closed: Days on which the whole shop took no order.
        demand_cv: Coefficient of variation of a day's demand beyond counting noise.
    """

    weekday: FloatArray | None
    month: FloatArray
    measured: BoolArray
    closed: int
    demand_cv: float


def fit_season(
    orders: FloatArray, first: date, *, prior_month: Sequence[float], expected: FloatArray | None = None
) -> Season:
    """Fit the indices.

    Args:
        orders: Orders a day ``(T,)``.
        first: The first day.
        prior_month: Heights to keep where a month is not seen ``(12,)``.
        expected: What the customer base would order on days alike ``(T,)``; the same every day where left out.
    """
    days = len(orders)
    dates = [first + timedelta(days=n) for n in range(days)]
    weekdays, months = np.array([day.weekday() for day in dates]), np.array([day.month for day in dates])
    is_open = (orders > 0.0) | ~_may_close(orders, weekdays)[weekdays]
    base = np.ones(days) if expected is None else expected / expected.mean()
    measured = np.array([(months == m + 1).sum() >= _LEAST_DAYS for m in range(12)])
    weekday, month = np.ones(7), np.array(prior_month, dtype=np.float64)
    month = month / month[measured].mean() if measured.any() else month / month.mean()
    # The level comes first, so that months which are not seen keep their height against those which are.
    for _ in range(_ROUNDS if measured.any() else 0):
        curve = np.where(is_open, base * seasonal_index(month, dates), 0.0)
        level = orders.sum() / max((curve * weekday[weekdays]).sum(), 1e-300)
        for n in range(7):
            mask = weekdays == n
            have = level * curve[mask].sum()
            weekday[n] = orders[mask].sum() / have if have > 0.0 else 0.0
        weekday = weekday / weekday.mean()
        for m in np.flatnonzero(measured):
            mask = months == m + 1
            have = level * (curve * weekday[weekdays])[mask].sum()
            if have > 0.0:
                month[m] *= orders[mask].sum() / have
        month = month / month[measured].mean()
    shape = np.where(is_open, base * seasonal_index(month, dates) * weekday[weekdays], 0.0)
    mean = shape * orders.sum() / max(shape.sum(), 1e-300)
    excess = ((orders - mean) ** 2 - mean).sum() / max((mean**2).sum(), 1e-300)
    return Season(
        weekday=weekday if days >= 7 * LEAST_WEEKS else None,
        month=month / month.mean(),
        measured=measured,
        closed=int((~is_open).sum()),
        demand_cv=float(np.sqrt(max(excess, 0.0))),
    )


def _may_close(orders: FloatArray, weekdays: IntArray) -> BoolArray:
    """Days of the week on which no order means a closed shop ``(7,)``, rather than a day without luck.

    All of them where the shop takes orders on most days; else those on which it never did.
    """
    busy = float((orders > 0.0).mean()) >= _BUSY
    return np.array([busy or not orders[weekdays == n].any() for n in range(7)])
