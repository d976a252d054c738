"""The scenario of a seller without data before its volumes are fitted: facts, answers, a plan of ordinary shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import cast

from xbopt.core.defaults.ledger import Source, figures
from xbopt.core.defaults.market import Fields, MarketDefaults, market_defaults
from xbopt.core.errors import UsageError
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.studies.new_for.answers import Answers

_STATED = "Stated by the seller"
_PEOPLE_AN_ORDER = 36.0
"""People whom an order a month needs at least: three times those who order within a year."""
_MOST_CONTACTS = 50.0
_MOST_CURRENCIES = 30
_MONEY = (1.0, 1e13)


@dataclass(slots=True)
class Draft:
    """A scenario in the making, as plain data, with the source of each number.

    Attributes:
        answers: What the seller said.
        defaults: The facts.
        data: The scenario but for its provenance; changed in place.
        sources: Where numbers come from, by path; a later one replaces an earlier one.
        contacts_a_week: Contacts of all media with a head of the audience, a week.
        held: Numbers for which the sums want more than their range has: what was wanted and what was taken, by path.
    """

    answers: Answers
    defaults: MarketDefaults
    data: Fields
    sources: dict[str, Source] = field(default_factory=dict)
    contacts_a_week: float = 0.0
    held: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    def within(self, path: str, wanted: float, low: float, high: float) -> float:
        """A number to four figures, at the nearer bound where it lies beyond them, which is held."""
        taken = figures(float(min(max(wanted, low), high)), 4)
        self.held.pop(path, None)
        if not low <= wanted <= high:
            self.held[path] = figures(float(wanted), 4), taken
        return taken

    def state(self, path: str, evidence: str, source: str, note: str = "") -> None:
        """Write down where the numbers at a path come from."""
        self.sources[path] = Source(path=path, evidence=evidence, source=source, note=note)

    def document(self, **changes: object) -> ScenarioDocument:
        """The scenario as its model, with some sections changed."""
        return ScenarioDocument.model_validate({**self.data, **changes})

    def items(self, section: str) -> list[Fields]:
        """The regions, segments, products or channels, to be changed in place."""
        holder = cast("Fields", self.data["market"]) if section == "regions" else self.data
        return cast("list[Fields]", holder[section])


def draft(answers: Answers, name: str) -> Draft:
    """The scenario with volumes that are a first guess.

    Raises:
        TableError: Something that was asked for is in no table of facts.
        UsageError: There are more currencies or orders than a market can hold.
    """
    wish = answers.wish
    defaults = market_defaults(
        trade=wish.trade,
        countries=wish.countries,
        base_currency=wish.money.currency,
        start=answers.start,
        days=answers.days,
        origin=wish.origin,
        channels=answers.channels,
        order_value_base=answers.order_value_base,
        gross_margin_frac=answers.gross_margin_frac,
        return_rate=answers.return_rate,
        conversion=answers.conversion,
        known=_known_groups(answers),
    )
    if (count := len(cast("Fields", defaults.market["currencies"]))) > _MOST_CURRENCIES:
        raise UsageError(
            f"These countries and their trade rules need {count} currencies, and a scenario holds {_MOST_CURRENCIES}: "
            "make two scenarios of them."
        )
    made = Draft(answers=answers, defaults=defaults, data={})
    made.sources.update((source.path, source) for source in defaults.sources)
    total = figures(answers.spend_per_day_base * answers.days, 6)
    if not _MONEY[0] <= total <= _MONEY[1]:
        raise UsageError(
            f"--for: {wish.money} over {answers.days} days is {total:g} {wish.money.currency}; a scenario's budget "
            f"lies between {_MONEY[0]:g} and {_MONEY[1]:g}. Check the amount, its currency and its period."
        )
    people, shares = _audience(made)
    made.data = {
        "version": 1,
        "name": name,
        "title": f"{defaults.trade.name}, {_from(wish.origin)}to {', '.join(wish.countries)}: {wish.money}",
        "description": "Made from public facts without any data of the seller's own. Each number says where it comes "
        "from and how sure it is; replace those that you know.",
        "horizon": {"start": answers.start.isoformat(), "days": answers.days},
        "market": {
            **defaults.market,
            "regions": [{**region, "population": people[code]} for code, region in defaults.regions.items()],
        },
        "segments": list(defaults.segments.values()),
        "products": [defaults.product],
        "channels": list(defaults.channels.values()),
        "synergies": defaults.synergies,
        "calendar": defaults.calendar,
        "budget": {
            "total_base": total,
            "max_daily_multiple": defaults.ledger.take_general("budget.max_daily_multiple", "max_daily_multiple"),
        },
        "discounts": defaults.discounts,
        "plan": {
            "spend_frac": 1.0,
            "regions": shares,
            "segments": defaults.segment_share,
            "channels": {channel: figures(share) for channel, share in defaults.plan_share.items()},
        },
        "history": {"steady_spend_per_day_base": figures(answers.spend_per_day_base, 6)},
        "tactics": defaults.tactics,
        "noise": defaults.noise,
        "uncertainty": defaults.uncertainty,
    }
    _state_the_rest(made)
    return made


def _from(origin: str) -> str:
    return "" if origin == "any" else f"{origin} "


def _known_groups(answers: Answers) -> tuple[str, ...]:
    """Parameter groups of which the seller stated the number."""
    stated = {
        "order_value": answers.order_value_base,
        "unit_cost": answers.gross_margin_frac,
        "return_rate": answers.return_rate,
        "conversion": answers.conversion,
        "dropout": answers.repeat_frac,
        "organic_traffic": answers.orders_a_month,
    }
    return tuple(group for group, value in stated.items() if value is not None)


def _audience(made: Draft) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """People by country and segment whom the budget can reach, and share of spend by country.

    Without shares of his own a seller is taken to spend by the root of what the same pressure on each head would cost:
    small sellers do not grow with their countries. The audience is as large as makes the usual contacts a week, and no
    larger than the country's buyers.
    """
    defaults, stated = made.defaults, made.answers.country_shares
    price = {code: cast("float", region["media_price_level"]) for code, region in defaults.regions.items()}
    buyers = defaults.audience
    weight = {code: stated.get(code, sqrt(buyers[code] * price[code])) for code in buyers}
    total = sum(weight.values())
    shares = {code: each / total for code, each in weight.items()}
    per_head = defaults.spend_per_1000_base / 1000.0
    spend = made.answers.spend_per_day_base
    pressed = {code: spend * shares[code] / (per_head * price[code]) for code in buyers}
    needed = {code: _PEOPLE_AN_ORDER * (made.answers.orders_a_month or 0.0) * shares[code] for code in buyers}
    for code, most in defaults.online_buyers.items():
        if needed[code] > most:
            raise UsageError(
                f"--orders-a-month {made.answers.orders_a_month:,.0f}: with {shares[code]:.0%} of them in {code} "
                f"that is more than its {most:,.0f} online buyers can bring. Check the orders, or --shares."
            )
    people = {code: max(min(pressed[code], buyers[code]), needed[code]) for code in buyers}
    usual = defaults.ledger.general("contacts_a_week")
    made.contacts_a_week = usual * max(pressed[code] / people[code] for code in buyers)
    if made.contacts_a_week > _MOST_CONTACTS:
        raise UsageError(
            f"--for: {made.answers.wish.money} buys {made.contacts_a_week:,.0f} contacts a week with each online buyer "
            f"of the trade in {', '.join(buyers)}; no market bears more than {_MOST_CONTACTS:g}. Take less than a "
            f"{ceil(made.contacts_a_week / _MOST_CONTACTS):,}th of it, or more countries."
        )
    by_segment = {
        code: {segment: figures(count * share) for segment, share in defaults.segment_share.items()}
        for code, count in people.items()
    }
    return by_segment, {code: figures(share) for code, share in shares.items()}


def _state_the_rest(made: Draft) -> None:
    answers = made.answers
    budget = f"{_STATED}: {answers.wish.money}"
    made.state("horizon.days", "set", "By choice")
    made.state("budget.total_base", "stated", budget, f"Over {answers.days} days")
    made.state("history.steady_spend_per_day_base", "E", "Assumption: as much was spent before", budget)
    spread = made.defaults.ledger.look_up("general", "any", "max_daily_multiple")
    made.state("budget.max_daily_multiple", spread.evidence, spread.source)
    made.state(
        "market.regions.*.population.*",
        "E",
        "Assumption: the audience that the budget reaches as often as usual, at most the country's online buyers of "
        "the trade (World Bank population, shares of online buyers from memory)",
    )
    if answers.country_shares:
        made.state("plan.regions.*", "stated", _STATED)
    else:
        made.state(
            "plan.regions.*", "E", "Assumption: by the root of the country's online buyers times its price of reach"
        )
    made.state("plan.segments.*", "E", "Assumption: as the people")
    made.state("plan.channels.*", "E", "Estimate: a media plan of ordinary shape")
    made.state("plan.spend_frac", "set", "By choice: the plan spends the budget")


def compressed(sources: Sequence[Source], ids: Mapping[str, Sequence[str]]) -> list[dict[str, object]]:
    """Provenance entries: one with ``*`` in place of one an item where all items of a section have the same source.

    Args:
        sources: One a path.
        ids: Ids of the items by the path of their section, as in ``market.regions``.
    """
    groups: dict[tuple[str, str], dict[str, Source]] = {}
    plain: list[Source] = []
    for source in sources:
        section = next((name for name in ids if source.path.startswith(f"{name}.")), None)
        item, _, rest = source.path.removeprefix(f"{section}.").partition(".")
        if section is None or item not in ids[section] or not rest:
            plain.append(source)
        else:
            groups.setdefault((section, rest), {})[item] = source
    entries: list[dict[str, object]] = []
    for (section, rest), by_item in groups.items():
        said = {(one.evidence, one.source, one.note) for one in by_item.values()}
        if len(said) == 1 and set(by_item) == set(ids[section]) and len(by_item) > 1:
            one = next(iter(by_item.values()))
            merged = Source(path=f"{section}.*.{rest}", evidence=one.evidence, source=one.source, note=one.note)
            entries.append(merged.entry())
        else:
            entries += [one.entry() for one in by_item.values()]
    return [*(one.entry() for one in plain), *entries]
