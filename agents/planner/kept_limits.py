"""Bringing levels exactly within their limits.

The solver keeps limits to about 1e-9 of the budget; a plan keeps them to the last bit that arithmetic allows, and
spends a binding budget to the cent.
"""

import numpy as np

from xbopt.agents.planner.constraints import Constraints
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.limits import Limits

_ROUNDING = 1e-6
_DUST = 1e-6
_KEPT = 1e-9


def within_limits(level: FloatArray, constraints: Constraints) -> FloatArray:
    """Levels ``(n,)`` moved as little as needed: lifted to their least, then scaled down to each bound in turn."""
    least, fixed = constraints.least, constraints.fixed
    kept = np.where(fixed, least, np.maximum(level, least))
    # An interior-point solver leaves tiny amounts where nothing should be spent.
    kept = np.where((kept < _DUST) & (least == 0.0), 0.0, kept)
    for row in (*range(1, len(constraints.bound)), 0):
        kept = _scaled_to(kept, constraints, row)
    return filled(kept, constraints, largest=_ROUNDING)


def _scaled_to(level: FloatArray, constraints: Constraints, row: int) -> FloatArray:
    """Scale what a row's cells have above their least, down to the row's bound."""
    cells, share = constraints.matrix.of_row(row)
    total = float(share @ level[cells])
    if total <= constraints.bound[row]:
        return level
    floor = float(share @ constraints.least[cells])
    factor = max(constraints.bound[row] - floor, 0.0) / max(total - floor, 1e-300)
    scaled = level.copy()
    scaled[cells] = constraints.least[cells] + factor * (level[cells] - constraints.least[cells])
    return scaled


def filled(level: FloatArray, constraints: Constraints, *, largest: float = 1.0) -> FloatArray:
    """Spend what is left of the budget, in proportion, where every other limit has room for it.

    Args:
        level: ``(n,)``, within all limits.
        constraints: Limits.
        largest: Do nothing where more than this share of the budget is left.
    """
    cells, share = constraints.matrix.of_row(0)
    missing = constraints.bound[0] - float(share @ level[cells])
    if not 0.0 < missing <= largest * constraints.bound[0]:
        return level
    closed = constraints.fixed.copy()
    for _ in range(len(constraints.bound)):
        room = np.where(closed, 0.0, level - constraints.least)
        grows = constraints.matrix @ room
        slack = np.maximum(constraints.bound - constraints.matrix @ level, 0.0)
        # As far as the first limit allows; its cells are then full, and the others go on.
        ratio = np.where(grows > 0.0, slack / np.where(grows > 0.0, grows, 1.0), np.inf)
        step = float(ratio.min())
        if not np.isfinite(step):
            break
        level = level + step * room
        if int(np.argmin(ratio)) == 0:
            break
        for row in np.flatnonzero(ratio <= step):
            closed[constraints.matrix.of_row(int(row))[0]] = True
    return level


def keeps_limits(spend_base: FloatArray, available: FloatArray, limits: Limits) -> bool:
    """Whether daily spend ``(T, R, S, C)`` keeps all limits on money, but for rounding.

    Args:
        spend_base: Base currency.
        available: 1 where a channel can be bought, else 0 ``(T, R, C)``.
        limits: The limits.
    """
    room = 1.0 + _KEPT
    open_now = available[:, :, None, :] > 0.0
    least = np.where(limits.locked, limits.lock_base, limits.minimum_base) * open_now
    most = np.where(limits.locked, limits.lock_base, np.inf)
    most = np.where(open_now, most, 0.0)
    return bool(
        spend_base.sum() <= limits.total_base * room
        and (spend_base.sum(axis=(1, 2, 3)) <= limits.daily_base * room).all()
        and (spend_base.sum(axis=(0, 2, 3)) <= limits.region_cap_base * room).all()
        and (spend_base.sum(axis=(0, 1, 2)) <= limits.channel_cap_base * room).all()
        and (spend_base.sum(axis=2) <= limits.maximum_base * room).all()
        and (spend_base >= least / room).all()
        and (spend_base <= most * room).all()
    )
