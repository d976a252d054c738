"""Worlds on which the best policy is chosen: what policies bring there above a yardstick."""

from pathlib import Path

import numpy as np

from xbopt.agents.final_figures import rewards_of
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.policy import Policy
from xbopt.core.files import sha256_of
from xbopt.simulator.parameters import MarketParameters


def file_hashes(folder: Path) -> dict[str, str]:
    """What the bandits' files of a checkpoint hold."""
    return {path.name: sha256_of(path) for path in sorted(folder.glob("bandit_*.npz"))}


def standard_error(gain: FloatArray) -> float:
    """Standard error of the mean over worlds ``(B,)``."""
    return float(gain.std(ddof=1) / np.sqrt(len(gain)))


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
        self.planned = self.reward(plan)

    def gain(self, policy: Policy) -> FloatArray:
        """Reward above the yardstick's, world by world ``(B,)``, base currency."""
        return self.reward(policy) - self.planned

    def reward(self, policy: Policy) -> FloatArray:
        """Reward world by world ``(B,)``, base currency."""
        return rewards_of(self._market, policy, worlds=self._worlds, seed=self._seed, customer_weight=self._weight)
