"""Money moved between the cells of a plan: what each is worth now, at prices at which every limit is kept.

Near the plan, a cell's marginal value falls with its level ``y`` as that of the touching hyperbola,

    ``D(y) = V a b A w y^(w-1) / (b + A y^w)^2``,  ``w = 1 - g``,

so with ``x = log(y/y0)``, ``zeta = A y0^w / b``, the marginal value ``v`` at the plan and the ratio ``m`` of observed
to modelled value, the best level solves

    ``log(m v) - (1 - w) x - 2 log((1 + zeta e^(wx)) / (1 + zeta)) = log(P)``,  ``P = 1 + sum of prices``.

The left side falls in ``x``, so the root is unique. ``P`` is what a unit of money costs: itself, and the prices of the
limits that it uses up (the Lagrange multipliers of budget, caps, pacing and maximums). A price is 0 unless its limit
binds; at ``m = 1`` and the plan's own prices, ``x = 0`` is the plan. Carry-over stands in ``A``.

Roots and prices are found together in a fixed number of plain steps. A sweep moves every price by one Newton step on
the log of the money that its limit counts, the levels by the tangent, and then takes a Newton step towards the roots:
cyclic ascent in the dual (Bertsekas 1999, Nonlinear Programming, 6.4). No step looks at another world.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, add_up, some
from xbopt.core.decisions.limits import Limits, Remaining

FIRST_STEPS, SWEEPS = 2, 6
"""Newton steps at the plan's prices, and sweeps after them."""
LARGEST_LOG_PRICE = 4.0
"""Largest log of what money costs against what it costs in the plan; beyond it all cells stand at their least."""
LARGEST_STEP, LEAST_ELASTICITY, FLATTEST = 1.5, 0.25, 1e-9
LEAST_MONEY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class CellsAhead:
    """The plan's cells of the days that are left, in ``K`` blocks; the first one holds today.

    Attributes:
        spend_base: What the plan spends on the days left ``(K, R, S, C)``.
        dearest_base: What it spends on a block's dearest day, today for the first block ``(K, R, S, C)``.
        place_base: The same on the dearest day of each region and channel ``(K, R, S, C)``.
        log_zeta: ``log zeta`` ``(K, R, S, C)``.
        log_value: ``log v`` ``(K, R, S, C)``.
        least: Least ``x`` ``(K, R, S, C)``; cells that cannot move have 0 here and below.
        most: Largest ``x`` ``(K, R, S, C)``.
        power: ``w`` by channel ``(C,)``.
        at_plan: ``2 log(1 + zeta)`` ``(K, R, S, C)``.
    """

    spend_base: FloatArray
    dearest_base: FloatArray
    place_base: FloatArray
    log_zeta: FloatArray
    log_value: FloatArray
    least: FloatArray
    most: FloatArray
    power: FloatArray
    at_plan: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """A kind of limit: the money it counts, over which axes of ``(B, K, R, S, C)``, and its bounds."""

    counted_base: FloatArray
    axes: tuple[int, ...]
    bound_base: FloatArray

    @property
    def prices(self) -> tuple[int, ...]:
        """Shape of the prices of one world: an entry for every limit of the kind."""
        return tuple(1 if axis in self.axes else length for axis, length in enumerate(self.counted_base.shape, 1))


