"""What several readers of canonical tables share: the campaign's days and regions, and the figures read so far."""

# polars' iterators have no known types here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import polars as pl

from xbopt.campaigns.actuals.notes import ActualsNote, NoteCode
from xbopt.campaigns.actuals.places import regions_by_country
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CampaignError
from xbopt.core.scenario.scenario import Scenario
from xbopt.imports.coverage import Span
from xbopt.imports.rates import converted, unrated

LastDay = Callable[[str], date]
"""The last day that was over in a time zone when the files were made."""


class Reading:
    """Figures by day and source, as far as tables were read.

    Args:
        tables: Canonical tables by name.
        scenario: The campaign's.
        last_day: Rows after it are left out: their day was not over.

    Raises:
        CampaignError: No rate is known for money of the tables.
    """

    def __init__(self, tables: Mapping[str, pl.DataFrame], scenario: Scenario, last_day: LastDay) -> None:
        self.tables, self.scenario, self._last_day = tables, scenario, last_day
        self.region = regions_by_country(scenario)
        self.figures: dict[tuple[int, str], dict[str, FloatArray]] = {}
        self.files: dict[tuple[int, str], set[str]] = {}
        self._notes: list[ActualsNote] = []
        lacking = unrated(tables, to=scenario.base_currency)
        if lacking is not None:
            raise CampaignError(
                f"{lacking.sentence} Give a file of rates with the others, as eurofxref-hist.zip of the European "
                "Central Bank."
            )

    @property
    def notes(self) -> tuple[ActualsNote, ...]:
        """The notes, each about one thing: what several tables have in common is counted together."""
        counts: dict[tuple[NoteCode, str], int] = {}
        for note in self._notes:
            counts[note.code, note.what] = counts.get((note.code, note.what), 0) + note.count
        return tuple(ActualsNote(code=code, what=what, count=count) for (code, what), count in counts.items())

    def note(self, code: NoteCode, *, what: str = "", count: int = 0) -> None:
        """Take note of something."""
        self._notes.append(ActualsNote(code=code, what=what, count=count))

    def figure(self, day: int, source: str, name: str, shape: tuple[int, ...]) -> FloatArray:
        """An array to be filled; NaN where nothing was read."""
        figures = self.figures.setdefault((day, source), {})
        return figures.setdefault(name, np.full(shape, np.nan))

    def told_in(self, source: str, rows: pl.DataFrame) -> None:
        """Take note of which files tell a source's days."""
        for day, file in rows.select("date", "source").drop_nulls().unique().iter_rows():
            self.files.setdefault((self.day(day), source), set()).add(str(file))

    def converted(self, frame: pl.DataFrame, money: tuple[str, ...]) -> pl.DataFrame:
        """Rows with money in base currency."""
        made = converted(frame, money, to=self.scenario.base_currency, rates=self.tables.get("rates"))
        if made.by_year:
            self.note("yearly_rates", what=", ".join(made.by_year))
        return made.frame

    def on_days(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows of the campaign's days that were over where they were."""
        first, last = self.scenario.start, self.scenario.date_of(self.scenario.days - 1)
        dated = frame.filter(pl.col("date").is_not_null())
        inside = dated.filter(pl.col("date").is_between(first, last))
        if dated.height > inside.height:
            self.note("outside_days", count=dated.height - inside.height)
        zone = pl.col("zone").fill_null("")
        zones = [str(name) for name in inside.select(zone)["zone"].unique()]
        ends = {name: self._last_day(name) for name in zones}
        is_over = pl.col("date") <= zone.replace_strict(ends, return_dtype=pl.Date) if ends else pl.lit(value=True)
        over, going_on = inside.filter(is_over), inside.filter(~is_over)
        if not going_on.is_empty():
            self.note("not_finished", what=str(going_on["date"].min()), count=going_on.height)
        return over

    def in_regions(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows that name a region of the campaign."""
        named = frame.filter(pl.col("region").is_not_null())
        self.leave_out("other_countries", named, "region", self.region)
        return named.filter(pl.col("region").is_in(list(self.region)))

    def silent(self, named: pl.DataFrame, column: str) -> FloatArray:
        """1 for regions that no row of a source names, else 0 ``(R,)``."""
        found = np.ones(len(self.scenario.regions))
        found[[self.region[str(name)] for name in named[column].unique()]] = 0.0
        return found

    def leave_out(self, code: NoteCode, frame: pl.DataFrame, column: str, known: Mapping[str, int]) -> None:
        """Take note of rows that are none of the campaign's."""
        other = frame.filter(~pl.col(column).is_in(list(known)))
        if other.height:
            what = ", ".join(sorted(str(name) for name in other[column].unique()))
            self.note(code, what=what, count=other.height)

    def day(self, day: object) -> int:
        """A date as a day of the horizon."""
        assert isinstance(day, date), "a column of dates holds dates"
        return (day - self.scenario.start).days

    def last_day(self, zone: object) -> date:
        """The last day that was over in a zone."""
        return self._last_day("" if zone is None else str(zone))

    def days_of(self, span: Span) -> list[int]:
        """Days of the campaign in a span."""
        first, last = self.day(span.first), self.day(span.last)
        return list(range(max(first, 0), min(last, self.scenario.days - 1) + 1))

    def days_off(self, span: Span) -> list[int]:
        """Days of the campaign in a span that are over; nobody knows what others will bring."""
        whole = self.days_of(span)
        over = [day for day in whole if self.scenario.date_of(day) <= self.last_day("")]
        if len(over) < len(whole):
            self.note("off_to_come", what=str(span), count=len(whole) - len(over))
        return over
