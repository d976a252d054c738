"""Whole plans: never worse, within limits, certified, the same in any money, and honest when there is none."""

import numpy as np
import pytest

from tests.worlds import document, market_of, plain_market, rescaled, scenario_of
from xbopt.agents.planner.aims import ratio_reached
from xbopt.agents.planner.campaign import plan_campaign
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.conic import ConicProgram, SolverError
from xbopt.agents.planner.oracle import plan_worlds
from xbopt.agents.planner.triplets import Triplets
from xbopt.core.errors import BudgetError, PolicyError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.env.observation import RecentResults, observe
from xbopt.env.rollout import play_worlds
from xbopt.simulator.build import build_market
from xbopt.simulator.history import initial_state
from xbopt.studies.totals import TotalsRecorder

CONCAVE = {
    "channels.0.price.bid_up": 0.2,
    "channels.0.adstock": {"curve": "geometric", "half_life_days": 2},
    "channels.0.saturation": {"curve": "hill", "half_saturation": 0.4},
    "horizon.days": 21,
}
# The small market without S-curves: its search makes no moves, which limits do not depend on.
FLAT = {"uncertainty": {}, "channels.1.saturation.slope": 1.0}


@pytest.fixture(scope="module")
def quickstart():
    return build_market(load_scenario("quickstart"))


@pytest.fixture(scope="module")
def plan(quickstart):
    return plan_campaign(quickstart)


@pytest.fixture(scope="module")
def free():
    """The plan of the small market without S-curves and without further limits."""
    return plan_campaign(market_of(FLAT))


def test_every_step_of_the_search_brings_more(plan):
    assert (np.diff(plan.history) >= 0.0).all()
    assert plan.expected == plan.history[-1]
    assert plan.expected >= plan.start
    assert plan.expected > 1.05 * plan.start  # a hundred times what a search counts as settled


def test_the_plan_is_carried_out_as_planned(quickstart, plan):
    """The projection changes nothing but a last bit, and what is played is what was promised."""
    recorder = TotalsRecorder(quickstart, 1)
    play_worlds(quickstart, plan.schedule, worlds=np.arange(1), seed=0, expected=True, recorders=[recorder])
    totals = recorder.totals()
    reward = float(totals.reward[0])
    assert reward == pytest.approx(plan.expected, rel=1e-9)
    assert totals.adjustments[:, :3].sum() == pytest.approx(0.0, abs=1e-6)


def test_money_that_brings_nothing_is_left_and_the_reason_said():
    plan = plan_campaign(
        build_market(load_scenario("quickstart", overrides=["budget.total_base=30000", "horizon.days=14"]))
    )
    assert plan.total_spend_base < plan.budget_base
    assert "unspent" in plan.notes[0]
    assert "budget" not in plan.binding
    assert "budget" not in plan.shadow_prices


def test_a_scarce_budget_is_spent_to_the_cent_and_has_a_price():
    market = build_market(load_scenario("quickstart", overrides=["budget.total_base=1500", "horizon.days=14"]))
    plan = plan_campaign(market)
    assert plan.total_spend_base == pytest.approx(1500.0, abs=0.005)
    assert "budget" in plan.binding
    # The slope of the best value, for a budget that is tried: the scenario's own says what went before as well.
    more = plan_campaign(market, budget_base=1575.0)
    less = plan_campaign(market, budget_base=1425.0)
    assert more.expected - less.expected == pytest.approx(150.0 * plan.shadow_prices["budget"], rel=0.1)


def test_a_concave_market_is_solved_to_a_millionth():
    plan = plan_campaign(plain_market(CONCAVE))
    assert plan.certificate.relative_gap <= 1e-6
    assert plan.certificate.upper_bound >= plan.certificate.value * (1.0 - 1e-9)


@pytest.mark.parametrize(("factor", "changes"), [(1e-3, {"uncertainty": {}, "horizon.days": 3}), (1e6, FLAT)])
def test_the_plan_is_the_same_in_any_money(factor, changes):
    mine = plan_campaign(market_of(changes))
    theirs = plan_campaign(build_market(scenario_of(rescaled(document(changes), factor))))
    spend = mine.schedule.spend_base
    assert theirs.expected == pytest.approx(mine.expected * factor, rel=1e-5)
    # At the best spend the value is flat: spend off by a share d costs about d^2/2 of what it brings. A value to 1e-5
    # therefore means spend to sqrt(2e-5).
    near = {"rtol": (2 * 1e-5) ** 0.5, "atol": 1e-4 * spend.max() * factor}
    assert np.allclose(theirs.schedule.spend_base, spend * factor, **near)
    assert np.array_equal(theirs.schedule.discount_frac, mine.schedule.discount_frac)


