"""The re-planner: the plan where all is as expected, more where results are better, never above the budget."""

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import market_of
from xbopt.agents.planner.replanning import replanning_policy
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.observation import RecentResults, observe
from xbopt.env.policy_contract import check_policy
from xbopt.env.rollout import play_worlds
from xbopt.simulator.build import build_market
from xbopt.simulator.history import initial_state
from xbopt.studies.totals import TotalsRecorder


@pytest.fixture(scope="module")
def market():
    """A budget that does not bind, so that one cell's money is not another's."""
    return build_market(load_scenario("quickstart", overrides=["budget.total_base=60000"]))


@pytest.fixture(scope="module")
def replan(market):
    return replanning_policy(market)


def morning(market, worlds=2):
    return observe(market, initial_state(market, worlds), RecentResults.empty(market, worlds))


def with_ratio(market, replan, log_ratio, *, region=0, channel=0):
    seen = morning(market)
    channels = seen.channels.copy()
    channels[1, region, :, channel, seen.channel_names.index(replan.response_feature)] = log_ratio
    return replace(seen, channels=channels)


def test_on_the_first_morning_it_is_the_plan(market, replan):
    decision = replan.decide(morning(market))
    assert np.allclose(decision.spend_base, replan.plan.spend_base[0], rtol=1e-9)
    assert np.array_equal(decision.discount_frac[0], replan.plan.discount_frac[0])


@pytest.mark.parametrize("log_ratio", [-0.5, 0.3, 0.8])
def test_better_results_get_more_money_and_only_they(market, replan, log_ratio):
    spend = replan.decide(with_ratio(market, replan, log_ratio)).spend_base
    moved, still = spend[1, 0, :, 0] / spend[0, 0, :, 0], spend[1, 1] / spend[0, 1]
    assert ((moved > 1.0) == (log_ratio > 0.0)).all()
    assert np.allclose(still[replan.plan.spend_base[0, 1] > 0.0], 1.0, rtol=1e-9)


def test_the_move_solves_its_equation(market, replan):
    """log m + (w-1) log r - 2 log((1 + zeta r^w)/(1 + zeta)) = 0 at m = e^0.5."""
    spend = replan.decide(with_ratio(market, replan, 0.5)).spend_base
    r = spend[1, 0, :, 0] / spend[0, 0, :, 0]
    zeta, w = replan.saturation[0, 0, :, 0], replan.power[0]
    assert 0.5 + (w - 1) * np.log(r) - 2 * np.log((1 + zeta * r**w) / (1 + zeta)) == pytest.approx(0.0, abs=1e-9)


def test_scarce_money_is_spread_over_all_that_is_left():
    """With a budget that binds, a better channel takes from the others, and the sum stays."""
    market = build_market(load_scenario("quickstart", overrides=["budget.total_base=3000"]))
    replan = replanning_policy(market)
    assert replan.budget_price > 0.0
    seen = with_ratio(market, replan, 0.6)
    spend = replan.decide(seen).spend_base
    plan = replan.plan.spend_base
    assert spend[0].sum() == pytest.approx(plan[0].sum(), rel=1e-6)
    assert spend[1, 0, :, 0].sum() > spend[0, 0, :, 0].sum()
    assert spend[1, 1].sum() < spend[0, 1].sum()


def test_money_stays_where_spend_brings_in_less_than_it_costs():
    """All channels at a twelfth of what the model says: the last unit would bring 8 cents."""
    market = build_market(load_scenario("quickstart", overrides=["budget.total_base=3000"]))
    replan = replanning_policy(market)
    seen = morning(market)
    channels = seen.channels.copy()
    channels[1, ..., seen.channel_names.index(replan.response_feature)] = -2.5
    spend = replan.decide(replace(seen, channels=channels)).spend_base
    assert spend[1].sum() < 0.5 * spend[0].sum()


def test_a_price_that_does_not_rise_with_spend_divides_by_nothing():
    no_s_curve = {"channels.1.saturation.slope": 1.0}
    market = market_of({**no_s_curve, "channels.0.price.bid_up": 0.0, "channels.0.price.amount_base": 5000.0})
    assert np.isfinite(replanning_policy(market).decide(morning(market)).spend_base).all()


def test_it_keeps_the_contract_of_policies(market, replan):
    check_policy(replan, market, batch_sizes=(1, 7))


def test_it_earns_more_than_the_plan_where_worlds_differ(market, replan):
    """Paired over 64 uncertain worlds; the mean gain is several standard errors above zero."""

    def rewards(policy):
        recorder = TotalsRecorder(market, 64)
        play_worlds(market, policy, worlds=np.arange(64), seed=3, recorders=[recorder])
        return recorder.totals().reward

    gain = rewards(replan) - rewards(replan.plan)
    assert gain.mean() > 3.0 * gain.std(ddof=1) / np.sqrt(64)
