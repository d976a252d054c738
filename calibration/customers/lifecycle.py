"""The lifecycle of customers: buckets by the age of the last purchase, rates of ordering, hazards of ageing.

Clock. A customer's state is read at the start of a day, from purchases on earlier days. A purchase on that day leaves
from that bucket and takes effect the day after. ``age`` is today minus the day of the last purchase, at least 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xbopt.calibration.customers.purchases import Purchases
from xbopt.core.arrays import BoolArray, IntArray

FRESH_DAYS = 90
"""Up to this age a customer is new (one purchase so far) or active (two or more)."""
AT_RISK_DAYS = 180
"""Up to this age a customer is at risk; beyond it, lapsed."""
KnownBucket = Literal["new", "active", "at_risk", "lapsed"]
BUCKETS: tuple[KnownBucket, ...] = ("new", "active", "at_risk", "lapsed")
_ENDLESS = int(np.iinfo(np.int64).max) // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """The time after each purchase until the next, sorted by customer and day, ``(P,)`` each.

    Attributes:
        customer: Customer number.
        start: Day of the purchase, counted from the first day of the data.
        following: Day of the customer's next purchase, or -1 where none was seen.
        rank: 0 for the customer's first purchase, 1 for the second, and so on.
        end_day: The day after the last one of the data.
    """

    customer: IntArray
    start: IntArray
    following: IntArray
    rank: IntArray
    end_day: int

    @classmethod
    def of(cls, purchases: Purchases) -> "Spells":
        """The spells of all customers."""
        who, start = purchases.customer, purchases.day
        is_last = np.append(who[1:] != who[:-1], True)
        row = purchases.first_row
        rank = np.arange(len(who)) - np.repeat(row, np.diff(np.append(row, len(who))))
        following = np.where(is_last, -1, np.roll(start, -1))
        return cls(customer=who, start=start, following=following, rank=rank, end_day=purchases.days)

    def kept(self, customers: BoolArray) -> "Spells":
        """The spells of the customers whose mask ``(U,)`` is true."""
        keep = customers[self.customer]
        return Spells(
            customer=self.customer[keep],
            start=self.start[keep],
            following=self.following[keep],
            rank=self.rank[keep],
            end_day=self.end_day,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketRates:
    """What customers did in one bucket.

    Attributes:
        customer_days: Days times customers in it.
        orders: Purchases out of it.
        aged: Passages to the next quieter bucket.
    """

    customer_days: int
    orders: int
    aged: int

    @property
    def order_rate(self) -> float:
        """Purchases a customer-day."""
        return self.orders / self.customer_days if self.customer_days else 0.0

    @property
    def ageing(self) -> float:
        """Daily chance to pass on of a customer who does not buy."""
        idle = self.customer_days - self.orders
        return self.aged / idle if idle > 0 else 0.0


def bucket_rates(spells: Spells, first_day: int) -> Mapping[KnownBucket, BucketRates]:
    """Counts by bucket over the days from ``first_day`` to the last one of the data."""
    has_next, end_day = spells.following >= 0, spells.end_day
    end = np.where(has_next, spells.following, end_day - 1)
    gap = spells.following - spells.start
    figures: dict[KnownBucket, BucketRates] = {}
    for bucket, (mask, low, high) in _bounds(spells).items():
        begin = np.maximum(spells.start + low, first_day)
        stop = np.minimum(np.minimum(end, spells.start + high), end_day - 1)
        days = int(np.maximum(stop - begin + 1, 0)[mask].sum())
        orders = mask & has_next & (spells.following >= first_day) & (gap >= low) & (gap <= high)
        last = spells.start + high
        aged = mask & (last >= first_day) & (last < end_day) & (~has_next | (gap > high))
        figures[bucket] = BucketRates(customer_days=days, orders=int(orders.sum()), aged=int(aged.sum()))
    return figures


def bucket_counts(spells: Spells, day: int) -> Mapping[KnownBucket, int]:
    """Customers in each bucket at the start of a day."""
    standing = (spells.start < day) & ((spells.following < 0) | (spells.following >= day))
    age = day - spells.start
    return {
        bucket: int((standing & mask & (age >= low) & (age <= high)).sum())
        for bucket, (mask, low, high) in _bounds(spells).items()
    }


def buckets_now(purchases: Purchases) -> tuple[KnownBucket, ...]:
    """The bucket of each customer on the morning after the last day ``(U,)``."""
    row = purchases.first_row
    bought = np.diff(np.append(row, len(purchases.day)))
    age = purchases.days - purchases.day[row + bought - 1]
    return tuple(_bucket_of(int(n), int(a)) for n, a in zip(bought, age, strict=True))


def spell_days(spells: Spells) -> IntArray:
    """Customers in each bucket at the start of every day of the data ``(4, T)``."""
    change = np.zeros((len(BUCKETS), spells.end_day + 1), dtype=np.int64)
    end = np.where(spells.following >= 0, spells.following, spells.end_day - 1)
    for number, (mask, low, high) in enumerate(_bounds(spells).values()):
        begin, stop = spells.start + low, np.minimum(end, spells.start + high)
        there = mask & (begin <= stop)
        np.add.at(change[number], begin[there], 1)
        np.add.at(change[number], stop[there] + 1, -1)
    return np.cumsum(change, axis=1)[:, :-1]


def _bucket_of(purchases: int, age: int) -> KnownBucket:
    if age <= FRESH_DAYS:
        return "new" if purchases == 1 else "active"
    return "at_risk" if age <= AT_RISK_DAYS else "lapsed"


def _bounds(spells: Spells) -> Mapping[KnownBucket, tuple[BoolArray, int, int]]:
    """For each bucket: which spells can be in it, and its lowest and highest age."""
    once = spells.rank == 0
    anyone = np.ones(len(once), dtype=np.bool_)
    return {
        "new": (once, 1, FRESH_DAYS),
        "active": (~once, 1, FRESH_DAYS),
        "at_risk": (anyone, FRESH_DAYS + 1, AT_RISK_DAYS),
        "lapsed": (anyone, AT_RISK_DAYS + 1, _ENDLESS),
    }
