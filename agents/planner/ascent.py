"""Planning the full market by successive convex programs, each step confirmed by expected mode.

The full market is not concave: customers tire, channels help each other, today's buyers come back. So the program is
solved on a model that agrees with expected mode at the plan at hand, and the plan moves towards its optimum only as
far as expected mode confirms. Nothing is accepted that brings less than before: the steps are a proof of ascent.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.conic import SolverError
from xbopt.agents.planner.constraints import Constraints
from xbopt.agents.planner.envelope import has_other_curves, on_first_stretch
from xbopt.agents.planner.expected import Course, ExpectedMarket
from xbopt.agents.planner.kept_limits import within_limits
from xbopt.agents.planner.program import Solution, solve
from xbopt.agents.planner.response_model import ResponseModel, model_at
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import BudgetError

_WIDEST, _CLOSEST = 4.0, 1.1
_CERTIFIED, _SETTLED, _NEARLY_SETTLED, _SLACK = 1e-7, 1e-9, 1e-5, 1e-5
_SETTLING_ROUNDS = 5
_STEPS = (1.0, 0.6, 0.35, 0.15, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ascent:
    """A plan on its way uphill.

    Attributes:
        level: ``(K, R, S, C)``.
        course: The plan's course in expected mode.
        history: The goal in expected mode after each accepted step, the start first.
        price: What a base currency unit of room in each limit was worth in the last program ``(m,)``; None before one.
        seconds: Time in the solver.
        given_up: Programs that the solver gave up; the plan stayed where it was.
    """

    level: FloatArray
    course: Course
    history: tuple[float, ...]
    price: FloatArray | None = None
    seconds: float = 0.0
    given_up: int = 0

    @property
    def spend_base(self) -> float:
        """What the plan spends."""
        return float(self.course.plan.spend_base.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the last convex program says of the plan. It speaks of that program, not of the full market.

    Attributes:
        value: What media bring under the plan, in that program.
        upper_bound: No plan within the limits brings more in it.
        shadow_price: By row of the constraints ``(m,)``, goal per base currency unit.
        promise_price: Of each level's lower bound, goal per unit of level ``(K, R, S, C)``; see ``Solution``.
        roi_price: Of the return floor.
    """

    value: float
    upper_bound: float
    shadow_price: FloatArray
    promise_price: FloatArray
    roi_price: float

    @classmethod
    def none(cls, value: float, constraints: Constraints, level: FloatArray) -> "Certificate":
        """No bound and no prices."""
        return cls(
            value=value,
            upper_bound=np.inf,
            shadow_price=np.zeros(len(constraints.bound)),
            promise_price=np.zeros(level.shape),
            roi_price=0.0,
        )

    @property
    def relative_gap(self) -> float:
        """``(upper bound - value) / |value|``."""
        return max(self.upper_bound - self.value, 0.0) / max(abs(self.value), 1e-300)


def begin(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, start: ScheduledPolicy) -> Ascent:
    """Bring a plan within the limits, and see how it goes."""
    level = within_limits(blocks.level(start.spend_base).ravel(), constraints)
    level = level.reshape(blocks.level_days.shape)
    course = market.play(replace(start, spend_base=blocks.spend(level)))
    return Ascent(level=level, course=course, history=(course.total,))


def allocate(
    market: ExpectedMarket,
    blocks: Blocks,
    constraints: Constraints,
    at: Ascent,
    *,
    rounds: int,
    tolerance: float,
    opening: bool = False,
) -> Ascent:
    """Move a plan's spend uphill until a round gains less than ``tolerance``, relative to the goal.

    Args:
        market: The market in expected mode.
        blocks: The plan's cells.
        constraints: Limits; the plan keeps them.
        at: Where the plan stands; its discounts and dayparts are kept.
        rounds: Most rounds.
        tolerance: Relative gain at which to stop.
        opening: Whether the program may look beyond the threshold of cells that stand on the first stretch of an
            S-curve. It finds what is worth entering from afar, and misleads near an optimum: elsewhere such cells stay.

    Raises:
        BudgetError: No plan keeps the return floor.
    """
    trust, model = np.inf, None
    for _ in range(rounds):
        model = model or model_at(market, blocks, at.course, at.level)
        try:
            solution = _local(model, constraints, at, trust, opening=opening)
        except SolverError:
            return replace(at, given_up=at.given_up + 1)
        before = at
        at, step = _moved(market, blocks, at, solution.level, constraints)
        at = replace(at, seconds=at.seconds + solution.seconds, price=solution.shadow_price)
        model = model if at.course is before.course else None
        # Where the model promised more than expected mode confirms, the plan stays where the model is right.
        confirmed = step == _STEPS[0]
        trust = min(trust * 2.0, _WIDEST) if confirmed else max(min(trust, _WIDEST) ** 0.5, _CLOSEST)
        small = abs(at.course.total - before.course.total) <= tolerance * abs(at.course.total)
        if small and (confirmed or trust <= _CLOSEST):
            break
    return at


