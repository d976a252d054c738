"""A plan beside the scenario's own, and what would change it."""

import numpy as np
import pytest

import xbopt
from xbopt.agents.planner.target import Target
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
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
    from xbopt.agents.planner.expected import ExpectedMarket
    from xbopt.agents.planner.goals import GOALS

    for goal in GOALS.values():
        course = ExpectedMarket(planned.market, goal).play(planned.campaign.schedule)
        assert planned.planned.goals[goal.name] == pytest.approx(course.total, rel=1e-9), goal.name


def test_a_goal_that_counts_no_cost_says_so():
    result = xbopt.plan(scenario_of("budget.total_base=500"), goal="orders")
    assert any("counts neither media nor what discounts cost" in note for note in result.notes)
    assert result.campaign.total_spend_base == pytest.approx(500.0, abs=0.005)


def test_a_target_brings_its_own_goal():
    market = scenario_of("horizon.days=8")
    most = xbopt.plan(market, goal="visits").objective
    result = xbopt.plan(market, target=Target(kpi="visits", value=0.7 * most))
    assert result.campaign.goal == "visits"
    assert result.target.target.value <= result.objective < most


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

    played = play_expected(build_market(raised), planned.campaign.schedule).kpis
    before = planned.planned.kpis
    # There a customer is worth about 20 % more as well, which is not part of what the swing says.
    margin = played["contribution_margin"] - before["contribution_margin"]
    customers = played["customer_value"] / 1.2 - before["customer_value"]
    assert conversion.high.plan - planned.objective == pytest.approx(margin + customers, rel=0.1)


def test_knowing_better_never_costs(planned):
    swings = plan_swings(planned, replanned=2)
    asked = [side for swing in swings for side in (swing.low, swing.high) if side.replanned is not None]
    assert len(asked) == 4
    for side in asked:
        assert side.replanned.value >= side.plan * (1.0 - 1e-9)
        assert 0.0 <= side.replanned.moved_frac <= 1.0
    assert all(np.isnan(s.low.regret) for s in swings if s.low.replanned is None)
