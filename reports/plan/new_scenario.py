"""A scenario made without data, in words: what was assumed, what does not fit, what is worth looking up."""

from collections.abc import Collection, Sequence

from xbopt.reports.kit.figures import Column, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.plan.words import GROUP_WORDS
from xbopt.studies.labels import axis_names
from xbopt.studies.new_for.assumptions import Assumption, AssumptionCode
from xbopt.studies.new_for.influence import Influence
from xbopt.studies.new_for.scenario import Finding, NewScenario

_WORDS: dict[AssumptionCode, str] = {
    "budget": "Media budget of the whole horizon",
    "item_price": "Price of an item, net of tax",
    "item_cost": "Cost of an item",
    "items": "Items in an order",
    "return_rate": "Orders that come back",
    "elasticity": "Price elasticity",
    "people": "People whom the budget reaches",
    "parcel_cost": "Cost of a parcel",
    "delivery_days": "Days to the door",
    "media_level": "Price of reach against Germany",
    "conversion_level": "Conversion against Germany",
    "currency_rate": "Rate of the currency",
    "channel_price": "Price of a click or of 1,000 contacts",
    "visit_quality": "Conversion of its visits against own ones",
}
_MARKS = {
    "S": "solid: research or official",
    "S-": "fair: a vendor's statistic",
    "W+": "fair: trade source with much data",
    "W": "weak: trade source",
    "M": "measured elsewhere",
    "stated": "as you stated it",
    "set": "by choice or definition",
    "E": "guess",
    "mem": "from memory",
    "src": "from program source",
}
_HEAD_OF_SOURCE = 90
_PLATFORM = {
    "search": "Google Ads > Campaigns > columns Avg. CPC and Conv. rate",
    "shopping": "Google Ads > Campaigns > columns Avg. CPC and Conv. rate",
    "social": "Meta Ads Manager > columns CPM (cost per 1,000 impressions) and CTR",
    "short_video": "TikTok Ads Manager > columns CPM and CTR",
    "video": "Google Ads > Video campaigns > column Avg. CPM",
    "display": "the platform's report > columns CPM and CTR",
    "retargeting": "the platform's report > columns CPM and CTR",
    "influencer": "the offers of creators: fee over expected views",
    "affiliate": "the network's statement: commission over clicks",
    "email": "the mailing tool: cost over mails sent, and clicks a mail",
}
_WHERE = {
    "order_value": "the shop's statistics: net sales over orders; state it with --order-value",
    "unit_cost": "ask your accountant: cost of goods over net sales; state it with --gross-margin",
    "return_rate": "ask your accountant: refunds over net sales; state it with --return-rate",
    "shipping_cost": "the carrier's invoice: cost over parcels, by country",
    "delivery_days": "the carrier's tracking: days from order to door, by country",
    "conversion": "the shop's statistics: orders over sessions, by country; state it with --conversion",
    "organic_traffic": "the shop's statistics: orders a month; state it with --orders-a-month",
    "dropout": "the shop's statistics: returning customers; state it with --repeat",
    "elasticity": "a price test: two prices side by side, drawn by lot",
}
_A_TEST = "no report has it: a geo holdout does, regions drawn by lot that see no ads"


def assumptions_table(found: Sequence[Assumption], numbers: NumberFormat) -> Table:
    """Number, value, from where, how sure."""
    groups: dict[tuple[str, str, str], list[Assumption]] = {}
    for one in found:
        groups.setdefault((one.code, one.source, one.evidence), []).append(one)
    # Numbers of one kind stand together; where their sources differ, each row says whose it is.
    order = list(dict.fromkeys(one.code for one in found))
    listed = sorted(groups.values(), key=lambda alike: order.index(alike[0].code))
    several = {code for code in order if sum(alike[0].code == code for alike in listed) > 1}
    rows = [
        (_name(alike, several), _values(alike, numbers), _shortened(alike[0].source), _how_sure(alike[0]))
        for alike in listed
    ]
    return Table(
        key="assumptions",
        title="What was assumed",
        columns=(
            Column("number", "Number", "text"),
            Column("value", "Value", "text"),
            Column("source", "From where", "text"),
            Column("sure", "How sure", "text"),
        ),
        rows=tuple(rows),
    )


def influences_table(found: Sequence[Influence], new: NewScenario, most: int) -> Table:
    """The numbers that move the split of money most, and where each stands."""
    names = _names(new)
    groups = dict.fromkeys((one.group, one.axis) for one in found)
    rows: list[tuple[str, ...]] = []
    for group, axis in list(groups)[:most]:
        alike = [one for one in found if (one.group, one.axis) == (group, axis)]
        places = ", ".join(names.get(one.place, one.place) for one in alike[:3] if one.place)
        name = f"{GROUP_WORDS[group]}: {places}" if places else GROUP_WORDS[group]
        rows.append((name, f"+/- {alike[0].spread:.0%}", _where(alike[0])))
    return Table(
        key="matter_most",
        title="Numbers that move the split of money most: look these up first",
        columns=(
            Column("number", "Number", "text"),
            Column("spread", "Unsure by", "text"),
            Column("where", "Where it stands", "text"),
        ),
        rows=tuple(rows),
    )


