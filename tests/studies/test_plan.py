"""A plan beside the scenario's own, and what would change it."""

from dataclasses import replace

import numpy as np
import pytest

import xbopt
from xbopt.agents.planner.aims import Target
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import GOALS
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.worlds import average_world
from xbopt.studies.plan import dry_endings, play_expected
from xbopt.studies.sensitivity import CHANGE, plan_swings

SHORT = ["horizon.days=14", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]


def scenario_of(*changes):
    return load_scenario("quickstart", overrides=[*SHORT, *changes])


@pytest.fixture(scope="module")
def planned():
    return xbopt.plan(scenario_of())


def test_the_plan_is_not_worse_than_the_scenarios_own(planned):
    assert planned.gain > 0.0
    assert planned.objective == pytest.approx(planned.planned.goals["reward"], rel=1e-9)


def test_bound_and_gap_say_the_same(planned):
    assert planned.upper_bound >= planned.objective
    assert planned.relative_gap == pytest.approx(planned.upper_bound / planned.objective - 1.0, abs=1e-12)


def test_goals_follow_from_kpis(planned):
    for played in (planned.planned, planned.baseline):
        terms = ("contribution_margin", "customer_value", "carried_beyond")
        assert played.goals["reward"] == pytest.approx(sum(played.kpis[term] for term in terms), rel=1e-12)
        assert played.kpis["carried_beyond"] != 0.0
        assert played.spend_base.sum() == pytest.approx(played.kpis["media_spend"])


def test_a_channel_that_runs_dry_in_the_last_week_is_told_with_the_reason():
    spend = np.full((28, 2, 2, 3), 100.0)
    assert dry_endings(scenario_of(), spend) == []
    spend[-7:, ..., 1] = 1.0
    (note,) = dry_endings(scenario_of(), spend)
    assert note.startswith("In the last 7 days the plan spends next to nothing on Paid social:")
    assert "worth less than it costs" in note
    (uncounted,) = dry_endings(xbopt.load_scenario("quickstart", overrides=["horizon.after.days=0"]), spend)
    assert "horizon.after.days is 0" in uncounted


def test_the_goals_of_the_planner_are_those_of_a_play(planned):
    for goal in GOALS.values():
        course = ExpectedMarket(planned.market, goal).play(planned.campaign.schedule)
        assert planned.planned.goals[goal.name] == pytest.approx(course.total, rel=1e-9), goal.name


def test_a_goal_that_counts_no_cost_says_so():
    result = xbopt.plan(scenario_of("budget.total_base=500"), goal="orders")
    assert any("counts neither media nor what discounts cost" in note for note in result.notes)
    assert result.campaign.total_spend_base == pytest.approx(500.0, abs=0.005)


def test_a_target_is_set_beside_the_best_plan_without_it():
    market = scenario_of("horizon.days=8")
    best = xbopt.plan(market)
    wanted = 1.05 * best.planned.kpis["visits"]
    result = xbopt.plan(market, target=Target(kpi="visits", value=wanted))
    assert result.campaign.goal == "reward"
    assert wanted <= result.planned.kpis["visits"] * (1 + 1e-9)
    assert result.target.reached == pytest.approx(result.planned.kpis["visits"])
    assert result.unbound.goals["reward"] == pytest.approx(best.objective, rel=1e-9)
    assert result.objective == pytest.approx(result.planned.goals["reward"])
    # Two searches may end on hills of nearly one height.
    assert result.objective <= result.unbound.goals["reward"] * (1 + 1e-3)


@pytest.mark.parametrize("goal", ["roas", "cpa"])
def test_a_ratio_is_no_goal_and_says_what_to_do(goal):
    with pytest.raises(UsageError, match=f"--target {goal}=VALUE"):
        xbopt.plan(scenario_of(), goal=goal)


def test_an_unknown_goal_is_refused():
    with pytest.raises(UsageError, match="Did you mean 'orders'"):
        xbopt.plan(scenario_of(), goal="order")


def test_swings_are_those_of_a_play_in_the_changed_market(planned):
    swings = plan_swings(planned, replanned=1)
    widths = [swing.width for swing in swings]
    assert widths == sorted(widths, reverse=True)
    assert swings[0].width > 0.0
    conversion = next(swing for swing in swings if swing.group == "conversion")
    assert conversion.low.plan < planned.objective < conversion.high.plan
    assert (conversion.low.factor, conversion.high.factor) == (1.0 - CHANGE, 1.0 + CHANGE)
    # Conversion that is 20 % better everywhere is the scenario with 20 % better levels, as long as no cap is near.
    raised = scenario_of("market.regions.DE.conversion_level=1.2", f"market.regions.UK.conversion_level={1.05 * 1.2!r}")
    from xbopt.simulator.build import build_market

    played = play_expected(build_market(raised), planned.campaign.schedule)
    world = replace(average_world(), conversion=np.full((1, 1, 1), 1.0 + CHANGE))
    reward, margin = (
        float(ExpectedMarket(planned.market, GOALS[goal], world).totals([planned.campaign.schedule]).sum())
        for goal in ("reward", "contribution_margin")
    )
    assert conversion.high.plan == pytest.approx(reward)
    # Customers' value, and which types they are on the first morning, follow from the scenario's own level; what
    # prospects order is the same to the last digit.
    assert margin == pytest.approx(played.kpis["contribution_margin"], rel=0.01)


def test_channels_are_moved_one_by_one(planned):
    swings = plan_swings(planned, replanned=0)
    moved = {(swing.group, swing.channel) for swing in swings}
    assert {("media_response", channel) for channel in planned.scenario.channels} <= moved
    assert ("conversion", None) in moved
    # A single channel swings less than all of them at once.
    together = ExpectedMarket(
        planned.market, GOALS["reward"], replace(average_world(), media_response=np.full((1, 1, 1, 1), 1.0 + CHANGE))
    ).totals([planned.campaign.schedule])
    alone = [swing.high.plan for swing in swings if swing.group == "media_response"]
    assert max(alone) < float(together.sum())


def test_knowing_better_never_costs(planned):
    swings = plan_swings(planned, replanned=2)
    asked = [side for swing in swings for side in (swing.low, swing.high) if side.replanned is not None]
    assert len(asked) == 4
    for side in asked:
        assert side.replanned.value >= side.plan * (1.0 - 1e-9)
        assert 0.0 <= side.replanned.moved_frac <= 1.0
    assert all(np.isnan(s.low.regret) for s in swings if s.low.replanned is None)
