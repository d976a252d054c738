"""Shadow prices of promises, and the start that no plan over blocks may fall below."""

import numpy as np
import pytest

from tests.worlds import plain_market
from xbopt.agents.planner.blocks import split_horizon
from xbopt.agents.planner.campaign import plan_campaign
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.kept_limits import keeps_limits
from xbopt.env.baseline_plan import scenario_plan

RICH = {
    "channels.0.price.bid_up": 0.2,
    "channels.0.adstock": {"curve": "geometric", "half_life_days": 2},
    "channels.0.saturation": {"curve": "hill", "half_saturation": 0.4},
    "horizon.days": 21,
    "budget.total_base": 4000,
}


@pytest.fixture(scope="module")
def best_a_day():
    """What the best plan without promises spends a day."""
    plan = plan_campaign(plain_market(RICH))
    assert plan.total_spend_base < 0.5 * plan.budget_base
    return plan.total_spend_base / 21


def places():
    scenario = plain_market(RICH).scenario
    return scenario.regions[0], scenario.segments[0], scenario.channels[0]


def with_promise(kind, daily):
    region, segment, channel = places()
    promise = {"region": region, "channel": channel, "spend_per_day_base": daily}
    if kind == "locks":
        promise["segment"] = segment
    return plan_campaign(plain_market({**RICH, f"budget.{kind}": [promise]}))


def test_a_minimum_costs_what_a_little_less_of_it_brings(best_a_day):
    region, _, channel = places()
    more, less = (with_promise("minimums", share * 1.5 * best_a_day) for share in (1.0, 0.99))
    price = more.shadow_prices[f"minimum {region}/{channel}"]
    assert price > 0.0
    saved = more.total_spend_base - less.total_spend_base
    assert less.expected - more.expected == pytest.approx(saved * price, rel=0.05)


def test_a_maximum_s_price_is_what_a_little_more_of_it_brings(best_a_day):
    region, _, channel = places()
    less, more = (with_promise("maximums", share * 0.5 * best_a_day) for share in (1.0, 1.01))
    name = f"maximum {region}/{channel}"
    price = less.shadow_prices[name]
    assert price > 0.0
    assert name in less.binding
    assert more.expected - less.expected == pytest.approx(0.005 * best_a_day * 21 * price, rel=0.05)


def test_a_minimum_that_the_plan_passes_anyway_has_no_price(best_a_day):
    region, _, channel = places()
    plan = with_promise("minimums", 0.2 * best_a_day)
    assert f"minimum {region}/{channel}" not in plan.shadow_prices


@pytest.mark.parametrize(("share", "sign"), [(0.5, -1.0), (1.5, 1.0)])
def test_a_lock_says_which_way_it_should_move(best_a_day, share, sign):
    name = "lock " + "/".join(places())
    here, beside = (with_promise("locks", part * share * best_a_day) for part in (1.0, 1.01))
    price = here.shadow_prices[name]
    assert np.sign(price) == sign
    spent = beside.total_spend_base - here.total_spend_base
    assert beside.expected - here.expected == pytest.approx(-spent * price, rel=0.05)


def test_a_plan_by_four_weeks_keeps_a_start_with_better_days():
    """Money on the best day alone of each week: no profile of a block can say that."""
    market = plain_market({**RICH, "budget.total_base": 3000, "budget.max_daily_multiple": 21})
    by_day = plan_campaign(market, resolution="day")
    coarse = plan_campaign(market, resolution="four_weeks", start=by_day.schedule)
    assert coarse.expected >= by_day.expected
    assert coarse.total_spend_base == pytest.approx(by_day.total_spend_base, rel=1e-12)


def test_a_start_beyond_the_limits_is_not_kept():
    market = plain_market({**RICH, "budget.total_base": 3000})
    generous = plan_campaign(plain_market(RICH)).schedule
    plan = plan_campaign(market, start=generous)
    assert plan.total_spend_base <= 3000 * (1 + 1e-9)


def test_limits_are_looked_at_one_by_one():
    market = plain_market({**RICH, "budget.total_base": 2100, "budget.max_daily_multiple": 2.0})
    limits, available = market.scenario.limits, market.shocks.available
    spend = np.zeros((21, *market.shape[:3]))
    spend[:, 0, 0, 0] = 100.0
    assert keeps_limits(spend, available, limits)
    assert not keeps_limits(spend * 1.01, available, limits)
    uneven = spend.copy()
    uneven[0] += 150.0 * (spend[0] > 0)
    uneven[1:3] -= 75.0 * (spend[1:3] > 0)
    assert not keeps_limits(uneven, available, limits)
    closed = available.copy()
    closed[3, 0, 0] = 0.0
    assert not keeps_limits(spend, closed, limits)


def test_the_scenarios_own_plan_is_never_beaten_by_its_plan():
    market = plain_market(RICH)
    expected = ExpectedMarket(market, goal_named("reward"))
    own = scenario_plan(market)
    assert keeps_limits(own.spend_base, market.shocks.available, market.scenario.limits)
    assert plan_campaign(market, resolution="four_weeks").expected >= expected.play(own).total
    assert split_horizon(market, "four_weeks").count == 1
