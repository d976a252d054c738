"""The return floor: contribution margin that media add, media paid, per unit of media spend, in expected mode.

What comes without media, at the same promotions, is taken off: a floor on all margin says little where most orders are
organic.
"""

from dataclasses import replace

import numpy as np

from xbopt.agents.planner.ascent import Ascent
from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.constraints import Constraints
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.promotions import improve_promotions
from xbopt.core.decisions.plan import ScheduledPolicy

_HALVINGS = 24
_PROMOTION_ROUNDS = 3


def keep_return_floor(
    market: ExpectedMarket,
    blocks: Blocks,
    constraints: Constraints,
    at: Ascent,
    start: ScheduledPolicy,
) -> Ascent:
    """The plan itself where it keeps the floor; else the same plan with as little less spend as keeps it.

    Spend is scaled towards minimums and locks. Where even these alone are below the floor at the plan's promotions,
    they are tried at those that bring the most margin.

    Raises:
        InfeasiblePlanError: The promises alone break the floor; it names the return that they reach.
    """
    if constraints.roi_floor is None or keeps(at, constraints):
        return at

    def scaled(share: float) -> Ascent:
        return _towards_promises(market, blocks, constraints, at, share)

    low, high, kept = 0.0, 1.0, promises_alone(market, blocks, constraints, at)
    if not keeps(kept, constraints):
        # The plan's promotions may serve customers more than margin.
        at = replace(at, course=best_margin(market, blocks, constraints, start).course)
        kept = promises_alone(market, blocks, constraints, at)
    if not keeps(kept, constraints):
        raise below_floor(kept)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        tried = scaled(middle)
        if keeps(tried, constraints):
            low, kept = middle, tried
        else:
            high = middle
    return replace(kept, history=(*at.history, kept.course.total))


def promises_alone(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent) -> Ascent:
    """The plan with no spend but minimums and locks."""
    return _towards_promises(market, blocks, constraints, at, 0.0)


def best_margin(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, start: ScheduledPolicy) -> Ascent:
    """No spend but minimums and locks, at promotions that bring as much margin as a search from the start's finds.

    What it reaches does not depend on the floor, so a floor that is lowered to it can be kept.
    """
    least = constraints.least.reshape(blocks.level_days.shape)
    by_margin = ExpectedMarket(market.market, goal_named("contribution_margin"), market.world)
    course = by_margin.play(replace(start, spend_base=blocks.spend(least)))
    for _ in range(_PROMOTION_ROUNDS):
        better = improve_promotions(by_margin, blocks, course)
        if better is course:
            break
        course = better
    played = market.play(course.plan)
    return Ascent(level=least, course=played, history=(played.total,))


def _towards_promises(
    market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, share: float
) -> Ascent:
    least = constraints.least.reshape(at.level.shape)
    level = least + share * (at.level - least)
    return replace(at, level=level, course=market.play(replace(at.course.plan, spend_base=blocks.spend(level))))


def keeps(at: Ascent, constraints: Constraints) -> bool:
    """Whether a plan keeps the floor."""
    return bool(constraints.floor_shortfall(np.array([at.course.by_days]), np.array([at.spend_base]))[0] == 0.0)


def below_floor(least: Ascent) -> InfeasiblePlanError:
    """What to say when the promises alone are below the floor; without spend every floor is kept."""
    reached = np.floor(least.course.by_days / least.spend_base * 1e4) / 1e4
    return InfeasiblePlanError(
        ("roi_floor", "minimums and locks"),
        f"Lower budget.roi_floor to {reached:g}.",
    )
