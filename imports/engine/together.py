"""All files of a folder together: every fact once, persons coarsened, and the panel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from xbopt.core.errors import UsageError
from xbopt.imports.data_folder import write_tables
from xbopt.imports.engine.other_names import SAME_FIGURES, check_other_names
from xbopt.imports.engine.overlaps import counted_once
from xbopt.imports.engine.privacy import HASHED, LazyKey, coarsened, personal_skus
from xbopt.imports.engine.same_facts import TWO_SOURCES
from xbopt.imports.panel import build_panel, write_panel
from xbopt.imports.profile import TableKey
from xbopt.imports.provenance import MIXED, FileRecord, Note, Overlap, Privacy, Provenance
from xbopt.imports.rates import main_currency, unrated
from xbopt.imports.refusals import RefusedFileError
from xbopt.imports.tables import TableName

PANEL = "panel.parquet"
_MOST_PANEL_ROWS = 1_000_000
_RATES_WANTED = (
    "Import a file of rates with them, --rates eurofxref-hist.zip of the European Central Bank, or a table with the "
    "columns date, currency, per_euro. To take the mean rate of each year instead: --accept mixed_currencies."
)
_RARE_WORDS = (
    "{count:,} article numbers hold a word that fewer than {k} customers bought, as a name may be: a pseudonym stands "
    "in their place, so that lists of costs do not find them. --k 0 keeps all."
)
_RENAMED = (
    "Campaigns with several names under one ID, as after they were renamed: {count:,}. All their days have the latest "
    "name."
)
_UNREAD = (
    "No file of this call asked for {what}: the files say it themselves, or hold nothing that it is about. It changed "
    "nothing."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user said, as options of the command line, and which of them some file or table asked for.

    Attributes:
        said: Options that were given.
        asked: Those whose answer was taken; further ones are added while files are read.
    """

    said: Sequence[str]
    asked: set[str] = field(default_factory=set[str])

    def accepts(self, code: str) -> bool:
        """Whether a refusal that has come up is accepted."""
        self.asked.add(f"--accept {code}")
        return f"--accept {code}" in self.said


