"""Figures that cannot be what they are called: below 0 where nothing can be, or beyond all others of their column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from xbopt.imports.engine.canonical import money_columns
from xbopt.imports.profile import TableKey

_LOOKED_AT: Mapping[TableKey, Sequence[str]] = {
    "media": ("spend", "impressions", "clicks"),
    "transactions": ("quantity", "unit_price", "discount", "net_revenue", "tax", "shipping"),
    "refunds": ("quantity", "amount"),
    "sessions": ("sessions", "orders", "revenue"),
    "sends": ("recipients", "orders", "revenue"),
}
_FEWEST = 10
"""Fewer figures have no usual size."""
_FEWEST_DAYS = 7
_TOP, _TOP_SHARE = 3, 0.01
"""So many of the largest figures, and such a share of them, are not taken for the usual size."""
_TIMES, _OF_SUM = 1000.0, 0.5
_ROUNDING = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class OddFigures:
    """Figures of a column that are below 0, or beyond all others.

    Attributes:
        kind: ``below_0``, or ``beyond`` a thousand times the usual and more than half of the sum.
        column: Of the canonical table.
        rows: How many.
        figure: Their sum, or the largest one.
        usual: The figure that all but the largest do not exceed.
        first: Day of the first of them.
    """

    kind: Literal["below_0", "beyond"]
    column: str
    rows: int
    figure: float
    usual: float
    first: date


def odd_figures(table: TableKey, rows: pl.LazyFrame) -> Iterator[OddFigures]:
    """What is odd in a table, column by column; money of each currency by itself. Orders count where they are sold."""
    if table == "transactions":
        rows = rows.filter(pl.col("status") == "sold")
    money = money_columns(table)
    for column in _LOOKED_AT.get(table, ()):
        parts = [pl.col("currency") if column in money else pl.lit("").alias("currency")]
        told = rows.select("date", *parts, pl.col(column).cast(pl.Float64).alias("figure")).filter(
            pl.col("figure").is_not_null() & (pl.col("figure") != 0)
        )
        figures = told.collect(engine="streaming")
        below = figures.filter(pl.col("figure") < 0).sort("date")
        if below.height:
            yield _odd("below_0", column, below, float(below["figure"].sum()), 0.0)
        for of_currency in figures.partition_by("currency"):
            yield from _beyond(column, of_currency)


def _beyond(column: str, figures: pl.DataFrame) -> Iterator[OddFigures]:
    sizes = figures["figure"].abs()
    if sizes.len() < _FEWEST:
        return
    rank = sizes.len() - 1 - max(_TOP, int(_TOP_SHARE * sizes.len()))
    usual = float(sizes.sort()[rank])
    far = figures.filter(sizes > _TIMES * usual).sort("date")
    if far.height and float(far["figure"].abs().sum()) > _OF_SUM * float(sizes.sum()):
        largest = far["figure"][far["figure"].abs().arg_max() or 0]
        yield _odd("beyond", column, far, float(largest), usual)


def _odd(
    kind: Literal["below_0", "beyond"], column: str, rows: pl.DataFrame, figure: float, usual: float
) -> OddFigures:
    return OddFigures(
        kind=kind, column=column, rows=rows.height, figure=figure, usual=usual, first=rows["date"].to_list()[0]
    )


def missing_days(days: pl.Series) -> pl.Series:
    """Days without a row from the first to the last, in their order; none where most lack, as of what runs at times."""
    told = days.drop_nulls().unique()
    if told.len() < _FEWEST_DAYS:
        return told.clear()
    spanned = pl.date_range(pl.col("day").min(), pl.col("day").max(), interval="1d")
    whole = told.rename("day").to_frame().select(spanned.alias("day"))["day"]
    gaps = whole.filter(~whole.is_in(told.implode()))
    return gaps if gaps.len() < told.len() else gaps.clear()


def days_below_0(media: pl.DataFrame) -> pl.DataFrame:
    """Columns date, channel, spend of days whose channel spent less than 0 in all: corrections may, a day cannot."""
    keys = ("margin", "date", "channel", "currency")
    whole = media.group_by(*keys).agg(pl.col("spend").sum()).filter(pl.col("spend") < -_ROUNDING)
    return whole.select("date", "channel", "spend").sort("date", "channel")
