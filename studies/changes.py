"""Changes of a scenario or a plan in words, as in ``EUR -5%`` or ``move 10% search social DE``.

Each form of words stands in ``FORMS`` with the mechanism that it means. Names are ids, readable names or country codes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.studies.changed_plans import Discount, Move, PlanChange
from xbopt.studies.edits import (
    Edit,
    added_shock,
    channel_off,
    currency_move,
    price_of_goods,
    scaled,
    surcharge,
    wanted_log,
)

_PERCENT = r"(?P<percent>[+\-]?\d+(?:\.\d+)?)\s*%"
_DAY = r"\d{4}-\d{2}-\d{2}"
_FROM = rf"(?:\s+from\s+(?P<day>{_DAY}))?"
_FILLERS = {"of", "from", "to", "in", "for", "the"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a form of words means.

    Attributes:
        text: The words.
        edits: What is changed in the scenario, by path.
        plan: What is changed in the plan; None where the market alone changes.
    """

    text: str
    edits: tuple[Edit, ...] = ()
    plan: PlanChange | None = None

    @property
    def meaning(self) -> tuple[dict[str, object], ...]:
        """What is changed, by path, as plain values."""
        meanings = [edit.meaning for edit in self.edits]
        if self.plan is not None:
            meanings.append({"path": "plan", "change": self.plan.words})
        return tuple(meanings)


@dataclass(frozen=True, slots=True)
class Form:
    """One form of words.

    Attributes:
        words: The form, as help shows it.
        meaning: What it does.
        pattern: Its regular expression.
        read: The change that a match means.
    """

    words: str
    meaning: str
    pattern: re.Pattern[str]
    read: Callable[["_Words"], Change]


@dataclass(frozen=True, slots=True)
class _Words:
    """A text that fits a form."""

    text: str
    scenario: Scenario
    parts: Mapping[str, str | None]

    def part(self, name: str) -> str:
        return (self.parts.get(name) or "").strip()

    @property
    def frac(self) -> float:
        """The percentage as a share, with its sign."""
        return float(self.part("percent")) / 100.0

    @property
    def change(self) -> float:
        """The same where a sign is needed: 5 % may be the new value or the change."""
        if self.part("percent")[0] not in "+-":
            number = self.part("percent")
            raise self.wrong(f"Write +{number}% or -{number}%: a change has a sign.")
        if self.frac <= -1.0:
            raise self.wrong("Nothing can fall by 100 % or more here.")
        return self.frac

    @property
    def day(self) -> date:
        return self.date(self.part("day")) if self.part("day") else self.scenario.start

    def date(self, text: str) -> date:
        """A day of the horizon."""
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise self.wrong(f"There is no day {text}.") from None
        last = self.scenario.date_of(self.scenario.days - 1)
        if not self.scenario.start <= day <= last:
            raise self.wrong(f"{text} is not a day of the horizon, {self.scenario.start} to {last}.")
        return day

    def wrong(self, what: str) -> UsageError:
        return UsageError(f"what-if {self.text!r}: {what}")

    def region(self, name: str = "region") -> str | None:
        """The id of the region that is named, by id, name or country; None where none is."""
        return self.named(self.part(name), "region", _regions(self.scenario)) if self.part(name) else None

    def regions(self) -> list[str]:
        """The same as a list; all where none is named."""
        region = self.region()
        return list(self.scenario.regions) if region is None else [region]

    def channel(self, text: str) -> str:
        return self.named(text, "channel", _channels(self.scenario))

    def named(self, text: str, kind: str, names: Mapping[str, str]) -> str:
        key = text.lower()
        if key not in names:
            known = ", ".join(dict.fromkeys(names.values()))
            raise self.wrong(f"There is no {kind} {text!r}.{suggest(text, names)} Here: {known}.")
        return names[key]

    def split(self) -> tuple[str, str, str | None]:
        """``FROM TO [REGION]`` of a move; names may have blanks."""
        channels, regions = _channels(self.scenario), _regions(self.scenario)
        words = [word for word in self.part("names").lower().split() if word not in _FILLERS]
        for i in range(1, len(words)):
            for j in range(i + 1, len(words) + 1):
                source, target, place = (" ".join(part) for part in (words[:i], words[i:j], words[j:]))
                if source in channels and target in channels and (not place or place in regions):
                    return channels[source], channels[target], regions.get(place)
        if len(words) < 2:
            raise self.wrong("Name the channel to take from and the channel to give to.")
        for word in words[:2]:
            self.channel(word)
        raise self.wrong(f"There is no region {' '.join(words[2:])!r}.{suggest(' '.join(words[2:]), regions)}")


def _regions(scenario: Scenario) -> dict[str, str]:
    """Regions by country, name and id; a country of several regions names none of them."""
    found = scenario.document.market.regions
    countries = [region.country for region in found]
    names = {region.country.lower(): region.id for region in found if countries.count(region.country) == 1}
    return (
        names
        | {region.name.lower(): region.id for region in found if region.name}
        | {r.id.lower(): r.id for r in found}
    )


