"""Inverse planning: a target is reached, and as little as possible is given up for it.

Weights between what must not be lost and what must be reached lead to the two plans on both sides of the target
(``hull``). What is left of the overshoot is pared back: promotions that cost much and reach little go first, then spend
moves towards the plan that misses.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xbopt.agents.planner.aims import Target, played, ratio_reached
from xbopt.agents.planner.ascent import Certificate
from xbopt.agents.planner.blocks import Resolution, split_horizon
from xbopt.agents.planner.campaign import CampaignPlan
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import COST, GOALS, Goal
from xbopt.agents.planner.hull import EFFORT, Point, Search
from xbopt.agents.planner.paring import pare
from xbopt.agents.planner.unreachable import unreachable
from xbopt.simulator.parameters import MarketParameters

GiveUp = Literal["reward", "margin", "cost"]
GIVEN_UP: dict[GiveUp, Goal] = {"reward": GOALS["reward"], "margin": GOALS["contribution_margin"], "cost": COST}
"""What as little as possible is lost of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPlan:
    """The plan that reaches a target and gives up least for it.

    Attributes:
        target: The target.
        give_up: What as little as possible is given up of.
        plan: The plan; ``plan.expected`` is the value of what is not to be given up.
        best: The best plan without the target: by margin where that is not to be given up, else by reward.
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
    best = search.plan(freely)
    low = _nothing(search, best.plan) if value is COST else best
    found = low
    if not search.is_reached(low):
        high = best if search.is_reached(best) else search.most(best.plan)
        if not search.is_reached(high):
            raise unreachable(search, high)
        if target.kpi != value.name:
            low, high = search.between(low, high)
        found = _pared(search, low, high)
    without = _best_without(search, freely, (best.plan, low.plan, found.plan))
    nothing = search.yardstick.measure([search.nothing])[1]
    is_goal = not target.is_ratio
    return TargetPlan(
        target=target,
        give_up=give_up,
        plan=found.plan,
        best=without,
        reached=found.reached if is_goal else ratio_reached(market, target.kpi, found.plan.schedule),
        by_itself=is_goal and bool(search.yardstick.reaches(nothing)[0]),
        tried=search.tried,
    )


def _best_without(search: Search, goal: Goal, plans: tuple[CampaignPlan, ...]) -> CampaignPlan:
    """The first plan, unless the target's search came upon a better one: that needs no target and is gone on from."""
    worth = played(search.market, goal, [plan.schedule for plan in plans])
    if worth.max() <= worth[0]:
        return plans[0]
    return search.plan(goal, plans[int(np.argmax(worth))].schedule, EFFORT).plan


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
    pairs = [(low, high)]
    old, new = low.plan.schedule, high.plan.schedule
    if not (np.array_equal(old.discount_frac, new.discount_frac) and np.array_equal(old.mechanic, new.mechanic)):
        # Promotions come in steps, so the hull may have a gap here; spend alone may close it.
        spent = search.plan(search.yardstick.aim.goal, old, EFFORT, promotions=False)
        if search.is_reached(spent):
            pairs.append(search.between(low, spent, promotions=False))
    return max((_closed(search, *pair) for pair in pairs), key=lambda point: point.value)


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
