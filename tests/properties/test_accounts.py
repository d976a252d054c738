"""The books close: money, budget, people, debts; and every number is a number."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.random_markets import documents, random_policy, random_scenarios
from tests.worlds import Doc, document, play, scenario_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.lifetime import customer_value
from xbopt.simulator.money import TERMS
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome

QUICK = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def assert_sound(outcomes: list[DayOutcome], state: MarketState, *, sampled: bool) -> None:
    """No NaN, no infinity but unlimited stock, no negative count."""
    for outcome in outcomes:
        for name in TERMS:
            assert np.isfinite(getattr(outcome.money, name)).all(), name
        for name in ("visits", "carts", "orders", "lost_orders", "returns", "impressions", "channel_visits",
                     "channel_orders", "known_customers", "satisfaction", "delivery_days"):  # fmt: skip
            array = getattr(outcome, name)
            assert np.isfinite(array).all(), name
            assert (array >= 0).all(), name
        if sampled:
            for name in ("visits", "carts", "orders", "lost_orders", "returns"):
                array = getattr(outcome, name)
                assert (array == np.floor(array)).all(), name
            assert (outcome.carts <= outcome.visits).all()
            assert (outcome.orders.sum(axis=3) + outcome.lost_orders <= outcome.carts).all()
    for name in (
        "customers",
        "carried",
        "frequency",
        "borrowed",
        "satisfaction",
        "on_order",
        "in_transit",
        "returning",
    ):
        array = getattr(state, name)
        assert np.isfinite(array).all(), name
        assert (array >= 0).all(), name
    assert not np.isnan(state.stock).any()
    assert (state.stock >= 0).all()
    for name in ("fx_log", "competitor_log", "congestion_log", "sentiment", "media_price_log"):
        assert np.isfinite(getattr(state.outside, name)).all(), name


@QUICK
@given(random_scenarios(), st.integers(0, 2**32 - 1), st.booleans())
def test_the_books_close_every_day_in_every_world(scenario: Scenario, seed: int, sampled: bool) -> None:
    market = build_market(scenario)
    count = 4 if sampled else 1
    policy = random_policy(scenario, count, seed, spend=3 * scenario.limits.total_base)
    outcomes, state = play(market, policy, worlds=range(4) if sampled else None)
    assert_sound(outcomes, state, sampled=sampled)
    spent = np.zeros(count)
    for outcome in outcomes:
        money = outcome.money
        parts = np.array([getattr(money, name) for name in TERMS])
        np.testing.assert_allclose(
            parts.sum(axis=0), money.contribution_margin, rtol=1e-9, atol=1e-9 * np.abs(parts).max()
        )
        np.testing.assert_array_equal(-money.media, outcome.decision.spend_base.sum(axis=3))
        day = outcome.decision.spend_base.sum(axis=(1, 2, 3))
        assert (day <= scenario.limits.daily_base).all()
        spent += day
    # The sum over days may round in its last bits.
    assert (spent <= scenario.limits.total_base * (1 + 1e-14)).all()
    np.testing.assert_allclose(
        state.remaining.budget_base,
        scenario.limits.total_base - spent,
        rtol=1e-9,
        atol=1e-9 * scenario.limits.total_base,
    )
    # People: nobody is born or dies here, since the market does not grow.
    np.testing.assert_allclose(
        state.customers.sum(axis=3), np.broadcast_to(scenario.population, (count, 2, 2)), rtol=1e-9
    )
    borrowed = sum(outcome.ledger.borrowed for outcome in outcomes)
    repaid = sum(outcome.ledger.repaid for outcome in outcomes)
    np.testing.assert_allclose(borrowed, repaid + state.borrowed, rtol=1e-9, atol=1e-9)


@QUICK
@given(documents(), st.integers(0, 2**32 - 1))
def test_without_discounts_nothing_is_owed(doc: Doc, seed: int) -> None:
    scenario = scenario_of(doc)
    _, state = play(build_market(scenario), random_policy(scenario, 1, seed, deepest=0.0))
    assert not state.borrowed.any()


HUGE = {"adults": 2e9, "youth": 2e9}
EXTREMES: dict[str, dict[str, object]] = {
    "two thousand million people who visit all day": {
        "market.regions.0.population": HUGE,
        "market.regions.0.traffic_level": 100.0,
        "segments.0.visits_per_1000": 50.0,
        "channels.0.visits_per_1000_impressions": 900.0,
        "channels.0.saturation.half_saturation": 100.0,
        "calendar.weekday": [50.0] * 7,
        "noise.demand_cv": 3.0,
        "budget.total_base": 1e13,
    },
    "nobody in a region": {"market.regions.0.population": {"adults": 0, "youth": 0}, "market.regions.0.customers": {}},
    "half a person": {
        "market.regions.0.population": {"adults": 0.5, "youth": 0.001},
        "market.regions.0.customers": {"adults": {"active": 0.25}},
    },
    "a price of almost nothing": {"products.0.price_base": 1e-9, "products.1.price_base": 1e-9},
    "a price of all the money": {"products.0.price_base": 1e13, "products.1.price_base": 1e13},
    "reach that costs almost nothing": {
        "channels.0.price.amount_base": 1e-9,
        "channels.0.price.reference_per_1000": 1e-9,
        "budget.total_base": 1e13,
    },
    "reach that costs all the money": {
        "channels.0.price.amount_base": 1e13,
        "channels.0.price.reference_per_1000": 1e13,
    },
    "worlds that differ by far": {
        "uncertainty": {
            group: {"spread": 1.5}
            for group in (
                "elasticity",
                "conversion",
                "organic_traffic",
                "media_response",
                "half_saturation",
                "media_price",
                "synergy",
                "order_value",
                "delivery_days",
            )
        }
    },
    "prices that matter beyond measure": {
        "segments.0.elasticity": -12.0,
        "market.regions.0.elasticity_level": 100.0,
        "market.regions.0.price_level": 0.01,
        "market.regions.1.price_level": 100.0,
        "uncertainty.elasticity": {"spread": 1.5},
    },
    "two hundred currency moves down": {
        "shocks": [{"kind": "fx_move", "day": "2026-09-08", "currency": "EUR", "log_size": -1.5}] * 200,
        "market.regions.0.fx_pass_through": 1.0,
    },
    "two hundred currency moves up": {
        "shocks": [{"kind": "fx_move", "day": "2026-09-08", "currency": "GBP", "log_size": 1.5}] * 200,
        "market.regions.1.duty_paid_by": "customer",
    },
    "two hundred waves of joy and price wars": {
        "shocks": [{"kind": "viral_sentiment", "day": "2026-09-08", "size": 5.0}] * 100
        + [{"kind": "price_war", "day": "2026-09-08", "days": 3, "log_size": 1.5}] * 100,
        "segments.0.sentiment_sensitivity": 3.0,
        "segments.0.competitor_elasticity": 8.0,
    },
    "two hundred waves of anger and delays": {
        "shocks": [{"kind": "viral_sentiment", "day": "2026-09-08", "size": -5.0}] * 100
        + [{"kind": "stock_delay", "day": "2026-09-08", "days": 3, "extra_days": 120}] * 100,
        "segments.0.sentiment_sensitivity": 3.0,
    },
    "one open day a week": {"calendar.weekday": [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]},
    "goods that are dutiable from the first cent and much returned": {
        "shocks": [
            {
                "kind": "rule_change",
                "day": "2026-09-07",
                "regions": ["island"],
                "threshold_base": 0,
                "ad_valorem_frac": 3.0,
                "surcharge_frac": 3.0,
                "tax_frac": 1.0,
            },
        ],
        "market.regions.1.duty_paid_by": "customer",
        "products.0.return_rate": 0.95,
        "products.0.return_days": 0.05,
        "market.regions.1.shipping.days": 0.05,
    },
    "an empty warehouse far away": {
        "market.regions.0.stock": {"initial_orders": 0, "lead_time_days": 120, "cover_days": 365}
    },
    "wild currencies": {
        "market.currencies.GBP": {"rate": 1e13, "volatility": 1.0, "jumps_per_year": 24, "jump_size": 0.5},
        "market.currencies.EUR": {"rate": 1e-9, "volatility": 1.0, "half_life_days": 3650.0},
    },
    "a shrinking people": {"market.population_growth": -0.5},
    "steep, late and narrow curves": {
        "channels.0.adstock": {"curve": "delayed", "half_life_days": 0.05, "peak_days": 30, "window_days": 2},
        "channels.1.adstock": {"curve": "weibull", "shape": 10, "scale_days": 0.2, "window_days": 60},
        "channels.0.saturation": {"curve": "hill", "half_saturation": 1e-4, "slope": 4},
        "channels.1.saturation": {"curve": "hill", "half_saturation": 1e-4, "slope": 0.3},
        "channels.0.fatigue": {"weekly_frequency": 0.1, "exponent": 1.0, "half_life_days": 3650},
        "channels.1.fatigue": {"weekly_frequency": 100, "exponent": 1.0, "half_life_days": 0.05},
    },
}


@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("sampled", [False, True], ids=["expected", "sampled"])
def test_extreme_markets_give_sound_numbers(name: str, sampled: bool) -> None:
    scenario = scenario_of(document(EXTREMES[name]))
    market = build_market(scenario)
    policy = random_policy(scenario, 6 if sampled else 1, 8, spend=2 * scenario.limits.daily_base)
    outcomes, state = play(market, policy, worlds=range(6) if sampled else None)
    assert_sound(outcomes, state, sampled=sampled)
    assert np.isfinite(customer_value(market).living).all()
