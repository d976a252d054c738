"""Weekday and season of demand, net of the growth of the customer base, which the market plays by itself.

Orders of a day are taken as Poisson around expected(day) * weekday * season(day); the factors are found one after the
other until nothing moves, which is the maximum of the likelihood. The twelve heights are those of the market's own
curve, so that the curve's mean over a month, and not its middle, fits that month. A month that the data do not hold
keeps the height of the market started from, set against the months that both have.

A month's orders are a count, so a market without a season shows one by chance. The logs of the heights are therefore
taken as normal around those of the market started from, with a variance estimated from the heights themselves
(empirical Bayes; the moment estimator of Paule and Mandel, 1982, with the covariance that counting, the swings of daily
demand and the curve's shape give them), and shrunk by it. The same holds for the days of the week.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

import numpy as np
from scipy.optimize import brentq  # pyright: ignore[reportUnknownVariableType]

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.simulator.calendar import seasonal_index

_ROUNDS = 60
_LEAST_DAYS = 20
"""Days of a month that must be seen before its height is told."""
_KNOWN = 0.05
"""Error of a log height up to which it is measured, whatever the others are."""
_SPREAD_PART = 0.5
"""Part of the season's spread up to which an error leaves a height measured."""
_STEP = 1e-4
_BUSY = 0.8
"""Share of days with orders from which on a day without any is a closed one."""
LEAST_WEEKS = 8
"""Weeks of data below which a weekday's index is not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Indices of demand.

    Attributes:
        weekday: ``(7,)``, Monday first, mean 1; None where there are too few weeks.
        weekday_measured: Which of them are known well against their spread ``(7,)``.
        month: Heights ``(12,)``, mean 1.
        seen: Months of which the data hold enough ``(12,)``.
        measured: Which of these are known well against the season's spread ``(12,)``.
        closed: Days on which the whole shop took no order.
        demand_cv: Coefficient of variation of a day's demand beyond counting noise.
    """

    weekday: FloatArray | None
    weekday_measured: BoolArray
    month: FloatArray
    seen: BoolArray
    measured: BoolArray
    closed: int
    demand_cv: float


def fit_season(
    orders: FloatArray,
    first: date,
    *,
    prior_month: Sequence[float],
    prior_weekday: Sequence[float] = (1.0,) * 7,
    expected: FloatArray | None = None,
    told: BoolArray | None = None,
) -> Season:
    """Fit the indices.

    Args:
        orders: Orders a day ``(T,)``.
        first: The first day.
        prior_month: Heights that months are shrunk to, and that those not seen keep ``(12,)``, above 0.
        prior_weekday: Indices that days of the week are shrunk to ``(7,)``.
        expected: What the customer base would order on days alike ``(T,)``; the same every day where left out.
        told: Which days the data tell about ``(T,)``; all where left out.
    """
    days = len(orders)
    dates = [first + timedelta(days=n) for n in range(days)]
    weekdays, months = np.array([day.weekday() for day in dates]), np.array([day.month for day in dates])
    told = np.ones(days, dtype=np.bool_) if told is None else told
    orders = np.where(told, orders, 0.0)
    # A month without an order has no log: nothing is told of it, rather than that it sells nothing.
    told = told & np.array([orders[months == m].any() for m in range(13)])[months]
    is_closed = told & (orders == 0.0) & _may_close(orders, weekdays, told)[weekdays]
    base = np.ones(days) if expected is None else expected / expected.mean()
    base = np.where(told & ~is_closed, base, 0.0)
    of_month = [told & (months == m + 1) for m in range(12)]
    seen = np.array([mask.sum() >= _LEAST_DAYS for mask in of_month])
    weekday, month = np.ones(7), np.array(prior_month, dtype=np.float64)
    month = month / (month[seen].mean() if seen.any() else month.mean())
    # Where the market started from sells nothing in a month, it tells nothing of how much the month sells here.
    month[seen & (month == 0.0)] = 1.0
    prior = month.copy()
    # The level comes first, so that months which are not seen keep their height against those which are.
    for _ in range(_ROUNDS if seen.any() else 0):
        curve = base * seasonal_index(month, dates)
        level = orders.sum() / max((curve * weekday[weekdays]).sum(), 1e-300)
        for n in range(7):
            mask = weekdays == n
            have = level * curve[mask].sum()
            weekday[n] = orders[mask].sum() / have if have > 0.0 else 0.0
        weekday = weekday / weekday.mean()
        for m in np.flatnonzero(seen):
            have = level * (curve * weekday[weekdays])[of_month[m]].sum()
            if have > 0.0:
                month[m] *= orders[of_month[m]].sum() / have
        month = month / month[seen].mean()
    mean, swing = _spread(orders, base * seasonal_index(month, dates) * weekday[weekdays])
    noise = mean + swing * mean**2
    measured, weekday_measured = np.zeros(12, dtype=np.bool_), np.zeros(7, dtype=np.bool_)
    if seen.any():
        masks = [of_month[m] for m in np.flatnonzero(seen)]
        by_height = _of_heights(month, seen, dates, mean, masks)
        variance = np.array([noise[mask].sum() / mean[mask].sum() ** 2 for mask in masks])
        information = by_height.T @ (by_height / variance[:, None])
        covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
        month[seen], measured[seen] = shrunk(month[seen], prior[seen], covariance)
        month = month / month[seen].mean()
        taken = weekday > 0.0
        sums = [(noise[weekdays == n].sum(), mean[weekdays == n].sum()) for n in np.flatnonzero(taken)]
        errors = np.array([own / have**2 for own, have in sums])
        start = np.asarray(prior_weekday, dtype=np.float64)[taken]
        # Where the market started from is closed on a day of the week, it tells nothing of how much that day sells.
        start = np.where(start > 0.0, start, 1.0)
        weekday[taken], weekday_measured[taken] = shrunk(weekday[taken], start, np.diag(errors))
        weekday_measured |= ~taken
        weekday = weekday / weekday.mean()
    _, swing = _spread(orders, base * seasonal_index(month, dates) * weekday[weekdays])
    return Season(
        weekday=weekday if days >= 7 * LEAST_WEEKS else None,
        weekday_measured=weekday_measured,
        month=month / month.mean(),
        seen=seen,
        measured=measured,
        closed=int(is_closed.sum()),
        demand_cv=float(np.sqrt(swing)),
    )


