"""Why no plan reaches a target: the most that can be reached, and which limit to move."""

from dataclasses import replace

import numpy as np

from xbopt.agents.planner.aims import Target, aim_of, ratio_reached
from xbopt.agents.planner.campaign import CampaignPlan, plan_campaign
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.hull import EFFORT, Point, Search
from xbopt.simulator.parameters import MarketParameters

_LARGEST_BUDGET = 16.0
# Where twice the money brings less than this more, relative to the goal, no budget is worth asking for.
_NO_GAIN = 1e-4
# Relative width at which the budget that would be enough is known well enough.
_ROUGH = 1e-2
_RATIO_ROUNDS = 4
_SEARCH_SLACK = 1e-3
_DIGITS = 6


def unreachable(search: Search, most: Point) -> InfeasiblePlanError:
    """What to say where even the plan that reaches most of a target misses it."""
    target = search.target
    name = f"target {target.kpi}={target.value:.15g}"
    if target.is_ratio:
        return _ratio_unreachable(search, most, name)
    reached, currency = most.reached, search.market.scenario.base_currency
    lower = f"Lower the target to {_rounded_down(reached):.15g}"
    low, best = most.plan, most.plan
    while best.expected < target.value and best.budget_base < _LARGEST_BUDGET * most.plan.budget_base:
        low, best = best, _with_money(search, best, 2.0 * best.budget_base)
        if best.expected - low.expected <= _NO_GAIN * abs(low.expected):
            break
    if best.expected >= target.value:
        while best.budget_base - low.budget_base > _ROUGH * best.budget_base:
            middle = _with_money(search, best, 0.5 * (low.budget_base + best.budget_base))
            low, best = (low, middle) if middle.expected >= target.value else (middle, best)
        way = f"{lower}, or raise budget.total_base to {_rounded_up(best.budget_base):,.15g} {currency}."
        return InfeasiblePlanError((name, "budget"), way)
    # A limit may have a price although the last steps left a crumb of it unused.
    others = tuple(limit for limit in dict.fromkeys((*best.binding, *best.shadow_prices)) if limit != "budget")
    limits = f" These limits are in the way as well: {', '.join(others)}." if others else ""
    times = best.budget_base / most.plan.budget_base
    return InfeasiblePlanError(
        (name, "the market", *others),
        f"{lower}. Even {times:.0f} times the budget brings only {_rounded_down(best.expected):,.15g}.{limits}",
    )


def _ratio_unreachable(search: Search, most: Point, name: str) -> InfeasiblePlanError:
    """The best ratio by Dinkelbach's iteration: each turn asks for what the last one reached."""
    kpi, plan = search.target.kpi, most.plan
    ratio = ratio_reached(search.market, kpi, plan.schedule)
    for _ in range(_RATIO_ROUNDS):
        goal = aim_of(Target(kpi=kpi, value=ratio)).goal
        again = search.plan(goal, plan.schedule, EFFORT).plan
        reached = ratio_reached(search.market, kpi, again.schedule)
        if not (reached < ratio if kpi == "cpa" else reached > ratio):
            break
        plan, ratio = again, reached
    # Another search for the same ratio may end a little below it; the way out has to be one.
    ratio *= 1.0 + _SEARCH_SLACK if kpi == "cpa" else 1.0 - _SEARCH_SLACK
    way = (
        f"Raise the target to {_rounded_up(ratio):.15g}"
        if kpi == "cpa"
        else f"Lower the target to {_rounded_down(ratio):.15g}"
    )
    return InfeasiblePlanError((name, "minimums and locks"), f"{way}, or lower the minimums and locks.")


def _with_money(search: Search, near: CampaignPlan, budget_base: float) -> CampaignPlan:
    return plan_campaign(
        with_budget(search.market, budget_base),
        goal=search.yardstick.aim.goal,
        resolution=search.resolution,
        budget_base=budget_base,
        start=near.schedule,
        effort=EFFORT,
    )


def with_budget(market: MarketParameters, total_base: float) -> MarketParameters:
    """The same market with another budget, and the daily limit that goes with it."""
    scenario = market.scenario
    daily = total_base / scenario.days * scenario.document.budget.max_daily_multiple
    limits = replace(scenario.limits, total_base=total_base, daily_base=min(total_base, daily))
    return replace(market, scenario=replace(scenario, limits=limits))


def _rounded_down(value: float) -> float:
    unit = 10.0 ** (np.floor(np.log10(abs(value))) - _DIGITS + 1.0) if value else 1.0
    return float(np.floor(value / unit) * unit)


def _rounded_up(value: float) -> float:
    return -_rounded_down(-value)
