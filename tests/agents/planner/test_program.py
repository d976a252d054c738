"""The convex program against optima worked by hand, its curves, and its limits."""

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import market_of, plain_market
from xbopt.agents.planner.blocks import split_horizon
from xbopt.agents.planner.constraints import floor_shortfall, scenario_constraints
from xbopt.agents.planner.envelope import envelope, tangent_point, touching_cones
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.kept_limits import within_limits
from xbopt.agents.planner.program import carry_over, solve
from xbopt.agents.planner.response_model import ResponseModel, model_at, saturation_slope
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.build import build_market
from xbopt.simulator.curves.saturation import SaturationBank


def hand_model(market, ceiling, *, power=1.0, cost=0.0):
    """One region, one segment, one channel; two blocks of a day each that do not touch each other; h = z/(1+z)."""
    blocks = split_horizon(market, "day")
    return ResponseModel(
        blocks=blocks,
        power=np.array([power]),
        carry=np.broadcast_to(np.eye(2), (1, 1, 1, 2, 2)),
        ceiling=np.array(ceiling).reshape(2, 1, 1, 1),
        linear=np.zeros((2, 1, 1, 1)),
        saturation=SaturationBank(slope=np.ones(1), exponential=(), half=np.ones(1)),
        retention=np.zeros(1),
        cost=np.full((2, 1, 1, 1), cost),
    )


@pytest.fixture(scope="module")
def two_days():
    return plain_market({"horizon.days": 2, "budget.total_base": 100, "tactics": {"decide_every_days": 1}})


def test_a_budget_goes_where_the_last_unit_brings_the_same(two_days):
    """V = 9 and 4, unit 50, budget of two units: 9/(1+y)^2 = 4/(1+2-y)^2, so 3(3-y) = 2(1+y) and y = 7/5.

    The price of a unit is 9/(2.4)^2 = 1.5625; a unit is 50 of base currency, so of one unit of money it is 0.03125.
    """
    model = hand_model(two_days, [9.0, 4.0])
    constraints = scenario_constraints(two_days.scenario, model.blocks)
    found = solve(model, constraints, organic=0.0, around=np.ones((2, 1, 1, 1)), curves="envelope")
    assert found.level.ravel() == pytest.approx([1.4, 0.6], rel=1e-4)
    assert model.blocks.spend(found.level).sum() == pytest.approx(100.0, rel=1e-13)
    assert found.value == pytest.approx(9 * 1.4 / 2.4 + 4 * 0.6 / 1.6, rel=1e-9)
    assert found.upper_bound == pytest.approx(found.value, rel=1e-6)
    assert found.upper_bound >= found.value * (1 - 1e-9)
    assert found.shadow_price[constraints.names.index("budget")] == pytest.approx(0.03125, rel=1e-4)


def test_a_dear_unit_leaves_budget_unspent(two_days):
    """With a cost of 4 a unit, 9/(1+y)^2 = 4 gives y = 1/2; the other day is not worth its first unit."""
    model = hand_model(two_days, [9.0, 4.0], cost=4.0)
    constraints = scenario_constraints(two_days.scenario, model.blocks)
    found = solve(model, constraints, organic=0.0, around=np.ones((2, 1, 1, 1)), curves="local")
    assert found.level.ravel() == pytest.approx([0.5, 0.0], abs=2e-3)
    assert found.shadow_price[0] == pytest.approx(0.0, abs=1e-6)


def test_a_return_floor_stops_earlier(two_days):
    """Without a floor 9/(1+y)^2 = 1 gives y = 2. With one of 3.5, 9 y/(1+y) - y >= 3.5 y: 9/(1+y) = 4.5, so y = 1."""
    model = hand_model(two_days, [9.0, 1e-9], cost=1.0)
    free = scenario_constraints(two_days.scenario, model.blocks)
    floor = 3.5 / model.blocks.unit_base  # the goal counts a unit as 1, the floor counts money
    bound = replace(free, roi_floor=floor)
    loose = solve(model, free, organic=0.0, around=np.ones((2, 1, 1, 1)), curves="local")
    tight = solve(model, bound, organic=0.0, around=np.ones((2, 1, 1, 1)), curves="local")
    assert loose.level.ravel()[0] == pytest.approx(2.0, rel=1e-3)
    assert tight.level.ravel()[0] == pytest.approx(1.0, rel=1e-3)


