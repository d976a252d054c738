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

from xbopt.agents.planner.floor_ahead import FloorAhead
from xbopt.core.arrays import BoolArray, FloatArray, add_up, some
from xbopt.core.decisions.limits import Limits, Remaining

FIRST_STEPS, SWEEPS, SWEEPS_WITH_CAPS = 2, 8, 24
"""Newton steps at the plan's prices, and sweeps after them: without and with caps of regions, channels or places, which
cross each other. On shipped scenarios levels then stand to 1e-9; what is left is scaled down at the end."""
LARGEST_LOG_PRICE = 4.0
"""Largest log of what money costs against what it costs in the plan; beyond it all cells stand at their least."""
LEAST_RISE = 0.1
"""Least ``1 - w`` that is reckoned with where value falls with a cell's own spend. A channel whose response is a
straight line would jump between its bounds at one price; no plan knows its line so well."""
FLATTEST = 1e-9
# A cell off its bounds gives way by at least 1/(1 + w) > 0.5; less is seen only where cells stand at their bounds.
# There Newton steps can go round in circles, so that later ones are held ever shorter.
LEAST_ELASTICITY = 0.5
LARGEST_STEP, SHORTER = 1.0, 0.85
LEAST_MONEY = 1e-12
ROUNDING = 1e-9
"""Share of a limit by which it counts as kept."""
LEAST_SHARE = 1e-12
"""Least share of a cell's money that scaling down leaves, so that its log is a number."""
ALWAYS = 2  # pacing and budget


@dataclass(frozen=True, slots=True, kw_only=True)
class CellsAhead:
    """The plan's cells of the days that are left, in ``K`` blocks; the first one holds today.

    Attributes:
        spend_base: What the plan spends on the days left ``(K, R, S, C)``.
        dearest_base: What it spends on a block's dearest day ``(K, R, S, C)``.
        place_base: The same on the dearest day of each region and channel ``(K, R, S, C)``.
        log_zeta: ``log zeta`` ``(K, R, S, C)``.
        log_value: ``log v`` ``(K, R, S, C)``.
        least: Least ``x`` ``(K, R, S, C)``; cells that cannot move have 0 here and below.
        most: Largest ``x`` ``(K, R, S, C)``.
        promised: Share of the plan's spend that minimums and locks ask for ``(K, R, S, C)``.
        power: ``w`` by channel ``(C,)``.
    """

    spend_base: FloatArray
    dearest_base: FloatArray
    place_base: FloatArray
    log_zeta: FloatArray
    log_value: FloatArray
    least: FloatArray
    most: FloatArray
    promised: FloatArray
    power: FloatArray


