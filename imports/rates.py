"""Money of several currencies in one: by the data's own rates day by day, else by the yearly means of the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from xbopt.core.errors import UsageError
from xbopt.core.tables.reference_rates import reference_rate
from xbopt.imports.tables import REFUND_MONEY

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrated:
    """Money in several currencies, for some of which no rate is known.

    Attributes:
        currencies: All currencies.
        lacking: Those without a rate on some day.
        to: The currency to count in.
        first, last: First and last day without a rate.
    """

    currencies: tuple[str, ...]
    lacking: tuple[str, ...]
    to: str
    first: date
    last: date

    @property
    def sentence(self) -> str:
        """What is the matter, in words."""
        return (
            f"Orders, refunds and media are in {', '.join(self.currencies)}, and no exchange rate of "
            f"{', '.join(self.lacking)} against {self.to} is known for days from {self.first} to {self.last}."
        )


MONEY: Mapping[str, Sequence[str]] = {
    "transactions": ("net_revenue", "unit_price"),
    "refunds": REFUND_MONEY,
    "media": ("spend",),
}
"""Tables whose money is added up, and the columns that tell whether a row has some."""


def unrated(tables: "Mapping[str, pl.DataFrame | pl.LazyFrame]", *, to: str | None = None) -> Unrated | None:
    """What lacks rates where orders, refunds and media are in several currencies; None where nothing does.

    Args:
        tables: Canonical tables by name; ``rates`` may be among them.
        to: The currency to count in; the one of most days of orders where left out.
    """
    found = [_days(tables[name], MONEY[name]) for name in MONEY if name in tables]
    pairs = pl.concat(found) if found else pl.DataFrame(schema={"currency": pl.String})
    currencies = pairs["currency"].unique().sort().to_list()
    if len(currencies) < 2:
        return None
    chosen = to or main_currency(tables) or currencies[0]
    rates = tables.get("rates")
    foreign = pairs.filter(pl.col("currency") != chosen).select("date", "currency").unique().sort("date", "currency")
    known = pl.Series(_daily(foreign, chosen, None if rates is None else rates.lazy().collect()), dtype=pl.Float64)
    lacking = foreign.filter(known.is_null())
    if lacking.is_empty():
        return None
    return Unrated(
        currencies=tuple(currencies),
        lacking=tuple(lacking["currency"].unique().sort().to_list()),
        to=chosen,
        first=lacking["date"].to_list()[0],
        last=lacking["date"].to_list()[-1],
    )


def main_currency(tables: "Mapping[str, pl.DataFrame | pl.LazyFrame]") -> str | None:
    """The currency of most lines of orders; None where none names one."""
    if "transactions" not in tables:
        return None
    rows = _days(tables["transactions"], MONEY["transactions"]).group_by("currency").agg(pl.col("rows").sum())
    return None if rows.is_empty() else str(rows.sort("rows", "currency")["currency"][-1])


def _days(table: "pl.DataFrame | pl.LazyFrame", money: Sequence[str]) -> pl.DataFrame:
    """Days and currencies with money, and how many rows they have."""
    worth = pl.any_horizontal(pl.col(column).fill_null(0.0) != 0.0 for column in money)
    rows = table.lazy().filter(worth & pl.col("currency").is_not_null() & pl.col("date").is_not_null())
    if "status" in rows.collect_schema().names():
        rows = rows.filter(pl.col("status").fill_null("sold") == "sold")
    return rows.group_by("date", "currency").agg(pl.len().alias("rows")).collect(engine="streaming")


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
    # What is no rate is none of that day, whoever wrote the table: a quotient of it would be infinite.
    told = rates.filter((pl.col("currency") != "EUR") & (pl.col("per_euro") > 0.0) & pl.col("per_euro").is_finite())
    known = pl.concat([told.select("date", "currency", "per_euro"), euro]).sort("date")
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
