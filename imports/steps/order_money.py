"""Money of an order, shared out over its lines: discounts, taxes, shipping and duties."""

from collections.abc import Mapping
from typing import Literal

import polars as pl

from xbopt.core.errors import TableError
from xbopt.core.tables.taxes import tax_ids, tax_rate

Prices = Literal["with-tax", "without-tax"]
"""Whether the prices of a file hold the tax or not."""

CENT = 0.011
"""Amounts are rounded to cents: two that agree differ by no more than one."""

_NEARER = 4.0  # how much nearer one of two rates has to be


def with_columns_of(frame: pl.DataFrame, names: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    """Add the columns that a file lacks, empty."""
    return frame.with_columns(
        pl.lit(None, dtype=kind).alias(name) for name, kind in names.items() if name not in frame.columns
    )


def shared_out(amount: str, *, value: str, order: str = "order_id") -> pl.Expr:
    """An amount of the whole order, of which each line gets its share by value; evenly where no line has a value."""
    of_order = pl.col(value).sum().over(order)
    share = pl.when(of_order.abs() > 0).then(pl.col(value) / of_order).otherwise(1.0 / pl.len().over(order))
    return pl.col(amount) * share


def tax_inside_by_total(
    *, subtotal: pl.Expr, shipping: pl.Expr, taxes: pl.Expr, total: pl.Expr, more: pl.Expr
) -> pl.Expr:
    """Whether the tax stands inside an order's prices, solved from its total; null where the total does not tell.

    Total = Subtotal + Shipping + more, with the tax inside, or with the tax on top of it.
    """
    base = subtotal + shipping.fill_null(0.0) + more.fill_null(0.0)
    inside = (total - base).abs() <= CENT
    on_top = (total - base - taxes).abs() <= CENT
    return (
        pl.when((taxes.fill_null(0.0) <= CENT) | (inside == on_top))
        .then(pl.lit(None, dtype=pl.Boolean))
        .otherwise(inside)
    )


def standard_rates(frame: pl.DataFrame) -> pl.DataFrame:
    """A row's standard rate of consumption tax by country and day, as a column ``tax_rate``; null where none is known.

    Args:
        frame: Rows with ``country`` and ``date``.
    """
    pairs = frame.select("country", pl.col("date").dt.month_start().alias("_month")).unique().drop_nulls()
    rates = [_rate(country, month) for country, month in pairs.iter_rows()]
    table = pairs.with_columns(pl.Series("tax_rate", rates, dtype=pl.Float64))
    return (
        frame.with_columns(pl.col("date").dt.month_start().alias("_month"))
        .join(table, on=["country", "_month"], how="left", maintain_order="left")
        .drop("_month")
    )


def tax_inside_by_rate(frame: pl.DataFrame, *, price: str, tax: str) -> pl.DataFrame:
    """Whether the tax stands inside the prices, by which of the two the country's standard rate fits.

    Tax inside is price x r / (1 + r), on top price x r. One verdict a country, in a column ``tax_inside``: that of most
    of its rows that lie clearly nearer to one; null where none does, as for goods at reduced rates and in the
    United States.

    Args:
        frame: Rows with ``country``, ``date``, and the two columns.
        price: The column of amounts that may hold the tax.
        tax: The column of the tax.
    """
    rated = standard_rates(frame.select("country", "date", price, tax)).filter(
        (pl.col(tax) > 0) & (pl.col(price) > 0) & (pl.col("tax_rate") > 0)
    )
    share, rate = pl.col(tax) / pl.col(price), pl.col("tax_rate")
    to_inside, to_top = (share - rate / (1 + rate)).abs(), (share - rate).abs()
    votes = (
        rated.with_columns(
            inside=(to_inside * _NEARER < to_top).cast(pl.Int64), on_top=(to_top * _NEARER < to_inside).cast(pl.Int64)
        )
        .group_by("country")
        .agg(pl.col("inside").sum(), pl.col("on_top").sum())
        .with_columns(
            tax_inside=pl.when(pl.col("inside") == pl.col("on_top"))
            .then(pl.lit(None, dtype=pl.Boolean))
            .otherwise(pl.col("inside") > pl.col("on_top"))
        )
    )
    return frame.join(votes.select("country", "tax_inside"), on="country", how="left", maintain_order="left")


def _rate(country: str, month: object) -> float | None:
    from datetime import date

    if country not in tax_ids() or not isinstance(month, date):
        return None
    try:
        return tax_rate(country, month)
    except TableError:
        return None