def implied_sentence(new: NewScenario, numbers: NumberFormat) -> str:
    """What the market comes to on average days."""
    volumes = new.volumes
    stated = "as stated" if new.answers.orders_a_month is not None else "not stated, so fitted to the budget"
    return (
        f"On average days this is a shop of {numbers.number(volumes.orders_a_month, 'count')} orders a month "
        f"({stated}) at {volumes.conversion:.2%} of visits; media bring {volumes.media_share:.0%} of them and "
        f"{volumes.incremental_roas:.2f} of net revenue by unit of spend, and {volumes.repeat_frac:.0%} of first "
        f"buyers order again within a year. The next unit of spend brings {volumes.marginal_return:.2f} of margin."
    )


def finding_lines(found: Sequence[Finding]) -> tuple[str, ...]:
    """What does not fit, and what to do."""
    return tuple(_finding(one) for one in found)


def _finding(one: Finding) -> str:
    values, places = one.figures, ", ".join(one.places)
    if one.code == "origin_not_said":
        return (
            "Where the goods come from was not said: parcels are taken at the dearer route, duties by origin are left "
            "out. Say it, as in CN to DE."
        )
    if one.code == "duty_not_known":
        return (
            f"{places}: no duty rule is in the tables, so no duty is counted there. Lower the margin by what you pay."
        )
    if one.code == "audience_too_small":
        return (
            f"The budget buys {values['contacts']:.1f} contacts a week with each online buyer of the trade there: more "
            "than people bear. Take more countries, or a smaller budget."
        )
    if one.code == "orders_do_not_fit_budget":
        return (
            f"{values['stated']:,.0f} orders a month and this budget do not fit: media would bring "
            f"{values['media_share']:.0%} of the orders and {values['incremental_roas']:.2f} of net revenue by unit of "
            f"spend (elsewhere 10-60 % and 0.5-6); the market was made for {values['orders']:,.0f} orders. Check both."
        )
    if one.code == "conversion_does_not_fit":
        return (
            f"The budget buys so many visits that {values['conversion']:.2%} of all visits order, not "
            f"{values['wanted']:.2%}. Check the orders a month and the budget."
        )
    if one.code == "held":
        parts = (
            f"{path} ({values[f'wanted_{n}']:.4g} wanted, {values[f'taken_{n}']:.4g} taken)"
            for n, path in enumerate(one.places)
        )
        return (
            f"For the sums to hold, numbers would have to lie beyond the range that is known of them: "
            f"{', '.join(parts)}. Say what you know of orders, conversion and margin."
        )
    if one.code == "sums_do_not_hold":
        return (
            f"Orders, visits and repeat orders could not be made to fit each other: one of them is off by about "
            f"{values['miss']:.0%}. Budget, orders and countries do not go together; change one of them."
        )
    return (
        f"{places}: an order costs money before media ({values['margin']:.0%} of its net revenue): duty and parcel "
        "take more than the margin. The plan will avoid it; raise prices there, or leave the country out."
    )


def _name(alike: Sequence[Assumption], several: Collection[str]) -> str:
    """The number in words; with its places where the table has more rows of the kind."""
    places = ", ".join(one.place for one in alike if one.place)
    return f"{_WORDS[alike[0].code]}: {places}" if alike[0].code in several and places else _WORDS[alike[0].code]


def _values(alike: Sequence[Assumption], numbers: NumberFormat) -> str:
    """Each value with its place, as in ``DE 8.26, FR 8.26``."""
    return ", ".join(f"{one.place} {numbers.number(one.value, one.unit, symbol=False)}".strip() for one in alike)


def _names(new: NewScenario) -> dict[str, str]:
    scenario = new.scenario
    ids = (*scenario.regions, *scenario.segments, *scenario.channels)
    return dict(zip(ids, (name for names in axis_names(scenario) for name in names), strict=True))


def _how_sure(one: Assumption) -> str:
    mark = _MARKS.get(one.evidence, "")
    return f"{mark}; +/- {one.spread:.0%}" if one.spread else mark


def _shortened(source: str) -> str:
    return source if len(source) <= _HEAD_OF_SOURCE else f"{source[: _HEAD_OF_SOURCE - 3].rsplit(' ', 1)[0]} ..."


def _where(one: Influence) -> str:
    if one.axis == "channel" and one.group in ("media_price", "visit_quality"):
        return _PLATFORM.get(one.place, _A_TEST)
    if one.group == "media_price":
        return "the platforms' reports by country > column CPM"
    return _WHERE.get(one.group, _A_TEST)