def reallocate(
    cells: CellsAhead, log_ratio: FloatArray, limits: Limits, remaining: Remaining, budget_price: float
) -> FloatArray:
    """Log multiples of the plan's spend ``(B, K, R, S, C)``.

    Args:
        cells: The plan's cells.
        log_ratio: ``log m`` ``(B, R, S, C)``.
        limits: The scenario's limits.
        remaining: What may still be spent.
        budget_price: What the last unit of the plan's budget brings beyond its cost; where the search begins.
    """
    rows = _limits(cells, limits, remaining)
    worth = np.add(log_ratio[:, None], cells.log_value, order="F")
    worlds = len(worth)
    prices = [np.zeros((worlds, *row.prices)) for row in rows]
    cost = np.full((worlds, 1, 1, 1, 1), 1.0 + budget_price)
    prices[-1] = np.full_like(cost, budget_price)
    dearest = np.exp(LARGEST_LOG_PRICE) * (1.0 + budget_price)
    x, elasticity = np.zeros_like(worth), np.zeros_like(worth)
    for _ in range(FIRST_STEPS):
        x, elasticity = _towards_roots(cells, worth - np.log(cost), x)
    for _ in range(SWEEPS):
        for i, row in enumerate(rows):
            money = row.counted_base * np.exp(x)
            counted = np.maximum(_summed(money, row), LEAST_MONEY)
            over = np.log(counted / np.maximum(row.bound_base, LEAST_MONEY))
            if not some((over > 0.0) | (prices[i] > 0.0)):
                continue  # a price of 0 that stays 0 moves nothing, to the bit
            falls = _summed(money * elasticity, row) / counted
            step = np.clip(over / np.maximum(falls, LEAST_ELASTICITY), -LARGEST_STEP, LARGEST_STEP)
            own = 1.0 + prices[-1] + (0.0 if i == len(rows) - 1 else prices[i])
            price = np.clip(prices[i] + own * np.expm1(step), 0.0, dearest)
            dearer = cost + (price - prices[i])
            x = np.clip(x - elasticity * np.log(dearer / cost), cells.least, cells.most)
            prices[i], cost = price, dearer
        x, elasticity = _towards_roots(cells, worth - np.log(cost), x)
    return x


def _towards_roots(cells: CellsAhead, wanted: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``x`` after a Newton step, and by how much it falls per log of the cost of money; 0 where it is at a bound.

    The left side is concave in ``x``, so from the second step on Newton comes from the right, and never overshoots.
    """
    flat = 1.0 - cells.power
    grown = np.exp(cells.log_zeta + cells.power * x)
    whole = 1.0 + grown
    # One over the slope of the left side, (1 - w) + 2 w grown/(1 + grown), in one division.
    elasticity = whole / np.maximum(flat * whole + 2.0 * cells.power * grown, FLATTEST)
    target = x + (wanted - flat * x - 2.0 * np.log(whole) + cells.at_plan) * elasticity
    inside = (target > cells.least) & (target < cells.most)
    return np.clip(target, cells.least, cells.most), elasticity * inside


def _limits(cells: CellsAhead, limits: Limits, remaining: Remaining) -> list[_Limit]:
    """The limits that the scenario has, the narrowest first and the budget last."""
    rows: list[_Limit] = []
    blocks, regions, _, channels = cells.spend_base.shape
    if some(np.isfinite(limits.maximum_base)):
        bound = np.broadcast_to(limits.maximum_base[:, None, :], (1, blocks, regions, 1, channels))
        rows.append(_Limit(counted_base=cells.place_base, axes=(3,), bound_base=bound))
    if some(np.isfinite(limits.region_cap_base)):
        bound = remaining.region_base[:, None, :, None, None]
        rows.append(_Limit(counted_base=cells.spend_base, axes=(1, 3, 4), bound_base=bound))
    if some(np.isfinite(limits.channel_cap_base)):
        bound = remaining.channel_base[:, None, None, None, :]
        rows.append(_Limit(counted_base=cells.spend_base, axes=(1, 2, 3), bound_base=bound))
    bound = np.full((1, blocks, 1, 1, 1), limits.daily_base)
    rows.append(_Limit(counted_base=cells.dearest_base, axes=(2, 3, 4), bound_base=bound))
    bound = remaining.budget_base[:, None, None, None, None]
    rows.append(_Limit(counted_base=cells.spend_base, axes=(1, 2, 3, 4), bound_base=bound))
    return rows


def _summed(money: FloatArray, row: _Limit) -> FloatArray:
    """The sum over a limit's axes, which stay as axes of length 1."""
    return np.expand_dims(add_up(money, *row.axes), row.axes)
