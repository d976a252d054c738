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
from xbopt.campaigns.actuals.from_tables import days_of_tables
from xbopt.campaigns.actuals.notes import ActualsNote
from xbopt.campaigns.actuals.reading import LastDay
from xbopt.campaigns.actuals.sources import named_as_before
from xbopt.campaigns.actuals.tellings import OFF
from xbopt.campaigns.books.events import ToldActuals, ToldFile
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CampaignError, UsageError
from xbopt.imports.coverage import Span
from xbopt.imports.data_folder import DataFolder, read_data_folder
from xbopt.imports.engine.run import import_files
from xbopt.imports.provenance import FileRecord
from xbopt.imports.steps.step import Prices

if TYPE_CHECKING:
    import polars as pl

_ALIKE = ("rows_alike",)
"""Notes of an import that a reader of actuals has to know as well: money may count twice."""
_SHOWN = ("spend_base", "orders", "net_sales_base")


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
class NewActuals:
    """What files tell a campaign that it did not know.

    Attributes:
        event: To be added; None where the files tell nothing new.
        new: Days of which nothing was known.
        completed: Days of which more is known now, such as the part of another account, and nothing else.
        corrected: Days of which a source says something other than before.
        unchanged: Days that are told as they were.
        sources: Accounts and shops that the files are of.
        notes: What to know of the reading.
    """

    event: ToldActuals | None
    new: tuple[int, ...]
    completed: tuple[int, ...]
    corrected: tuple[ChangedDay, ...]
    unchanged: tuple[int, ...]
    sources: tuple[str, ...]
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
                ActualsNote(code="alike_rows", what=f"{one.file}: {note.message}", count=note.rows)
                for one in records
                for note in one.notes
                if note.code in _ALIKE
            ]
            tables, _ = tables_of(folder)
    found = days_of_tables(
        tables, record.scenario, record.ledger.committed_base, channels=channels, shop=given.account or "", off=off,
        last_day=_last_day(until, yesterday),
    )  # fmt: skip
    days, same = named_as_before(found.days, record.known.tellings, record.name)
    told = [ToldFile(name=one.file, sha256=one.sha256, profile=one.profile, rows=one.rows_read) for one in read]
    return compared(days, record, files=told, notes=(*found.notes, *alike, *same, *_off_with_spend(days, record)))


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


def _off_with_spend(days: Sequence[ActualDay], record: CampaignRecord) -> list[ActualsNote]:
    """What was told before of days on which a platform is said to have been off; it counts."""
    found: dict[str, int] = {}
    for told in days:
        before = record.days.get(told.day)
        off = told.figures.get("spend_base")
        if not told.source.startswith(OFF) or off is None or before is None or "spend_base" not in before.figures:
            continue
        spent = np.nan_to_num(before.figures["spend_base"])
        if spent.shape[-1] == off.shape[-1] and spent[..., ~np.isnan(off).all(axis=(0, 1))].sum() > 0.0:
            name = told.source.removeprefix(OFF)
            found[name] = found.get(name, 0) + 1
    return [ActualsNote(code="off_with_spend", what=name, count=count) for name, count in found.items()]


def compared(
    days: Sequence[ActualDay],
    record: CampaignRecord,
    *,
    files: Sequence[ToldFile] = (),
    notes: Sequence[ActualsNote] = (),
) -> NewActuals:
    """What some days tell a campaign that it did not know.

    Raises:
        CampaignError: A figure holds what cannot be.
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
            if before is not None and now.to_bytes() == before.to_bytes():
                continue
            if before is not None:
                _check_said_alike(files, record)
            taken.append(told.to_bytes())
            changed = changed or (before is not None and not _only_adds(before, now))
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
        notes=tuple(notes),
    )


def _check_said_alike(files: Sequence[ToldFile], record: CampaignRecord) -> None:
    """Refuse files that were all told before and say otherwise now, so that other answers move what they tell.

    Raises:
        CampaignError: They do.
    """
    told = {sha: number for number, own in record.known.files.items() for sha in own}
    if files and all(one.sha256 in told for one in files):
        events = ", ".join(map(str, sorted({told[one.sha256] for one in files})))
        raise CampaignError(
            f"{', '.join(one.name for one in files)} was told before (event {events}) and reads otherwise now, as with "
            "other channels, countries or rates: both would count. Nothing was taken. Withdraw that first (xbopt "
            f"campaign withdraw {record.name} {events.partition(',')[0]}), and tell it again."
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