def test_slope_and_value_of_a_model_agree():
    market = market_of()
    expected, plan, blocks = ExpectedMarket(market, goal_named("reward")), scenario_plan(market), None
    blocks = split_horizon(market, "week")
    level = blocks.level(plan.spend_base)
    course = expected.play(replace(plan, spend_base=blocks.spend(level)))
    model = model_at(expected, blocks, course, level)
    slope = model.slope(level) - model.cost
    for cell in np.ndindex(level.shape):
        step = np.zeros(level.shape)
        step[cell] = 1e-5 * level[cell]
        if step[cell] > 0.0:
            numeric = (model.value(level + step) - model.value(level - step)) / (2 * step[cell])
            assert slope[cell] == pytest.approx(numeric, rel=1e-4, abs=1e-4 * model.cost.max())


def test_hill_with_slope_2_leaves_its_envelope_at_half():
    """(k-1)^(1/k) = 1 and h(1) = 1/2: the line 0.5 z, then the curve."""
    bank = SaturationBank(slope=np.array([2.0, 1.0]), exponential=(), half=np.ones(2))
    assert tangent_point(bank) == pytest.approx([1.0, 0.0])
    z = np.array([[0.5, 0.5], [1.0, 1.0], [2.0, 2.0]])
    assert envelope(bank, z) == pytest.approx(np.array([[0.25, 1 / 3], [0.5, 0.5], [0.8, 2 / 3]]))
    grid = np.linspace(1e-3, 6.0, 500)[:, None] * np.ones(2)
    assert (envelope(bank, grid) >= bank.reached(grid) - 1e-12).all()


@pytest.mark.parametrize(("slope", "exponential"), [(2.0, ()), (1.3, ()), (0.7, ()), (1.0, (0,))])
def test_saturation_slopes_are_derivatives(slope, exponential):
    bank = SaturationBank(slope=np.array([slope]), exponential=exponential, half=np.ones(1))
    z = np.array([[0.2], [0.9], [1.0], [3.0]])
    numeric = (bank.reached(z + 1e-6) - bank.reached(z - 1e-6)) / 2e-6
    assert saturation_slope(bank, z) == pytest.approx(numeric, rel=1e-6)


def test_cones_touch_curves_in_value_and_slope(two_days):
    model = replace(
        hand_model(two_days, [9.0, 4.0]),
        saturation=SaturationBank(slope=np.array([2.0]), exponential=(), half=np.ones(1)),
    )
    around = np.array([2.0, 3.0]).reshape(2, 1, 1, 1)
    cone = touching_cones(model, around)
    z = around.ravel()
    assert cone.height * z / (cone.half + z) == pytest.approx(model.saturation.reached(around).ravel())
    assert cone.height * cone.half / (cone.half + z) ** 2 == pytest.approx(
        saturation_slope(model.saturation, around).ravel()
    )


def test_an_s_curve_is_bounded_by_its_envelope(two_days):
    """The bound is above what any level on a fine grid reaches, and not far above the best of them."""
    model = replace(
        hand_model(two_days, [9.0, 7.0]),
        saturation=SaturationBank(slope=np.array([2.5]), exponential=(), half=np.ones(1)),
    )
    constraints = scenario_constraints(two_days.scenario, model.blocks)
    found = solve(model, constraints, organic=0.0, around=np.ones((2, 1, 1, 1)), curves="envelope")
    shares = np.linspace(0.0, 2.0, 2001)
    best = max(model.value(np.array([y, 2.0 - y]).reshape(2, 1, 1, 1)) for y in shares)
    assert best <= found.upper_bound * (1 + 1e-9)
    assert found.upper_bound <= 1.1 * best


