"""Whether the return floor can be kept: margin per unit of media spend, whatever else the limits ask for."""

from dataclasses import replace

import numpy as np

from xbopt.agents.planner.ascent import Ascent
from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.constraints import Constraints
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.program import solve
from xbopt.agents.planner.response_model import model_at


def check_return_floor(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent) -> None:
    """Check that some plan keeps the return floor, in the convex program at the plan at hand.

    Without minimums and locks the floor can always be kept by spending nothing, unless organic business loses money.

    Raises:
        InfeasiblePlanError: None does; it names the promises in the way and the highest floor that can be kept.
    """
    floor = constraints.roi_floor
    if floor is None:
        return
    promised = constraints.least.sum() > 0.0
    model = model_at(market, blocks, at.course, at.level)
    organic = at.course.total - model.value(at.level)
    if organic >= 0.0 and not promised:
        return
    # The most that margin can exceed the floor by: media cost (1 + floor) in it.
    spend = blocks.unit_base * blocks.level_days
    dearer = replace(model, cost=model.cost + floor * spend)
    best = solve(dearer, replace(constraints, roi_floor=None), organic=organic, around=at.level, curves="envelope")
    if organic + best.value >= 0.0:
        return
    money = float((best.level * spend).sum())
    reachable = (organic + best.value) / money + floor if money > 0.0 else -np.inf
    names = ["roi_floor"]
    if promised:
        names.append("minimums and locks")
    way = (
        f"Lower budget.roi_floor to {np.floor(reachable * 1e4) / 1e4:g}."
        if np.isfinite(reachable)
        else "Without media the business loses money, so no floor can be kept."
    )
    raise InfeasiblePlanError(tuple(names), way)
