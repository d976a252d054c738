"""Ties between tactics: policy and graph take the same one, also where no golden row looks."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.service.random_inputs import random_inputs
from tests.service.test_parity import session_of
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import BUILT_IN
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.menu import TIE, earliest_nearest
from xbopt.core.decisions.policy import Observation
from xbopt.service.bundle.graph_session import Arrays, floats_of
from xbopt.service.exporting.reference import reference_outputs
from xbopt.service.exporting.schedule import blank_observation
from xbopt.simulator.parameters import MarketParameters

_ROUNDINGS = np.arange(-8, 9) * 2.0**-52


@pytest.mark.parametrize(
    ("distance", "wanted"),
    [
        ([2.0, 1.0, 3.0], 1),
        ([2.0, 1.0 + 2.0**-52, 1.0], 1),  # the last is nearer by a rounding alone
        ([1.0 + 1e-8, 1.0], 1),  # 1e-8 is more than TIE * (1 + 1) = 2e-9
        ([1.0 + 1.9e-9, 1.0], 0),
        ([0.5 * TIE, 0.0], 0),
        ([4e4 * (1.0 + 1e-12), 4e4], 0),
    ],
)
def test_the_earliest_of_the_tactics_that_are_as_near_as_any_is_taken(distance: list[float], wanted: int) -> None:
    assert earliest_nearest(np.array(distance)) == wanted


def half_way(market: MarketParameters, what: str) -> ExploringPolicy:
    """A plan whose discount or mix of channels lies half-way between two of the menu's; exploring."""
    plan, menu = BUILT_IN["calendar"](market), market.scenario.menu
    if what == "discount":
        tiers = np.unique(menu.discount_frac)
        plan = replace(plan, discount_frac=np.full_like(plan.discount_frac, (tiers[0] + tiers[1]) / 2.0))
    if what == "mix":
        split = (menu.mixes[0] + menu.mixes[1]) / 2.0
        plan = replace(plan, spend_base=plan.spend_base.sum(axis=3, keepdims=True) * split)
    return ExploringPolicy(plan=plan, scenario=market.scenario, exploration=0.3)


@pytest.mark.parametrize("what", ["intensity", "discount", "mix"])
def test_half_way_between_two_tactics_policy_and_graph_take_the_same_one(
    quickstart: MarketParameters, what: str
) -> None:
    policy, scenario = half_way(quickstart, what), quickstart.scenario
    menu = scenario.menu
    # Spend is half-way between two intensities a and b where its ratio to an even share is sqrt(a b). Budgets around it
    # by a few roundings have the tie, now on this side, now on that. Discount and mix are half-way for every budget.
    days: list[IntArray] = []
    budgets: list[FloatArray] = []
    for day in range(scenario.days):
        planned = policy.period(blank_observation(scenario, day)).spend_base.sum(axis=3)[0]
        for low, high in pairwise(np.unique(menu.intensity).tolist()):
            tie = (planned / menu.cell_share * (scenario.days - day) / np.sqrt(low * high)).ravel()
            budgets.append(np.outer(tie, 1.0 + _ROUNDINGS).ravel())
            days.append(np.full(len(budgets[-1]), day, dtype=np.int64))
    session, sample = session_of(policy, quickstart)
    assert isinstance(sample, Observation)
    day, budget = np.concatenate(days), np.concatenate(budgets)
    inputs: Arrays = random_inputs(scenario, sample, len(day), seed=0, tactic=True, channels=False) | {
        "day": day,
        "budget_base": budget,
        "forced": np.full((len(day), *scenario.shape[:2]), -1, dtype=np.int64),
    }
    found = floats_of(session.named(inputs), "probabilities")
    wanted = floats_of(reference_outputs(policy, scenario, sample, inputs), "probabilities")
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    # What differs by roundings alone has one answer.
    chosen = found.argmax(axis=3).reshape(-1, len(_ROUNDINGS), scenario.shape[0] * scenario.shape[1])
    np.testing.assert_array_equal(chosen, np.broadcast_to(chosen[:, :1], chosen.shape))
