"""What a plan says, in sentences: for the terminal and for the page."""

from dataclasses import dataclass

from xbopt.reports.kit.numbers import NumberFormat
from xbopt.studies.labels import Unit
from xbopt.studies.limit_prices import LimitPrice, limit_prices
from xbopt.studies.plan import PlanningResult

GOAL_WORDS = {
    "reward": "contribution margin with customer value and what is carried beyond the last day",
    "contribution_margin": "contribution margin",
    "net_revenue": "net revenue",
    "orders": "orders",
    "new_customers": "new customers",
    "visits": "visits",
    "cost": "saved media and discounts",
}
GROUP_WORDS = {
    "elasticity": "Price elasticity",
    "conversion": "Conversion",
    "customer_conversion": "How often customers buy again",
    "organic_traffic": "Organic traffic",
    "order_value": "Order value",
    "media_response": "Response to media",
    "half_saturation": "Saturation point of media",
    "media_price": "Price of reach",
    "bid_up": "Own spend's effect on the price of reach",
    "visit_quality": "Conversion of media visits",
    "carry_over": "How long media work",
    "fatigue": "Contact before people tire",
    "synergy": "Synergy between channels",
    "event_lift": "Lift of events",
    "deal_gain": "Response to deals",
    "price_memory": "Memory of prices",
    "pull_forward": "Orders that promotions bring forward",
    "dropout": "Customers who drop out",
    "return_rate": "Return rate",
    "unit_cost": "Cost of goods",
    "shipping_cost": "Cost of parcels",
    "delivery_days": "Delivery time",
}
"""Every group of uncertain parameters."""
TARGET_WORDS: dict[str, tuple[str, Unit]] = {
    "roas": ("net revenue per unit of media", "ratio"),
    "incremental_roas": ("net revenue that media add, per unit of media", "ratio"),
    "roi": ("contribution margin that media add, media paid, per unit of media", "ratio"),
    "cpa": ("media and discounts per new customer", "price"),
    **{name: (GOAL_WORDS[name], "money") for name in ("reward", "contribution_margin", "net_revenue")},
    **{name: (GOAL_WORDS[name], "count") for name in ("orders", "new_customers", "visits")},
}
"""What a target asks for, and how it is written."""
_COUNTED_BY = 1000.0
"""A goal that is counted is priced by a thousand units of money: one brings a hundredth of an order."""
_WORTH_A_WORD = 0.01
_NEXT_TO_NOTHING = 0.02
"""Share of the media without a target, up to which a ratio that is kept says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLine:
    """A limit that holds a plan back, in words.

    Attributes:
        limit: The limit and its price.
        name: Its readable name.
        words: What more of it buys, or less of it, in words.
    """

    limit: LimitPrice
    name: str
    words: str


def goal_text(value: float, result: PlanningResult, numbers: NumberFormat) -> str:
    """So much of a plan's goal, as in ``EUR 27,991 net revenue`` or ``540 orders``."""
    return f"{numbers.number(value, result.goal_unit)} {GOAL_WORDS[result.campaign.goal]}"


def plan_verdict(result: PlanningResult, numbers: NumberFormat) -> str:
    """What the plan brings, and how much more than the scenario's own plan."""
    goal = result.campaign.goal
    if result.target is not None:
        return _target_verdict(result, numbers)
    before = result.baseline.goals[goal]
    own, brings = numbers.number(before, result.goal_unit), goal_text(result.objective, result, numbers)
    verdict = f"On the expected path the plan brings {brings}, {_gain(result, numbers)} ({own})."
    return f"{verdict}{_losing(result, numbers)}"


def _losing(result: PlanningResult, numbers: NumberFormat) -> str:
    """That orders lose money before media are paid, where even the best plan for money cannot help it; else empty."""
    plan = result.planned.kpis
    margin, orders = plan["contribution_margin"] + plan["media_spend"], plan["orders"]
    if result.campaign.goal not in ("reward", "contribution_margin") or margin >= 0.0 or orders <= 0.0:
        return ""
    media = "spends nothing on media" if plan["media_spend"] <= 0.0 else "spends what it must on media"
    return (
        f" Orders lose money, {numbers.number(-margin / orders, 'price')} each before any media: the best plan {media} "
        "and sells as little as it can. Mend prices or costs."
    )


