"""Demand falls with landed price, and more spend never brings fewer visits."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.random_markets import FATIGUES, documents
from tests.worlds import Doc, decision, document, market_of, play, scenario_of, steady, total
from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.media import Fatigue, HillSaturation
from xbopt.simulator.build import build_market
from xbopt.simulator.curves.fatigue import fatigue_bank
from xbopt.simulator.curves.saturation import saturation_bank
from xbopt.simulator.parameters import MarketParameters

QUICK = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
DAYS = 6


def open_market(doc: Doc) -> MarketParameters:
    """Without stock and budget limits: these answer to more demand with lost orders and to more spend with a cut."""
    for region in doc["market"]["regions"]:
        region["stock"] = None
    doc["budget"] = {"total_base": 1e12}
    return build_market(scenario_of(doc))


def visits_by_day(market: MarketParameters, spends: list[FloatArray]) -> FloatArray:
    choices = [decision(market.scenario, 1, spend=spend) for spend in spends]
    outcomes, _ = play(market, lambda day: choices[day])
    return np.array([outcome.visits.sum() for outcome in outcomes])


@QUICK
@given(documents(days=DAYS), st.integers(0, 2**32 - 1), st.floats(0.1, 2000))
def test_more_spend_in_any_cell_never_lowers_the_visits_of_its_day_or_of_the_horizon(
    doc: Doc, seed: int, extra: float
) -> None:
    market = open_market(doc)
    rng = np.random.default_rng(seed)
    spends = [rng.uniform(0, 150, (2, 2, 3)) * rng.integers(0, 2, (2, 2, 3)) for _ in range(DAYS)]
    day, cell = int(rng.integers(DAYS)), tuple(int(rng.integers(length)) for length in (2, 2, 3))
    raised = [spend.copy() for spend in spends]
    raised[day][cell] += extra
    before, after = visits_by_day(market, spends), visits_by_day(market, raised)
    np.testing.assert_array_equal(after[:day], before[:day])
    assert after[day] >= before[day] * (1 - 1e-12)
    # Later days may lose some of it to fatigue, but never more than the day itself has won.
    assert after.sum() >= before.sum() * (1 - 1e-9)


@QUICK
@given(documents(days=DAYS), st.integers(0, 2**32 - 1), st.floats(1.01, 50))
def test_a_plan_scaled_up_lowers_the_visits_of_no_day(doc: Doc, seed: int, factor: float) -> None:
    market = open_market(doc)
    rng = np.random.default_rng(seed)
    spends = [rng.uniform(0, 150, (2, 2, 3)) for _ in range(DAYS)]
    before = visits_by_day(market, spends)
    after = visits_by_day(market, [spend * factor for spend in spends])
    assert (after >= before * (1 - 1e-9)).all()


@given(FATIGUES, st.lists(st.floats(0, 30), min_size=2, max_size=12), st.data())
def test_one_day_more_never_lowers_the_exposure_summed_over_any_horizon(
    curve: dict[str, Any], exposures: list[float], data: st.DataObject
) -> None:
    hill = saturation_bank([HillSaturation(curve="hill", half_saturation=1.0)])
    bank = fatigue_bank([Fatigue(**curve)], hill)
    day, extra = data.draw(st.integers(0, len(exposures) - 1)), data.draw(st.floats(0, 100))

    def effective(days: list[float]) -> FloatArray:
        frequency, counted = np.zeros(1), []
        for exposure in days:
            remembered = bank.remembered(frequency)
            counted.append(bank.effective(remembered, np.array([exposure]))[0])
            frequency = remembered + exposure
        return np.cumsum(counted)

    raised = [exposure + extra * (i == day) for i, exposure in enumerate(exposures)]
    before, after = effective(exposures), effective(raised)
    assert (after >= before - 1e-9 * (1 + before)).all()


@pytest.mark.parametrize("level", [5.0, 60.0])
def test_one_cell_and_day_raised_never_lowers_the_visits_of_the_whole_horizon(level: float) -> None:
    market = open_market(document({"tactics": {"decide_every_days": 1}, "horizon.days": DAYS}))
    spends = [np.full((2, 2, 3), level)] * DAYS
    before = visits_by_day(market, spends).sum()
    for day in range(DAYS):
        for cell in np.ndindex(2, 2, 3):
            for factor in (1.2, 5.0):
                raised = [spend.copy() for spend in spends]
                raised[day][cell] *= factor
                assert visits_by_day(market, raised).sum() >= before * (1 - 1e-12)


@QUICK
@given(documents(days=DAYS), st.floats(1.01, 2.0), st.sampled_from(["price_level", "tax"]))
def test_demand_falls_with_the_landed_price(doc: Doc, factor: float, what: str) -> None:
    doc["shocks"] = []
    # A lower price may make a discount more of a deal, which takes orders from the other segment and from later days.
    doc["discounts"]["pull_forward"] |= {"own_frac": 0.0, "borrowed_frac": 0.0}

    def orders(level: float) -> FloatArray:
        if what == "price_level":
            doc["market"]["regions"][0]["price_level"] = level
        else:
            change = {"kind": "rule_change", "day": "2026-09-07", "regions": ["north"], "tax_frac": level / 2}
            doc["shocks"] = [change]
        market = open_market(doc)
        outcomes, _ = play(market, steady(market.scenario, 1, spend=30.0, discount=0.1))
        # A cart rate at its cap stays there, and who comes again decides what is left of the law.
        assume(not any(outcome.capped.any() for outcome in outcomes))
        return total(outcomes, lambda outcome: outcome.orders.sum(axis=3))[0]

    base = 0.9
    low, high = orders(base), orders(base * factor)
    assert (high[0] <= low[0] * (1 + 1e-12)).all()
    if (low[0] > 1e-6).all() and what == "price_level":
        assert high[0].sum() < low[0].sum()
    np.testing.assert_allclose(high[1], low[1], rtol=1e-12)


def test_zero_spend_leaves_organic_sales() -> None:
    market = market_of()
    outcomes, _ = play(market, steady(market.scenario, 1))
    assert all((outcome.orders.sum(axis=3) > 0).all() for outcome in outcomes)
    assert not any(outcome.impressions.any() for outcome in outcomes)