def test_caps_locks_and_minimums_hold_in_the_plan():
    market = market_of(
        {
            **FLAT,
            "budget.region_caps_base": {"north": 2000},
            "budget.channel_caps_base": {"search": 1500},
            "budget.locks": [{"region": "island", "segment": "adults", "channel": "social", "spend_per_day_base": 30}],
            "budget.minimums": [{"region": "island", "channel": "email", "spend_per_day_base": 10}],
        }
    )
    plan = plan_campaign(market)
    spend = plan.schedule.spend_base
    assert spend[:, 0].sum() <= 2000 * (1 + 1e-12)
    assert spend[..., 0].sum() <= 1500 * (1 + 1e-12)
    assert spend[:, 1, 0, 1] == pytest.approx(np.full(10, 30.0))
    assert (spend[:, 1, :, 2].sum(axis=1) >= 10 * (1 - 1e-9)).all()
    assert plan.binding


def test_a_maximum_holds_on_every_day_and_is_used_in_full(free):
    """Half of what the plan would spend on its largest channel: every day is used in full."""
    by_day = free.schedule.spend_base.sum(axis=2)  # (T, R, C)
    r, c = np.unravel_index(int(by_day.mean(axis=0).argmax()), by_day.shape[1:])
    most = 0.5 * float(by_day[:, r, c].mean())
    scenario = market_of().scenario
    region, channel = scenario.regions[r], scenario.channels[c]
    maximum = {"region": region, "channel": channel, "spend_per_day_base": most}
    plan = plan_campaign(market_of({**FLAT, "budget.maximums": [maximum]}))
    spend = plan.schedule.spend_base[:, r, :, c].sum(axis=1)
    assert (spend <= most * (1 + 1e-9)).all()
    assert spend.mean() >= most * 0.95
    assert f"maximum {region}/{channel}" in plan.binding
    assert plan.expected < free.expected


def test_a_maximum_of_nothing_shuts_a_channel_in_a_region():
    maximum = {"region": "north", "channel": "search", "spend_per_day_base": 0}
    plan = plan_campaign(market_of({**FLAT, "budget.maximums": [maximum]}))
    assert plan.schedule.spend_base[:, 0, :, 0].sum() == 0.0
    assert plan.schedule.spend_base[:, 1, :, 0].sum() > 0.0


@pytest.mark.parametrize(
    ("budget", "factor", "changes"),
    [
        (20000, 1.3, FLAT),
        (1500, 1.2, FLAT),
        (600, 2.0, {"uncertainty": {}, "horizon.days": 3}),
        (3000, 3.0, FLAT),
    ],
)
def test_a_return_floor_is_kept_in_expected_mode(budget, factor, changes):
    """Also where the start breaks it and brings more, and where the trust region would forbid the way there.

    It counts what media add: the margin less that of the same promotions without media.
    """
    changes = {**changes, "budget.total_base": budget}
    market = market_of(changes)
    base = plan_campaign(market)
    asked = factor * ratio_reached(market, "roi", base.schedule)
    plan = plan_campaign(market_of({**changes, "budget.roi_floor": asked}))
    assert plan.total_spend_base > 0.0
    assert ratio_reached(market, "roi", plan.schedule) >= asked - 2e-6 * abs(asked)
    assert plan.total_spend_base < base.total_spend_base


def test_organic_margin_does_not_help_a_return_floor(free):
    """All margin over media would pass a floor of 5 with more spend than what media add does."""
    plan = plan_campaign(market_of({**FLAT, "budget.roi_floor": 5.0}))
    assert float(free.course.daily.sum()) > 0.0
    assert plan.total_spend_base < free.total_spend_base
    assert plan.course.by_days >= 5.0 * plan.total_spend_base * (1 - 2e-6)


def test_a_return_floor_needs_a_goal_that_counts_media():
    with pytest.raises(UsageError, match="roi_floor"):
        plan_campaign(market_of({"budget.roi_floor": 1.0}), goal="orders")


