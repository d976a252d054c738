"""Where a promotion's orders come from: borrowed, switched, new."""

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import decision, market_of, plain_market, play
from xbopt.simulator.history import initial_state
from xbopt.simulator.pricing import price_day
from xbopt.simulator.promotion import book_borrowing, pull_forward
from xbopt.simulator.worlds import average_world

BORROW_HALF = {
    "discounts.pull_forward": {"borrowed_frac": 0.5, "switched_frac": 0.0, "half_life_days": 1.0, "largest_cut": 0.6}
}
SWITCH_HALF = {
    "discounts.pull_forward": {"borrowed_frac": 0.0, "switched_frac": 0.5, "own_frac": 0.5, "largest_cut": 0.6}
}


def test_half_of_a_bump_is_borrowed_and_paid_back_by_halves() -> None:
    market = plain_market(BORROW_HALF)
    choices = [decision(market.scenario, 1, discount=0.2 if day == 0 else 0.0) for day in range(4)]
    outcomes, state = play(market, lambda day: choices[day], days=4)
    # 15.625 orders, 5.625 of them extra, 2.8125 borrowed; half of the debt is paid back every day.
    orders = [float(outcome.orders.sum()) for outcome in outcomes]
    assert orders == pytest.approx([15.625, 10 - 1.40625, 10 - 0.703125, 10 - 0.3515625], rel=1e-6)
    assert outcomes[0].ledger.borrowed.item() == pytest.approx(2.8125)
    assert state.borrowed.item() == pytest.approx(0.3515625)


def test_pay_back_takes_no_more_than_the_largest_cut_and_the_rest_stays_owed() -> None:
    changes = {"discounts.pull_forward": {**BORROW_HALF["discounts.pull_forward"], "largest_cut": 0.1}}
    market = plain_market(changes)
    choices = [decision(market.scenario, 1, discount=0.2 if day == 0 else 0.0) for day in range(2)]
    outcomes, state = play(market, lambda day: choices[day], days=2)
    assert float(outcomes[1].orders.sum()) == pytest.approx(9.0)
    assert state.borrowed.item() == pytest.approx(1.8125)


def test_what_was_borrowed_is_repaid_or_still_owed() -> None:
    market = market_of({"horizon.days": 30})
    rng = np.random.default_rng(3)
    choices = [
        decision(market.scenario, 1, spend=20.0, discount=rng.choice([0.0, 0.1, 0.4], (1, 2, 2)), mechanic=day % 5)
        for day in range(30)
    ]
    outcomes, state = play(market, lambda day: choices[day])
    borrowed = sum(outcome.ledger.borrowed for outcome in outcomes)
    repaid = sum(outcome.ledger.repaid for outcome in outcomes)
    assert borrowed.min() > 0
    np.testing.assert_allclose(borrowed, repaid + state.borrowed, rtol=1e-12)


def ledger_of(orders: list[float], undiscounted: list[float]):
    market = market_of(SWITCH_HALF)
    by_bucket = np.zeros((1, 2, 2, 5))
    by_bucket[0, 0, :, 2] = orders
    share = np.ones_like(by_bucket)
    share[0, 0, :, 2] = undiscounted
    return pull_forward(market, initial_state(market, 1), by_bucket, share, np.zeros((1, 2, 2)))


def test_a_better_offer_takes_from_the_region_s_other_segment() -> None:
    # 16 orders, 6 of them extra, 3 switched, 1.5 of those from the sibling's 20 undiscounted orders.
    ledger, keep = ledger_of([16.0, 20.0], [10 / 16, 1.0])
    np.testing.assert_allclose(ledger.bump[0, 0], [6, 0])
    np.testing.assert_allclose(ledger.switched[0, 0], [3, 0])
    np.testing.assert_allclose(ledger.taken[0, 0], [0, 1.5])
    np.testing.assert_allclose(keep[0, 0, :, 2], [1.0, 18.5 / 20])


def test_an_offer_half_as_much_better_takes_half() -> None:
    # Lifts of 0.6 and 0.3: the sibling's own offer holds back half of those who would switch.
    ledger, _ = ledger_of([16.0, 26.0], [10 / 16, 20 / 26])
    np.testing.assert_allclose(ledger.taken[0, 0], [0, 0.75])


def test_equal_offers_take_nothing_from_each_other() -> None:
    ledger, keep = ledger_of([16.0, 32.0], [10 / 16, 20 / 32])
    np.testing.assert_allclose(ledger.taken, 0.0, atol=1e-12)
    np.testing.assert_allclose(keep, 1.0)


def test_other_regions_lose_nothing() -> None:
    ledger, keep = ledger_of([16.0, 20.0], [10 / 16, 1.0])
    assert not ledger.taken[0, 1].any()
    assert (keep[0, 1] == 1.0).all()


def test_a_mechanic_borrows_more_but_never_more_than_switching_leaves() -> None:
    changes = {"discounts.pull_forward": {"borrowed_frac": 0.5, "switched_frac": 0.4}}
    market = plain_market(changes)
    state, discount = initial_state(market, 1), np.full((1, 1, 1), 0.2)
    share = [
        price_day(market, average_world(), state, discount, np.full((1, 1, 1), mechanic)).borrowed_frac.item()
        for mechanic in (0, 4)
    ]
    assert share == pytest.approx([0.5, 0.6])  # limited time would be 0.65


def test_debt_in_a_cell_without_orders_stays_owed() -> None:
    market = plain_market(BORROW_HALF)
    state = replace(initial_state(market, 1), borrowed=np.full((1, 1, 1), 8.0))
    ledger, keep = pull_forward(market, state, np.zeros((1, 1, 1, 5)), np.ones((1, 1, 1, 5)), np.zeros((1, 1, 1)))
    assert ledger.repaid.item() == 0.0
    assert ledger.debt.item() == 8.0
    assert (keep == 1.0).all()


def test_an_order_that_was_never_shipped_borrows_from_nobody() -> None:
    market = plain_market({"discounts.pull_forward": {"switched_frac": 0.4}})
    orders, undiscounted = np.full((1, 1, 1, 5), 4.0), np.full((1, 1, 1, 5), 0.5)
    ledger, _ = pull_forward(market, initial_state(market, 1), orders, undiscounted, np.full((1, 1, 1), 0.5))
    booked = book_borrowing(ledger, np.full((1, 1, 1), 0.25))
    assert booked.bump.item() == pytest.approx(0.25 * 10)
    owed = 5 / (1 - 0.5**5.6)  # what is open after eight weeks comes on top
    assert booked.borrowed.item() == pytest.approx(0.25 * owed)
    assert booked.switched.item() == pytest.approx(0.25 * 4)
    assert booked.debt.item() == pytest.approx(0.25 * owed)
