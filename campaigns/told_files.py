"""Files of shops and platforms, or data folders, as the days of a campaign; and what of it is new."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from xbopt.calibration.scenario.folders import tables_of
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.alike import says_the_same
from xbopt.campaigns.actuals.from_tables import days_of_tables
from xbopt.campaigns.actuals.notes import ActualsNote, NoteCode
from xbopt.campaigns.actuals.reading import LastDay
from xbopt.campaigns.actuals.sources import check_apart, named_as_before, off_alone
from xbopt.campaigns.actuals.tellings import OFF
from xbopt.campaigns.books.events import ToldActuals, ToldFile
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CampaignError, UsageError
from xbopt.imports.coverage import Span
from xbopt.imports.data_folder import DataFolder, read_data_folder
from xbopt.imports.engine.other_names import SAME_FIGURES
from xbopt.imports.engine.run import import_files
from xbopt.imports.provenance import FileRecord, source_name
from xbopt.imports.steps.step import Prices

if TYPE_CHECKING:
    import polars as pl

_TOLD_ON: Mapping[str, NoteCode] = {
    "rows_alike": "alike_rows",
    "unread_cells": "unread_cells",
    "no_money": "no_money",
}
"""Notes of an import that a reader of actuals has to know as well: money may count twice, or not at all."""
_SHOWN = ("spend_base", "orders", "net_sales_base")
_OFF_NOTES: Mapping[str, NoteCode] = {"spend_base": "off_with_spend", "orders": "off_with_orders"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportAnswers:
    """What the files do not say themselves: what ``import_files`` takes under the same names."""

    profile: str | None = None
    columns: Mapping[str, str] | None = None
    currency: str | None = None
    zone: str | None = None
    account: str | None = None
    prices: Prices | None = None
    rates: Path | None = None
    channels: Mapping[str, str] | None = None
    countries: Mapping[str, str] | None = None
    decimal: str | None = None
    dates: str | None = None
    accept: Sequence[str] = ()
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedDay:
    """A day of which a source tells otherwise what it told before: figures by name, summed, before and now."""

    day: int
    before: Mapping[str, float]
    now: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedSource:
    """A source of which files tell otherwise what it told before: days, and its own figures of them, summed."""

    source: str
    days: int
    before: Mapping[str, float]
    now: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewActuals:
    """What files tell a campaign that it did not know.

    Attributes:
        event: To be added; None where the files tell nothing new.
        new: Days of which nothing was known.
        completed: Days of which more is known now, such as the part of another account, and nothing else.
        corrected: Days of which a source says something other than before.
        unchanged: Days that are told as they were.
        sources: Accounts and shops that the files are of.
        replaced: Those of them whose figures took the place of what they told before.
        notes: What to know of the reading.
    """

    event: ToldActuals | None
    new: tuple[int, ...]
    completed: tuple[int, ...]
    corrected: tuple[ChangedDay, ...]
    unchanged: tuple[int, ...]
    sources: tuple[str, ...]
    replaced: tuple[ReplacedSource, ...]
    notes: tuple[ActualsNote, ...]


def read_actuals(
    paths: Sequence[Path | str],
    record: CampaignRecord,
    *,
    answers: ImportAnswers | None = None,
    channels: Mapping[str, str] | None = None,
    off: Sequence[Span] = (),
    until: date | None = None,
    today: date | None = None,
) -> NewActuals:
    """Read files and compare them with what a campaign knows.

    Args:
        paths: Files, which are imported, and data folders.
        record: The campaign.
        answers: What the files do not say themselves.
        channels: Ids of channels by the names that the files have.
        off: Spans in which a platform, or the shop, was off.
        until: The last day that was over when the files were made; yesterday, by each file's time zone, where left out.
        today: The day of asking, everywhere; by the clock where left out.

    Raises:
        UnreadFileError: A file cannot be read.
        RefusedFileError: A file lacks what is asked of it.
        CampaignError: The files tell nothing of the campaign.
        UsageError: A call that makes no sense.
    """
    given = answers or ImportAnswers()
    yesterday = None if today is None else today - timedelta(days=1)
    folders = [Path(path) for path in paths if Path(path).is_dir()]
    files = [Path(path) for path in paths if not Path(path).is_dir()]
    if not (folders or files or off):
        raise UsageError(
            "Name the files that tell what was spent and sold, or a folder of xbopt import; or --off for days on which "
            "nothing was."
        )
    with tempfile.TemporaryDirectory(prefix="xbopt-actuals-") as scratch:
        read: list[FileRecord] = []
        if files:
            given_here = {name: getattr(given, name) for name in given.__slots__}
            made = import_files(files, into=scratch, today=today, **given_here)
            folders = [*folders, Path(scratch)]
            read += made.files
        tables: Mapping[str, pl.DataFrame] = {}
        alike: list[ActualsNote] = []
        if folders:
            folder: DataFolder = read_data_folder(folders)
            known = {one.sha256 for one in read}
            records = [one for source in folder.provenance for one in source.files]
            read += [one for one in records if one.sha256 not in known]
            alike = [
                ActualsNote(code=_TOLD_ON[note.code], what=f"{one.file}: {note.message}", count=note.rows)
                for one in records
                for note in one.notes
                if note.code in _TOLD_ON
            ]
            tables, _ = tables_of(folder)
    found = days_of_tables(
        tables, record.scenario, record.ledger.committed_base, channels=channels, shop=given.account or "", off=off,
        last_day=_last_day(until, yesterday),
    )  # fmt: skip
    several = SAME_FIGURES in given.accept
    if not several:
        check_apart(found.days)
    days, same = named_as_before(found.days, record.known.tellings, record.name, accepts_alike=several)
    came_from = {
        (now.day, now.source): found.files.get((was.day, was.source), frozenset())
        for was, now in zip(found.days, days, strict=True)
    }
    told = [ToldFile(name=one.file, sha256=one.sha256, profile=one.profile, rows=one.rows_read) for one in read]
    notes = (
        *found.notes, *alike, *same, *_off_although_told(days, record),
        *off_alone(days, record.known.tellings, record.scenario.channels),
    )  # fmt: skip
    return compared(days, record, files=told, came_from=came_from, notes=notes)


def _last_day(until: date | None, yesterday: date | None) -> LastDay:
    """The last day that counts as over, by time zone: none that is not over there, whatever was said.

    Args:
        until: What was said; None for nothing.
        yesterday: The day before the day of asking; by the clock where None.

    Raises:
        UsageError: What was said is not over anywhere.
    """

    def over(zone: str) -> date:
        last = _yesterday_in(zone) if yesterday is None else yesterday
        return last if until is None else min(last, until)

    if until is not None and until > (yesterday or _yesterday_in("Pacific/Kiritimati")):
        raise UsageError(f"{until} is not over yet; --until names the last day that the files hold whole.")
    return over


def _yesterday_in(zone: str) -> date:
    """The last day that is over in a time zone; by UTC where there is none of that name."""
    try:
        there = ZoneInfo(zone or "UTC")
    except (KeyError, ValueError, OSError):
        there = ZoneInfo("UTC")
    return datetime.now(UTC).astimezone(there).date() - timedelta(days=1)


def _off_although_told(days: Sequence[ActualDay], record: CampaignRecord) -> list[ActualsNote]:
    """What was told before of days on which a platform or the shop is said to have been off; it counts."""
    found: dict[tuple[NoteCode, str], int] = {}
    for told in days:
        before = record.days.get(told.day)
        if not told.source.startswith(OFF) or before is None:
            continue
        for figure, code in _OFF_NOTES.items():
            off, was = told.figures.get(figure), before.figures.get(figure)
            if off is None or was is None:
                continue
            known = np.nan_to_num(was)
            if figure == "spend_base":
                known = known[..., ~np.isnan(off).all(axis=(0, 1))] if known.shape[-1] == off.shape[-1] else known[:0]
            if known.sum() > 0.0:
                name = told.source.removeprefix(OFF)
                found[code, name] = found.get((code, name), 0) + 1
    return [ActualsNote(code=code, what=name, count=count) for (code, name), count in found.items()]


def compared(
    days: Sequence[ActualDay],
    record: CampaignRecord,
    *,
    files: Sequence[ToldFile] = (),
    came_from: Mapping[tuple[int, str], frozenset[str]] | None = None,
    notes: Sequence[ActualsNote] = (),
) -> NewActuals:
    """What some days tell a campaign that it did not know.

    Args:
        days: What files tell, of each day one for each source.
        record: The campaign.
        files: The files.
        came_from: By day and source, the files that tell it, as their rows are named; all of them where left out.
        notes: What to know of the reading.

    Raises:
        CampaignError: A figure holds what cannot be, or files that were told before say otherwise now.
    """
    for told in days:
        try:
            told.check_ranges(str(record.scenario.date_of(told.day)))
        except UsageError as error:
            of = f" Correct {', '.join(one.name for one in files)} and tell it again." if files else ""
            raise CampaignError(f"{error}{of} Nothing was taken.") from error
    new: list[int] = []
    completed: list[int] = []
    corrected: list[ChangedDay] = []
    unchanged: list[int] = []
    taken: list[bytes] = []
    replaced: dict[str, list[tuple[Mapping[str, float], Mapping[str, float]]]] = {}
    known = record.known.tellings
    for day, parts in groupby(sorted(days, key=lambda one: one.day), key=lambda one: one.day):
        after, changed, kept = known, False, len(taken)
        for told in parts:
            before = known.of(day, told.source)
            try:
                after = after.after(told)
            except CampaignError as error:
                raise CampaignError(f"{record.scenario.date_of(day)}: {error} Nothing was taken.") from error
            now = after.of(day, told.source)
            assert now is not None, "it was just told"
            if before is not None and says_the_same(before, now):
                continue
            taken.append(told.to_bytes())
            if before is None:
                continue
            own = None if came_from is None else came_from.get((day, told.source), frozenset())
            _check_told_files(day, told.source, [f for f in files if own is None or _rows_of(f) in own], files, record)
            if not _only_adds(before, now):
                changed = True
                replaced.setdefault(told.source, []).append((_sums(before), _sums(now)))
        earlier, whole = record.days.get(day), after.day(day)
        assert whole is not None, "something was told"
        if len(taken) == kept:
            unchanged.append(day)
        elif earlier is None:
            new.append(day)
        elif changed:
            corrected.append(ChangedDay(day=day, before=_sums(earlier), now=_sums(whole)))
        else:
            completed.append(day)
    event = None
    if taken:
        event = ToldActuals(days=taken, files=list(files), notes=[note.sentence for note in notes])
    return NewActuals(
        event=event,
        new=tuple(new),
        completed=tuple(completed),
        corrected=tuple(corrected),
        unchanged=tuple(unchanged),
        sources=tuple(sorted({one.source.rstrip("/") for one in days if one.source})),
        replaced=tuple(
            ReplacedSource(
                source=source.rstrip("/"),
                days=len(pairs),
                before=_total([was for was, _ in pairs]),
                now=_total([now for _, now in pairs]),
            )
            for source, pairs in sorted(replaced.items())
        ),
        notes=tuple(notes),
    )


def _rows_of(file: ToldFile) -> str:
    """What rows of a file have as their source."""
    return source_name(file.profile, file.sha256)


def _check_told_files(
    day: int, source: str, own: Sequence[ToldFile], files: Sequence[ToldFile], record: CampaignRecord
) -> None:
    """Refuse to correct a day from files that were told before: they are older than what is known, or read otherwise.

    Args:
        day: The day.
        source: Who tells it.
        own: The files that it is told in.
        files: All files of the call.
        record: The campaign.

    Raises:
        CampaignError: Others told the day since, or the files say otherwise what they said then.
    """
    known = record.known
    again = [one for one in own if any(one.sha256 in told for told in known.files.values())]
    told_by = [n for n, days in known.events.items() if any((one.day, one.source) == (day, source) for one in days)]
    if not again or not told_by:
        return
    last = told_by[-1]
    then = known.files.get(last, frozenset())
    here = {one.sha256 for one in files}
    absent = ", ".join({one.sha256: one.name for one in record.files if one.sha256 in then - here}.values())
    old = [one.name for one in again if one.sha256 not in then]
    back = f"xbopt campaign withdraw {record.name} {last}"
    if old and not (then and then <= here):
        raise CampaignError(
            f"{', '.join(old)} was told before, and event {last}{f' ({absent})' if absent else ''} told "
            f"{record.scenario.date_of(day)} of {source.rstrip('/')} since, otherwise: it is an older export. Nothing "
            "was taken. Leave it out" + (f", or tell it together with {absent}." if absent else ".")
        )
    if not old and len(again) == len(own):
        why = f"without {absent}, or with" if absent else "as with"
        raise CampaignError(
            f"{', '.join(one.name for one in again)} was told before (event {last}) and reads otherwise now, {why} "
            f"other channels, countries or rates. Nothing was taken. Tell it as before, or withdraw that first ({back})"
            " and tell it again."
        )


def _only_adds(before: ActualDay, after: ActualDay) -> bool:
    """Whether everything that was known is as it was."""
    return all(
        name in after.figures
        and after.figures[name].shape == array.shape
        and bool(np.all(np.isnan(array) | (array == after.figures[name])))
        for name, array in before.figures.items()
    )


def _sums(day: ActualDay) -> Mapping[str, float]:
    figures: Mapping[str, FloatArray] = day.figures
    return {name: float(np.nansum(figures[name])) for name in _SHOWN if name in figures}


def _total(sums: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    return {name: sum(one[name] for one in sums if name in one) for name in _SHOWN if any(name in one for one in sums)}
