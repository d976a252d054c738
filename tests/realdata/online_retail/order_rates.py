"""The shop of six regions, the order rates of its known customers, and what it sold on the scenario's days.

The rate at which known customers order is a product of four things, told apart here by maximum likelihood (Poisson,
one factor after the other until nothing moves):

    orders of a day = customers of region, segment and bucket
                      * order rate of segment and bucket * level of the region * weekday * season of the day

A plain index of orders by month would count the growth of the customer base as season, and the simulator, which lets
the base grow by itself, would count it twice. The season's twelve heights are those of the simulator's own curve, so
that the curve's mean over a month, not its middle, fits that month. Days on which the whole shop took no order are
left out.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from tests.realdata.online_retail.lifecycle import BUCKETS, Spells, bucket_counts, bucket_rates, make_spells
from tests.realdata.online_retail.orders import (
    SEGMENTS,
    Matching,
    Orders,
    coefficient_of_variation,
    customer_means,
    make_orders,
    match_refunds,
    segment_of,
)
from tests.realdata.online_retail.transactions import NO_CUSTOMER, FloatArray, IntArray, Lines, clean, read_book
from xbopt.simulator.calendar import seasonal_index

REGIONS: dict[str, str] = {
    "GB": "United Kingdom",
    "DE": "Germany",
    "FR": "France",
    "BE": "Belgium",
    "ES": "Spain",
    "CH": "Switzerland",
}
"""Region ids of the scenario and the data's names. Other countries are one or a few customers each."""
FIRST_DATE = "2010-12-01"
MEASURED_FROM, START, LAST_DATE = "2011-03-01", "2011-09-01", "2011-12-09"
"""First day of measuring, after a burn-in; first day of the scenario; last day of both."""
FIT_ROUNDS = 400


def day_number(day: str) -> int:
    """Days from the first day of the data to an ISO date."""
    return (date.fromisoformat(day) - date.fromisoformat(FIRST_DATE)).days


