"""What a shop sold, in one currency and in the regions that a scenario can hold."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, cast

import polars as pl

from xbopt.calibration.customers.cleaning import Cleaned
from xbopt.core.errors import CalibrationError, UsageError

LEAST_ORDERS, LEAST_CUSTOMERS, LARGEST_SHARE = 100, 20, 0.5
"""A country with fewer orders or customers, or of which one customer buys more than this share, is no market yet."""
MOST_REGIONS = 12
LEAST_SHOWN = 5
"""A country of fewer customers has no figures of its own in any output."""

Reason = Literal["few_orders", "few_customers", "one_customer", "not_chosen", "beyond_the_largest", "no_facts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """What a country bought.

    Attributes:
        code: ISO 3166 alpha-2.
        orders: Orders sold.
        customers: Customers known by id; None where no order names one.
        revenue: Net revenue in the base currency.
        largest_share: Share of the revenue of known customers that the largest of them brings; 0 where none is known.
        reason: Why it is no region of the scenario; None where it is one.
    """

    code: str
    orders: int
    customers: int | None
    revenue: float
    largest_share: float
    reason: Reason | None

    @property
    def is_small(self) -> bool:
        """Whether its figures would be those of a few persons."""
        return self.reason is not None and self.customers is not None and self.customers < LEAST_SHOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Sales of the regions.

    Attributes:
        currency: Currency of all money.
        lines: Clean sold lines of the regions; ``value`` is paid and ``list_value`` was asked, both net of tax. A line
            of unknown pieces, as in an export of whole orders, counts as one.
        orders: One row an order: order_id, date, country, customer, value, list_value, units, shipping.
        refunds: Refunds of the regions.
        countries: All countries, the largest first; those without a reason are the regions, in this order.
        first, last: First and last day of orders.
        without_country: Share of all net revenue whose orders name no country; they are in no region.
    """

    currency: str
    lines: pl.DataFrame
    orders: pl.DataFrame
    refunds: pl.DataFrame
    countries: tuple[Country, ...]
    first: date
    last: date
    without_country: float = 0.0

    @property
    def regions(self) -> tuple[str, ...]:
        """Codes of the regions."""
        return tuple(country.code for country in self.countries if country.reason is None)

    @property
    def days(self) -> int:
        """Days from the first order to the last, both counted."""
        return (self.last - self.first).days + 1

    @property
    def period(self) -> str:
        """The period in words, for sources."""
        return f"{self.first} to {self.last}"

    def with_its_customers(self, cleaned: Cleaned) -> Cleaned:
        """The same clean sales, of known customers only what went to its regions."""
        return replace(cleaned, transactions=cleaned.transactions.filter(pl.col("country").is_in(list(self.regions))))


def read_shop(
    sales: pl.DataFrame,
    refunds: pl.DataFrame,
    *,
    currency: str,
    regions: Sequence[str] | None = None,
    known: Collection[str] | None = None,
) -> Shop:
    """The shop of the countries that have enough orders.

    Args:
        sales: Clean lines, money in one currency.
        refunds: Refunds with ``net_amount``, money in the same currency.
        currency: This currency.
        regions: Countries to take, whatever they bought; those with enough orders where left out.
        known: Countries that the tables of taxes, holidays and facts know; all where left out.

    Raises:
        UsageError: A country that is asked for has no orders.
        CalibrationError: No country has enough.
    """
    lines = sales.filter(pl.col("country").is_not_null()).with_columns(
        pl.col("net_revenue").alias("value"),
        pl.col("quantity").fill_null(1.0),
        (pl.col("net_revenue") + pl.col("discount").fill_null(0.0)).alias("list_value"),
    )
    countries = _countries(lines, regions, known)
    chosen = [country.code for country in countries if country.reason is None]
    whole, placed = float(sales["net_revenue"].sum()), float(lines["net_revenue"].sum())
    if not chosen:
        lost = sales.filter(pl.col("country").is_null())["order_id"].n_unique()
        nowhere = f"{lost:,} orders name no country and count for none. " if lost else ""
        raise CalibrationError(
            f"{nowhere}No country has {LEAST_ORDERS} orders of {LEAST_CUSTOMERS} customers, of whom none buys half: "
            "there is no market to calibrate. Take more months of orders, or start from facts: "
            "xbopt scenario new --for."
        )
    kept = lines.filter(pl.col("country").is_in(chosen))
    orders = (
        kept.group_by("order_id", "country")
        .agg(
            pl.col("date").min(),
            pl.col("time").min(),
            pl.col("customer").drop_nulls().first(),
            pl.col("value").sum(),
            pl.col("list_value").sum(),
            pl.col("quantity").sum().alias("units"),
            pl.when(pl.col("shipping").is_not_null().any()).then(pl.col("shipping").sum()).alias("shipping"),
        )
        .sort("date", "order_id", "country")
    )
    return Shop(
        currency=currency,
        lines=kept,
        orders=orders,
        refunds=refunds.filter(pl.col("country").is_null() | pl.col("country").is_in(chosen)),
        countries=countries,
        first=cast("date", orders["date"].min()),
        last=cast("date", orders["date"].max()),
        without_country=(whole - placed) / whole if whole > 0.0 and lines.height < sales.height else 0.0,
    )


def _countries(lines: pl.DataFrame, wanted: Sequence[str] | None, known: Collection[str] | None) -> tuple[Country, ...]:
    by_customer = (
        lines.filter(pl.col("customer").is_not_null())
        .group_by("country", "customer")
        .agg(pl.col("value").sum())
        .group_by("country")
        .agg(pl.len().alias("customers"), (pl.col("value").max() / pl.col("value").sum()).alias("largest"))
    )
    rows = (
        lines.group_by("country")
        .agg(pl.col("order_id").n_unique().alias("orders"), pl.col("value").sum())
        .join(by_customer, on="country", how="left")
        .sort(["value", "country"], descending=[True, False])
    )
    if wanted is not None:
        missing = [code for code in wanted if code not in rows["country"]]
        if missing:
            known = ", ".join(rows["country"].to_list()[:MOST_REGIONS])
            raise UsageError(f"--regions {','.join(missing)}: no orders go there. Orders go to {known}.")
    countries: list[Country] = []
    for row in rows.iter_rows(named=True):
        taken = sum(country.reason is None for country in countries)
        countries.append(_country(row, wanted, taken, known))
    return tuple(countries)


def _country(
    row: Mapping[str, object], wanted: Sequence[str] | None, taken: int, known: Collection[str] | None
) -> Country:
    code, orders = str(row["country"]), cast("int", row["orders"])
    customers = cast("int | None", row["customers"])
    largest = cast("float | None", row["largest"]) or 0.0
    reason: Reason | None = None
    if wanted is not None:
        reason = None if code in wanted else "not_chosen"
    elif orders < LEAST_ORDERS:
        reason = "few_orders"
    elif known is not None and code not in known:
        reason = "no_facts"
    elif customers is not None and customers < LEAST_CUSTOMERS:
        reason = "few_customers"
    elif largest > LARGEST_SHARE:
        reason = "one_customer"
    elif taken >= MOST_REGIONS:
        reason = "beyond_the_largest"
    return Country(
        code=code,
        orders=orders,
        customers=customers,
        revenue=cast("float", row["value"]),
        largest_share=largest,
        reason=reason,
    )
