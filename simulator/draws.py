"""The random numbers of a day, at fixed positions.

Every quantity that is drawn has its own slot. Slots follow the *sorted ids* of regions, segments and currencies,
not their order in the file: permuting them in the scenario permutes the results, in sampled mode too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.axes import BUCKETS
from xbopt.core.randomness import WorldStream
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.kernel.engine import chosen
from xbopt.simulator.kernel.rows import NativeRows
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


@dataclass(frozen=True, kw_only=True)
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


class DrawnLater(DayDraws):
    """Random numbers of which the kernel knows how to draw them; drawn here for whoever reads them."""

    def __init__(self, rows: NativeRows, day: int, named: Callable[[FloatArray], DayDraws]) -> None:
        """Note what they are drawn from; ``named`` cuts rows into arrays."""
        object.__setattr__(self, "stream", rows.stream(day))
        object.__setattr__(self, "_draw", lambda: named(rows.day(day)))

    stream: tuple[int, int, IntArray, IntArray, int, int]
    _draw: Callable[[], DayDraws]

    def __getattr__(self, name: str) -> object:
        if name not in DayDraws.__dataclass_fields__:
            raise AttributeError(name)
        self.__dict__.update(self._draw().__dict__)
        return self.__dict__[name]


class _Rows(Protocol):
    """The day's random numbers ``(slots, B)`` in the order of the market's arrays; the first rows are normals."""

    def day(self, day: int) -> FloatArray: ...


class _StreamRows:
    """Such rows from a ``WorldStream``."""

    def __init__(self, *, seed: int, worlds: IntArray, order: IntArray, normals: int) -> None:
        self._order, self._normals = order, normals
        self._stream = WorldStream(seed=seed, name="demand", worlds=worlds, slots=len(order))

    def day(self, day: int) -> FloatArray:
        rows = np.take(np.ascontiguousarray(self._stream.uniforms(day).T), self._order, axis=0)
        rows[: self._normals] = normal_from_uniform(rows[: self._normals])
        return rows


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
        engine = chosen()
        self._rows: _Rows = (
            NativeRows(engine, seed=seed, name="demand", worlds=worlds, order=self._order, normals=self._normal_slots)
            if engine.name == "native"
            else _StreamRows(seed=seed, worlds=worlds, order=self._order, normals=self._normal_slots)
        )

    def day(self, day: int) -> DayDraws:
        """The random numbers of a day."""
        if isinstance(self._rows, NativeRows):
            return DrawnLater(self._rows, day, self._named)
        return self._named(self._rows.day(day))

    def _named(self, rows: FloatArray) -> DayDraws:
        """Rows ``(slots, B)`` as arrays."""
        uniforms, normals = rows.T, rows[: self._normal_slots].T
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
