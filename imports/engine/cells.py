"""Cells of a file, whole columns at a time: texts, numbers, days, times, hours and countries."""

import re
from collections.abc import Callable, Mapping
from functools import cache

import polars as pl

from xbopt.core.spreadsheets.dates import DateForm
from xbopt.core.spreadsheets.numbers import Decimal, currencies_of, number_of
from xbopt.core.spreadsheets.sheet import typed

NUMBER_KINDS = frozenset({"money", "number", "count"})
MISSING = frozenset(
    ("", "-", "--", "\N{EM DASH}", "\N{EN DASH}", "n/a", "#n/a", "na", "nan", "null", "none", "(not set)", "not set")
)
"""Texts that mean unknown, in small letters."""
_AROUND = " \t\r\n\v\f\u00a0\u2007\u2009\u202f\u3000\ufeff\u200b\u2060"
_WHOLE = r"^[+-]?\d+$"
_MOMENT = (
    r"^(?P<day>.+?)(?:[T\s]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<offset>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?(?:\|\d{1,2})?$"
)
_CENSORED = re.compile(r"\s*[<>]")
_FLAGS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "yes", "y", "1", "new", "ja", "wahr", "是"), True),
    **dict.fromkeys(("false", "no", "n", "0", "returning", "nein", "falsch", "否"), False),
}
RUINED_ID = r"^\d(?:[.,]\d+)?[eE]\+?\d{2}$"
"""A long number as spreadsheets shorten it."""
_FEWEST_ZEROS, _FEWEST_BINARY = 3, 4
"""Rounded digits, and ids without a remainder, that chance makes once in a thousand files."""


def texts_of(column: pl.Series, missing: frozenset[str] = MISSING) -> pl.Series:
    """A column's texts without what spreadsheets and exports put around them; null where they mean unknown."""
    plain = column.str.strip_chars(_AROUND)
    if plain.str.starts_with('="').any():
        bare = plain.str.strip_prefix('="').str.strip_suffix('"')
        plain = plain.zip_with(~plain.str.starts_with('="').fill_null(value=False), bare)
    if plain.str.starts_with("'").any():
        plain = plain.str.strip_prefix("'").str.strip_chars(_AROUND)
    spelled = {form for text in missing for form in (text, text.upper(), text.capitalize(), "NaN")}
    return plain.set(plain.is_in(sorted(spelled)), None)


def are_rounded(ids: pl.Series) -> bool:
    """Whether all long ids were numbers in between, so that different ones may have become alike.

    Spreadsheets keep 15 digits and write zeros for the rest. Programs keep binary numbers of 53 bits (IEEE 754), so
    that from 17 digits on no remainder is left; shorter ones prove nothing.
    """
    digits = ids.drop_nulls().unique().str.replace_all(r"[,.' \u00a0\u202f]", "")
    long = digits.filter(digits.str.contains(r"^\d{16,19}$"))
    if long.is_empty():
        return False
    if long.str.contains(r"^\d{15}0+$").all():
        return int((long.str.len_chars() - 15).sum()) >= _FEWEST_ZEROS
    whole = long.cast(pl.UInt64)
    bits = whole.cast(pl.Float64).cast(pl.UInt64)
    return bool((long.str.len_chars() >= 17).all() and (bits == whole).all()) and long.len() >= _FEWEST_BINARY


def currency_code(text: str) -> str | None:
    """The code of a currency, written as code or sign; None where it is none, or the sign of several."""
    code = text.strip().upper()
    signs = currencies_of(text) or ()
    return code if code in _currencies() else next(iter(signs)) if len(signs) == 1 else None


@cache
def _currencies() -> frozenset[str]:
    from babel.numbers import list_currencies

    return frozenset(list_currencies())


def numbers_of(column: pl.Series, decimal: Decimal) -> pl.Series:
    """Numbers of texts; null where a text is none, or says only that a value is below or above something."""
    # What a machine wrote needs no thought, and that is nearly all of a large file.
    plain = column if decimal == "." else column.set(~column.str.contains(_WHOLE).fill_null(value=False), None)
    fast = plain.cast(pl.Float64, strict=False)
    fast = fast.set(~fast.is_finite().fill_null(value=True), None)
    rest = column.is_not_null() & fast.is_null()
    if not rest.any():
        return fast
    return fast.fill_null(by_text(column.set(~rest, None), lambda text: _number(text, decimal), pl.Float64))


