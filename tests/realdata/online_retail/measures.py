"""Measure the Online Retail transactions and the ECB rates for the scenario ``gift_retailer``.

``benchmarks/measure_online_retail.py`` prints them. Days of rates are calendar days, closed Saturdays
and holidays included. All order, customer and price figures are of known customers, before refunds unless
the name says net; what has no customer id stands in ``rules`` and, by country, under ``without_customer``.
"""

import math
from pathlib import Path

import numpy as np

from tests.realdata.online_retail.lifecycle import (
    Spells,
    bucket_counts,
    bucket_rates,
    first_purchases_per_day,
    gap_quartiles,
    make_spells,
    reordered_within,
    repurchase_rate,
)
from tests.realdata.online_retail.orders import (
    SEGMENT_FLOORS_GBP,
    SEGMENTS,
    Orders,
    coefficient_of_variation,
    customer_means,
    first_values,
    make_orders,
    match_refunds,
    order_figures,
    segment_of,
)
from tests.realdata.online_retail.prices import elasticity_figures, price_figures
from tests.realdata.online_retail.rates import rate_figures
from tests.realdata.online_retail.seasons import season_figures
from tests.realdata.online_retail.transactions import NO_CUSTOMER, Book, FloatArray, IntArray, Lines, clean, read_book

FIRST_DATE = "2010-12-01"
END_DATE = "2011-12-10"
BURN_IN_DATE = "2011-03-01"
LATE_BURN_IN_DATE = "2011-06-01"
SNAPSHOTS = ("2011-09-01", "2011-12-01")
LEAST_ORDERS = 20
LEAST_CUSTOMERS = 20
DEFAULT_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def day_number(date: str) -> int:
    """Days from the first day of the data to an ISO date."""
    return int((np.datetime64(date, "D") - np.datetime64(FIRST_DATE, "D")).astype(np.int64))


def rounded(value: object, digits: int = 6) -> object:
    """Round every float in a nested document to so many significant digits.

    Raises:
        ValueError: A number is not finite.
    """
    if isinstance(value, dict):
        return {str(key): rounded(item, digits) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item, digits) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a figure is not finite")
        return float(f"{value:.{digits}g}")
    return value


def country_figures(orders: Orders, sales: Lines, refunds: Lines, book: Book) -> dict[str, object]:
    """Figures of every country with at least ``LEAST_ORDERS`` orders of known customers.

    ``net_revenue_gbp`` is goods sold less all refunds booked under the country, matched or not;
    ``refunded_all_frac`` is these refunds over goods sold.
    """
    days = day_number(END_DATE)
    invoices = np.bincount(orders.country, minlength=len(book.countries))
    figures: dict[str, object] = {}
    for country in np.flatnonzero(invoices >= LEAST_ORDERS):
        entry = order_figures(orders, orders.country == country, days)
        known = (refunds.country == country) & (refunds.customer != NO_CUSTOMER)
        refunded = -float(refunds.value_gbp[known].sum())
        gross = float(orders.value_gbp[orders.country == country].sum())
        unknown = (sales.country == country) & (sales.customer == NO_CUSTOMER)
        entry["net_revenue_gbp"] = gross - refunded
        entry["refunded_all_frac"] = refunded / gross
        entry["largest_customer_share"] = float(
            np.bincount(orders.customer, orders.value_gbp * (orders.country == country)).max() / gross
        )
        entry["without_customer"] = {
            "orders": len(np.unique(sales.invoice[unknown])),
            "gross_revenue_gbp": float(sales.value_gbp[unknown].sum()),
        }
        figures[book.countries[country]] = entry
    return figures


def segment_figures(orders: Orders, segment: IntArray, book: Book) -> dict[str, object]:
    """Figures by country and segment, and pooled; ``segment`` is ``(U,)``. Empty cells are left out."""
    days = day_number(END_DATE)
    invoices = np.bincount(orders.country, minlength=len(book.countries))
    groups = {"all": np.ones(len(orders.country), dtype=np.bool_)}
    groups |= {book.countries[c]: orders.country == c for c in np.flatnonzero(invoices >= LEAST_ORDERS)}
    figures: dict[str, object] = {}
    for name, group in groups.items():
        chosen = {label: group & (segment[orders.customer] == s) for s, label in enumerate(SEGMENTS)}
        figures[name] = {label: order_figures(orders, mask, days) for label, mask in chosen.items() if mask.any()}
    return figures