FIRST_DAY, FIRST_PLAYED_DAY, END_DAY = day_number(MEASURED_FROM), day_number(START), day_number(LAST_DATE) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What the six regions' known customers bought.

    Attributes:
        orders: One row an invoice; ``country`` is the position in ``REGIONS``.
        segment: Segment of every customer ``(U,)``.
        region: Region of every customer ``(U,)``; -1 elsewhere.
        spells: Time after each purchase of customers of the six regions.
        sales: Their lines.
        matching: Their refunds, matched.
        line_segment: Segment of the buyer of each line ``(N,)``.
        open_days: Days, counted from the data's first, on which the shop took an order.
    """

    orders: Orders
    segment: IntArray
    region: IntArray
    spells: Spells
    sales: Lines
    matching: Matching
    line_segment: IntArray
    open_days: IntArray

    def cell(self, region: int, segment: int) -> Spells:
        """The spells of one cell."""
        return self.spells.of((self.region == region) & (self.segment == segment))


def read_shop(data: Path) -> Shop:
    """Read the transactions below a data folder."""
    book = read_book(data / "online_retail")
    sales, refunds, _ = clean(book)
    sales = sales.take(sales.customer != NO_CUSTOMER)
    refunds = refunds.take(refunds.customer != NO_CUSTOMER)
    matching = match_refunds(sales, refunds)
    orders = make_orders(sales, matching)
    places = np.array([book.countries.index(name) for name in REGIONS.values()])
    position = np.full(len(book.countries), -1)
    position[places] = np.arange(len(places))
    segment = segment_of(customer_means(orders))
    region = np.full(len(segment), -1)
    region[orders.customer] = position[orders.country]
    base = int(np.datetime64(FIRST_DATE, "D").astype(np.int64))
    invoice_at = np.searchsorted(orders.invoice, sales.invoice)
    return Shop(
        orders=orders,
        segment=segment,
        region=region,
        spells=make_spells(orders.customer, orders.day - base).of(region >= 0),
        sales=sales,
        matching=matching,
        line_segment=np.where(region[orders.customer[invoice_at]] >= 0, segment[orders.customer[invoice_at]], -1),
        open_days=np.unique(orders.day) - base,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RateFit:
    """Order rates of known customers.

    Attributes:
        rate: Orders a customer-day at index 1 ``(S, 4)``.
        level: By region ``(R,)``; 1 for the first.
        weekday: Index ``(7,)``, Monday first; mean 1.
        month: Heights of the season's curve ``(12,)``; mean 1.
        demand_cv: Coefficient of variation of a day's demand beyond counting noise, in cells of the first region.
    """

    rate: FloatArray
    level: FloatArray
    weekday: FloatArray
    month: FloatArray
    demand_cv: float


def fit_rates(shop: Shop) -> RateFit:
    """Fit the four factors to the repeat orders from ``MEASURED_FROM`` on."""
    first, end = FIRST_DAY, END_DAY
    days = np.arange(first, end)
    dates = [date.fromisoformat(FIRST_DATE) + timedelta(days=int(day)) for day in days]
    weekdays = np.array([day.weekday() for day in dates])
    months = np.array([day.month - 1 for day in dates])
    is_open = np.isin(days, shop.open_days).astype(np.float64)
    shape = len(REGIONS), len(SEGMENTS)
    people = np.zeros((*shape, len(BUCKETS), len(days)))
    bought = np.zeros((*shape, len(days)))
    by_bucket = np.zeros((len(SEGMENTS), len(BUCKETS)))
    for r, s in np.ndindex(shape):
        spells = shop.cell(r, s)
        people[r, s] = np.array([list(bucket_counts(spells, int(day)).values()) for day in days]).T
        again = spells.following >= first
        np.add.at(bought[r, s], spells.following[again] - first, spells.next_invoices[again])
        by_bucket[s] += [figures["invoices"] for figures in bucket_rates(spells, first, end).values()]

    rate, level = np.full(by_bucket.shape, 0.01), np.ones(shape[0])
    weekday, month = np.ones(7), np.ones(12)
    for _ in range(FIT_ROUNDS):
        day = is_open * weekday[weekdays] * seasonal_index(month, dates)
        rate = by_bucket / np.einsum("rsld,r,d->sl", people, level, day)
        level = bought.sum(axis=(1, 2)) / np.einsum("rsld,sl,d->r", people, rate, day)
        level = level / level[0]
        expected = np.einsum("rsld,sl,r->d", people, rate, level)
        total = bought.sum(axis=(0, 1))
        shape_of_day = is_open * seasonal_index(month, dates)
        for number in range(7):
            mask = weekdays == number
            have = (expected * shape_of_day)[mask].sum()
            weekday[number] = total[mask].sum() / have if have > 0.0 else 0.0
        weekday = weekday / weekday.mean()
        curve = is_open * weekday[weekdays] * seasonal_index(month, dates)
        for number in range(2, 12):
            mask = months == number
            month[number] *= total[mask].sum() / (expected * curve)[mask].sum()
        month[:2] = month[2]  # no ripe customer base before March; these days are not played
        month = month / month.mean()
    day = is_open * weekday[weekdays] * seasonal_index(month, dates)
    rate = by_bucket / np.einsum("rsld,r,d->sl", people, level, day)
    mean = np.einsum("sld,sl,d->sd", people[0], rate, day)
    excess = ((bought[0] - mean) ** 2 - mean).sum() / (mean**2).sum()
    return RateFit(rate=rate, level=level, weekday=weekday, month=month, demand_cv=float(np.sqrt(max(excess, 0.0))))


def day_index(shop: Shop, fit: RateFit) -> FloatArray:
    """The fitted index of every day of the data ``(T,)``: weekday and season, 0 where the shop was closed."""
    dates = [date.fromisoformat(FIRST_DATE) + timedelta(days=day) for day in range(END_DAY)]
    is_open = np.isin(np.arange(END_DAY), shop.open_days)
    return is_open * fit.weekday[[day.weekday() for day in dates]] * seasonal_index(fit.month, dates)


def played_days(shop: Shop) -> dict[str, object]:
    """What was sold on the scenario's own days: what its baseline has to reproduce.

    Orders are invoices, by region, segment and month; first orders are customers. ``repurchase_rate`` is the mean over
    days of the day's repeat orders of customers who are not lapsed, over these customers.
    """
    first, end = FIRST_PLAYED_DAY, END_DAY
    base = int(np.datetime64(FIRST_DATE, "D").astype(np.int64))
    orders, days = shop.orders, shop.orders.day - base
    region, segment = shop.region[orders.customer], shop.segment[orders.customer]
    chosen = (days >= first) & (days < end) & (region >= 0)
    month = (orders.day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1)[chosen]
    fresh = (shop.spells.rank == 0) & (shop.spells.start >= first)
    who = shop.spells.customer[fresh]
    repeat = np.zeros(end - first)
    again = (shop.spells.following >= first) & (shop.spells.following - shop.spells.start <= 180)
    np.add.at(repeat, shop.spells.following[again] - first, shop.spells.next_invoices[again])
    standing = np.array(
        [sum(list(bucket_counts(shop.spells, day).values())[:3]) for day in range(first, end)], dtype=np.float64
    )
    value = orders.value_gbp[chosen]
    region, segment = region[chosen], segment[chosen]

    def split(names: tuple[str, ...], place: IntArray) -> dict[str, dict[str, float]]:
        return {
            name: {
                "orders": int((place == i).sum()),
                "revenue_gbp": float(value[place == i].sum()),
                "cv": coefficient_of_variation(value[place == i]),
            }
            for i, name in enumerate(names)
        }

    return {
        "days": end - first,
        "orders": len(value),
        "revenue_gbp": float(value.sum()),
        "by_region": split(tuple(REGIONS), region),
        "by_segment": split(SEGMENTS, segment),
        "orders_by_month": {str(m): int((month == m).sum()) for m in (9, 10, 11, 12)},
        "first_orders_by_region": {n: int((shop.region[who] == i).sum()) for i, n in enumerate(REGIONS)},
        "first_orders_by_segment": {n: int((shop.segment[who] == i).sum()) for i, n in enumerate(SEGMENTS)},
        "repurchase_rate": float((repeat / standing).mean()),
        "last_evening": bucket_counts(shop.spells, end),
    }
