"""The sentence by which a seller asks for a scenario: "home goods, CN to DE FR US, 30k EUR a month"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import cast

from xbopt.core.defaults.money_words import Money, find_money, find_order_value
from xbopt.core.errors import UsageError
from xbopt.core.tables.country_names import country_names, plain_name
from xbopt.core.tables.market_names import channel_kinds, countries, trades, words_for

EXAMPLE = "home goods, CN to DE FR US, 30k EUR a month"
MOST_COUNTRIES = 40
_UNION = {"eu": "EU", "european union": "EU", "europe": "EU", "europa": "EU", "europäische union": "EU"}
_GROUPS = {
    "dach": ("DE", "AT", "CH"),
    "benelux": ("BE", "NL", "LU"),
    "scandinavia": ("DK", "NO", "SE"),
    "skandinavien": ("DK", "NO", "SE"),
    "nordics": ("DK", "FI", "IS", "NO", "SE"),
    "baltics": ("EE", "LV", "LT"),
    "baltikum": ("EE", "LV", "LT"),
}
_TO = frozenset(("to", "into", "->", "→", "in", "nach"))
_FROM = frozenset(("from", "aus", "von", "ab", "made in", "produced in", "hergestellt in", "sourced in"))
_ON = frozenset(("on", "via", "auf", "über"))
"""What stands before names of channels: only there are words as shorts or display media."""
_BETWEEN = frozenset((",", ";", "&", "and", "or", "und", "oder", "sowie", ""))
"""What stands inside a list of countries and does not end it."""
_FILLER = frozenset(
    "a an the of for our we i are is sell selling seller goods products budget media spend with about around new "
    "shop online store women's men's womens mens ship shipped ships shipping campaign brand ads advertising "
    "wir verkaufen verkauf ich die der das dem den mit im für werbung werbebudget mediabudget waren produkte "
    "damen herren bei etwa rund ca ca. versand onlineshop".split()
)
_LANGUAGES = ("en", "de")
# Codes that are words as well: they count in capitals, or inside a list of countries.
_WORDS_TOO = frozenset(("at", "be", "is", "it", "my", "no", "us", "in", "me", "so", "to", "de", "es"))
_LONGEST = 4
_LEAST_LETTERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a seller wants a scenario for.

    Attributes:
        trade: What is sold: an id of the table of trades.
        origin: Where the goods come from: an ISO code, ``EU``, or ``any`` where the sentence does not say.
        countries: Where they are sold, by ISO code, in the sentence's order.
        money: Media money of a period.
        channels: Kinds of channels by id, in the sentence's order; empty where it names none.
        order_value: Net value of an order in the currency of the money; None where the sentence does not say it.
    """

    trade: str
    origin: str
    countries: tuple[str, ...]
    money: Money
    channels: tuple[str, ...] = ()
    order_value: float | None = None


@dataclass(slots=True)
class _Heard:
    """What was understood so far."""

    trades: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    countries: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    money: Money | None = None
    is_directed: bool = False
    """Whether a word or an arrow says which places are an origin and which are not."""

    def __str__(self) -> str:
        places = "to" if self.is_directed or not self.unknown else "places"
        parts = [
            f"trade {', '.join(self.trades)}" if self.trades else "",
            f"from {', '.join(self.origins)}" if self.origins else "",
            f"{places} {', '.join(self.countries)}" if self.countries else "",
            f"on {', '.join(self.channels)}" if self.channels else "",
            f"budget {self.money}" if self.money else "",
        ]
        return "; ".join(part for part in parts if part) or "nothing"


