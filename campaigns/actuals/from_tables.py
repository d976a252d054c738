"""Canonical tables of imported files as the days of a campaign, in its regions and channels and its base currency.

What a file tells is a total over segments; what no file tells stays unknown. A platform with rows on a day tells that
day for all regions: none for one of them is 0. Media that name no country are shared over the regions as the money was
committed; a note says so, and the day marks them, so that no figure of a region rests on them.
"""

# polars' iterators have no known types here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import polars as pl

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.places import channels_by_name, is_named, regions_by_country
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CampaignError
from xbopt.core.scenario.scenario import Scenario
from xbopt.imports.coverage import ORDERS, Span
from xbopt.imports.media_cells import media_cells
from xbopt.imports.panel import sold_lines
from xbopt.imports.rates import converted, unrated

_ROUNDING = 1e-9
_NOWHERE = ""
_MEDIA = {"spend": "spend_base", "impressions": "impressions", "clicks": "clicks"}
NoteCode = Literal[
    "outside_days",
    "other_countries",
    "other_channels",
    "shared_by_plan",
    "yearly_rates",
    "not_finished",
    "no_country",
    "no_country_lost",
    "by_kind",
    "off_with_spend",
    "alike_rows",
]
_SENTENCES: Mapping[NoteCode, str] = {
    "outside_days": "{count:,} rows are of days before or after the campaign and were left out.",
    "other_countries": "{count:,} rows are of {what}, where the campaign does not run, and were left out.",
    "other_channels": "{count:,} rows are of media that were said to be none of the campaign's: {what}.",
    "shared_by_plan": "{count:,} rows of media name no country; they were shared over the regions as the money was "
    "committed.",
    "yearly_rates": "{what}: days without a rate of their own were converted by the mean rate of their year.",
    "not_finished": "{what} was not over when the files were made, so {count:,} rows were left out; --until takes it.",
    "no_country": "{count:,} orders name no country; of their days only the totals of all regions are known.",
    "no_country_lost": "{count:,} orders name no country, and others are of countries where the campaign does not run; "
    "the orders of their days are not known.",
    "by_kind": "{what}, by a word in the name; --channels says otherwise.",
    "off_with_spend": "{what} was said to be off, and the files tell spend on {count:,} of these days; that counts.",
    "alike_rows": "{what}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualsNote:
    """What a reader of actuals has to know: a code, what it is about, and how many rows."""

    code: NoteCode
    what: str = ""
    count: int = 0

    @property
    def sentence(self) -> str:
        """The note in words."""
        return _SENTENCES[self.code].format(what=self.what, count=self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldDays:
    """Days that files tell.

    Attributes:
        days: In their order.
        notes: What to know.
    """

    days: tuple[ActualDay, ...]
    notes: tuple[ActualsNote, ...]


def days_of_tables(
    tables: Mapping[str, pl.DataFrame],
    scenario: Scenario,
    committed_base: FloatArray,
    *,
    channels: Mapping[str, str] | None = None,
    off: Sequence[Span] = (),
    until: date | None = None,
) -> ToldDays:
    """What tables tell of the days of a campaign.

    Args:
        tables: Canonical tables by name.
        scenario: The campaign's.
        committed_base: What was committed by day and cell ``(T, R, S, C)``; shares media that name no country.
        channels: Ids of channels by the names that the files have.
        off: Spans in which a platform, or the shop, was off: nothing was spent or ordered.
        until: Rows after this day are left out: the day was not over.

    Raises:
        CampaignError: Nothing of the campaign's days is in the tables, a channel cannot be told, or spend is below 0.
        UsageError: Money has no currency, or no rate is known for it.
    """
    reader = _Reader(tables, scenario, committed_base, channels or {}, until)
    reader.media(off)
    reader.orders(off)
    reader.visits()
    days = [ActualDay(day=day, figures=figures) for day, figures in sorted(reader.figures.items())]
    days = [day for day in days if day.tells_something]
    if not days:
        raise CampaignError(
            f"The files tell nothing of the campaign's days, {scenario.start} to "
            f"{scenario.date_of(scenario.days - 1)}, in {', '.join(scenario.regions)}."
            + "".join(f" {note.sentence}" for note in reader.told)
        )
    return ToldDays(days=tuple(days), notes=reader.told)


class _Reader:
    """Reads table after table into figures by day."""

    def __init__(
        self,
        tables: Mapping[str, pl.DataFrame],
        scenario: Scenario,
        committed_base: FloatArray,
        channels: Mapping[str, str],
        until: date | None,
    ) -> None:
        self._tables, self._scenario, self._committed = tables, scenario, committed_base
        self._chosen, self._until = channels, until
        self._region = regions_by_country(scenario)
        self.figures: dict[int, dict[str, FloatArray]] = {}
        self.notes: list[ActualsNote] = []
        lacking = unrated(tables, to=scenario.base_currency)
        if lacking is not None:
            raise CampaignError(
                f"{lacking.sentence} Give a file of rates with the others, as eurofxref-hist.zip of the European "
                "Central Bank."
            )

    @property
    def told(self) -> tuple[ActualsNote, ...]:
        """The notes, each about one thing: what several tables have in common is counted together."""
        counts: dict[tuple[NoteCode, str], int] = {}
        for note in self.notes:
            counts[note.code, note.what] = counts.get((note.code, note.what), 0) + note.count
        return tuple(ActualsNote(code=code, what=what, count=count) for (code, what), count in counts.items())

    def media(self, off: Sequence[Span]) -> None:
        """Spend, impressions and clicks by region and channel."""
        media = self._tables.get("media")
        names: Sequence[str] = ()
        place: Mapping[str, int] = {}
        if media is not None and not media.is_empty():
            inside = self._on_days(self._converted(media, ("spend",)))
            if not inside.is_empty():
                rows = media_cells(inside).frame
                names = sorted(str(name) for name in rows["channel"].unique())
                place = channels_by_name(self._scenario, names, self._chosen)
                self._read_by_kind(set(names) - {str(name) for name in inside["platform"].unique()}, place)
                self._bought(rows, place)
        for span in off:
            if span.source != ORDERS:
                self._put_off(span, names, place)

    def _bought(self, rows: pl.DataFrame, place: Mapping[str, int]) -> None:
        self._left_out("other_channels", rows, "channel", place)
        rows = rows.filter(pl.col("channel").is_in(list(place)))
        self._check_spend(rows)
        named = self._in_regions(rows)
        nowhere = rows.filter(pl.col("region").is_null())
        if nowhere.height and len(self._scenario.regions) > 1:
            self.notes.append(ActualsNote(code="shared_by_plan", count=nowhere.height))
        regions, _, n_channels, _ = self._scenario.shape
        for (day, channel), own in rows.group_by(pl.col("date"), pl.col("channel")):
            t, c = self._day(day), place[str(channel)]
            share = self._share(t, c)
            of_channel = named.filter((pl.col("date") == day) & (pl.col("channel") == channel))
            whole = own.filter(pl.col("region").is_null())
            for column, figure in _MEDIA.items():
                if own[column].null_count() == own.height:
                    continue  # no row of this day tells it
                told = np.zeros(regions)
                for region, value in of_channel.select("region", column).iter_rows():
                    told[self._region[region]] += value or 0.0
                told += share * float(whole[column].sum() or 0.0)
                width = n_channels + (figure == "clicks")
                into = self._figure(t, figure, (regions, 1, width))
                # Several names of files may be one channel of the campaign.
                into[:, 0, c] = np.nan_to_num(into[:, 0, c]) + told
            if regions > 1:
                assumed = self._figure(t, "regions_assumed", (n_channels,))
                assumed[c] = max(np.nan_to_num(assumed[c]), float(whole.height > 0))

    def _check_spend(self, rows: pl.DataFrame) -> None:
        """Corrections may be below 0, a whole day of a channel cannot."""
        whole = rows.group_by("date", "region", "channel").agg(pl.col("spend").sum())
        for row in whole.filter(pl.col("spend") < -_ROUNDING).sort("date", "channel").iter_rows(named=True):
            place = f" in {row['region']}" if row["region"] else ""
            raise CampaignError(
                f"{row['channel']}{place} spent {row['spend']:,.2f} on {row['date']}; 0 or above is wanted. Correct "
                "the file and tell it again; nothing was taken."
            )

    def _read_by_kind(self, names: set[str], place: Mapping[str, int]) -> None:
        """Tell which channel a campaign's words were taken for, where nothing but a word speaks for it."""
        ids = self._scenario.channels
        for name in sorted(names & set(place)):
            if name not in self._chosen and not is_named(self._scenario, name):
                self.notes.append(ActualsNote(code="by_kind", what=f"{name} is read as {ids[place[name]]}"))

    def _put_off(self, span: Span, names: Sequence[str], place: Mapping[str, int]) -> None:
        regions, _, n_channels, _ = self._scenario.shape
        known = {**place, **channels_by_name(self._scenario, [span.source], self._chosen)}
        of_platform = [name for name in names if name.startswith(span.source)] or [span.source]
        spent = {
            t
            for t in self._days_of(span)
            for name in of_platform
            if np.nansum(self.figures.get(t, {}).get("spend_base", np.zeros((1, 1, n_channels)))[:, 0, known[name]])
            > 0.0
        }
        if spent:
            self.notes.append(ActualsNote(code="off_with_spend", what=str(span), count=len(spent)))
        for t in self._days_of(span):
            for name in of_platform:
                for figure in _MEDIA.values():
                    into = self._figure(t, figure, (regions, 1, n_channels + (figure == "clicks")))
                    into[:, 0, known[name]] = np.nan_to_num(into[:, 0, known[name]])

    def orders(self, off: Sequence[Span]) -> None:
        """Orders, first orders where they are marked, and sales by region, on the days that files cover.

        A file covers the days from its first order to its last, whatever became of them: a day among them without an
        order has none. Between two files nothing is known. Where an order names no country, its day is known in total
        only, and not at all where some of the files' orders are of other countries.
        """
        closed = {t for span in off if span.source == ORDERS for t in self._days_of(span)}
        regions = self._scenario.shape[0]
        orders = self._tables.get("transactions")
        figures = ["orders", "net_sales_base"]
        if orders is not None and not orders.is_empty():
            sold = self._converted(
                sold_lines(orders.with_columns(pl.col("country").fill_null(_NOWHERE))),
                ("net_revenue", "unit_price", "discount"),
            )
            lines = self._on_days(sold.rename({"country": "region", "region": "_part"}))
            nowhere, named = (
                lines.filter(each) for each in (pl.col("region") == _NOWHERE, pl.col("region") != _NOWHERE)
            )
            inside = self._in_regions(named)
            if not (inside.is_empty() and nowhere.is_empty()):
                marked = bool(lines["is_new"].is_not_null().any())
                priced = bool(lines["net_revenue"].is_not_null().any())
                figures = ["orders", *(["net_sales_base"] if priced else []), *(["first_orders"] if marked else [])]
                for t in self._covered(orders):
                    for figure in figures:
                        self._figure(t, figure, (regions, 1))[:] = 0.0
                self._sold(inside, figures)
                self._sold_nowhere(nowhere, figures, lost=inside.height < named.height)
        for t in closed:
            for figure in figures:
                self.figures.setdefault(t, {}).setdefault(figure, np.zeros((regions, 1)))

    def _covered(self, orders: pl.DataFrame) -> set[int]:
        """Days of the campaign between the first and the last order of each file."""
        spans = (
            orders.filter(pl.col("date").is_not_null())
            .group_by("source")
            .agg(pl.col("date").min().alias("first"), pl.col("date").max().alias("last"))
        )
        return {
            t
            for source, first, last in spans.iter_rows()
            for t in self._days_of(
                Span(source=str(source), first=first, last=last if self._until is None else min(last, self._until))
            )
        }

    def _sold(self, lines: pl.DataFrame, figures: Sequence[str]) -> None:
        for row in _by_day(lines).iter_rows(named=True):
            t, r = self._day(row["date"]), self._region[row["region"]]
            for figure in figures:
                self.figures[t][figure][r, 0] += row[figure] or 0.0
            if row["_listed"]:
                self._figure(t, "discount_frac", (self._scenario.shape[0], 1))[r, 0] = min(
                    max(row["_given"] / row["_listed"], 0.0), 1.0
                )

    def _sold_nowhere(self, lines: pl.DataFrame, figures: Sequence[str], *, lost: bool) -> None:
        if lines.is_empty():
            return
        code: NoteCode = "no_country_lost" if lost else "no_country"
        self.notes.append(ActualsNote(code=code, count=lines["order_id"].n_unique()))
        for row in _by_day(lines).iter_rows(named=True):
            of_day = self.figures[self._day(row["date"])]
            for figure in figures:
                of_regions = of_day.pop(figure)
                if not lost:
                    of_day[figure] = np.full((1, 1), of_regions.sum() + (row[figure] or 0.0))

    def visits(self) -> None:
        """Visits by region."""
        sessions = self._tables.get("sessions")
        told = None if sessions is None else sessions.drop_nulls("sessions")
        if told is None or told.is_empty():
            return
        rows = self._on_days(told.rename({"country": "region"}))
        if rows["region"].null_count():
            of_all = rows.group_by("date").agg(pl.col("sessions").sum())
            for day, count in of_all.iter_rows():
                self._figure(self._day(day), "visits", (1, 1))[:] = float(count)
            return
        regions = self._scenario.shape[0]
        counted = self._in_regions(rows).group_by("date", "region").agg(pl.col("sessions").sum())
        for day, region, count in counted.iter_rows():
            into = self._figure(self._day(day), "visits", (regions, 1))
            into[self._region[region], 0] = np.nan_to_num(into[self._region[region], 0]) + float(count)

    def _converted(self, frame: pl.DataFrame, money: tuple[str, ...]) -> pl.DataFrame:
        made = converted(frame, money, to=self._scenario.base_currency, rates=self._tables.get("rates"))
        if made.by_year:
            self.notes.append(ActualsNote(code="yearly_rates", what=", ".join(made.by_year)))
        return made.frame

    def _on_days(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows of the campaign's days that are over."""
        first, last = self._scenario.start, self._scenario.date_of(self._scenario.days - 1)
        dated = frame.filter(pl.col("date").is_not_null())
        inside = dated.filter(pl.col("date").is_between(first, last))
        if dated.height > inside.height:
            self.notes.append(ActualsNote(code="outside_days", count=dated.height - inside.height))
        if self._until is None:
            return inside
        over = inside.filter(pl.col("date") <= self._until)
        if inside.height > over.height:
            count = inside.height - over.height
            when = str(self._until + timedelta(days=1))
            self.notes.append(ActualsNote(code="not_finished", what=when, count=count))
        return over

    def _in_regions(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows that name a region of the campaign."""
        named = frame.filter(pl.col("region").is_not_null())
        self._left_out("other_countries", named, "region", self._region)
        return named.filter(pl.col("region").is_in(list(self._region)))

    def _left_out(self, code: NoteCode, frame: pl.DataFrame, column: str, known: Mapping[str, int]) -> None:
        other = frame.filter(~pl.col(column).is_in(list(known)))
        if other.height:
            what = ", ".join(sorted(str(name) for name in other[column].unique()))
            self.notes.append(ActualsNote(code=code, what=what, count=other.height))

    def _share(self, day: int, channel: int) -> FloatArray:
        """Share of each region in what was committed for a channel ``(R,)``; of all days, or even, without any."""
        for committed in (self._committed[day, :, :, channel], self._committed[..., channel].sum(axis=0)):
            of_region = committed.sum(axis=1)
            total = float(of_region.sum())
            if total > 0.0:
                share: FloatArray = of_region / total
                return share
        return np.full(self._scenario.shape[0], 1.0 / self._scenario.shape[0])

    def _figure(self, day: int, name: str, shape: tuple[int, ...]) -> FloatArray:
        figures = self.figures.setdefault(day, {})
        return figures.setdefault(name, np.full(shape, np.nan))

    def _day(self, day: object) -> int:
        assert isinstance(day, date), "a column of dates holds dates"
        return (day - self._scenario.start).days

    def _days_of(self, span: Span) -> list[int]:
        first, last = self._day(span.first), self._day(span.last)
        return list(range(max(first, 0), min(last, self._scenario.days - 1) + 1))


def _by_day(lines: pl.DataFrame) -> pl.DataFrame:
    """What was sold by day and region."""
    listed = pl.col("unit_price") * pl.col("quantity")
    return lines.group_by("date", "region").agg(
        pl.col("order_id").n_unique().cast(pl.Float64).alias("orders"),
        pl.col("net_revenue").sum().alias("net_sales_base"),
        pl.col("order_id").filter(pl.col("is_new")).n_unique().cast(pl.Float64).alias("first_orders"),
        pl.col("discount").sum().alias("_given"),
        listed.filter(pl.col("discount").is_not_null()).sum().alias("_listed"),
    )