def _number(text: str, decimal: Decimal) -> float | None:
    plain = typed(text)
    return None if plain is None or plain == "-" or _CENSORED.match(plain) else number_of(plain, decimal)


def day_texts(column: pl.Series) -> pl.Series:
    """The part of each text that names the day, without time of day and offset."""
    return column.str.extract(_MOMENT, 1)


def days_of(column: pl.Series, form: DateForm) -> pl.Series:
    """Days of texts in one form; null where a text is none."""
    return by_text(day_texts(column), form.read, pl.Date)


def times_of(column: pl.Series, form: DateForm) -> pl.DataFrame:
    """Columns ``day``, ``time`` and ``offset_minutes`` of texts; a time without its hour is null, as is an offset."""
    parts = column.str.extract_groups(_MOMENT).struct.unnest()
    half = pl.col("half").str.to_lowercase().str.slice(0, 1)
    hour = pl.col("hour").cast(pl.Int32)
    hour = pl.when(half == "p").then(hour % 12 + 12).when(half == "a").then(hour % 12).otherwise(hour)
    signed = pl.when(pl.col("offset").str.starts_with("-")).then(-1).otherwise(1)
    digits = pl.col("offset").str.replace_all(r"\D", "")
    minutes = signed * (digits.str.slice(0, 2).cast(pl.Int32) * 60 + digits.str.slice(2, 2).cast(pl.Int32))
    named = pl.col("offset").is_in(["Z", "UTC", "GMT"])
    seconds = (
        hour * 3600 + pl.col("minute").cast(pl.Int32).fill_null(0) * 60 + pl.col("second").cast(pl.Int32).fill_null(0)
    )
    return (
        parts.with_columns(day=by_text(parts["day"], form.read, pl.Date))
        .with_columns(offset_minutes=pl.when(named).then(0).otherwise(minutes))
        .with_columns(
            time=pl.when(hour < 24).then(pl.col("day").cast(pl.Datetime("us")) + pl.duration(seconds=seconds))
        )
        .select("day", "time", "offset_minutes")
    )


def hours_of(column: pl.Series) -> pl.Series:
    """Hours 0 to 23 of texts as ``19``, ``19:00:00 - 19:59:59``, ``2026-09-03 19:00:00`` or ``2026-09-03|19``."""
    alone = column.str.extract(r"^(\d{1,2})(?::\d{2})?(?::\d{2})?(?:\s*-.*)?$", 1)
    behind = column.str.extract(r"\d[T\s|]+(\d{1,2})(?::\d{2})?(?::\d{2})?(?:\s*[+-].*)?$", 1)
    hour = alone.fill_null(behind).cast(pl.Int8, strict=False)
    return hour.set((hour > 23) | (hour < 0), None)


def flags_of(column: pl.Series) -> pl.Series:
    """Truth values of texts."""
    return by_text(column, lambda text: _FLAGS.get(text.casefold()), pl.Boolean)


def mapped(column: pl.Series, values: Mapping[str, str | None]) -> pl.Series:
    """What texts mean by a profile's list, without regard to case; null where they are not in it."""
    meanings = {name.strip().casefold(): value for name, value in values.items()}
    return by_text(column, lambda text: meanings.get(text.strip().casefold()), pl.String)


def by_text(column: pl.Series, read: "Callable[[str], object]", kind: "pl.DataType | type[pl.DataType]") -> pl.Series:
    """Read each distinct text once."""
    texts = column.drop_nulls().unique()
    meaning = pl.Series([read(text) for text in texts], dtype=kind)
    return column.replace_strict(texts, meaning, default=None, return_dtype=kind)


def number_in(text: str | None, decimal: Decimal) -> float | None:
    """The number in one cell."""
    return None if text is None else _number(text, decimal)
