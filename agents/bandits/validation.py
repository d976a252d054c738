"""Worlds on which the best policy is chosen: what policies bring there above a yardstick."""

from pathlib import Path

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, add_up
from xbopt.core.decisions.policy import Policy
from xbopt.core.files import sha256_of
from xbopt.env.rollout import Choice, play_worlds
from xbopt.simulator.after import carried_beyond
from xbopt.simulator.lifetime import CustomerValue, customer_value, customer_value_change
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome
from xbopt.simulator.worlds import WorldParameters


def file_hashes(folder: Path) -> dict[str, str]:
    """What the bandits' files of a checkpoint hold."""
    return {path.name: sha256_of(path) for path in sorted(folder.glob("bandit_*.npz"))}


class HeldOutWorlds:
    """What policies bring above a yardstick in worlds that training never plays, with the same luck.

    Args:
        market: The market.
        plan: The yardstick: a plan, or a policy that reacts.
        worlds: Global numbers ``(B,)``.
        seed: Noise seed.
        weight: Weight of the change of customer value and of what is carried beyond the last day, 0..1.
    """

    def __init__(self, market: MarketParameters, plan: Policy, worlds: IntArray, *, seed: int, weight: float) -> None:
        self._market, self._worlds, self._seed, self._weight = market, worlds, seed, weight
        self._value = customer_value(market)
        self.planned = self.reward(plan)

    def gain(self, policy: Policy) -> FloatArray:
        """Reward above the yardstick's, world by world ``(B,)``, base currency."""
        return self.reward(policy) - self.planned

    def reward(self, policy: Policy) -> FloatArray:
        """Reward world by world ``(B,)``, base currency."""
        reward = _Reward(self._market, len(self._worlds), self._value)
        play_worlds(self._market, policy, worlds=self._worlds, seed=self._seed, recorders=[reward])
        return reward.margin + self._weight * reward.evening


class _Reward:
    """Adds up contribution margin by world ``(B,)``, and what stands beside it on the last evening."""

    def __init__(self, market: MarketParameters, worlds: int, value: CustomerValue) -> None:
        self._market, self._value = market, value
        self.margin, self.evening = np.zeros(worlds), np.zeros(worlds)

    def record(self, day: int, outcome: DayOutcome, choice: Choice | None) -> None:
        del day, choice
        self.margin = self.margin + add_up(outcome.money.contribution_margin, 1, 2)

    def finish(self, state: MarketState, world: WorldParameters) -> None:
        beyond = carried_beyond(self._market).by_cell(state, world)
        self.evening = customer_value_change(self._market, state, self._value) + add_up(beyond, 1, 2)
