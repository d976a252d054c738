"""From a file to rows of texts, one column a field of its format."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from xbopt.imports.engine.containers import Source, look_into
from xbopt.imports.engine.other_rows import Records, json_records, parquet_head, parquet_rows, workbook_sheets
from xbopt.imports.engine.recognise import HEAD_AMONG, Fit, best_fit, fit, header_name, nearest
from xbopt.imports.engine.text_rows import (
    BATCH_ROWS,
    FAST_FROM,
    LONG,
    SHORT,
    Start,
    careful_rows,
    fast_rows,
    frame_of,
    starts,
)  # fmt: skip
from xbopt.imports.profile import Profile
from xbopt.imports.refusals import RefusedFileError, UnreadFileError
from xbopt.imports.undescribed import undescribed

FIRST = "__first"
# A chart of a year by day may stand above the table that is wanted.
_LOOKED_AT = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file whose format is known.

    Attributes:
        source: The file.
        fit: Its format, and where its columns are.
        encoding: Of a text.
        delimiter: Of a text.
        above: Filled cells of each record above the head.
        notes: What was seen on the way, as sentences.
    """

    source: Source
    fit: Fit
    encoding: str = ""
    delimiter: str | None = None
    above: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    _lines_above: int = 0
    _records: Records = field(default_factory=list[tuple[str | None, ...]], repr=False)

    @property
    def machine_numbers(self) -> bool:
        """Whether numbers come typed or by a program, so that their decimal sign is a point."""
        return self.source.container in ("json", "parquet")

    @property
    def may_be_fast(self) -> bool:
        """Whether the fast reader may try."""
        plain = self.source.container == "text" and not self.source.is_packed
        return plain and self.encoding in ("utf-8", "utf-8-sig") and self.source.size >= FAST_FROM

    def batches(self, *, fast: bool) -> Generator[pl.DataFrame]:
        """All rows in batches: one column of texts a field, the file's first column, further ones, SHORT and LONG.

        Raises:
            NotPlainError: The fast reader cannot read it.
            RefusedFileError: The file is cut off.
        """
        width, columns = len(self.fit.head), self.fit.columns
        wanted = sorted({0, *columns.values(), *self.fit.further})
        if self.source.container == "parquet":
            names = [self.fit.head[i] for i in wanted]
            frames = (
                frame.rename({name: f"c{i}" for name, i in zip(names, wanted, strict=True)}).with_columns(
                    pl.lit(value=False).alias(SHORT), pl.lit(value=False).alias(LONG)
                )
                for frame in parquet_rows(self.source, names)
            )
        elif self.source.container == "text":
            assert self.delimiter is not None
            frames = (
                fast_rows(self.source, self.delimiter, self._lines_above, width, wanted)
                if fast
                else careful_rows(self.source, self.encoding, self.delimiter, self.fit.record, width, wanted)
            )
        else:
            rows = self._records[self.fit.record + 1 :]
            frames = (frame_of(rows[i : i + BATCH_ROWS], width, wanted) for i in range(0, len(rows), BATCH_ROWS))
        for frame in frames:
            yield frame.select(
                pl.col("c0").alias(FIRST),
                SHORT,
                LONG,
                *(pl.col(f"c{i}").alias(name) for name, i in columns.items()),
                *(pl.col(f"c{i}").alias(further(i)) for i in self.fit.further),
            )


def further(position: int) -> str:
    """The name of a column that no field reads."""
    return f"__further_{position}"


def open_file(
    path: Path, profiles: Mapping[str, Profile], *, profile: str | None = None, columns: Mapping[str, str] | None = None
) -> Opened:
    """Find out a file's format.

    Args:
        path: The file.
        profiles: The formats that are known, by id.
        profile: The id of its format, where the user says it.
        columns: Headers that the user names for fields of that format.

    Raises:
        UnreadFileError: The file cannot be read, or no format or several fit it.
        RefusedFileError: The format holds nothing to import.
    """
    known = [profiles[profile]] if profile is not None else list(profiles.values())
    legacy = dict.fromkeys(encoding for each in known for encoding in each.encodings)
    source = look_into(path, tuple(legacy))
    of_kind = [each for each in known if source.container in each.containers]
    if not of_kind:
        raise UnreadFileError(
            source.name,
            "container",
            f"This is {_KINDS[source.container]}, and --as {profile} reads none. Leave --as out.",
        )
    opened, heads = _opened(source, of_kind, columns or {})
    if opened is None:
        raise _unknown(source, of_kind, heads, profile, columns or {})
    if opened.fit.profile.refuse:
        raise RefusedFileError(source.name, "no_figures", opened.fit.profile.refuse)
    return opened


_KINDS = {"text": "a text file", "workbook": "a workbook", "json": "JSON", "parquet": "a Parquet file"}


def _opened(
    source: Source, profiles: Sequence[Profile], chosen: Mapping[str, str]
) -> tuple[Opened | None, Sequence[Sequence[str | None]]]:
    """The file with the format that fits it best, and the records that could be its head."""
    if source.container == "text":
        return _opened_text(source, profiles, chosen)
    if source.container == "parquet":
        head = parquet_head(source)
        found = best_fit(_fits(profiles, [head], chosen), source.name)
        return (None if found is None else Opened(source=source, fit=found)), [head]
    if source.container == "json":
        by_rows: dict[str, Records] = {}
        fits: list[Fit] = []
        for each in profiles:
            if each.rows not in by_rows:
                by_rows[each.rows] = json_records(source, each.rows)
            fits += _fits([each], by_rows[each.rows][:1], chosen)
        found = best_fit(fits, source.name)
        heads = [records[0] for records in by_rows.values()]
        return (
            None if found is None else Opened(source=source, fit=found, _records=by_rows[found.profile.rows])
        ), heads
    return _opened_workbook(source, profiles, chosen)


