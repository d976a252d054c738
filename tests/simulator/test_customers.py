"""Lifecycle and satisfaction, worked by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import decision, market_of, plain_market, play, steady
from xbopt.core.arrays import FloatArray
from xbopt.simulator.customers import OrderSplit, next_customers, next_satisfaction
from xbopt.simulator.history import initial_state
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import average_world

NO_CONTACT = np.zeros((1, 1, 1))
TWO_TYPES = {
    "segments.0.customer_types": [
        {"id": "heavy", "share": 0.25, "promotion_share": 0.0, "visits_per_1000": 30, "daily_dropout": 0.1},
        {"id": "light", "share": 0.75, "promotion_share": 1.0, "visits_per_1000": 10, "daily_dropout": 0.2},
    ]
}


def row(*numbers: float) -> FloatArray:
    """One number a bucket, as ``(1, 1, 1, L)``."""
    return np.array(numbers, dtype=np.float64).reshape(1, 1, 1, -1)


def state_of(market: MarketParameters, people: FloatArray, living: Sequence[Sequence[float]]) -> MarketState:
    """A first morning with other people; ``living`` by type and known bucket."""
    alive = np.array(living, dtype=np.float64)[None, None, None]
    return replace(initial_state(market, 1), customers=people, living=alive)


def split_of(market: MarketParameters, state: MarketState, *, by_discount: float = 0.0) -> OrderSplit:
    """Orders that come from organic visits alone, and by this share from a discount alone."""
    strangers = state.customers.copy()
    strangers[..., 1:] -= state.living.sum(axis=3)
    visits = strangers * 0.01
    visits[..., 1:] += (state.living * market.customers.type_visits_per_head[..., None]).sum(axis=3)
    return OrderSplit(
        quality_visits=visits,
        quality_people=state.customers,
        strangers=strangers,
        by_stranger=np.full((1, 1, 1, 1), 0.01),
        readiness=np.ones((1, 1, 1, 1)),
        organic_traffic=np.ones((1, 1, 1)),
        by_media=np.zeros((1, 1, 1, 5)),
        by_discount=np.full((1, 1, 1, 2), by_discount),
    )


def test_buyers_move_up_and_the_others_age() -> None:
    market = plain_market()
    state = state_of(market, row(1000, 100, 50, 40, 30), [[100, 50, 40, 30]])
    moves = next_customers(market, state, row(10, 5, 4, 3, 2), split_of(market, state), NO_CONTACT)
    # Of those who did not buy, 95 * 0.011 new and 46 * 0.008 active drift to at risk, 37 * 0.011 at risk lapse, and
    # 28 * 0.001 lapsed are forgotten. Buyers: 10 prospects become new; 5, 3 and 2 become active again.
    expected = [
        990 + 0.028,
        95 - 1.045 + 10,
        50 - 0.368 + 5 + 3 + 2,
        37 - 0.407 + 1.045 + 0.368,
        28 - 0.028 + 0.407,
    ]
    np.testing.assert_allclose(moves.customers[0, 0, 0], expected, rtol=1e-12)
    # All are alive and nobody drops out, so the living are the customers.
    np.testing.assert_allclose(moves.living[0, 0, 0, 0], expected[1:], rtol=1e-12)
    assert moves.customers.sum() == pytest.approx(1220.0, rel=1e-12)
    assert moves.births.item() == 0.0


def test_orders_fall_on_types_by_how_often_they_come_and_types_drop_out_by_their_own_chance() -> None:
    """40 active: 10 heavy, 20 light, and 10 who have dropped out, with 30, 10 and 10 visits a day and 1,000.

    Visits 0.3 + 0.2 + 0.1, so six orders are three, two and one. The one who was won back is new blood: a quarter
    heavy, three quarters light. Of those alive this morning 10 and 20 % drop out; he does not on his first night.
    """
    market = plain_market({**TWO_TYPES, "segments.0.ageing": {"active_to_at_risk": 0.0}})
    state = state_of(market, row(1000, 0, 40, 0, 0), [[0, 10, 0, 0], [0, 20, 0, 0]])
    moves = next_customers(market, state, row(0, 0, 6, 0, 0), split_of(market, state), NO_CONTACT)
    np.testing.assert_allclose(moves.customers[0, 0, 0], [1000, 0, 40, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(moves.living[0, 0, 0, :, 1], [10 * 0.9 + 0.25, 20 * 0.8 + 0.75], rtol=1e-12)


def test_who_is_won_by_a_discount_alone_is_of_the_lighter_mix() -> None:
    market = plain_market(TWO_TYPES)
    state = state_of(market, row(1000, 0, 0, 0, 0), [[0, 0, 0, 0], [0, 0, 0, 0]])
    orders = row(8, 0, 0, 0, 0)
    at_list = next_customers(market, state, orders, split_of(market, state), NO_CONTACT)
    half = next_customers(market, state, orders, split_of(market, state, by_discount=0.5), NO_CONTACT)
    np.testing.assert_allclose(at_list.living[0, 0, 0, :, 0], [2, 6])
    np.testing.assert_allclose(half.living[0, 0, 0, :, 0], [1, 7])


def test_one_person_moves_once_however_much_they_order() -> None:
    market = plain_market(TWO_TYPES)
    state = state_of(market, row(1000, 100, 50, 40, 30), [[50, 20, 10, 5], [50, 20, 10, 5]])
    moves = next_customers(market, state, row(1e4, 1e4, 1e4, 1e4, 1e4), split_of(market, state), NO_CONTACT)
    np.testing.assert_allclose(moves.customers[0, 0, 0], [0, 1000, 220, 0, 0])
    # 85 of each type were alive and 50 of the known had dropped out; the 1,000 are won today.
    np.testing.assert_allclose(moves.living[0, 0, 0, :, 0], [250, 750])
    np.testing.assert_allclose(moves.living[0, 0, 0, :, 1], [85 * 0.9 + 12.5, 85 * 0.8 + 37.5])


def test_satisfaction_and_contact_slow_dropping_out_and_leave_ageing_alone() -> None:
    market = plain_market({**TWO_TYPES, "segments.0.satisfaction": {"start": 0.5, "churn": 2.0, "contact": 0.4}})
    state = state_of(market, row(0, 100, 0, 0, 0), [[100, 0, 0, 0], [0, 0, 0, 0]])
    state = replace(state, satisfaction=np.full((1, 1, 1), 0.75))
    moves = next_customers(market, state, np.zeros((1, 1, 1, 5)), split_of(market, state), np.full((1, 1, 1), 0.5))
    assert moves.customers[0, 0, 0, 1] == pytest.approx(100 - 1.1)
    assert moves.living.sum() == pytest.approx(100 * (1 - 0.1 * np.exp(-0.5) * 0.8))


def test_births_are_yearly_growth_by_the_day() -> None:
    market = plain_market({"market.population_growth": 1.0})
    state = state_of(market, row(1000, 100, 50, 40, 30), [[100, 50, 40, 30]])
    moves = next_customers(market, state, np.zeros((1, 1, 1, 5)), split_of(market, state), NO_CONTACT)
    assert moves.births.item() == pytest.approx(1000 * np.log(2) / 365)
    assert moves.customers.sum() == pytest.approx(1220 + moves.births.item())


def test_satisfaction_moves_to_the_day_s_experience() -> None:
    market = plain_market({"segments.0.satisfaction": {"memory_days": 1.0}})
    state = initial_state(market, 1)
    # 2 days late at 0.03 and half of demand unserved at 0.4: 0.8 - 0.06 - 0.2, and half of the way is gone in a day.
    found = next_satisfaction(market, state, np.full((1, 1), 4.0), np.full((1, 1), 0.5))
    assert found.item() == pytest.approx(0.5 * 0.8 + 0.5 * 0.54)
    worst = next_satisfaction(market, state, np.full((1, 1), 4000.0), np.full((1, 1), 1.0))
    assert worst.item() == pytest.approx(0.4)


def test_dissatisfied_customers_buy_less_and_who_has_dropped_out_does_not_care() -> None:
    market = plain_market({"segments.0.satisfaction": {"repurchase": 2.0}, "segments.0.sentiment_sensitivity": 0.0})
    state = state_of(market, row(5000, 0, 5000, 0, 0), [[0, 4000, 0, 0]])
    state = replace(state, satisfaction=np.full((1, 1, 1), 0.3))
    outcome, _ = play_day(market, average_world(), state, decision(market.scenario, 1), None)
    # 10 visits a day and 1,000 people, of which a tenth order: 4 by the living at exp(-1), 1 by those who are gone.
    assert outcome.orders[0, 0, 0, 2] == pytest.approx(4 * np.exp(-1.0) + 1)
    assert outcome.orders[0, 0, 0, 0] == pytest.approx(5.0)


def test_customers_convert_better_and_types_come_by_their_own_rate() -> None:
    market = plain_market({**TWO_TYPES, "segments.0.customer_conversion": 2.0})
    state = state_of(market, row(1000, 0, 400, 0, 0), [[0, 100, 0, 0], [0, 200, 0, 0]])
    outcome, _ = play_day(market, average_world(), state, decision(market.scenario, 1), None)
    # 1,000 prospects come 10 times; of 400, 100 heavy come 3 times, 200 light 2 and 100 who are gone 1.
    assert outcome.visits.item() == pytest.approx(10 + 3 + 2 + 1)
    # One visit in ten is an order, of customers two.
    assert outcome.orders[0, 0, 0, 2] == pytest.approx((3 + 2) * 0.2 + 0.1)


def test_people_are_conserved_up_to_births_and_the_living_are_some_of_them() -> None:
    market = market_of({"market.population_growth": 0.2})
    start = market.scenario.customers.sum(axis=2)
    for worlds in (None, range(4)):
        _, state = play(market, steady(market.scenario, 4 if worlds else 1, spend=60.0, discount=0.2), worlds=worlds)
        grown = state.customers.sum(axis=3)
        assert (state.customers >= 0).all()
        assert (state.living >= 0).all()
        assert (state.living.sum(axis=3) <= state.customers[..., 1:] * (1 + 1e-12)).all()
        # Only prospects grow, at ln(1.2)/365 a day for 10 days.
        assert (grown > start).all()
        assert (grown < start * (1 + 10 * np.log(1.2) / 365)).all()
