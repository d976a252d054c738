"""What an import did, for people and for other programs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xbopt.imports.engine.rows import FUTURE_DAY
from xbopt.imports.profile import EVIDENCE_MEANS, Profile
from xbopt.imports.provenance import FileRecord
from xbopt.reports.kit.figures import Column, Fact, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page_parts import PageContent, Section, table_text

if TYPE_CHECKING:
    from xbopt.imports.engine.run import ImportResult

_SAID_BY = {"flag": "you said", "default": "assumed", "format": "by the format"}
_LOUD = frozenset({"options_unread", "without_country", "countries_in_names"})
"""Codes of notes that stand before everything else."""
TABLE_WORDS = {
    "transactions": "lines of orders",
    "refunds": "refunds",
    "media": "rows of media",
    "sessions": "rows of sessions",
    "sends": "mailings",
    "stock": "rows of stock",
    "rates": "exchange rates",
    "feedback": "rows of feedback",
}
"""What rows of each table are called."""


def import_json(result: "ImportResult") -> dict[str, object]:
    """What ``xbopt import --json`` prints."""
    return {
        "data_dir": str(result.folder),
        "files": [record.model_dump(mode="json") for record in result.files],
        "repeated": list(result.repeated),
        "tables": dict(result.provenance.tables),
        "overlaps": [overlap.model_dump(mode="json") for overlap in result.provenance.overlaps],
        "notes": [note.model_dump(mode="json") for note in result.provenance.notes],
        "privacy": {
            **result.provenance.privacy.model_dump(mode="json"),
            "key_file": None if result.key_file is None else result.key_file.name,
            "key_is_new": result.key_is_new,
        },
        "saved_profile": None if result.saved_profile is None else str(result.saved_profile),
    }


def files_table(records: Sequence[FileRecord]) -> Table:
    """One row a file."""
    return Table(
        key="files",
        title="Files",
        columns=(
            Column("file", "File", "text"),
            Column("format", "Format", "text"),
            Column("evidence", "Known from", "text"),
            Column("read", "Rows read", "count"),
            Column("kept", "Kept", "count"),
            Column("dropped", "Left out", "count"),
            Column("period", "Period", "text"),
            Column("currency", "Currency", "text"),
            Column("zone", "Time zone", "text"),
        ),
        rows=tuple(
            (
                each.file, each.profile, each.evidence, float(each.rows_read), float(each.rows_kept),
                float(each.rows_read - each.rows_kept), period(each), " ".join(each.currencies), " ".join(each.zones),
            )
            for each in records
        ),
    )  # fmt: skip


def _counted(number: int, things: str) -> str:
    """A number of things, whose first word is plural."""
    word, _, rest = things.partition(" ")
    one = f"{word.removesuffix('s') if number == 1 else word} {rest}".rstrip()
    return f"{number:,} {one}"


def _of_rows(number: int) -> str:
    """How many rows a note is about; nothing where it is about the whole file."""
    return f" ({_counted(number, 'rows')})" if number else ""


def period(record: FileRecord) -> str:
    """First and last day of a file's rows."""
    return "" if record.first is None else f"{record.first} to {record.last}"


def file_lines(record: FileRecord, *, names_ignored: bool = True) -> list[str]:
    """What there is to say about one file, a sentence each.

    Args:
        record: The file.
        names_ignored: Whether to name the columns that were not read, or only to count them.
    """
    lines = [
        f"{record.title}; the format is known from {EVIDENCE_MEANS[record.evidence]} ({record.evidence_source}).",
        "Made of it: "
        + (", ".join(_counted(rows, TABLE_WORDS[name]) for name, rows in record.tables.items()) or "nothing")
        + ".",
    ]
    if record.dropped:
        parts = ", ".join(f"{rows:,} {rule}" for rule, rows in record.dropped.items())
        lines.append(f"Rows left out: {parts}.")
    lines += [f"{_SAID_BY[each.by].capitalize()}: {each.what}" for each in record.assumptions]
    lines += [f"Note: {each.message}{_of_rows(each.rows)}" for each in record.notes]
    if record.ignored:
        names = f": {', '.join(record.ignored)}" if names_ignored else "; --json and --report name them"
        lines.append(f"Not read: {_counted(len(record.ignored), 'columns')}{names}.")
    return lines


def loud_lines(result: "ImportResult") -> list[str]:
    """What decides whether the data can be used at all, first: a sentence each."""
    late = [
        f"{each.file}: {_counted(rows, 'rows')} of days that have not come yet were left out. See that day and month "
        "are not turned round in others."
        for each in result.files
        if (rows := each.dropped.get(FUTURE_DAY, 0))
    ]
    return [*late, *(each.message for each in result.provenance.notes if each.code in _LOUD)]


def folder_lines(result: "ImportResult") -> list[str]:
    """What there is to say about the whole folder."""
    found = result.provenance
    lines = [f"Left out: {name}, which the folder holds already." for name in result.repeated]
    lines += [
        f"Counted once: {each.rows:,} rows of {each.table} are in {each.kept_from} and in {each.left_out_of} "
        f"({each.rule}); the former counts."
        for each in found.overlaps
    ]
    lines += [f"Note: {each.message}{_of_rows(each.rows)}" for each in found.notes if each.code not in _LOUD]
    privacy = found.privacy
    if privacy.key_fingerprint:
        lines.append(
            f"Customers are named by a keyed hash (key {privacy.key_fingerprint}). Keep the key, and keep it apart "
            "from the data: with it the same customer gets the same name next time."
        )
    if privacy.rows_coarsened:
        lines.append(
            f"Regions that fewer than {privacy.k} customers share were emptied: "
            f"{_counted(privacy.rows_coarsened, 'cells')}."
        )
    if privacy.texts_replaced:
        lines.append(
            f"{_counted(privacy.texts_replaced, 'texts of goods')} that fewer than {privacy.k} customers bought, or "
            "that vary within an article as engravings do, gave way to the article's number."
        )
    if privacy.small_countries:
        lines.append(
            f"Fewer than {privacy.k} customers: {', '.join(privacy.small_countries)}; show no figures of these."
        )
    return lines


