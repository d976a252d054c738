"""Addresses and telephone numbers in texts, in the forms in which people write them."""

import re
from collections.abc import Callable, Sequence

import polars as pl

_INVISIBLE = r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]"
_DASHES = r"[\u2010-\u2015\u2212]"
_AT, _DOT = r"[(\[{]\s?at\s?[)\]}]", r"[(\[{]\s?dot\s?[)\]}]"
E_MAIL = (
    rf"(?i)[^\s@,;<>]+ ?(?:@|%40|{_AT}) ?[^\s@,;<>]+?(?:\.|\s?{_DOT}\s?|\sdot\s)[^\s@,;<>]+"
    r"|\S+\sat\s\S+\sdot\s\S+"
)
"""An e-mail address, also as it stands in links or is spelled out."""
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_SHORT_DATE = rf"{_DAY}[./-]{_MONTH}[./-]\d\d"
_DATE = (
    rf"\b(?:19|20)\d\d[-./]?{_MONTH}[-./]?{_DAY}\b|\b{_DAY}[./-]{_MONTH}[./-](?:19|20)\d\d\b"
    rf"|\b{_SHORT_DATE} ?- ?{_SHORT_DATE}\b"
)
_GAP = r"[ ()./-]{0,3}"
TELEPHONE = (
    rf"(?:^|[^\w])\+{_GAP}[1-9](?:{_GAP}\d){{7,}}"  # +49 170 5550001
    rf"|\b00?[1-9]\d{{8,12}}\b"  # 01705550001, 00491705550001
    rf"|\b0\d{{1,4}}[ ()./-]{{1,2}}\d{{2,}}(?:[ ()./-]{{0,2}}\d){{4,}}"  # 0170/5550001, 06 12 34 56 78
    r"|\b[2-9]\d{2}\)?[ .-]{1,2}\d{3}[ .-]\d{4}\b"  # (212) 555-0100
    r"|\b[1-9]\d{0,2} \(?\d{2,4}\)? (?:\d{6,}|\d{3,4}[ -]\d{4})\b"  # 49 170 5550001
    r"|\b1[3-9]\d{9}\b"  # 13800138000, a Chinese mobile
)
"""A telephone number: international, with a dialling code, North American, or Chinese."""
_ID_TELEPHONE = (
    rf"^\s*\+{_GAP}[1-9](?:{_GAP}\d){{7,}}\s*$|^00[1-9]\d{{8,12}}$"
    r"|^\((?:0\d{1,5}|[2-9]\d{2})\)[ ./-]{0,2}\d{2,}(?:[ ./-]{0,2}\d){4,}$"
    r"|^0\d{1,5}[ /][ ()./-]{0,2}\d{2,}(?:[ ()./-]{0,2}\d){4,}$"
)
"""An id that is nothing but a telephone number, by its plus, its 00, or its blanks, brackets and slashes.

Plain digits stay, and so do digits with dashes: shops number goods and orders so, and a table of costs is joined by it.
"""
_ORDER_WORDS = r"(?i)order|invoice|bestellung|auftrag|rechnung|commande|pedido|ordine|refund|return|retoure|shop|test"
_STREET = r"\p{L}{2,}\.?,? +\d+|\d+[a-z]?,? +\p{L}{2,}"
_LONGEST_REGION = 40
_LONG = r"(?<!\d)\d{10,13}(?!\d)"
_LONGEST = 13
_LETTERS = r"[\p{L}_]+"
"""What ends a number, as in tel01705550001."""


def plain_form(column: pl.Series) -> pl.Series:
    """Texts with full-width letters and digits as plain ones (NFKC), without what nobody sees, and with one dash."""
    if (column.str.len_bytes() == column.str.len_chars()).all():
        return column
    visible = column.str.normalize("NFKC").str.replace_all(_INVISIBLE, "")
    return visible.str.replace_all(_DASHES, "-")


def has_address(column: pl.Series) -> pl.Series:
    """Whether a text holds an e-mail address."""
    return plain_form(column).str.contains(E_MAIL).fill_null(value=False)


