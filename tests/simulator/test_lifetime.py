"""What customers are worth, how likely a second order is, and who is there on the first morning."""

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import decision, market_of, plain_market, play, steady
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.customer_types import first_living, stationary_customers
from xbopt.simulator.customers import next_customers
from xbopt.simulator.history import initial_state
from xbopt.simulator.lifetime import cell_customer_value, customer_value, customer_value_change, repeat_probability
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import order_margin
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import average_world

NO_AGEING = dict.fromkeys(("new_to_at_risk", "active_to_at_risk", "at_risk_to_lapsed", "lapsed_to_prospect"), 0)
ONE_TYPE = {
    "segments.0.visits_per_1000": 0,
    "segments.0.customer_types": [{"id": "all", "share": 1, "visits_per_1000": 100, "daily_dropout": 0.005}],
    "segments.0.ageing": NO_AGEING,
    "market.discount_rate": 0.0,
}
# A visit leads to an order in one of ten: 0.2 carts, of which one half is ordered.
CHANCE, STAYS = 0.01, 0.995


def test_a_customer_is_worth_the_margins_until_dropping_out() -> None:
    # 45 of margin an order, on each day with the chance to be still there: a geometric sum.
    alive = (1 - STAYS**365) / (1 - STAYS)
    value = customer_value(plain_market(ONE_TYPE))
    np.testing.assert_allclose(value.living[0, 0, 0], CHANCE * 45 * alive, rtol=1e-12)
    np.testing.assert_allclose(value.dropped_out, 0.0, atol=1e-12)
    assert value.newly_won.item() == pytest.approx(CHANCE * 45 * alive)


def test_later_margins_are_discounted() -> None:
    value = customer_value(plain_market({**ONE_TYPE, "market.discount_rate": 0.1}))
    daily = STAYS * 1.1 ** (-1 / 365)
    assert value.living[0, 0, 0, 1] == pytest.approx(CHANCE * 45 * sum(daily**t for t in range(365)))


def test_duty_that_the_seller_pays_lowers_the_value() -> None:
    alive = (1 - STAYS**365) / (1 - STAYS)
    value = customer_value(plain_market({**ONE_TYPE, "market.regions.0.duty": "eu_import"}))
    assert value.newly_won.item() == pytest.approx(CHANCE * (45 - 3) * alive)


def test_customers_who_behave_like_prospects_are_worth_nothing_more() -> None:
    value = customer_value(plain_market())
    for part in (value.living, value.dropped_out, value.newly_won):
        np.testing.assert_allclose(part, 0.0, atol=1e-9)


def test_a_customer_whom_only_a_discount_won_is_worth_less() -> None:
    value = customer_value(market_of())
    adults, youth = 0, 1
    assert (value.won_by_discount[:, adults] < 0.7 * value.newly_won[:, adults]).all()
    np.testing.assert_array_equal(value.won_by_discount[:, youth], value.newly_won[:, youth])


def test_the_bucket_of_a_living_customer_hardly_matters() -> None:
    """Lapsed ones may be forgotten, which is all that the seller's view changes: 0.001 a day."""
    living = customer_value(market_of()).living
    np.testing.assert_allclose(living[..., 0], living[..., 1], rtol=0.03)
    np.testing.assert_allclose(living[..., 2], living[..., 1], rtol=0.06)


def nudged(market: MarketParameters, bucket: int, extra: float) -> tuple[float, float]:
    """What extra orders of a bucket on the first evening change: margin that they bring, and customer value."""

    def evening(orders: np.ndarray) -> MarketState:
        outcome, tomorrow = play_day(market, average_world(), state, decision(market.scenario, 1), None)
        split, _ = outcome.attribution.sharing.details()
        moves = next_customers(market, state, outcome.orders + orders, split, np.zeros(state.satisfaction.shape))
        return replace(tomorrow, customers=moves.customers, living=moves.living)

    state, value = initial_state(market, 1), customer_value(market)
    orders = np.zeros((1, *market.shape[:2], 5))
    orders[0, 0, :, bucket] = extra
    after, before = (cell_customer_value(market, evening(extra), value) for extra in (orders, 0.0 * orders))
    change = after - before
    return float(order_margin(market)[0, -1]) * extra, float(change[0, 0, -1])


@pytest.mark.parametrize("bucket", [1, 2, 3, 4])
@pytest.mark.parametrize(("forgotten", "most"), [(0.0, 1e-9), (0.001, 0.08)])
def test_an_extra_order_of_a_customer_is_worth_its_margin_and_little_else(
    bucket: int, forgotten: float, most: float
) -> None:
    """All are alive, so the order wins nobody back: what is left is that a lapsed customer is not forgotten so soon."""
    changes = {
        "segments.1.customer_types": [{"id": "all", "share": 1, "visits_per_1000": 60, "daily_dropout": 0}],
        "segments.1.ageing": {"lapsed_to_prospect": forgotten},
    }
    margin, value = nudged(market_of(changes), bucket, 1.0)
    assert abs(value) < most * margin


def test_a_nudged_order_of_a_wholesale_buyer_credits_less_than_its_margin() -> None:
    market = build_market(load_scenario("gift_retailer"))
    for bucket in (1, 2, 3, 4):
        margin, value = nudged(market, bucket, 1.0)
        assert value < margin, bucket


def test_customer_value_begins_at_nothing() -> None:
    market = market_of()
    value = customer_value(market)
    assert customer_value_change(market, initial_state(market, 3), value).tolist() == [0.0] * 3