def next_step(result: "ImportResult") -> str:
    """What to do with the folder."""
    tables = result.provenance.tables
    if "transactions" not in tables:
        return f"Next: import orders too, xbopt import ORDERS -o {result.folder}"
    if "media" not in tables:
        return f"Next: import what advertising cost, xbopt import REPORT -o {result.folder}"
    currencies = {code for each in result.provenance.files if "transactions" in each.tables for code in each.currencies}
    chosen = f" --currency {result.main_currency}" if len(currencies) > 1 and result.main_currency else ""
    return f"Next: xbopt calibrate {result.folder}{chosen} -o scenario.yaml"


def import_page(result: "ImportResult") -> PageContent:
    """The page of ``xbopt import --report``: all files of the folder, and what was done to those read now."""
    numbers = NumberFormat(locale="en", currency="EUR")
    shown = result.files or result.provenance.files
    kept, read = (sum(getattr(each, name) for each in shown) for name in ("rows_kept", "rows_read"))
    noted = any(each.notes or each.assumptions for each in shown) or bool(result.provenance.notes)
    again = "" if result.files else "Nothing new: the folder holds these files already. "
    return PageContent(
        kind="Import",
        title=f"What was imported into {result.folder.name}",
        facts=tuple(
            Fact(TABLE_WORDS[name].capitalize(), f"{rows:,}") for name, rows in result.provenance.tables.items()
        ),
        verdict=f"{again}{kept:,} of {read:,} rows were kept; every other row is accounted for below.",
        tone="even" if noted else "good",
        below_verdict=(*loud_lines(result), *folder_lines(result), next_step(result)),
        sections=(
            Section(
                key="files",
                title="Files in the folder",
                takeaway="A row left out is counted below its file, with the reason.",
                tables=(table_text(_page_table(result.provenance.files), numbers),),
            ),
            *(
                Section(
                    key=f"file{i}",
                    title=each.file,
                    takeaway=_read_as(each),
                    lines=tuple(file_lines(each)),
                )
                for i, each in enumerate(shown, start=1)
            ),
        ),
        numbers=numbers,
    )


def _read_as(record: FileRecord) -> str:
    """Format, currencies and time zones of a file, as far as it has some."""
    parts = [f"Read as {record.profile}"]
    if record.currencies:
        parts.append(f"money in {', '.join(record.currencies)}")
    if record.zones:
        parts.append(f"days of {', '.join(record.zones)}")
    return "; ".join(parts) + "."


def _page_table(records: Sequence[FileRecord]) -> Table:
    """One row a file, narrow enough for a telephone."""
    return Table(
        key="files",
        title="Rows and days of each file",
        columns=(
            Column("file", "File", "text"),
            Column("kept", "Kept", "count"),
            Column("dropped", "Left out", "count"),
            Column("period", "Days", "text"),
        ),
        rows=tuple(
            (each.file, float(each.rows_kept), float(each.rows_read - each.rows_kept), period(each)) for each in records
        ),
    )


def formats_json(profiles: Sequence[Profile]) -> list[dict[str, object]]:
    """What ``xbopt import formats --json`` prints."""
    return [
        {
            "id": each.id,
            "title": each.title,
            "platform": each.platform,
            "evidence": each.evidence,
            "source": each.source,
            "looked_up": each.looked_up.isoformat(),
            "grain": each.grain,
            "containers": list(each.containers),
            "tables": list(each.tables),
            "required": {name: each.fields[name].model_dump(mode="json")["names"] for name in each.anchors.required},
            "zone": each.zone,
        }
        for each in profiles
    ]


def formats_table(profiles: Sequence[Profile]) -> Table:
    """One row a format."""
    return Table(
        key="formats",
        title="Formats",
        columns=(
            Column("id", "Format", "text"),
            Column("title", "Export", "text"),
            Column("evidence", "Known from", "text"),
            Column("tables", "Gives", "text"),
        ),
        rows=tuple((each.id, each.title, each.evidence, ", ".join(each.tables)) for each in profiles),
        note="; ".join(f"{mark}: {meaning}" for mark, meaning in EVIDENCE_MEANS.items()),
    )


def format_lines(profile: Profile) -> list[str]:
    """What a format wants, a sentence each."""
    lines = [
        f"{profile.id}: {profile.title}",
        f"Known from {EVIDENCE_MEANS[profile.evidence]}: {profile.source} (looked up {profile.looked_up}).",
        f"{profile.grain[:1].upper()}{profile.grain[1:]}. Gives: {', '.join(profile.tables) or 'nothing'}.",
    ]
    for name, column in profile.fields.items():
        names = " | ".join(dict.fromkeys(each for listed in column.names.values() for each in listed))
        if names:
            need = " (needed)" if column.required or name in profile.anchors.required else ""
            lines.append(f"  {name}{need}: {names}")
    if profile.zone == "given":
        lines.append(f"Time zone: to be given, --zone. {profile.zone_question}".rstrip())
    elif profile.zone != "offset":
        lines.append(f"Time zone: {profile.zone}.")
    lines += [f"Trap: {trap.sentence}" for trap in profile.traps]
    return lines
