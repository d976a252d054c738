"""The lifecycle of customers: buckets by age of the last order, rates of ordering and hazards of ageing.

Clock. A customer's state is read at the start of a day, from orders on earlier days. An order on that day
leaves from that bucket and takes effect the day after. Time is counted in purchase days: several invoices
of one customer on one day are one purchase, because a daily machine cannot see the second one in a
different state. ``age`` is today minus the day of the last purchase, at least 1.
"""

from dataclasses import dataclass

import numpy as np

from tests.realdata.online_retail.transactions import IntArray

FRESH_DAYS = 90
"""Up to this age a customer is new (one purchase so far) or active (two or more)."""
AT_RISK_DAYS = 180
"""Up to this age a customer is at risk; beyond it, lapsed."""
BUCKETS: tuple[str, ...] = ("new", "active", "at_risk", "lapsed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """The time after each purchase until the next, sorted by customer and day, shape ``(P,)`` each.

    Attributes:
        customer: Customer number.
        start: Day of the purchase, counted from the first day of the data.
        following: Day of the customer's next purchase, or -1 where none was seen.
        rank: 0 for the customer's first purchase, 1 for the second, and so on.
        invoices: Invoices made on the day ``start``.
        next_invoices: Invoices made on the day ``following``; 0 where none.
    """

    customer: IntArray
    start: IntArray
    following: IntArray
    rank: IntArray
    invoices: IntArray
    next_invoices: IntArray

    def of(self, customers: np.ndarray) -> "Spells":
        """Keep the spells of the customers whose mask ``(U,)`` is true."""
        keep = customers[self.customer]
        return Spells(
            customer=self.customer[keep],
            start=self.start[keep],
            following=self.following[keep],
            rank=self.rank[keep],
            invoices=self.invoices[keep],
            next_invoices=self.next_invoices[keep],
        )


def make_spells(customer: IntArray, day: IntArray) -> Spells:
    """Build spells from one row an invoice: customer number and day, both ``(O,)``."""
    pairs, invoices = np.unique(np.stack([customer, day], axis=1), axis=0, return_counts=True)
    who, start = pairs[:, 0], pairs[:, 1]
    last = np.ones(len(who), dtype=np.bool_)
    last[:-1] = who[1:] != who[:-1]
    first_row = np.unique(who, return_index=True)[1]
    rank = np.arange(len(who)) - np.repeat(first_row, np.diff(np.append(first_row, len(who))))
    return Spells(
        customer=who,
        start=start,
        following=np.where(last, -1, np.roll(start, -1)),
        rank=rank,
        invoices=invoices.astype(np.int64),
        next_invoices=np.where(last, 0, np.roll(invoices, -1)).astype(np.int64),
    )


def bucket_of(purchases: int, age: int) -> str:
    """Name the bucket of a customer with so many purchases so far, the last ``age`` days ago."""
    if age <= FRESH_DAYS:
        return "new" if purchases == 1 else "active"
    return "at_risk" if age <= AT_RISK_DAYS else "lapsed"


def _bucket_masks(spells: Spells) -> dict[str, tuple[np.ndarray, int, int]]:
    """For each bucket: which spells can be in it, and its lowest and highest age."""
    once = spells.rank == 0
    anyone = np.ones(len(once), dtype=np.bool_)
    endless = np.iinfo(np.int64).max // 4
    return {
        "new": (once, 1, FRESH_DAYS),
        "active": (~once, 1, FRESH_DAYS),
        "at_risk": (anyone, FRESH_DAYS + 1, AT_RISK_DAYS),
        "lapsed": (anyone, AT_RISK_DAYS + 1, endless),
    }


def bucket_rates(spells: Spells, first_day: int, end_day: int) -> dict[str, dict[str, float]]:
    """Customer-days, purchases and daily rates by bucket, over the days ``first_day <= d < end_day``.

    ``order_rate`` is purchases (customer-days with an order) per customer-day in the bucket; ``invoice_rate``
    the same counting invoices. ``age_out`` counts customers who pass to the next worse bucket overnight without
    ordering on the bucket's last day; ``hazard`` is that over customer-days. Rates of a bucket never entered are
    0. ``end_day`` is the day after the data's last.
    """
    has_next = spells.following >= 0
    end = np.where(has_next, spells.following, end_day - 1)
    age_at_order = spells.following - spells.start
    figures: dict[str, dict[str, float]] = {}
    for bucket, (mask, low, high) in _bucket_masks(spells).items():
        begin = np.maximum(spells.start + low, first_day)
        stop = np.minimum(np.minimum(end, spells.start + high), end_day - 1)
        days = int(np.maximum(stop - begin + 1, 0)[mask].sum())
        in_window = (spells.following >= first_day) & (spells.following < end_day)
        orders = mask & has_next & in_window & (age_at_order >= low) & (age_at_order <= high)
        last_day = spells.start + high
        ages = mask & (last_day >= first_day) & (last_day < end_day) & (~has_next | (age_at_order > high))
        entry = {
            "customer_days": days,
            "orders": int(orders.sum()),
            "invoices": int(spells.next_invoices[orders].sum()),
            "order_rate": float(orders.sum() / days) if days else 0.0,
            "invoice_rate": float(spells.next_invoices[orders].sum() / days) if days else 0.0,
        }
        if bucket != "lapsed":
            entry["age_out"] = int(ages.sum())
            entry["hazard"] = float(ages.sum() / days) if days else 0.0
        figures[bucket] = entry
    return figures


def bucket_counts(spells: Spells, day: int) -> dict[str, int]:
    """Customers in each bucket at the start of a day."""
    standing = (spells.start < day) & ((spells.following < 0) | (spells.following >= day))
    age = day - spells.start
    return {
        bucket: int((standing & mask & (age >= low) & (age <= high)).sum())
        for bucket, (mask, low, high) in _bucket_masks(spells).items()
    }


def first_purchases_per_day(spells: Spells, first_day: int, end_day: int) -> float:
    """First purchases per calendar day over ``first_day <= d < end_day``."""
    chosen = (spells.rank == 0) & (spells.start >= first_day) & (spells.start < end_day)
    return float(chosen.sum() / (end_day - first_day))


def repurchase_rate(spells: Spells, first_day: int, end_day: int, *, with_lapsed: bool) -> float:
    """Mean over days of repeat purchases of the day / customers who bought before and are not lapsed.

    ``with_lapsed`` says whether a purchase made by a lapsed customer counts above the line. It never counts
    below. Days on which nobody stands below the line are left out of the mean.
    """
    change = np.zeros(end_day + AT_RISK_DAYS + 2)
    stop = np.where(spells.following >= 0, spells.following, end_day)
    stop = np.minimum(stop, spells.start + AT_RISK_DAYS)
    np.add.at(change, spells.start + 1, 1.0)
    np.add.at(change, stop + 1, -1.0)
    standing = np.cumsum(change)[first_day:end_day]
    repeat = (spells.following >= 0) & (with_lapsed | (spells.following - spells.start <= AT_RISK_DAYS))
    orders = np.bincount(spells.following[repeat], minlength=end_day)[first_day:end_day]
    some = standing > 0
    return float((orders[some] / standing[some]).mean()) if some.any() else 0.0


def reordered_within(spells: Spells, end_day: int, horizons: tuple[int, ...]) -> dict[str, float]:
    """Share of purchases followed by another within so many days, by Kaplan and Meier (JASA 1958).

    A purchase without a next one is censored at the data's last day. This mends the bias of observed gaps,
    which leave out the long ones. Every purchase weighs the same, so frequent buyers weigh more.
    """
    seen = spells.following >= 0
    time = np.where(seen, spells.following, end_day - 1) - spells.start
    longest = max(horizons)
    events = np.bincount(time[seen], minlength=longest + 1)[: longest + 1]
    at_risk = np.array([(time >= age).sum() for age in range(longest + 1)])
    survival = np.cumprod(1.0 - events / np.maximum(at_risk, 1))
    return {f"within_{days}_days": float(1.0 - survival[days]) for days in horizons}


def gap_quartiles(spells: Spells) -> dict[str, float]:
    """Quartiles of the observed days between a customer's successive purchase days."""
    seen = spells.following >= 0
    gaps = (spells.following - spells.start)[seen]
    if len(gaps) == 0:
        return {"count": 0}
    low, middle, high = np.quantile(gaps, [0.25, 0.5, 0.75])
    return {"count": len(gaps), "q25": float(low), "median": float(middle), "q75": float(high)}
