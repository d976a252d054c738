"""Exploration keeps exact propensities, and without it a policy is itself to the last bit."""

from dataclasses import replace

import numpy as np
import pytest

from xbopt.agents.exploration import ExploringPolicy, over_the_menu, without_exploration
from xbopt.agents.policies import built_in_policy, policy_from
from xbopt.core.decisions.factors import Factors, one_notch_exploration
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.observation import RecentResults, observe
from xbopt.simulator.build import build_market
from xbopt.simulator.history import initial_state


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart"))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_policy_itself_gets_the_rest_and_all_tactics_get_an_equal_floor(market, share):
    policy = ExploringPolicy(plan=built_in_policy("baseline", market), scenario=market.scenario, exploration=share)
    observation = observe(market, initial_state(market, 2), RecentResults.empty(market, 2))
    probabilities = policy.probabilities(observation)
    tactics = len(market.scenario.menu)
    assert probabilities.shape == (2, 2, 2, tactics)
    assert probabilities.sum(axis=3) == pytest.approx(1.0)
    assert probabilities.min() == pytest.approx(share / tactics)
    own = policy.menu.labels.index("baseline itself / its channels x1 / its dayparts")
    assert probabilities[..., own] == pytest.approx(1.0 - share + share / tactics)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_zero_to_one_is_refused(market, share):
    with pytest.raises(PolicyError, match="0 to 1"):
        ExploringPolicy(plan=built_in_policy("uniform", market), scenario=market.scenario, exploration=share)


def test_the_name_says_that_it_explores(market):
    policy = ExploringPolicy(plan=built_in_policy("uniform", market), scenario=market.scenario, exploration=0.2)
    assert policy.name == "uniform+explore0.2"
    assert policy.kind == "baseline"


@pytest.mark.parametrize("name", ["planner", "replan"])
def test_tactics_are_held_while_the_policy_decides_anew(name, market):
    """The same tactic on two days: the policy's decision of that day, moved; here half of its money."""
    policy = policy_from(name, market)
    menu = ExploringPolicy(plan=policy, scenario=market.scenario, exploration=0.1).menu
    half = menu.labels.index(f"discount of {name} / its channels x0.5 / its dayparts")
    seen = observe(market, initial_state(market, 2), RecentResults.empty(market, 2))
    for day in (0, 5):
        today = replace(seen, day=day)
        moved, own = menu.decode(np.full((2, 2, 2), half), today), policy.decide(today)
        np.testing.assert_array_equal(moved.spend_base, 0.5 * own.spend_base)
        np.testing.assert_array_equal(moved.discount_frac, own.discount_frac)
        np.testing.assert_array_equal(moved.daypart_weights, own.daypart_weights)


class Notch:
    """A policy of one factor."""

    name, kind = "notch", "ppo"
    factors = Factors(
        names=("pace",),
        kinds=("pace",),
        levels=np.array([3]),
        neutral=np.array([1]),
        labels=(("less", "as is", "more"),),
        places=np.array([[-1, -1, -1]]),
    )

    def __init__(self, share):
        self.share = share

    def factor_probabilities(self, observation):
        return one_notch_exploration(self.factors, np.ones((observation.worlds, 1), dtype=np.int64), self.share)

    def decode(self, levels, observation):
        raise AssertionError("nobody plays it")

    def exploring(self, share):
        return Notch(share)


def test_every_kind_of_policy_explores_in_its_own_way(market):
    plan = built_in_policy("uniform", market)
    tactics = over_the_menu(plan, market.scenario, 0.3)
    assert without_exploration(tactics) is plan
    assert over_the_menu(tactics, market.scenario, 0.1).exploration == 0.1
    factored = over_the_menu(Notch(0.2), market.scenario, 0.1)
    assert (factored.share, without_exploration(factored).share) == (0.1, 0.0)
    assert over_the_menu(factored, market.scenario, None) is factored
    with pytest.raises(PolicyError, match="0 to 1"):
        over_the_menu(factored, market.scenario, 2.0)