def _gain(result: PlanningResult, numbers: NumberFormat) -> str:
    goal, gain = result.campaign.goal, result.gain
    size = numbers.number(abs(gain), result.goal_unit)
    before = result.baseline.goals[goal]
    share = f" or {numbers.share(abs(gain) / before)}" if before > 0.0 else ""
    return f"{size}{share} {'more' if gain >= 0.0 else 'less'} than the scenario's own plan"


def _target_verdict(result: PlanningResult, numbers: NumberFormat) -> str:
    found, plan, best = result.target, result.planned, result.unbound
    assert found is not None, "called for a target only"
    assert best is not None, "a target comes with the best plan without it"
    words, unit = TARGET_WORDS[found.target.kpi]
    wanted = f"{numbers.number(found.target.value, unit)} {words}"
    limit = "at most " if found.target.kpi == "cpa" else ""
    next_to_none = found.target.is_ratio and plan.kpis["media_spend"] <= _NEXT_TO_NOTHING * best.kpis["media_spend"]
    if found.by_itself:
        needs = "would be" if plan.kpis["media_spend"] > 0.0 else "are"
        start = f"{wanted} {needs} reached without media and without discounts."
    elif next_to_none:
        start = f"Only next to no media keep the target of {limit}{wanted}."
    elif found.reached == found.reached:
        start = (
            f"The target of {limit}{wanted} is reached, with {numbers.number(found.reached, unit)} in expected mode."
        )
    else:
        start = f"The target of {limit}{wanted} is kept by spending nothing."
    media, discounts = (numbers.money(plan.kpis[name]) for name in ("media_spend", "discount_cost"))
    takes = f"The plan takes {media} of media and {discounts} of discounts"
    if found.give_up != "cost" and found.plan is found.best:
        return f"{start} {takes}: it is the best plan without the target as well, so the target costs nothing."
    if found.give_up != "cost" and result.objective > best.goals[result.campaign.goal]:
        more = numbers.money(result.objective - best.goals[result.campaign.goal])
        return (
            f"{start} {takes}. The target costs nothing: the search for it came upon {more} more "
            f"{GOAL_WORDS[result.campaign.goal]} than the search without it."
        )
    return (
        f"{start} {takes}. {_target_cost(result, numbers)}, against the best plan without it "
        f"({numbers.money(best.kpis['media_spend'])} of media, "
        f"{numbers.money(best.kpis['discount_cost'])} of discounts)."
    )


def _target_cost(result: PlanningResult, numbers: NumberFormat) -> str:
    """What the best plan without the target brings more; of what is not given up least it may be less."""
    best, plan = result.unbound, result.planned
    assert best is not None, "a target comes with the best plan without it"
    more = {name: best.goals[name] - plan.goals[name] for name in ("contribution_margin", "reward")}
    words = {name: f"{numbers.money(abs(amount))} of {GOAL_WORDS[name]}" for name, amount in more.items()}
    costs = [words[name] for name, amount in more.items() if amount >= 0.0]
    brings = [words[name] for name, amount in more.items() if amount < 0.0]
    parts = [f"costs {', and '.join(costs)}"] * bool(costs) + [f"brings {', and '.join(brings)} more"] * bool(brings)
    return f"The target {' and '.join(parts)}"


def sampled_sentence(result: PlanningResult, numbers: NumberFormat) -> str:
    """What the plan brings in sampled worlds, beside the one path without chance that other figures speak of."""
    played, unit = result.sampled, result.goal_unit
    mean, gain = played.range, result.sampled_gain
    lead = numbers.number(abs(gain.mean), unit)
    brings = numbers.number(mean.mean, unit)
    if played.goal != result.campaign.goal:
        brings = f"{brings} {GOAL_WORDS[played.goal]}"
    loses = numbers.share(played.loss_probability) if played.loss_probability > 0.0 else "none"
    return (
        f"The expected path has no chance in it. Over {numbers.count(played.worlds)} sampled worlds the plan brings "
        f"{brings} in the mean (standard error {numbers.number(mean.se, unit)}), "
        f"{lead} {'more' if gain.mean >= 0.0 else 'less'} than the scenario's own plan; "
        f"{numbers.number(played.worst_decile, unit)} in the mean of the worst tenth. "
        f"It loses money in {loses} of them."
    )


