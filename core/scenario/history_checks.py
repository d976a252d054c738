"""Checks of what went before the first day: names, and a table of days without gaps or doubles."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from xbopt.core.documents.document import Path
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.history import MAX_PAST_DAYS, PastRow, PastTable
from xbopt.core.scenario.names import Finding, Names, keys, unknown, weights

_ROWS: Path = ("history", "before", "rows")
_LARGEST_TABLE = 4_000_000


def history_findings(document: ScenarioDocument) -> Iterator[Finding]:
    """What is wrong with the ``history`` section."""
    names, history = Names(document), document.history
    for part, what, known in (
        ("revenue_by_region", "region", names.regions),
        ("revenue_by_segment", "segment", names.segments),
        ("spend_by_channel", "channel", names.channels),
    ):
        yield from keys(("history", part), what, getattr(history, part), known)
        yield from weights(("history", part), getattr(history, part))
    table = history.before
    if not isinstance(table, PastTable):
        return
    if table.file is not None:
        yield ("history", "before", "file"), "A file is read when the scenario is loaded from a file; write rows here."
    elif not table.rows:
        yield ("history", "before"), "The table is empty. Write rows or a file, or `before: none` for a launch."
    else:
        each = [list(_row(document, names, (*_ROWS, i), row)) for i, row in enumerate(table.rows)]
        yield from (finding for found in each for finding in found)
        if not any(each):  # doubles and gaps of doubtful rows would mislead
            yield from _together(document, names, table.rows)


def _row(document: ScenarioDocument, names: Names, path: Path, row: PastRow) -> Iterator[Finding]:
    for key, name, known in (
        ("region", row.region, names.regions),
        ("segment", row.segment, names.segments),
        ("channel", row.channel, names.channels),
    ):
        if name not in known:
            yield (*path, key), unknown(key, name, known)
    start, last = document.horizon.start, row.to or row.date
    if last < row.date:
        yield (*path, "to"), f"The days end on {last}, before they begin on {row.date}."
    if last >= start:
        key = "date" if row.to is None else "to"
        yield (*path, key), f"{last} is not before the first day, {start}; a history ends on {start - timedelta(1)}."
    if (start - row.date).days > MAX_PAST_DAYS:
        yield (*path, "date"), f"{row.date} is more than {MAX_PAST_DAYS:,} days before the first day; leave it out."


def _together(document: ScenarioDocument, names: Names, rows: list[PastRow]) -> Iterator[Finding]:
    """Rows that say the same day twice, or not alike, and days that no row speaks of."""
    start = document.horizon.start
    days = (start - min(row.date for row in rows)).days
    shape = (days, len(names.regions), len(names.segments), len(names.channels))
    if np.prod(shape) > _LARGEST_TABLE:
        yield _ROWS, f"Days x regions x segments x channels is {np.prod(shape):,}; at most {_LARGEST_TABLE:,} are read."
        return
    told = np.zeros(shape, dtype=np.bool_)
    offer: dict[tuple[int, str, str], tuple[float, str]] = {}
    for i, row in enumerate(rows):
        last = row.to or row.date
        when = range(days - (start - row.date).days, days - (start - last).days + 1)
        cell = names.regions.index(row.region), names.segments.index(row.segment), names.channels.index(row.channel)
        if told[(slice(when.start, when.stop), *cell)].any():
            place = f"{row.region}, {row.segment}, {row.channel}"
            yield (*_ROWS, i, "date"), f"An earlier row speaks of {place} on one of these days already."
        told[(slice(when.start, when.stop), *cell)] = True
        if row.discount_frac is None:
            continue
        own = row.discount_frac, row.mechanic or "percent_off"
        for day in when:
            if offer.setdefault((day, row.region, row.segment), own) != own:
                said = offer[day, row.region, row.segment][0]
                message = f"An earlier row gives {said:g} in {row.region}, {row.segment} on that day; they must agree."
                yield (*_ROWS, i, "discount_frac"), message
                break
    silent = np.flatnonzero(~told.any(axis=(1, 2, 3)))
    if len(silent):
        first, last = start - timedelta(days=days - int(silent[0])), start - timedelta(1)
        more = "" if len(silent) == 1 else f" and {len(silent) - 1:,} more days"
        rest = f"A history holds every day up to {last}; write a row with spend_base 0 where nothing was spent."
        yield _ROWS, f"No row speaks of {first}{more}. {rest}"
