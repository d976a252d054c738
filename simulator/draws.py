"""The random numbers of a day, at fixed positions.

Every quantity that is drawn has its own slot. Slots follow the *sorted ids* of regions, segments and currencies,
not their order in the file: permuting them in the scenario permutes the results, in sampled mode too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.axes import BUCKETS
from xbopt.core.randomness import WorldStream
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.sampling import normal_from_uniform

# Normals first and counts last, so that each kind is one contiguous block and one call.
_NORMALS = (
    ("fx", "K"),
    ("competitor", "R"),
    ("congestion", "R"),
    ("sentiment", "R"),
    ("media_price", "R"),
    ("shock", "RS"),
    ("basket", "RS"),
)
_UNIFORMS = (("jump", "K"),)
_COUNTS = (("orders", "RSL"), ("carts", "RS"), ("browsing", "RS"), ("returns", "RS"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDraws:
    """One day's random numbers.

    Attributes:
        normals: Standard normals by name: ``fx (B, K)``; ``competitor, congestion, sentiment, media_price (B, R)``;
            ``shock, basket (B, R, S)``.
        jump: Uniforms for currency jumps ``(B, K)``.
        counts: Uniforms for counts ``(B, N)``: orders ``(R, S, L)``, then abandoned carts, browsing visits and returns
            ``(R, S)`` each.
    """

    normals: dict[str, FloatArray]
    jump: FloatArray
    counts: FloatArray


class MarketDraws:
    """The demand stream of some worlds: day by day, in any order."""

    def __init__(self, scenario: Scenario, *, seed: int, worlds: IntArray) -> None:
        """Open the stream.

        Args:
            scenario: Gives the names and lengths of the axes.
            seed: Noise seed.
            worlds: Global numbers of the worlds ``(B,)``.
        """
        axes = {
            "K": tuple(scenario.document.market.currencies),
            "R": scenario.regions,
            "S": scenario.segments,
            "L": BUCKETS,
        }
        self._shapes = {
            name: tuple(len(axes[axis]) for axis in letters) for name, letters in _NORMALS + _UNIFORMS + _COUNTS
        }
        parts: list[IntArray] = []
        for name, letters in _NORMALS + _UNIFORMS + _COUNTS:
            offset = sum(len(part) for part in parts)
            positions = sorted_positions([axes[axis] for axis in letters]).reshape(self._shapes[name])
            parts.append(offset + positions.ravel(order="F"))
        self._order = np.concatenate(parts)
        self._normal_slots = sum(int(np.prod(self._shapes[name])) for name, _ in _NORMALS)
        self._jump_slots = len(axes["K"])
        self._stream = WorldStream(seed=seed, name="demand", worlds=worlds, slots=len(self._order))

    def day(self, day: int) -> DayDraws:
        """The random numbers of a day."""
        uniforms = self._stream.uniforms(day)
        uniforms = np.take(np.ascontiguousarray(uniforms.T), self._order, axis=0).T
        normals = normal_from_uniform(uniforms[:, : self._normal_slots])
        named: dict[str, FloatArray] = {}
        offset = 0
        for name, _ in _NORMALS:
            shape = self._shapes[name]
            length = int(np.prod(shape))
            named[name] = normals[:, offset : offset + length].reshape(-1, *shape, order="F")
            offset += length
        return DayDraws(
            normals=named,
            jump=uniforms[:, offset : offset + self._jump_slots],
            counts=uniforms[:, offset + self._jump_slots :],
        )


def sorted_positions(axes: Sequence[Sequence[str]]) -> IntArray:
    """Flat position, in the array of sorted names, of every entry of the array in file order.

    For the axes ``["b", "a"]`` and ``["x", "y"]`` this is ``[2, 3, 0, 1]``: row ``b`` stands second when sorted.
    Lifecycle buckets are sorted like any other names; it is a fixed relabelling.
    """
    ranks = [np.argsort(np.argsort(np.array(names))) for names in axes]
    grids = np.meshgrid(*ranks, indexing="ij")
    return np.ravel_multi_index([grid.ravel() for grid in grids], [len(names) for names in axes])
