"""Price of reach, dayparts, synergy and attribution, worked by hand on a plain market."""

import math
from typing import Any

import numpy as np
import pytest

from tests.worlds import decision, document, market_of, plain_market, play, steady
from xbopt.simulator.history import initial_state
from xbopt.simulator.media import daypart_factor, per_bucket_sum, per_channel_sum
from xbopt.simulator.seasons import scenario_calendar

TWO_PARTS = [
    {"id": "early", "from_hour": 0, "to_hour": 12, "activity": 1},
    {"id": "late", "from_hour": 12, "to_hour": 24, "activity": 1},
]


def first_day(changes: dict[str, object], **choice: Any):
    market = plain_market(changes)
    return play(market, steady(market.scenario, 1, **choice), days=1)[0][0]


def test_spend_buys_impressions_and_impressions_bring_visits() -> None:
    # 100 at 10 a thousand: 10,000 impressions on 10,000 heads, the half-saturation of 1, half of the ceiling of 0.02.
    day = first_day({}, spend=100.0)
    assert day.impressions.item() == pytest.approx(10_000)
    assert day.channel_visits.item() == pytest.approx(100)
    assert day.visits.item() == pytest.approx(100 + 100)
    assert day.money.media.item() == -100


def test_price_of_reach_rises_with_own_spend() -> None:
    # Reference 100 a day; 1600 is 16 times that, the price 16^(1/4) = 2 times: 80,000 impressions, not 160,000.
    assert first_day({"channels.0.price.bid_up": 0.25}, spend=1600.0).impressions.item() == pytest.approx(80_000)
    # Below the reference reach is cheaper: (1/16)^(1/4) = 1/2.
    assert first_day({"channels.0.price.bid_up": 0.25}, spend=6.25).impressions.item() == pytest.approx(1_250)


def test_price_of_reach_follows_the_season_and_the_region() -> None:
    changes = {"calendar.cpm_month": [2.0] * 12, "market.regions.0.media_price_level": 2.0}
    assert first_day(changes, spend=100.0).impressions.item() == pytest.approx(2_500)


def test_a_click_price_is_a_price_of_impressions_through_the_click_rate() -> None:
    # 20 clicks per 1,000 impressions at 0.5 each: 10 a thousand.
    changes = {"channels.0.price.model": "cpc", "channels.0.price.amount_base": 0.5}
    assert first_day(changes, spend=100.0).impressions.item() == pytest.approx(10_000)


def test_exponential_saturation_keeps_the_first_visits_per_impression() -> None:
    changes = {"channels.0.saturation": {"curve": "exponential", "half_saturation": 1.0}}
    # 10 impressions in all bring 20/1000 of a visit each; saturation is not felt yet.
    assert first_day(changes, spend=0.1).channel_visits.item() == pytest.approx(0.2, rel=1e-3)
    assert first_day({}, spend=0.1).channel_visits.item() == pytest.approx(0.2, rel=2e-3)


def test_zero_spend_brings_no_impressions_and_leaves_organic_visits() -> None:
    day = first_day({})
    assert day.impressions.item() == 0
    assert day.visits.item() == pytest.approx(100)
    assert day.orders.sum() == pytest.approx(10)


