"""What a decision maker sees: named, finite features, and no ground truth."""

from dataclasses import replace

import numpy as np
import pytest

from xbopt.core.scenario.loading import load_scenario
from xbopt.env.observation import CELL_FEATURES, REGION_FEATURES, RecentResults, observe
from xbopt.simulator.build import build_market
from xbopt.simulator.history import initial_state


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart"))


def feature(observation, name):
    if name in REGION_FEATURES:
        return observation.regions[..., REGION_FEATURES.index(name)]
    return observation.cells[..., CELL_FEATURES.index(name)]


def test_the_first_morning_by_hand(market):
    observation = observe(market, initial_state(market, 2), RecentResults.empty(market, 2))
    assert observation.regions.shape == (2, 2, len(REGION_FEATURES))
    assert observation.cells.shape == (2, 2, 2, len(CELL_FEATURES))
    assert feature(observation, "budget_left") == pytest.approx(np.ones((2, 2)))
    assert feature(observation, "time_left") == pytest.approx(np.ones((2, 2)))
    assert feature(observation, "pace") == pytest.approx(np.ones((2, 2)))
    assert feature(observation, "fx_log") == pytest.approx(np.zeros((2, 2)))
    # 5 October 2026 is a Monday: angle 0.
    assert feature(observation, "weekday_sin") == pytest.approx(np.zeros((2, 2)))
    assert feature(observation, "weekday_cos") == pytest.approx(np.ones((2, 2)))
    # German families: 460 new, 1,200 active and 760 at risk among 300,000 people.
    assert feature(observation, "known_share")[0, 0, 0] == pytest.approx(2420 / 300000)
    assert feature(observation, "new_share")[0, 0, 0] == pytest.approx(460 / 2420)
    assert feature(observation, "at_risk_share")[0, 0, 0] == pytest.approx(760 / 2420)
    assert feature(observation, "recent_spend") == pytest.approx(np.zeros((2, 2, 2)))


def test_recent_results_are_a_moving_average_with_a_half_life_of_a_week(market):
    ones = np.ones((1, 2, 2))
    recent = RecentResults(
        discount_frac=0.1 * ones, spend_base=ones, visits=ones, orders=ones, net_revenue_base=3.0 * ones
    )
    observation = observe(market, initial_state(market, 1), recent)
    even = 1000.0 * np.array([[0.62 * 0.65, 0.62 * 0.35], [0.38 * 0.65, 0.38 * 0.35]])
    assert feature(observation, "recent_spend")[0] == pytest.approx(1.0 / even)
    assert feature(observation, "recent_orders_log") == pytest.approx(np.log(2.0) * ones)
    assert feature(observation, "recent_return_on_spend_log") == pytest.approx(np.log(4.0) * ones)
    assert feature(observation, "recent_discount") == pytest.approx(0.1 * ones)


def test_nothing_that_only_the_market_knows_is_seen(market):
    """Customers' memory of prices, borrowed orders, carried exposure and fatigue move no feature."""
    state = initial_state(market, 1)
    hidden = replace(
        state,
        reference_log=state.reference_log - 0.2,
        borrowed=state.borrowed + 50.0,
        carried=state.carried + 1.0,
        frequency=state.frequency + 9.0,
    )
    recent = RecentResults.empty(market, 1)
    seen, seen_hidden = observe(market, state, recent), observe(market, hidden, recent)
    assert np.array_equal(seen.regions, seen_hidden.regions)
    assert np.array_equal(seen.cells, seen_hidden.cells)


def test_features_stay_finite_when_budget_and_customers_are_gone(market):
    state = initial_state(market, 1)
    empty = replace(
        state,
        day=27,
        customers=np.zeros_like(state.customers),
        remaining=replace(state.remaining, budget_base=np.zeros(1)),
    )
    observation = observe(market, empty, RecentResults.empty(market, 1))
    assert np.isfinite(observation.regions).all()
    assert np.isfinite(observation.cells).all()
    assert feature(observation, "budget_left").max() == 0.0
    assert observation.day_budget_base == pytest.approx([0.0])
