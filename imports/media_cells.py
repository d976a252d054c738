"""Media by day, country and channel out of tables that tell the same money twice.

No platform reports everything at once: one table has campaigns, another hours, a third countries. They are margins of
the same money and must not be added up. Where the table by country knows the channels too, it is taken; where it does
not, each day's channels are shared over the countries of that day. What the other table has more of a day was spent all
the same: it counts, as of no country. So do rows of a file by country that name none, which are no table of their own.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

_AMOUNTS = ("spend", "impressions", "clicks")
_TOLD_FROM = 0.02
"""Tables of the same money that differ by more are told; by less, they were made at different hours."""

_CENT = 0.005

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
        pl.col("source").alias("file"),
        pl.col("margin").fill_null("campaign"),
        pl.coalesce("channel", "platform", pl.lit("media")).alias("channel"),
        pl.col("country").alias("region"),
        *(pl.col(name).cast(pl.Float64) for name in _AMOUNTS),
    )
    parts: list[pl.DataFrame] = []
    notes: list[CellNote] = []
    rows = _with_unknown_countries(rows)
    for (source,), own in sorted(rows.group_by("source"), key=lambda group: str(group[0][0])):
        parts.append(_of_source(str(source).rstrip("/"), own, notes))
    return MediaCells(frame=_summed(pl.concat(parts), "date", "region", "channel"), notes=tuple(notes))


def _with_unknown_countries(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that name no country in a file that has countries, as part of its table by country.

    Where they are the sum of the others on every day, to the click, they are the file's totals, and stay apart.
    """
    by = ("source", "file")
    parts = ("country", "campaign")
    days = (
        rows.filter(pl.col("file").is_not_null() & pl.col("margin").is_in(parts))
        .group_by(*by, "date")
        .agg(pl.col(name).filter(pl.col("margin") == part).sum().alias(f"{name}_{part}")
            for name in _AMOUNTS for part in parts)
    )  # fmt: skip
    alike = [(pl.col(f"{name}_country") - pl.col(f"{name}_campaign")).abs() < _CENT for name in _AMOUNTS]
    counted = pl.col("clicks_country").sum() > 0.0
    told = [pl.col("margin").is_in([part]).any() for part in parts]
    mixed = rows.filter(pl.col("file").is_not_null()).group_by(*by).agg(pl.all_horizontal(told).alias("_mixed"))
    totals = days.group_by(*by).agg((pl.all_horizontal(alike).all() & counted).alias("_totals"))
    known = rows.join(mixed, on=by, how="left", maintain_order="left")
    known = known.join(totals, on=by, how="left", maintain_order="left")
    own = (pl.col("margin") == "campaign") & pl.col("_mixed") & ~pl.col("_totals")
    margin = pl.when(own).then(pl.lit("country")).otherwise("margin").alias("margin")
    return known.with_columns(margin).drop("_mixed", "_totals", "file")


def _of_source(source: str, rows: pl.DataFrame, notes: list[CellNote]) -> pl.DataFrame:
    by_country = rows.filter(pl.col("margin") == "country")
    cells = _plain(source, rows.filter(pl.col("margin") != "country"), notes)
    if by_country.is_empty():
        return cells
    countries = _summed(by_country, "date", "region", "channel")
    both, apart = _on_days_of(countries, cells)
    common, only = _on_days_of(cells, countries)
    if both.is_empty() or countries["channel"].n_unique() >= cells["channel"].n_unique():
        return pl.concat([countries, _rest(source, both, common, notes), apart])
    rest = _rest(source, common, both, notes)
    notes.append(("margins_multiplied", source, both.height))
    spent = common.group_by("date", "region").agg(pl.col("spend").sum()).filter(pl.col("spend") > 0.0)
    share = spent.with_columns((pl.col("spend") / pl.col("spend").sum().over("date")).alias("_share")).drop("spend")
    joint = both.drop("region").join(share, on="date", how="left")
    joint = joint.with_columns(pl.col(name) * pl.col("_share").fill_null(1.0) for name in _AMOUNTS).drop("_share")
    return pl.concat([joint.select(cells.columns), rest, apart, only])


def _plain(source: str, rows: pl.DataFrame, notes: list[CellNote]) -> pl.DataFrame:
    """Of campaign and hour tables of a day, the one by campaign; both hold the same money."""
    campaigns, hours = (
        _summed(rows.filter(each), "date", "region", "channel")
        for each in (pl.col("margin") == "campaign", pl.col("margin") != "campaign")
    )
    both, apart = _on_days_of(campaigns, hours)
    return pl.concat([campaigns, _rest(source, both, campaigns, notes), apart])


def _on_days_of(other: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows on days that another table has, and the others."""
    days = other.select("date").unique()
    return rows.join(days, on="date", how="semi"), rows.join(days, on="date", how="anti")


def _rest(source: str, one: pl.DataFrame, other: pl.DataFrame, notes: list[CellNote]) -> pl.DataFrame:
    """What one table has more of a day than another one of the same money: of no country, over the other's channels."""
    sums = [pl.col(name).sum() for name in _AMOUNTS]
    days = one.group_by("date").agg(sums).join(other.group_by("date").agg(sums), on="date")
    more = days.filter(pl.col("spend") > pl.col("spend_right") * (1.0 + _TOLD_FROM))
    first, second = float(days["spend"].sum()), float(days["spend_right"].sum())
    differ = abs(first - second) / max(first, second) if max(first, second) > 0.0 else 0.0
    if more.height or differ > _TOLD_FROM:
        notes.append(("margins_differ", source, round(100.0 * differ)))
    channels = other.join(more, on="date", how="semi").group_by("date", "channel").agg(pl.col("spend").sum())
    share = (pl.col("spend") / pl.col("spend").sum()).over("date").fill_nan(1.0 / pl.len().over("date"))
    left = [(pl.col(name) - pl.col(f"{name}_right")).clip(lower_bound=0.0) for name in _AMOUNTS]
    return (
        more.select("date", *left)
        .join(channels.select("date", "channel", share.alias("_share")), on="date")
        .with_columns(
            pl.lit(None, dtype=pl.String()).alias("region"), *(pl.col(name) * pl.col("_share") for name in _AMOUNTS)
        )
        .select(other.columns)
    )


def _summed(rows: pl.DataFrame, *keys: str) -> pl.DataFrame:
    """Sums by key; what no row of a key tells stays unknown."""
    known = [pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name) for name in _AMOUNTS]
    return rows.group_by(*keys).agg(known).sort(*keys, nulls_last=True)
