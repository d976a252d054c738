"""Whether prices contain the tax: solved from standard rates and the law, or as the user says."""

from datetime import date

import polars as pl

from xbopt.core.errors import TableError
from xbopt.core.tables.taxes import ConsumptionTax, consumption_tax, tax_ids
from xbopt.imports.steps.step import StepContext

CENT = 0.011
"""Amounts are rounded to cents: two that agree differ by no more than one."""

# A tax speaks for one of two readings where it lies so many times nearer to it than to the other.
_NEARER = 4.0


def with_missing(frame: pl.DataFrame, *numbers: str) -> pl.DataFrame:
    """Add columns of numbers that a file lacks, empty."""
    return frame.with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name) for name in numbers if name not in frame.columns
    )


def tax_by_rate(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Say whether ``line_price`` contains ``tax``, by which of the two the standard rate of the row's country fits.

    The tax inside is price x r / (1 + r), on top of it price x r, of the price before or after the discount. What fits
    neither, as goods at reduced rates, follows the user's word, else the country's law: prices for consumers contain
    VAT and GST (Directive 98/6/EC, Art. 2 a), and no sales tax. Each row is judged for itself. Added is ``tax_share``,
    the part of the discounted price that is tax; 0 where it is on top.
    """
    rows = _rated(with_missing(frame, "line_price", "tax", "discount", "platform_discount"))
    price, tax, rate = pl.col("line_price"), pl.col("tax"), pl.col("tax_rate")
    paid = price - pl.col("discount").fill_null(0.0) - pl.col("platform_discount").fill_null(0.0)
    inside, taxed = rate / (1 + rate), (tax > CENT) & (price > 0)
    of_paid = pl.when(paid > 0).then(tax / paid)
    is_of_paid = ((of_paid - inside).abs() < (tax / price - inside).abs()).fill_null(value=False)
    rows = rows.with_columns(_share=pl.when(is_of_paid).then(of_paid).otherwise(tax / price))
    to_inside = (pl.col("_share") - inside).abs()
    to_top = pl.min_horizontal((tax / price - rate).abs(), (of_paid - rate).abs())
    verdict = (
        pl.when(to_inside * _NEARER < to_top)
        .then(pl.lit(value=True))
        .when(to_top * _NEARER < to_inside)
        .then(pl.lit(value=False))
    )
    rows = rows.with_columns(_verdict=pl.when(~pl.col("tax_is_inside")).then(pl.lit(value=False)).otherwise(verdict))
    is_open = taxed & pl.col("_verdict").is_null()
    if context.prices is not None and rows.filter(is_open).height:
        context.used_prices = True
        rows = rows.with_columns(pl.col("_verdict").fill_null(context.prices == "with-tax"))
    context.note_trap("tax_by_law", rows.filter(is_open & pl.col("tax_is_inside").is_not_null()).height)
    context.note_trap("tax_on_top", rows.filter(is_open & pl.col("tax_is_inside").is_null()).height)
    is_inside = pl.coalesce("_verdict", "tax_is_inside").fill_null(value=False)
    return rows.with_columns(tax_share=pl.when(taxed & is_inside).then(pl.col("_share")).otherwise(0.0)).drop(
        "_share", "_verdict", "tax_rate", "tax_is_inside"
    )


def tax_by_answer(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Take the standard rate off prices that contain the tax, where the user says so, in a file without any tax.

    Added is ``tax_share``, the part of a price that is tax; 0 where nothing is taken off, and empty where the country's
    rate is not known.
    """
    if context.prices != "with-tax":
        if context.prices is None:
            context.note_trap("tax_not_in_file", frame.height)
        context.used_prices |= context.prices is not None
        return frame.with_columns(tax_share=pl.lit(0.0))
    context.used_prices = True
    inside = pl.col("tax_rate") / (1 + pl.col("tax_rate"))
    rows = _rated(frame).with_columns(tax_share=pl.when(~pl.col("tax_is_inside")).then(0.0).otherwise(inside))
    context.note_trap("tax_rate_missing", rows["tax_share"].null_count())
    context.note_trap("tax_taken_off", rows["tax_share"].count())
    return rows.drop("tax_rate", "tax_is_inside")


def _rated(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows with the standard rate of their country and month, and whether prices contain such a tax by law.

    Added are ``tax_rate`` and ``tax_is_inside``; empty where none is known.
    """
    if "country" not in frame.columns:
        frame = frame.with_columns(country=pl.lit(None, dtype=pl.String))
    month = pl.col("date").dt.month_start()
    pairs = frame.select("country", _month=month).unique().drop_nulls()
    taxes = [_tax(country, first) for country, first in pairs.iter_rows()]
    rates = pl.Series("tax_rate", [None if tax is None else tax.rate_frac for tax in taxes], dtype=pl.Float64)
    inside = pl.Series(
        "tax_is_inside", [None if tax is None else tax.kind != "sales_tax" for tax in taxes], dtype=pl.Boolean
    )
    return (
        frame.with_columns(_month=month)
        .join(pairs.with_columns(rates, inside), on=["country", "_month"], how="left", maintain_order="left")
        .drop("_month")
    )


def _tax(country: str, day: date) -> ConsumptionTax | None:
    if country not in tax_ids():
        return None
    try:
        return consumption_tax(country, day)
    except TableError:
        return None
