"""Which of a file's rows hold data: neither remarks, nor heads repeated, nor totals."""

import re
from dataclasses import dataclass

import polars as pl

from xbopt.imports.engine import cells
from xbopt.imports.engine.other_rows import FORMULA
from xbopt.imports.engine.reading import FIRST, Opened
from xbopt.imports.engine.text_rows import LONG
from xbopt.imports.profile import Profile, ProfileField

_TOTAL = (
    r"(?i)^(?:grand\s+|all\s+)?(?:totals?|totale|totaal|gesamt|gesamtsumme|summe|insgesamt|sum|total g[ée]n[ée]ral|"
    r"总计|总和|合计|合計|総計)\s*[:\uff1a]?$"
)
"""A name that says nothing but that it is a total."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Tells rows of one file apart."""

    opened: Opened

    @property
    def profile(self) -> Profile:
        """The file's format."""
        return self.opened.fit.profile

    @property
    def bound(self) -> dict[str, ProfileField]:
        """The fields whose columns the file has."""
        return {name: column for name, column in self.profile.fields.items() if name in self.opened.fit.columns}

    def texts(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The rows that hold anything, as texts; null where a cell means that nothing is known."""
        missing = {
            name: cells.MISSING | {each.casefold() for each in column.missing} for name, column in self.bound.items()
        }
        texts = batch.with_columns(
            cells.texts_of(batch[FIRST], frozenset({""})),
            *(cells.texts_of(batch[name], of) for name, of in missing.items()),
        )
        filled = pl.any_horizontal(pl.col(FIRST).is_not_null(), *(pl.col(name).is_not_null() for name in missing))
        return texts.filter(filled | pl.col(LONG))

    def is_remark(self) -> pl.Expr:
        """Whether a row is a remark or an explanation."""
        patterns = (*self.profile.noise, *(remark.pattern for remark in self.profile.remarks))
        return pl.any_horizontal(pl.lit(value=False), *(matches(FIRST, pattern) for pattern in patterns))

    def is_head(self) -> pl.Expr:
        """Whether a row is the head once more, as where files were joined."""
        heads = {name: self.opened.fit.head[i] for name, i in self.opened.fit.columns.items()}
        same = pl.sum_horizontal(*((pl.col(name) == head).fill_null(value=False) for name, head in heads.items()))
        return same > min(1, len(heads) - 1)

    def is_total(self) -> pl.Expr:
        """Whether a row sums up others."""
        totals = self.profile.totals
        if totals is None:
            return pl.lit(value=False)
        is_total = pl.lit(value=False)
        if totals.pattern:
            start = f"^(?:{totals.pattern})"
            named = [matches(name, start) for name in totals.fields if name in self.bound]
            # A campaign may be called so too, but its rows have a day.
            dated = matches("date", r"\d") if "date" in self.bound else pl.lit(value=False)
            is_total = pl.any_horizontal(matches(FIRST, start), *named) & ~dated
        empty = [pl.col(name).is_null() for name in totals.empty if name in self.bound]
        return is_total | pl.all_horizontal(*empty) if empty else is_total

    def may_be_total(self) -> pl.Expr:
        """Whether a row with a day is called a total and has no id, so that its figures must tell what it is."""
        texts = [name for name, column in self.bound.items() if column.kind == "text"]
        ids = [pl.col(name).is_null() for name, column in self.bound.items() if column.kind == "id"]
        named = pl.any_horizontal(pl.lit(value=False), *(matches(name, _TOTAL) for name in texts))
        dated = matches("date", r"\d") if "date" in self.bound else pl.lit(value=False)
        return named & dated & pl.all_horizontal(pl.lit(value=True), *ids)

    def data(self, texts: pl.DataFrame) -> pl.DataFrame:
        """The rows that hold data, each cell as far as its field reads it."""
        rows = texts.filter(~(self.is_remark() | self.is_head() | self.is_total() | pl.col(LONG)))
        return self.picked(rows)

    def picked(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The part of each cell that its field reads; a formula without a result tells nothing."""
        rows = rows.with_columns(pl.when(pl.col(name) != FORMULA).then(pl.col(name)).alias(name) for name in self.bound)
        picks = [_pick(rows[name], column.pattern) for name, column in self.bound.items() if column.pattern]
        return rows.with_columns(picks) if picks else rows


def matches(name: str, pattern: str) -> pl.Expr:
    """Whether a column's text matches somewhere."""
    return pl.col(name).str.contains(pattern).fill_null(value=False)


def _pick(texts: pl.Series, pattern: str) -> pl.Series:
    compiled = re.compile(pattern)

    def read(text: str) -> str | None:
        match = compiled.search(text)
        return match["value"] if match else None

    return cells.by_text(texts, read, pl.String).alias(texts.name)
