"""What a unit of money is worth in each cell of a plan, where its limits hold it back.

In a plan that is the best within its limits, a cell brings at the margin what money costs there: itself, and the prices
of the limits that it uses up. The prices are read off the marginal values of the response model as the least squares
over money, none below 0, by coordinate descent. Cells that a minimum holds up bring less.
"""

import numpy as np

from xbopt.agents.planner.blocks import Blocks
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.limits import Limits

_ROUNDS = 30
BINDING = 1e-3
"""Share of a limit that may be left where it still binds."""
_LEAST_VALUE = 1e-3


def money_worth(
    blocks: Blocks,
    spend_base: FloatArray,
    marginal: FloatArray,
    limits: Limits,
    *,
    free: BoolArray,
    budget_price: float | None,
    uses_budget: bool,
    floor_binds: bool = False,
) -> tuple[FloatArray, float]:
    """What a unit of money is worth in each cell of a plan, and the price of its budget beyond money itself.

    Args:
        blocks: The plan's cells.
        spend_base: Daily spend of the plan ``(T, R, S, C)``.
        marginal: What the response model says that the last unit brings ``(K, R, S, C)``.
        limits: The limits that the plan keeps.
        free: Cells that may move ``(K, R, S, C)``.
        budget_price: The budget's price where it is known.
        uses_budget: Whether the plan wants the whole budget. One that it does not want has no price.
        floor_binds: Whether a return floor holds the whole plan back.

    Returns:
        Worth ``(K, R, S, C)``, 1 where no limit holds money back, and the budget's price.
    """
    spend = np.add.reduceat(spend_base, blocks.starts, axis=0)
    held_up = free & (spend <= np.add.reduceat(_least(spend_base, limits), blocks.starts, axis=0) * (1.0 + BINDING))
    weight = np.where(free & ~held_up, spend, 0.0)
    groups = _binding_groups(blocks, spend_base, limits)
    groups.append((np.full((1, 1, 1, 1), floor_binds), (0, 1, 2, 3)))
    known = 0.0 if budget_price is None and not uses_budget else budget_price
    prices = [np.zeros(binds.shape) for binds, _ in groups]
    worth = np.full(spend.shape, 1.0 + (known or 0.0))
    budget = known or 0.0
    for _ in range(_ROUNDS):
        if known is None:
            better = max(budget + _mean(marginal - worth, weight, (0, 1, 2, 3)).item(), 0.0)
            worth, budget = worth + (better - budget), better
        for i, (binds, axes) in enumerate(groups):
            better_prices = np.where(binds, np.maximum(prices[i] + _mean(marginal - worth, weight, axes), 0.0), 0.0)
            worth, prices[i] = worth + (better_prices - prices[i]), better_prices
    return np.where(held_up, np.clip(marginal, _LEAST_VALUE, worth), worth), budget


def _binding_groups(blocks: Blocks, spend_base: FloatArray, limits: Limits) -> list[tuple[BoolArray, tuple[int, ...]]]:
    """Which caps, maximums and pacing limits bind, and the axes of ``(K, R, S, C)`` over which each counts money."""

    def binds(spent: FloatArray, bound: FloatArray | float) -> BoolArray:
        return spent >= np.asarray(bound) * (1.0 - BINDING)

    by_place = np.maximum.reduceat(spend_base.sum(axis=2, keepdims=True), blocks.starts, axis=0)
    by_day = np.maximum.reduceat(spend_base.sum(axis=(1, 2, 3), keepdims=True), blocks.starts, axis=0)
    by_region = spend_base.sum(axis=(0, 2, 3), keepdims=True)
    by_channel = spend_base.sum(axis=(0, 1, 2), keepdims=True)
    return [
        (binds(by_place, limits.maximum_base[None, :, None, :]), (2,)),
        (binds(by_region, limits.region_cap_base[None, :, None, None]), (0, 2, 3)),
        (binds(by_channel, limits.channel_cap_base), (0, 1, 2)),
        (binds(by_day, limits.daily_base), (1, 2, 3)),
    ]


def _least(spend_base: FloatArray, limits: Limits) -> FloatArray:
    """Minimums on the days on which anything is spent ``(T, R, S, C)``."""
    return np.where(spend_base > 0.0, limits.minimum_base, 0.0)


def _mean(values: FloatArray, weight: FloatArray, axes: tuple[int, ...]) -> FloatArray:
    """Mean by weight over some axes, which stay; 0 where there is no weight."""
    total = weight.sum(axis=axes, keepdims=True)
    return (values * weight).sum(axis=axes, keepdims=True) / np.where(total > 0.0, total, 1.0)
