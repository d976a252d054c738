"""Import files of shops and platforms into a data folder."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import polars as pl

from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.core.tables.country_names import country_code
from xbopt.imports.engine.generic import generic_profile, save_profile
from xbopt.imports.engine.one_file import import_one
from xbopt.imports.engine.privacy import LazyKey
from xbopt.imports.engine.reading import open_file
from xbopt.imports.engine.together import Options, Together
from xbopt.imports.engine.values import Answers
from xbopt.imports.profile import Profile, TableKey
from xbopt.imports.profile_files import load_profiles, user_folder
from xbopt.imports.provenance import NAME, FileRecord, Provenance, read_provenance
from xbopt.imports.rates import main_currency
from xbopt.imports.steps.step import Prices
from xbopt.imports.tables import TABLES
from xbopt.imports.undescribed import undescribed

DEFAULT_K = 5
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import did.

    Attributes:
        folder: The data folder.
        files: A record of each file that was read now.
        repeated: Names of files that the folder held already, byte by byte; they were left out.
        provenance: The record of the whole folder.
        key_file: Where the key of the pseudonyms lies; None where no customer was read.
        key_is_new: Whether it was made just now.
        saved_profile: Where the user's own profile was saved.
    """

    folder: Path
    files: tuple[FileRecord, ...]
    repeated: tuple[str, ...]
    provenance: Provenance
    key_file: Path | None = None
    key_is_new: bool = False
    saved_profile: Path | None = None

    @property
    def main_currency(self) -> str | None:
        """The currency of most lines of orders in the folder."""
        orders = self.folder / "transactions.parquet"
        return main_currency({"transactions": pl.scan_parquet(orders)}) if orders.is_file() else None

    def to_frame(self) -> pl.DataFrame:
        """One row a file: its format, rows read and kept, period, currencies and zones."""
        return pl.DataFrame(
            [
                {
                    "file": each.file,
                    "profile": each.profile,
                    "evidence": each.evidence,
                    "rows_read": each.rows_read,
                    "rows_kept": each.rows_kept,
                    "first": each.first,
                    "last": each.last,
                    "currencies": " ".join(each.currencies),
                    "zones": " ".join(each.zones),
                }
                for each in self.files
            ]
        )


def import_files(
    files: Sequence[Path | str],
    *,
    into: Path | str,
    profile: str | None = None,
    columns: Mapping[str, str] | None = None,
    currency: str | None = None,
    zone: str | None = None,
    account: str | None = None,
    prices: Prices | None = None,
    rates: Path | str | None = None,
    key: Path | str | None = None,
    k: int = DEFAULT_K,
    channels: Mapping[str, str] | None = None,
    countries: Mapping[str, str] | None = None,
    decimal: str | None = None,
    dates: str | None = None,
    accept: Iterable[str] = (),
    profiles: Sequence[Path | str] = (),
    save_as: str | None = None,
    today: date | None = None,
    on_progress: Progress | None = None,
) -> ImportResult:
    """Read files into canonical tables. All of them are read, or nothing is written.

    Args:
        files: The files; what was imported into the folder before stays there.
        into: The data folder.
        profile: Id of the format of all files; found out by itself where left out.
        columns: Header by role. Alone: the format is what they say; with ``profile``: they replace its headers.
        currency: Of amounts, where a file does not say it.
        zone: IANA time zone of days and hours where a file does not say it; instants are turned into it.
        account: Name of the account or shop of all files, which keeps equal campaigns and order numbers of two apart.
        prices: Whether prices contain the tax, where a file does not say it.
        rates: A file of exchange rates, imported as well.
        key: File with the key of the pseudonyms; the user's own where left out.
        k: Fewest customers that share a region or a text of goods; 0 leaves them as they are.
        channels: Channel by the start of a campaign's name, or by platform.
        countries: Country by a word of a campaign's name, as it is written, for media that name none.
        decimal: Decimal sign, where nothing in a file tells it.
        dates: ``DMY`` or ``MDY``, where nothing in a file tells it.
        accept: Codes of refusals that are accepted.
        profiles: Folders with further profiles.
        save_as: Keep the profile that ``columns`` make among the user's own, under this name.
        today: The last day that can have happened; by the clock where left out.
        on_progress: Called with the file's name, files done and files in all.

    Raises:
        UnreadFileError: A file cannot be read, or the user has to say something about it.
        RefusedFileError: A file cannot answer what a table needs.
        UsageError: The call makes no sense.
    """
    folder = Path(into)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder for the tables.")
    known = dict(load_profiles([Path(each) for each in profiles]))
    saved = None
    if columns and profile is None:
        made = generic_profile(columns)
        if save_as is not None:
            saved = save_profile(made, save_as)
            made = made.model_copy(update={"id": save_as})
        known[made.id] = made
        profile = made.id
    elif save_as is not None:
        raise UsageError("--save-profile keeps what --columns says; name columns, and no --as.")
    _check_call(files, known, profile, columns, currency, zone)
    before = read_provenance(folder / NAME) if (folder / NAME).is_file() else Provenance()
    lazy_key = LazyKey(Path(key) if key else user_folder() / "customer.key", folder)
    answers = Answers(
        currency=currency, zone=zone, account=account, prices=prices, channels=channels or {},
        countries=_codes(countries or {}),
        pseudonyms_of=lazy_key.pseudonyms_of, accept=frozenset(accept), today=today or datetime.now(UTC).date(),
    )  # fmt: skip
    said = {
        "--currency": currency, "--zone": zone, "--account": account, "--prices": prices,
        "--channel-map": channels, "--country-map": countries, "--decimal": decimal, "--dates": dates,
        **{f"--accept {code}": code for code in answers.accept},
    }  # fmt: skip
    options = Options(said=[option for option, value in said.items() if value])
    listed = [(Path(each), profile) for each in files] + ([(Path(rates), None)] if rates else [])
    with tempfile.TemporaryDirectory(prefix="xbopt-import-") as scratch:
        parts: dict[TableKey, list[tuple[str, pl.LazyFrame]]] = _parts_before(folder, before)
        seen = {each.sha256: each.file for each in before.files}
        records: list[FileRecord] = []
        repeated: list[str] = []
        for i, (path, of_profile) in enumerate(listed):
            if on_progress is not None:
                on_progress(path.name, i, len(listed))
            opened = open_file(path, known, profile=of_profile, columns=columns if of_profile else None)
            if opened.source.sha256 in seen:
                repeated.append(path.name)
                continue
            seen[opened.source.sha256] = path.name
            record, tables = import_one(opened, answers, Path(scratch) / str(i), decimal, dates, options.asked)
            records.append(record)
            for table, part in tables.items():
                parts.setdefault(table, []).append((record.source, part))
        if on_progress is not None:
            on_progress("", len(listed), len(listed))
        together = Together(folder=folder, before=before, records=records, key=lazy_key, k=k, options=options)
        provenance = together.write(parts)
    return ImportResult(
        folder=folder, files=tuple(records), repeated=tuple(repeated), provenance=provenance, saved_profile=saved,
        key_file=lazy_key.made.file if lazy_key.made else None, key_is_new=bool(lazy_key.made and lazy_key.made.is_new),
    )  # fmt: skip


