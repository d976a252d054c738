"""Shadow prices of limits, each held against what re-planning with a little more and a little less room brings.

A dual value is a slope of the last convex program. Where the market is not what that program takes it for (an S-curve
off its concave part, a stock that runs out), it can be wrong, even in sign. So each limit is moved a little both ways,
the plan climbs from where it stands, and expected mode says what that brought. A price that differs is withheld.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xbopt.agents.planner.ascent import Ascent, Certificate
from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.conflicts import promises
from xbopt.agents.planner.conic import SolverError
from xbopt.agents.planner.constraints import Constraints
from xbopt.agents.planner.envelope import on_first_stretch, tangent_point
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.kept_limits import filled, within_limits
from xbopt.agents.planner.program import solve
from xbopt.agents.planner.response_model import ResponseModel, model_at
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.errors import BudgetError
from xbopt.core.scenario.scenario import Scenario

# What has no price is within the solver's tolerance: a millionth of what the average unit of budget brings.
_TOLERANCE = 1e-6
_CHANGE = 0.02
_TRUST = 1.5
_STEPS = (1.0, 0.5, 0.2)
AGREEMENT = 0.1
"""A price is shown where it lies within this share of the measured one."""
# Solver time: small plans have all prices checked, large ones those that matter most.
_CHECKED, _FEWEST, _MOST = 6000, 3, 12

Reason = Literal["disagrees", "unchecked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldPrice:
    """A price that the last program names and that is not shown.

    Attributes:
        limit: The limit's name.
        reason: It ``disagrees`` with re-planning, or is ``unchecked``: other limits matter more.
        price: What the program says, goal per unit of room as in ``shadow_prices``.
        more: What re-planning with 2 % more room brought per unit of it; NaN where unchecked.
        less: What re-planning with 2 % less room lost per unit of it; NaN where unchecked.
    """

    limit: str
    reason: Reason
    price: float
    more: float = float("nan")
    less: float = float("nan")

    @property
    def measured(self) -> float:
        """Mean of both sides."""
        return 0.5 * (self.more + self.less)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices of limits.

    Attributes:
        shown: By limit; goal per base currency unit of room, of a promise per unit less of it, of the return floor per
            unit of floor and unit of spend. Limits without a price are left out.
        withheld: Those that re-planning does not bear out.
    """

    shown: dict[str, float]
    withheld: tuple[WithheldPrice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """A limit that can be moved: constraints with so much of it, and what 1 of it stands for in the price's unit."""

    name: str
    changed: Callable[[float], Constraints]
    amount: float


def program_prices(
    scenario: Scenario, blocks: Blocks, constraints: Constraints, certificate: Certificate
) -> dict[str, float]:
    """Prices by limit as the last convex program has them."""
    limits = _by_name(constraints, certificate.shadow_price)
    promised = _promised_prices(scenario, blocks, constraints, certificate)
    average = abs(certificate.value) / float(constraints.bound[0] * constraints.whole_base)
    least = _TOLERANCE * max(average, *(abs(price) for price in (*limits.values(), *promised.values())))
    prices = {name: price for name, price in (limits | promised).items() if abs(price) > least}
    if certificate.roi_price > least:
        prices["roi_floor"] = certificate.roi_price
    return prices


def checked_prices(
    scenario: Scenario,
    market: ExpectedMarket,
    blocks: Blocks,
    constraints: Constraints,
    at: Ascent,
    certificate: Certificate,
    binding: tuple[str, ...],
) -> Prices:
    """The prices that re-planning bears out, and those that it does not.

    Args:
        scenario: The scenario with its limits.
        market: The market in expected mode.
        blocks: The plan's cells.
        constraints: Limits.
        at: The plan.
        certificate: What the last program says of it.
        binding: Limits that leave no room; they are looked at even where the program gives them no price.
    """
    stated = program_prices(scenario, blocks, constraints, certificate)
    if not stated and not binding:
        return Prices(shown={})
    model = model_at(market, blocks, at.course, at.level)
    point = tangent_point(model.saturation)
    if (point > 0.0).any():
        stated = _local_prices(scenario, blocks, constraints, at, model, certificate) or stated
    rooms = {room.name: room for room in _rooms(scenario, blocks, constraints, at)}
    names = [name for name in dict.fromkeys([*stated, *binding]) if name in rooms and rooms[name].amount > 0.0]
    names.sort(key=lambda name: -abs(stated.get(name, 0.0)) * abs(rooms[name].amount))
    count = int(np.clip(_CHECKED // blocks.cells, _FEWEST, _MOST))
    shown: dict[str, float] = {}
    withheld: list[WithheldPrice] = []
    same = _replanned(market, blocks, constraints, at, model)
    for i, name in enumerate(names):
        price = stated.get(name, 0.0)
        if i >= count:
            if price:
                withheld.append(WithheldPrice(limit=name, reason="unchecked", price=price))
            continue
        room = rooms[name]
        step = _CHANGE * room.amount
        more = (_replanned(market, blocks, room.changed(1.0 + _CHANGE), at, model) - same) / step
        less = (same - _replanned(market, blocks, room.changed(1.0 - _CHANGE), at, model)) / step
        found = WithheldPrice(limit=name, reason="disagrees", price=price, more=more, less=less)
        nothing = _TOLERANCE * abs(at.course.total) / max(abs(room.amount), 1e-300)
        if abs(price - found.measured) <= max(AGREEMENT * abs(found.measured), nothing):
            if price:
                shown[name] = price
        else:
            withheld.append(found)
    return Prices(shown=shown, withheld=tuple(withheld))


def _local_prices(
    scenario: Scenario,
    blocks: Blocks,
    constraints: Constraints,
    at: Ascent,
    model: ResponseModel,
    certificate: Certificate,
) -> dict[str, float]:
    """Prices of the program that touches the curves where the plan stands; none where the solver gives up."""
    low = on_first_stretch(model, at.level)
    organic = at.course.by_days - model.value(at.level)
    try:
        near = solve(model, constraints, organic=organic, around=at.level, curves="local", trust=_TRUST, held=low)
    except (SolverError, BudgetError):
        return {}
    local = replace(
        certificate, shadow_price=near.shadow_price, promise_price=near.promise_price, roi_price=near.roi_price
    )
    return program_prices(scenario, blocks, constraints, local)


def _replanned(
    market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, model: ResponseModel
) -> float:
    """The goal that one step of the search reaches under other limits, from the plan brought within them."""
    here = within_limits(at.level.ravel(), constraints).reshape(at.level.shape)
    tried = [here, filled(here.ravel(), constraints).reshape(here.shape)]
    low, organic = on_first_stretch(model, here), at.course.by_days - model.value(at.level)
    try:
        target = solve(model, constraints, organic=organic, around=here, curves="local", trust=_TRUST, held=low).level
        tried += [here + step * (target - here) for step in _STEPS]
    except (SolverError, BudgetError):
        pass
    plans = [replace(at.course.plan, spend_base=blocks.spend(level)) for level in tried]
    by_days, evening = (each.sum(axis=1) for each in market.parts(plans))
    spends = np.array([plan.spend_base.sum() for plan in plans])
    return float((by_days + evening)[constraints.best(by_days + evening, by_days, spends)])


def _rooms(scenario: Scenario, blocks: Blocks, constraints: Constraints, at: Ascent) -> list[_Room]:
    """Every limit as something to move."""
    names = np.array(constraints.names)

    def bound(name: str) -> Callable[[float], Constraints]:
        def changed(factor: float) -> Constraints:
            return replace(constraints, bound=np.where(names == name, factor, 1.0) * constraints.bound)

        return changed

    def promise(cells: BoolArray) -> Callable[[float], Constraints]:
        where = np.broadcast_to(cells, at.level.shape).ravel()

        # Room of a promise is less of it.
        def changed(factor: float) -> Constraints:
            return replace(constraints, least=np.where(where, constraints.least * (2.0 - factor), constraints.least))

        return changed

    def floor(factor: float) -> Constraints:
        assert constraints.roi_floor is not None, "asked for with a floor only"
        return replace(constraints, roi_floor=constraints.roi_floor * (2.0 - factor))

    whole = constraints.whole_base
    rooms = [
        _Room(name=name, changed=bound(name), amount=float(constraints.bound[names == name].sum()) * whole)
        for name in dict.fromkeys(constraints.names)
    ]
    money = (blocks.unit_base * blocks.level_days * constraints.least.reshape(at.level.shape)).sum(axis=0)
    rooms += [
        _Room(name=one.name, changed=promise(one.cells), amount=float(money[one.cells].sum()))
        for one in promises(scenario, money)
    ]
    if constraints.roi_floor is not None:
        rooms.append(_Room(name="roi_floor", changed=floor, amount=constraints.roi_floor * at.spend_base))
    return rooms


def _by_name(constraints: Constraints, price: FloatArray) -> dict[str, float]:
    """Price of each limit from those of its rows ``(m,)``: of room that is spread as the limit itself is."""
    named: dict[str, list[int]] = {}
    for i, name in enumerate(constraints.names):
        named.setdefault(name, []).append(i)
    prices: dict[str, float] = {}
    for name, rows in named.items():
        weight = constraints.bound[rows]
        prices[name] = float(np.average(price[rows], weights=weight if weight.any() else None))
    return prices


def _promised_prices(
    scenario: Scenario, blocks: Blocks, constraints: Constraints, certificate: Certificate
) -> dict[str, float]:
    """Goal that one base currency unit less of each minimum and lock brings; below 0 where more would be better."""
    level = constraints.least.reshape(blocks.level_days.shape)
    money = (blocks.unit_base * blocks.level_days * level).sum(axis=0)  # (R, S, C)
    gain = -(certificate.promise_price * level).sum(axis=0)
    return {one.name: float(gain[one.cells].sum() / money[one.cells].sum()) for one in promises(scenario, money)}