def reallocate(
    cells: CellsAhead,
    log_ratio: FloatArray,
    limits: Limits,
    remaining: Remaining,
    budget_price: float,
    floor: FloorAhead | None = None,
) -> FloatArray:
    """Log multiples of the plan's spend ``(B, K, R, S, C)``.

    Args:
        cells: The plan's cells.
        log_ratio: ``log m`` ``(B, R, S, C)``.
        limits: The scenario's limits.
        remaining: What may still be spent.
        budget_price: What the last unit of the plan's budget brings beyond its cost; where the search begins.
        floor: The return floor, where the scenario has one.
    """
    rows = limits_ahead(cells.spend_base, cells.dearest_base, cells.place_base, limits, remaining)
    # Inside, worlds are the last axis: arithmetic runs along them and meets each cell's numbers as scalars.
    here = _Standing.of(cells)
    worth = np.ascontiguousarray(np.moveaxis(log_ratio, 0, -1)) + _inside(cells.log_value)
    worth = worth + here.at_plan
    worlds = len(log_ratio)
    prices = [np.zeros((*row.prices, worlds)) for row in rows]
    cost = np.full((1, 1, 1, 1, worlds), 1.0 + budget_price)
    prices[-1] = np.full_like(cost, budget_price)
    dearest = np.exp(LARGEST_LOG_PRICE) * (1.0 + budget_price)
    x, elasticity = np.zeros_like(worth), np.zeros_like(worth)
    for _ in range(FIRST_STEPS):
        x, elasticity = here.towards_roots(worth - np.log(cost), x)
    growth, floor_price = np.exp(x), np.zeros_like(cost)
    plain = len(rows) == ALWAYS and floor is None
    # What is promised gives no way, so prices work on what is above it.
    promised = _inside(cells.promised)
    owed = [row.summed(row.counted_base * promised) for row in rows]
    room = [np.log(np.maximum(row.bound_base - owed[i], LEAST_MONEY)) for i, row in enumerate(rows)]
    for sweep in range(SWEEPS if plain else SWEEPS_WITH_CAPS):
        longest = LARGEST_STEP * SHORTER**sweep
        for i, row in enumerate(rows):
            money = row.counted_base * growth
            counted = np.maximum(row.summed(money) - owed[i], LEAST_MONEY)
            over = np.log(counted) - room[i]
            if not some((over > 0.0) | (prices[i] > 0.0)):
                continue  # a price of 0 that stays 0 moves nothing, to the bit
            given = money * elasticity
            gives, by_price = row.summed(given), row.summed(given * (1.0 / cost))
            step = np.clip(over / np.maximum(gives / counted, LEAST_ELASTICITY), -longest, longest)
            # Where all cells stand at a bound, nothing gives way yet, and the cost of the limit alone has to do.
            mean = np.where(by_price > 0.0, gives / np.where(by_price > 0.0, by_price, 1.0), 1.0 + prices[i])
            price = np.clip(prices[i] + mean * (np.exp(step) - 1.0), 0.0, dearest)
            dearer = cost + (price - prices[i])
            x = here.within(x - elasticity * np.log(dearer / cost))
            prices[i], cost = price, dearer
            if i < len(rows) - 1 or floor is not None:
                growth = np.exp(x)
        if floor is not None:
            value = _inside(floor.value_base) * here.value(log_ratio, x)
            money = rows[-1].counted_base * growth
            missing, falls = floor.missing(value, money), floor.falls(value, money, elasticity, here.grows(x))
            step = np.exp(np.clip(missing / falls, -longest, longest)) - 1.0
            price = np.clip(floor_price + (1.0 + floor_price + prices[-1]) * step, 0.0, floor.rate)
            dearer = cost + (price - floor_price)
            x = here.within(x - elasticity * np.log(dearer / cost))
            floor_price, cost = price, dearer
        x, elasticity = here.towards_roots(worth - np.log(cost), x)
        growth = np.exp(x)
    scaled = scaled_to_limits(rows, promised, growth) / growth
    return np.moveaxis(x + np.log(np.maximum(scaled, LEAST_SHARE)), -1, 0)


def scaled_to_limits(rows: "list[LimitAhead]", promised: FloatArray, growth: FloatArray) -> FloatArray:
    """Multiples of a plan's spend ``(K, R, S, C, B)`` scaled down to each limit in turn, as the projection does.

    What is above the promised is scaled first; where even that is more than a limit allows, it is scaled as well, and
    nothing else is left. Scaling only takes away, so that a later limit breaks no earlier one. Multiples that keep
    all limits stay as they are, to the bit.

    Args:
        rows: The limits.
        promised: Multiples that minimums and locks ask for ``(K, R, S, C, 1)``.
        growth: Multiples, none below the promised.
    """
    kept, above = promised, np.maximum(growth - promised, 0.0)
    cut = np.zeros(growth.shape, dtype=np.bool_)
    for row in rows:
        owed, more = row.summed(row.counted_base * kept), row.summed(row.counted_base * above)
        over = owed + more > row.bound_base * (1.0 + ROUNDING)
        pays = np.where(over, np.minimum(row.bound_base / np.maximum(owed, LEAST_MONEY), 1.0), 1.0)
        room = np.maximum(row.bound_base - owed, 0.0) / np.maximum(more, LEAST_MONEY)
        kept, above = kept * pays, above * np.where(over, np.minimum(room, 1.0), 1.0)
        cut = cut | over
    return np.where(cut, kept + above, growth)


def keeps_floor(cells: CellsAhead, log_ratio: FloatArray, x: FloatArray, floor: FloorAhead) -> BoolArray:
    """Whether log multiples ``(B, K, R, S, C)`` keep the return floor ``(B,)``; arguments as in ``reallocate``."""
    inside = np.moveaxis(x, 0, -1)
    value = _inside(floor.value_base) * _Standing.of(cells).value(log_ratio, inside)
    return floor.kept(value, _inside(cells.spend_base) * np.exp(inside))


