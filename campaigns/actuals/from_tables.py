"""Canonical tables of imported files as the days of a campaign, in its regions and channels and its base currency.

What a file tells is a total over segments; what no file tells stays unknown. Each account and each shop tells its own
part of a day. One with rows on a day tells that day for all regions that it names at all: no row for one of them is 0.
Media that name no country are shared over the regions as the money was committed; a note says so, and the day marks
them, so that no figure of a region rests on them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.media_days import read_media
from xbopt.campaigns.actuals.notes import ActualsNote
from xbopt.campaigns.actuals.order_days import read_orders, read_visits
from xbopt.campaigns.actuals.reading import LastDay, Reading
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CampaignError
from xbopt.core.scenario.scenario import Scenario
from xbopt.imports.coverage import Span

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldDays:
    """Days that files tell.

    Attributes:
        days: In their order, of each day one for each source.
        notes: What to know.
        files: By day and source, the files that tell it, as their rows are named.
    """

    days: tuple[ActualDay, ...]
    notes: tuple[ActualsNote, ...]
    files: Mapping[tuple[int, str], frozenset[str]]


def days_of_tables(
    tables: "Mapping[str, pl.DataFrame]",
    scenario: Scenario,
    committed_base: FloatArray,
    *,
    channels: Mapping[str, str] | None = None,
    shop: str = "",
    off: Sequence[Span] = (),
    last_day: date | LastDay = date.max,
) -> ToldDays:
    """What tables tell of the days of a campaign.

    Args:
        tables: Canonical tables by name.
        scenario: The campaign's.
        committed_base: What was committed by day and cell ``(T, R, S, C)``; shares media that name no country.
        channels: Ids of channels by the names that the files have.
        shop: Which shop of its platform the orders are of; empty where nobody said.
        off: Spans in which a platform, or the shop, was off: nothing was spent or ordered.
        last_day: Rows after this day are left out: the day was not over. The same everywhere, or by time zone.

    Raises:
        CampaignError: Nothing of the campaign's days is in the tables, a channel cannot be told, or spend is below 0.
        UsageError: Money has no currency, or no rate is known for it.
    """
    reading = Reading(tables, scenario, (lambda _: last_day) if isinstance(last_day, date) else last_day)
    read_media(reading, committed_base, channels or {}, off)
    read_orders(reading, shop, off)
    read_visits(reading, shop)
    days = [ActualDay(day=day, figures=figures, source=by) for (day, by), figures in sorted(reading.figures.items())]
    days = [day for day in days if day.tells_something]
    if not days:
        raise CampaignError(
            f"The files tell nothing of the campaign's days, {scenario.start} to "
            f"{scenario.date_of(scenario.days - 1)}, in {', '.join(scenario.regions)}."
            + "".join(f" {note.sentence}" for note in reading.notes)
        )
    files = {told: frozenset(names) for told, names in reading.files.items()}
    return ToldDays(days=tuple(days), notes=reading.notes, files=files)
