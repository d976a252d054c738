"""What limits take from a plan that was written beforehand is told with day and channels."""

from dataclasses import replace

import numpy as np
import pytest

from xbopt.agents.policies import built_in_policy
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.plan_cut import plan_cut
from xbopt.studies.simulate import simulate

MARKET = build_market(load_scenario("quickstart"))


def flat_plan(market: MarketParameters, times_budget: float) -> ScheduledPolicy:
    """The same spend every day: a quarter for the second channel, the rest for the first, of the first cell alone."""
    plan = built_in_policy("baseline", market)
    spend = np.zeros_like(plan.spend_base)
    a_day = times_budget * market.scenario.limits.total_base / len(spend)
    spend[:, 0, 0, 0], spend[:, 0, 0, 1] = 0.75 * a_day, 0.25 * a_day
    return replace(plan, name="flat.csv", spend_base=spend)


def test_a_plan_within_the_budget_is_not_cut() -> None:
    assert plan_cut(flat_plan(MARKET, 1.0), MARKET) is None
    assert plan_cut(built_in_policy("planner", MARKET), MARKET) is None


def test_a_plan_beyond_the_budget_is_cut_from_the_day_on_which_the_money_is_gone() -> None:
    # 28 days at 400 * 1.4 = 560 a day: 11,200 lasts for 20 days, and 8 days of 420 and 140 are lost.
    cut = plan_cut(flat_plan(MARKET, 1.4), MARKET)
    assert cut is not None
    assert (cut.planned_base, cut.budget_base) == pytest.approx((15_680.0, 11_200.0))
    assert (cut.beyond_budget_base, cut.cut_base) == pytest.approx((4_480.0, 4_480.0))
    assert cut.first_day == MARKET.scenario.date_of(20)
    assert dict(cut.by_channel) == pytest.approx({"Paid search": 3_360.0, "Paid social": 1_120.0})


def test_the_cut_is_what_the_simulation_does_not_spend() -> None:
    plan = flat_plan(MARKET, 1.4)
    result = simulate(MARKET, plan, runs=2)
    assert result.plan_cut is not None
    assert result.kpis["media_spend"].mean == pytest.approx(plan.spend_base.sum() - result.plan_cut.cut_base)


def test_a_day_above_its_cap_is_told_though_the_budget_holds() -> None:
    plan = flat_plan(MARKET, 0.5)
    spend = plan.spend_base.copy()
    spend[3] *= 10.0  # 2,000 on a day that may spend 1,200
    cut = plan_cut(replace(plan, spend_base=spend), MARKET)
    assert cut is not None
    assert cut.beyond_budget_base == 0.0
    assert cut.cut_base == pytest.approx(2_000.0 - MARKET.scenario.limits.daily_base)
    assert cut.first_day == MARKET.scenario.date_of(3)
