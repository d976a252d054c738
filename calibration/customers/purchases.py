"""Histories of purchase days: what repeat models, lifecycle and customer table are made of.

Several orders of one customer on one day are one purchase: a market in days cannot see the second one in another state.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from xbopt.calibration.customers.cleaning import ON_OFFER, Cleaned, first_and_last_day
from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import CalibrationError

BURN_IN_SHARE, LONGEST_BURN_IN_DAYS = 0.25, 180
"""Customers who are first seen in the first quarter of the data may be old ones; half a year is enough to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """Purchase days, sorted by customer and day, ``(P,)`` each; ``U`` customers in the order of their names.

    Attributes:
        names: Pseudonyms of the customers ``(U,)``; never shown.
        customer: Number of the customer ``0..U-1``.
        day: Day, counted from ``first_date``.
        value: Net revenue of the day.
        orders: Orders of the day.
        offer: Whether the day's first order was made on a promotion or discount.
        region: Home of each customer ``(U,)``: the country of most of its orders; ``""`` where unknown.
        is_new: Whether the shop itself calls the customer's first order seen the first one; None where it does not say.
        first_date: First day of the data.
        end_date: The day after the last one.
    """

    names: tuple[str, ...]
    customer: IntArray
    day: IntArray
    value: FloatArray
    orders: IntArray
    offer: BoolArray
    region: tuple[str, ...]
    is_new: tuple[bool | None, ...]
    first_date: date
    end_date: date

    @property
    def days(self) -> int:
        """Days of the data."""
        return (self.end_date - self.first_date).days

    @property
    def first_row(self) -> IntArray:
        """Row of each customer's first purchase ``(U,)``."""
        return np.flatnonzero(np.diff(self.customer, prepend=-1)).astype(np.int64)

    def of(self, customers: BoolArray) -> "Purchases":
        """Keep the customers whose mask ``(U,)`` is true."""
        rows = customers[self.customer]
        number = np.cumsum(customers) - 1
        chosen = np.flatnonzero(customers).tolist()
        return Purchases(
            names=tuple(self.names[i] for i in chosen),
            customer=number[self.customer[rows]],
            day=self.day[rows],
            value=self.value[rows],
            orders=self.orders[rows],
            offer=self.offer[rows],
            region=tuple(self.region[i] for i in chosen),
            is_new=tuple(self.is_new[i] for i in chosen),
            first_date=self.first_date,
            end_date=self.end_date,
        )

    def until(self, end: date) -> "Purchases":
        """What was known on the morning of a day: purchases before it, and the customers who had made one."""
        early = self.day < (end - self.first_date).days
        kept = Purchases(
            names=self.names,
            customer=self.customer[early],
            day=self.day[early],
            value=self.value[early],
            orders=self.orders[early],
            offer=self.offer[early],
            region=self.region,
            is_new=self.is_new,
            first_date=self.first_date,
            end_date=end,
        )
        return kept.of(np.bincount(kept.customer, minlength=len(self.names)) > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatSummary:
    """What a repeat model needs of each customer ``(N,)``, in days.

    Attributes:
        again: Purchase days after the first.
        last: From the first purchase to the last; 0 without a second one.
        age: From the first purchase to the end of the data.
        mean_value: Mean value of the purchases after the first; 0 without one.
        offer: Whether the first purchase was made on an offer.
        cohort: Month of the first purchase, counted from January of year 0.
        second: From the first purchase to the second; 0 without one.
        burn_in_days: Customers first seen in so many first days are left out: theirs may not be a first purchase.
    """

    again: IntArray
    last: FloatArray
    age: FloatArray
    mean_value: FloatArray
    offer: BoolArray
    cohort: IntArray
    second: FloatArray
    burn_in_days: int

    def of(self, mask: BoolArray) -> "RepeatSummary":
        """Keep some customers."""
        return RepeatSummary(
            again=self.again[mask],
            last=self.last[mask],
            age=self.age[mask],
            mean_value=self.mean_value[mask],
            offer=self.offer[mask],
            cohort=self.cohort[mask],
            second=self.second[mask],
            burn_in_days=self.burn_in_days,
        )


def purchases_of(cleaned: Cleaned, as_of: date | None = None) -> Purchases:
    """Purchase days of known customers up to the evening before ``as_of``; to the last day of all sales without it.

    Raises:
        CalibrationError: No sale has a customer.
    """
    sales = cleaned.transactions
    if as_of is not None:
        sales = sales.filter(pl.col("date") < as_of)
    if sales.is_empty():
        raise CalibrationError(
            "No sale has a customer, so that nothing can be said about repeat purchases. Give an export with a column "
            "of customers (an e-mail or customer number; it is turned into a pseudonym when it is read)."
        )
    first, last = first_and_last_day(cleaned.sales)
    end = as_of or last + timedelta(days=1)
    orders = (
        sales.group_by("customer", "date", "order_id")
        .agg(pl.col("net_revenue").sum(), ON_OFFER.any().alias("offer"))
        .sort("customer", "date", "order_id")
    )
    by_day = orders.group_by("customer", "date", maintain_order=True).agg(
        pl.col("net_revenue").sum(), pl.len(), pl.col("offer").any()
    )
    flags = sales.group_by("customer").agg(
        pl.col("is_new").filter(pl.col("date") == pl.col("date").min()).any(ignore_nulls=False)
    )
    names = by_day["customer"].unique().sort()
    number = by_day.select(pl.col("customer").rank("dense") - 1).to_series()
    home, new = _homes(sales), dict(flags.iter_rows())
    return Purchases(
        names=tuple(names.to_list()),
        customer=number.to_numpy().astype(np.int64),
        day=(by_day["date"] - first).dt.total_days().to_numpy().astype(np.int64),
        value=by_day["net_revenue"].to_numpy().astype(np.float64),
        orders=by_day["len"].to_numpy().astype(np.int64),
        offer=by_day["offer"].to_numpy().astype(np.bool_),
        region=tuple(home[name] for name in names),
        is_new=tuple(new[name] for name in names),
        first_date=first,
        end_date=end,
    )


def _homes(sales: pl.DataFrame) -> dict[str, str]:
    """The country of most of a customer's orders; on a tie the one seen first, then the first by name."""
    counts = (
        sales.group_by("customer", pl.col("country").fill_null(""))
        .agg(pl.col("order_id").n_unique().alias("orders"), pl.col("date").min().alias("since"))
        .sort("customer", "orders", "since", "country", descending=[False, True, False, False])
        .unique("customer", keep="first", maintain_order=True)
    )
    return dict(counts.select("customer", "country").iter_rows())


def usual_burn_in_days(purchases: Purchases) -> int:
    """Days at the start of the data in which a first purchase seen may be a later one."""
    return min(int(BURN_IN_SHARE * purchases.days), LONGEST_BURN_IN_DAYS)


def repeat_summary(
    purchases: Purchases, burn_in_days: int | None = None, index: FloatArray | None = None
) -> RepeatSummary:
    """Summary of the customers whose first purchase was seen.

    Args:
        purchases: Their purchases.
        index: How ready customers are to buy on each day of the data ``(T,)``, mean 1; then times are counted in days
            of an index of 1. Plain days where left out.
        burn_in_days: Customers first seen earlier are left out, but for those whom the shop itself called new then;
            `usual_burn_in_days` where left out.
    """
    burn_in = usual_burn_in_days(purchases) if burn_in_days is None else burn_in_days
    row = purchases.first_row
    people = len(row)
    first = purchases.day[row]
    rows_of = np.diff(np.append(row, len(purchases.day)))
    last = purchases.day[row + rows_of - 1]
    total = np.bincount(purchases.customer, purchases.value, minlength=people) - purchases.value[row]
    again = rows_of - 1
    next_day = purchases.day[np.minimum(row + 1, len(purchases.day) - 1)]
    month = (np.datetime64(purchases.first_date, "D") + first).astype("datetime64[M]").astype(np.int64) + 1970 * 12
    # A day's clock stands at the middle of the day.
    step = np.ones(purchases.days) if index is None else index
    clock = np.cumsum(step) - 0.5 * step
    begin, final, evening = clock[first], clock[last], clock[-1]
    summary = RepeatSummary(
        again=again.astype(np.int64),
        last=final - begin,
        age=evening - begin,
        mean_value=np.divide(total, again, out=np.zeros(people), where=again > 0),
        offer=purchases.offer[row],
        cohort=month,
        second=np.where(again > 0, clock[next_day] - begin, 0.0),
        burn_in_days=burn_in,
    )
    called_new = np.array([flag is True for flag in purchases.is_new], dtype=np.bool_)
    return summary.of((first >= burn_in) | called_new)
