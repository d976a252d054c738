"""One response to the price that people pay: what a reader of daily orders measures is what the scenario states."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.random_markets import documents, random_policy
from tests.worlds import Doc, decision, plain_market, play, scenario_of, steady
from xbopt.core.arrays import FloatArray
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import average_world

# Price memory and pull-forward as shipped; everybody visits and converts alike, so that customers won do not matter.
SHIPPED: dict[str, object] = {
    "horizon.days": 130,
    "segments.0.elasticity": -2.6,
    "segments.0.cart_rate": 0.05,
    "segments.0.price_memory": {},
    "discounts.pull_forward": {},
}
LONG: dict[str, object] = {**SHIPPED, "horizon.days": 230}
WEEKS_AFTER = 8


def daily_orders(market: MarketParameters, depths: list[float], mechanic: int = 0) -> FloatArray:
    choices = {depth: decision(market.scenario, 1, discount=depth, mechanic=mechanic) for depth in set(depths)}
    outcomes, _ = play(market, lambda day: choices[depths[day]], days=len(depths))
    return np.array([outcome.orders.sum() for outcome in outcomes])


def measured_loss(changes: dict[str, object], depth: float, days: int, mechanic: int = 0) -> float:
    """Orders lost in the eight weeks after a deal, as a share of those that it added while it ran."""
    market, after = plain_market(changes), 7 * WEEKS_AFTER
    gain = daily_orders(market, [depth] * days + [0.0] * after, mechanic) - daily_orders(market, [0.0] * (days + after))
    return float(-gain[days:].sum() / gain[:days].sum())


@pytest.mark.parametrize("depth", [0.05, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("days", [3, 7, 14, 28])
def test_what_is_lost_after_a_deal_is_the_stated_share_of_its_bump(depth: float, days: int) -> None:
    """Within a tenth: nobody pays back before, and what is open after eight weeks was borrowed on top."""
    assert measured_loss(SHIPPED, depth, days) == pytest.approx(1 / 3, rel=0.1)


@pytest.mark.parametrize("days", [3, 28])
@pytest.mark.parametrize(
    ("elasticity", "gain", "half_life", "depth"),
    [
        (-2.6, 0.4, 7.0, 0.2),
        (-2.6, 0.4, 60.0, 0.2),
        (-2.6, 2.0, 14.0, 0.2),
        (-1.2, 3.0, 7.0, 0.3),
        (-1.2, 0.0, 60.0, 0.3),
        (-4.0, 0.4, 7.0, 0.3),
        (-4.0, 3.0, 14.0, 0.05),
    ],
)
def test_so_it_is_however_people_remember_prices(
    elasticity: float, gain: float, half_life: float, depth: float, days: int
) -> None:
    """Whether a deal may still be withdrawn does not hang on the memory of prices, nor on how its bump changes."""
    memory = {"deal_gain": gain, "half_life_days": half_life}
    changes = {**SHIPPED, "segments.0.elasticity": elasticity, "segments.0.price_memory": memory}
    assert measured_loss(changes, depth, days) == pytest.approx(1 / 3, rel=0.1)


@pytest.mark.parametrize("half_life", [5.0, 20.0, 30.0])
def test_so_it_is_however_slowly_people_pay_back(half_life: float) -> None:
    assert measured_loss({**SHIPPED, "discounts.pull_forward.half_life_days": half_life}, 0.2, 7) == pytest.approx(
        1 / 3, rel=1e-3
    )


@pytest.mark.parametrize("days", [3, 7, 28])
@pytest.mark.parametrize("visits", [20.0, 35.0])
def test_those_whom_a_deal_wins_do_not_hide_what_it_takes_from_later_weeks(visits: float, days: int) -> None:
    """Customers come at twice the rate of prospects, and at three and a half times it, and a reader sees all orders."""
    again = {
        "segments.0.customer_types": [{"id": "all", "share": 1, "visits_per_1000": visits, "daily_dropout": 0.002}],
        "segments.0.cart_rate": 0.2,
    }
    assert measured_loss({**SHIPPED, **again}, 0.2, days) == pytest.approx(1 / 3, rel=0.1)


def test_next_to_nothing_is_paid_back_in_the_first_four_weeks_of_a_deal() -> None:
    """Not of an event's large debt either, and all of it once the discount has become the price."""
    market = plain_market({**LONG, "calendar.custom_events": [{**FAIR, "usual_deal_frac": 0.05}]})
    outcomes, state = play(market, steady(market.scenario, 1, discount=0.1), days=150)
    ledgers = [outcome.ledger for outcome in outcomes]
    repaid, borrowed, bump = (
        np.array([getattr(ledger, name).item() for ledger in ledgers]) for name in ("repaid", "borrowed", "bump")
    )
    assert repaid[:28].sum() < 0.06 * borrowed[:28].sum()
    # A third is to be missed in the eight weeks after, in which 1 - 2^-5.6 of a debt is paid back.
    assert borrowed == pytest.approx(bump / 3 / (1 - 0.5**5.6))
    # Six stages of 7.5 days: P(Poisson(100 / 7.5) < 6) = 0.011 of the discount is a deal on day 100.
    assert bump[100] < 0.02 * bump[0]
    assert state.borrowed.item() < 0.02 * borrowed.sum()


