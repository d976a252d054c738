"""On an event the lift holds the response to the usual deal; of a deeper one counts the difference."""

from datetime import date

import numpy as np
import pytest

from tests.worlds import decision, plain_market, play
from xbopt.core.arrays import FloatArray
from xbopt.core.tables.events import events_between
from xbopt.simulator.calendar import CalendarArrays, build_calendar
from xbopt.simulator.state import MarketState

START = "2026-11-09"
PEAK = 18  # 27 November, Black Friday
USUAL = 0.24
LIFT = 4.27
AMERICAN: dict[str, object] = {
    "horizon.start": START,
    "horizon.days": 40,
    "market.regions.0.country": "US",
    "segments.0.price_memory": {},
    "segments.0.cart_rate": 0.02,
    "discounts.pull_forward": {},
    "calendar.events": ["black_friday"],
}
FAIR = {
    "id": "fair",
    "start": "2026-11-13",
    "end": "2026-11-13",
    "demand": 3.0,
    "lead_in_days": 2,
    "lead_in_demand": 2.0,
    "dip_days": 2,
    "dip_demand": 0.8,
    "usual_deal_frac": 0.2,
    "deal_seekers_frac": 0.75,
}


def deal_on(
    day: int, depth: float, changes: dict[str, object] | None = None, mechanic: int = 0
) -> tuple[FloatArray, FloatArray, MarketState]:
    """Orders and the bump by day with a deal on one day, and the state of the morning after."""
    market = plain_market({**AMERICAN, **(changes or {})})
    none = decision(market.scenario, 1)
    deal = decision(market.scenario, 1, discount=depth, mechanic=mechanic)
    outcomes, state = play(market, lambda t: deal if t == day else none, days=day + 1)
    orders = np.array([outcome.orders.sum() for outcome in outcomes])
    return orders, np.array([outcome.ledger.bump.sum() for outcome in outcomes]), state


def on_the_day(depth: float, changes: dict[str, object] | None = None) -> float:
    return float(deal_on(PEAK, depth, changes)[0][PEAK])


@pytest.mark.parametrize("elasticity", [-1.3, -2.6, -4.5])
def test_at_the_usual_deal_a_seller_has_the_table_s_lift_and_no_more(elasticity: float) -> None:
    """Whatever his elasticity: everybody gives that deal. 2 % are left for customers whom the lead-in has won."""
    changes: dict[str, object] = {"segments.0.elasticity": elasticity}
    ordinary = on_the_day(0.0, {**changes, "calendar.events": []})
    (event,) = (e for e in events_between(date(2026, 11, 27), date(2026, 11, 27), "US") if e.event_id == "black_friday")
    assert (event.peak_demand, event.usual_deal_frac) == (LIFT, USUAL)
    assert on_the_day(USUAL, changes) / ordinary == pytest.approx(LIFT, rel=0.02)


@pytest.mark.parametrize("depth", [0.0, 0.06, 0.12, 0.2])
def test_below_the_usual_deal_only_the_seekers_count(depth: float) -> None:
    """Seven in ten of the lift seek the deal, and come in the share to which it is reached; nothing is borrowed."""
    orders, bump, state = deal_on(PEAK, depth)
    ordinary = on_the_day(0.0, {"calendar.events": []})
    expected = 1 + (LIFT - 1) * (1 - 0.7 * (1 - depth / USUAL))
    assert orders[PEAK] / ordinary == pytest.approx(expected, rel=0.02)
    assert not bump.any()
    assert not state.borrowed.any()


@pytest.mark.parametrize("depth", [0.25, 0.3, 0.4])
def test_of_a_deeper_deal_the_difference_counts(depth: float) -> None:
    # A new deal counts 1.4 times, and on Black Friday people are 1.4 times as sensitive: 2 * 1.4 * 1.4 = 3.92.
    usual, deeper = on_the_day(USUAL), on_the_day(depth)
    response = ((1 - depth) / (1 - USUAL)) ** -3.92
    assert deeper / usual == pytest.approx(response)
    assert deal_on(PEAK, depth)[1][PEAK] == pytest.approx(deeper - usual)


def test_the_response_to_a_deal_turns_into_the_lift_in_the_lead_in_and_comes_back_after_the_day() -> None:
    """A deal of 10 % that is new on its day; the usual one of the lead-in is as deep."""
    changes: dict[str, object] = {"calendar.events": [], "calendar.custom_events": [FAIR]}
    ordinary = deal_on(0, 0.0, changes)[0][0]
    found = [float(deal_on(day, 0.1, changes)[0][day]) / ordinary for day in range(7)]
    new = 2 * 1.4
    expected = [
        0.9**-new,
        0.9**-new,
        1.5 * (0.9 / 0.95) ** -new,
        2.0,
        1 + 2 * (1 - 0.75 / 2),
        0.8 * 0.9**-new,
        0.9 * 0.9**-new,
    ]
    assert found == pytest.approx(expected, rel=0.01)


def test_a_deal_for_members_that_prospects_do_not_see_moves_no_prospect() -> None:
    orders, bump, _ = deal_on(PEAK, 0.3, mechanic=3)
    assert orders[PEAK] < on_the_day(0.3)
    # Prospects come as at list price; of the others only what lies beyond the usual deal is a bump.
    assert 0.0 < bump[PEAK] < deal_on(PEAK, 0.3)[1][PEAK]


def test_what_people_remember_is_the_price_they_paid() -> None:
    within, deeper = (deal_on(PEAK, depth)[2].reference_log.item() for depth in (0.2, 0.3))
    one_day = 1 - 0.5 ** (1 / 14)
    assert (within, deeper) == pytest.approx((one_day * np.log(0.8), one_day * np.log(0.7)))


def test_an_event_leaves_the_days_before_its_lead_in_as_they_are() -> None:
    with_it, without = (deal_on(5, 0.2, {"calendar.events": events})[0] for events in (["black_friday"], []))
    np.testing.assert_array_equal(with_it, without)


def test_sales_of_the_american_peak_are_adobe_s_multiples_of_the_season_s_mean_day() -> None:
    """November and December 2025 at the usual deals: USD 11.8 and 14.25 bn of 257.8 bn in 61 days."""
    season: CalendarArrays = build_calendar(
        start=date(2025, 11, 1),
        days=61,
        countries=["US"],
        weekday=np.ones((1, 7)),
        month=np.ones((1, 12)),
        cpm_month=np.ones((1, 12)),
        daypart_activity=np.ones((1, 1)),
        night_dayparts=np.zeros(1, dtype=np.bool_),
        holiday_demand=1.0,
        event_ids=[["black_friday", "cyber_monday", "christmas_season"]],
    )
    sales = season.demand[:, 0] * (1.0 - season.usual_deal[:, 0])
    peaks = sales[[27, 30]] / sales.mean()
    assert peaks == pytest.approx([11.8 / (257.8 / 61), 14.25 / (257.8 / 61)], rel=0.01)