def segment_check(orders: Orders) -> dict[str, object]:
    """Say why the cut is fit, and how repeat rates move when the first order alone sets the segment.

    ``customer_quantiles_gbp`` are of the mean order value. ``log_first_second_correlation`` shows that order
    value belongs to the customer. ``by_first_order`` cannot leak later orders into the segment.
    """
    means, firsts, counts = customer_means(orders), first_values(orders), np.bincount(orders.customer)
    rank = np.lexsort((orders.invoice, orders.minute, orders.customer))
    starts = np.unique(orders.customer[rank], return_index=True)[1]
    second = orders.value_gbp[rank[starts[counts > 1] + 1]]
    by: dict[str, object] = {}
    for name, value in (("by_mean_order", means), ("by_first_order", firsts)):
        cut = segment_of(value)
        by[name] = {
            label: {
                "customers": int((cut == s).sum()),
                "orders_per_customer": float(counts[cut == s].mean()),
                "one_order_only_frac": float((counts[cut == s] == 1).mean()),
                "mean_order_value_gbp": float(orders.value_gbp[cut[orders.customer] == s].mean()),
                "cv_order_value": coefficient_of_variation(orders.value_gbp[cut[orders.customer] == s]),
            }
            for s, label in enumerate(SEGMENTS)
        }
    quantiles = (0.1, 0.25, 0.31, 0.5, 0.75, 0.82, 0.9)
    return {
        "floors_gbp": dict(zip(SEGMENTS[1:], SEGMENT_FLOORS_GBP, strict=True)),
        "customer_quantiles_gbp": {f"{q:g}": float(np.quantile(means, q)) for q in quantiles},
        "log_first_second_correlation": float(np.corrcoef(np.log(firsts[counts > 1]), np.log(second))[0, 1]),
        **by,
    }


def lifecycle_figures(spells: Spells) -> dict[str, object]:
    """All lifecycle figures of one group of customers, from the end of the burn-in to the last day."""
    start, end = day_number(BURN_IN_DATE), day_number(END_DATE)
    by_month = {}
    months = np.arange(np.datetime64("2010-12"), np.datetime64("2012-01"))
    for month in months:
        low = max(day_number(str(month.astype("datetime64[D]"))), 0)
        high = min(day_number(str((month + 1).astype("datetime64[D]"))), end)
        by_month[str(month)] = first_purchases_per_day(spells, low, high)
    return {
        "customers": len(np.unique(spells.customer)),
        "invoices_per_order_day": float(spells.invoices.mean()),
        "buckets": bucket_rates(spells, start, end),
        "bucket_counts": {date: bucket_counts(spells, day_number(date)) for date in SNAPSHOTS},
        "first_orders_per_day": {
            f"from_{BURN_IN_DATE}": first_purchases_per_day(spells, start, end),
            f"from_{LATE_BURN_IN_DATE}": first_purchases_per_day(spells, day_number(LATE_BURN_IN_DATE), end),
            "by_month": by_month,
        },
        "repurchase_rate": {
            "all_repeat_orders": repurchase_rate(spells, start, end, with_lapsed=True),
            "without_orders_of_lapsed": repurchase_rate(spells, start, end, with_lapsed=False),
        },
        "days_between_orders": gap_quartiles(spells),
        "reordered": reordered_within(spells, end, (30, 60, 90, 180)),
    }


