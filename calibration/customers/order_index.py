"""How ready known customers are to order on each day: weekday and season, apart from how many customers there are.

    purchases of a day = customers in each bucket * rate of the bucket * weekday * month

by maximum likelihood (Poisson), one factor after the other. A plain index of orders by month would count the growth of
the customer base as season, and a market that lets the base grow by itself would count it twice. Repeat models measure
time in this index, so that a busy autumn is not taken for customers who never leave.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from xbopt.calibration.customers.lifecycle import BUCKETS, Spells, bucket_rates, spell_days
from xbopt.calibration.customers.purchases import Purchases
from xbopt.core.arrays import FloatArray, IntArray

ROUNDS = 60
PRIOR_ORDERS = 30.0
"""Months are drawn to 1 as if so many purchases more had been seen as expected."""
LEAST_DAYS = 120
"""Fewer days after the burn-in tell no season: months are 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIndex:
    """The index of known customers' purchases.

    Attributes:
        by_day: Of every day of the data ``(T,)``; mean 1 over them.
        weekday: Index ``(7,)``, Monday first; mean 1. 0 for a day on which the shop is closed.
        month: Index by month of the year ``(12,)``; 1 for a month that was not seen after the burn-in. Mean 1.
        months_seen: Months of the year with at least ten days after the burn-in.
    """

    by_day: FloatArray
    weekday: FloatArray
    month: FloatArray
    months_seen: tuple[int, ...]


def order_index(purchases: Purchases, first_day: int) -> OrderIndex:
    """Fit the index to repeat purchases from ``first_day`` on."""
    spells, days = Spells.of(purchases), purchases.days
    dates = [purchases.first_date + timedelta(days=day) for day in range(days)]
    weekdays = np.array([day.weekday() for day in dates], dtype=np.int64)
    months = np.array([day.month - 1 for day in dates], dtype=np.int64)
    weekday, month = np.ones(7), np.ones(12)
    scored = np.arange(days) >= first_day
    seen = np.bincount(months[scored], minlength=12) >= 10
    people = spell_days(spells)[:, scored].astype(np.float64)
    again = np.bincount(spells.following[spells.following >= 0], minlength=days)[:days][scored].astype(np.float64)
    if again.sum() < PRIOR_ORDERS or people.sum() == 0.0:
        return OrderIndex(by_day=np.ones(days), weekday=weekday, month=month, months_seen=())
    has_season = scored.sum() >= LEAST_DAYS and seen.sum() > 1
    gone = _orders_by_bucket(spells, first_day)
    week, moon = weekdays[scored], months[scored]
    for _ in range(ROUNDS):
        index = weekday[week] * month[moon]
        exposed = people @ index
        rate = np.divide(gone, exposed, out=np.zeros(len(BUCKETS)), where=exposed > 0.0)
        expected = rate @ people
        have = np.bincount(week, expected * month[moon], minlength=7)
        weekday = np.divide(np.bincount(week, again, minlength=7), have, out=np.ones(7), where=have > 0.0)
        weekday = weekday / weekday.mean()
        if has_season:
            have = np.bincount(moon, expected * weekday[week], minlength=12)
            month = (np.bincount(moon, again, minlength=12) + PRIOR_ORDERS) / (have + PRIOR_ORDERS)
            month = np.where(seen, month, month[seen].mean())
            month = month / month.mean()
    by_day = weekday[weekdays] * month[months]
    return OrderIndex(
        by_day=by_day / by_day.mean(),
        weekday=weekday,
        month=month,
        months_seen=tuple(int(number) + 1 for number in np.flatnonzero(seen)) if has_season else (),
    )


def _orders_by_bucket(spells: Spells, first_day: int) -> IntArray:
    rates = bucket_rates(spells, first_day)
    return np.array([rates[bucket].orders for bucket in BUCKETS], dtype=np.int64)
