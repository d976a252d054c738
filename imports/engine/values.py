"""Values of a file's cells: each column as its field says, and the zone and currency of each row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import polars as pl

from xbopt.core.tables.country_names import country_code
from xbopt.imports.countries import marketplace_country
from xbopt.imports.engine import cells
from xbopt.imports.engine.contacts import (
    has_contact,
    is_contact,
    is_order_number,
    is_place,
    without_long_numbers,
)
from xbopt.imports.engine.layout import Layout
from xbopt.imports.engine.reading import Opened
from xbopt.imports.engine.settled import Settled
from xbopt.imports.engine.tally import Tally
from xbopt.imports.profile import FieldKind, Profile, ProfileField
from xbopt.imports.refusals import RefusedFileError
from xbopt.imports.steps.step import Prices

_DAMAGED = r"[\u00c2\u00c3][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122]"
_ORDER_WORDS = (
    "Order numbers that hold a word, as a name may be, got a pseudonym; the same number has the same in every file."
)
_KINDS: Mapping[FieldKind, pl.DataType] = {
    "date": pl.Date(), "time": pl.Datetime("us"), "hour": pl.Int8(), "money": pl.Float64(), "number": pl.Float64(),
    "count": pl.Float64(), "flag": pl.Boolean(),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the user says about a file beside its bytes.

    Attributes:
        currency: Of amounts, where the file does not say it.
        zone: Of days and hours, where the file does not say it; instants are turned into it.
        account: Name of the account or shop, which keeps equal campaigns and order numbers of two apart.
        prices: Whether prices contain the tax.
        pseudonyms_of: Pseudonyms of customers.
        channels: Channel by the start of a campaign's name, or by its platform.
        countries: Country by a word of a campaign's name, where a row names none.
        accept: Codes of refusals that the user accepts.
        today: The last day that can have happened.
    """

    currency: str | None
    zone: str | None
    account: str | None
    prices: Prices | None
    pseudonyms_of: Callable[[pl.Series], pl.Series]
    channels: Mapping[str, str]
    countries: Mapping[str, str]
    accept: frozenset[str]
    today: date


