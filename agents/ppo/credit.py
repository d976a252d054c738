"""Which rewards an entry of an action is judged by.

A campaign's reward is a sum over cells, and hardly any of it depends on what was decided for another region: currency,
stock and customers are a region's own, and only limits on money are shared. Judged by the whole reward, each of a
hundred choices drowns in the luck of the others; judged by its own region's, or its own cell's, it does not. The
gradient of what an entry cannot move is noise alone (factored baselines: Wu, Rajeswaran, Duan, Kumar, Bayen, Kakade,
Mordatch, Abbeel 2018; in a game of several players, independent PPO: de Witt et al. 2020).
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from xbopt.agents.ppo.layout import entry_places
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.env.actions import Encoding

CreditName = Literal["whole", "region", "cell"]
CREDITS: tuple[CreditName, ...] = get_args(CreditName)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Parts that the reward falls into, and groups of entries with the parts that they are judged by.

    Attributes:
        name: How fine the parts are.
        parts: Number of parts, ``P``.
        group: Group of each entry of an action ``(A,)``.
        reach: 1 where a group is judged by a part ``(G, P)``.
    """

    name: CreditName
    parts: int
    group: IntArray
    reach: FloatArray

    def split(self, cell_reward: FloatArray) -> FloatArray:
        """The reward of each part ``(B, P)``, from that of cells ``(B, R, S)``."""
        if self.name == "cell":
            return cell_reward.reshape(len(cell_reward), -1)
        by_region = cell_reward.sum(axis=2)
        return by_region if self.name == "region" else by_region.sum(axis=1, keepdims=True)


@dataclass(slots=True)
class StepParts:
    """What a step brought part by part. The library's loop hands on sums only, so these travel beside it.

    Attributes:
        rewards: Reward of each part ``(B, P)``; written by the environment.
        values: Value of the state by part ``(B, P)``; written by the policy.
        log_probs: Log probability of the action by group ``(B, G)``; written by the policy.
    """

    rewards: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    values: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    log_probs: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))


def credit_by(name: CreditName, encoding: Encoding) -> Credit:
    """The credit of an encoding's entries.

    Args:
        name: ``whole``: every entry by everything; ``region``: by its region; ``cell``: by its region and segment.
            Entries that are about more than one part are judged by all that they are about.
        encoding: The encoding.
    """
    places = entry_places(encoding)
    region, segment = places[:, 0], places[:, 1]
    regions, segments = int(region.max()) + 1, int(segment.max()) + 1
    if name == "whole":
        return Credit(name=name, parts=1, group=np.zeros_like(region), reach=np.ones((1, 1)))
    whole, by_region = np.ones((1, regions)), np.eye(regions)
    if name == "region":
        return Credit(name=name, parts=regions, group=region + 1, reach=np.concatenate([whole, by_region]))
    by_cell = np.eye(regions * segments)
    reach = np.concatenate([np.repeat(np.concatenate([whole, by_region]), segments, axis=1), by_cell])
    group = np.where(segment >= 0, 1 + regions + region * segments + segment, region + 1).astype(np.int64)
    return Credit(name=name, parts=regions * segments, group=group, reach=reach)