def lead_sentence(result: PlanningResult, numbers: NumberFormat) -> str:
    """What of the lead over the scenario's own plan comes from discounts, and whether that is known; else empty."""
    lead = result.lead
    if lead is None:
        return ""
    discounts, media = (numbers.number(one.mean, result.goal_unit) for one in (lead.discounts, lead.media))
    text = f"Of that difference to the own plan {discounts} come from its discounts, and {media} from its media."
    if lead.elasticities and lead.discounts.mean > 0.0:
        text += (
            f" What discounts do rests on estimates (evidence E: elasticity of {', '.join(lead.elasticities)}), not on "
            "your data: test them in one region first, or plan without (--set discounts.ceiling_frac=0)."
        )
    if lead.responses and lead.media.mean > 0.0:
        text += f" So does part of what media bring ({', '.join(lead.responses)})."
    return text


def spend_sentence(result: PlanningResult, numbers: NumberFormat) -> str:
    """What the plan spends, and what is proven about it."""
    plan, budget = result.campaign, result.scenario.limits.total_base
    spent = f"It spends {numbers.money(plan.total_spend_base)} of {numbers.money(budget)}"
    if result.target is not None or result.risk is not None or result.booking is not None:
        return f"{spent}."  # other plans bring more, and are not wanted
    if result.is_proven:
        return f"{spent}. In the last program of the search, which is concave, no other spend brings more."
    if plan.tried <= 1:
        return f"{spent}."
    return f"{spent}. Of {numbers.count(plan.tried)} plans that were played in search of it, none brings more."


def risk_sentence(result: PlanningResult, numbers: NumberFormat) -> str:
    """What planning for the worst worlds costs in the mean and brings in the worst tenth."""
    risk, unit = result.risk, result.goal_unit
    assert risk is not None, "called for a plan that was moved for risk"
    mean, worst = (numbers.number(value, unit) for value in (risk.spread.mean, risk.spread.worst_decile))
    neutral = (risk.neutral.mean, risk.neutral.worst_decile)
    other_mean, other_worst = (numbers.number(value, unit) for value in neutral)
    return (
        f"Planned with {risk.aversion:g} times the gap to the worst tenth of {len(risk.spread.values)} worlds of "
        f"parameters, chance left out, it brings {mean} in the mean and {worst} in the worst tenth; the plan for the "
        f"average market, with {numbers.money(risk.neutral_media_base)} of media, {other_mean} and {other_worst}."
    )


def booking_sentence(result: PlanningResult, numbers: NumberFormat) -> str:
    """What booking costs against the plan that it was made from, and what it costs it for."""
    booking, before, unit = result.booking, result.unrounded, result.goal_unit
    assert booking is not None, "called for a bookable plan"
    assert before is not None, "a bookable plan comes with the one that it was made from"
    goal = result.campaign.goal
    rules = result.scenario.document.budget.bookable
    asked = [f"multiples of {rules.round_to:,.15g} in the region's currency"]
    if rules.least_per_day_base > 0.0:
        asked.append(f"at least {numbers.money(rules.least_per_day_base)} a day or nothing")
    if rules.largest_weekly_change_frac is not None:
        asked.append(f"at most {numbers.share(rules.largest_weekly_change_frac)} of change from week to week")
    lost = {name: before.goals[name] - result.planned.goals[name] for name in (goal, "contribution_margin")}
    weekly = min(max(booking.unrounded.expected - booking.weekly, 0.0), max(lost[goal], 0.0))
    much = f"{numbers.number(lost[goal], unit)} of" if lost[goal] > 0.0 else "no"
    cost = f"Booking costs {much} {GOAL_WORDS[goal]}"
    if lost[goal] > 0.0 and weekly > _WORTH_A_WORD * lost[goal]:
        cost += f"; {numbers.number(weekly, unit)} of that because each week has one amount"
    if goal != "contribution_margin" and lost[goal] > 0.0:
        margin = lost["contribution_margin"]
        way = "lower" if margin >= 0.0 else "higher"
        cost += f". The contribution margin of the campaign's own days is {numbers.money(abs(margin))} {way}"
    weeks = (
        f" Of the weeks of a channel in a region {numbers.count(booking.dropped)} are dropped and "
        f"{numbers.count(booking.raised)} raised to the least amount."
        if booking.dropped or booking.raised
        else ""
    )
    return f"All amounts can be booked: one a week, {', '.join(asked)}. {cost}.{weeks}"