def test_limits_are_kept_to_the_last_bit():
    changes = {
        "budget.region_caps_base": {"north": 6000},
        "budget.channel_caps_base": {"social": 3000},
        "budget.locks": [{"region": "island", "segment": "adults", "channel": "email", "spend_per_day_base": 20}],
        "budget.minimums": [{"region": "north", "channel": "search", "spend_per_day_base": 100}],
    }
    market = market_of(changes)
    blocks = split_horizon(market, "week")
    constraints = scenario_constraints(market.scenario, blocks)
    rng = np.random.default_rng(0)
    for _ in range(20):
        level = within_limits(rng.lognormal(0.0, 2.0, blocks.cells), constraints)
        assert ((constraints.matrix @ level) <= constraints.bound * (1 + 1e-12)).all()
        assert (level >= constraints.least).all()
        assert level[constraints.fixed] == pytest.approx(constraints.least[constraints.fixed])
        spend = blocks.spend(level.reshape(blocks.level_days.shape))
        assert spend[:, 0].sum() <= 6000 * (1 + 1e-12)
        assert spend[..., 1].sum() <= 3000 * (1 + 1e-12)
        assert spend[:, 1, 0, 2] == pytest.approx(np.full(10, 20.0))
        assert (spend[:, 0, :, 0].sum(axis=1) >= 100 * (1 - 1e-9)).all()


@pytest.fixture(scope="module")
def by_days():
    """Quickstart's program by days, where geometric carry-over is a recursion."""
    market = build_market(load_scenario("quickstart"))
    blocks = split_horizon(market, "day")
    constraints = scenario_constraints(market.scenario, blocks)
    expected = ExpectedMarket(market, goal_named("reward"))
    course = expected.play(scenario_plan(market))
    level = blocks.level(course.plan.spend_base)
    return model_at(expected, blocks, course, level), constraints, level


@pytest.mark.parametrize("curves", ["local", "envelope"])
def test_recursion_and_whole_carry_over_are_one_program(by_days, curves):
    model, constraints, level = by_days
    assert (model.retention > 0.0).any()
    recursive = solve(model, constraints, organic=0.0, around=level, curves=curves)
    whole = replace(model, retention=np.zeros_like(model.retention))
    plain = solve(whole, constraints, organic=0.0, around=level, curves=curves)
    assert recursive.upper_bound == pytest.approx(plain.upper_bound, rel=1e-5)
    assert recursive.value == pytest.approx(plain.value, rel=1e-4)


def test_the_recursion_leaves_little_of_the_carry_over(by_days):
    """Of a geometric channel's exposure a day's own spend is all that is new on that day."""
    model, _, _ = by_days
    kept, added = carry_over(model)
    geometric = model.retention > 0.0
    channel = added.row % len(geometric)
    assert (added.column == added.row)[geometric[channel]].all()
    power = np.linspace(0.1, 2.0, added.width)
    exposure = np.einsum("rsckj,jrsc->krsc", model.carry, power.reshape(model.ceiling.shape)).ravel()
    assert kept @ exposure == pytest.approx(added @ power, abs=1e-5)


@pytest.mark.parametrize("currency", [1e-3, 1.0, 1e7])
def test_a_return_floor_means_the_same_in_every_currency(currency):
    """Short of a floor of 0.5: 40 added by 100 lack 10 of 50; no media lack nothing, whatever rounding leaves."""
    margins, spends = np.array([40.0, 60.0, -1e-11]) * currency, np.array([100.0, 100.0, 0.0]) * currency
    assert floor_shortfall(0.5, margins, spends).tolist() == pytest.approx([0.2, 0.0, 0.0])
