"""Marginals are the plan's own: they equal the plan played again with one per cent more or less."""

from dataclasses import replace

import numpy as np
import pytest

from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.build import build_market
from xbopt.studies.marginals import CHANGE, plan_marginals


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart", overrides=["horizon.days=14", "plan.discounts=[]"]))


@pytest.fixture(scope="module")
def marginals(market):
    return plan_marginals(market, scenario_plan(market), goal="contribution_margin")


def replayed(market, where, factor):
    expected, plan = ExpectedMarket(market, goal_named("contribution_margin")), scenario_plan(market)
    spend = plan.spend_base.copy()
    spend[where] *= factor
    return expected.play(replace(plan, spend_base=spend)).total - expected.play(plan).total


@pytest.mark.parametrize(
    ("part", "index", "where"),
    [
        ("by_channel", 2, np.s_[..., 2]),
        ("by_region", 1, np.s_[:, 1]),
        ("by_week", 1, np.s_[7:]),
        ("by_region_and_channel", 4, np.s_[:, 1, :, 1]),
    ],
)
def test_a_marginal_is_the_plan_played_again(market, marginals, part, index, where):
    row = getattr(marginals, part)[index]
    assert row.more == pytest.approx(replayed(market, where, 1.0 + CHANGE), rel=1e-6)
    assert row.less == pytest.approx(replayed(market, where, 1.0 - CHANGE), rel=1e-6)
    assert row.spend_base == pytest.approx(scenario_plan(market).spend_base[where].sum())
    # 1 % of the money costs 1 % of it; what it brings before that is the return.
    step = CHANGE * row.spend_base
    assert row.return_of_more == pytest.approx((row.more + step) / step)
    assert row.return_of_last == pytest.approx((step - row.less) / step)


def test_parts_have_all_the_money(marginals):
    whole = sum(row.spend_base for row in marginals.by_channel)
    for part in (marginals.by_region, marginals.by_week, marginals.by_region_and_channel):
        assert sum(row.spend_base for row in part) == pytest.approx(whole)


def test_a_policy_that_looks_and_does_the_same_has_the_same_marginals(market, marginals):
    """A fixed plan is not shown the market; one that is shown it is a plan of what it decides."""
    fixed = scenario_plan(market)

    class Looking:
        name, kind = "looking", "baseline"

        def decide(self, observation):
            return fixed.decide(observation)

    assert plan_marginals(market, Looking(), goal="contribution_margin") == marginals


def test_a_policy_that_draws_has_no_marginals(market):
    from xbopt.agents.baselines.uniform import uniform_plan
    from xbopt.agents.exploration import ExploringPolicy

    drawing = ExploringPolicy(plan=uniform_plan(market), scenario=market.scenario, exploration=0.1)
    assert plan_marginals(market, drawing) is None
