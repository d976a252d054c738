"""One file into canonical rows, and the record of what was done to it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from xbopt.core.errors import UsageError
from xbopt.imports.engine.canonical import schema, summed
from xbopt.imports.engine.checks import check_columns, check_file, check_kept
from xbopt.imports.engine.contacts import without_personal
from xbopt.imports.engine.layout import Layout
from xbopt.imports.engine.order_batches import OutOfOrderError, in_orders
from xbopt.imports.engine.reading import Opened
from xbopt.imports.engine.rows import RowReader
from xbopt.imports.engine.settled import Settled, Survey
from xbopt.imports.engine.table_checks import (
    check_figures,
    check_media_table,
    check_orders_table,
    check_rates_table,
)
from xbopt.imports.engine.text_rows import NotPlainError
from xbopt.imports.engine.values import Answers
from xbopt.imports.profile import TableKey
from xbopt.imports.provenance import Assumption, FileRecord, Note
from xbopt.imports.refusals import RefusedFileError, UnreadFileError
from xbopt.imports.traps import TRAPS


def import_one(
    opened: Opened, answers: Answers, scratch: Path, decimal: str | None, dates: str | None, asked: set[str]
) -> tuple[FileRecord, dict[TableKey, pl.LazyFrame]]:
    """Canonical rows of one file, in files of its own until all are read.

    Args:
        opened: The file.
        answers: What the user says about it.
        scratch: Folder for its rows.
        decimal: Decimal sign, where nothing in the file tells it.
        dates: ``DMY`` or ``MDY``, where nothing in the file tells it.
        asked: Takes the options of the command line whose answer was taken.

    Raises:
        UnreadFileError: The user has to say something about it.
        RefusedFileError: It cannot answer what a table needs.
    """
    whole = not opened.fit.profile.is_by_order
    fast = opened.may_be_fast
    while True:
        try:
            settled = _settled(opened, answers, decimal, dates, fast=fast)
            reader = RowReader(opened, settled, answers)
            check_columns(reader)
            for line in opened.above:
                for remark in reader.profile.remarks:
                    reader.read_remark(remark, " ".join(line))
            tables = _written(reader, scratch, fast=fast, whole=whole)
            break
        except NotPlainError:
            fast = False
        except pl.exceptions.PolarsError as error:
            # What polars says may quote cells, and cells may name persons; the name of a column is a profile's own.
            which = f" ({error})" if isinstance(error, pl.exceptions.ColumnNotFoundError) else ""
            name = opened.fit.profile.id
            raise UsageError(f"An expression or step of the format {name} does not fit its fields{which}.") from None
        except OutOfOrderError:
            whole = True
        except (UnreadFileError, RefusedFileError):
            # Of an order whose lines stand apart, what the first one says is missing until all are read.
            if whole or not _is_out_of_order(opened, fast=fast):
                raise
            whole = True
    check_file(reader)
    check_kept(reader)
    if "transactions" in tables:
        check_orders_table(reader, tables["transactions"][0].select("order_id", "date").collect())
    if "media" in tables:
        check_media_table(reader, tables["media"][0].collect())
    for name, (rows, count) in tables.items():
        if count:
            check_figures(reader, name, rows)
    if "rates" in tables:
        check_rates_table(reader, tables["rates"][0].collect())
    asked.update(settled.asked, reader.tally.asked)
    return _record(reader, {name: count for name, (_, count) in tables.items()}), {
        name: frame for name, (frame, count) in tables.items() if count
    }


def _is_out_of_order(opened: Opened, *, fast: bool) -> bool:
    """Whether lines of an order stand apart."""
    try:
        for _ in in_orders(opened.batches(fast=fast), "order_id", whole=False):
            pass
    except OutOfOrderError:
        return True
    return False


def _settled(opened: Opened, answers: Answers, decimal: str | None, dates: str | None, *, fast: bool) -> Settled:
    currency = opened.fit.currency or answers.currency
    survey = Survey(opened.fit.profile, opened.delimiter, answers.today, currency)
    layout = Layout(opened)
    for batch in opened.batches(fast=fast):
        if survey.look(layout.data(layout.texts(batch))):
            break
    return survey.settle(
        opened.source.name,
        machine_numbers=opened.machine_numbers,
        decimal=decimal,
        dates=dates,
    )


def _written(reader: RowReader, scratch: Path, *, fast: bool, whole: bool) -> dict[TableKey, tuple[pl.LazyFrame, int]]:
    """Rows of each table as a lazy frame over scratch files, and how many there are."""
    scratch.mkdir(exist_ok=True)
    for old in scratch.iterdir():
        old.unlink()
    found: dict[TableKey, tuple[pl.LazyFrame, int]] = {}
    counts: dict[TableKey, int] = {}
    for i, made in enumerate(_made(reader, fast=fast, whole=whole)):
        for table, rows in made.items():
            counts[table] = counts.get(table, 0) + rows.height
            if rows.height:
                rows.write_parquet(scratch / f"{table}.{i:06d}.parquet", compression="lz4")
    for table, count in counts.items():
        files = sorted(scratch.glob(f"{table}.*.parquet"))
        rows = pl.scan_parquet(files) if files else pl.LazyFrame(schema=schema(table))
        if table not in ("transactions", "refunds"):
            frame = summed(table, rows.collect())
            rows, count = frame.lazy(), frame.height  # noqa: PLW2901 - one row for each key from here on
        found[table] = (rows, count)
    return found


def _made(reader: RowReader, *, fast: bool, whole: bool) -> Iterator[dict[TableKey, pl.DataFrame]]:
    """Rows of each table, batch by batch; those last that all others had to be known for."""
    for batch in in_orders(reader.opened.batches(fast=fast), "order_id", whole=whole):
        yield reader.tables_of(batch)
    yield reader.tables_held()


def _record(reader: RowReader, tables: Mapping[TableKey, int]) -> FileRecord:
    opened, tally, profile = reader.opened, reader.tally, reader.profile
    fit, source = opened.fit, opened.source
    for repeated in without_personal(fit.repeated):
        tally.note("column_twice", f"The column {repeated!r} stands there more than once; the first is read.")
    for note in opened.notes:
        tally.note("reading", note)
    notes = [Note(code=code, message=message, rows=rows) for (code, message), rows in tally.notes.items()]
    notes += [Note(code="format", message=TRAPS.get(note, note)) for note in profile.notes]
    read = set(fit.columns.values())
    unread = [name for i, name in enumerate(fit.head) if i not in read and name]
    ignored = without_personal(unread)
    if hidden := len(unread) - len(ignored):
        said = f"{hidden} headers of columns that are not read hold an address or a long number, and are not named."
        notes.append(Note(code="headers_hidden", message=said))
    return FileRecord(
        file=source.name,
        sha256=source.sha256,
        bytes=source.size,
        container=source.container,
        encoding=opened.encoding,
        profile=profile.id,
        title=profile.title,
        evidence=profile.evidence,
        evidence_source=profile.source,
        rows_read=tally.read,
        rows_kept=tally.kept,
        dropped=dict(sorted(tally.dropped.items())),
        tables={str(name): rows for name, rows in tables.items()},
        columns={name: fit.head[i] for name, i in fit.columns.items()},
        ignored=ignored,
        first=tally.first,
        last=tally.last,
        currencies=tuple(sorted(tally.currencies)),
        zones=tuple(sorted(tally.zones)),
        assumptions=tuple(_assumptions(reader)),
        notes=tuple(notes),
    )


def _assumptions(reader: RowReader) -> Iterator[Assumption]:
    profile, tally, answers = reader.profile, reader.tally, reader.answers
    asked = tally.asked
    yield from (Assumption(what=what, by="default") for what in reader.settled.assumed)
    if "--currency" in asked:
        yield Assumption(what=f"Amounts are in {answers.currency}, where the file does not say it.", by="flag")
    if "--zone" in asked:
        yield Assumption(what=f"Days and hours are those of {answers.zone}.", by="flag")
    elif profile.zone not in ("given", "offset") and profile.zone in tally.zones:
        yield Assumption(what=f"Days and hours are those of {profile.zone}.", by="format")
    if tally.placed:
        said = f"{tally.placed:,} rows of media are of the country that their campaign is called by"
        rest = f"; {tally.unplaced:,} have none of these words in their name, and no country" if tally.unplaced else ""
        yield Assumption(what=f"{said}{rest}.", by="flag")
    if "--account" in asked:
        yield Assumption(what=f"It is of the account or shop {answers.account}.", by="flag")
    if answers.prices is not None and "--prices" in asked:
        yield Assumption(what=f"Prices are {answers.prices.replace('-', ' ')}.", by="flag")
    if "transactions" in profile.tables and "status" not in reader.targets.filled_columns("transactions"):
        yield Assumption(what="Every order counts as sold: no column says whether it was paid.", by="default")
