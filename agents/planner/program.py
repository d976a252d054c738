"""The planner's convex program, with its certificate.

Variables of each cell: level ``y``, its power ``u``, the share ``q`` of the ceiling that it reaches, and the exposure
``z`` with what earlier blocks left.

    maximise   ``sum V q + (l - cost) y``
    where      ``u <= y^(1-g)``                              power cone
               ``z = A u``                                   carry-over
               ``(1 - q/a)(1 + z/b) >= 1``                   second-order cone: ``q <= a z / (b + z)``
               ``q <= a_j + b_j z``                          tangents of a concave envelope
               limits on ``y``

Carry-over over days is a long memory, but most of it is a recursion: with ``r`` the share that a day keeps,
``z_k - r z_(k-1) = A_k u - r A_(k-1) u``, and of the right side only a day's own ``u`` is left. So ``z`` is a variable,
and the program of 12,960 daily cells is about as sparse as it is wide.

Hill with slope 1 is the cone itself (``a = b = 1``). Any other curve comes in two ways: *local*, as the cone that
touches it where the plan stands, which finds good plans fast; and by its *envelope*, whose optimum no plan can beat.

Every dual value bounds the optimum from above. The gap is measured between that bound and what the *response model*
gives at the plan itself, after the plan was brought exactly within its limits; so a loose solver, an envelope above an
S-curve and a rounded plan all show in it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xbopt.agents.planner.conic import ConicProgram, SolverError
from xbopt.agents.planner.constraints import Constraints
from xbopt.agents.planner.envelope import Tangents, TouchingCones, envelope_tangents, no_tangents, touching_cones
from xbopt.agents.planner.kept_limits import within_limits
from xbopt.agents.planner.response_model import ResponseModel
from xbopt.agents.planner.triplets import Triplets
from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import BudgetError

Curves = Literal["local", "envelope"]

_LOOSE_TOLERANCE, _TIGHT_TOLERANCE = 1e-6, 1e-8
_LEAST_UNIT = 1e-2
# Carry-over of a ten-millionth of the half-saturation moves nothing.
_LEAST_CARRY = 1e-7
# A cell without money may start with a hundredth of an even share.
_LEAST_MOVE = 1e-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """An optimum of the program.

    Attributes:
        level: ``(K, R, S, C)``, within all limits.
        value: What the response model gives at ``level``.
        upper_bound: No level within the limits gives more.
        shadow_price: Gain in the goal per base currency unit of room, by row of the constraints ``(m,)``.
        promise_price: Gain in the goal per unit of a level's lower bound ``(K, R, S, C)``: at most 0 for minimums, of
            either sign for locks.
        roi_price: Gain per unit of looser return floor and base currency unit of spend; 0 without one.
        seconds: Time in the solver.
    """

    level: FloatArray
    value: float
    upper_bound: float
    shadow_price: FloatArray
    promise_price: FloatArray
    roi_price: float
    seconds: float


def solve(
    model: ResponseModel,
    constraints: Constraints,
    *,
    organic: float,
    around: FloatArray,
    curves: Curves,
    trust: float = np.inf,
    held: BoolArray | None = None,
) -> Solution:
    """Solve the program.

    Args:
        model: Response.
        constraints: Limits.
        organic: Margin without what the model says that media bring; only the return floor needs it. The model's
            slopes may hold more than margin (customers won), so the floor is checked in expected mode as well.
        around: Levels where the plan stands ``(K, R, S, C)``.
        curves: How curves other than Hill with slope 1 come in. Where there are none, both are the same; else only
            ``envelope`` gives an upper bound.
        trust: Largest factor by which a level may leave where the plan stands. A finite one makes the bound local.
        held: Levels that stay where they are ``(K, R, S, C)``; these make the bound local as well.

    Raises:
        BudgetError: No plan keeps all limits.
        SolverError: The solver gave up.
    """
    size = around.size
    # In units of where the plan stands, the entries of the program are of order 1; raw levels span eight decades.
    unit = np.maximum(around, _LEAST_UNIT).ravel()
    scale = max(float(np.abs(model.ceiling).sum()) / 10.0, 1e-300)
    touching = touching_cones(model, around)
    tangents = envelope_tangents(model, around) if curves == "envelope" else no_tangents(size)
    worth = (model.ceiling / scale).ravel() * np.where(tangents.cut, 1.0, touching.height)
    price = ((model.cost - model.linear) / scale).ravel() * unit
    program = ConicProgram(np.concatenate([price, np.zeros(size), -worth, np.zeros(size)]))

    free, fixed = np.flatnonzero(~constraints.fixed), np.flatnonzero(constraints.fixed)
    least = constraints.least / unit
    levels = Triplets.picking(np.arange(size), 4 * size)
    locks = program.equal(levels.chosen(fixed), least[fixed])
    rows = program.at_most(constraints.matrix.scaled(columns=unit).shifted(0, 4 * size), constraints.bound)
    minimums = program.at_most(-levels.chosen(free), -least[free])
    if np.isfinite(trust):
        low, high = around.ravel() / trust, np.maximum(around.ravel(), _LEAST_MOVE) * trust
        program.at_most(-levels.chosen(free), -(low / unit)[free])
        program.at_most(levels.chosen(free), np.maximum(high / unit, least)[free])
    if held is not None:
        stays = np.flatnonzero(held.ravel() & ~constraints.fixed)
        program.equal(levels.chosen(stays), (around.ravel() / unit)[stays])
    roi: slice | None = None
    if constraints.roi_floor is not None:
        spend = (model.blocks.unit_base * model.blocks.level_days / scale).ravel() * unit
        row = np.concatenate([constraints.roi_floor * spend + price, np.zeros(size), -worth, np.zeros(size)])
        roi = program.at_most(Triplets.dense(row[None]), np.array([organic / scale]))
    reach = np.maximum(model.exposure(around), _LEAST_UNIT).ravel()
    _add_response(program, model, touching, tangents, unit, reach)

    # A local step is confirmed by expected mode anyway, and an envelope lies per cents above an S-curve; only a bound
    # on cones alone can be tight.
    loose = curves == "local" or tangents.cell.size > 0
    try:
        answer = program.solve(_LOOSE_TOLERANCE if loose else _TIGHT_TOLERANCE)
    except BudgetError as error:
        if constraints.roi_floor is not None:
            raise
        # Limits on money are looked at before anything is solved, so this is the arithmetic of a market without scale.
        raise SolverError("The solver saw no feasible plan where there is one.") from error
    level = within_limits(answer.x[:size] * unit, constraints).reshape(around.shape)
    promised = np.zeros(size)
    # Where a promise is no promise at all, its dual is within the solver's tolerance.
    promised[fixed], promised[free] = answer.dual[locks], -answer.dual[minimums]
    promised = np.where(constraints.least > 0.0, promised * scale / unit, 0.0)
    return Solution(
        level=level,
        value=model.value(level),
        upper_bound=-answer.lower_bound * scale,
        shadow_price=np.maximum(answer.dual[rows], 0.0) * scale / constraints.whole_base,
        promise_price=promised.reshape(around.shape),
        roi_price=0.0 if roi is None else float(max(answer.dual[roi][0], 0.0)),
        seconds=answer.seconds,
    )


def _add_response(
    program: ConicProgram,
    model: ResponseModel,
    touching: TouchingCones,
    tangents: Tangents,
    unit: FloatArray,
    reach: FloatArray,
) -> None:
    """Add how levels become reach.

    ``x`` is ``(y, u, q, z)``, with ``y`` in units of ``unit``, ``u`` in units of its power, ``q`` of a touching cone in
    units of its height, and ``z`` in units of ``reach``.
    """
    size = unit.size
    power = np.broadcast_to(model.power, model.ceiling.shape).ravel()
    bent, straight = np.flatnonzero(power < 1.0), np.flatnonzero(power >= 1.0)
    spend, powered = Triplets.picking(bent, 4 * size), Triplets.picking(size + bent, 4 * size)
    program.power((-spend).spread(3, 0) + (-powered).spread(3, 2), np.tile([0.0, 1.0, 0.0], bent.size), power[bent])
    # Where price does not rise with spend, the power is the level itself, and a cone would have no inside.
    same = Triplets.picking(size + straight, 4 * size) + -Triplets.picking(straight, 4 * size)
    program.at_most(same, np.zeros(straight.size))

    kept, added = carry_over(model)
    brought = -added.scaled(rows=1.0 / reach, columns=np.power(unit, power)).shifted(size, 4 * size)
    stands = kept.scaled(rows=1.0 / reach, columns=reach).shifted(3 * size, 4 * size)
    program.equal(stands + brought, np.zeros(size))
    exposure = Triplets.picking(3 * size + np.arange(size), 4 * size).scaled(rows=reach)
    plain = np.flatnonzero(~tangents.cut)
    # ((1 - q) + (1 + z), 2, (1 - q) - (1 + z)) in the second-order cone.
    z = exposure.chosen(plain).scaled(rows=1.0 / touching.half[plain])
    q = Triplets.picking(2 * size + plain, 4 * size)
    program.second_order(
        (-z).spread(3, 0) + z.spread(3, 2) + q.spread(3, 0) + q.spread(3, 2), np.tile([2.0, 2.0, 0.0], plain.size)
    )
    if tangents.cell.size:
        rise = exposure.chosen(tangents.cell).scaled(rows=tangents.slope)
        program.at_most(-rise + Triplets.picking(2 * size + tangents.cell, 4 * size), tangents.intercept)


def carry_over(model: ResponseModel) -> tuple[Triplets, Triplets]:
    """``I - r L`` and ``(I - r L) A`` over all cells ``(n, n)``, where ``L`` is one block earlier.

    Cells lie in the order ``(K, R, S, C)``.
    """
    regions, segments, channels, count, _ = model.carry.shape
    width = regions * segments * channels
    new = model.carry.copy()
    new[:, :, :, 1:] -= model.retention[:, None, None] * model.carry[:, :, :, :-1]
    r, s, c, k, j = np.nonzero(np.abs(new) > _LEAST_CARRY)
    chain = (r * segments + s) * channels + c
    size = count * width
    added = Triplets(row=k * width + chain, column=j * width + chain, value=new[r, s, c, k, j], height=size, width=size)
    own: IntArray = np.arange(size, dtype=np.int64)
    decays = own[(own >= width) & (model.retention[own % channels] > 0.0)]
    earlier = Triplets(
        row=decays, column=decays - width, value=-model.retention[decays % channels], height=size, width=size
    )
    return Triplets.picking(own, size) + earlier, added