def _spread(orders: FloatArray, shape: FloatArray) -> tuple[FloatArray, float]:
    """Expected orders of a shape ``(T,)``, and the squared coefficient of variation beyond counting noise."""
    mean = shape * orders.sum() / max(float(shape.sum()), 1e-300)
    excess = ((orders - mean) ** 2 - mean).sum() / max(float((mean**2).sum()), 1e-300)
    return mean, max(float(excess), 0.0)


def _of_heights(
    month: FloatArray, seen: BoolArray, dates: Sequence[date], mean: FloatArray, masks: Sequence[BoolArray]
) -> FloatArray:
    """Derivative of the log mean of each month seen, by the log height of each ``(K, K)``."""
    curve = seasonal_index(month, dates)
    columns: list[FloatArray] = []
    for m in np.flatnonzero(seen):
        moved = month.copy()
        moved[m] *= 1.0 + _STEP
        change = mean * (seasonal_index(moved, dates) / np.maximum(curve, 1e-300) - 1.0)
        columns.append(np.array([change[mask].sum() / mean[mask].sum() for mask in masks]) / _STEP)
    return np.stack(columns, axis=1)


def shrunk(found: FloatArray, prior: FloatArray, covariance: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Indices ``(K,)`` shrunk towards a prior's shape, and which of them are measured.

    Args:
        found: Indices by maximum likelihood, above 0.
        prior: Indices of the market started from, above 0.
        covariance: Of the errors of their logs ``(K, K)``.
    """
    apart = np.log(found / prior)
    count, unit = len(apart), np.ones(len(apart))

    def weighed(spread: float) -> tuple[FloatArray, float]:
        """Distances from their mean, weighed by the inverse covariance; and the sum of squares that this gives."""
        inverse = np.linalg.inv(covariance + spread * np.eye(count))
        rest = apart - (unit @ inverse @ apart) / (unit @ inverse @ unit)
        return inverse @ rest, float(rest @ inverse @ rest)

    def beyond(spread: float) -> float:
        return weighed(spread)[1] - (count - 1)

    spread = 0.0
    if count > 1 and beyond(0.0) > 0.0:
        most = float(apart @ apart) + 1e-12  # beyond it the sum is below the degrees of freedom
        spread = cast("float", brentq(beyond, 0.0, most))
    inner = weighed(spread)[0]
    middle = apart - (covariance + spread * np.eye(count)) @ inner
    errors = np.sqrt(np.diag(covariance))
    heights = prior * np.exp(middle + spread * inner)
    return heights, errors <= max(_KNOWN, _SPREAD_PART * float(np.log(heights).std()))


def _may_close(orders: FloatArray, weekdays: IntArray, told: BoolArray) -> BoolArray:
    """Days of the week on which no order means a closed shop ``(7,)``, rather than a day without luck.

    All of them where the shop takes orders on most days; else those on which it never did.
    """
    busy = float((orders[told] > 0.0).mean()) >= _BUSY
    return np.array([busy or not orders[weekdays == n].any() for n in range(7)])
