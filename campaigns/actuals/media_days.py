"""Media of platforms as spend, impressions and clicks by day, account, region and channel."""

# polars' iterators have no known types here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from xbopt.campaigns.actuals.places import channels_by_name, is_named
from xbopt.campaigns.actuals.reading import Reading
from xbopt.campaigns.actuals.tellings import OFF
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CampaignError
from xbopt.imports.coverage import ORDERS, Span
from xbopt.imports.media_cells import media_cells

_ROUNDING = 1e-9
_MEDIA = {"spend": "spend_base", "impressions": "impressions", "clicks": "clicks"}


def read_media(reading: Reading, committed_base: FloatArray, chosen: Mapping[str, str], off: Sequence[Span]) -> None:
    """Read the table of media.

    Args:
        reading: Takes the figures.
        committed_base: What was committed by day and cell ``(T, R, S, C)``; shares media that name no country.
        chosen: Ids of channels by the names that the files have.
        off: Spans in which a platform was off.

    Raises:
        CampaignError: A channel cannot be told, or spend is below 0.
    """
    media = reading.tables.get("media")
    names: Sequence[str] = ()
    place: Mapping[str, int] = {}
    if media is not None and not media.is_empty():
        inside = reading.on_days(reading.converted(media, ("spend",)))
        if not inside.is_empty():
            own = _by_source(inside)
            for source, rows in own:
                reading.told_in(source, rows)
            cells = {source: media_cells(rows) for source, rows in own}
            for source, of_account in cells.items():
                for code, _, count in of_account.notes:
                    reading.note(code, what=source.rstrip("/"), count=count)
            parts = {source: of_account.frame for source, of_account in cells.items()}
            names = sorted({str(name) for rows in parts.values() for name in rows["channel"].unique()})
            place = channels_by_name(reading.scenario, names, chosen)
            by_word = set(names) - {str(name) for name in inside["platform"].unique()}
            _tell_words(reading, by_word, place, chosen)
            for source, rows in parts.items():
                _Bought(reading, committed_base, source).read(rows, place)
    for span in off:
        if span.source != ORDERS:
            _put_off(reading, span, names, {**place, **channels_by_name(reading.scenario, [span.source], chosen)})


def _by_source(inside: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Rows by platform and account, as ``google_ads/123-456``."""
    named = inside.with_columns(
        pl.concat_str(pl.col("platform").fill_null("media"), pl.col("account").fill_null(""), separator="/").alias(
            "_by"
        )
    )
    parts = named.partition_by("_by", as_dict=True, include_key=False)
    return sorted((str(source), rows) for (source,), rows in parts.items())


class _Bought:
    """Reads what one account bought."""

    def __init__(self, reading: Reading, committed_base: FloatArray, source: str) -> None:
        self._reading, self._committed, self._source = reading, committed_base, source

    def read(self, rows: pl.DataFrame, place: Mapping[str, int]) -> None:
        """Read rows by day, country and channel."""
        reading = self._reading
        reading.leave_out("other_channels", rows, "channel", place)
        rows = rows.filter(pl.col("channel").is_in(list(place)))
        self._check_spend(rows)
        named = reading.in_regions(rows)
        nowhere = rows.filter(pl.col("region").is_null())
        if named.is_empty() and nowhere.is_empty():
            return  # what an account of other countries spent says nothing of the campaign's
        if nowhere.height and len(reading.scenario.regions) > 1:
            reading.note("shared_by_plan", count=nowhere.height)
        silent = reading.silent(named, "region")
        for (day, channel), own in rows.group_by(pl.col("date"), pl.col("channel")):
            of_channel = named.filter((pl.col("date") == day) & (pl.col("channel") == channel))
            self._read_day(reading.day(day), place[str(channel)], own, of_channel, silent)

    def _read_day(self, t: int, c: int, own: pl.DataFrame, named: pl.DataFrame, silent: FloatArray) -> None:
        reading = self._reading
        regions, _, channels, _ = reading.scenario.shape
        share = self._share(t, c)
        whole = own.filter(pl.col("region").is_null())
        for column, figure in _MEDIA.items():
            if own[column].null_count() == own.height:
                continue  # no row of this day tells it
            told = np.zeros(regions)
            for region, value in named.select("region", column).iter_rows():
                told[reading.region[region]] += value or 0.0
            told += share * float(whole[column].sum() or 0.0)
            into = reading.figure(t, self._source, figure, (regions, 1, channels + (figure == "clicks")))
            # Several names of files may be one channel of the campaign.
            into[:, 0, c] = np.nan_to_num(into[:, 0, c]) + told
        if regions > 1:
            assumed = reading.figure(t, self._source, "regions_assumed", (channels,))
            assumed[c] = max(np.nan_to_num(assumed[c]), float(whole.height > 0))
            quiet = reading.figure(t, self._source, "media_silent", (regions, 1, channels))
            quiet[:, 0, c] = 0.0 if whole.height else silent

    def _check_spend(self, rows: pl.DataFrame) -> None:
        """Corrections may be below 0, a whole day of a channel cannot."""
        whole = rows.group_by("date", "region", "channel").agg(pl.col("spend").sum())
        for row in whole.filter(pl.col("spend") < -_ROUNDING).sort("date", "channel").iter_rows(named=True):
            place = f" in {row['region']}" if row["region"] else ""
            raise CampaignError(
                f"{row['channel']}{place} spent {row['spend']:,.2f} on {row['date']}; 0 or above is wanted. Correct "
                "the file and tell it again; nothing was taken."
            )

    def _share(self, day: int, channel: int) -> FloatArray:
        """Share of each region in what was committed for a channel ``(R,)``; of all days, or even, without any."""
        for committed in (self._committed[day, :, :, channel], self._committed[..., channel].sum(axis=0)):
            of_region = committed.sum(axis=1)
            total = float(of_region.sum())
            if total > 0.0:
                share: FloatArray = of_region / total
                return share
        regions = len(self._reading.scenario.regions)
        return np.full(regions, 1.0 / regions)


def _tell_words(reading: Reading, names: set[str], place: Mapping[str, int], chosen: Mapping[str, str]) -> None:
    """Tell which channel a campaign's words were taken for, where nothing but a word speaks for it."""
    ids = reading.scenario.channels
    for name in sorted(names & set(place)):
        if name not in chosen and not is_named(reading.scenario, name):
            reading.note("by_kind", what=f"{name} is read as {ids[place[name]]}")


def _put_off(reading: Reading, span: Span, names: Sequence[str], known: Mapping[str, int]) -> None:
    """Put 0 for a platform that was off; beside files that tell spend all the same, it changes nothing."""
    regions, _, channels, _ = reading.scenario.shape
    off = [known[name] for name in [name for name in names if name.startswith(span.source)] or [span.source]]
    days = reading.days_off(span)
    spent = [
        t
        for t in days
        for (day, _), figures in reading.figures.items()
        if day == t and "spend_base" in figures and np.nansum(figures["spend_base"][:, 0, off]) > 0.0
    ]
    if spent:
        reading.note("off_with_spend", what=str(span), count=len(set(spent)))
    for t in days:
        for figure in _MEDIA.values():
            into = reading.figure(t, f"{OFF}{span.source}", figure, (regions, 1, channels + (figure == "clicks")))
            into[:, 0, off] = 0.0
