"""Exploration keeps exact propensities."""

import numpy as np
import pytest

from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import built_in_policy
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.observation import RecentResults, observe
from xbopt.simulator.build import build_market
from xbopt.simulator.history import initial_state


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart"))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_nearest_tactic_gets_the_rest_and_all_get_an_equal_floor(market, share):
    policy = ExploringPolicy(plan=built_in_policy("baseline", market), scenario=market.scenario, exploration=share)
    observation = observe(market, initial_state(market, 2), RecentResults.empty(market, 2))
    probabilities = policy.probabilities(observation)
    tactics = len(market.scenario.menu)
    assert probabilities.shape == (2, 2, 2, tactics)
    assert probabilities.sum(axis=3) == pytest.approx(1.0)
    assert probabilities.min() == pytest.approx(share / tactics)
    assert probabilities.max(axis=3) == pytest.approx(1.0 - share + share / tactics)


def test_the_baseline_is_nearest_to_its_own_mix_at_full_intensity(market):
    policy = ExploringPolicy(plan=built_in_policy("baseline", market), scenario=market.scenario, exploration=0.0)
    observation = observe(market, initial_state(market, 1), RecentResults.empty(market, 1))
    chosen = np.argmax(policy.probabilities(observation), axis=3)
    assert {market.scenario.menu.labels[k] for k in chosen.ravel()} == {"no discount / plan x1 / audience"}


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_zero_to_one_is_refused(market, share):
    with pytest.raises(PolicyError, match="0 to 1"):
        ExploringPolicy(plan=built_in_policy("uniform", market), scenario=market.scenario, exploration=share)


def test_the_name_says_that_it_explores(market):
    policy = ExploringPolicy(plan=built_in_policy("uniform", market), scenario=market.scenario, exploration=0.2)
    assert policy.name == "uniform+explore0.2"
    assert policy.kind == "baseline"


@pytest.mark.parametrize(
    ("first", "last", "wanted"), [("2026-10-05", "2026-10-05", 0.0), ("2026-10-06", "2026-10-11", 0.1)]
)
def test_the_tactic_is_nearest_to_the_plans_mean_over_the_period(first, last, wanted):
    """A discount on one day of seven is nearer to none; one on six of seven days is not."""
    changes = [f"plan.discounts[0].start={first}", f"plan.discounts[0].end={last}"]
    market = build_market(load_scenario("quickstart", overrides=changes))
    policy = ExploringPolicy(plan=built_in_policy("baseline", market), scenario=market.scenario, exploration=0.0)
    observation = observe(market, initial_state(market, 1), RecentResults.empty(market, 1))
    chosen = np.argmax(policy.probabilities(observation), axis=3)
    assert (market.scenario.menu.discount_frac[chosen] == wanted).all()