def test_a_small_deal_after_a_deep_one_holds_little_debt_back() -> None:
    market = plain_market(SHIPPED)
    choices = [decision(market.scenario, 1, discount=depth) for depth in (0.3, 0.3, 0.02)]
    outcomes, state = play(market, lambda day: choices[day], days=3)
    keep = np.exp(-1 / 7.5)
    # Two days at 30 % leave 0.3 (1 - keep^2) in the first stage: the 2 % hold back their share of that.
    held = 0.02 / (0.3 * (1 - keep**2))
    owed = sum(outcome.ledger.borrowed.item() for outcome in outcomes[:2])
    assert outcomes[2].ledger.repaid.item() == pytest.approx((1 - 0.5**0.1) * (1 - held**1.5) * owed)
    first = 0.3 * (1 - keep**2) * keep + 0.02 * (1 - keep)
    assert state.remembered_deal[..., 0].item() == pytest.approx(first)


@pytest.mark.parametrize(("usual", "deeper"), [(0.05, 0.1), (0.1, 0.15), (0.2, 0.22)])
@pytest.mark.parametrize("days", [3, 14])
def test_of_a_deeper_week_only_what_is_new_borrows(usual: float, deeper: float, days: int) -> None:
    """After 150 days the usual discount is the price; a deeper one is a deal on it, as on a list price."""
    market, before, after = plain_market(LONG), 150, 7 * WEEKS_AFTER
    same = daily_orders(market, [usual] * (before + days + after))
    gain = daily_orders(market, [usual] * before + [deeper] * days + [usual] * after) - same
    lost, bump = -gain[before + days :].sum(), gain[before : before + days].sum()
    assert lost / bump == pytest.approx(1 / 3, rel=0.1)


def test_a_week_without_the_lasting_discount_owes_nothing_when_it_returns() -> None:
    market, before, after = plain_market({**LONG, "segments.0.price_memory": {"deal_gain": 0}}), 150, 7 * WEEKS_AFTER
    same = daily_orders(market, [0.2] * (before + 7 + after))
    paused = daily_orders(market, [0.2] * before + [0.0] * 7 + [0.2] * after)
    lost_then, lost_after = (same - paused)[before : before + 7].sum(), (same - paused)[before + 7 :].sum()
    assert lost_then > 0.0
    assert abs(lost_after) < 0.1 * lost_then


@pytest.mark.parametrize(
    ("borrowed", "mechanic", "expected"), [(0.0, 0, 0.0), (0.2, 0, 0.2), (0.5, 0, 0.5), (0.3, 4, 0.39)]
)
def test_the_measured_share_is_the_scenario_s_own(borrowed: float, mechanic: int, expected: float) -> None:
    changes = {**SHIPPED, "discounts.pull_forward": {"borrowed_frac": borrowed}}
    assert measured_loss(changes, 0.2, 14, mechanic) == pytest.approx(expected, rel=0.1, abs=1e-9)


@pytest.mark.parametrize("depth", [0.05, 0.1, 0.2, 0.3])
def test_a_lasting_cut_and_a_lasting_discount_sell_alike_in_the_end(depth: float) -> None:
    """People see the same price. A discount may be withdrawn, so it borrows at first; by day 120 that is over."""
    discounted = plain_market(SHIPPED)
    cut = plain_market({**SHIPPED, "products.0.price_base": 100 * (1 - depth), "products.0.usual_price_base": 100})
    ratio = daily_orders(discounted, [depth] * 130) / daily_orders(cut, [0.0] * 130)
    assert ratio[0] == pytest.approx(1.0)
    assert ratio[113:120] == pytest.approx(1.0, abs=0.03)
    money = [
        play(market, steady(market.scenario, 1, discount=off))[0][-1].money.contribution_margin.sum()
        for market, off in ((discounted, depth), (cut, 0.0))
    ]
    assert money[0] == pytest.approx(money[1], rel=0.03)


