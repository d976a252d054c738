"""Policies that are made of factors keep the contract; one that breaks it is told which promise it broke."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.policies import policy_from
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.policy_contract import check_policy
from xbopt.env.rollout import FactorChoice, play_worlds
from xbopt.simulator.build import build_market
from xbopt.studies.simulate import simulate

SHORT = ["horizon.days=8", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart", overrides=SHORT))


@pytest.fixture(scope="module")
def replan(market):
    return policy_from("replan", market)


@pytest.mark.parametrize("exploration", [0.0, 0.3, 1.0])
def test_a_policy_around_itself_keeps_the_contract(replan, market, exploration):
    check_policy(FactoredDirect.of(replan, market, exploration), market, batch_sizes=(1, 60))


@pytest.mark.parametrize("name", ["baseline", "calendar", "replan"])
def test_without_exploration_it_is_the_policy_to_the_last_bit(name, market, replan):
    policy = replan if name == "replan" else policy_from(name, market)
    plain = simulate(market, policy, runs=5)
    around = simulate(market, policy, runs=5, exploration=0.0, by="factors")
    np.testing.assert_array_equal(around.margins, plain.margins)
    np.testing.assert_array_equal(around.totals.money, plain.totals.money)


def test_a_factor_goes_one_notch_to_either_side_alike(replan, market):
    policy = FactoredDirect.of(replan, market).exploring(0.4)
    seen: list[FactorChoice] = []

    class Notes:
        def record(self, day, outcome, choice):
            if choice is not None:
                seen.append(choice)

        def finish(self, state, world):
            pass

    play_worlds(market, policy, worlds=np.arange(4), seed=1, recorders=[Notes()])
    assert [choice.day for choice in seen] == [0, 7]
    notch = seen[0].levels - policy.factors.neutral
    assert set(np.unique(notch)) == {-1, 0, 1}
    np.testing.assert_allclose(seen[0].propensity, np.where(notch == 0, 0.6, 0.2), rtol=1e-15)


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A policy of factors, one promise of which the test breaks."""

    inside: FactoredDirect
    table: object = None
    wish: object = None
    name: str = "broken"
    kind: str = "ppo"

    @property
    def factors(self):
        return self.inside.factors

    @property
    def anchor(self):
        return self.inside.anchor

    def factor_probabilities(self, observation):
        table = self.inside.factor_probabilities(observation)
        return table if self.table is None else self.table(table)

    def decode(self, levels, observation):
        found = self.inside.decode(levels, observation)
        return found if self.wish is None else self.wish(found)

    def exploring(self, share):
        return replace(self, inside=self.inside.exploring(share))


def doubled(table):
    return 2.0 * table


def beyond(table):
    """Timing has three levels; a fourth gets a share."""
    table = table.copy()
    table[:, 1, :] = np.array([0.0, 0.9, 0.0, 0.1, *[0.0] * (table.shape[2] - 4)])
    return table


def dearer(decision):
    return replace(decision, spend_base=decision.spend_base * 1.001)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"table": doubled}, "do not sum to 1"),
        ({"table": beyond}, "a level of timing/DE a probability that it does not have"),
        ({"wish": dearer}, "all neutral levels are not replan"),
    ],
)
def test_a_broken_promise_is_named(replan, market, broken, message):
    policy = Broken(inside=FactoredDirect.of(replan, market, 0.2), **broken)
    with pytest.raises(PolicyError, match=message):
        check_policy(policy, market, batch_sizes=(40,))


def test_draws_that_are_not_the_stated_ones_are_found_by_factor(replan, market, monkeypatch):
    """The roll-out draws by one table and notes another down."""
    inside = FactoredDirect.of(replan, market, 0.2)
    from xbopt.env import rollout

    def honest_but_once(**stated):
        table = stated["probabilities"].copy()
        table[:, 0] = np.array([0.0, 0.4, 0.2, 0.4, *[0.0] * (table.shape[2] - 4)])  # pace
        return FactorChoice(**stated | {"probabilities": table})

    monkeypatch.setattr(rollout, "FactorChoice", honest_but_once)
    with pytest.raises(PolicyError, match="does not draw of pace with its stated probabilities"):
        check_policy(inside, market, batch_sizes=(300,))