def test_an_infeasible_request_names_the_smallest_conflict_and_the_way_out():
    """100 a day for 10 days in each of two cells are 2,000; the region may spend 1,500."""
    minimum = {"region": "north", "channel": "search", "spend_per_day_base": 100}
    lock = {"region": "north", "segment": "youth", "channel": "social", "spend_per_day_base": 100}
    market = market_of({"budget.minimums": [minimum], "budget.locks": [lock]})
    # The scenario's own checks refuse such a file, so the limit is lowered behind their back.
    limits = market.scenario.limits
    from dataclasses import replace

    capped = replace(limits, region_cap_base=np.array([1500.0, np.inf]))
    tight = replace(market, scenario=replace(market.scenario, limits=capped))
    with pytest.raises(InfeasiblePlanError) as refused:
        plan_campaign(tight)
    assert refused.value.conflict[0] == "region north"
    assert set(refused.value.conflict[1:]) == {"minimum north/search", "lock north/youth/social"}
    assert "500.00 CHF" in refused.value.cheapest_relaxation
    assert refused.value.exit_code == 4


def test_a_return_floor_that_promises_break_is_refused_with_what_they_reach():
    minimum = {"region": "north", "channel": "search", "spend_per_day_base": 900}
    with pytest.raises(InfeasiblePlanError, match=r"Lower budget\.roi_floor to"):
        plan_campaign(market_of({"budget.minimums": [minimum], "budget.roi_floor": 90}))


def test_locks_where_nobody_lives_are_planned_as_they_are_paid():
    market = market_of(
        {
            **FLAT,
            "market.regions.0.population": {"adults": 60000, "youth": 0},
            "market.regions.0.customers.youth": {},
            "budget.total_base": 2000,
            "budget.locks": [{"region": "north", "segment": "youth", "channel": "search", "spend_per_day_base": 50}],
        }
    )
    plan = plan_campaign(market)
    assert plan.schedule.spend_base[:, 0, 1, 0] == pytest.approx(np.full(10, 50.0))
    recorder = TotalsRecorder(market, 1)
    play_worlds(market, plan.schedule, worlds=np.arange(1), seed=0, expected=True, recorders=[recorder])
    totals = recorder.totals()
    assert float(totals.reward[0]) == pytest.approx(plan.expected, rel=1e-9)


def test_a_solver_that_does_not_converge_gives_no_plan():
    """x is at most -1 and at least 1 is impossible; x without a lower bound has no optimum. Neither is an answer."""
    impossible = ConicProgram(np.array([1.0]))
    impossible.at_most(Triplets.dense(np.array([[1.0], [-1.0]])), np.array([-1.0, -1.0]))
    with pytest.raises(BudgetError):
        impossible.solve()
    unbounded = ConicProgram(np.array([1.0]))
    unbounded.at_most(Triplets.dense(np.array([[1.0]])), np.array([0.0]))
    with pytest.raises(SolverError, match="did not converge"):
        unbounded.solve()


def test_a_plan_made_for_a_world_beats_the_average_plan_there(quickstart, plan):
    worlds = np.arange(3)
    oracle = plan_worlds(quickstart, worlds, world_seed=0, resolution="week", start=plan.schedule)

    def rewards(policy):
        recorder = TotalsRecorder(quickstart, 3)
        play_worlds(quickstart, policy, worlds=worlds, seed=0, recorders=[recorder])
        totals = recorder.totals()
        return totals.money.sum(axis=(1, 2, 3)) + totals.customer_value

    assert rewards(oracle).mean() >= 0.99 * rewards(plan.schedule).mean()
    assert oracle.expected.shape == (3,)
    seen = observe(quickstart, initial_state(quickstart, 2), RecentResults.empty(quickstart, 2))
    with pytest.raises(PolicyError, match="one a world"):
        oracle.decide(seen)


def test_finer_cells_plan_no_worse(quickstart, plan):
    daily = plan_campaign(quickstart, resolution="day", start=plan.schedule)
    assert daily.cells == 7 * plan.cells
    assert daily.expected >= plan.expected * (1 - 1e-9)
    assert scenario_plan(quickstart).spend_base.shape == daily.schedule.spend_base.shape