@dataclass(slots=True)
class ValueReader:
    """Reads the cells of one file.

    Attributes:
        opened: The file.
        settled: How its cells are to be read.
        answers: What the user says about it.
        tally: Where cells are counted that cannot be read.
    """

    opened: Opened
    settled: Settled
    answers: Answers
    tally: Tally

    @property
    def profile(self) -> Profile:
        """The file's format."""
        return self.opened.fit.profile

    def read(self, texts: pl.DataFrame) -> pl.DataFrame:
        """One column a field, and ``date``, ``zone``, ``currency`` and ``prices`` whether the file has them or not.

        Raises:
            RefusedFileError: The ids were ruined by a spreadsheet.
        """
        bound = Layout(self.opened).bound
        for name, column in bound.items():
            if column.fill_down and column.fill_down in texts.columns:
                filled = pl.col(name).forward_fill().backward_fill().over(column.fill_down)
                texts = texts.with_columns(filled)
        values: dict[str, pl.Series] = {}
        offsets: pl.Series | None = None
        for name, column in self.profile.fields.items():
            if name not in bound:
                values[name] = _constant(column, texts.height)
            elif column.kind == "time":
                moments = cells.times_of(texts[name], self.settled.dates[name])
                values[name] = moments["time"]
                self._count_unread(name, texts[name], moments["day"])
                if name == "time" or offsets is None:
                    offsets = moments["offset_minutes"]
                if name == "time" and "date" not in self.profile.fields:
                    values["date"] = moments["day"]
            else:
                values[name] = self._values(name, column, texts[name])
        for name, column in self.profile.fields.items():
            if column.or_else in bound:
                values[name] = self._or_else(name, values[name], column.or_else, values[column.or_else])
        rows = pl.DataFrame(values) if values else pl.DataFrame()
        if "date" not in rows.columns:
            rows = rows.with_columns(pl.lit(None, dtype=pl.Date()).alias("date"))
        rows = self._with_zone(rows, offsets)
        return self._with_currency(rows).with_columns(pl.lit(self.answers.prices, dtype=pl.String()).alias("prices"))

    def _or_else(self, name: str, own: pl.Series, other: str, instead: pl.Series) -> pl.Series:
        """A field's values, and those of another one where they are unknown: of a marketplace the country it serves."""
        kinds = [self.profile.fields[field].kind for field in (name, other)]
        if kinds == ["country", "text"]:
            instead = cells.by_text(instead, marketplace_country, pl.String)
        if taken := int((own.is_null() & instead.is_not_null()).sum()):
            said = f"Where {name} is not said, it is taken from the column {self.header(other)!r}."
            self.tally.note("taken_instead", said, taken)
        return own.fill_null(instead)

    def _values(self, name: str, column: ProfileField, texts: pl.Series) -> pl.Series:
        kind = column.kind
        if column.values:
            meanings = cells.mapped(texts, column.values)
            known = sorted({value.strip().casefold() for value in column.values})
            unknown = ~texts.str.to_lowercase().is_in(known) & texts.is_not_null()
            self.tally.unknown_values[name] += int(unknown.sum())
            texts = meanings
        if kind in cells.NUMBER_KINDS:
            sign = self.settled.decimal_of(name)
            numbers = cells.numbers_of(texts, sign)
            self._count_unread(name, texts, numbers)
            unread = texts.set(numbers.is_not_null(), None)
            if kind == "count":
                self.tally.fractions[name] += int((numbers != numbers.round()).sum())
            self.tally.other_sign[name] += cells.numbers_of(unread, "," if sign == "." else ".").count()
            numbers = numbers * column.factor if column.factor != 1.0 else numbers
            return numbers.abs() if column.sign == "positive" else -numbers if column.sign == "negated" else numbers
        if kind == "date":
            days = cells.days_of(texts, self.settled.dates[name])
            self._count_unread(name, texts, days)
            return days
        if kind == "hour":
            hours = cells.hours_of(texts)
            self._count_unread(name, texts, hours)
            return hours
        if kind == "country":
            countries = cells.by_text(texts, country_code, pl.String)
            self._count_unread(name, texts, countries)
            return countries
        if kind == "customer":
            return self.answers.pseudonyms_of(texts)
        if kind == "flag":
            return cells.flags_of(texts)
        if kind == "currency":
            codes = cells.by_text(texts, cells.currency_code, pl.String)
            self._count_unread(name, texts, codes)
            return codes
        if kind == "id":
            texts = texts.str.replace(r"^(\d+)\.0+$", "$1")
            short = texts.str.contains(cells.RUINED_ID).any()
            how = "as 5.76E+17" if short else "to 15 digits" if cells.are_rounded(texts) else ""
            if how:
                said = (
                    f"The ids in column {self.header(name)!r} were shortened by a spreadsheet ({how}), so that "
                    "different ones became alike. Export the file again, and do not open it in a spreadsheet before."
                )
                if "ruined_ids" not in self.answers.accept:
                    raise RefusedFileError(self.opened.source.name, "ruined_ids", said)
                self.tally.asked.add("--accept ruined_ids")
                self.tally.note("ruined_ids", f"Accepted: {said}")
        if texts.str.contains_any(["\u00c2", "\u00c3"]).any():
            self.tally.damaged += int(texts.str.contains(_DAMAGED).sum())
        if kind == "id":
            personal = is_contact(texts)
            self.tally.contacts += int(personal.sum())
            if name == "order_id" and (worded := int((~personal & ~is_order_number(texts)).sum())):
                self.tally.note("order_words", _ORDER_WORDS, worded)
                personal |= ~is_order_number(texts)
            if not personal.any():
                return texts
            # Rows are joined by ids, so that these get another name and are not emptied.
            return texts.zip_with(~personal, self.answers.pseudonyms_of(texts.set(~personal, None)))
        if name == "region":
            is_street = ~is_place(texts)
            self.tally.streets += int(is_street.sum())
            texts = texts.set(is_street, None)
        personal = has_contact(texts)
        self.tally.contacts += int(personal.sum())
        texts, renamed = without_long_numbers(texts.set(personal, None), self.answers.pseudonyms_of)
        self.tally.long_numbers += renamed
        return texts

    def header(self, name: str) -> str:
        """The header of a field's column; the field's name where the file has none."""
        return self.opened.fit.head[self.opened.fit.columns[name]] if name in self.opened.fit.columns else name

    def _count_unread(self, name: str, texts: pl.Series, read: pl.Series) -> None:
        there = texts.len() - texts.null_count()
        self.tally.cells[name] += there
        self.tally.unread[name] += there - (read.len() - read.null_count())

    def _with_zone(self, rows: pl.DataFrame, offsets: pl.Series | None) -> pl.DataFrame:
        """A column ``zone``: the row's own, that of its time's offset, the file's, the format's, or the user's."""
        nothing = pl.Series([None], dtype=pl.String()).new_from_index(0, rows.height)
        own = _zones(rows["zone"]) if "zone" in rows.columns else nothing
        stated = self.tally.stated.get("zone", "")
        fixed = stated if _is_zone(stated) else self.profile.zone if _is_zone(self.profile.zone) else None
        asked = self.answers.zone
        rows = rows.with_columns(own.alias("zone"))
        if "time" in rows.columns and (fixed or offsets is not None):
            unknown = pl.Series([None], dtype=pl.Int32()).new_from_index(0, rows.height)
            rows = rows.with_columns((unknown if offsets is None else offsets).alias("__offset"))
            rows = (
                self._moved(rows, asked, fixed)
                if asked
                else rows.with_columns(pl.coalesce("zone", _offset_text()).alias("zone"))
            )
            rows = rows.drop("__offset")
        if asked and not fixed and rows["zone"].null_count():
            self.tally.asked.add("--zone")
        return rows.with_columns(pl.col("zone").fill_null(pl.lit(fixed or asked, dtype=pl.String())))

    def _moved(self, rows: pl.DataFrame, zone: str, fixed: str | None) -> pl.DataFrame:
        """Instants in another zone, and the day with them where the file has no column of days.

        An instant has an offset of its own, or the zone that the file or its format fixes for all times.
        """
        utc = (pl.col("time") - pl.duration(minutes=pl.col("__offset"))).dt.replace_time_zone("UTC")
        if fixed is not None:
            local = pl.when(pl.col("zone").is_null()).then("time")
            # An hour that comes twice is the first of them; one that no clock showed is left as it is.
            utc = pl.coalesce(
                utc,
                local.dt.replace_time_zone(fixed, ambiguous="earliest", non_existent="null").dt.convert_time_zone(
                    "UTC"
                ),
            )
        there = utc.dt.convert_time_zone(zone).dt.replace_time_zone(None)
        rows = rows.with_columns(there.alias("__there"))
        knows = pl.col("__there").is_not_null()
        if rows["__there"].count():
            self.tally.asked.add("--zone")
        if fixed not in (None, zone) and (kept := rows.filter(~knows & pl.col("date").is_not_null()).height):
            said = f"Days without a time of day stay days of {fixed}; only a moment can be moved to another zone."
            self.tally.note("days_not_moved", said, kept)
        rows = rows.with_columns(
            pl.coalesce("__there", "time").alias("time"),
            pl.when(knows).then(pl.lit(zone)).otherwise("zone").alias("zone"),
        ).drop("__there")
        if "date" in self.profile.fields:
            return rows
        return rows.with_columns(pl.coalesce(pl.col("time").dt.date(), "date").alias("date"))

    def _with_currency(self, rows: pl.DataFrame) -> pl.DataFrame:
        stated = self.tally.stated.get("currency")
        whole = self.opened.fit.currency or stated or self.settled.currency
        own = pl.col("currency") if "currency" in rows.columns else pl.lit(None, dtype=pl.String())
        if "currency" in Layout(self.opened).bound:
            whole = None
        rows = rows.with_columns(own.alias("currency"))
        if whole is None and self.answers.currency and rows["currency"].null_count():
            self.tally.asked.add("--currency")
        filled = pl.lit(whole or self.answers.currency, dtype=pl.String())
        return rows.with_columns(pl.col("currency").fill_null(filled))