def _channels(scenario: Scenario) -> dict[str, str]:
    found = scenario.document.channels
    return {channel.name.lower(): channel.id for channel in found if channel.name} | {c.id.lower(): c.id for c in found}


def _products(scenario: Scenario) -> dict[str, str]:
    found = scenario.document.products
    return {product.name.lower(): product.id for product in found if product.name} | {p.id.lower(): p.id for p in found}


def _currency(words: _Words) -> Change:
    known = {code.lower(): code for code in words.scenario.document.market.currencies}
    if words.part("currency").lower() not in known:  # the form without a word of its own, so any word may be meant
        raise _not_understood(words.text, words.part("currency"), (*_first_words(), *known.values()))
    code = known[words.part("currency").lower()]
    return Change(text=words.text, edits=currency_move(words.scenario, code, wanted_log(words.change), words.day))


def _tariff(words: _Words) -> Change:
    regions = words.regions()
    for region in words.scenario.document.market.regions:
        if region.id in regions and words.part("region") and region.duty == "none":
            raise words.wrong(f"No customs border lies before {region.name or region.id}: its duty is none.")
    return Change(text=words.text, edits=surcharge(words.scenario, regions, words.change, words.day))


def _budget(words: _Words) -> Change:
    # The scenario's own plan goes on as it was: what went before the first day follows from it.
    own, factor = words.scenario.document.plan.spend_frac, 1.0 + words.change
    edits = scaled(words.scenario, [("budget", "total_base")], factor)
    return Change(
        text=words.text,
        edits=(*edits, *scaled(words.scenario, [("plan", "spend_frac")], min(1.0 / factor, 1.0 / max(own, 1e-9)))),
    )


def _move(words: _Words) -> Change:
    source, target, region = words.split()
    if not 0.0 < words.frac <= 1.0:
        raise words.wrong("A share above 0 % and at most 100 % can be moved.")
    return Change(
        text=words.text, plan=Move.of(words.scenario, frac=words.frac, source=source, target=target, region=region)
    )


def _off(words: _Words) -> Change:
    channel = words.channel(words.part("channel"))
    return Change(text=words.text, edits=channel_off(words.scenario, channel, words.region()))


def _price(words: _Words) -> Change:
    what = words.part("what")
    if what and what.lower() in _regions(words.scenario):
        region = words.named(what, "region", _regions(words.scenario))
        return Change(text=words.text, edits=_by_region(words, "price_level", [region]))
    products = [words.named(what, "product", _products(words.scenario))] if what else []
    return Change(text=words.text, edits=price_of_goods(words.scenario, products, 1.0 + words.change))


def _cost(words: _Words) -> Change:
    wanted = words.part("what")
    chosen = words.named(wanted, "product", _products(words.scenario)) if wanted else ""
    paths = [
        ("products", i, "unit_cost_base")
        for i, product in enumerate(words.scenario.document.products)
        if chosen in ("", product.id)
    ]
    return Change(text=words.text, edits=scaled(words.scenario, paths, 1.0 + words.change))


def _media(words: _Words) -> Change:
    wanted = words.part("what")
    chosen = words.channel(wanted) if wanted else ""
    paths = [
        ("channels", i, "price", "amount_base")
        for i, channel in enumerate(words.scenario.document.channels)
        if chosen in ("", channel.id)
    ]
    return Change(text=words.text, edits=scaled(words.scenario, paths, 1.0 + words.change))


def _by_region(words: _Words, field: str, regions: Sequence[str]) -> tuple[Edit, ...]:
    paths = [("market", "regions", words.scenario.regions.index(region), field) for region in regions]
    return scaled(words.scenario, paths, 1.0 + words.change)


def _level(field: str) -> Callable[[_Words], Change]:
    return lambda words: Change(text=words.text, edits=_by_region(words, field, words.regions()))


def _competitors(words: _Words) -> Change:
    shock: dict[str, object] = {
        "kind": "price_war",
        "day": words.day.isoformat(),
        "regions": words.regions(),
        "days": words.scenario.days,
        "log_size": wanted_log(words.change),
    }
    return Change(text=words.text, edits=(added_shock(words.scenario, [shock]),))


def _delivery(words: _Words) -> Change:
    shock: dict[str, object] = {
        "kind": "stock_delay",
        "day": words.day.isoformat(),
        "regions": words.regions(),
        "days": words.scenario.days,
        "extra_days": float(words.part("number")),
    }
    return Change(text=words.text, edits=(added_shock(words.scenario, [shock]),))


def _discount(words: _Words) -> Change:
    first = words.date(words.part("start")) if words.part("start") else words.scenario.start
    last = words.date(words.part("end")) if words.part("end") else words.scenario.date_of(words.scenario.days - 1)
    if last < first:
        raise words.wrong(f"The last day, {last}, is before the first, {first}.")
    if not 0.0 <= words.frac < 1.0 or words.part("percent")[0] in "+-":
        raise words.wrong("Write the depth without a sign, from 0% to below 100%.")
    deepest = words.scenario.document.discounts.ceiling_frac
    if words.frac > deepest:
        raise words.wrong(f"The deepest discount is {deepest:.0%}; discounts.ceiling_frac sets it.")
    return Change(
        text=words.text,
        plan=Discount.of(words.scenario, frac=words.frac, region=words.region(), first=first, last=last),
    )


