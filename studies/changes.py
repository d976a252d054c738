"""Changes of a scenario or a plan in words, as in ``EUR -5%`` or ``move 10% search social DE``.

Each form of words stands in ``FORMS`` with the mechanism that it means. Names are ids, readable names or country codes.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.studies.change_words import FROM, NUMBER, PERCENT, Words, about, plain_words, products_of, regions_of
from xbopt.studies.changed_plans import Discount, Move, PlanChange
from xbopt.studies.edits import (
    Edit,
    added_shock,
    channel_off,
    currency_move,
    nothing_spent,
    price_of_goods,
    scaled,
    tariff_points,
    wanted_log,
    whole_tariff,
)

_DAY = r"\d{4}-\d{2}-\d{2}"
_EVERY_PARCEL = r"(?:on|for)\s+(?:every|all|each)\s+(?:parcel|order)s?"


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
    read: Callable[[Words], Change]


def _currency(words: Words) -> Change:
    code, against = words.part("currency"), words.part("against")
    known = {each.lower(): each for each in words.scenario.document.market.currencies}
    if not against and code.lower() not in known:  # the form without a word of its own, so any word may be meant
        raise _not_understood(words.text, code, words.scenario)
    code, base = words.currency(code), words.scenario.base_currency
    size = wanted_log(words.change)
    against = words.currency(against) if against else base
    if against == code and words.part("against"):
        raise words.wrong(f"{code} does not move against itself.")
    if against != base:
        if code != base:
            raise words.wrong(f"Rates are stated against {base}. Write which currency moves, as in {code} -5%.")
        code, size = against, -size  # the base currency falls against one alone: that one rises
    return Change(text=words.text, edits=currency_move(words.scenario, code, size, words.day))


def _tariff(words: Words) -> Change:
    regions = words.regions()
    for region in words.scenario.document.market.regions:
        if region.id in regions and words.part("region") and region.duty == "none":
            raise words.wrong(f"No customs border lies before {region.name or region.id}: its duty is none.")
    make = tariff_points if words.has_sign else whole_tariff
    every = bool(words.part("every"))
    return Change(text=words.text, edits=make(words.scenario, regions, words.frac, words.day, on_every_parcel=every))


def _budget(words: Words) -> Change:
    if words.has_sign and words.frac == -1.0:
        return Change(text=words.text, edits=nothing_spent(words.scenario))
    return Change(text=words.text, edits=scaled(words.scenario, [("budget", "total_base")], 1.0 + words.change))


def _budget_amount(words: Words) -> Change:
    text, old = words.part("amount"), words.scenario.limits.total_base
    amount = words.amount(text)
    new = old + amount if words.part("sign") == "+" else old - amount if words.part("sign") else amount
    if new < 0.0:
        raise words.wrong(f"The budget is {old:,.2f}; less than nothing would be left of it.")
    if new == 0.0:
        return Change(text=words.text, edits=nothing_spent(words.scenario))
    return Change(text=words.text, edits=(Edit(("budget", "total_base"), old, new),))


def _move(words: Words) -> Change:
    source, target, region = words.split()
    if source == target:
        raise words.wrong(f"Both channels are {source}; name another one to give to.")
    if not 0.0 < words.frac <= 1.0:
        raise words.wrong("A share above 0 % and at most 100 % can be moved.")
    return Change(
        text=words.text, plan=Move.of(words.scenario, frac=words.frac, source=source, target=target, region=region)
    )


def _off(words: Words) -> Change:
    channel = words.channel(words.part("channel"))
    return Change(text=words.text, edits=channel_off(words.scenario, channel, words.region()))


def _price(words: Words) -> Change:
    what = words.part("what")
    regions = regions_of(words.scenario)
    if what.lower() in regions:
        return Change(text=words.text, edits=_by_region(words, "price_level", [words.named(what, "region", regions)]))
    products = [words.named(what, "product", products_of(words.scenario), regions)] if what else []
    return Change(text=words.text, edits=price_of_goods(words.scenario, products, 1.0 + words.change))


def _cost(words: Words) -> Change:
    wanted = words.part("what")
    chosen = words.named(wanted, "product", products_of(words.scenario)) if wanted else ""
    paths = [
        ("products", i, "unit_cost_base")
        for i, product in enumerate(words.scenario.document.products)
        if chosen in ("", product.id)
    ]
    return Change(text=words.text, edits=scaled(words.scenario, paths, 1.0 + words.change))


def _media(words: Words) -> Change:
    wanted = words.part("what")
    chosen = words.channel(wanted) if wanted else ""
    paths = [
        ("channels", i, "price", "amount_base")
        for i, channel in enumerate(words.scenario.document.channels)
        if chosen in ("", channel.id)
    ]
    return Change(text=words.text, edits=scaled(words.scenario, paths, 1.0 + words.change))


def _by_region(words: Words, field: str, regions: Sequence[str]) -> tuple[Edit, ...]:
    paths = [("market", "regions", words.scenario.regions.index(region), field) for region in regions]
    return scaled(words.scenario, paths, 1.0 + words.change)


def _level(field: str) -> Callable[[Words], Change]:
    return lambda words: Change(text=words.text, edits=_by_region(words, field, words.regions()))


def _competitors(words: Words) -> Change:
    shock: dict[str, object] = {
        "kind": "price_war",
        "day": words.day.isoformat(),
        "regions": words.regions(),
        "days": words.scenario.days,
        "log_size": wanted_log(words.change),
    }
    return Change(text=words.text, edits=(added_shock(words.scenario, [shock]),))


def _delivery(words: Words) -> Change:
    shock: dict[str, object] = {
        "kind": "stock_delay",
        "day": words.day.isoformat(),
        "regions": words.regions(),
        "days": words.scenario.days,
        "extra_days": words.number(words.part("number")),
    }
    return Change(text=words.text, edits=(added_shock(words.scenario, [shock]),))


def _discount(words: Words) -> Change:
    first = words.date(words.part("start")) if words.part("start") else words.scenario.start
    last = words.date(words.part("end")) if words.part("end") else words.scenario.date_of(words.scenario.days - 1)
    if last < first:
        raise words.wrong(f"The last day, {last}, is before the first, {first}.")
    if not 0.0 <= words.frac < 1.0 or words.has_sign:
        raise words.wrong("Write the depth without a sign, from 0% to below 100%.")
    deepest = words.scenario.document.discounts.ceiling_frac
    if words.frac > deepest:
        raise words.wrong(f"The deepest discount is {deepest:.0%}; discounts.ceiling_frac sets it.")
    return Change(
        text=words.text,
        plan=Discount.of(words.scenario, frac=words.frac, region=words.region(), first=first, last=last),
    )


def _form(words: str, meaning: str, pattern: str, read: Callable[[Words], Change]) -> Form:
    return Form(words, meaning, re.compile(pattern, re.IGNORECASE), read)


FORMS: tuple[Form, ...] = (
    _form(
        "budget +20%",
        "the whole budget; a plan that is kept spends what it spent",
        rf"budget\s+{PERCENT}",
        _budget,
    ),
    _form(
        "budget +5000",
        "the same by an amount; without a sign, the new budget",
        r"budget\s+(?:to\s+)?(?P<sign>[+\-])?(?P<amount>[^%]*\d[^%]*)",
        _budget_amount,
    ),
    _form(
        "move 10% CHANNEL CHANNEL [REGION]",
        "that share of the first channel's spend goes to the second, every day",
        rf"(?:move|shift)\s+{PERCENT}\s+(?P<names>.+)",
        _move,
    ),
    _form(
        "channel CHANNEL off [in REGION]",
        "the channel cannot be bought; the first word may be left out",
        r"(?:channel\s+)?(?P<channel>.+?)\s+off(?:\s+(?:in\s+)?(?P<region>.+))?",
        _off,
    ),
    _form(
        "media price +10% [CHANNEL]",
        "what a click or a thousand impressions cost",
        about(r"(?:media|cpm|cpc)(?:\s+(?:prices?|costs?))?", "what"),
        _media,
    ),
    _form(
        "competitors -10% [in REGION] [from DATE]",
        "what competing sellers ask",
        about(r"competitors?['\u2019]?(?:\s+prices?)?", "region", dated=True),
        _competitors,
    ),
    _form(
        "price +5% [PRODUCT or REGION]",
        "list prices; the price that shoppers are used to stays",
        about("prices?", "what"),
        _price,
    ),
    _form(
        "discount 10% [REGION] [DATE..DATE]",
        "that discount for everybody there, in place of the plan's; a plan made anew keeps it",
        rf"discount\s+{PERCENT}(?:\s+(?:in\s+)?(?P<region>(?!\d{{4}}-).+?))??"
        rf"(?:\s+(?P<start>{_DAY})\s*\.\.\s*(?P<end>{_DAY}))?",
        _discount,
    ),
    _form(
        "REGION tariff +10% [from DATE] [on every parcel]",
        "points on the customs value, on top of what holds where duty is due: a low-value relief stays unless every "
        "parcel is meant; without a sign, the whole tariff in its place",
        about(r"tariffs?|dut(?:y|ies)", "region", dated=True) + rf"(?:\s+(?P<every>{_EVERY_PARCEL}))?",
        _tariff,
    ),
    _form("cost +5% [PRODUCT]", "what goods cost", about(r"(?:unit\s+)?costs?", "what"), _cost),
    _form("traffic -10% [in REGION]", "organic visits", about("traffic|demand", "region"), _level("traffic_level")),
    _form(
        "conversion +5% [in REGION]",
        "carts from a visit",
        about(r"conversion(?:\s+rates?)?", "region"),
        _level("conversion_level"),
    ),
    _form(
        "delivery +3 days [in REGION] [from DATE]",
        "parcels and replenishment take longer",
        rf"delivery\s+\+?(?P<number>{NUMBER})\s+days?(?:\s+(?:in\s+)?(?P<region>(?!from\b).+?))??{FROM}",
        _delivery,
    ),
    _form(
        "CURRENCY -5% [from DATE]",
        "a dated move of its rate that fades with its half-life, as currencies do; not another rate to start from",
        rf"(?P<currency>[^\s/]+)(?:\s*/\s*(?P<against>[^\s/]+))?\s+{PERCENT}{FROM}",
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
    words = plain_words(text)
    for form in FORMS:
        match = form.pattern.fullmatch(words)
        if match is not None:
            return form.read(Words(text, scenario, match.groupdict()))
    raise _not_understood(text, words.split(" ")[0], scenario)


def _not_understood(text: str, word: str, scenario: Scenario) -> UsageError:
    first = [head for form in FORMS if (head := form.words.split(" ")[0]).islower()]
    codes = list(scenario.document.market.currencies)
    return UsageError(
        f"what-if {text!r}: these words are not understood.{suggest(word, (*first, *codes))} "
        f"Channels: {', '.join(scenario.channels)}; regions: {', '.join(scenario.regions)}; "
        f"products: {', '.join(product.id for product in scenario.document.products)}; currencies: {', '.join(codes)}. "
        f"Forms:\n{forms_text()}"
    )
