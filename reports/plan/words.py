"""What a plan says, in sentences: for the terminal and for the page."""

from dataclasses import dataclass

import numpy as np

from xbopt.reports.kit.numbers import NumberFormat
from xbopt.studies.labels import Unit
from xbopt.studies.limit_prices import LimitPrice, limit_prices
from xbopt.studies.plan import PlanningResult

GOAL_WORDS = {
    "reward": "contribution margin and change of customer value",
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
    "organic_traffic": "Organic traffic",
    "order_value": "Order value",
    "media_response": "Response to media",
    "half_saturation": "Saturation point of media",
    "media_price": "Price of reach",
    "synergy": "Synergy between channels",
    "delivery_days": "Delivery time",
}
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
    return f"In expected mode the plan brings {brings}, {_gain(result, numbers)} ({own})."


def _gain(result: PlanningResult, numbers: NumberFormat) -> str:
    goal, gain = result.campaign.goal, result.gain
    size = numbers.number(abs(gain), result.goal_unit)
    before = abs(result.baseline.goals[goal])
    share = f" or {numbers.share(abs(gain) / before)}" if before > 0.0 else ""
    return f"{size}{share} {'more' if gain >= 0.0 else 'less'} than the scenario's own plan"


def _target_verdict(result: PlanningResult, numbers: NumberFormat) -> str:
    found, plan, best = result.target, result.planned, result.unbound
    assert found is not None, "called for a target only"
    assert best is not None, "a target comes with the best plan without it"
    words, unit = TARGET_WORDS[found.target.kpi]
    wanted = f"{numbers.number(found.target.value, unit)} {words}"
    limit = "at most " if found.target.kpi == "cpa" else ""
    if found.by_itself:
        start = f"{wanted} are reached without media and without discounts."
    elif found.reached == found.reached:
        start = (
            f"The target of {limit}{wanted} is reached, with {numbers.number(found.reached, unit)} in expected mode."
        )
    else:
        start = f"The target of {limit}{wanted} is kept by spending nothing."
    media, discounts = (numbers.money(plan.kpis[name]) for name in ("media_spend", "discount_cost"))
    takes = f"The plan takes {media} of media and {discounts} of discounts"
    given_up = best.goals["reward"] - plan.goals["reward"]
    margin = best.kpis["contribution_margin"] - plan.kpis["contribution_margin"]
    if found.give_up != "cost" and np.array_equal(plan.spend_base, best.spend_base):
        return f"{start} {takes}: it is the best plan without the target as well, so the target costs nothing."
    return (
        f"{start} {takes}. The target costs {numbers.money(margin)} of contribution margin, and "
        f"{numbers.money(given_up)} once customers are counted, against the best plan without it "
        f"({numbers.money(best.kpis['media_spend'])} of media, "
        f"{numbers.money(best.kpis['discount_cost'])} of discounts)."
    )


def spend_sentence(result: PlanningResult, numbers: NumberFormat) -> str:
    """What the plan spends, and what is proven about it."""
    plan, budget = result.campaign, result.scenario.limits.total_base
    spent = f"It spends {numbers.money(plan.total_spend_base)} of {numbers.money(budget)}"
    if result.is_proven:
        return f"{spent}. Its last convex program has no better spend."
    more = numbers.number(result.upper_bound - result.objective, result.goal_unit)
    return f"{spent}. In its last convex program no other spend brings more than {more} more."


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
        case "minimum" | "lock":
            return f"{limit.kind.capitalize()} of {' / '.join(limit.place)}"


def _limit_words(limit: LimitPrice, result: PlanningResult, numbers: NumberFormat) -> str:
    goal, money = GOAL_WORDS[result.campaign.goal], result.scenario.base_currency
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


def limits_sentence(lines: tuple[LimitLine, ...], *, has_prices: bool = True) -> str:
    """Which limits hold the plan back, in a sentence; without prices, that they are not known."""
    if not has_prices:
        return "What more room in a limit would bring is not known for a plan that was moved for risk."
    priced = [line for line in lines if line.limit.worth > 0.0]
    if not lines:
        return "No limit is in the plan's way: more room, or more money, would bring nothing."
    if not priced:
        return "Some limits are used in full, but more room would bring nothing."
    first, words = priced[0].name, priced[0].words
    if len(priced) == 1:
        return f"{first}: {words}."
    return f"{len(priced)} limits hold the plan back. The dearest is the {first[0].lower()}{first[1:]}: {words}."