def _form(words: str, meaning: str, pattern: str, read: Callable[[_Words], Change]) -> Form:
    return Form(words, meaning, re.compile(pattern, re.IGNORECASE), read)


FORMS: tuple[Form, ...] = (
    _form(
        "budget +20%",
        "the whole budget; a plan that is kept spends what it spent",
        rf"budget\s+{_PERCENT}",
        _budget,
    ),
    _form(
        "move 10% CHANNEL CHANNEL [REGION]",
        "that share of the first channel's spend goes to the second, every day",
        rf"(?:move|shift)\s+{_PERCENT}\s+(?P<names>.+)",
        _move,
    ),
    _form(
        "channel CHANNEL off [in REGION]",
        "the channel cannot be bought",
        r"channel\s+(?P<channel>.+?)\s+off(?:\s+in\s+(?P<region>.+))?",
        _off,
    ),
    _form(
        "price +5% [PRODUCT or REGION]",
        "list prices; the price that shoppers are used to stays",
        rf"prices?\s+{_PERCENT}(?:\s+(?:of\s+|in\s+)?(?P<what>.+))?",
        _price,
    ),
    _form(
        "discount 10% [REGION] [DATE..DATE]",
        "that discount for everybody there, in place of the plan's; a plan made anew keeps it",
        rf"discount\s+{_PERCENT}(?:\s+(?:in\s+)?(?P<region>(?!\d{{4}}-).+?))??"
        rf"(?:\s+(?P<start>{_DAY})\s*\.\.\s*(?P<end>{_DAY}))?",
        _discount,
    ),
    _form(
        "REGION tariff +10% [from DATE]",
        "points on the customs value, on top of what holds",
        rf"(?:(?P<region>.+?)\s+)?(?:tariffs?|duty)\s+{_PERCENT}{_FROM}",
        _tariff,
    ),
    _form("cost +5% [PRODUCT]", "what goods cost", rf"costs?\s+{_PERCENT}(?:\s+(?:of\s+)?(?P<what>.+))?", _cost),
    _form(
        "media price +10% [CHANNEL]",
        "what a click or a thousand impressions cost",
        rf"(?:media|cpm|cpc)(?:\s+prices?)?\s+{_PERCENT}(?:\s+(?:of\s+)?(?P<what>.+))?",
        _media,
    ),
    _form(
        "competitors -10% [in REGION] [from DATE]",
        "what competing sellers ask",
        rf"competitors?\s+{_PERCENT}(?:\s+(?:in\s+)?(?P<region>(?!from\b).+?))??{_FROM}",
        _competitors,
    ),
    _form(
        "traffic -10% [in REGION]",
        "organic visits",
        rf"(?:traffic|demand)\s+{_PERCENT}(?:\s+(?:in\s+)?(?P<region>.+))?",
        _level("traffic_level"),
    ),
    _form(
        "conversion +5% [in REGION]",
        "carts from a visit",
        rf"conversion\s+{_PERCENT}(?:\s+(?:in\s+)?(?P<region>.+))?",
        _level("conversion_level"),
    ),
    _form(
        "delivery +3 days [in REGION] [from DATE]",
        "parcels and replenishment take longer",
        rf"delivery\s+\+?(?P<number>\d+(?:\.\d+)?)\s+days?(?:\s+(?:in\s+)?(?P<region>(?!from\b).+?))??{_FROM}",
        _delivery,
    ),
    _form(
        "CURRENCY -5% [from DATE]",
        "a dated move of its rate that fades with its half-life, as currencies do; not another rate to start from",
        rf"(?P<currency>\S+)\s+{_PERCENT}{_FROM}",
        _currency,
    ),
)
"""Every form; the first that fits is read."""


def forms_text() -> str:
    """The forms with what they mean, one a line."""
    width = max(len(form.words) for form in FORMS)
    return "\n".join(f"  {form.words:<{width}}  {form.meaning}" for form in FORMS)


def read_change(text: str, scenario: Scenario) -> Change:
    """Read a change in words.

    Raises:
        UsageError: No form fits, a name is unknown, or a number makes no sense; the message says what would.
    """
    words = " ".join(text.replace("\N{MINUS SIGN}", "-").split())
    for form in FORMS:
        match = form.pattern.fullmatch(words)
        if match is not None:
            return form.read(_Words(text, scenario, match.groupdict()))
    raise _not_understood(text, words.split(" ")[0], _first_words())


def _first_words() -> tuple[str, ...]:
    return tuple(word for form in FORMS if (word := form.words.split(" ")[0]).islower())


def _not_understood(text: str, word: str, known: Sequence[str]) -> UsageError:
    return UsageError(f"what-if {text!r}: these words are not understood.{suggest(word, known)} Forms:\n{forms_text()}")