def _constant(column: ProfileField, height: int) -> pl.Series:
    """The same value in every row; unknown where the profile gives none."""
    kind = _KINDS.get(column.kind, pl.String())
    value: object = column.constant
    if column.kind in cells.NUMBER_KINDS:
        value = cells.number_in(column.constant, ".")
    return pl.Series([value], dtype=kind).new_from_index(0, height)


def _is_zone(name: str) -> bool:
    """Whether a text is an IANA time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return bool(name)


def _zones(texts: pl.Series) -> pl.Series:
    """Time zones of texts; null where a text is none that IANA knows."""
    return cells.by_text(texts, lambda text: text if _is_zone(text) else None, pl.String)


def _offset_text() -> pl.Expr:
    """An offset from UTC as a name: ``UTC`` or ``UTC+02:00``."""
    minutes = pl.col("__offset").abs()
    sign = pl.when(pl.col("__offset") < 0).then(pl.lit("-")).otherwise(pl.lit("+"))
    hours, rest = (part.cast(pl.String).str.zfill(2) for part in (minutes // 60, minutes % 60))
    return (
        pl.when(pl.col("__offset") == 0)
        .then(pl.lit("UTC"))
        .otherwise(pl.concat_str(pl.lit("UTC"), sign, hours, pl.lit(":"), rest))
    )