def read_wish(text: str) -> Wish:
    """Understand a sentence: trade, origin, countries, and media money of a period; in any order.

    Raises:
        UsageError: Something is missing, said twice or not understood; the message says what was understood.
    """
    order, without = find_order_value(text)
    money, rest = find_money(without)
    heard = _Heard(money=money)
    _hear_places(_tokens(rest), heard)
    if money is None and any(character.isdigit() for character in without):
        yen = "¥ is yen or yuan: write JPY or CNY. " if "¥" in text else ""
        raise _refused(
            heard, f"{yen}the budget must be one amount above 0 with its currency and period, as in 30k EUR a month."
        )
    if heard.unknown:
        raise _refused(
            heard,
            f"{', '.join(map(repr, heard.unknown))} is not understood. {_nearest(heard)}Numbers other than the budget "
            "go into options of their own, as --order-value and --gross-margin.",
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
        raise _refused(heard, "Europe is many markets: name its countries, as in DE FR IT ES NL, or DACH, Benelux.")
    if no_facts := [code for code in heard.countries if code not in countries()]:
        raise _refused(
            heard,
            f"there are no facts of {', '.join(map(_country_name, no_facts))} as a market, only as an origin. Markets: "
            f"{', '.join(countries())}.",
        )
    if len(heard.countries) > MOST_COUNTRIES:
        raise _refused(heard, f"{len(heard.countries)} countries are more than the {MOST_COUNTRIES} of a scenario.")
    if money is None:
        raise _refused(heard, "the budget is missing: an amount, a currency and a period, as in 30k EUR a month.")
    if order is not None and order[1] != money.currency:
        raise _refused(heard, f"the order is in {order[1]} and the budget in {money.currency}; state both in one.")
    origin = heard.origins[0] if heard.origins else "any"
    return Wish(
        trade=heard.trades[0],
        origin=origin,
        countries=tuple(heard.countries),
        money=money,
        channels=tuple(heard.channels),
        order_value=None if order is None else order[0],
    )


def _nearest(heard: _Heard) -> str:
    """What the words that were not understood may mean; the trades where none was named."""
    known = [word for word in (*_places(), *_GROUPS, *_trade_words()) if len(word) >= _LEAST_LETTERS]
    near = {word: get_close_matches(word.lower(), known, n=1, cutoff=0.8) for word in heard.unknown}
    meant = "".join(f"Did you mean {match[0]!r} by {word!r}? " for word, match in near.items() if match)
    if heard.trades:
        return meant
    return f"{meant}What is sold is one of {', '.join(trades())}; general holds for anything. "


def _refused(heard: _Heard, why: str) -> UsageError:
    language = "" if heard.is_directed or not heard.unknown else "Sentences are read in English and German. "
    return UsageError(f'--for: {why} {language}Understood: {heard}. Write it as in "{EXAMPLE}".')


def _tokens(text: str) -> list[str]:
    return re.findall(r"->|→|,|;|&|[^\s,;&→]+?(?=->|[\s,;&→]|$)", text)


def _hear_places(tokens: list[str], heard: _Heard) -> None:
    """Read trades and places off the tokens; a place is an origin after ``from`` or before ``to``."""
    before: list[str] = []  # places that no word has told yet whether they are origin or destination
    mode, last_was_place, names_media, i = "", False, False, 0
    while i < len(tokens):
        length, kind, value = _longest(tokens[i:], in_list=last_was_place, names_media=names_media)
        if kind == "trade":
            heard.trades += [value] if value not in heard.trades else []
        elif kind == "place":
            for place in _GROUPS.get(value, (value,)):
                _put(place, mode, before, heard)
            mode = "to" if mode == "from" else mode
        elif kind == "to":
            heard.is_directed = True
            heard.origins += [place for place in before if place not in heard.origins]
            before.clear()
            mode = "to"
        elif kind == "from":
            heard.is_directed = True
            mode = "from"
        elif kind == "channel":
            heard.channels += [value] if value not in heard.channels else []
        elif kind == "unknown":
            heard.unknown.append(value)
        last_was_place = kind in ("place", "to", "from") or (last_was_place and kind == "between")
        names_media = kind in ("on", "channel") or (names_media and kind == "between")
        i += length
    heard.countries += [place for place in before if place not in heard.countries]


def _put(place: str, mode: str, before: list[str], heard: _Heard) -> None:
    if mode == "from":
        heard.origins += [place] if place not in heard.origins else []
    elif mode == "to":
        heard.countries += [place] if place not in heard.countries else []
    else:
        before.append(place)


def _longest(tokens: list[str], *, in_list: bool, names_media: bool) -> tuple[int, str, str]:
    """The longest run of tokens that means something: its length, kind and value."""
    for length in range(min(_LONGEST, len(tokens)), 0, -1):
        words = " ".join(tokens[:length])
        if (found := _meaning(words, in_list=in_list, names_media=names_media)) is not None:
            return length, *found
    return 1, "unknown", tokens[0]


def _meaning(words: str, *, in_list: bool, names_media: bool) -> tuple[str, str] | None:
    lower = words.lower().strip(".:!?\"'()")
    if lower in _BETWEEN:
        return "between", ""
    if names_media and (channel := words_for(channel_kinds()).get(lower)) is not None:
        return "channel", channel.id
    if lower in _ON:
        return "on", ""
    if lower in _GROUPS:
        return "place", lower
    is_code = words.isupper() or lower not in _WORDS_TOO or (in_list and lower not in _TO)
    if is_code and (place := _places().get(lower)) is not None:
        return "place", place
    for kind, known in (("to", _TO), ("from", _FROM)):
        if lower in known:
            return kind, ""
    if (trade := _trade_words().get(lower)) is not None:
        return "trade", trade
    if lower in _FILLER:
        return "pause", ""
    return None if (place := _inflected_places().get(plain_name(lower))) is None else ("place", place)


@cache
def _places() -> dict[str, str]:
    """Countries by every word for them; of those without facts, which can be an origin, by names alone."""
    names = {
        name.lower(): code
        for language in _LANGUAGES
        for code, name in _territories(language).items()
        if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
    }
    return names | {word: place.id for word, place in words_for(countries()).items()} | _UNION


@cache
def _inflected_places() -> dict[str, str]:
    """Countries by their names in any language that imports read, and as German writes them after ``in`` or ``aus``."""
    names = dict(country_names())
    for name, code in country_names().items():
        dative = re.sub(r"(?<=\w{3}e)\b|(?<=\w{3}e)s\b(?= )", "n", name)
        names.setdefault(re.sub(r"(?<=\w{3})ate\b", "aten", dative), code)
    return names


# Territories of Unicode that are no countries: Europe, the euro area, the United Nations, unknown and test ones.
_NO_COUNTRIES = frozenset(("EU", "EZ", "UN", "ZZ", "XA", "XB", "QO"))


def _territories(language: str) -> Mapping[str, str]:
    """Names by code."""
    from babel import Locale

    return cast("Mapping[str, str]", Locale(language).territories)


def _country_name(code: str) -> str:
    return _territories("en").get(code, code)


@cache
def _trade_words() -> dict[str, str]:
    return {word: trade.id for word, trade in words_for(trades()).items()}
