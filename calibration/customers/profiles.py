"""The customer table: one row a pseudonym, with what a planner and the models know of it on a morning."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

import numpy as np
import polars as pl

from xbopt.calibration.customers.cleaning import ON_OFFER, Cleaned
from xbopt.calibration.customers.lifecycle import buckets_now
from xbopt.calibration.customers.purchases import purchases_of

Standing = Literal["high_value", "regular", "at_risk", "lapsed"]
HIGH_VALUE_SHARE = 0.2
"""Customers of most net revenue who are called high-value, as long as they are not lapsed or at risk."""

TRAITS = ("order_value", "unit_value", "discount_share", "return_share")
"""What the first order tells of a customer already."""

CUSTOMER_COLUMNS: Mapping[str, str] = {
    "customer": "pseudonym",
    "region": "country of most of its orders",
    "place": "place of its last order that names one",
    "first_day": "day of the first purchase seen",
    "last_day": "day of the last one",
    "recency_days": "days since the last purchase",
    "tenure_days": "days since the first",
    "frequency": "days with a purchase",
    "orders": "orders",
    "monetary": "net revenue, refunds off",
    "order_value": "mean net revenue of an order",
    "units_per_order": "mean pieces of an order",
    "unit_value": "mean net revenue of a piece",
    "discount_share": "share of orders on a promotion or discount",
    "return_share": "refunds over net revenue before them, at most 1",
    "first_offer": "whether the first order was on a promotion or discount",
    "bucket": "lifecycle bucket: new, active, at_risk or lapsed",
    "standing": "high_value, regular, at_risk or lapsed",
    "recency_score": "fifth of the customers by recency, 5 for the latest",
    "frequency_score": "fifth by frequency, 5 for the most",
    "monetary_score": "fifth by monetary, 5 for the most",
}


def customer_table(cleaned: Cleaned, as_of: date | None = None) -> pl.DataFrame:
    """Customers on the morning of a day, by `CUSTOMER_COLUMNS`, sorted by pseudonym.

    Args:
        cleaned: Clean sales.
        as_of: The morning; that after the last sale where left out.

    Raises:
        CalibrationError: No sale before that morning has a customer.
    """
    purchases = purchases_of(cleaned, as_of)
    end = purchases.end_date
    sales = cleaned.transactions.filter(pl.col("date") < end)
    back = (
        cleaned.refunds.filter((pl.col("date") < end) & pl.col("customer").is_not_null())
        .group_by("customer")
        .agg(pl.col("net_amount").sum().alias("refunded"))
    )
    # Groups come in an order of their own each time: sums of unsorted orders would differ in the last digits.
    orders = (
        sales.group_by("customer", "order_id")
        .agg(pl.col("date").min(), pl.col("net_revenue").sum(), pl.col("quantity").sum(), ON_OFFER.any().alias("offer"))
        .sort("customer", "order_id")
    )
    table = orders.group_by("customer").agg(
        pl.col("date").min().alias("first_day"),
        pl.col("date").max().alias("last_day"),
        pl.col("date").n_unique().cast(pl.Int64).alias("frequency"),
        pl.len().cast(pl.Int64).alias("orders"),
        pl.col("net_revenue").sum().alias("gross"),
        pl.col("net_revenue").mean().alias("order_value"),
        pl.col("quantity").mean().alias("units_per_order"),
        (pl.col("net_revenue").sum() / pl.when(pl.col("quantity").sum() > 0.0).then(pl.col("quantity").sum())).alias(
            "unit_value"
        ),
        pl.col("offer").mean().alias("discount_share"),
    )
    places = (
        sales.filter(pl.col("place").is_not_null())
        .sort("date", "order_id", "place")
        .group_by("customer")
        .agg(pl.col("place").last())
    )
    who = pl.DataFrame(
        {
            "customer": purchases.names,
            "region": purchases.region,
            "bucket": buckets_now(purchases),
            "first_offer": purchases.offer[purchases.first_row],
        }
    )
    refunded = pl.col("refunded").fill_null(0.0)
    table = (
        who.join(table, on="customer")
        .join(places, on="customer", how="left")
        .join(back, on="customer", how="left")
        .with_columns(
            (pl.lit(end) - pl.col("last_day")).dt.total_days().alias("recency_days"),
            (pl.lit(end) - pl.col("first_day")).dt.total_days().alias("tenure_days"),
            (pl.col("gross") - refunded).alias("monetary"),
            pl.when(pl.col("gross") > 0.0)
            .then((refunded / pl.col("gross")).clip(0.0, 1.0))
            .otherwise(0.0)
            .alias("return_share"),
        )
        .sort("customer")
    )
    return table.with_columns(
        _standing(table),
        _fifth(table["recency_days"], descending=True).alias("recency_score"),
        _fifth(table["frequency"]).alias("frequency_score"),
        _fifth(table["monetary"]).alias("monetary_score"),
    ).select(*CUSTOMER_COLUMNS)


def table_by_first_order(cleaned: Cleaned, as_of: date | None = None) -> pl.DataFrame:
    """The same table, its `TRAITS` those of the first day with an order, and of refunds that name its orders.

    What all orders tell is another thing of those who came again: their means lie nearer the middle, and their shares
    between 0 and 1. Groups cut on that differ in repeat orders though customers do not.
    """
    table = customer_table(cleaned, as_of)
    own = cleaned.transactions.filter(pl.col("date") == pl.col("date").min().over("customer"))
    back = cleaned.refunds.join(own.select("customer", "order_id").unique(), on=["customer", "order_id"], how="semi")
    first = customer_table(replace(cleaned, transactions=own, refunds=back), as_of)
    return (
        table.drop(TRAITS)
        .join(first.select("customer", *TRAITS), on="customer")
        .sort("customer")
        .select(*CUSTOMER_COLUMNS)
    )


def _standing(table: pl.DataFrame) -> pl.Series:
    floor = table["monetary"].quantile(1.0 - HIGH_VALUE_SHARE, "linear")
    quiet = pl.col("bucket").is_in(["at_risk", "lapsed"])
    high = pl.col("monetary") >= pl.lit(floor)
    return table.select(
        pl.when(quiet)
        .then(pl.col("bucket"))
        .when(high)
        .then(pl.lit("high_value"))
        .otherwise(pl.lit("regular"))
        .alias("standing")
    ).to_series()


def _fifth(values: pl.Series, *, descending: bool = False) -> pl.Series:
    """Fifth of each value, 1 to 5; equal values are in one fifth."""
    rank = values.rank("average", descending=descending)
    return (rank * 5.0 / max(len(values), 1)).ceil().clip(1, 5).cast(pl.Int64)


def month_starts(first: date, last: date) -> tuple[date, ...]:
    """First days of the months after a first one, up to a last day."""
    months = np.arange(np.datetime64(first, "M") + 1, np.datetime64(last + timedelta(days=1), "M") + 1)
    return tuple(day for month in months if (day := month.astype("datetime64[D]").item()) <= last)