def lifecycle_by_group(orders: Orders, segment: IntArray, book: Book) -> dict[str, object]:
    """Lifecycle pooled, by segment and by country with ``LEAST_CUSTOMERS``; short figures by country and segment.

    ``by_region_segment`` covers every country with ``LEAST_ORDERS`` orders. Its small cells are counts of real
    people, not rates to rely on.
    """
    base = int(np.datetime64(FIRST_DATE, "D").astype(np.int64))
    spells = make_spells(orders.customer, orders.day - base)
    country = np.zeros(len(segment), dtype=np.int64)
    country[orders.customer] = orders.country
    people = np.bincount(country, minlength=len(book.countries))
    invoices = np.bincount(orders.country, minlength=len(book.countries))
    start, end = day_number(BURN_IN_DATE), day_number(END_DATE)
    cells: dict[str, object] = {}
    for place in np.flatnonzero(invoices >= LEAST_ORDERS):
        row: dict[str, object] = {}
        for s, label in enumerate(SEGMENTS):
            mask = (country == place) & (segment == s)
            if mask.any():
                part = spells.of(mask)
                row[label] = {
                    "bucket_counts": {date: bucket_counts(part, day_number(date)) for date in SNAPSHOTS},
                    "first_orders_per_day": first_purchases_per_day(part, start, end),
                    "repurchase_rate": repurchase_rate(part, start, end, with_lapsed=True),
                }
        cells[book.countries[place]] = row
    return {
        "all": lifecycle_figures(spells),
        "by_segment": {label: lifecycle_figures(spells.of(segment == s)) for s, label in enumerate(SEGMENTS)},
        "by_region": {
            book.countries[place]: lifecycle_figures(spells.of(country == place))
            for place in np.flatnonzero(people >= LEAST_CUSTOMERS)
        },
        "by_region_segment": cells,
    }


def season_by_group(orders: Orders, book: Book) -> dict[str, object]:
    """Season of all orders, of the United Kingdom and of the rest."""
    base = int(np.datetime64(FIRST_DATE, "D").astype(np.int64))
    uk = orders.country == book.countries.index("United Kingdom")
    groups = {"all": np.ones(len(uk), dtype=np.bool_), "united_kingdom": uk, "rest": ~uk}
    open_days = np.unique(orders.day)
    return {
        name: season_figures(orders.minute[mask], orders.value_gbp[mask], base, base + day_number(END_DATE), open_days)
        for name, mask in groups.items()
    }


def refund_figures(refunds: Lines, matched_units: IntArray, delay_days: IntArray) -> dict[str, object]:
    """How many refunds found their sale, by units and value, and the days from sale to refund."""
    value = -refunds.value_gbp
    found: FloatArray = matched_units * refunds.price_gbp
    low, middle, high = np.quantile(delay_days, [0.25, 0.5, 0.75])
    return {
        "refund_rows": len(refunds),
        "refund_value_gbp": float(value.sum()),
        "matched_value_gbp": float(found.sum()),
        "matched_value_frac": float(found.sum() / value.sum()),
        "matched_units_frac": float(matched_units.sum() / -refunds.quantity.sum()),
        "delay_days": {"q25": float(low), "median": float(middle), "q75": float(high)},
    }


def measure(data: Path) -> dict[str, object]:
    """Measure everything below a data folder that holds ``online_retail`` and ``ecb_fx``."""
    book = read_book(data / "online_retail")
    sales, refunds, ledger = clean(book)
    known_sales = sales.take(sales.customer != NO_CUSTOMER)
    known_refunds = refunds.take(refunds.customer != NO_CUSTOMER)
    matching = match_refunds(known_sales, known_refunds)
    orders = make_orders(known_sales, matching)
    segment = segment_of(customer_means(orders))
    return {
        "period": {"first": FIRST_DATE, "end_exclusive": END_DATE, "days": day_number(END_DATE)},
        "rules": ledger,
        "all": order_figures(orders, np.ones(len(orders.invoice), dtype=np.bool_), day_number(END_DATE)),
        "countries": country_figures(orders, sales, refunds, book),
        "refunds": refund_figures(known_refunds, matching.matched_units, matching.delay_days),
        "segments": {"definition": segment_check(orders), "figures": segment_figures(orders, segment, book)},
        "lifecycle": lifecycle_by_group(orders, segment, book),
        "season": season_by_group(orders, book),
        "price": {**price_figures(known_sales), "elasticity": elasticity_figures(known_sales)},
        "exchange_rates": rate_figures(data / "ecb_fx"),
    }
