"""The least spend that reaches a goal: enough, hardly more than enough, or a reason why there is none."""

import re

import pytest

from xbopt.agents.planner.campaign import plan_campaign
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.target import Target, plan_to_target, with_budget
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market

SHORT = ["horizon.days=8", "plan.discounts=[]"]


def market_of(*changes):
    return build_market(load_scenario("quickstart", overrides=[*SHORT, *changes]))


@pytest.fixture(scope="module")
def market():
    return market_of()


@pytest.fixture(scope="module")
def best(market):
    """What the whole budget brings, by goal."""
    return {goal: plan_campaign(market, goal=goal).expected for goal in ("orders", "reward")}


@pytest.mark.parametrize(("kpi", "share"), [("orders", 0.8), ("reward", 0.97)])
def test_the_target_is_reached_and_a_smaller_budget_misses_it(kpi, share, market, best):
    target = Target(kpi=kpi, value=share * best[kpi])
    found = plan_to_target(market, target)
    total = market.scenario.limits.total_base
    assert found.plan.expected >= target.value
    assert found.plan.total_spend_base <= found.plan.budget_base * (1.0 + 1e-9)
    assert 0.0 < found.tolerance_base <= 1e-3 * total * (1.0 + 1e-6)
    assert found.missed_base == pytest.approx(found.plan.budget_base - found.tolerance_base)
    # A search of its own, from the scenario's plan, does not reach it with 3 % less either.
    less = plan_campaign(market, goal=kpi, budget_base=0.97 * found.plan.budget_base)
    assert less.expected < target.value
    assert any("smaller was tried and missed" in note for note in found.plan.notes)


def test_what_comes_by_itself_takes_the_least_spend_there_is(market):
    found = plan_to_target(market, Target(kpi="orders", value=1.0))
    assert found.missed_base == 0.0
    assert found.plan.total_spend_base <= 1.001e-3 * market.scenario.limits.total_base
    assert found.tried == 2


def test_a_target_beyond_the_budget_names_the_budget_that_is_enough(market, best):
    wanted = Target(kpi="orders", value=1.05 * best["orders"])
    with pytest.raises(InfeasiblePlanError) as caught:
        plan_to_target(market, wanted)
    error = caught.value
    assert error.exit_code == 4
    assert error.conflict == (f"target orders={wanted.value:.15g}", "budget")
    amount = float(error.cheapest_relaxation.rpartition("budget.total_base to ")[2].split()[0].replace(",", ""))
    assert amount > market.scenario.limits.total_base
    # The way out is one: that budget reaches the target, and so does the lower target with the old one.
    raised = plan_to_target(with_budget(market, amount), wanted)
    assert raised.plan.expected >= wanted.value
    reachable = float(error.cheapest_relaxation.split(",")[0].removeprefix("Lower the target to "))
    assert best["orders"] * (1.0 - 1e-5) <= reachable <= best["orders"]


def test_a_target_beyond_the_market_names_the_market(market, best):
    with pytest.raises(InfeasiblePlanError) as caught:
        plan_to_target(market, Target(kpi="reward", value=2.0 * best["reward"]))
    assert caught.value.conflict[1] == "the market"
    assert "Lower the target to" in caught.value.cheapest_relaxation
    assert re.search(r"Even \d+ times the budget brings only", caught.value.cheapest_relaxation)


def test_other_limits_in_the_way_are_named():
    capped = market_of("budget.region_caps_base={DE: 300, UK: 200}")
    with pytest.raises(InfeasiblePlanError) as caught:
        plan_to_target(capped, Target(kpi="orders", value=1e6))
    assert {"region DE", "region UK"} <= set(caught.value.conflict)


def test_another_budget_keeps_the_daily_multiple(market):
    limits = market.scenario.limits
    doubled = with_budget(market, 2.0 * limits.total_base).scenario.limits
    assert doubled.daily_base / doubled.total_base == pytest.approx(limits.daily_base / limits.total_base)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("orders", "not of the form KPI=VALUE"),
        ("=5", "not of the form KPI=VALUE"),
        ("order=5", "Did you mean 'orders'"),
        ("orders=many", "'many' is no number"),
        ("orders=nan", "'nan' is no number"),
    ],
)
def test_targets_that_are_none(text, words):
    with pytest.raises(UsageError, match=words):
        Target.parse(text)


def test_a_target_is_read():
    assert Target.parse(" net_revenue = 1e5 ") == Target(kpi="net_revenue", value=1e5)
