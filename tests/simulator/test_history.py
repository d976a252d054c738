"""The first morning follows from what went before it."""

from datetime import date, timedelta

import numpy as np
import pytest

from tests.worlds import document, market_of, plain_market, play, scenario_of
from xbopt.simulator.build import build_market
from xbopt.simulator.edges import average_decision
from xbopt.simulator.history import initial_state
from xbopt.simulator.worlds import draw_worlds

CURVES = {
    "geometric": {"curve": "geometric", "half_life_days": 6},
    "delayed": {"curve": "delayed", "half_life_days": 4, "peak_days": 3, "window_days": 15},
    "weibull": {"curve": "weibull", "shape": 1.5, "scale_days": 5, "window_days": 20},
    "none": {"curve": "none"},
}
START = date(2026, 9, 7)
# Nobody is won or lost over the days of the tests: people who never buy again cannot move between buckets.
FLAT = {
    "budget.total_base": 60_000,
    "horizon.days": 60,
    "channels.0.fatigue": {"weekly_frequency": 0.5, "exponent": 0.7, "half_life_days": 9},
    "market.regions.0.population": {"people": 1e9},
    "channels.0.price.reference_per_1000": 1e-3,
    "channels.0.saturation.half_saturation": 1e-4,
    "history.before": "steady",
}


def constant_rows(scenario, days):
    """The plan's average day as rows of a table, ``days`` days long."""
    spend = average_decision(build_market(scenario), 1).spend_base[0]
    first = START - timedelta(days=days)
    return [
        {
            "date": first.isoformat(),
            "to": (START - timedelta(days=1)).isoformat(),
            "region": region,
            "segment": segment,
            "channel": channel,
            "spend_base": float(spend[r, s, c]),
        }
        for r, region in enumerate(scenario.regions)
        for s, segment in enumerate(scenario.segments)
        for c, channel in enumerate(scenario.channels)
    ]


@pytest.mark.parametrize("curve", CURVES)
def test_constant_spend_from_a_steady_history_brings_the_same_visits_on_day_1_and_day_60(curve):
    market = plain_market({**FLAT, "channels.0.adstock": CURVES[curve]})
    day = average_decision(market, 1)
    outcomes, _ = play(market, lambda _day: day)
    visits = np.array([outcome.channel_visits.sum() for outcome in outcomes])
    assert visits[0] > 1000.0
    np.testing.assert_allclose(visits, visits[-1], rtol=1e-3)


@pytest.mark.parametrize("curve", CURVES)
def test_a_launch_starts_below_the_steady_visits_unless_nothing_carries_over(curve):
    changes = {**FLAT, "channels.0.adstock": CURVES[curve], "channels.0.fatigue": {"weekly_frequency": 100}}
    market = plain_market({**changes, "history.before": "none"})
    day = average_decision(market, 1)
    outcomes, _ = play(market, lambda _day: day)
    first, last = outcomes[0].channel_visits.sum(), outcomes[-1].channel_visits.sum()
    assert (first == pytest.approx(last, rel=1e-3)) if curve == "none" else (first < 0.7 * last)


def test_a_long_table_of_constant_spend_is_a_steady_history():
    changes = {
        "calendar.weekday": [1.0] * 7,
        "calendar.month": [1.0] * 12,
        "uncertainty.media_price": {"spread": 0.3, "by": ["channel"]},
        "uncertainty.half_saturation": {"spread": 0.3, "by": ["region", "channel"]},
    }
    steady = scenario_of(document({**changes, "history": {"before": "steady"}}))
    played = scenario_of(document({**changes, "history": {"before": {"rows": constant_rows(steady, 400)}}}))
    world = draw_worlds(steady, seed=5, worlds=np.arange(3))
    one, other = (initial_state(build_market(each), 3, world) for each in (steady, played))
    assert one.carried.std(axis=0).max() > 0.0, "the memory differs by world"
    for name in ("carried", "window", "frequency", "reference_log", "borrowed"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-6, atol=1e-9, err_msg=name)
    for name in ("in_transit", "returning", "usual_demand", "on_order"):
        # Pay-back of nothing and satisfaction are the same; the played queues have had 400 days to fill.
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-6, err_msg=name)


def test_a_world_does_not_notice_its_neighbours_on_the_first_morning():
    market = market_of({"history.before": "steady", "uncertainty.media_price": {"spread": 0.3}})
    numbers = np.arange(4)
    world = draw_worlds(market.scenario, seed=5, worlds=numbers)
    alone = draw_worlds(market.scenario, seed=5, worlds=numbers[2:3])
    together, single = initial_state(market, 4, world), initial_state(market, 1, alone)
    for name in ("carried", "frequency", "borrowed", "in_transit", "usual_demand", "on_order"):
        assert np.array_equal(getattr(together, name)[2:3], getattr(single, name)), name
    assert np.array_equal(together.window[:, 2:3], single.window)


def test_a_deal_of_the_week_before_is_remembered_and_still_owed():
    days = [(START - timedelta(days=n)).isoformat() for n in range(7, 0, -1)]
    rows = [
        {"date": day, "region": "home", "segment": "people", "channel": "ads", "spend_base": 0, "discount_frac": 0.2}
        for day in days
    ]
    market = plain_market(
        {
            "segments.0.price_memory": {"deal_gain": 0.4, "half_life_days": 14},
            "discounts.pull_forward": {"borrowed_frac": 0.3, "switched_frac": 0, "half_life_days": 14},
            "history": {"before": {"rows": rows}},
        }
    )
    state = initial_state(market, 1)
    # After 7 days at 20 % off: ln 0.8 * (1 - 2^(-7/14)).
    assert state.reference_log.item() == pytest.approx(np.log(0.8) * (1.0 - 0.5**0.5))
    assert state.borrowed.item() > 0.0


def test_stock_under_way_covers_the_usual_demand_of_the_days_before():
    market = market_of({"history.before": "steady"})
    state = initial_state(market, 1)
    usual = state.usual_demand[0, 1]
    assert usual > 0.0
    assert state.usual_demand[0, 0] == 0.0, "unlimited stock is never reordered"
    # island: lead 3 days, cover 7 days, 900 orders in stock; what is missing to the target comes in equal parts.
    missing = np.clip(usual * 10.0 - 900.0, 0.0, usual * 3.0)
    np.testing.assert_allclose(state.on_order[0, 1], missing / 3.0)


def test_parcels_of_a_running_business_are_under_way_on_the_first_morning():
    market = market_of({"history.before": "steady", "calendar.weekday": [1.0] * 7})
    outcomes, state = play(market, lambda _day: average_decision(market, 1), days=1)
    morning = initial_state(market, 1)
    assert (morning.in_transit > 0.0).all()
    # What arrives on the first day is what is sent: the queue stays where it is, up to the season.
    np.testing.assert_allclose(state.in_transit[0, 0], morning.in_transit[0, 0], rtol=0.05)
    assert outcomes[0].returns.sum() > 0.0
