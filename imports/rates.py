"""Money of several currencies in one: by the data's own rates day by day, else by the yearly means of the tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from xbopt.core.errors import UsageError
from xbopt.core.tables.reference_rates import reference_rate

_MOST_DAYS_BACK = 10
"""Rates are not set on weekends and holidays; the last one holds for so many days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A table in one currency.

    Attributes:
        frame: The table; its ``currency`` is the same in every row.
        by_year: Currencies of which some day had no rate of its own, so that the mean rate of its year was taken.
    """

    frame: pl.DataFrame
    by_year: tuple[str, ...]


def converted(frame: pl.DataFrame, money: Sequence[str], *, to: str, rates: pl.DataFrame | None) -> Converted:
    """A table with its money in one currency.

    Args:
        frame: Has ``date`` and ``currency``.
        money: Columns that hold money of the row's ``currency``.
        to: ISO code of the currency wanted.
        rates: Table ``rates`` (date, currency, per_euro), or None.

    Raises:
        UsageError: Some money has no currency, or no rate is known for it.
    """
    rows = frame.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in money)) if money else frame.clear()
    unnamed = rows.filter(pl.col("currency").is_null()).height
    if unnamed:
        raise UsageError(f"{unnamed:,} rows have money without a currency; import their file again with --currency.")
    foreign = rows.filter(pl.col("currency") != to).select("date", "currency").unique().sort("date", "currency")
    if foreign.is_empty():
        return Converted(frame=frame.with_columns(pl.lit(to).alias("currency")), by_year=())
    own = _daily(foreign, to, rates)
    pairs = list(foreign.iter_rows())
    factors = [
        known if known is not None else _of_year(day, code, to) for (day, code), known in zip(pairs, own, strict=True)
    ]
    lacking = {code for (_, code), known in zip(pairs, own, strict=True) if known is None}
    table = foreign.with_columns(pl.Series("_factor", factors, dtype=pl.Float64))
    joined = frame.join(table, on=["date", "currency"], how="left", maintain_order="left")
    factor = pl.col("_factor").fill_null(1.0)
    return Converted(
        frame=joined.with_columns(
            *((pl.col(name) * factor).alias(name) for name in money), pl.lit(to).alias("currency")
        ).drop("_factor"),
        by_year=tuple(sorted(lacking)),
    )


def _daily(pairs: pl.DataFrame, to: str, rates: pl.DataFrame | None) -> list[float | None]:
    """Units of ``to`` for one unit of each pair's currency, by the data's own rates; None where there is none."""
    if rates is None:
        return [None] * pairs.height
    euro = pairs.select("date").unique().with_columns(pl.lit("EUR").alias("currency"), pl.lit(1.0).alias("per_euro"))
    known = pl.concat([rates.filter(pl.col("currency") != "EUR").select("date", "currency", "per_euro"), euro]).sort(
        "date"
    )
    wanted = pairs.with_row_index("_row").with_columns(pl.lit(to).alias("_to")).sort("date")
    for by, name in (("currency", "_from"), ("_to", "_into")):
        wanted = wanted.join_asof(
            known.rename({"currency": by, "per_euro": name}),
            on="date",
            by=by,
            strategy="backward",
            tolerance=f"{_MOST_DAYS_BACK}d",
            check_sortedness=False,
        )
    return wanted.sort("_row").select(pl.col("_into") / pl.col("_from")).to_series().to_list()


def _of_year(day: date, code: str, to: str) -> float:
    rate = reference_rate(code, to, day.year)
    if rate is None:
        raise UsageError(
            f"No rate of {code} against {to} is known for {day}. Import a file of exchange rates: "
            "columns date, currency, per_euro."
        )
    return rate
