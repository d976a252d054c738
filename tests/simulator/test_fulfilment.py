"""Stock, lead time, delivery and returns, worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import market_of, plain_market, play, steady
from xbopt.simulator.fulfilment import expected_returns, fill_orders, next_parcels
from xbopt.simulator.history import initial_state

STOCK = {"market.regions.0.stock": {"initial_orders": 6, "lead_time_days": 2, "cover_days": 3}}


def test_a_short_stock_ships_what_it_has_and_reorders_to_its_target() -> None:
    market = plain_market(STOCK)
    state = initial_state(market, 1)
    assert state.usual_demand.item() == pytest.approx(6 / 5)
    wanted = np.array([6.0, 0.0, 3.0, 1.0, 0.0]).reshape(1, 1, 1, 5)
    filled = fill_orders(market, state, wanted, whole=False)
    np.testing.assert_allclose(filled.orders[0, 0, 0], [3.6, 0, 1.8, 0.6, 0])
    assert filled.lost.item() == pytest.approx(4.0)
    assert filled.lost_share.item() == pytest.approx(0.4)
    assert filled.stock.item() == pytest.approx(0.0, abs=1e-12)
    # Usual demand moves a tenth of the way from 1.2 to 10; the target is five days of it.
    assert filled.usual_demand.item() == pytest.approx(2.08)
    np.testing.assert_allclose(filled.on_order[0, 0], [0.0, 10.4])


def test_a_reorder_arrives_after_its_lead_time() -> None:
    market = plain_market(STOCK)
    nothing = np.zeros((1, 1, 1, 5))
    state = replace(initial_state(market, 1), stock=np.zeros((1, 1)), usual_demand=np.full((1, 1), 10.0))
    stocks = []
    for day in range(3):
        filled = fill_orders(market, replace(state, day=day), nothing, whole=False)
        state = replace(state, stock=filled.stock, on_order=filled.on_order, usual_demand=filled.usual_demand)
        stocks.append(filled.stock.item())
    assert stocks[:2] == [0.0, 0.0]
    assert stocks[2] == pytest.approx(9.0 * 5)  # ordered on the first night: five days of a usual demand of 9


def test_what_is_due_during_a_delay_waits_for_its_end() -> None:
    shocks = [{"kind": "stock_delay", "day": "2026-09-08", "days": 2, "extra_days": 1}]
    market = plain_market({**STOCK, "shocks": shocks})
    nothing = np.zeros((1, 1, 1, 5))
    state = replace(initial_state(market, 1), day=1, on_order=np.array([[[4.0, 5.0]]]), usual_demand=np.zeros((1, 1)))
    stocks = []
    for day in (1, 2, 3):
        filled = fill_orders(market, replace(state, day=day), nothing, whole=False)
        state = replace(state, stock=filled.stock, on_order=filled.on_order)
        stocks.append(filled.stock.item())
    assert stocks == [6.0, 6.0, 15.0]


def test_unlimited_stock_beside_a_limited_one_stays_unlimited() -> None:
    market = market_of()  # the island has a stock of 900, the north none
    filled = fill_orders(market, initial_state(market, 1), np.full((1, 2, 2, 5), 200.0), whole=False)
    assert filled.stock[0, 0] == np.inf
    assert filled.orders[0, 0].sum() == 2000.0
    assert filled.orders[0, 1].sum() == pytest.approx(900.0)
    assert filled.lost[0, 0].sum() == 0.0
    assert not filled.on_order[0, 0].any()
    assert filled.usual_demand[0, 0] == 0.0
    for array in (filled.orders, filled.lost, filled.lost_share, filled.on_order, filled.usual_demand):
        assert np.isfinite(array).all()


@pytest.mark.parametrize("stock", [0.0, 1.0, 7.0, 9.4, 899.0])
def test_whole_orders_use_up_a_short_stock(stock: float) -> None:
    market = market_of()
    state = initial_state(market, 3)
    levels = state.stock.copy()
    levels[:, 1] = stock
    rng = np.random.default_rng(4)
    wanted = rng.poisson(120, (3, 2, 2, 5)).astype(float)
    wanted[1] = np.where(wanted[1] > 115, 1.0, 0.0)  # many cells with a single order
    filled = fill_orders(market, replace(state, stock=levels), wanted, whole=True)
    assert (filled.orders == np.floor(filled.orders)).all()
    assert (filled.orders <= wanted).all()
    shipped, asked = filled.orders[:, 1].sum(axis=(1, 2)), wanted[:, 1].sum(axis=(1, 2))
    np.testing.assert_array_equal(shipped, np.minimum(asked, np.floor(stock)))
    share = np.minimum(np.floor(stock) / asked, 1.0)
    assert (np.abs(filled.orders[:, 1] - wanted[:, 1] * share[:, None, None]) <= 1.0).all()


def test_no_demand_and_no_stock_lose_nothing() -> None:
    market = plain_market({"market.regions.0.stock": {"initial_orders": 0, "lead_time_days": 1, "cover_days": 1}})
    filled = fill_orders(market, initial_state(market, 2), np.zeros((2, 1, 1, 5)), whole=True)
    assert not filled.lost_share.any()
    assert not filled.on_order.any()


def test_parcels_and_returns_move_at_constant_daily_rates() -> None:
    # 10 orders a day, 2 days on the way, a fifth comes back, 4 days after delivery on average.
    market = plain_market({"products.0.return_rate": 0.2, "products.0.return_days": 4.0})
    outcomes, state = play(market, steady(market.scenario, 1), days=3)
    # In transit: 10, then 10 - 5 + 10, then 15 - 7.5 + 10. Returning: 0, 1, 1 - 0.25 + 1.5.
    assert state.in_transit.item() == pytest.approx(17.5)
    assert state.returning.item() == pytest.approx(2.25)
    assert [outcome.returns.item() for outcome in outcomes] == pytest.approx([0.0, 0.0, 0.25])


def test_delivery_within_a_day_empties_the_queue_and_never_more() -> None:
    market = plain_market()
    state = replace(initial_state(market, 1), in_transit=np.full((1, 1, 1), 8.0))
    in_transit, _ = next_parcels(market, state, np.ones((1, 1, 1)), np.zeros((1, 1, 1)), np.full((1, 1), 0.05))
    assert in_transit.item() == 1.0
    assert expected_returns(market, state).item() == 0.0


def test_dated_delays_and_congestion_lengthen_delivery() -> None:
    shocks = [{"kind": "stock_delay", "day": "2026-09-08", "days": 1, "extra_days": 3}]
    market = plain_market({"shocks": shocks})
    outcomes, _ = play(market, steady(market.scenario, 1), days=3)
    assert [outcome.delivery_days.item() for outcome in outcomes] == pytest.approx([2, 5, 2])
