"""The world outside by hand: autoregressions, jumps, shocks."""

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import decision, plain_market, play, steady
from xbopt.simulator.draws import DayDraws
from xbopt.simulator.history import initial_state
from xbopt.simulator.outside import next_outside
from xbopt.simulator.state import OutsideState

MARKET = {
    "market.currencies": {
        "EUR": {"rate": 1.0},
        "NOK": {
            "rate": 0.1,
            "volatility": 0.19104973174542800,  # a hundredth a day: sqrt(365)/100
            "half_life_days": 1.0,
            "jumps_per_year": 3.65,
            "jump_size": 0.3,
        },
    },
    "market.regions.0.currency": "NOK",
    "market.regions.0.competitor": {"volatility": 0.2, "half_life_days": 1.0},
    "market.regions.0.shipping": {"days": 2, "cost_base": 1, "volatility": 0.1, "half_life_days": 1.0},
    "market.regions.0.sentiment": {"start": 0.2, "volatility": 0.5, "half_life_days": 1.0},
    "noise": {"demand_cv": 0.0, "media_price_cv": 0.5, "media_price_half_life_days": 1.0},
}
NOW = OutsideState(
    fx_log=np.array([[0.0, 0.4]]),
    competitor_log=np.array([[0.2]]),
    congestion_log=np.array([[0.1]]),
    sentiment=np.array([[0.5]]),
    media_price_log=np.array([[0.3]]),
)


def draws(jump: float = 0.5, normal: float = 1.0) -> DayDraws:
    names = ("fx", "competitor", "congestion", "sentiment", "media_price")
    normals = {name: np.full((1, 2 if name == "fx" else 1), normal) for name in names}
    return DayDraws(normals=normals, jump=np.full((1, 2), jump), counts=np.zeros((1, 0)))


def test_without_noise_deviations_halve_and_sentiment_follows_satisfaction() -> None:
    tomorrow = next_outside(plain_market(MARKET), NOW, None, np.array([[0.1]]), 0)
    np.testing.assert_allclose(tomorrow.fx_log, [[0.0, 0.2]])
    np.testing.assert_allclose(tomorrow.competitor_log, [[0.1]])
    np.testing.assert_allclose(tomorrow.congestion_log, [[0.05]])
    np.testing.assert_allclose(tomorrow.sentiment, [[0.2 + 0.1 + 0.5 * (0.5 - 0.3)]])
    np.testing.assert_allclose(tomorrow.media_price_log, [[0.15]])


def test_noise_keeps_the_stationary_spread() -> None:
    tomorrow = next_outside(plain_market(MARKET), NOW, draws(), np.zeros((1, 1)), 0)
    step = np.sqrt(1 - 0.25)
    np.testing.assert_allclose(tomorrow.competitor_log, [[0.1 + 0.2 * step]])
    np.testing.assert_allclose(tomorrow.sentiment, [[0.2 + 0.5 * 0.3 + 0.5 * step]])
    # After a day the variance is 3/4 of the stationary one; half of it is taken off so that the mean stays.
    np.testing.assert_allclose(tomorrow.congestion_log, [[0.05 + 0.1 * step - 0.5 * 0.01 * 0.75]])
    log_variance = np.log(1.25)
    expected = 0.15 + np.sqrt(log_variance) * step + 0.5 * log_variance * 0.75
    np.testing.assert_allclose(tomorrow.media_price_log, [[expected]])


@pytest.mark.parametrize(("uniform", "jump"), [(0.5, 0.0), (0.9951, 0.3), (0.9949, 0.0), (0.0049, -0.3), (0.0051, 0.0)])
def test_a_currency_jumps_up_or_down_one_day_in_a_hundred(uniform: float, jump: float) -> None:
    tomorrow = next_outside(plain_market(MARKET), NOW, draws(uniform), np.zeros((1, 1)), 0)
    centre = -(0.5 * 0.01**2 + np.log(1 + 0.01 * (np.cosh(0.3) - 1)))
    np.testing.assert_allclose(tomorrow.fx_log, [[0.0, 0.2 + 0.01 + jump + centre]], atol=1e-12)


