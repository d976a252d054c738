"""What a trained policy brings in test worlds: worlds that it never trained on and that chose nothing.

The policy, the plan that it began with and the policy that it was to beat play the same worlds with the same luck, so
their differences are taken world by world.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, add_up
from xbopt.core.decisions.policy import Policy
from xbopt.core.paired import PairedDifference, paired_differences
from xbopt.env.rollout import Choice, play_worlds
from xbopt.simulator.after import carried_beyond
from xbopt.simulator.lifetime import customer_value, customer_value_change
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome
from xbopt.simulator.worlds import WorldParameters

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalFigures:
    """Mean rewards on test worlds, and how far the trained policy is ahead, base currency.

    Attributes:
        worlds: Number of worlds.
        reward_base: Mean reward by policy, the trained one first.
        ahead: Reward of the trained policy less that of each other one, with an interval and a verdict.
    """

    worlds: int
    reward_base: dict[str, float]
    ahead: dict[str, PairedDifference]


def final_figures(
    market: MarketParameters,
    policies: Mapping[str, Policy],
    *,
    worlds: int,
    first_world: int,
    seed: int,
    customer_weight: float = 1.0,
) -> FinalFigures:
    """Play the test worlds.

    Args:
        market: The market.
        policies: By name; the first is the trained one.
        worlds: Number of worlds, at least 2.
        first_world: Global number of the first of them.
        seed: Noise seed.
        customer_weight: Weight of what stands beside the margin on the last evening, 0..1.
    """
    numbers = np.arange(first_world, first_world + worlds, dtype=np.int64)
    rewards = {
        name: rewards_of(market, policy, worlds=numbers, seed=seed, customer_weight=customer_weight)
        for name, policy in policies.items()
    }
    own = next(iter(rewards))
    return FinalFigures(
        worlds=worlds,
        reward_base={name: float(values.mean()) for name, values in rewards.items()},
        ahead={
            name: paired_differences([values, rewards[own]], seed=seed, confidence=CONFIDENCE)[1]
            for name, values in rewards.items()
            if name != own
        },
    )


def rewards_of(
    market: MarketParameters, policy: Policy, *, worlds: IntArray, seed: int, customer_weight: float
) -> FloatArray:
    """What a policy brings, world by world ``(B,)``, base currency.

    Args:
        market: The market.
        policy: The policy.
        worlds: Global numbers ``(B,)``.
        seed: Noise seed.
        customer_weight: Weight of what stands beside the margin on the last evening, 0..1: the change of customer
            value, and what is carried beyond the last day.
    """
    reward = _Reward(market, len(worlds))
    play_worlds(market, policy, worlds=worlds, seed=seed, recorders=[reward])
    return reward.margin + customer_weight * reward.evening


class _Reward:
    """Adds up contribution margin by world ``(B,)``, and what stands beside it on the last evening."""

    def __init__(self, market: MarketParameters, worlds: int) -> None:
        self._market, self._value = market, customer_value(market)
        self.margin, self.evening = np.zeros(worlds), np.zeros(worlds)

    def record(self, day: int, outcome: DayOutcome, choice: Choice | None) -> None:
        """Take note of a day."""
        del day, choice
        self.margin = self.margin + add_up(outcome.money.contribution_margin, 1, 2)

    def finish(self, state: MarketState, world: WorldParameters) -> None:
        """Take note of the state after the last day."""
        beyond = carried_beyond(self._market).by_cell(state, world)
        self.evening = customer_value_change(self._market, state, self._value) + add_up(beyond, 1, 2)
