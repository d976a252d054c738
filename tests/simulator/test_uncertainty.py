"""Each group of uncertain parameters works where its parameter is read, and costs nothing where it is certain."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.worlds import document, market_of, plain_market, scenario_of, steady
from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.uncertainty import GROUP_AXES
from xbopt.simulator.curves.adstock import adstock_bank
from xbopt.simulator.history import initial_state
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import steady_response
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import average_world, draw_worlds

EVENT: dict[str, object] = {
    "calendar.custom_events": [{"id": "fair", "start": "2026-09-08", "end": "2026-09-09", "demand": 2.0}]
}


def days_in(market: MarketParameters, group: str, factor: float, days: int = 8, **choice: Any) -> list[DayOutcome]:
    """Days in expected mode, with one group of parameters multiplied."""
    world = average_world()
    world = replace(world, **{group: getattr(world, group) * factor})
    policy, state = steady(market.scenario, 1, **choice), initial_state(market, 1)
    outcomes: list[DayOutcome] = []
    for day in range(days):
        outcome, state = play_day(market, world, state, policy(day), None)
        outcomes.append(outcome)
    return outcomes


def figure(outcomes: list[DayOutcome]) -> float:
    """A number that every group moves; nobody pays back while the deal runs, so what is owed counts too."""
    margin = sum(float(day.money.contribution_margin.sum()) for day in outcomes)
    return (
        margin
        + sum(float(day.returns.sum() + day.known_customers.sum()) for day in outcomes)
        + float(outcomes[-1].ledger.debt.sum())
    )


@pytest.mark.parametrize("group", list(GROUP_AXES))
def test_every_group_moves_the_market(group: str) -> None:
    tired: dict[str, object] = {"channels.1.fatigue": {"weekly_frequency": 0.1, "half_life_days": 5}}
    market = market_of({**EVENT, **tired})
    choice = {"spend": 80.0, "discount": 0.2}
    assert figure(days_in(market, group, 1.3, **choice)) != pytest.approx(
        figure(days_in(market, group, 1.0, **choice)), rel=1e-7
    )


@pytest.mark.parametrize("group", list(GROUP_AXES))
def test_a_world_does_not_notice_its_neighbours(group: str) -> None:
    scenario = scenario_of(document({"uncertainty": {group: {"spread": 0.3}}, "horizon.days": 3}))
    from xbopt.simulator.build import build_market

    market = build_market(scenario)
    ends: list[FloatArray] = []
    for numbers in ([2], [0, 1, 2]):
        world = draw_worlds(scenario, seed=1, worlds=np.array(numbers))
        state = initial_state(market, len(numbers))
        policy = steady(scenario, len(numbers), spend=90.0, discount=0.2)
        for day in range(3):
            outcome, state = play_day(market, world, state, policy(day), None)
        ends.append(outcome.money.contribution_margin[-1])
    assert (ends[0] == ends[1]).all()


def test_an_event_lifts_by_more_in_a_world_that_says_so() -> None:
    market = plain_market(EVENT)
    visits = [day.visits.item() for day in days_in(market, "event_lift", 1.5, days=4)]
    # The fair doubles 100 organic visits; one and a half times its lift of 1 makes 250.
    assert visits[1] == pytest.approx(250)
    assert visits[3] == pytest.approx(100)
    stated = plain_market({**EVENT, "calendar.event_lift": 1.5})
    assert visits == pytest.approx([day.visits.item() for day in days_in(stated, "event_lift", 1.0, days=4)])


def test_costs_and_returns_by_hand() -> None:
    market = plain_market({"products.0.return_rate": 0.2, "market.regions.0.shipping.cost_base": 4})
    # 10 orders of goods that cost 55, of which a fifth comes back and 80 % of its cost is recovered.
    day = days_in(market, "unit_cost", 1.2, days=1)[0]
    assert day.money.goods.item() == pytest.approx(-1.2 * 55 * (10 - 2 * 0.8))
    assert days_in(market, "shipping_cost", 1.5, days=1)[0].money.shipping.item() == pytest.approx(-60)
    returned = days_in(market, "return_rate", 1.5, days=1)[0]
    assert returned.money.returns.item() == pytest.approx(-300)
    assert returned.returns_due.item() == pytest.approx(3)


def test_a_promotion_borrows_more_but_never_what_it_switches() -> None:
    pull = {"borrowed_frac": 0.4, "switched_frac": 0.3}
    market = plain_market({"discounts.pull_forward": pull})
    # Nobody whom the deal wins comes back, so what is borrowed is what is missed, over the share paid back in time.
    promotion = replace(market.promotion, comes_again=np.zeros_like(market.promotion.comes_again))
    market = replace(market, promotion=promotion)
    for factor, share in ((1.25, 0.5 / promotion.paid_in_time), (2.0, 0.7)):
        ledger = days_in(market, "pull_forward", factor, days=1, discount=0.2)[0].ledger
        assert ledger.borrowed.item() == pytest.approx(share * ledger.bump.item())


def test_carry_over_is_stretched_in_time_and_keeps_its_sum() -> None:
    curves: Any = scenario_of(document()).document.channels
    bank = adstock_bank([channel.adstock for channel in curves])
    factor = np.array([1.0, 2.0]).reshape(2, 1, 1, 1)
    longer = bank.stretched(factor)
    assert longer.retention[1, 0, 0, 0] == pytest.approx(0.5 ** (1 / 3.0))  # a half-life of 1.5 days becomes 3
    assert longer.weights.sum(axis=0) == pytest.approx(np.ones((2, 1, 1, 2)))
    assert longer.weights[:, 0, 0, 0] == pytest.approx(bank.weights)
    # Every second day of the stretched delayed curve is a day of the old one.
    old, new = bank.weights[:, 0], longer.weights[:, 1, 0, 0, 0]
    assert new[2] / new[0] == pytest.approx(old[1] / old[0])
    assert bank.stretched(np.ones((1, 1, 1, 1))) is bank


def test_steady_spend_brings_the_same_whatever_the_carry_over() -> None:
    market, average = market_of(), average_world()
    spend = np.full((1, *market.shape[:3]), 30.0)
    longer = replace(average, carry_over=np.full((1, 1, 1, 1), 2.0))
    assert (steady_response(market, longer, spend).orders == steady_response(market, average, spend).orders).all()
    dearer = replace(average, bid_up=np.full((1, 1), 1.5), visit_quality=np.full((1, 1), 2.0))
    answer = steady_response(market, dearer, spend)
    assert answer.visits[..., 2] == pytest.approx(steady_response(market, average, spend).visits[..., 2])
    assert answer.orders[..., 2] == pytest.approx(2 * steady_response(market, average, spend).orders[..., 2])
