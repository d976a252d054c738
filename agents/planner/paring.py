"""Paring back: what a plan does more than its target asks for is undone where that is worth most."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from xbopt.agents.planner.aims import Yardstick
from xbopt.agents.planner.blocks import Blocks
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy

_STEPS, _ROUNDS = 16, 3
# Promotions, the next to be undone first, that are tried shorter and less deep.
_PARTLY = 4
_NOTHING = 1e-12


def pare(yardstick: Yardstick, blocks: Blocks, high: ScheduledPolicy, low: ScheduledPolicy) -> ScheduledPolicy:
    """A plan that still reaches the aim and is worth at least as much as ``high``.

    Args:
        yardstick: Measures plans.
        blocks: The plan's cells.
        high: A plan that reaches the aim.
        low: A plan that is worth more and misses it; what lies between the two keeps every limit on spend.
    """
    kept = _spend(yardstick, high, low)
    return _spend(yardstick, _promotions(yardstick, blocks, kept, low), low)


def _promotions(yardstick: Yardstick, blocks: Blocks, high: ScheduledPolicy, low: ScheduledPolicy) -> ScheduledPolicy:
    """Promotions of ``low`` in place of ``high``'s: those first that are worth most for what they lose of the aim.

    Where the next one is too much to undo as a whole, its deal is made shorter or less deep.
    """
    differ = (high.discount_frac != low.discount_frac) | (high.mechanic != low.mechanic)
    places = np.argwhere(np.logical_or.reduceat(differ, blocks.starts, axis=0))  # blocks, regions, segments
    if not places.size:
        return high

    def undone(count: int, order: FloatArray) -> ScheduledPolicy:
        chosen: BoolArray = np.zeros((blocks.count, *differ.shape[1:]), dtype=np.bool_)
        chosen[tuple(places[order[:count].astype(np.int64)].T)] = True
        where = chosen[blocks.of_day]
        return replace(
            high,
            discount_frac=np.where(where, low.discount_frac, high.discount_frac),
            mechanic=np.where(where, low.mechanic, high.mechanic),
        )

    own = np.arange(len(places), dtype=np.float64)
    values, reached = yardstick.measure([high, *(undone(1, own[i:]) for i in range(len(places)))])
    gain, loss = values[1:] - values[0], reached[0] - reached[1:]
    helpful = np.flatnonzero(gain > 0.0)
    price = gain[helpful] / np.maximum(loss[helpful], _NOTHING)
    order = own[helpful[np.argsort(-price, kind="stable")]]
    tried = [undone(count, order) for count in range(len(order) + 1)]
    count = _best(yardstick, tried)
    plan = tried[count]
    for _ in range(_ROUNDS):
        partly = [plan]
        for at in places[order[count : count + _PARTLY].astype(np.int64)]:
            partly += _partly(yardstick, blocks, plan, low, (int(at[0]), int(at[1]), int(at[2])))
        best = _best(yardstick, partly)
        if best == 0:
            break
        plan = partly[best]
    return plan


def _partly(
    yardstick: Yardstick, blocks: Blocks, high: ScheduledPolicy, low: ScheduledPolicy, place: tuple[int, int, int]
) -> Iterator[ScheduledPolicy]:
    """A promotion in a block, region and segment that ends earlier or begins later, or is less deep or deeper."""
    block, *cell = place
    first, end = int(blocks.starts[block]), int(blocks.ends[block])
    windows = [(day, end) for day in range(first, end)] + [(first, day) for day in range(first + 1, end)]
    for begins, ends in windows:
        where = np.s_[begins:ends, cell[0], cell[1]]
        discount, mechanic = high.discount_frac.copy(), high.mechanic.copy()
        discount[where], mechanic[where] = low.discount_frac[where], low.mechanic[where]
        yield replace(high, discount_frac=discount, mechanic=mechanic)
    where = np.s_[first:end, cell[0], cell[1]]
    bounds = (float(low.discount_frac[where].min()), float(high.discount_frac[where].max()))
    for depth in yardstick.market.scenario.document.discounts.levels:
        if min(bounds) < depth < max(bounds):
            discount = high.discount_frac.copy()
            given = discount[where] > depth if bounds[0] < bounds[1] else discount[where] < depth
            discount[where] = np.where(given, depth, discount[where])
            yield replace(high, discount_frac=discount)


def _spend(yardstick: Yardstick, high: ScheduledPolicy, low: ScheduledPolicy) -> ScheduledPolicy:
    """Spend between the two plans, at the promotions of ``high``: the best that reaches the aim."""
    left, right = 0.0, 1.0
    best = high
    for _ in range(_ROUNDS):
        shares = np.linspace(left, right, _STEPS + 1)
        tried = [replace(high, spend_base=low.spend_base + s * (high.spend_base - low.spend_base)) for s in shares]
        at = _best(yardstick, tried, otherwise=len(tried) - 1)
        best = tried[at]
        left, right = float(shares[max(at - 1, 0)]), float(shares[at])
        if left == right:
            break
    return best


def _best(yardstick: Yardstick, plans: list[ScheduledPolicy], *, otherwise: int = 0) -> int:
    """Position of the plan that is worth most among those that reach the aim."""
    values, reached = yardstick.measure(plans)
    enough = yardstick.reaches(reached)
    return int(np.argmax(np.where(enough, values, -np.inf))) if enough.any() else otherwise
