"""What a reader of a panel has to know: how money was placed and converted, and where nothing is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

import polars as pl

from xbopt.imports.campaign_countries import named_countries
from xbopt.imports.coverage import ORDERS, Hole, Span

NoteCode = Literal[
    "yearly_rates",
    "without_country",
    "countries_in_names",
    "margins_multiplied",
    "margins_differ",
    "zones_differ",
    "off_has_rows",
    "visits_shared",
    "refunds_shared",
    "media_hole",
    "orders_hole",
]
Code = TypeVar("Code", bound=str)
YEARLY_RATES = "{what}: days without a rate of their own were converted by the mean rate of their year."
_SENTENCES: Mapping[NoteCode, str] = {
    "yearly_rates": YEARLY_RATES,
    "without_country": "{count:,} rows of media, {what} of the spend, name no country: their spend was shared over the "
    "countries by all their orders. So nobody can tell what it brings in one country. Export the reports with a column "
    "of countries, or name the country of each campaign: xbopt import ... --country-map WORD=CC,...",
    "countries_in_names": "The names of {count:,} campaigns tell their country. If that is where they ran, import the "
    "reports again into a new folder with {what}",
    "margins_multiplied": "{what}: channels and countries come in two tables of the same money; each day's channels "
    "were shared over its countries.",
    "margins_differ": "{what}: two tables of the same money differ by {count:,} per cent in all, so one of them is not "
    "complete; what one has more of a day counts, as of no country.",
    "zones_differ": "Days begin at different hours: {what}. Daily rows cannot be moved.",
    "refunds_shared": "{count:,} refunds name no country, nor do their orders; they were shared over the countries "
    "by all their orders.",
    "media_hole": "{what} has no row on {count:,} days of the orders: it was off, or a file is missing. These days are "
    "not known, and no row of the panel is about them.",
    "orders_hole": "{what}: no order on {count:,} days, far beyond chance. The shop was closed, or a file is missing.",
    "off_has_rows": "{what} was said to be off, and {count:,} days of that have rows: the rows count.",
    "visits_shared": "{count:,} rows of sessions name no country; they were shared over the countries by all their "
    "orders.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedNote(Generic[Code]):
    """What a reader has to know: a code, what it is about, and how many rows; each kind of notes has its sentences."""

    sentences: ClassVar[Mapping[Any, str]] = {}
    code: Code
    what: str = ""
    count: int = 0

    @property
    def sentence(self) -> str:
        """The note in words."""
        return self.sentences[self.code].format(what=self.what, count=self.count)


class PanelNote(CodedNote[NoteCode]):
    """What a reader of a panel has to know."""

    __slots__ = ()
    sentences = _SENTENCES


def shared_spend(cells: pl.DataFrame) -> dict[str, float]:
    """By channel with any: the share of its spend that names no country."""
    spend = pl.col("spend").fill_null(0.0)
    lost = spend.filter(pl.col("region").is_null()).sum() / spend.sum()
    parts = cells.group_by("channel").agg(lost.alias("lost")).filter(pl.col("lost") > 0.0).sort("channel")
    return {str(channel): float(part) for channel, part in parts.iter_rows()}


def without_country(media: pl.DataFrame, cells: pl.DataFrame, shares: pl.DataFrame) -> list[PanelNote]:
    """What to say of media that name no country: how many rows of the files, and what their campaigns are called."""
    lost = cells.filter(pl.col("region").is_null()).select("date", "channel").unique()
    channel = pl.coalesce("channel", "platform", pl.lit("media")).alias("channel")
    rows = (
        media.filter(pl.col("country").is_null()).with_columns(channel).join(lost, on=["date", "channel"], how="semi")
    )
    if rows.is_empty():
        return []
    spent, whole = (float(each["spend"].sum()) for each in (cells.filter(pl.col("region").is_null()), cells))
    part = f"{spent / whole:.0%}" if whole > 0.0 else "none"
    notes = [PanelNote(code="without_country", what=part, count=rows.height)]
    named = named_countries(rows.filter(pl.col("margin").fill_null("campaign") != "hour"), shares["region"])
    if named.option:
        notes.append(PanelNote(code="countries_in_names", what=named.option, count=rows["campaign"].n_unique()))
    return notes


def off_with_rows(off: Sequence[Span], sold: pl.Series, media: pl.DataFrame | None) -> list[PanelNote]:
    """Spans that were said to be off while their source has rows."""
    notes: list[PanelNote] = []
    for span in off:
        days = sold if span.source == ORDERS or media is None else _paid_days(media, span.source)
        inside = days.filter(days.is_between(span.first, span.last)).n_unique()
        if inside:
            notes.append(PanelNote(code="off_has_rows", what=str(span), count=inside))
    return notes


def _paid_days(media: pl.DataFrame, platform: str) -> pl.Series:
    paid = (pl.col("platform").fill_null("media") == platform) & (pl.col("spend").fill_null(0.0) > 0.0)
    return media.filter(paid)["date"].drop_nulls()


def hole_note(hole: Hole) -> PanelNote:
    """What to say of days that a source tells nothing about."""
    days = (hole.last - hole.first).days + 1
    code: NoteCode = "media_hole" if hole.channels else "orders_hole"
    return PanelNote(code=code, what=f"{hole.source}, {hole.first} to {hole.last}", count=days)