def _opened_text(
    source: Source, profiles: Sequence[Profile], chosen: Mapping[str, str]
) -> tuple[Opened | None, Sequence[Sequence[str | None]]]:
    found: dict[int, tuple[str, Start]] = {}
    fits: list[Fit] = []
    heads: list[Sequence[str | None]] = []
    for encoding in source.encodings:
        is_legacy = not encoding.startswith("utf")
        able = [each for each in profiles if not is_legacy or encoding in each.encodings]
        delimiters = tuple(dict.fromkeys(delimiter for each in able for delimiter in each.delimiters))
        for start in starts(source, encoding, delimiters, _LOOKED_AT):
            of_start = _fits(able, start.records, chosen)
            found.update((id(each), (encoding, start)) for each in of_start)
            fits += of_start
            heads += [cells for _, cells in _possible_heads(start.records)]
    best = best_fit(fits, source.name)
    if best is None:
        return None, heads
    encoding, start = found[id(best)]
    opened = Opened(
        source=source, fit=best, encoding=encoding, delimiter=start.delimiter,
        above=_above(start.records[: best.record]), _lines_above=start.lines[best.record],
    )  # fmt: skip
    return opened, heads


def _opened_workbook(
    source: Source, profiles: Sequence[Profile], chosen: Mapping[str, str]
) -> tuple[Opened | None, Sequence[Sequence[str | None]]]:
    import re

    sheets = workbook_sheets(source)
    fits: list[Fit] = []
    sheet_of: dict[int, str] = {}
    for name, sheet in sheets.items():
        records = sheet.records
        able = [each for each in profiles if not each.sheet or len(sheets) == 1 or re.search(each.sheet, name)]
        of_sheet = _fits(able, records[:HEAD_AMONG], chosen)
        sheet_of.update((id(each), name) for each in of_sheet)
        fits += of_sheet
    heads = [record for sheet in sheets.values() for record in sheet.records[:HEAD_AMONG]]
    best = best_fit(fits, source.name)
    if best is None:
        return None, heads
    alike = sorted(
        {sheet_of[id(each)] for each in fits if each.profile.id == best.profile.id and each.score == best.score}
    )
    if len(alike) > 1:
        raise UnreadFileError(
            source.name,
            "several_sheets",
            f"The sheets {', '.join(alike)} all hold such a table; leave one, or hide the others.",
        )
    records = sheets[alike[0]].records
    others = [name for name in sheets if name != alike[0]]
    notes = (f"Not read: the sheet{'s' * (len(others) > 1)} {', '.join(others)}.",) if others else ()
    below = [records[i] for i in sorted(sheets[alike[0]].hidden) if best.record < i < len(records)]
    if hidden := sum(any(record) for record in below):
        notes += (f"Hidden rows, as by a filter, are read like all others: {hidden:,}.",)
    return Opened(source=source, fit=best, above=_above(records[: best.record]), notes=notes, _records=records), heads


def _fits(profiles: Sequence[Profile], records: Sequence[Sequence[str | None]], chosen: Mapping[str, str]) -> list[Fit]:
    return [
        each
        for i, cells in _possible_heads(records)
        for profile in profiles
        if (each := fit(profile, i, cells, chosen)) is not None
    ]


def _possible_heads(
    records: Sequence[Sequence[str | None]],
) -> Generator[tuple[int, Sequence[str | None]]]:
    """Records that may be a head: the first ones, and those right below a comment, as of a second table in a file."""
    since_comment = HEAD_AMONG
    for i, cells in enumerate(records):
        is_comment = bool(cells) and (cells[0] or "").startswith("#")
        since_comment = 0 if is_comment else since_comment + 1
        if any(cells) and (i < HEAD_AMONG or since_comment in (1, 2)):
            yield i, cells


def _above(records: Sequence[Sequence[str | None]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(cell for cell in record if cell) for record in records)


def _unknown(
    source: Source,
    profiles: Sequence[Profile],
    heads: Sequence[Sequence[str | None]],
    asked: str | None,
    chosen: Mapping[str, str],
) -> UnreadFileError:
    """What to say where no format fits; no cell of the file is quoted, since nobody knows what stands in it."""
    known = {header_name(cell or "") for cells in heads for cell in cells}
    absent = [header for header in chosen.values() if header_name(header) not in known]
    if absent:
        return UnreadFileError(
            source.name,
            "no_such_column",
            f"None of the first {HEAD_AMONG} lines has a column named {', '.join(absent)}. "
            "Name it as it stands in the file.",
        )
    if said := undescribed(source.name):
        return UnreadFileError(source.name, "undescribed_format", said)
    near = nearest(profiles, heads)
    mend = (
        "map its columns yourself, as in --columns date=Day,order_id=Order,unit_price=Price,quantity=Pieces for "
        "orders, date=Day,order_id=Order,amount=Paid for refunds, date=Day,spend=Cost for advertising"
    )
    if near is None:
        return UnreadFileError(
            source.name, "unknown_format",
            f"None of the first {HEAD_AMONG} lines is the head of a format that is known "
            f"(`xbopt import formats` lists them). If it is a table, {mend}.",
        )  # fmt: skip
    profile, missing = near
    columns = ", ".join(repr(name) for name in missing)
    if not missing:
        return UnreadFileError(
            source.name,
            "unknown_format",
            f"It looks like {profile.id}, but has columns that such a file never has; {mend}.",
        )
    start = f"It lacks the column{'s' * (len(missing) > 1)} {columns} of {profile.id} ({profile.title})"
    rest = "" if asked else ", the nearest format that is known"
    return UnreadFileError(source.name, "unknown_format", f"{start}{rest}. Export them too, or {mend}.")