def test_the_base_currency_never_moves() -> None:
    tomorrow = next_outside(plain_market(MARKET), NOW, draws(0.999), np.zeros((1, 1)), 0)
    assert tomorrow.fx_log[0, 0] == 0.0


def test_shocks_strike_on_their_day_and_fade() -> None:
    shocks = [
        {"kind": "fx_move", "day": "2026-09-07", "currency": "NOK", "log_size": 0.4},
        {"kind": "fx_move", "day": "2026-09-09", "currency": "NOK", "log_size": -0.1},
        {"kind": "viral_sentiment", "day": "2026-09-08", "size": 1.0},
    ]
    market = plain_market({**MARKET, "shocks": shocks})
    states = [initial_state(market, 1)]
    for _ in range(3):
        states.append(
            replace(
                states[-1], outside=next_outside(market, states[-1].outside, None, np.zeros((1, 1)), len(states) - 1)
            )
        )
    np.testing.assert_allclose([state.outside.fx_log[0, 1] for state in states], [0.4, 0.2, 0.1 - 0.1, 0.0], atol=1e-15)
    np.testing.assert_allclose([state.outside.sentiment[0, 0] for state in states], [0.2, 1.2, 0.7, 0.45])


def test_the_money_for_a_channel_that_cannot_be_bought_stays_in_the_budget() -> None:
    shocks = [{"kind": "channel_outage", "day": "2026-09-08", "channel": "ads", "days": 1}]
    market = plain_market({"shocks": shocks})
    outcomes, state = play(market, steady(market.scenario, 1, spend=100.0), days=3)
    assert [outcome.money.media.item() for outcome in outcomes] == [-100, 0, -100]
    assert [outcome.impressions.item() for outcome in outcomes] == pytest.approx([10_000, 0, 10_000])
    assert [outcome.adjustments.cut_base.item() for outcome in outcomes] == [0, 100, 0]
    assert not outcomes[1].decision.spend_base.any()
    assert state.remaining.budget_base.item() == pytest.approx(1_000_000 - 200)


def test_shocks_of_a_kind_add_up_and_stop_at_the_horizon_s_end() -> None:
    shocks = [
        {"kind": "price_war", "day": "2026-09-08", "days": 2, "log_size": -0.1},
        {"kind": "price_war", "day": "2026-09-09", "days": 900, "log_size": -0.2},
    ]
    market = plain_market({"shocks": shocks})
    np.testing.assert_allclose(market.shocks.competitor_log[:4, 0], [0, -0.1, -0.3, -0.2])
    assert market.shocks.competitor_log.shape == (20, 1)


def test_rule_changes_last_from_their_day_on_and_spare_other_regions() -> None:
    from tests.worlds import market_of

    shocks = [{"kind": "rule_change", "day": "2026-09-10", "regions": ["island"], "threshold_base": 5, "tax_frac": 0.3}]
    rules = market_of({"shocks": shocks}).rules
    np.testing.assert_allclose(rules.tax_frac[[2, 3, 9]], [[0.19, 0.2], [0.19, 0.3], [0.19, 0.3]])
    for segment in (0, 1):
        np.testing.assert_allclose(rules.threshold_base[[2, 3], :, segment], [[0, 135 * 1.1], [0, 5]])


def test_a_closed_weekday_sells_nothing() -> None:
    market = plain_market({"calendar.weekday": [1, 0, 1, 1, 1, 1, 1]})  # the second day is a Tuesday
    outcomes, _ = play(market, steady(market.scenario, 1, spend=100.0), days=3)
    assert [float(outcome.orders.sum() > 0) for outcome in outcomes] == [1, 0, 1]
    sampled, _ = play(market, lambda _: decision(market.scenario, 2, spend=100.0), worlds=[0, 1], days=3)
    assert not sampled[1].visits.any()