def _inside(array: FloatArray) -> FloatArray:
    """Numbers of cells ``(K, R, S, C)`` beside those of worlds ``(K, R, S, C, B)``."""
    return array[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """The curves and bounds of all cells ``(K, R, S, C, 1)``, as the steps want them."""

    log_zeta: FloatArray
    at_plan: FloatArray
    power: FloatArray
    flat: FloatArray
    least: FloatArray
    most: FloatArray

    @classmethod
    def of(cls, cells: CellsAhead) -> "_Standing":
        log_zeta = _inside(cells.log_zeta)
        return cls(
            log_zeta=log_zeta,
            at_plan=2.0 * np.log1p(np.exp(log_zeta)),
            power=_inside(cells.power),
            flat=_inside(np.maximum(1.0 - cells.power, LEAST_RISE)),
            least=_inside(cells.least),
            most=_inside(cells.most),
        )

    def within(self, x: FloatArray) -> FloatArray:
        """``x`` within its bounds."""
        return np.minimum(np.maximum(x, self.least), self.most)

    def value(self, log_ratio: FloatArray, x: FloatArray) -> FloatArray:
        """What cells bring over what they bring in the plan ``(K, R, S, C, B)``: the hyperbola, times ``m``."""
        bent = np.exp(self.power * x + self.at_plan / 2.0) / (1.0 + np.exp(self.power * x + self.log_zeta))
        return bent * np.exp(np.moveaxis(log_ratio, 0, -1))

    def grows(self, x: FloatArray) -> FloatArray:
        """By how much the log of a cell's value grows with ``x`` ``(K, R, S, C, B)``."""
        return self.power / (1.0 + np.exp(self.power * x + self.log_zeta))

    def towards_roots(self, wanted: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``x`` after a Newton step, and by how much it falls per log of the cost of money; 0 where it is at a bound.

        The left side is concave in ``x``, so from the second step on Newton comes from the right, and never overshoots.
        """
        grown = np.exp(self.power * x + self.log_zeta)
        whole = 1.0 + grown
        # One over the slope of the left side, (1 - w) + 2 w grown / (1 + grown), in one division.
        elasticity = whole / np.maximum((self.flat + 2.0 * self.power) * grown + self.flat, FLATTEST)
        target = x + (wanted - self.flat * x - 2.0 * np.log(whole)) * elasticity
        x = self.within(target)
        return x, elasticity * (x == target)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitAhead:
    """A kind of limit: the money it counts, over which axes of ``(K, R, S, C, B)``, and its bounds."""

    counted_base: FloatArray
    axes: tuple[int, ...]
    bound_base: FloatArray

    @property
    def prices(self) -> tuple[int, ...]:
        """Shape of the prices of one world: an entry for every limit of the kind."""
        return tuple(1 if axis in self.axes else length for axis, length in enumerate(self.counted_base.shape[:-1]))

    def summed(self, money: FloatArray) -> FloatArray:
        """The sum over the limit's axes, which stay as axes of length 1."""
        sums = add_up(np.moveaxis(money, -1, 0), *(axis + 1 for axis in self.axes))
        return np.expand_dims(np.moveaxis(sums, 0, -1), self.axes)


def limits_ahead(
    spend_base: FloatArray, dearest_base: FloatArray, place_base: FloatArray, limits: Limits, remaining: Remaining
) -> list[LimitAhead]:
    """The limits that the scenario has, the narrowest first and the budget last; money as in ``CellsAhead``."""
    rows: list[LimitAhead] = []

    def add(counted: FloatArray, axes: tuple[int, ...], bound: FloatArray) -> None:
        rows.append(LimitAhead(counted_base=_inside(counted), axes=axes, bound_base=bound))

    if some(np.isfinite(limits.maximum_base)):
        add(place_base, (2,), limits.maximum_base[None, :, None, :, None])
    if some(np.isfinite(limits.region_cap_base)):
        add(spend_base, (0, 2, 3), remaining.region_base.T[None, :, None, None])
    if some(np.isfinite(limits.channel_cap_base)):
        add(spend_base, (0, 1, 2), remaining.channel_base.T[None, None, None])
    add(dearest_base, (1, 2, 3), np.full((1, 1, 1, 1, 1), limits.daily_base))
    add(spend_base, (0, 1, 2, 3), remaining.budget_base[None, None, None, None])
    return rows