@dataclass(slots=True, kw_only=True)
class Together:
    """Makes the tables of a folder.

    Attributes:
        folder: The data folder.
        before: Its record until now.
        records: Files that were read now.
        key: The key of the pseudonyms.
        k: Fewest customers that share a region or a text.
        options: What the user said.
        notes: What there is to say about the tables together.
    """

    folder: Path
    before: Provenance
    records: Sequence[FileRecord]
    key: LazyKey
    k: int
    options: Options
    notes: list[Note] = field(default_factory=list[Note])

    def write(self, parts: Mapping[TableKey, Sequence[tuple[str, pl.LazyFrame]]]) -> Provenance:
        """Write tables, record and panel.

        Args:
            parts: Of each table, name of the source and its rows, in the order in which they were read.

        Raises:
            RefusedFileError: Sources contradict each other, or rates are missing.
            UsageError: The folder was imported with another key.
        """
        before = self.before
        parts = self._without_personal_skus(parts)
        key = self.key.made
        fingerprint = key.fingerprint if key else before.privacy.key_fingerprint
        if key and before.privacy.key_fingerprint not in ("", fingerprint):
            raise UsageError(
                f"{self.folder} was imported with another key, so that the same customer would have two pseudonyms. "
                "Give the key file of then (--key-file), or import into a new folder."
            )
        tables: dict[TableName, pl.LazyFrame] = {}
        overlaps: list[Overlap] = []
        emptied, renamed, small = 0, 0, ()
        for table, of_table in parts.items():
            rows = self._once(table, of_table, overlaps)
            if table == "transactions" and self.k > 1:
                done = coarsened(rows, self.k)
                rows, emptied, renamed, small = done.rows, done.emptied, done.renamed, done.small_countries
            tables[table] = rows
        counts: dict[TableName, int] = {
            name: int(rows.select(pl.len()).collect(engine="streaming").item()) for name, rows in tables.items()
        }
        self._check_rates(tables)
        panel = self._panel(tables, counts)
        unread = [option for option in self.options.said if option not in self.options.asked]
        if unread and self.records:
            self._note("options_unread", _UNREAD.format(what=", ".join(unread)))
        provenance = Provenance(
            files=(*before.files, *self.records),
            tables={str(name): rows for name, rows in counts.items()},
            overlaps=(*before.overlaps, *overlaps),
            notes=tuple(self.notes),
            privacy=Privacy(
                key_fingerprint=fingerprint,
                k=self.k,
                rows_coarsened=before.privacy.rows_coarsened + emptied,
                texts_replaced=before.privacy.texts_replaced + renamed,
                small_countries=small,
            ),
        )
        write_tables(self.folder, tables, provenance)
        if panel is None:
            # A panel of fewer files would contradict the tables.
            (self.folder / PANEL).unlink(missing_ok=True)
        else:
            write_panel(panel, self.folder / PANEL)
        return provenance

    def _note(self, code: str, message: str, rows: int = 0) -> None:
        self.notes.append(Note(code=code, message=message, rows=rows))

    def _without_personal_skus(
        self, parts: Mapping[TableKey, Sequence[tuple[str, pl.LazyFrame]]]
    ) -> Mapping[TableKey, Sequence[tuple[str, pl.LazyFrame]]]:
        """The same rows, with pseudonyms for article numbers that may name a person; once given, they stay."""
        bought = [part for table in ("transactions", "refunds") for _, part in parts.get(table, ())]
        if self.k <= 1 or not bought:
            return parts
        lines = pl.concat([part.select("sku", "customer", "order_id") for part in bought])
        skus = lines.select(pl.col("sku").unique()).collect(engine="streaming")["sku"].drop_nulls()
        rare = skus.is_in(personal_skus(lines, self.k).implode())
        if (hidden := skus.filter(skus.str.contains(HASHED))).len():
            rare |= self.key.pseudonyms_of(skus).is_in(hidden.implode())
        personal = skus.filter(rare)
        if personal.is_empty():
            return parts
        self._note("rare_article_words", _RARE_WORDS.format(k=self.k, count=personal.len()))
        names = pl.LazyFrame({"__sku": personal, "__name": self.key.pseudonyms_of(personal)})
        return {
            table: [(source, _renamed(rows, names)) for source, rows in of_table] for table, of_table in parts.items()
        }

    def _once(
        self, table: TableKey, parts: Sequence[tuple[str, pl.LazyFrame]], overlaps: list[Overlap]
    ) -> pl.LazyFrame:
        """The rows of a table, every fact once."""
        names = {each.source: each.file for each in (*self.before.files, *self.records)}
        try:
            once = counted_once(table, parts, names)
        except RefusedFileError as error:
            self._accepted(error)
            once = counted_once(table, parts, names, accepts_two=True)
        overlaps += once.overlaps
        if once.renamed:
            self._note("renamed_campaigns", _RENAMED.format(count=once.renamed))
        try:
            old = {each.source for each in self.before.files}
            check_other_names(table, once.rows, [source for source, _ in parts], names, old)
        except RefusedFileError as error:
            self._accepted(error)
        return once.rows

    def _accepted(self, error: RefusedFileError) -> None:
        """Tell what the user accepts of two sources that contradict each other, or refuse it."""
        assert error.code in (TWO_SOURCES, SAME_FIGURES)
        if not self.options.accepts(error.code):
            raise error
        self._note(error.code, f"Accepted: {error}")

    def _check_rates(self, tables: Mapping[TableName, pl.LazyFrame]) -> None:
        lacking = unrated({str(name): rows for name, rows in tables.items()})
        if lacking is None:
            return
        if not self.options.accepts(MIXED) and not self.before.accepts_mixed:
            raise RefusedFileError("", MIXED, f"{lacking.sentence} {_RATES_WANTED}")
        self._note(MIXED, f"Accepted: {lacking.sentence} The mean rate of each year is taken.")

    def _panel(self, tables: Mapping[TableName, pl.LazyFrame], counts: Mapping[TableName, int]) -> pl.DataFrame | None:
        """The panel of orders and media; None where they allow none."""
        if not {"transactions", "media"} <= counts.keys():
            return None
        if counts["transactions"] > _MOST_PANEL_ROWS:
            said = (
                f"No panel is written for more than {_MOST_PANEL_ROWS:,} lines of orders; xbopt calibrate makes its "
                "own."
            )
            self._note("no_panel", said)
            return None
        try:
            whole = {str(name): rows.collect() for name, rows in tables.items()}
            made = build_panel(whole, currency=main_currency(whole))
        except UsageError as error:
            self._note("no_panel", f"No panel was made of these tables. {error}")
            return None
        for note in made.notes:
            self._note(note.code, note.sentence, note.count)
        return made.frame


def _renamed(rows: pl.LazyFrame, names: pl.LazyFrame) -> pl.LazyFrame:
    """Rows whose article numbers and texts of goods have other names, by columns ``__sku`` and ``__name``."""
    columns = rows.collect_schema().names()
    for column in {"sku", "product"} & set(columns):
        rows = rows.join(names, left_on=column, right_on="__sku", how="left", maintain_order="left")
        rows = rows.with_columns(pl.coalesce("__name", column).alias(column)).drop("__name")
    return rows.select(columns)
