"""Days of retail events in years that differ from the event's rule."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from xbopt.core.tables.rows import TABLE_FOLDER, Row, read_rows

COLUMNS = ("event_id", "year", "start", "length_days", "name", "certainty", "source")
_MAX_LENGTH_DAYS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDate:
    """When an event was held in one year, in place of what its rule says for that year.

    Attributes:
        event_id: Id of the event.
        year: The year.
        start: First day.
        length_days: Number of days.
        name: Name for reports.
        certainty: One of `xbopt.core.tables.rows.CERTAINTIES`.
        source: Where the days were found.
    """

    event_id: str
    year: int
    start: date
    length_days: int
    name: str
    certainty: str
    source: str

    @property
    def end(self) -> date:
        """Last day, itself included."""
        return self.start + timedelta(days=self.length_days - 1)


def load_event_dates(path: Path) -> dict[tuple[str, int], EventDate]:
    """Read a table of event dates, by event id and year.

    Raises:
        TableError: A row is broken, or an event has two rows for a year; the message names file, row and column.
    """
    found: dict[tuple[str, int], EventDate] = {}
    for row in read_rows(path, COLUMNS):
        entry = _read(row)
        if (entry.event_id, entry.year) in found:
            raise row.error("year", f"{entry.event_id} has a row for {entry.year} already.")
        found[entry.event_id, entry.year] = entry
    return found


def _read(row: Row) -> EventDate:
    year, start = row.integer("year", low=1900, high=2100), row.day("start")
    if start.year != year:
        raise row.error("start", f"{start} does not lie in {year}.")
    return EventDate(
        event_id=row.text("event_id"),
        year=year,
        start=start,
        length_days=row.integer("length_days", low=1, high=_MAX_LENGTH_DAYS),
        name=row.text("name"),
        certainty=row.certainty(),
        source=row.text("source"),
    )


@cache
def dated_events() -> dict[tuple[str, int], EventDate]:
    """The table of event dates, by event id and year."""
    return load_event_dates(TABLE_FOLDER / "event_dates.csv")
