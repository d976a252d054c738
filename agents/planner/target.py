"""Inverse planning: a target is reached, and as little as possible is given up for it.

Weights between what must not be lost and what must be reached lead to the two plans on both sides of the target
(``hull``). What is left of the overshoot is pared back: promotions that cost much and reach little go first, then spend
moves towards the plan that misses.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xbopt.agents.planner.aims import Target, ratio_reached
from xbopt.agents.planner.ascent import Certificate
from xbopt.agents.planner.blocks import Resolution, split_horizon
from xbopt.agents.planner.campaign import CampaignPlan
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import COST, GOALS, Goal
from xbopt.agents.planner.hull import EFFORT, Point, Search, same_deals
from xbopt.agents.planner.paring import pare
from xbopt.agents.planner.raising import raised
from xbopt.agents.planner.unreachable import unreachable
from xbopt.simulator.parameters import MarketParameters

GiveUp = Literal["reward", "margin", "cost"]
GIVEN_UP: dict[GiveUp, Goal] = {"reward": GOALS["reward"], "margin": GOALS["contribution_margin"], "cost": COST}
"""What as little as possible is lost of."""
# Plans so near to what no plan exceeds, as a share of what is given up, are near enough; deals are raised so often.
_CLOSE, _DEAL_ROUNDS = 0.1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPlan:
    """The plan that reaches a target and gives up least for it.

    Attributes:
        target: The target.
        give_up: What as little as possible is given up of.
        plan: The plan; ``plan.expected`` is the value of what is not to be given up.
        best: The plan without the target, the same for every target: by margin where that is not to be given up, else
            by reward.
        reached: What the plan reaches of the target's KPI; NaN for a ratio of nothing.
        by_itself: Whether the target is reached without discounts and without media, but for minimums and locks.
        tried: How many plans were made.
    """

    target: Target
    give_up: GiveUp
    plan: CampaignPlan
    best: CampaignPlan
    reached: float
    by_itself: bool
    tried: int


def plan_to_target(
    market: MarketParameters,
    target: Target,
    *,
    give_up: GiveUp = "reward",
    resolution: Resolution = "week",
    on_progress: Callable[[int], None] | None = None,
) -> TargetPlan:
    """Find the plan that reaches a target and gives up least for it.

    Args:
        market: The market.
        target: What to reach in expected mode.
        give_up: What as little as possible is given up of: reward, contribution margin, or cost (media and discounts).
        resolution: Length of plan cells.
        on_progress: Called with the number of plans that were made.

    Raises:
        InfeasiblePlanError: No plan within the scenario's limits reaches it, or no plan keeps the other limits; it
            names what stands in the way and the cheapest way out.
        SolverError: The solver gave up.
        UsageError: The goal does not fit the scenario's return floor.
    """
    value = GIVEN_UP[give_up]
    search = Search(market, target, value, resolution, on_progress)
    freely = GOALS["reward"] if value is COST else value
    best = search.freely(freely)
    low = _nothing(search, best.plan) if value is COST else best
    found = low
    if not search.is_reached(low):
        high = best if search.is_reached(best) else search.most(best.plan)
        if not search.is_reached(high):
            raise unreachable(search, high)
        if target.kpi != value.name:
            low, high = search.between(low, high)
        found = _pared(search, low, high)
    nothing = search.yardstick.measure([search.nothing])[1]
    is_goal = not target.is_ratio
    return TargetPlan(
        target=target,
        give_up=give_up,
        plan=found.plan,
        best=best.plan,
        reached=found.reached if is_goal else ratio_reached(market, target.kpi, found.plan.schedule),
        by_itself=is_goal and bool(search.yardstick.reaches(nothing)[0]),
        tried=search.tried,
    )


def _nothing(search: Search, best: CampaignPlan) -> Point:
    """The plan that costs least: no program is needed to know it."""
    none = np.zeros_like
    at = best.certificate
    known = Certificate(
        value=0.0,
        upper_bound=0.0,
        shadow_price=none(at.shadow_price),
        promise_price=none(at.promise_price),
        roi_price=0.0,
    )
    plan = replace(
        best, schedule=search.nothing, certificate=known, shadow_prices={}, withheld=(), binding=(), notes=()
    )
    return search.measured(_valued(search, plan))


def _pared(search: Search, low: Point, high: Point) -> Point:
    """The plan that reaches the target, with as little overshoot as pays."""
    found = [_closed(search, low, high)]
    if high.value >= low.value:
        # The target led to a better hill: from there, what is worth most may reach it as well.
        freely = search.plan(search.value, found[0].plan.schedule, EFFORT)
        found += [freely] if search.is_reached(freely) else [_closed(search, freely, found[0])]
    elif not same_deals(low, high):
        # Promotions come in steps, so the hull may have a gap here; spend alone may close it, or a few deals.
        spent = search.plan(search.yardstick.aim.goal, low.plan.schedule, EFFORT, promotions=False)
        if search.is_reached(spent):
            found.append(_closed(search, *search.between(low, spent, promotions=False)))
        if search.yardstick.aim.organic is None and _below_chord(search, low, high, found) > _CLOSE:
            found += _with_deals(search, low, high)
    return max(found, key=lambda point: point.value)


def _below_chord(search: Search, low: Point, high: Point, found: list[Point]) -> float:
    """How far plans that reach the target are below the line between two neighbours on the hull, which none exceeds.

    As a share of what that line gives up at the target.
    """
    share = (search.yardstick.aim.least - low.reached) / (high.reached - low.reached)
    line = low.value - share * (low.value - high.value)
    return (line - max(point.value for point in found)) / max(low.value - line, 1e-300)


def _with_deals(search: Search, low: Point, high: Point) -> list[Point]:
    """Plans that reach the target by more deals than ``low``'s: at its spend, and at spend of the same price."""
    blocks = split_horizon(search.market, search.resolution)
    found: list[Point] = []
    begin = low
    for _ in range(_DEAL_ROUNDS):
        more = raised(search.yardstick, blocks, begin.plan.schedule)
        if more is None:
            break
        schedule, price = more
        plenty = search.measured(_valued(search, replace(high.plan, schedule=schedule)))
        found.append(_closed(search, begin, plenty))
        if price <= 0.0:
            break
        # Media may bring some of what is missing for less than the last of these deals did.
        begin = search.plan(search.weighted(price), low.plan.schedule, EFFORT, promotions=False)
        if search.is_reached(begin):
            found.append(_closed(search, low, begin))
            break
    if found:
        # At the best of these deals, media that are worth most.
        best = max(found, key=lambda point: point.value)
        bare = search.plan(search.value, best.plan.schedule, EFFORT, promotions=False)
        found.append(bare if search.is_reached(bare) else _closed(search, bare, best))
    return found


def _closed(search: Search, low: Point, high: Point) -> Point:
    blocks = split_horizon(search.market, search.resolution)
    schedule = pare(search.yardstick, blocks, high.plan.schedule, low.plan.schedule)
    return search.measured(replace(_valued(search, replace(high.plan, schedule=schedule)), start=low.value))


def _valued(search: Search, plan: CampaignPlan) -> CampaignPlan:
    """What is known about a schedule, by what is not to be given up."""
    course = ExpectedMarket(search.market, search.value).play(plan.schedule)
    return replace(
        plan,
        goal=search.value.name,
        total_spend_base=float(plan.schedule.spend_base.sum()),
        course=course,
        expected=course.total,
    )
