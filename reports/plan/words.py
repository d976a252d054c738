"""What a plan says, in sentences: for the terminal and for the page."""

from dataclasses import dataclass

import numpy as np

from xbopt.agents.planner.goals import GOALS
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.kit.figures import Unit
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.allocation import names_of
from xbopt.studies.plan import PlanningResult

GOAL_WORDS = {
    "reward": "contribution margin and change of customer value",
    "contribution_margin": "contribution margin",
    "net_revenue": "net revenue",
    "orders": "orders",
    "new_customers": "new customers",
    "visits": "visits",
}
_COUNTED_BY = 1000.0
_PROMISES = ("minimum ", "lock ")
"""A goal that is counted is priced by a thousand units of money: one brings a hundredth of an order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPrice:
    """A limit that leaves no room, and what more room would be worth.

    Attributes:
        key: The planner's name of it.
        name: Readable name.
        allowed_base: What it allows, or promises over the horizon; NaN where it is no amount of money.
        price: Goal per base currency unit of room; of a promise per unit that is changed as the words say; of the
            return floor per unit of floor. 0 where room brings nothing.
        words: What one more buys, in words.
    """

    key: str
    name: str
    allowed_base: float
    price: float
    words: str

    @property
    def one_percent(self) -> float:
        """What a limit that is 1 % looser would bring; NaN where it is no amount of money."""
        return self.price * self.allowed_base * 0.01


def goal_unit(goal: str) -> Unit:
    """Whether a goal is money or a count."""
    return "money" if GOALS[goal].in_money else "count"


def goal_text(value: float, goal: str, numbers: NumberFormat) -> str:
    """So much of a goal, as in ``EUR 27,991 net revenue`` or ``540 orders``."""
    return f"{numbers.number(value, goal_unit(goal))} {GOAL_WORDS[goal]}"


def plan_verdict(result: PlanningResult, numbers: NumberFormat) -> str:
    """What the plan brings, and how much more than the scenario's own plan."""
    goal = result.campaign.goal
    if result.target is not None:
        return _target_verdict(result, numbers)
    before = result.baseline.goals[goal]
    own, brings = numbers.number(before, goal_unit(goal)), goal_text(result.objective, goal, numbers)
    return f"In expected mode the plan brings {brings}, {_gain(result, numbers)} ({own})."


def _gain(result: PlanningResult, numbers: NumberFormat) -> str:
    goal, gain = result.campaign.goal, result.gain
    size = numbers.number(abs(gain), goal_unit(goal))
    before = abs(result.baseline.goals[goal])
    share = f" or {numbers.share(abs(gain) / before)}" if before > 0.0 else ""
    return f"{size}{share} {'more' if gain >= 0.0 else 'less'} than the scenario's own plan"


def _target_verdict(result: PlanningResult, numbers: NumberFormat) -> str:
    found = result.target
    assert found is not None, "called for a target only"
    goal, spend = found.target.kpi, found.plan.total_spend_base
    wanted = goal_text(found.target.value, goal, numbers)
    budget = result.scenario.limits.total_base
    if found.missed_base == 0.0:
        return f"{wanted} are reached with the least that can be spent, {numbers.money(spend)} of media."
    brings = goal_text(result.objective, goal, numbers)
    return (
        f"{wanted} take {numbers.money(spend)} of media spend, {numbers.share(spend / budget)} of the budget; "
        f"{numbers.money(found.missed_base)} were not enough. The plan brings {brings} in expected mode, "
        f"{_gain(result, numbers)}."
    )


def spend_sentence(result: PlanningResult, numbers: NumberFormat) -> str:
    """What the plan spends, and what is proven about it."""
    plan, goal = result.campaign, result.campaign.goal
    budget = result.scenario.limits.total_base
    spent = f"It spends {numbers.money(plan.total_spend_base)} of {numbers.money(budget)}"
    if result.is_proven:
        return f"{spent}. Its last convex program has no better spend."
    more = numbers.number(result.upper_bound - result.objective, goal_unit(goal))
    return f"{spent}. In its last convex program no other spend brings more than {more} more."


