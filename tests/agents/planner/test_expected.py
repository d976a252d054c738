"""Plans in expected mode: the same market as everybody's, and changes measured against full plays."""

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import market_of
from xbopt.agents.planner.blocks import split_horizon
from xbopt.agents.planner.expected import Branch, ExpectedMarket
from xbopt.agents.planner.goals import GOALS, goal_named
from xbopt.agents.planner.promotions import best_dayparts, improve_promotions
from xbopt.agents.planner.response_model import expected_slope
from xbopt.core.errors import UsageError
from xbopt.env.baseline_plan import scenario_plan
from xbopt.env.rollout import play_worlds
from xbopt.studies.totals import TotalsRecorder


@pytest.fixture(scope="module")
def market():
    return market_of()


def test_a_course_is_the_roll_out_in_expected_mode(market):
    plan = scenario_plan(market)
    recorder = TotalsRecorder(market, 1)
    play_worlds(market, plan, worlds=np.arange(1), seed=0, expected=True, recorders=[recorder])
    totals = recorder.totals()
    margin = float(totals.money.sum())
    course = ExpectedMarket(market, goal_named("contribution_margin")).play(plan)
    assert course.total == pytest.approx(margin, rel=1e-9)
    rewarded = ExpectedMarket(market, goal_named("reward")).play(plan)
    assert rewarded.total == pytest.approx(margin + float(totals.customer_value[0]), rel=1e-9)


def test_plans_side_by_side_are_plans_one_by_one(market):
    expected, plan = ExpectedMarket(market, goal_named("reward")), scenario_plan(market)
    other = replace(plan, spend_base=0.5 * plan.spend_base, discount_frac=plan.discount_frac + 0.1)
    together = expected.totals([plan, other])
    assert together[0] == pytest.approx(expected.play(plan).by_region, rel=1e-12)
    assert together[1] == pytest.approx(expected.play(other).by_region, rel=1e-12)


def test_several_goals_from_one_play_are_those_of_their_own_plays(market):
    plan = scenario_plan(market)
    plans = [plan, replace(plan, spend_base=0.5 * plan.spend_base)]
    goals = [GOALS["orders"], GOALS["reward"], GOALS["contribution_margin"]]
    together = ExpectedMarket(market, goals[0]).by_goal(plans, goals)
    alone = [ExpectedMarket(market, goal).totals(plans) for goal in goals]
    assert np.array_equal(together, np.stack(alone))


def test_promotions_that_cannot_be_better_stay_and_nothing_is_played_again():
    """With no depth to choose from there is nothing to try: the course itself comes back."""
    idle = market_of({"discounts.levels": [0.0], "plan.discounts": []})
    expected, blocks = ExpectedMarket(idle, goal_named("reward")), split_horizon(idle, "week")
    course = expected.play(scenario_plan(idle))
    assert improve_promotions(expected, blocks, course) is course
    assert expected.played == 1
    timed = best_dayparts(expected, course)
    played = expected.played
    assert best_dayparts(expected, timed) is timed
    assert expected.played <= played + 2  # where a weight was not kept, the two are compared, and no third is played


def test_gains_of_branches_are_differences_of_full_plays(market):
    """A branch starts on its own day; what it brings equals playing the changed plan from the first day."""
    expected, plan = ExpectedMarket(market, goal_named("reward")), scenario_plan(market)
    course = expected.play(plan)

    def doubled(day, own):
        del day
        spend = np.repeat(own.spend_base, 2, axis=0)
        spend[1] *= 2.0
        return replace(
            own,
            spend_base=spend,
            daypart_weights=np.repeat(own.daypart_weights, 2, axis=0),
            discount_frac=np.repeat(own.discount_frac, 2, axis=0),
            mechanic=np.repeat(own.mechanic, 2, axis=0),
        )

    branches = [Branch(first_day=first, end_day=first + 2, worlds=2, decide=doubled) for first in (1, 6)]
    gains = expected.gains(course, branches)
    for branch, gain in zip(branches, gains, strict=True):
        spend = plan.spend_base.copy()
        spend[branch.first_day : branch.end_day] *= 2.0
        changed = expected.play(replace(plan, spend_base=spend)).by_region
        assert gain[0] == pytest.approx(np.zeros(2), abs=1e-9)
        assert gain[1] == pytest.approx(changed - course.by_region, rel=1e-7)


def test_slopes_are_those_of_finite_differences(market):
    expected, plan = ExpectedMarket(market, goal_named("reward")), scenario_plan(market)
    blocks = split_horizon(market, "week")
    level = blocks.level(plan.spend_base)
    course = expected.play(replace(plan, spend_base=blocks.spend(level)))
    slope = expected_slope(expected, blocks, course, level)
    for cell in ((0, 0, 0, 0), (1, 1, 0, 1), (0, 1, 1, 0), (0, 0, 1, 2)):
        step = np.zeros(level.shape)
        step[cell] = 1e-3 * level[cell]
        up, down = (expected.play(replace(plan, spend_base=blocks.spend(level + sign * step))) for sign in (1, -1))
        assert slope[cell] == pytest.approx((up.total - down.total) / (2 * step[cell]), rel=2e-3)


def test_levels_and_spend_say_the_same(market):
    plan = scenario_plan(market)
    for resolution in ("four_weeks", "week", "day"):
        blocks = split_horizon(market, resolution)
        spend = blocks.spend(blocks.level(plan.spend_base))
        assert spend.sum() == pytest.approx(plan.spend_base.sum(), rel=1e-12)
    assert np.allclose(spend, plan.spend_base, rtol=1e-12)


def test_unknown_goals_are_refused_with_a_suggestion():
    with pytest.raises(UsageError, match="Did you mean 'orders'"):
        goal_named("order")
    assert set(GOALS) >= {"reward", "contribution_margin", "net_revenue", "orders"}
