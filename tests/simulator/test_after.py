"""What the last evening leaves behind is worth what later days earn by it."""

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import decision, market_of, plain_market, play, steady
from xbopt.core.scenario.memory import days_after, memory_days
from xbopt.simulator.after import carried_beyond
from xbopt.simulator.continuation import going_on, margin_after, nothing_left
from xbopt.simulator.edges import market_after
from xbopt.simulator.response import order_margin
from xbopt.simulator.state import blank_state, join_states
from xbopt.simulator.worlds import average_world, draw_worlds

AFTER = {"horizon.after": {"days": 40}, "budget.total_base": 3000}


@pytest.fixture(scope="module")
def market():
    return market_of(AFTER)


def played(market, states):
    """The same worth by playing the days after from each state, less those of the last one."""
    days = days_after(market.scenario.document)
    later = market_after(market, days)
    clean = nothing_left(later, market, days)
    worth = margin_after(later, market, join_states(states), going_on(later, market, clean, days), days)
    return worth[:-1] - worth[-1]


def evening(market, **choice):
    """The memories of an evening after some days of the same decision, on the cleaned evening's people."""
    days = days_after(market.scenario.document)
    clean = nothing_left(market_after(market, days), market, days)
    _, last = play(market, steady(market.scenario, 1, **choice))
    names = ("carried", "window", "frequency", "reference_log", "borrowed")
    return replace(clean, **{name: getattr(last, name) for name in names}), clean


def test_carried_exposure_is_worth_the_orders_of_the_next_day_by_hand():
    market = plain_market(
        {
            "channels.0.adstock": {"curve": "geometric", "half_life_days": 2},
            "horizon.after": {"days": 1, "media": "stop"},
        }
    )
    state = replace(blank_state(market, 1), carried=np.full((1, 1, 1, 1), 1.5))
    # Next morning 1.5 * 2^(-1/2) is left; half-saturation 1, ceiling 0.02 visits a head, 10,000 heads, 0.2 * 0.5
    # orders a visit, 100 - 55 margin an order. All buckets behave alike, so no customer is worth more than a prospect.
    exposure = 1.5 * 0.5**0.5
    wanted = 10_000 * 0.02 * exposure / (1.0 + exposure) * 0.1 * 45.0
    worth = carried_beyond(market).by_cell(state, average_world())
    assert worth.item() == pytest.approx(wanted, rel=1e-3)


def test_nothing_left_behind_is_worth_nothing(market):
    days = days_after(market.scenario.document)
    clean = nothing_left(market_after(market, days), market, days)
    assert not carried_beyond(market).by_cell(clean, average_world()).any()


@pytest.mark.parametrize("spend", [5.0, 60.0, 600.0])
@pytest.mark.parametrize("media", ["same", "stop"])
def test_the_worth_is_what_playing_the_days_after_brings(spend, media):
    """Within 4 %: channels' mixed effects are left out, and worth is linear between amounts of fatigue.

    The amounts of fatigue lie at most 15 % of the scale apart, so a curve that bends once lies within a few per cent.
    """
    market = market_of({**AFTER, "horizon.after": {"days": 40, "media": media}})
    state, clean = evening(market, spend=spend)
    exact = played(market, [state, clean])
    worth = carried_beyond(market).by_cell(state, average_world())
    np.testing.assert_allclose(worth[0], exact[0], rtol=0.04)


def test_a_deal_leaves_a_remembered_price_and_orders_owed(market):
    state, clean = evening(market, discount=0.25)
    exact = played(market, [state, clean])
    worth = carried_beyond(market).by_cell(state, average_world())
    assert (worth < 0.0).all()
    np.testing.assert_allclose(worth[0], exact[0], rtol=0.05)


def test_without_days_after_only_orders_owed_count():
    market = market_of({"horizon.after": {"days": 0}})
    _, last = play(market, steady(market.scenario, 1, spend=50.0, discount=0.2))
    wanted = -last.borrowed * np.maximum(order_margin(market), 0.0)
    np.testing.assert_allclose(carried_beyond(market).by_cell(last, average_world()), wanted, rtol=1e-12)


def test_a_deal_inside_the_own_plan_is_not_taken_for_the_usual_price():
    """What goes on after the last day gives no deals, so a dated one is left behind as a memory."""
    plan = [{"discount_frac": 0.2, "start": "2026-09-14"}]
    with_deal, without = market_of({**AFTER, "plan.discounts": plan}), market_of(AFTER)
    np.testing.assert_array_equal(carried_beyond(with_deal).own_reference, carried_beyond(without).own_reference)