@given(documents(), st.integers(0, 2**32 - 1), st.integers(0, 4), st.floats(0, 0.45), st.floats(0, 0.45))
def test_more_discount_never_lowers_the_orders_of_the_day(
    doc: Doc, seed: int, mechanic: int, one: float, other: float
) -> None:
    """In a cell, and in its region, whatever came before."""
    for region in doc["market"]["regions"]:
        region["stock"] = None
    scenario = scenario_of(doc)
    market = build_market(scenario)
    _, state = play(market, random_policy(scenario, 1, seed, deepest=0.4), days=4)
    found: list[FloatArray] = []
    for depth in sorted((one, other)):
        offers = np.full((1, 2, 2), 0.1)
        offers[0, 0, 0] = depth
        choice = decision(scenario, 1, spend=20.0, discount=offers, mechanic=mechanic)
        found.append(play_day(market, average_world(), state, choice, None)[0].orders.sum(axis=3)[0])
    shallow, deep = found
    least = 1.0 - 1e-9
    assert deep[0, 0] >= shallow[0, 0] * least
    assert deep[0].sum() >= shallow[0].sum() * least
    np.testing.assert_array_equal(deep[1], shallow[1])


FAIR = {
    "id": "fair",
    "start": "2026-09-10",
    "end": "2026-09-10",
    "demand": 3.0,
    "lead_in_days": 2,
    "lead_in_demand": 2.0,
    "usual_deal_frac": 0.2,
    "deal_seekers_frac": 0.75,
}


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        # A lift of 2 on the day, 1 and 0.5 before it. Three in four seek a deal of 20 %, before the day of 10 %.
        (0.0, [1, 1.125, 1.25, 1.5, 1]),
        (0.05, [1, 1.125 + 0.375 / 2, 1.25 + 0.75 / 2, 1.5 + 1.5 / 4, 1]),
        (0.2, [1, 1.5, 2, 3, 1]),
        (0.3, [1, 1.5, 2, 3, 1]),
    ],
)
def test_an_event_brings_seekers_of_deals_to_those_who_give_one(depth: float, expected: list[float]) -> None:
    market = plain_market({"calendar.custom_events": [FAIR]})
    outcomes, _ = play(market, steady(market.scenario, 1, discount=depth), days=5)
    visits = np.array([outcome.visits.sum() for outcome in outcomes])
    assert visits / visits[0] == pytest.approx(expected)
    # What policies are told is the index of full participation.
    assert market.calendar.demand[:5, 0] == pytest.approx([1, 1.5, 2, 3, 1])
    assert market.calendar.demand_at_list_price[:5, 0] == pytest.approx([1, 1.125, 1.25, 1.5, 1])


def test_a_deal_for_members_brings_no_prospects_who_seek_one() -> None:
    market = plain_market({"calendar.custom_events": [{**FAIR, "lead_in_days": 0}]})
    choice = decision(market.scenario, 1, discount=0.2, mechanic=3)
    _, state = play(market, lambda _: choice, days=3)
    people = np.array([4000.0, 1000, 2000, 1500, 1500])
    outcome, _ = play_day(market, average_world(), replace(state, customers=people.reshape(1, 1, 1, 5)), choice, None)
    # 10 visits a thousand people and day: prospects come at the lift of list price, 1.5, the others at 3.
    assert outcome.visits.item() == pytest.approx(0.01 * (4000 * 1.5 + 6000 * 3))


def test_black_friday_at_list_price_is_no_great_day() -> None:
    """3.2 times the visits of an ordinary Friday in Britain at the usual 20 %; seven in ten of the lift seek it."""
    british = {"horizon.start": "2026-11-20", "market.regions.0.country": "GB", "calendar.events": ["black_friday"]}
    market = plain_market(british)
    assert market.calendar.demand[7, 0] == pytest.approx(3.2)
    found = {depth: play(market, steady(market.scenario, 1, discount=depth), days=8)[0] for depth in (0.0, 0.2)}
    assert found[0.0][7].visits.sum() / 100 == pytest.approx(1 + 2.2 * 0.3)
    assert found[0.2][7].visits.sum() / 100 == pytest.approx(3.2)
