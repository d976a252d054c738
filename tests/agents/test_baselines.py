"""The built-in plans do what their names say."""

import numpy as np
import pytest

from xbopt.agents.policies import BUILT_IN, built_in_policy
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.response import steady_response
from xbopt.simulator.worlds import average_world


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart"))


BASELINES = [name for name in BUILT_IN if name != "planner"]


@pytest.mark.parametrize("name", BASELINES)
def test_every_plan_spends_the_budget_and_no_more(name, market):
    plan = built_in_policy(name, market)
    assert plan.name == name
    assert plan.spend_base.sum() == pytest.approx(market.scenario.limits.total_base, rel=1e-12)
    assert plan.spend_base.min() >= 0.0


def test_uniform_gives_the_same_to_every_day_cell_and_channel(market):
    spend = built_in_policy("uniform", market).spend_base
    assert np.allclose(spend, 11200 / (28 * 2 * 2 * 3), rtol=1e-12)
    assert not built_in_policy("uniform", market).discount_frac.any()


def test_uniform_gives_nothing_to_a_cell_without_people():
    changes = ["market.regions.UK.population.students=0", "market.regions.UK.customers.students={}"]
    empty = build_market(load_scenario("quickstart", overrides=changes))
    for name in BUILT_IN:
        spend = built_in_policy(name, empty).spend_base
        assert spend[:, 1, 1].sum() == 0.0, name
        # The planner leaves money unspent where it would not come back.
        assert spend.sum() <= 11200 if name == "planner" else spend.sum() == pytest.approx(11200)


def test_baseline_follows_the_scenario_plan(market):
    plan = built_in_policy("baseline", market)
    day, money = plan.spend_base[3], 400.0
    assert day.sum(axis=(1, 2)) == pytest.approx([money * 0.62, money * 0.38])
    assert day.sum(axis=(0, 2)) == pytest.approx([money * 0.65, money * 0.35])
    assert day.sum(axis=(0, 1)) == pytest.approx([money * 0.36, money * 0.6, money * 0.04])
    # The plan's discount runs from 23 to 26 October: days 18 to 21.
    assert plan.discount_frac[17].max() == 0.0
    assert (plan.discount_frac[18:22] == 0.1).all()
    assert plan.discount_frac[22:].max() == 0.0


def test_demand_pacing_follows_the_demand_index():
    market = build_market(load_scenario("quickstart", overrides=["plan.pacing=demand"]))
    by_day = built_in_policy("baseline", market).spend_base.sum(axis=(1, 2, 3))
    demand = market.calendar.demand @ np.array([0.62, 0.38])
    assert by_day / by_day.sum() == pytest.approx(demand / demand.sum())


def test_proportional_follows_history(market):
    day, money = built_in_policy("proportional", market).spend_base[0], 400.0
    assert day.sum(axis=(1, 2)) == pytest.approx([money * 0.61, money * 0.39])
    assert day.sum(axis=(0, 1)) == pytest.approx([money * 0.36, money * 0.6, money * 0.04])


def test_calendar_spends_more_on_stronger_days_and_discounts_around_events(market):
    plan = built_in_policy("calendar", market)
    by_day = plan.spend_base[:, 0].sum(axis=(1, 2))
    demand = market.calendar.demand[:, 0]
    assert (np.argsort(by_day) == np.argsort(demand)).all()
    around = (market.calendar.days_to_event <= 7) | (market.calendar.event_strength > 0)
    assert (plan.discount_frac[around] == 0.1).all()
    assert (plan.discount_frac[~around] == 0.0).all()


def test_greedy_roas_leaves_no_better_place_for_its_last_slice(market):
    spend = built_in_policy("greedy_roas", market).spend_base[0]
    step = spend.sum() / 400

    def revenue(amount):
        return steady_response(market, average_world(), amount[None]).orders[0] * market.orders.price_base[..., None]

    gain = revenue(spend + step) - revenue(spend)
    loss = revenue(spend) - revenue(np.maximum(spend - step, 0.0))
    assert gain.max() <= loss[spend > 0].min() * (1 + 1e-9)


def test_an_unknown_policy_gets_a_suggestion(market):
    with pytest.raises(PolicyError, match=r"Did you mean 'uniform'\? Built in: baseline"):
        built_in_policy("unifrom", market)