def limit_prices(result: PlanningResult, numbers: NumberFormat) -> tuple[LimitPrice, ...]:
    """Every limit that binds or has a price, the dearest first."""
    plan = result.campaign
    keys = dict.fromkeys([*plan.shadow_prices, *plan.binding])
    rows = [_limit_price(result, key, plan.shadow_prices.get(key, 0.0), numbers) for key in keys]
    return tuple(sorted(rows, key=lambda row: -row.price))


def _limit_price(result: PlanningResult, key: str, price: float, numbers: NumberFormat) -> LimitPrice:
    scenario, plan = result.scenario, result.campaign
    name, allowed = _limit(scenario, key, plan.budget_base, numbers)
    unit, money = GOAL_WORDS[plan.goal], scenario.base_currency
    if key == "roi_floor":
        gain = goal_text(price * 0.01 * plan.total_spend_base, plan.goal, numbers)
        words = f"a floor lower by 0.01 brings about {gain}"
        return LimitPrice(key=key, name=name, allowed_base=np.nan, price=price * plan.total_spend_base, words=words)
    if key.startswith(_PROMISES):
        less = "less" if price > 0.0 else "more"
        if goal_unit(plan.goal) == "money":
            words = f"one {money} {less} of it brings {numbers.decimal(abs(price))} {money} of {unit}"
        else:
            gain = numbers.decimal(abs(price) * _COUNTED_BY, digits=1)
            words = f"{numbers.money(_COUNTED_BY)} {less} of it bring {gain} {unit}"
        return LimitPrice(key=key, name=name, allowed_base=allowed, price=abs(price), words=words)
    if price <= 0.0:
        words = "used in full, but more room would bring nothing"
    elif goal_unit(plan.goal) == "money":
        words = f"one more {money} of it brings {numbers.decimal(price)} {money} of {unit}"
    else:
        words = f"{numbers.money(_COUNTED_BY)} more of it bring {numbers.decimal(price * _COUNTED_BY, digits=1)} {unit}"
    return LimitPrice(key=key, name=name, allowed_base=allowed, price=price, words=words)


def _limit(scenario: Scenario, key: str, budget: float, numbers: NumberFormat) -> tuple[str, float]:
    """Readable name of a limit, and what it allows."""
    kind, _, of = key.partition(" ")
    regions, segments, channels = names_of(scenario)
    limits = scenario.limits
    match kind:
        case "budget":
            return "Budget", budget
        case "region":
            r = scenario.regions.index(of)
            return f"Cap on {regions[r]}", float(limits.region_cap_base[r])
        case "channel":
            c = scenario.channels.index(of)
            return f"Cap on {channels[c]}", float(limits.channel_cap_base[c])
        case "minimum" | "lock":
            places = of.split("/")
            r, c = scenario.regions.index(places[0]), scenario.channels.index(places[-1])
            cell = [regions[r], channels[c]]
            own = np.zeros_like(limits.locked)
            if kind == "lock":
                s = scenario.segments.index(places[1])
                cell.insert(1, segments[s])
                own[r, s, c] = True
                daily = limits.lock_base
            else:
                own[r, :, c] = ~limits.locked[r, :, c]
                daily = limits.minimum_base
            return f"{kind.capitalize()} of {' / '.join(cell)}", float(daily[own].sum()) * scenario.days
        case "day":
            day = next(day for day in range(scenario.days) if scenario.date_of(day).isoformat() == of)
            return f"Daily limit on {numbers.short_day(scenario.date_of(day))}", limits.daily_base
        case _:
            return "Return floor", np.nan


def limits_sentence(prices: tuple[LimitPrice, ...]) -> str:
    """Which limits hold the plan back, in a sentence."""
    priced = [row for row in prices if row.price > 0.0]
    if not prices:
        return "No limit is in the plan's way: more room, or more money, would bring nothing."
    if not priced:
        return "Some limits are used in full, but more room would bring nothing."
    if len(priced) == 1:
        return f"{priced[0].name}: {priced[0].words}."
    return f"{len(priced)} limits hold the plan back. The dearest is the {_inside(priced[0].name)}: {priced[0].words}."


def _inside(name: str) -> str:
    return name[0].lower() + name[1:]
