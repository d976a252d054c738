"""Numbers as people write them: thousands separators, decimal commas, currency and percent signs."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from xbopt.core.spreadsheets.sheet import Cell

Decimal = Literal[".", ","]

_GROUPING_BLANKS = re.compile(r"(?<=\d)[\s'\u2019](?=\d{3})")
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# Groups of three; in India the last has three, and the others two.
_GROUPS = r"[+-]?\d{{1,3}}(?:(?:{sign}\d{{3}})+|(?:{sign}\d{{2}})+{sign}\d{{3}})"
_GROUPED = re.compile(f"{_GROUPS.format(sign='[.]')}|{_GROUPS.format(sign=',')}")
_OPEN = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")

# Which currencies a sign stands for; a code of three letters stands for itself.
_CURRENCIES: Mapping[str, frozenset[str]] = {
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP"}),
    "¥": frozenset({"CNY", "JPY"}),
    "cn¥": frozenset({"CNY"}),
    "rmb": frozenset({"CNY"}),
    "元": frozenset({"CNY", "TWD", "HKD"}),
    "円": frozenset({"JPY"}),
    "₩": frozenset({"KRW"}),
    "₹": frozenset({"INR"}),
    "₱": frozenset({"PHP"}),
    "₺": frozenset({"TRY"}),
    "₫": frozenset({"VND"}),
    "฿": frozenset({"THB"}),
    "₽": frozenset({"RUB"}),
    "zł": frozenset({"PLN"}),
    "kč": frozenset({"CZK"}),
    "ft": frozenset({"HUF"}),
    "fr": frozenset({"CHF"}),
    "kr": frozenset({"DKK", "ISK", "NOK", "SEK"}),
    "$": frozenset({"AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD", "USD"}),
    "us$": frozenset({"USD"}),
    "a$": frozenset({"AUD"}),
    "au$": frozenset({"AUD"}),
    "c$": frozenset({"CAD"}),
    "ca$": frozenset({"CAD"}),
    "hk$": frozenset({"HKD"}),
    "mx$": frozenset({"MXN"}),
    "nt$": frozenset({"TWD"}),
    "nz$": frozenset({"NZD"}),
    "r$": frozenset({"BRL"}),
    "s$": frozenset({"SGD"}),
}
_CODES = frozenset(
    {code for codes in _CURRENCIES.values() for code in codes} | {"AED", "BGN", "ILS", "RON", "SAR", "ZAR"}
)
_SIGN = re.compile(
    r"(?<![^\W\d_])(?:"
    + "|".join(map(re.escape, sorted(_CURRENCIES, key=len, reverse=True)))
    + "|"
    + "|".join(sorted(_CODES))
    + r"|(?-i:[A-Z]{3}))\.?(?![^\W\d_])",
    re.IGNORECASE,
)


def is_in_another_currency(text: Cell, currency: str) -> bool:
    """Whether an amount, or what stands above amounts, has the sign or code of a currency that is not ``currency``."""
    if not isinstance(text, str):
        return False
    signs = [sign[0].casefold().rstrip(".") for sign in _SIGN.finditer(text)]
    return any(currency not in _CURRENCIES.get(sign, {sign.upper()}) for sign in signs)


def currencies_of(text: str) -> frozenset[str] | None:
    """The currencies that an amount may be in by its sign or code; None where it has none. A ``$`` is many."""
    found = _SIGN.search(text)
    if found is None:
        return None
    sign = found[0].casefold().rstrip(".")
    return _CURRENCIES.get(sign, frozenset({sign.upper()}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A number's text without what decorates it."""

    digits: str
    percent: bool


def undressed(text: str) -> Written:
    """Take currency, percent sign, grouping blanks and the brackets of a negative amount off a number's text."""
    plain = text
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1]}"
    percent = plain.endswith("%") or plain.startswith("%")
    plain = plain.strip("% ")
    if not _PLAIN.fullmatch(plain):
        plain = _SIGN.sub("", plain)
    digits = _GROUPING_BLANKS.sub("", plain.strip()).replace(" ", "")
    # Accounts write a dash for nothing.
    return Written(digits="0" if digits == "-" else digits, percent=percent)


def decimal_evidence(text: str) -> Decimal | Literal["open"] | None:
    """Which sign is the decimal point of a number: known from its form, open (``1.234``), or None without any."""
    digits = undressed(text).digits
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        return "." if digits.rindex(".") > digits.rindex(",") else ","
    if not points + commas:
        return None
    sign, other = (".", ",") if points else (",", ".")
    if points + commas > 1:  # several of one kind can only group
        return other if _GROUPED.fullmatch(digits) else None
    return "open" if _OPEN.fullmatch(digits) else sign


def decimal_sign(cells: Iterable[Cell], *, separator: str | None) -> Decimal | None:
    """The decimal sign of all numbers of a file; None where the file leaves it open and it matters.

    A file whose columns are separated by commas comes from a country that writes a decimal point.

    Args:
        cells: All cells of the file's columns of numbers.
        separator: What separates its columns; None for a workbook.
    """
    evidence = {decimal_evidence(cell) for cell in cells if isinstance(cell, str)}
    if evidence & {".", ","}:
        return "," if "," in evidence and "." not in evidence else "."
    return None if "open" in evidence and separator != "," else "."


def number_of(cell: Cell, decimal: Decimal) -> float | None:
    """The number in a cell; a percentage is divided by 100. None where it is no finite number in this form."""
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if not isinstance(cell, str):
        return None
    written = undressed(cell)
    group = "," if decimal == "." else "."
    whole, point, rest = written.digits.partition(decimal)
    if group in whole:
        if not re.fullmatch(_GROUPS.format(sign=re.escape(group)), whole):
            return None
        whole = whole.replace(group, "")
    plain = whole + ("." if point else "") + rest
    if not _PLAIN.fullmatch(plain) or not math.isfinite(number := float(plain)):
        return None
    return number / 100.0 if written.percent else number


def is_percentage(cell: Cell) -> bool:
    """Whether a cell is written with a percent sign."""
    return isinstance(cell, str) and undressed(cell).percent
