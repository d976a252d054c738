"""Every built-in policy keeps the contract; a policy that breaks it is told which promise it broke."""

from dataclasses import replace

import numpy as np
import pytest

from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import BUILT_IN, built_in_policy
from xbopt.core.errors import DecisionError, PolicyError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.policy_contract import check_policy
from xbopt.simulator.build import build_market

SHORT = ["horizon.days=8", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart", overrides=SHORT))


@pytest.fixture(scope="module", params=BUILT_IN)
def built_in(request, market):
    return built_in_policy(request.param, market)


def test_built_in_policy_keeps_the_contract(built_in, market):
    check_policy(built_in, market)


@pytest.mark.parametrize("exploration", [0.0, 0.2, 1.0])
def test_exploring_policy_keeps_the_contract(built_in, exploration, market):
    check_policy(ExploringPolicy(plan=built_in, scenario=market.scenario, exploration=exploration), market)


class Uneven:
    """A tactic policy whose probabilities are given by the test."""

    name, kind = "uneven", "bandit"

    def __init__(self, market, row):
        self.shape = (*market.scenario.shape[:2], len(market.scenario.menu))
        self.row, self.menu = row, market.scenario.menu

    def probabilities(self, observation):
        return np.broadcast_to(self.row(observation, self.shape), (observation.worlds, *self.shape)).copy()


def test_probabilities_that_do_not_sum_to_one_are_refused(market):
    policy = Uneven(market, lambda _, shape: np.full(shape, 0.9 / shape[-1]))
    with pytest.raises(PolicyError, match="do not sum to 1"):
        check_policy(policy, market, batch_sizes=(1,))


def test_negative_probabilities_are_refused(market):
    def row(_, shape):
        array = np.zeros(shape)
        array[..., 0], array[..., 1] = 1.1, -0.1
        return array

    with pytest.raises(PolicyError, match="negative"):
        check_policy(Uneven(market, row), market, batch_sizes=(1,))


def test_a_wrong_shape_is_refused(market):
    policy = Uneven(market, lambda _, shape: np.ones(shape))
    policy.shape = (1, 1, 3)
    with pytest.raises(PolicyError, match="shape"):
        check_policy(policy, market, batch_sizes=(1,))


def test_an_answer_that_depends_on_the_neighbours_is_refused(market):
    def row(observation, shape):
        array = np.full((observation.worlds, *shape), 1.0 / shape[-1])
        # Mass moves with the batch's mean budget: a world's answer changes with its neighbours.
        shift = 1e-4 * observation.remaining.budget_base.mean() / market.scenario.limits.total_base
        array[..., 0] += shift
        array[..., 1] -= shift
        return array

    with pytest.raises(PolicyError, match="in a batch than alone"):
        check_policy(Uneven(market, row), market, batch_sizes=(1,))


def test_a_decision_with_nan_names_the_array(market):
    plan = built_in_policy("baseline", market)
    broken = replace(plan, spend_base=np.full_like(plan.spend_base, np.nan))
    with pytest.raises(DecisionError, match=r"spend_base .* at \(0, 0, 0, 0\)"):
        check_policy(broken, market, batch_sizes=(1,))


def test_draws_that_differ_from_the_stated_probabilities_are_caught(market, monkeypatch):
    from xbopt.env import rollout

    policy = Uneven(market, lambda _, shape: np.full(shape, 1.0 / shape[-1]))
    honest = rollout.Chooser._tactics

    def cheating(self, chosen, observation):
        choice = honest(self, chosen, observation)
        return replace(choice, tactic=choice.tactic // 2)

    monkeypatch.setattr(rollout.Chooser, "_tactics", cheating)
    with pytest.raises(PolicyError, match="chi-square"):
        check_policy(policy, market, batch_sizes=(200,))


def test_a_nameless_policy_is_refused(market):
    with pytest.raises(PolicyError, match="name"):
        check_policy(replace(built_in_policy("uniform", market), name=""), market)
