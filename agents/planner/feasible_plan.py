"""A plan brought within the limits once, before anything is planned around it.

The re-planner moves each cell by a bounded multiple of its plan, and a multiple of a plan that is far from a limit need
not reach it. So locks replace what the plan says, minimums lift it, and what exceeds a limit of the horizon is scaled
down in proportion, above what was promised. What the limits refuse is not spent elsewhere here: whether it pays
elsewhere is what the re-planner asks every morning.
"""

from dataclasses import replace

import numpy as np

from xbopt.agents.planner.reallocation import limits_ahead, scaled_to_limits
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.limits import Limits, Remaining
from xbopt.core.decisions.plan import ScheduledPolicy


def feasible_plan(plan: ScheduledPolicy, limits: Limits, available: FloatArray) -> ScheduledPolicy:
    """The plan within all limits on money; the same object where it is within them already.

    Args:
        plan: Any plan of the scenario's shape.
        limits: The scenario's limits.
        available: 1 where a channel can be bought, else 0 ``(T, R, C)``.
    """
    bought = available[:, :, None, :] > 0.0
    promised = promised_base(limits, bought)
    wanted = np.where(limits.locked, promised, np.maximum(plan.spend_base * bought, promised))
    days = limits_ahead(wanted, wanted, wanted, limits, Remaining.at_start(limits, 1))
    floor = np.where(wanted > 0.0, promised / np.where(wanted > 0.0, wanted, 1.0), 0.0)
    ones = np.ones((*wanted.shape, 1))
    spend = wanted * scaled_to_limits(days, floor[..., None], ones)[..., 0]
    return plan if np.array_equal(spend, plan.spend_base) else replace(plan, spend_base=spend)


def promised_base(limits: Limits, bought: BoolArray) -> FloatArray:
    """Locks and minimums where a channel is bought ``(T, R, S, C)``; ``bought`` broadcasts to that shape."""
    return np.where(limits.locked, limits.lock_base, limits.minimum_base) * bought
