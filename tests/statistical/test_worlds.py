"""Sampled mode against expected mode and against the distributions it promises, over thousands of worlds.

Seeds are fixed. Every tolerance is four standard errors unless said; a correct program passes with a chance of
0.99994 a comparison, and the fixed seed makes it pass for ever.
"""

import numpy as np
import pytest

from tests.worlds import decision, document, market_of, plain_market, play, scenario_of, steady
from xbopt.core.arrays import FloatArray
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.history import initial_state
from xbopt.simulator.outside import next_outside
from xbopt.simulator.worlds import draw_worlds

pytestmark = pytest.mark.statistical
WORLDS = 4000
SIGMAS = 4.0


def assert_mean(sample: FloatArray, expected: FloatArray | float) -> None:
    """The mean over worlds (axis 0) lies within four standard errors of the expected value."""
    error = sample.std(axis=0, ddof=1) / np.sqrt(len(sample))
    assert (np.abs(sample.mean(axis=0) - expected) <= SIGMAS * error + 1e-12).all()


# Chance enters this market as factors of mean 1 only, and nothing bends: no stock, no cap, no people who move.
LINEAR: dict[str, object] = {
    "market.regions.1.stock": None,
    "market.regions.0.competitor": {},
    "market.regions.0.sentiment": {},
    "market.regions.1.sentiment": {},
    "market.regions.1.fx_pass_through": 0.0,
    "market.regions.1.duty": "none",
    "segments.0.delay_sensitivity": 0.0,
    "segments.1.delay_sensitivity": 0.0,
    "segments.0.satisfaction": {"late_day_penalty": 0.0},
    "segments.1.satisfaction": {"late_day_penalty": 0.0},
    "uncertainty": {"order_value": {"spread": 0.3}, "organic_traffic": {"spread": 0.3}, "conversion": {"spread": 0.2}},
    "horizon.days": 2,
    "tactics": {"decide_every_days": 1},
}


def test_the_sampled_mean_is_the_expected_mode_where_the_model_is_linear() -> None:
    market = market_of(LINEAR)
    expected, _ = play(market, steady(market.scenario, 1))
    sampled, _ = play(market, steady(market.scenario, WORLDS), worlds=range(WORLDS))
    # The first day only: from the second on, who bought in a busy world visits more often.
    for name in ("visits", "carts"):
        assert_mean(getattr(sampled[0], name), getattr(expected[0], name)[0])
    assert_mean(sampled[0].orders.sum(axis=3), expected[0].orders.sum(axis=3)[0])
    assert_mean(sampled[1].delivery_days, expected[1].delivery_days[0])


def test_money_of_the_first_day_agrees_in_the_mean() -> None:
    # Chance in visits and in baskets, orders of a value that differs by world: each is drawn by itself.
    market = market_of(LINEAR)
    expected, _ = play(market, steady(market.scenario, 1, discount=0.1), days=1)
    sampled, _ = play(market, steady(market.scenario, WORLDS, discount=0.1), worlds=range(WORLDS), days=1)
    for name in ("gross_revenue", "discount", "returns", "goods", "shipping", "payment_fees"):
        # Shipping fees do not follow the value of an order, which bends the price response a little: the mean may
        # move by a thousandth beside its standard error.
        sample, wanted = getattr(sampled[0].money, name), getattr(expected[0].money, name)[0]
        error = sample.std(axis=0, ddof=1) / np.sqrt(WORLDS)
        assert (np.abs(sample.mean(axis=0) - wanted) <= SIGMAS * error + 2e-3 * np.abs(wanted)).all(), name


def test_reach_that_a_given_spend_buys_keeps_its_mean() -> None:
    market = plain_market({"noise.media_price_cv": 0.4})
    sampled, _ = play(market, steady(market.scenario, WORLDS, spend=100.0), worlds=range(WORLDS), days=4)
    for outcome in sampled[1:]:
        assert_mean(outcome.impressions[:, 0, 0, 0], 10_000.0)


def test_visits_are_over_dispersed_as_promised() -> None:
    # Var = m + m^2 cv^2 for a Poisson count whose mean m carries a factor of mean 1 and coefficient cv.
    market = plain_market({"noise.demand_cv": 0.3})
    visits = play(market, steady(market.scenario, WORLDS), worlds=range(WORLDS), days=1)[0][0].visits[:, 0, 0]
    expected = 100 + 100**2 * 0.3**2
    deviations = (visits - visits.mean()) ** 2
    error = deviations.std() / np.sqrt(WORLDS)
    assert abs(visits.var(ddof=1) - expected) <= SIGMAS * error
    still = plain_market()
    poisson = play(still, steady(still.scenario, WORLDS), worlds=range(WORLDS), days=1)[0][0].visits[:, 0, 0]
    # The variance of a Poisson sample variance is about 2 m^2/n for m well above 1.
    assert abs(poisson.var(ddof=1) - 100) <= SIGMAS * 100 * np.sqrt(2 / WORLDS)


