"""Media by day, country and channel out of tables that tell the same money twice.

No platform reports everything at once: one table has campaigns, another hours, a third countries. They are margins of
the same money and must not be added up. Where the table by country knows the channels too, it is taken alone; where it
does not, each day's channels are shared over the countries of that day.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

_AMOUNTS = ("spend", "impressions", "clicks")
_TOLD_FROM = 0.02
"""Tables of the same money that differ by more in all are told."""

CellNote = tuple[Literal["margins_multiplied", "margins_differ"], str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaCells:
    """Columns date, region (null where no table tells), channel, spend, impressions, clicks; and what to know."""

    frame: pl.DataFrame
    notes: tuple[CellNote, ...]


def media_cells(media: pl.DataFrame) -> MediaCells:
    """One row a day, country and channel, each money counted once.

    Args:
        media: The canonical table, ``spend`` in one currency.
    """
    rows = media.filter(pl.col("date").is_not_null()).select(
        "date",
        pl.concat_str(pl.col("platform").fill_null("media"), pl.col("account").fill_null(""), separator="/").alias(
            "source"
        ),
        pl.col("margin").fill_null("campaign"),
        pl.coalesce("channel", "platform", pl.lit("media")).alias("channel"),
        pl.col("country").alias("region"),
        *(pl.col(name).cast(pl.Float64) for name in _AMOUNTS),
    )
    parts: list[pl.DataFrame] = []
    notes: list[CellNote] = []
    for (source,), own in sorted(rows.group_by("source"), key=lambda group: str(group[0][0])):
        parts.append(_of_source(str(source).rstrip("/"), own, notes))
    return MediaCells(frame=_summed(pl.concat(parts), "date", "region", "channel"), notes=tuple(notes))


def _of_source(source: str, rows: pl.DataFrame, notes: list[CellNote]) -> pl.DataFrame:
    by_country = rows.filter(pl.col("margin") == "country")
    plain = _first_told(rows.filter(pl.col("margin") != "country"))
    cells = _summed(plain, "date", "region", "channel")
    if by_country.is_empty():
        return cells
    countries = _summed(by_country, "date", "region", "channel")
    days = countries.select("date").unique()
    both = cells.join(days, on="date", how="semi")
    if both.is_empty() or countries["channel"].n_unique() >= cells["channel"].n_unique():
        _compare(source, both, countries.join(both.select("date").unique(), on="date", how="semi"), notes)
        return pl.concat([countries, cells.join(days, on="date", how="anti")])
    _compare(source, both, countries.join(both.select("date").unique(), on="date", how="semi"), notes)
    notes.append(("margins_multiplied", source, both.height))
    spent = countries.group_by("date", "region").agg(pl.col("spend").sum()).filter(pl.col("spend") > 0.0)
    share = spent.with_columns((pl.col("spend") / pl.col("spend").sum().over("date")).alias("_share")).drop("spend")
    joint = both.drop("region").join(share, on="date", how="left")
    joint = joint.with_columns(pl.col(name) * pl.col("_share").fill_null(1.0) for name in _AMOUNTS).drop("_share")
    only = countries.join(both.select("date").unique(), on="date", how="anti")
    return pl.concat([joint.select(cells.columns), cells.join(days, on="date", how="anti"), only])


def _first_told(rows: pl.DataFrame) -> pl.DataFrame:
    """Of campaign and hour tables of a day, the one by campaign; both hold the same money."""
    campaigns = rows.filter(pl.col("margin") == "campaign")
    hours = rows.filter(pl.col("margin") != "campaign").join(campaigns.select("date").unique(), on="date", how="anti")
    return pl.concat([campaigns, hours])


def _compare(source: str, one: pl.DataFrame, other: pl.DataFrame, notes: list[CellNote]) -> None:
    first, second = float(one["spend"].sum()), float(other["spend"].sum())
    if first > 0.0 and abs(second / first - 1.0) > _TOLD_FROM:
        notes.append(("margins_differ", source, round(100.0 * abs(second / first - 1.0))))


def _summed(rows: pl.DataFrame, *keys: str) -> pl.DataFrame:
    """Sums by key; what no row of a key tells stays unknown."""
    known = [pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name) for name in _AMOUNTS]
    return rows.group_by(*keys).agg(known).sort(*keys, nulls_last=True)
