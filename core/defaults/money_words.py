"""Media money as people write it: "30k EUR a month", "€30,000/month", "1m CNY in 90 days"."""

import re
from dataclasses import dataclass
from functools import cache

from xbopt.core.tables.reference_rates import rated_currencies

_PERIODS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12.0, "quarter": 365.25 / 4.0, "year": 365.25}
_SHORT = {
    "d": "day", "w": "week", "mo": "month", "yr": "year", "tag": "day", "tage": "day", "tagen": "day", "woche": "week",
    "wochen": "week", "monat": "month", "monate": "month", "monaten": "month", "quartal": "quarter", "jahr": "year",
    "jahre": "year", "p.d.": "day", "p.m.": "month", "p.a.": "year",
}  # fmt: skip
_ADVERBS = {
    "daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year", "annually": "year",
    "täglich": "day", "wöchentlich": "week", "monatlich": "month", "jährlich": "year", "p.m.": "month", "p.m": "month",
    "p.a.": "year", "p.a": "year",
}  # fmt: skip
_SIGNS = {"€": "EUR", "£": "GBP", "us$": "USD", "$": "USD", "₹": "INR", "zł": "PLN", "₩": "KRW"}
_WORDS = {
    "euro": "EUR", "euros": "EUR", "dollar": "USD", "dollars": "USD", "pound": "GBP", "pounds": "GBP",
    "yuan": "CNY", "rmb": "CNY", "yen": "JPY", "zloty": "PLN", "rupees": "INR",
    "franken": "CHF", "francs": "CHF", "pfund": "GBP",
}  # fmt: skip
_MULTIPLES = {
    "k": 1e3,
    "tsd": 1e3,
    "tausend": 1e3,
    "mrd": 1e9,
    "billion": 1e9,
    "mill": 1e6,
    "thousand": 1e3,
    "m": 1e6,
    "mn": 1e6,
    "mio": 1e6,
    "million": 1e6,
    "bn": 1e9,
}
# "shoes at 20k EUR" is no shop of Austria; in "de at 20k EUR", a list of codes in small letters, it is.
_BEFORE_MONEY = re.compile(r"(?<!\b[a-z]{2}\s)(?<!\b[a-z]{2},\s)(?<!\S)(?:at|@)\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Money of a period.

    Attributes:
        amount: How much in a period.
        currency: ISO 4217 code.
        period_days: Days of the period.
    """

    amount: float
    currency: str
    period_days: float

    def __str__(self) -> str:
        name = next((name for name, days in _PERIODS.items() if days == self.period_days), "")
        return f"{self.amount:,.10g} {self.currency} {f'a {name}' if name else f'in {self.period_days:g} days'}"

    @property
    def a_day(self) -> float:
        """How much a day."""
        return self.amount / self.period_days


def find_money(text: str) -> tuple[Money | None, str]:
    """The money of a period in a text, and the text without it; None where there is not exactly one.

    A sum needs a currency and a period: who leaves one out means something, and nobody knows what. The sign ¥ is that
    of two currencies and names none.
    """
    found = [match for match in _pattern().finditer(text) if _currency(match)]
    if len(found) != 1:
        return None, text
    match = found[0]
    rest = f"{_BEFORE_MONEY.sub('', text[: match.start()])} , {text[match.end() :]}"
    number = _number(match["number"]) * _MULTIPLES.get((match["multiple"] or "").lower().removesuffix("."), 1.0)
    if match["adverb"]:
        period = _PERIODS[_ADVERBS[match["adverb"].lower()]]
    else:
        unit = match["period"].lower()
        period = _PERIODS[_SHORT.get(unit, unit.removesuffix("s"))] * float(match["count"] or 1)
    currency = _currency(match)
    if not (number > 0.0 and period > 0.0 and currency):
        return None, text
    return Money(amount=number, currency=currency, period_days=period), rest


def find_order_value(text: str) -> tuple[tuple[float, str] | None, str]:
    """Amount and currency of "average order 85 EUR" in a text, and the text without it; None where it says none."""
    match = _order_pattern().search(text)
    currency = "" if match is None else _currency(match)
    if match is None or not currency:
        return None, text
    return (_number(match["number"]), currency), f"{text[: match.start()]} , {text[match.end() :]}"


def _currency(match: re.Match[str]) -> str:
    stated = {_code(match[group]) for group in ("before", "after") if match[group]}
    return stated.pop() if len(stated) == 1 else ""


def _code(word: str) -> str:
    lower = word.lower()
    return _SIGNS.get(lower) or _WORDS.get(lower) or word.upper()


def _number(text: str) -> float:
    """A number with either decimal sign; the last separator is decimal unless three digits follow it."""
    plain = re.sub(r"[' ]", "", text)
    whole, _, last = (
        plain.rpartition(max((",", "."), key=plain.rfind)) if re.search(r"[,.]", plain) else (plain, "", "")
    )
    if whole.strip("0") and len(last) == 3:  # thousands: 30,000 and 30.000, but not 0.001
        return float(re.sub(r"[,.]", "", plain))
    return float(re.sub(r"[,.]", "", whole) + (f".{last}" if last else ""))


def _money_words() -> str:
    signs = "|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True))
    names = "|".join((*rated_currencies(), *sorted(_WORDS, key=len, reverse=True)))
    return rf"{signs}|\b(?:{names})\b"


@cache
def _order_pattern() -> re.Pattern[str]:
    money = _money_words()
    return re.compile(
        r"\b(?:average|avg\.?|mean|durchschnittliche[rn]?|mittlere[rn]?)\s+(?:order|basket|bestellung|bestellwert|warenkorb)"
        rf"(?:\s+value)?(?:\s+(?:of|is|von|ist))?\s*[:=]?\s*(?:(?P<before>{money})\s*)?"
        rf"(?P<number>\d{{1,3}}(?:[,.]\d{{3}})+(?:[,.]\d{{1,2}})?|\d+(?:[,.]\d+)?)(?![\d.,]*\d)\s*(?P<after>{money})?",
        re.IGNORECASE,
    )


@cache
def _pattern() -> re.Pattern[str]:
    money = _money_words()
    return re.compile(
        rf"(?:(?P<before>{money})\s*)?"
        r"(?<![\d.,])(?P<number>\d{1,3}(?:[,.' ]\d{3})+(?:[,.]\d{1,2})?|\d+(?:[,.]\d+)?)"
        rf"\s*(?P<multiple>thousand|tausend|tsd\.?|million|mio\.?|mill\.?|mrd\.?|billion|mn|bn|k|m)?(?![a-z](?<!a))\s*(?P<after>{money})?"
        r"[\s,]*(?:(?P<adverb>daily|weekly|monthly|quarterly|yearly|annually|täglich|wöchentlich|monatlich|jährlich"
        r"|p\.[ma]\.?)(?!\w)"
        r"|(?:\b(?:an|a|per|each|every|in|for|over|within|pro|im|am|je|die|der)\b|/)\s*(?P<count>\d{1,4}(?:\.\d+)?)?\s*"
        r"(?P<period>days?|weeks?|months?|quarters?|years?|tag(?:en?)?|wochen?|monat(?:en?)?|quartal|jahre?|d|w|mo|yr)\b)",
        re.IGNORECASE,
    )
