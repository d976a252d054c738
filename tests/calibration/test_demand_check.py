"""Spend that follows a demand of its own week is seen by organic visits, and said."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from tests.worlds import document, scenario_of
from xbopt.calibration.fit.demand_check import DemandCheck, ScoreTest, Witness, check_demand
from xbopt.calibration.fit.likelihood import Likelihood, sampled_noise
from xbopt.calibration.fit.noise import WEEK, inflated
from xbopt.calibration.fit.optimum import find_mode
from xbopt.calibration.fit.parameters import parameter_space
from xbopt.calibration.fit.prior import Prior
from xbopt.calibration.fit.recovery import known_market, planned_panel, varied_spend
from xbopt.calibration.fit.replay import replay_of
from xbopt.calibration.fit.slack import SLOW, Slack, spend_course
from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator

DAYS = 28 + 16 * 7


def score(amount: float, error: float, *, region: str = "", witness: Witness = "visits") -> ScoreTest:
    """A test of one movement that finds an amount with a standard error."""
    known = np.array([[error**-2]])
    return ScoreTest(witness=witness, region=region, score=amount * known[0], information=known, scatter=known[0])


def test_what_chance_does_once_in_a_thousand_fits_is_no_finding() -> None:
    # Three tests: 0.001 / 3 on two sides is 3.588 standard errors.
    tests = (score(0.35, 0.1, region="DE"), score(-0.36, 0.1, region="UK"), score(0.1, 0.05))
    one = DemandCheck(tests=tests, counted=True)
    assert one.follows("visits") is tests[1]
    assert one.follows("orders") is None
    assert tests[1].figure == pytest.approx(-0.36, rel=0.02)
    assert one.can_tell
    assert one.least_seen == pytest.approx(0.1794, abs=1e-4)
    assert not DemandCheck(tests=(*tests[:2], score(0.0, 0.2)), counted=True).can_tell


def test_a_score_that_scatters_more_than_the_model_says_counts_for_less() -> None:
    one = score(0.5, 0.1)
    assert one.chance < 1e-6
    assert replace(one, scatter=9.0 * one.scatter).chance > 0.05


def test_without_organic_visits_nothing_says_that_spend_follows() -> None:
    unknown = DemandCheck(tests=(score(0.9, 0.01),), counted=False)
    assert unknown.follows("visits") is None
    assert not unknown.can_tell
    assert np.isnan(unknown.least_seen)


def test_slow_demand_is_told_where_it_is_large_and_no_chance() -> None:
    # In standard deviations of 5 %; a prior of one of them pulls little where so much is known.
    large, chance, small = (
        ScoreTest(
            witness="season",
            region=region,
            score=known * np.array(amounts),
            information=known * np.eye(3),
            scatter=np.full(3, known),
        )
        for region, amounts, known in (
            ("DE", (0.0, 1.4, 2.6), 100.0),
            ("UK", (0.0, 1.4, 2.6), 1.0),
            ("US", (0.0, 0.8, 0.4), 100.0),
        )
    )
    check = DemandCheck(tests=(large, chance, small), counted=False)
    assert check.seasons == [large]
    assert large.figure == pytest.approx(0.05 * np.hypot(1.4, 2.6), rel=0.02)


def test_slack_in_conversion_moves_orders_and_no_visits() -> None:
    scenario = scenario_of(document())
    replay = replay_of(scenario, planned_panel(date(2026, 3, 2), varied_spend(scenario, 14, seed=3)))
    space = parameter_space(replay.market, replay.panel, Prior(), 0)
    slack = Slack(kinds=("conversion",), place=(0,), course=np.ones((1, 14)))
    once = space.sampled(np.zeros((1, len(space.parameters))))
    plain, moved = (replay.play(once, slack=(slack, np.array([[amount]])))[0] for amount in (0.0, 0.1))
    visits, orders = replay.kinds.index("visits"), replay.kinds.index("orders")
    # Those who have bought come again in another way, so later days differ by a little more.
    assert moved[0, 0, orders] == pytest.approx(np.exp(0.1) * plain[0, 0, orders], rel=0.02)
    assert moved[:, 0, visits] == pytest.approx(plain[:, 0, visits], rel=0.01)
    assert (moved[:, 1] == plain[:, 1]).all()


def test_the_course_of_spend_is_by_weeks_that_end_with_the_last_day() -> None:
    spend = np.zeros((15, 2, 1, 1))
    spend[:, 0, 0, 0] = [4.0, *[2.0] * 7, *[6.0] * 7]
    # Weeks of 1, 7 and 7 days spend 4, 2 and 6 a day; their mean is 4. Where nothing is spent nothing moves.
    course = spend_course(spend)[..., 0]
    assert course[:, 0].tolist() == [0.0, *[-0.5] * 7, *[0.5] * 7]
    assert not course[:, 1].any()


@pytest.mark.statistical
def test_visits_show_spend_that_follows_demand_and_orders_what_visits_do_not() -> None:
    """Demand moves by 25 % from week to week, and spend with it or not; one false alarm in a thousand is allowed."""
    scenario = scenario_of(document())
    news = named_generator(5, "tests/demand").standard_normal((DAYS // WEEK, 2))
    demand: FloatArray = np.repeat(0.25 * news, WEEK, axis=0)
    plain = varied_spend(scenario, DAYS, seed=3, spread=0.3)
    one_channel = np.array([0.0, 3.0, 0.0])
    with_all, none, social = (
        followed(plain * np.exp(part * demand[:, :, None, None]), demand)
        for part in (np.ones(3), np.zeros(3), one_channel)
    )
    assert with_all.follows("visits") or with_all.follows("orders")
    assert none.follows("visits") is None
    assert none.follows("orders") is None
    # Its own spend shows one channel; in that of all it would drown.
    asked = [one for one in social.tests if one.witness == "visits"]
    together = next(one for one in asked if not one.region and not one.channel)
    assert min(asked, key=lambda one: one.chance).channel == "social"
    assert together.chance > 20.0 * min(one.chance for one in asked)


def followed(spend: FloatArray, demand: FloatArray) -> DemandCheck:
    """What is said of a market of known truth whose organic visits and orders a demand of their own moved."""
    market = known_market(scenario_of(document()), planned_panel(date(2026, 3, 2), spend), seed=3)
    panel, more = market.panel, np.exp(demand)
    organic = panel.visits - panel.clicks.sum(axis=2)
    moved = {one: getattr(panel, one) * more for one in ("orders", "new_customers", "net_revenue")}
    panel = replace(panel, visits=panel.visits + organic * (more - 1.0), **moved)
    replay, space = replay_of(scenario_of(document()), panel), market.space
    z = np.linalg.solve(space.factor, market.truth - space.mean)
    noise, worlds = sampled_noise(replay, space, z, 28, (), worlds=64, seed=1)
    likelihood = Likelihood(replay=replay, space=space, first=28, tests=(), noise=noise)
    # A mode near the truth: the test is of its first order. Scatter that the market does not know is no finding.
    near = find_mode(likelihood.residuals, z, most=1)
    likelihood = replace(
        likelihood, noise=inflated(noise, likelihood.of_weeks(near.residuals), likelihood.of_weeks(near.freedom))
    )
    mode = find_mode(likelihood.residuals, near.z, most=2)
    return check_demand(likelihood, mode, worlds, np.zeros((len(mode.residuals), SLOW * 2)))