def unpriced_reason(result: PlanningResult) -> str:
    """Why limits have no prices; empty where they have."""
    if result.booking is not None:
        return "was brought into amounts that can be booked"
    return "" if result.risk is None else "was moved for risk"


def limit_lines(result: PlanningResult, numbers: NumberFormat) -> tuple[LimitLine, ...]:
    """Every limit that binds or has a price, the dearest first."""
    return tuple(
        LimitLine(limit=limit, name=_limit_name(limit, numbers), words=_limit_words(limit, result, numbers))
        for limit in limit_prices(result)
    )


def _limit_name(limit: LimitPrice, numbers: NumberFormat) -> str:
    match limit.kind:
        case "budget":
            return "Budget"
        case "roi_floor":
            return "Return floor"
        case "day":
            return f"Daily limit on {numbers.short_day(limit.day)}" if limit.day else "Daily limit"
        case "region" | "channel":
            return f"Cap on {limit.place[0]}"
        case "maximum" | "minimum" | "lock":
            return f"{limit.kind.capitalize()} of {' / '.join(limit.place)}"


def _limit_words(limit: LimitPrice, result: PlanningResult, numbers: NumberFormat) -> str:
    goal, money = GOAL_WORDS[result.campaign.goal], result.scenario.base_currency
    if limit.withheld is not None:
        return _withheld_words(limit, result, numbers)
    if limit.kind == "roi_floor":
        return f"a floor lower by 0.01 brings about {goal_text(limit.price * 0.01, result, numbers)}"
    if limit.is_promise:
        change = "less" if limit.price > 0.0 else "more"
    elif limit.price > 0.0:
        change = "more"
    else:
        return "used in full, but more room would bring nothing"
    if result.goal_unit == "money":
        one = f"one {money} less" if limit.is_promise and change == "less" else f"one more {money}"
        return f"{one} of it brings {numbers.number(limit.worth, 'ratio')} {money} of {goal}"
    gain = numbers.count(limit.worth * _COUNTED_BY)
    return f"{numbers.money(_COUNTED_BY)} {change} of it bring {gain} {goal}"


def _withheld_words(limit: LimitPrice, result: PlanningResult, numbers: NumberFormat) -> str:
    """Why a limit has no price."""
    withheld = limit.withheld
    assert withheld is not None, "asked of limits without a price"
    if withheld.reason == "unchecked":
        return "no price is shown: only the dearest limits are checked by planning again"
    unit = _COUNTED_BY if result.goal_unit == "count" else 1.0
    per = numbers.money(unit)
    more, less, slope = (numbers.decimal(value * unit) for value in (withheld.more, withheld.less, withheld.price))
    return (
        f"no price is shown: planned again, {per} of room brings {more} where there is 2% more of it and {less} where "
        f"there is 2% less, and the slope of the plan says {slope}"
    )


def limits_sentence(lines: tuple[LimitLine, ...], *, unpriced: str = "") -> str:
    """Which limits hold the plan back, in a sentence; without prices, that they are not known and why."""
    if unpriced:
        return f"What more room in a limit would bring is not known for a plan that {unpriced}."
    priced = [line for line in lines if line.limit.worth > 0.0]
    if not lines:
        return "No limit is in the plan's way: more room, or more money, would bring nothing."
    if not priced and any(line.limit.withheld is not None for line in lines):
        return "Some limits are in the plan's way, but no one price says what more room would bring."
    if not priced:
        return "Some limits are used in full, but more room would bring nothing."
    first, words = priced[0].name, priced[0].words
    if len(priced) == 1:
        return f"{first}: {words}."
    return f"{len(priced)} limits hold the plan back. The dearest is the {first[0].lower()}{first[1:]}: {words}."
