"""Planning the full market by successive convex programs, each step confirmed by expected mode.

The full market is not concave: customers tire, channels help each other, today's buyers come back. So the program is
solved on a model that agrees with expected mode at the plan at hand, and the plan moves towards its optimum only as
far as expected mode confirms. Nothing is accepted that brings less than before: the steps are a proof of ascent.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.baselines.schedule import ScheduledPolicy
from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.constraints import Constraints
from xbopt.agents.planner.envelope import has_other_curves
from xbopt.agents.planner.expected import Course, ExpectedMarket
from xbopt.agents.planner.kept_limits import within_limits
from xbopt.agents.planner.program import solve
from xbopt.agents.planner.response_model import model_at
from xbopt.core.axes import FloatArray

_WIDEST, _CLOSEST = 4.0, 1.1
_CERTIFIED, _SETTLED = 1e-7, 1e-9
_STEPS = (1.0, 0.6, 0.35, 0.15, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ascent:
    """A plan on its way uphill.

    Attributes:
        level: ``(K, R, S, C)``.
        course: The plan's course in expected mode.
        history: The goal in expected mode after each accepted step, the start first.
        seconds: Time in the solver.
    """

    level: FloatArray
    course: Course
    history: tuple[float, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the last convex program says of the plan. It speaks of that program, not of the full market.

    Attributes:
        value: What media bring under the plan, in that program.
        upper_bound: No plan within the limits brings more in it.
        shadow_price: By row of the constraints ``(m,)``, goal per base currency unit.
        roi_price: Of the return floor.
    """

    value: float
    upper_bound: float
    shadow_price: FloatArray
    roi_price: float

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
    market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, *, rounds: int, tolerance: float
) -> Ascent:
    """Move a plan's spend uphill until a round gains less than ``tolerance``, relative to the goal.

    Args:
        market: The market in expected mode.
        blocks: The plan's cells.
        constraints: Limits; the plan keeps them.
        at: Where the plan stands; its discounts and dayparts are kept.
        rounds: Most rounds.
        tolerance: Relative gain at which to stop.

    Raises:
        BudgetError: No plan keeps all limits.
        SolverError: The solver gave up.
    """
    level, course, history, seconds = at.level, at.course, list(at.history), at.seconds
    trust = np.inf
    for _ in range(rounds):
        model = model_at(market, blocks, course, level)
        organic = course.total - model.value(level)
        solution = solve(model, constraints, organic=organic, around=level, curves="local", trust=trust)
        seconds += solution.seconds
        tried = [level + step * (solution.level - level) for step in _STEPS]
        plans = [replace(course.plan, spend_base=blocks.spend(each)) for each in tried]
        totals = market.totals(plans).sum(axis=1)
        best = int(np.argmax(totals))
        gain = float(totals[best]) - course.total
        if gain > 0.0:
            level = tried[best]
            course = market.play(plans[best])
            history.append(course.total)
        # Where the model promised more than expected mode confirms, the plan stays where the model is right.
        confirmed = best == 0 and gain > 0.0
        trust = min(trust * 2.0, _WIDEST) if confirmed else max(min(trust, _WIDEST) ** 0.5, _CLOSEST)
        if gain <= tolerance * abs(course.total) and (best == 0 or trust <= _CLOSEST):
            break
    return Ascent(level=level, course=course, history=tuple(history), seconds=seconds)


def certify(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent) -> tuple[Ascent, Certificate]:
    """Bound what any other spend could bring, in the convex program that agrees with expected mode at the plan.

    As far as expected mode confirms that program's own optimum, the plan moves there; where every channel's curve is a
    cone, this is done until program and plan agree.
    """
    while True:
        model = model_at(market, blocks, at.course, at.level)
        organic = at.course.total - model.value(at.level)
        bound = solve(model, constraints, organic=organic, around=at.level, curves="envelope")
        tried = [at.level + step * (bound.level - at.level) for step in _STEPS]
        plans = [replace(at.course.plan, spend_base=blocks.spend(each)) for each in tried]
        totals = market.totals(plans).sum(axis=1)
        best = int(np.argmax(totals))
        before, seconds = at, at.seconds + bound.seconds
        if totals[best] >= at.course.total:
            course = market.play(plans[best])
            at = Ascent(level=tried[best], course=course, history=(*at.history, course.total))
        at = replace(at, seconds=seconds)
        certificate = Certificate(
            value=model.value(at.level),
            upper_bound=bound.upper_bound,
            shadow_price=bound.shadow_price,
            roi_price=bound.roi_price,
        )
        settled = at.course.total - before.course.total <= _SETTLED * abs(at.course.total)
        if certificate.relative_gap <= _CERTIFIED or settled or has_other_curves(model.saturation):
            return at, certificate
