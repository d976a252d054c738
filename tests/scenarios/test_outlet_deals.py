"""The scenario in which learning discounts pays: how deep a deal should be differs by market, and results show it."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from xbopt.agents.bandits.validation import HeldOutWorlds
from xbopt.agents.planner.replanning import ReplanningPolicy, replanning_around
from xbopt.agents.policies import built_in_policy
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.factors import Factors, one_notch_exploration
from xbopt.core.decisions.policy import Observation, PolicyKind
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.residual_actions import ResidualActions
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.worlds import draw_worlds

WORLDS = np.arange(64)


@pytest.fixture(scope="module")
def market() -> MarketParameters:
    return build_market(load_scenario("outlet_deals"))


@pytest.fixture(scope="module")
def anchor(market: MarketParameters) -> ReplanningPolicy:
    """The re-planner around the depth that the planner gives for the average market, about a twentieth."""
    plan = built_in_policy("baseline", market)
    return replanning_around(market, replace(plan, discount_frac=np.full_like(plan.discount_frac, 0.05)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedLevels:
    """The same levels on every day ``(B, A)``."""

    actions: ResidualActions
    levels: IntArray
    name: str = "fixed levels"
    kind: PolicyKind = "bandit"

    @property
    def factors(self) -> Factors:
        return self.actions.factors

    def factor_probabilities(self, observation: Observation) -> FloatArray:
        del observation
        return one_notch_exploration(self.factors, self.levels, 0.0)

    def decode(self, levels: IntArray, observation: Observation) -> Decision:
        return self.actions.decode(levels, observation)

    def exploring(self, share: float) -> "FixedLevels":
        del share
        return self


def with_depth(actions: ResidualActions, notch: FloatArray) -> FixedLevels:
    """Notches of discount by world and region ``(B, R)``, nothing else."""
    levels = np.broadcast_to(actions.neutral, (len(notch), len(actions.neutral))).copy()
    for i, (kind, (region, _, _)) in enumerate(zip(actions.factors.kinds, actions.factors.places, strict=True)):
        if kind == "discount":
            levels[:, i] += notch[:, region].astype(np.int64)
    return FixedLevels(actions=actions, levels=levels)


@pytest.mark.statistical
def test_who_knows_the_elasticity_of_a_market_earns_more_by_discounts_alone(
    market: MarketParameters, anchor: ReplanningPolicy
) -> None:
    actions = ResidualActions.of(market, anchor)
    beside = HeldOutWorlds(market, anchor, WORLDS, seed=0, weight=1.0)
    known = draw_worlds(market.scenario, seed=0, worlds=WORLDS).elasticity.reshape(len(WORLDS), 2, -1)[:, :, 0]
    informed = beside.gain(with_depth(actions, np.where(known > 1.1, 2.0, np.where(known < 1.0, -2.0, 0.0))))
    # No depth that is the same in all worlds earns what that knowledge does.
    same = [beside.gain(with_depth(actions, np.full((len(WORLDS), 2), depth))) for depth in (-2.0, -1.0, 1.0, 2.0)]
    standard_error = float(informed.std(ddof=1)) / np.sqrt(len(informed))
    assert informed.mean() > 3.0 * standard_error
    assert informed.mean() > max(0.0, *(float(one.mean()) for one in same)) + standard_error