def _local(model: ResponseModel, constraints: Constraints, at: Ascent, trust: float, *, opening: bool) -> Solution:
    """The optimum near the plan. A return floor may lie beyond the trust region; then the whole program is solved."""
    organic = at.course.by_days - model.value(at.level)
    held = None if opening else on_first_stretch(model, at.level)

    def solved(radius: float) -> Solution:
        return solve(model, constraints, organic=organic, around=at.level, curves="local", trust=radius, held=held)

    try:
        return solved(trust)
    except BudgetError:
        if not np.isfinite(trust):
            raise
        return solved(np.inf)


def _moved(
    market: ExpectedMarket, blocks: Blocks, at: Ascent, target: FloatArray, constraints: Constraints
) -> tuple[Ascent, float]:
    """The plan, moved towards a target as far as is best in expected mode, and how far; 0 where no step is better."""
    tried = [at.level + step * (target - at.level) for step in _STEPS]
    plans = [replace(at.course.plan, spend_base=blocks.spend(each)) for each in tried]
    by_days, evening = (each.sum(axis=1) for each in market.parts(plans))
    totals = np.array([at.course.total, *(by_days + evening)])
    margins = np.array([at.course.by_days, *by_days])
    spends = np.array([at.spend_base, *(plan.spend_base.sum() for plan in plans)])
    best = constraints.best(totals, margins, spends) - 1
    if best < 0:
        return at, 0.0
    course = market.play(plans[best])
    return replace(at, level=tried[best], course=course, history=(*at.history, course.total)), _STEPS[best]


def settle(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent) -> Ascent:
    """Move on until program and expected mode agree; where a curve is no cone, until steps gain next to nothing."""
    if has_other_curves(market.market.media.saturation):
        return allocate(market, blocks, constraints, at, rounds=_SETTLING_ROUNDS, tolerance=_NEARLY_SETTLED)
    for _ in range(_SETTLING_ROUNDS):
        model = model_at(market, blocks, at.course, at.level)
        organic = at.course.by_days - model.value(at.level)
        try:
            bound = solve(model, constraints, organic=organic, around=at.level, curves="envelope")
        except SolverError:
            return replace(at, given_up=at.given_up + 1)
        before = at.course.total
        at, _ = _moved(market, blocks, at, bound.level, constraints)
        at = replace(at, seconds=at.seconds + bound.seconds)
        if bound.upper_bound - model.value(at.level) <= _CERTIFIED * abs(bound.upper_bound):
            break
        if at.course.total - before <= _SETTLED * abs(at.course.total):
            break
    return at


def certify(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent) -> tuple[Ascent, Certificate]:
    """Bound what any other spend could bring, in the convex program that agrees with expected mode at the plan.

    Where the solver gives up, or its bound lies below what the plan brings, there is no bound: it is infinite then.
    """
    model = model_at(market, blocks, at.course, at.level)
    value = model.value(at.level)
    try:
        bound = solve(model, constraints, organic=at.course.by_days - value, around=at.level, curves="envelope")
    except SolverError:
        return replace(at, given_up=at.given_up + 1), Certificate.none(value, constraints, at.level)
    at = replace(at, seconds=at.seconds + bound.seconds)
    keeps_floor = constraints.roi_floor is None or at.course.by_days >= constraints.roi_floor * at.spend_base
    if keeps_floor and value > bound.upper_bound + _SLACK * abs(bound.upper_bound):
        return at, Certificate.none(value, constraints, at.level)
    certificate = Certificate(
        value=value,
        upper_bound=bound.upper_bound,
        shadow_price=bound.shadow_price,
        promise_price=bound.promise_price,
        roi_price=bound.roi_price,
    )
    return at, certificate
