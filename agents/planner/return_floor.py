"""The return floor: contribution margin per unit of media spend, in expected mode, whatever the goal is."""

from dataclasses import replace

import numpy as np

from xbopt.agents.planner.ascent import Ascent
from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.constraints import Constraints
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.merit import Merit

_HALVINGS = 24


def keep_return_floor(
    market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, merit: Merit
) -> Ascent:
    """The plan itself where it keeps the floor; else the same plan with as little less spend as keeps it.

    Spend is scaled towards minimums and locks. Where even these alone are below the floor, no scaling helps.

    Raises:
        InfeasiblePlanError: The promises alone break the floor, at the plan's discounts; it names the return that
            they reach.
    """
    if merit.floor is None or _keeps(at, merit):
        return at

    def scaled(share: float) -> Ascent:
        return _towards_promises(market, blocks, constraints, at, share)

    low, high, kept = 0.0, 1.0, promises_alone(market, blocks, constraints, at)
    if not _keeps(kept, merit):
        raise below_floor(kept)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        tried = scaled(middle)
        if _keeps(tried, merit):
            low, kept = middle, tried
        else:
            high = middle
    return replace(kept, history=(*at.history, kept.course.total))


def promises_alone(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent) -> Ascent:
    """The plan with no spend but minimums and locks."""
    return _towards_promises(market, blocks, constraints, at, 0.0)


def _towards_promises(
    market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, share: float
) -> Ascent:
    least = constraints.least.reshape(at.level.shape)
    level = least + share * (at.level - least)
    return replace(at, level=level, course=market.play(replace(at.course.plan, spend_base=blocks.spend(level))))


def _keeps(at: Ascent, merit: Merit) -> bool:
    return bool(merit.shortfall(np.array([at.course.by_days]), np.array([at.spend_base]))[0] == 0.0)


def below_floor(least: Ascent) -> InfeasiblePlanError:
    """What to say when the promises alone are below the floor; spend is positive then, or the business loses money."""
    spend = least.spend_base
    if spend <= 0.0:
        return InfeasiblePlanError(("roi_floor",), "Without media the business loses money, so no floor can be kept.")
    reached = np.floor(least.course.by_days / spend * 1e4) / 1e4
    return InfeasiblePlanError(
        ("roi_floor", "minimums and locks"),
        f"Lower budget.roi_floor to {reached:g}.",
    )
