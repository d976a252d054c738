"""Orders, refunds matched to them, countries and segments of customers."""

from dataclasses import dataclass

import numpy as np

from tests.realdata.online_retail.transactions import FloatArray, IntArray, Lines

SEGMENTS: tuple[str, ...] = ("small_basket", "medium_basket", "wholesale")
SEGMENT_FLOORS_GBP: tuple[float, ...] = (200.0, 500.0)
"""Lower bounds of a customer's mean order value for the second and the third segment.

They cut on order value only, never on the number of orders, so that repeat rates are not made by the
definition.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """One row an invoice of a known customer, sorted by invoice, shape ``(O,)`` each.

    Attributes:
        invoice: Code of the invoice.
        customer: Dense customer number ``0..U-1``.
        country: Code of the customer's home country.
        minute: Minutes since 1970-01-01 of the first line.
        value_gbp: Goods sold, before refunds.
        units: Units sold.
        lines: Distinct products.
        refunded_gbp: Value of later cancellations that were matched to this order.
        refunded_units: Units of these cancellations.
    """

    invoice: IntArray
    customer: IntArray
    country: IntArray
    minute: IntArray
    value_gbp: FloatArray
    units: IntArray
    lines: IntArray
    refunded_gbp: FloatArray
    refunded_units: IntArray

    @property
    def day(self) -> IntArray:
        """Days since 1970-01-01, ``(O,)``."""
        return self.minute // 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Refunds matched to sales.

    Attributes:
        units: Refunded units of each sales line ``(N,)``.
        value_gbp: Refunded value of each sales line ``(N,)``.
        matched_units: Units of each refund line that found a sale ``(M,)``.
        delay_days: Whole days from sale to refund, one an allocation.
    """

    units: IntArray
    value_gbp: FloatArray
    matched_units: IntArray
    delay_days: IntArray


def match_refunds(sales: Lines, refunds: Lines) -> Matching:
    """Match each refund to earlier purchases of the same product by the same customer, the latest first.

    A refund may spread over several purchases; a purchase is never refunded beyond its quantity. What finds
    no purchase stays unmatched (bought before the data begin, or booked under another code). The value is the
    refund's own unit price times units.
    """
    units = np.zeros(len(sales), dtype=np.int64)
    value = np.zeros(len(sales))
    matched = np.zeros(len(refunds), dtype=np.int64)
    delays: list[int] = []
    sale_day, refund_day = sales.day, refunds.day
    wanted = {(int(c), int(p)) for c, p in zip(refunds.customer, refunds.product, strict=True)}
    bought: dict[tuple[int, int], list[int]] = {}
    for row in np.argsort(sales.minute, kind="stable"):
        key = (int(sales.customer[row]), int(sales.product[row]))
        if key in wanted:
            bought.setdefault(key, []).append(int(row))
    for row in np.argsort(refunds.minute, kind="stable"):
        open_units = -int(refunds.quantity[row])
        for sale in reversed(bought.get((int(refunds.customer[row]), int(refunds.product[row])), [])):
            room = int(sales.quantity[sale] - units[sale])
            if open_units == 0:
                break
            if sales.minute[sale] > refunds.minute[row] or room == 0:
                continue
            part = min(room, open_units)
            units[sale] += part
            value[sale] += part * refunds.price_gbp[row]
            matched[row] += part
            open_units -= part
            delays.append(int(refund_day[row] - sale_day[sale]))
    return Matching(units=units, value_gbp=value, matched_units=matched, delay_days=np.array(delays, dtype=np.int64))


def home_country(sales: Lines) -> dict[int, int]:
    """Give each customer the country of most of its invoices; on a tie the one seen first."""
    triples = np.unique(np.stack([sales.customer, sales.country, sales.invoice], axis=1), axis=0)
    seen: dict[int, dict[int, int]] = {}
    first: dict[tuple[int, int], int] = {}
    for customer, country, minute in zip(sales.customer, sales.country, sales.minute, strict=True):
        key = (int(customer), int(country))
        first[key] = min(first.get(key, int(minute)), int(minute))
    for customer, country, _ in triples:
        tally = seen.setdefault(int(customer), {})
        tally[int(country)] = tally.get(int(country), 0) + 1
    return {
        customer: min(tally, key=lambda place: (-tally[place], first[customer, place]))
        for customer, tally in seen.items()
    }


def make_orders(sales: Lines, matching: Matching) -> Orders:
    """Sum the lines of known customers up to invoices."""
    invoices, index = np.unique(sales.invoice, return_inverse=True)
    first = np.full(len(invoices), np.iinfo(np.int64).max)
    np.minimum.at(first, index, sales.minute)
    customer = np.zeros(len(invoices), dtype=np.int64)
    customer[index] = sales.customer
    home = home_country(sales)
    pairs = np.unique(np.stack([index, sales.product], axis=1), axis=0)
    return Orders(
        invoice=invoices,
        customer=np.unique(customer, return_inverse=True)[1].astype(np.int64),
        country=np.array([home[int(c)] for c in customer], dtype=np.int64),
        minute=first,
        value_gbp=np.bincount(index, sales.value_gbp),
        units=np.bincount(index, sales.quantity).astype(np.int64),
        lines=np.bincount(pairs[:, 0]).astype(np.int64),
        refunded_gbp=np.bincount(index, matching.value_gbp),
        refunded_units=np.bincount(index, matching.units).astype(np.int64),
    )


def coefficient_of_variation(values: FloatArray) -> float:
    """Population standard deviation over mean; 0 for a single value."""
    return float(values.std() / values.mean())


def customer_means(orders: Orders) -> FloatArray:
    """Mean order value of each customer, ``(U,)`` GBP."""
    return np.bincount(orders.customer, orders.value_gbp) / np.bincount(orders.customer)


def first_values(orders: Orders) -> FloatArray:
    """Value of each customer's first order, ``(U,)`` GBP."""
    rank = np.lexsort((orders.invoice, orders.minute, orders.customer))
    starts = np.unique(orders.customer[rank], return_index=True)[1]
    return orders.value_gbp[rank[starts]]


def segment_of(value_gbp: FloatArray) -> IntArray:
    """Segment number of each customer from an order value, ``(U,)``; a floor is in the higher one."""
    return np.digitize(value_gbp, SEGMENT_FLOORS_GBP).astype(np.int64)


def order_figures(orders: Orders, chosen: np.ndarray, days: int) -> dict[str, object]:
    """Figures of a group of orders.

    ``orders_per_day`` divides by all calendar days. ``refunded_frac`` is matched refunds over goods sold;
    ``orders_with_refund_frac`` counts orders with at least one unit refunded, ``orders_fully_refunded_frac``
    those with every unit refunded. Orders of the last weeks had less time to come back.
    """
    value = orders.value_gbp[chosen]
    refunded = orders.refunded_units[chosen]
    return {
        "orders": len(value),
        "customers": len(np.unique(orders.customer[chosen])),
        "gross_revenue_gbp": float(value.sum()),
        "orders_per_day": len(value) / days,
        "mean_order_value_gbp": float(value.mean()),
        "median_order_value_gbp": float(np.median(value)),
        "cv_order_value": coefficient_of_variation(value),
        "sd_log_order_value": float(np.log(value).std()),
        "units_per_order": float(orders.units[chosen].mean()),
        "distinct_lines_per_order": float(orders.lines[chosen].mean()),
        "orders_with_refund_frac": float((refunded > 0).mean()),
        "orders_fully_refunded_frac": float((refunded == orders.units[chosen]).mean()),
        "refunded_frac": float(orders.refunded_gbp[chosen].sum() / value.sum()),
    }