def test_the_worth_of_a_world_does_not_notice_its_neighbours(market):
    worlds = [3, 5, 8]
    _, last = play(market, steady(market.scenario, 3, spend=40.0, discount=0.1), worlds=worlds)
    _, alone = play(market, steady(market.scenario, 1, spend=40.0, discount=0.1), worlds=worlds[1:2])
    beyond = carried_beyond(market)
    together = beyond.by_cell(last, draw_worlds(market.scenario, seed=2, worlds=np.array(worlds)))
    single = beyond.by_cell(alone, draw_worlds(market.scenario, seed=2, worlds=np.array(worlds[1:2])))
    assert np.array_equal(together[1:2], single)


def test_it_is_worked_out_once_whatever_the_limits(market):
    scenario = market.scenario
    limits = replace(scenario.limits, total_base=7.0)
    other = replace(market, scenario=replace(scenario, limits=limits))
    assert carried_beyond(other) is carried_beyond(market)
    dearer = replace(market, orders=replace(market.orders, cost_base=1.1 * market.orders.cost_base))
    assert carried_beyond(dearer) is not carried_beyond(market)


def test_media_go_on_only_as_far_as_they_pay():
    dear = market_of({**AFTER, "budget.total_base": 1e7})
    days = days_after(dear.scenario.document)
    later = market_after(dear, days)
    decision = going_on(later, dear, nothing_left(later, dear, days), days)
    own = 1e7 / dear.scenario.days * dear.scenario.plan.share
    assert (decision.spend_base[0] <= own).all()
    assert decision.spend_base.sum() < 0.05 * own.sum()


def test_the_longest_memory_says_how_many_days_count():
    # 99 % have faded after log2(100) = 6.64 half-lives; the price memory of 14 days is the longest, 93.01 days.
    market = market_of({"horizon.after": {"days": "auto"}})
    assert memory_days(market.scenario.document) == 94
    assert days_after(market.scenario.document) == 60
    short = market_of(
        {
            "horizon.after": {"days": "auto"},
            "discounts.ceiling_frac": 0,
            "discounts.levels": [0],
            "channels.2.fatigue.half_life_days": 3,
            "channels.0.fatigue": {"weekly_frequency": 2, "exponent": 0},
            "channels.1.fatigue": {"weekly_frequency": 2, "exponent": 0},
        }
    )
    assert days_after(short.scenario.document) == 20  # fatigue: 3 * 6.64 = 19.9


WEIBULL = {"curve": "weibull", "shape": 3, "scale_days": 14, "window_days": 40}
DELAYED = {"curve": "delayed", "half_life_days": 7, "peak_days": 5, "window_days": 28}


@pytest.mark.parametrize("media", ["same", "stop"])
@pytest.mark.parametrize("tiring", [0.0, 0.7])
@pytest.mark.parametrize(
    ("curve", "days"),
    [(WEIBULL, [27]), (WEIBULL, [14]), (DELAYED, range(21, 28)), (DELAYED, [18]), (DELAYED, range(28))],
)
def test_it_matters_on_which_days_of_a_window_an_exposure_fell(curve, days, tiring, media):
    """Within 2 % of playing on: a pulse saturates other days than an even exposure that leaves as much behind."""
    fatigue = {"weekly_frequency": 1, "exponent": tiring, "half_life_days": 8}
    market = market_of(
        {
            "horizon": {"start": "2026-09-07", "days": 28, "after": {"days": 40, "media": media}},
            "budget.total_base": 30_000,
            "channels.0.adstock": curve,
            "channels.0.fatigue": fatigue,
        }
    )
    spend = np.zeros((1, *market.shape[:3]))
    spend[..., 0] = 150.0
    silent, pulse = (decision(market.scenario, 1, spend=amount) for amount in (0.0, spend))
    _, last = play(market, lambda day: pulse if day in days else silent)
    clean = nothing_left(market_after(market, 40), market, 40)
    state = replace(clean, **{name: getattr(last, name) for name in ("carried", "window", "frequency")})
    worth = carried_beyond(market).by_cell(state, average_world())
    np.testing.assert_allclose(worth[0], played(market, [state, clean])[0], rtol=0.02)