def test_the_audience_s_own_day_delivers_one_and_works_one() -> None:
    market = market_of()
    weights = decision(market.scenario, 3).daypart_weights
    delivery, effect = daypart_factor(market, weights, 0)
    np.testing.assert_allclose(delivery, np.ones((3, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(effect, np.ones((3, 2, 3)), rtol=1e-12)


@pytest.mark.parametrize(("bid_up", "crowding"), [(0.0, 2.0), (0.5, math.sqrt(2.0))])
def test_dayparts_worked_by_hand(bid_up: float, crowding: float) -> None:
    # Supply 1 and 1/3, scaled to mean 1 under equal activity: 1.5 and 0.5. Effect 1 and 2 weighted with it: mean
    # (1.5 + 0.5 * 2)/2 = 1.25, so 0.8 and 1.6. All money in the late part: crowding * 1/2 * 0.5 delivered.
    market = plain_market(
        {
            "calendar.dayparts": TWO_PARTS,
            "channels.0.daypart_price": {"late": 3.0},
            "channels.0.daypart_response": {"late": 2.0},
            "channels.0.price.bid_up": bid_up,
        }
    )
    np.testing.assert_allclose(market.media.daypart_supply[0, 0], [1.5, 0.5])
    np.testing.assert_allclose(market.media.daypart_effect[0, 0], [0.8, 1.6])
    delivery, effect = daypart_factor(market, np.array([0.0, 1.0]).reshape(1, 1, 1, 2), 0)
    assert delivery.item() == pytest.approx(crowding * 0.5 * 0.5)
    assert effect.item() == pytest.approx(crowding * 0.5 * 0.5 * 1.6)


def test_synergy_adds_its_strength_where_both_channels_bring_as_many_visits() -> None:
    ads = document(text=_plain_text())["channels"][0]
    changes = {
        "channels": [ads, {**ads, "id": "mail"}],
        "synergies": [{"channels": ["ads", "mail"], "strength": 0.15}],
    }
    market = plain_market(changes)
    both = play(market, steady(market.scenario, 1, spend=100.0), days=1)[0][0]
    assert both.visits.item() == pytest.approx(100 + 2 * 100 * 1.15)
    np.testing.assert_allclose(both.channel_visits[0, 0, 0], [115, 115])
    alone = play(market, steady(market.scenario, 1, spend=np.array([100.0, 0.0])), days=1)[0][0]
    assert alone.visits.item() == pytest.approx(200)


def test_channels_and_organic_visits_share_all_orders() -> None:
    market = market_of({"noise.demand_cv": 0})
    outcome = play(market, steady(market.scenario, 1, spend=60.0), days=3)[0][-1]
    assert (outcome.channel_orders > 0).all()
    assert (outcome.channel_orders.sum(axis=3) < outcome.orders.sum(axis=3)).all()
    no_organic: dict[str, object] = {f"segments.{s}.visits_per_1000": 0 for s in (0, 1)}
    for s, segment in enumerate(document()["segments"]):
        for kind in range(len(segment["customer_types"])):
            no_organic[f"segments.{s}.customer_types.{kind}.visits_per_1000"] = 0
    market = market_of(no_organic)
    outcome = play(market, steady(market.scenario, 1, spend=60.0), days=3)[0][-1]
    np.testing.assert_allclose(outcome.channel_orders.sum(axis=3), outcome.orders.sum(axis=3), rtol=1e-9)


def test_attribution_weights_visits_by_their_quality() -> None:
    # 100 organic visits, and 100 from ads that convert 3 times as well: a quarter and three quarters of the orders.
    day = first_day({"channels.0.visit_quality": 3.0}, spend=100.0)
    assert day.orders.sum() == pytest.approx(10 + 30)
    assert day.channel_orders.item() == pytest.approx(30)


def test_sums_over_buckets_and_channels_are_matrix_products() -> None:
    reach = np.array([[1.0, 0.5, 0.0, 0.25, 1.0], [0.0, 1.0, 1.0, 1.0, 0.5]])
    people = np.array([[10.0, 20.0, 30.0, 40.0, 50.0]])
    np.testing.assert_allclose(per_bucket_sum(people, reach), [[10 + 10 + 0 + 10 + 50, 20 + 30 + 40 + 25]])
    np.testing.assert_allclose(per_channel_sum(np.array([[2.0, 3.0]]), reach), [[2, 4, 3, 3.5, 3.5]])


def test_a_channel_reaches_only_the_buckets_it_can() -> None:
    day = first_day({"channels.0.reach": {"prospect": 0.0}}, spend=100.0)
    assert day.channel_visits.item() == 0.0  # all are prospects on the first day
    assert day.visits.item() == pytest.approx(100)


def test_an_event_that_silences_a_daypart_leaves_numbers_finite() -> None:
    market = plain_market({"calendar.dayparts": TWO_PARTS})
    activity = market.calendar.daypart_activity.copy()
    activity[0, 0] = [1.0, 0.0]
    silenced = _with_calendar(market, activity)
    delivery, effect = daypart_factor(silenced, np.full((1, 1, 1, 2), 0.5), 0)
    assert delivery.item() == pytest.approx(0.5)
    assert np.isfinite(effect).all()


def test_the_first_morning_has_no_memory() -> None:
    state = initial_state(market_of(), 4)
    for array in (state.carried, state.window, state.frequency, state.reference_log, state.borrowed):
        assert not array.any()
    assert state.window.shape == (5, 4, 2, 2, 2)  # the longest window is 6 days; two channels have one


def _plain_text() -> str:
    from tests.worlds import PLAIN

    return PLAIN


def _with_calendar(market: Any, activity: np.ndarray) -> Any:
    from dataclasses import replace

    return replace(market, calendar=replace(scenario_calendar(market.scenario), daypart_activity=activity))