FX: dict[str, object] = {
    "market.currencies": {"EUR": {"rate": 1.0}, "NOK": {"rate": 0.1, "volatility": 0.4, "half_life_days": 4.0}},
    "market.regions.0.currency": "NOK",
    "horizon.days": 60,
}


def fx_paths(changes: dict[str, object]) -> FloatArray:
    """Log rates by day and world ``(T, B)``."""
    market = plain_market(changes)
    draws = MarketDraws(market.scenario, seed=7, worlds=np.arange(WORLDS))
    outside, rows = initial_state(market, WORLDS).outside, []
    for day in range(market.scenario.days):
        rows.append(outside.fx_log[:, 1])
        outside = next_outside(market, outside, draws.day(day), np.zeros((WORLDS, 1)), day)
    return np.array(rows)


def test_currencies_settle_at_their_stationary_variance_and_keep_their_mean_rate() -> None:
    paths = fx_paths(FX)
    keep = 0.5**0.25
    expected = 0.4**2 / 365 / (1 - keep**2)
    # A normal sample's variance has the relative standard error sqrt(2/n).
    assert abs(paths[-1].var(ddof=1) / expected - 1) <= SIGMAS * np.sqrt(2 / WORLDS)
    for day in (1, 20, 59):
        assert_mean(np.exp(paths[day]), 1.0)


def test_jumps_come_as_often_as_stated_and_keep_the_mean_rate() -> None:
    jumpy = {
        **FX,
        "market.currencies.NOK": {"rate": 0.1, "half_life_days": 3650.0, "jumps_per_year": 24, "jump_size": 0.5},
    }
    paths = fx_paths(jumpy)
    steps = np.diff(paths, axis=0)
    jumps = np.abs(steps) > 0.25
    chance = 24 / 365
    assert abs(jumps.mean() - chance) <= SIGMAS * np.sqrt(chance * (1 - chance) / jumps.size)
    assert abs((steps[jumps] > 0).mean() - 0.5) <= SIGMAS * 0.5 / np.sqrt(jumps.sum())
    assert_mean(np.exp(paths[10]), 1.0)


@pytest.mark.parametrize("spread", [0.1, 0.5])
def test_uncertain_parameters_have_mean_one_and_their_spread(spread: float) -> None:
    scenario = scenario_of(
        document(
            {"uncertainty": {"media_response": {"spread": spread, "by": ["region"]}, "synergy": {"spread": spread}}}
        )
    )
    world = draw_worlds(scenario, seed=3, worlds=np.arange(WORLDS))
    assert world.media_response.shape == (WORLDS, 2, 1, 1)
    for draws in (*world.media_response[:, :, 0, 0].T, world.synergy):
        assert_mean(draws, 1.0)
        deviations = (draws - 1.0) ** 2
        assert abs(deviations.mean() - spread**2) <= SIGMAS * deviations.std() / np.sqrt(WORLDS)
    # Regions are drawn apart: the correlation of independent samples has the standard error 1/sqrt(n).
    correlation = np.corrcoef(world.media_response[:, 0, 0, 0], world.media_response[:, 1, 0, 0])[0, 1]
    assert abs(correlation) <= SIGMAS / np.sqrt(WORLDS)
    assert world.elasticity.shape == (1, 1, 1)


def test_worlds_are_independent_of_each_other_and_days_of_each_other() -> None:
    market = plain_market({"noise.demand_cv": 0.3})
    outcomes, _ = play(market, steady(market.scenario, WORLDS), worlds=range(WORLDS), days=2)
    first, second = (outcome.visits[:, 0, 0] for outcome in outcomes)
    for left, right in ((first[:-1], first[1:]), (first, second), (first[::2], first[1::2])):
        assert abs(np.corrcoef(left, right)[0, 1]) <= SIGMAS / np.sqrt(len(left))


def test_common_random_numbers_cut_the_variance_of_a_comparison_to_a_fifth() -> None:
    market = market_of()
    count = 400

    def margins(spend: float, seed: int) -> FloatArray:
        choice = decision(market.scenario, count, spend=spend)
        outcomes, _ = play(market, lambda _: choice, worlds=range(count), seed=seed)
        return np.sum([outcome.money.contribution_margin.sum(axis=(1, 2)) for outcome in outcomes], axis=0)

    low = margins(40.0, 1)
    paired, apart = margins(50.0, 1) - low, margins(50.0, 2) - low
    # The ratio of two sample variances has a relative standard error of about 2/sqrt(n) = 0.1; the law asks for 0.2.
    assert paired.var(ddof=1) <= 0.2 * apart.var(ddof=1)