def test_the_chance_of_a_second_order_has_a_closed_form_for_one_type() -> None:
    """``p (1 - s^n) / (1 - s)`` with ``s = (1 - p)(1 - d)``; prospects never come, so nobody returns from the dead."""
    s = (1 - CHANCE) * STAYS
    for days in (1, 90, 365):
        found = repeat_probability(plain_market(ONE_TYPE), days)
        assert found.weighted == pytest.approx(CHANCE * (1 - s**days) / (1 - s), rel=1e-12)


def test_the_chance_of_a_second_order_is_a_cohort_s_in_the_simulator() -> None:
    """1,000 customers are won on the evening before the first day; nobody else is there. Who buys again becomes active,
    and stays so in this market, where active customers do not age."""
    ageing = {"new_to_at_risk": 0.02, "active_to_at_risk": 0.0, "at_risk_to_lapsed": 0.03, "lapsed_to_prospect": 0.0}
    market = market_of({"horizon.days": 120, "segments.0.ageing": ageing, "segments.1.ageing": ageing})
    market = replace(market, calendar=replace(market.calendar, demand=np.ones_like(market.calendar.demand)))
    state = initial_state(market, 1)
    customers, living = np.zeros_like(state.customers), np.zeros_like(state.living)
    customers[..., 1] = 1000.0
    living[..., 0] = 1000.0 * market.customers.type_share
    usual = market.fulfilment.usual_days
    accepted = np.maximum(usual, market.fulfilment.accepted_days)
    market = replace(market, fulfilment=replace(market.fulfilment, accepted_days=accepted, limited=(False, False)))
    state = replace(state, customers=customers, living=living, stock=np.full_like(state.stock, np.inf))
    for _ in range(120):
        _, state = play_day(market, average_world(), state, decision(market.scenario, 1), None)
    wanted = repeat_probability(market, 120).by_cell
    np.testing.assert_allclose(state.customers[0, ..., 2] / 1000.0, wanted, rtol=0.01)


def test_media_make_a_second_order_likelier() -> None:
    market = market_of()
    spend = np.full((*market.shape[:2], market.shape[2]), 30.0)
    assert (repeat_probability(market, 365, spend).by_cell > repeat_probability(market, 365).by_cell).all()
    np.testing.assert_allclose(
        repeat_probability(market, 365, 0.0 * spend).by_cell, repeat_probability(market, 365).by_cell, rtol=1e-12
    )


def test_the_first_morning_s_customers_are_those_that_constant_winning_sustains() -> None:
    """With the customers that today's first orders sustain, nothing changes without media: neither counts nor types."""
    changes: dict[str, object] = {
        "horizon.days": 60,
        "segments.0.ageing": {"lapsed_to_prospect": 0.002},
        "segments.0.visits_per_1000": 0.5,
        "segments.0.customer_types": [
            {"id": "heavy", "share": 0.3, "visits_per_1000": 60, "daily_dropout": 0.002},
            {"id": "light", "share": 0.7, "visits_per_1000": 12, "daily_dropout": 0.01},
        ],
    }
    market = plain_market(changes)
    living, gone = stationary_customers(market)
    scenario = market.scenario
    people = np.concatenate([[[[10_000.0]]], living.sum(axis=2) + gone], axis=2)
    people[..., 1:] *= 10_000 * 0.0005 * 0.1  # first orders a day
    market = replace(market, scenario=replace(scenario, customers=people))
    market = replace(market, customers=replace(market.customers, first_living=first_living(market)))
    first = initial_state(market, 1)
    state = first
    for _ in range(60):
        _, state = play_day(market, average_world(), state, decision(scenario, 1), None)
        state.customers[..., 0] = 10_000.0  # prospects do not run out
    np.testing.assert_allclose(state.customers, first.customers, rtol=1e-4)
    np.testing.assert_allclose(state.living, first.living, rtol=1e-4)


def test_recent_buyers_are_of_the_heavier_types_and_the_lapsed_have_mostly_dropped_out() -> None:
    market = market_of()
    living = market.customers.first_living[:, 0]  # adults, by type and bucket
    heavy = living[:, 0] / living.sum(axis=1)
    alive = living.sum(axis=1) / market.scenario.customers[:, 0, 1:]
    assert (heavy[:, 1] > heavy[:, 0]).all()
    assert (alive[:, 1] > alive[:, 2]).all()
    assert (alive[:, 2] > alive[:, 3]).all()


def test_what_was_drawn_agrees_with_what_was_expected() -> None:
    """400 worlds of 10 days: living customers by cell and type within 4 standard errors and 1 %."""
    market = market_of({"uncertainty": {}, "noise.demand_cv": 0.0})
    worlds = range(400)
    _, drawn = play(market, steady(market.scenario, len(worlds), spend=40.0), worlds=worlds)
    _, expected = play(market, steady(market.scenario, 1, spend=40.0))
    total = drawn.living.sum(axis=4)
    error = 4.0 * total.std(axis=0) / np.sqrt(len(worlds)) + 0.01 * expected.living[0].sum(axis=3)
    assert (np.abs(total.mean(axis=0) - expected.living[0].sum(axis=3)) <= error).all()


def test_a_world_s_customers_do_not_depend_on_its_neighbours() -> None:
    market = market_of()
    together = play(market, steady(market.scenario, 5, spend=40.0, discount=0.1), worlds=range(5))[1]
    alone = play(market, steady(market.scenario, 1, spend=40.0, discount=0.1), worlds=[3])[1]
    np.testing.assert_array_equal(together.living[3], alone.living[0])
