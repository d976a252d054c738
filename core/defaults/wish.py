"""The sentence by which a seller asks for a scenario: "home goods, CN to DE FR US, 30k EUR a month"."""

import re
from dataclasses import dataclass, field
from functools import cache

from xbopt.core.defaults.money_words import Money, find_money
from xbopt.core.errors import UsageError
from xbopt.core.tables.market_names import countries, trades, words_for

EXAMPLE = "home goods, CN to DE FR US, 30k EUR a month"
MOST_COUNTRIES = 40
_UNION = {"eu": "EU", "european union": "EU"}
_TO = frozenset(("to", "into", "->", "→", "in"))
_FROM = frozenset(("from",))
_FILLER = frozenset(
    "a an and or the of for our we i sell selling seller goods products budget media spend with on about around new "
    "shop online store women's men's womens mens & ship shipped ships shipping made campaign".split()
)
# Codes that are English words as well: they count in capitals, or inside a list of countries.
_WORDS_TOO = frozenset(("at", "be", "is", "it", "my", "no", "us", "in", "me", "so", "to"))
_LONGEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a seller wants a scenario for.

    Attributes:
        trade: What is sold: an id of the table of trades.
        origin: Where the goods come from: an ISO code, ``EU``, or ``any`` where the sentence does not say.
        countries: Where they are sold, by ISO code, in the sentence's order.
        money: Media money of a period.
    """

    trade: str
    origin: str
    countries: tuple[str, ...]
    money: Money


@dataclass(slots=True)
class _Heard:
    """What was understood so far."""

    trades: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    countries: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    money: Money | None = None

    def __str__(self) -> str:
        parts = [
            f"trade {', '.join(self.trades)}" if self.trades else "",
            f"from {', '.join(self.origins)}" if self.origins else "",
            f"to {', '.join(self.countries)}" if self.countries else "",
            f"budget {self.money}" if self.money else "",
        ]
        return "; ".join(part for part in parts if part) or "nothing"


def read_wish(text: str) -> Wish:
    """Understand a sentence: trade, origin, countries, and media money of a period; in any order.

    Raises:
        UsageError: Something is missing, said twice or not understood; the message says what was understood.
    """
    money, rest = find_money(text)
    heard = _Heard(money=money)
    _hear_places(_tokens(rest), heard)
    if money is None and any(character.isdigit() for character in text):
        yen = "¥ is yen or yuan: write JPY or CNY. " if "¥" in text else ""
        heard.unknown.clear()
        raise _refused(
            heard, f"{yen}the budget must be one amount above 0 with its currency and period, as in 30k EUR a month."
        )
    if heard.unknown:
        raise _refused(
            heard,
            f"{', '.join(map(repr, heard.unknown))} is not understood. Trades: {', '.join(trades())}. Numbers other "
            "than the budget go into options of their own, as --order-value and --gross-margin.",
        )
    if not heard.trades:
        raise _refused(heard, f"what is sold is missing: one of {', '.join(trades())}.")
    if len(heard.trades) > 1:
        raise _refused(heard, "a scenario is made for one trade; name one, or general.")
    if len(heard.origins) > 1:
        raise _refused(heard, "the goods come from one country; write it before 'to', as in CN to DE FR.")
    if not heard.countries:
        raise _refused(heard, "the countries to sell to are missing, as in: to DE FR US.")
    if "EU" in heard.countries:
        raise _refused(heard, "the European Union is many markets: name its countries, as in DE FR IT.")
    if len(heard.countries) > MOST_COUNTRIES:
        raise _refused(heard, f"{len(heard.countries)} countries are more than the {MOST_COUNTRIES} of a scenario.")
    if money is None:
        raise _refused(heard, "the budget is missing: an amount, a currency and a period, as in 30k EUR a month.")
    origin = heard.origins[0] if heard.origins else "any"
    return Wish(trade=heard.trades[0], origin=origin, countries=tuple(heard.countries), money=money)


def _refused(heard: _Heard, why: str) -> UsageError:
    return UsageError(f'--for: {why} Understood: {heard}. Write it as in "{EXAMPLE}".')


def _tokens(text: str) -> list[str]:
    return re.findall(r"->|→|,|;|&|[^\s,;&→]+?(?=->|[\s,;&→]|$)", text)


def _hear_places(tokens: list[str], heard: _Heard) -> None:
    """Read trades and places off the tokens; a place is an origin after ``from`` or before ``to``."""
    before: list[str] = []  # places that no word has told yet whether they are origin or destination
    mode, last_was_place, i = "", False, 0
    while i < len(tokens):
        length, kind, value = _longest(tokens[i:], in_list=last_was_place or mode != "")
        if kind == "trade":
            heard.trades += [value] if value not in heard.trades else []
        elif kind == "place":
            _put(value, mode, before, heard)
            mode = "to" if mode == "from" else mode
        elif kind == "to":
            heard.origins += [place for place in before if place not in heard.origins]
            before.clear()
            mode = "to"
        elif kind == "from":
            mode = "from"
        elif kind == "unknown":
            heard.unknown.append(value)
        last_was_place = kind == "place" or (last_was_place and kind == "pause")
        i += length
    heard.countries += [place for place in before if place not in heard.countries]


def _put(place: str, mode: str, before: list[str], heard: _Heard) -> None:
    if mode == "from":
        heard.origins += [place] if place not in heard.origins else []
    elif mode == "to":
        heard.countries += [place] if place not in heard.countries else []
    else:
        before.append(place)


def _longest(tokens: list[str], *, in_list: bool) -> tuple[int, str, str]:
    """The longest run of tokens that means something: its length, kind and value."""
    for length in range(min(_LONGEST, len(tokens)), 0, -1):
        words = " ".join(tokens[:length])
        if (found := _meaning(words, in_list=in_list)) is not None:
            return length, *found
    return 1, "unknown", tokens[0]


def _meaning(words: str, *, in_list: bool) -> tuple[str, str] | None:
    lower = words.lower().strip(".:!?\"'()")
    if not lower or lower in (",", ";"):
        return "pause", ""
    is_code = words.isupper() or lower not in _WORDS_TOO or (in_list and lower not in _TO)
    if is_code and (place := _places().get(lower)) is not None:
        return "place", place
    for kind, known in (("to", _TO), ("from", _FROM)):
        if lower in known:
            return kind, ""
    if (trade := _trade_words().get(lower)) is not None:
        return "trade", trade
    return ("pause", "") if lower in _FILLER else None


@cache
def _places() -> dict[str, str]:
    return {word: place.id for word, place in words_for(countries()).items()} | _UNION


@cache
def _trade_words() -> dict[str, str]:
    return {word: trade.id for word, trade in words_for(trades()).items()}
