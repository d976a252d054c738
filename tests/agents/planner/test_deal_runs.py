"""Deals over several weeks: every course of deals is played, and none brings more than the planner's."""

from itertools import product

import numpy as np
import pytest

from tests.worlds import plain_market
from xbopt.agents.planner.blocks import split_horizon
from xbopt.agents.planner.campaign import CampaignPlan, plan_campaign
from xbopt.agents.planner.deal_runs import deal_gains, improve_deal_runs
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.search import Effort
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.parameters import MarketParameters

LEVELS = [0, 0.1, 0.2, 0.3]
# What is brought forward and remembered: a deal in one week spoils the next, so weeks must be chosen together.
MEMORY = {"deal_gain": 0.8, "half_life_days": 20}
BORROWED = {"new": 0.3, "switched": 0.3, "forward": 0.4}


def market_of(weeks: int, elasticity: float) -> MarketParameters:
    return plain_market(
        {
            "horizon.days": 7 * weeks,
            "segments.0.elasticity": elasticity,
            "segments.0.price_memory": MEMORY,
            "products.0.unit_cost_base": 40,
            "discounts.levels": LEVELS,
            "discounts.ceiling_frac": 0.5,
            "budget.total_base": 100,
        }
    )


def best_by_hand(market: MarketParameters, plan: CampaignPlan) -> float:
    """The best of all courses of weekly deals with the plan's own spend."""
    expected, blocks = ExpectedMarket(market, goal_named("reward")), split_horizon(market, "week")
    depth = np.array(list(product(LEVELS, repeat=blocks.count)))[:, :, None, None]
    course = expected.play(plan.schedule)
    gains = deal_gains(expected, blocks, course, depth, np.zeros(depth.shape, dtype=np.int64))
    return course.total + float(gains.max())


@pytest.mark.parametrize("elasticity", [-2.6, -3.4])
def test_no_course_of_weekly_deals_brings_more(elasticity: float) -> None:
    market = market_of(4, elasticity)
    plan = plan_campaign(market)
    assert plan.expected >= best_by_hand(market, plan) - 1e-6 * abs(plan.expected)


def test_a_lasting_deal_is_found_where_no_single_week_pays() -> None:
    market = market_of(4, -2.6)
    expected, blocks = ExpectedMarket(market, goal_named("reward")), split_horizon(market, "week")
    by_weeks = plan_campaign(market, effort=Effort.local())
    start = expected.play(scenario_plan(market))
    found = improve_deal_runs(expected, blocks, start)
    assert found.total > start.total
    assert plan_campaign(market).expected >= by_weeks.expected


def test_where_nothing_pays_the_course_stays_itself() -> None:
    market = market_of(2, -1.0)
    expected, blocks = ExpectedMarket(market, goal_named("reward")), split_horizon(market, "week")
    start = expected.play(scenario_plan(market))
    assert improve_deal_runs(expected, blocks, start) is start