def is_contact(ids: pl.Series) -> pl.Series:
    """Whether an id holds an e-mail address, or is a telephone number."""
    return has_address(ids) | plain_form(ids).str.contains(_ID_TELEPHONE).fill_null(value=False)


def is_order_number(ids: pl.Series) -> pl.Series:
    """Whether an id is of digits and short groups of letters or usual words, as #1001, DE-2026-77 or ORDER-1001.

    What holds another word may hold a name.
    """
    plain = plain_form(ids).str.replace_all(_ORDER_WORDS, "")
    return (plain.str.contains(r"\d") & ~plain.str.contains(r"[A-Za-z]{4}|[^\P{L}A-Za-z]")).fill_null(value=True)


def is_place(regions: pl.Series) -> pl.Series:
    """Whether a text may be the name or code of a region: short, and no street with a number."""
    plain = plain_form(regions)
    return (~plain.str.contains(_STREET) & (plain.str.len_chars() <= _LONGEST_REGION)).fill_null(value=True)


def has_contact(column: pl.Series) -> pl.Series:
    """Whether a text holds an e-mail address or a telephone number."""
    # Names of goods and campaigns come back in many rows.
    texts = column.drop_nulls().unique()
    found = texts.filter(_have_contact(texts))
    return column.is_in(found.implode()).fill_null(value=False)


def _have_contact(texts: pl.Series) -> pl.Series:
    plain = plain_form(texts)
    # Most texts hold neither a sign of addresses nor seven digits in reach of each other.
    likely = plain.str.contains(rf"(?i)@|%40|{_AT}|\sat\s|(?:\d{_GAP}){{7}}").fill_null(value=False)
    if not likely.any():
        return likely
    no_dates = plain.str.replace_all(_LETTERS, "|").str.replace_all(_DATE, "|")
    found = plain.str.contains(E_MAIL) | no_dates.str.contains(TELEPHONE)
    return likely & found.fill_null(value=False)


def without_long_numbers(column: pl.Series, pseudonyms_of: Callable[[pl.Series], pl.Series]) -> tuple[pl.Series, int]:
    """Texts whose bare numbers of 10 to 13 digits have another name, and how many texts those are.

    Such a number may be an id of a campaign or somebody's telephone number with its country code; nothing tells. Its
    pseudonym keeps campaigns apart. Article numbers (GTIN-13) are known by their check digit, and stay.
    """
    texts = column.drop_nulls().unique(maintain_order=True)
    texts = texts.filter(texts.str.contains(r"\d"))
    plain = plain_form(texts)
    numbers = plain.str.extract_all(r"\d{10,}").explode().drop_nulls().unique(maintain_order=True)
    numbers = numbers.filter(
        pl.Series([len(each) <= _LONGEST and not _is_article(each) for each in numbers], dtype=pl.Boolean)
    )
    if numbers.is_empty():
        return column, 0
    names = dict(zip(numbers.to_list(), pseudonyms_of(numbers).str.slice(0, 10).to_list(), strict=True))
    named = pl.Series(
        [re.sub(_LONG, lambda match: names.get(match[0], match[0]), text) for text in plain], dtype=pl.String
    )
    changed = named != plain
    old = texts.filter(changed)
    return column.replace(old, named.filter(changed)), int(column.is_in(old.implode()).sum())


def without_personal(headers: Sequence[str]) -> tuple[str, ...]:
    """The headers that hold neither an address nor a long number, as where rows stand in the place of a head."""
    names = pl.Series(headers, dtype=pl.String)
    personal = has_contact(names) | plain_form(names).str.contains(r"\d{6}")
    return tuple(names.filter(~personal).to_list())


def _is_article(number: str) -> bool:
    """Whether the last of 13 digits is the check digit of those before it (GS1 General Specifications, 7.9)."""
    if len(number) != _LONGEST:
        return False
    weighed = sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(number[:12]))
    return (10 - weighed % 10) % 10 == int(number[12])
