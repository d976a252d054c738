"""Lifecycle, satisfaction and what a customer is worth, worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import market_of, plain_market, play, steady
from xbopt.simulator.customers import next_customers, next_satisfaction
from xbopt.simulator.history import initial_state
from xbopt.simulator.lifetime import customer_value

PEOPLE = np.array([1000.0, 100.0, 50.0, 40.0, 30.0]).reshape(1, 1, 1, 5)
ORDERS = np.array([10.0, 5.0, 4.0, 3.0, 2.0]).reshape(1, 1, 1, 5)
NO_CONTACT = np.zeros((1, 1, 1))


def test_buyers_move_up_and_the_others_age() -> None:
    market = plain_market()
    state = replace(initial_state(market, 1), customers=PEOPLE)
    moves = next_customers(market, state, ORDERS, NO_CONTACT)
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
    assert moves.customers.sum() == pytest.approx(1220.0, rel=1e-12)
    assert moves.births.item() == 0.0


def test_one_person_moves_once_however_much_they_order() -> None:
    market = plain_market()
    state = replace(initial_state(market, 1), customers=PEOPLE)
    moves = next_customers(market, state, ORDERS * 100, NO_CONTACT)
    np.testing.assert_allclose(moves.customers[0, 0, 0], [0, 1000, 50 + 100 + 40 + 30, 0, 0])


def test_satisfaction_and_contact_slow_ageing() -> None:
    market = plain_market({"segments.0.satisfaction": {"start": 0.5, "churn": 2.0, "contact": 0.4}})
    state = replace(initial_state(market, 1), customers=PEOPLE, satisfaction=np.full((1, 1, 1), 0.75))
    moves = next_customers(market, state, np.zeros((1, 1, 1, 5)), np.full((1, 1, 1), 0.5))
    assert moves.customers[0, 0, 0, 1] == pytest.approx(100 - 100 * 0.011 * np.exp(-0.5) * 0.8)


def test_births_are_yearly_growth_by_the_day() -> None:
    market = plain_market({"market.population_growth": 1.0})
    state = replace(initial_state(market, 1), customers=PEOPLE)
    moves = next_customers(market, state, np.zeros((1, 1, 1, 5)), NO_CONTACT)
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


def test_dissatisfied_customers_buy_less_and_prospects_do_not_know() -> None:
    changes = {
        "market.regions.0.customers": {"people": {"active": 5000}},
        "segments.0.satisfaction": {"repurchase": 2.0},
        "segments.0.sentiment_sensitivity": 0.0,
    }
    market = plain_market(changes)
    state = replace(initial_state(market, 1), satisfaction=np.full((1, 1, 1), 0.3))
    from tests.worlds import decision
    from xbopt.simulator.step import play_day
    from xbopt.simulator.worlds import average_world

    outcome, _ = play_day(market, average_world(), state, decision(market.scenario, 1), None)
    assert outcome.orders[0, 0, 0, 2] == pytest.approx(5 * np.exp(-1.0))
    assert outcome.orders[0, 0, 0, 0] == pytest.approx(5.0)


ONLY_ACTIVE = {
    "segments.0.visits_per_1000": {"prospect": 0, "new": 0, "active": 10, "at_risk": 0, "lapsed": 0},
    "segments.0.ageing": dict.fromkeys(
        ("new_to_at_risk", "active_to_at_risk", "at_risk_to_lapsed", "lapsed_to_prospect"), 0
    ),
    "market.discount_rate": 0.0,
}


def test_an_active_customer_is_worth_a_year_of_margins() -> None:
    # 0.01 * 0.2 * 0.5 orders a day at a margin of 45, for 365 days.
    value = customer_value(plain_market(ONLY_ACTIVE))
    np.testing.assert_allclose(value[0, 0], [0, 0, 365 * 0.001 * 45, 0, 0], atol=1e-12)


def test_later_margins_are_discounted() -> None:
    value = customer_value(plain_market({**ONLY_ACTIVE, "market.discount_rate": 0.1}))
    daily = 1.1 ** (-1 / 365)
    assert value[0, 0, 2] == pytest.approx(0.045 * sum(daily**t for t in range(365)))


def test_duty_that_the_seller_pays_lowers_the_value() -> None:
    value = customer_value(plain_market({**ONLY_ACTIVE, "market.regions.0.duty": "eu_import"}))
    assert value[0, 0, 2] == pytest.approx(365 * 0.001 * (45 - 3))
    customs = {"market.regions.0.duty": "eu_import", "market.regions.0.duty_paid_by": "customer"}
    assert customer_value(plain_market({**ONLY_ACTIVE, **customs}))[0, 0, 2] == pytest.approx(365 * 0.0007 * 45)


def test_a_bucket_that_behaves_like_prospects_is_worth_nothing_more() -> None:
    np.testing.assert_allclose(customer_value(plain_market()), 0.0, atol=1e-9)


def test_values_follow_how_much_a_bucket_buys() -> None:
    value = customer_value(market_of())
    assert (value[..., 2] > value[..., 3]).all()
    assert (value[..., 3] > value[..., 4]).all()
    assert (value[..., 4] > 0).all()


def test_people_are_conserved_up_to_births() -> None:
    market = market_of({"market.population_growth": 0.2})
    start = market.scenario.customers.sum(axis=2)
    for worlds in (None, range(4)):
        _, state = play(market, steady(market.scenario, 4 if worlds else 1, spend=60.0, discount=0.2), worlds=worlds)
        grown = state.customers.sum(axis=3)
        assert (state.customers >= 0).all()
        # Only prospects grow, at ln(1.2)/365 a day for 10 days.
        assert (grown > start).all()
        assert (grown < start * (1 + 10 * np.log(1.2) / 365)).all()