def _check_call(
    files: Sequence[Path | str],
    known: Mapping[str, Profile],
    profile: str | None,
    columns: Mapping[str, str] | None,
    currency: str | None,
    zone: str | None,
) -> None:
    if not files:
        raise UsageError("Name at least one file to import.")
    if profile is not None and profile not in known:
        if said := undescribed(profile):
            raise UsageError(said)
        raise UsageError(f"There is no format {profile!r}.{suggest(profile, known)} `xbopt import formats` lists them.")
    if profile is not None and columns:
        for name in columns:
            if name not in known[profile].fields:
                fields = ", ".join(known[profile].fields)
                raise UsageError(f"--columns: the format {profile} has no {name!r}; it has {fields}.")
    if currency is not None and not (len(currency) == 3 and currency.isalpha() and currency.isupper()):
        raise UsageError(f"--currency {currency!r} is no code of three capital letters, as EUR.")
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, KeyError):
            raise UsageError(f"--zone {zone!r} is no IANA time zone, as Europe/Berlin or UTC.") from None


def _codes(countries: Mapping[str, str]) -> dict[str, str]:
    codes = {word: country_code(name) for word, name in countries.items()}
    if unknown := [countries[word] for word, code in codes.items() if code is None]:
        raise UsageError(f"--country-map: {', '.join(unknown)} is no country; write codes, as in DE=DE,France=FR.")
    return {word: code for word, code in codes.items() if code is not None}


def _parts_before(folder: Path, before: Provenance) -> dict[TableKey, list[tuple[str, pl.LazyFrame]]]:
    """What the folder holds already, by the source that it came from."""
    parts: dict[TableKey, list[tuple[str, pl.LazyFrame]]] = {}
    for table in TABLES:
        path = folder / f"{table}.parquet"
        if path.is_file():
            rows = pl.scan_parquet(path)
            sources = rows.select(pl.col("source").unique()).collect(engine="streaming")["source"].to_list()
            order = {record.source: i for i, record in enumerate(before.files)}
            of_table = parts.setdefault(cast("TableKey", table), [])
            for source in sorted(sources, key=lambda each: (order.get(each or "", -1), each or "")):
                of_table.append(
                    (source or "", rows.filter(pl.col("source").eq_missing(pl.lit(source, dtype=pl.String))))
                )
    return parts
