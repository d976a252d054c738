"""Spend that follows a demand of its own week is seen by organic visits, and said."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from tests.worlds import document, scenario_of
from xbopt.calibration.fit.demand_check import DemandCheck, check_demand
from xbopt.calibration.fit.likelihood import Likelihood, sampled_noise
from xbopt.calibration.fit.noise import WEEK, inflated
from xbopt.calibration.fit.optimum import find_mode
from xbopt.calibration.fit.recovery import known_market, planned_panel, varied_spend
from xbopt.calibration.fit.replay import replay_of
from xbopt.calibration.fit.slack import spend_course
from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator

DAYS = 28 + 16 * 7


def check(elasticity: tuple[float, ...], error: tuple[float, ...], *, counted: bool = True) -> DemandCheck:
    return DemandCheck(elasticity=np.array(elasticity), error=np.array(error), counted=counted)


def test_what_chance_does_once_in_a_thousand_fits_is_no_finding() -> None:
    # Two regions and both together are three tests: 0.001 / 3 on two sides is 3.588 standard errors.
    one = check((0.35, -0.36, 0.1), (0.1, 0.1, 0.05))
    assert one.bound == pytest.approx(3.588, abs=1e-3)
    assert one.follows == [1]
    assert one.can_tell
    assert one.least_seen == pytest.approx(0.1794, abs=1e-4)
    assert not check((0.0, 0.0, 0.0), (0.1, 0.1, 0.2)).can_tell


def test_without_organic_visits_nothing_is_checked() -> None:
    unknown = check((0.9, 0.9, 0.9), (0.01, 0.01, 0.01), counted=False)
    assert unknown.follows == []
    assert not unknown.can_tell
    assert np.isnan(unknown.least_seen)


def test_the_course_of_spend_is_by_weeks_that_end_with_the_last_day() -> None:
    spend = np.zeros((15, 2, 1, 1))
    spend[:, 0, 0, 0] = [4.0, *[2.0] * 7, *[6.0] * 7]
    # Weeks of 1, 7 and 7 days spend 4, 2 and 6 a day; their mean is 4. Where nothing is spent nothing moves.
    course = spend_course(spend)
    assert course[:, 0].tolist() == [0.0, *[-0.5] * 7, *[0.5] * 7]
    assert not course[:, 1].any()


@pytest.mark.statistical
def test_organic_visits_show_that_spend_follows_demand() -> None:
    """Demand moves by 25 % from week to week, and spend with it or not; one false alarm in a thousand is allowed."""
    scenario = scenario_of(document())
    news = named_generator(5, "tests/demand").standard_normal((DAYS // WEEK, 2))
    demand: FloatArray = np.repeat(0.25 * news, WEEK, axis=0)
    plain = varied_spend(scenario, DAYS, seed=3, spread=0.3)
    follows = [followed(plain * np.exp(part * demand)[:, :, None, None], demand).follows for part in (1.0, 0.0)]
    # Position 2 is all regions together.
    assert 2 in follows[0]
    assert follows[1] == []


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
    likelihood = replace(likelihood, noise=inflated(noise, likelihood.of_weeks(near.residuals), fitted=10))
    return check_demand(likelihood, find_mode(likelihood.residuals, near.z, most=2), worlds)
