"""The words of a change: numbers, days and names in them, as planners write them.

Names are ids, readable names or country codes, in any case. A percentage may have a decimal comma.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.spreadsheets.numbers import decimal_evidence, is_in_another_currency, number_of
from xbopt.core.spreadsheets.sheet import typed

NUMBER = r"\d+(?:[.,]\d+)?"
PERCENT = rf"(?P<percent>[+\-]?{NUMBER})\s*%"
FROM = r"(?:\s+from\s+(?P<day>\S+))?"
_FILLERS = {"of", "from", "to", "in", "for", "the", "on"}
# Said in words, before a number or behind it.
_SAID = (
    (re.compile(r"\b(?:minus|down|falls?)\s+(?:by\s+)?(?=\d)", re.IGNORECASE), "-"),
    (re.compile(r"\b(?:plus|up|rises?)\s+(?:by\s+)?(?=\d)", re.IGNORECASE), "+"),
    (re.compile(r"(?<=\d)\s*(?:per\s?cent|pct\.?|prozent)(?!\w)", re.IGNORECASE), "%"),
    (re.compile(r"\bby\s+(?=[+\-]\d)", re.IGNORECASE), ""),
    (re.compile(r"(?<!\S)([+\-])\s+(?=\d)"), r"\1"),
)


def plain_words(text: str) -> str:
    """A change as its forms are written: plain blanks and signs, ``-`` for minus and ``%`` for per cent."""
    words = typed(text) or ""
    for said, sign in _SAID:
        words = said.sub(sign, words)
    return words


def about(subject: str, name: str, *, dated: bool = False) -> str:
    """The pattern of a percentage of a subject, with a name before the subject, or before or behind the percentage."""
    behind = rf"(?:\s+(?P<{name}_3>(?!from\b).+?))??{FROM}" if dated else rf"(?:\s+(?P<{name}_3>.+))?"
    return rf"(?:(?P<{name}_1>.+?)\s+)?(?:{subject})(?:\s+(?P<{name}_2>.+?))?\s+(?:to\s+)?{PERCENT}{behind}"


@dataclass(frozen=True, slots=True)
class Words:
    """A text that fits a form.

    Attributes:
        text: The text as it was given.
        scenario: What it speaks of.
        parts: The groups of the form's pattern; those of one name with other numbers behind it say the same.
    """

    text: str
    scenario: Scenario
    parts: Mapping[str, str | None]

    def part(self, name: str) -> str:
        """What the text says in a place; empty where it says nothing.

        Raises:
            UsageError: It names two.
        """
        groups = (part for group, part in self.parts.items() if part and re.fullmatch(rf"{name}(_\d)?", group))
        found = [plain for part in groups if (plain := _without_fillers(part))]
        if len(found) > 1:
            raise self.wrong(f"Name one of {' and '.join(map(repr, found))}, not both.")
        return found[0] if found else ""

    @property
    def frac(self) -> float:
        """The percentage as a share, with its sign."""
        return self.number(self.part("percent")) / 100.0

    @property
    def has_sign(self) -> bool:
        """Whether the percentage has a sign, and so is a change."""
        return self.part("percent")[0] in "+-"

    @property
    def change(self) -> float:
        """The percentage where a sign is needed: 5 % may be the new value or the change."""
        if not self.has_sign:
            number = self.part("percent")
            raise self.wrong(f"Write +{number}% or -{number}%: a change has a sign.")
        if self.frac <= -1.0:
            raise self.wrong("Nothing can fall by 100 % or more here.")
        return self.frac

    def number(self, text: str) -> float:
        """A number; ``1,000`` and ``1.000`` have two readings and are refused."""
        if decimal_evidence(text) == "open":
            whole, parted = re.sub(r"[.,]", "", text), float(text.replace(",", "."))
            raise self.wrong(f"{text} can be read in two ways; write {whole} or {parted:g}.")
        found = number_of(text, "," if decimal_evidence(text) == "," else ".")
        if found is None:
            raise self.wrong(f"{text!r} is no number.")
        return found

    def amount(self, text: str) -> float:
        """An amount of money in the base currency."""
        base = self.scenario.base_currency
        if is_in_another_currency(text, base):
            raise self.wrong(f"{text} is in another currency; the budget is in {base}.")
        return self.number(text)

    @property
    def day(self) -> date:
        """The day that is named; the first day where none is."""
        return self.date(self.part("day")) if self.part("day") else self.scenario.start

    def date(self, text: str) -> date:
        """A day of the horizon."""
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise self.wrong(f"There is no day {text}; write YYYY-MM-DD.") from None
        last = self.scenario.date_of(self.scenario.days - 1)
        if not self.scenario.start <= day <= last:
            raise self.wrong(f"{text} is not a day of the horizon, {self.scenario.start} to {last}.")
        return day

    def wrong(self, what: str) -> UsageError:
        """The error that says so."""
        return UsageError(f"what-if {self.text!r}: {what}")

    def region(self, name: str = "region") -> str | None:
        """The id of the region that is named, by id, name or country; None where none is."""
        return self.named(self.part(name), "region", regions_of(self.scenario)) if self.part(name) else None

    def regions(self) -> list[str]:
        """The same as a list; all where none is named."""
        region = self.region()
        return list(self.scenario.regions) if region is None else [region]

    def channel(self, text: str) -> str:
        """The id of a channel."""
        return self.named(text, "channel", channels_of(self.scenario))

    def currency(self, text: str) -> str:
        """The code of a currency."""
        codes = self.scenario.document.market.currencies
        return self.named(text, "currency", {code.casefold(): code for code in codes})

    def named(self, text: str, kind: str, names: Mapping[str, str], others: Mapping[str, str] | None = None) -> str:
        """The id of a name.

        Args:
            text: The name.
            kind: What it names, for the message.
            names: Ids by name, in small letters.
            others: Further names that would be understood, for the message.
        """
        found = names.get(_key(text))
        if found is None:
            wider = {**(others or {}), **names}
            known = ", ".join(dict.fromkeys([*names.values(), *(others or {}).values()]))
            raise self.wrong(f"There is no {kind} {text!r}.{suggest(text, wider)} Here: {known}.")
        return found

    def split(self) -> tuple[str, str, str | None]:
        """``FROM TO [REGION]`` of a move; names may have blanks."""
        channels, regions = (_bare(names) for names in (channels_of(self.scenario), regions_of(self.scenario)))
        words = _without_any_filler(_key(self.part("names"))).split()
        for i in range(1, len(words)):
            for j in range(i + 1, len(words) + 1):
                source, target, place = (" ".join(part) for part in (words[:i], words[i:j], words[j:]))
                if source in channels and target in channels and (not place or place in regions):
                    return channels[source], channels[target], regions.get(place)
        if len(words) < 2:
            raise self.wrong("Name the channel to take from and the channel to give to.")
        for word in words[:2]:
            self.channel(word)
        self.named(" ".join(words[2:]), "region", regions)
        raise AssertionError("one of the names is unknown")


def regions_of(scenario: Scenario) -> dict[str, str]:
    """Regions by country, name and id; a country of several regions names none of them."""
    found = scenario.document.market.regions
    countries = [region.country for region in found]
    names = {_key(region.country): region.id for region in found if countries.count(region.country) == 1}
    return names | {_key(region.name): region.id for region in found if region.name} | {_key(r.id): r.id for r in found}


def channels_of(scenario: Scenario) -> dict[str, str]:
    """Channels by name and id."""
    found = scenario.document.channels
    return {_key(channel.name): channel.id for channel in found if channel.name} | {_key(c.id): c.id for c in found}


def products_of(scenario: Scenario) -> dict[str, str]:
    """Products by name and id."""
    found = scenario.document.products
    return {_key(product.name): product.id for product in found if product.name} | {_key(p.id): p.id for p in found}


def _key(text: str) -> str:
    return (typed(text.strip("'\"")) or "").casefold()


def _bare(names: Mapping[str, str]) -> dict[str, str]:
    return {_without_any_filler(name): found for name, found in names.items()}


def _without_any_filler(text: str) -> str:
    return " ".join(word for word in text.split() if word not in _FILLERS)


def _without_fillers(part: str) -> str:
    return re.sub(rf"^(?:(?:{'|'.join(sorted(_FILLERS))})(?:\s+|$))+", "", part.strip(), flags=re.IGNORECASE)
