"""Saturation curves other than Hill with slope 1, made fit for a convex program.

An S-curve has no value on its first stretch that a convex program may promise. Its concave envelope is the smallest
concave curve above it: a straight line from 0 to the point ``z*`` with ``h(z*) = z* h'(z*)``, then the curve. For Hill
with slope ``k > 1`` that is ``z* = (k - 1)^(1/k)``. The envelope bounds what any plan can reach from above.

Beyond ``z*`` a curve has an elasticity ``e = z h'/h`` below 1, and the hyperbola ``a z/(b + z)`` with
``b = z e/(1 - e)`` and ``a = h (b + z)/z`` touches it there: same value, same slope, and a cone of its own.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.agents.planner.response_model import ResponseModel, saturation_slope
from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.simulator.curves.saturation import SaturationBank

# Points at which the curve is cut, relative to where the plan stands, and on an absolute grid.
_AROUND = np.array([0.35, 0.55, 0.75, 0.9, 1.0, 1.1, 1.3, 1.7, 2.5])
_GRID = np.array([1.5, 3.0, 8.0, 30.0])
_FAR = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tangents:
    """Lines above the envelope: ``q <= intercept + slope z``.

    Attributes:
        cut: Cells that are cut by tangents; the others have Hill slope 1 and a cone of their own ``(n,)``.
        cell: Cell of each line ``(L,)``.
        slope: ``(L,)``.
        intercept: ``(L,)``.
    """

    cut: BoolArray
    cell: IntArray
    slope: FloatArray
    intercept: FloatArray


def tangent_point(bank: SaturationBank) -> FloatArray:
    """``z*`` by channel ``(C,)``; 0 where the curve is concave from the start."""
    slope = np.where(bank.slope > 1.0, bank.slope, 1.0)
    point = np.power(slope - 1.0, 1.0 / slope)
    point[list(bank.exponential)] = 0.0
    return point


def envelope(bank: SaturationBank, ratio: FloatArray) -> FloatArray:
    """The concave envelope at ``ratio`` ``(..., C)``."""
    point = tangent_point(bank)
    at_point = bank.reached(np.maximum(point, 1e-12))
    line = ratio * at_point / np.maximum(point, 1e-12)
    return np.where(ratio < point, line, bank.reached(ratio))


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchingCones:
    """Hyperbolas ``q <= height z/(half + z)``, one a cell ``(n,)`` each."""

    height: FloatArray
    half: FloatArray


def touching_cones(model: ResponseModel, around: FloatArray) -> TouchingCones:
    """The hyperbolas that touch the curves at levels ``around`` ``(K, R, S, C)``.

    A cell that stands on the first stretch of its S-curve is touched a little beyond ``z*``, so that the program sees
    what it would be worth to enter the channel in earnest. Whether it is, expected mode decides.
    """
    bank = model.saturation
    # Far out nothing is left to gain; a curve that is flat to the last bit has no hyperbola.
    touch = np.clip(model.exposure(around), np.maximum(1.15 * tangent_point(bank), 1e-3), _FAR)
    value = bank.reached(touch)
    elasticity = touch * saturation_slope(bank, touch) / value
    half = touch * elasticity / np.maximum(1.0 - elasticity, 1e-6)
    height = value * (half + touch) / touch
    own = np.ones(around.shape[-1], dtype=np.bool_)
    own[_curved(bank)] = False
    return TouchingCones(height=np.where(own, 1.0, height).ravel(), half=np.where(own, 1.0, half).ravel())


def on_first_stretch(model: ResponseModel, level: FloatArray) -> BoolArray:
    """Cells that stand before the tangent point of an S-curve at levels ``(K, R, S, C)``."""
    point = tangent_point(model.saturation)
    return (point > 0.0) & (model.exposure(level) < point)


def no_tangents(cells: int) -> Tangents:
    """No cell is cut by tangents."""
    none = np.zeros(0)
    return Tangents(cut=np.zeros(cells, dtype=np.bool_), cell=np.zeros(0, dtype=np.int64), slope=none, intercept=none)


def has_other_curves(bank: SaturationBank) -> bool:
    """Whether any channel's curve is not Hill with slope 1."""
    return bool(_curved(bank).size)


def _curved(bank: SaturationBank) -> IntArray:
    """Channels whose curve is not Hill with slope 1."""
    other = bank.slope != 1.0
    other[list(bank.exponential)] = True
    return np.flatnonzero(other)


def envelope_tangents(model: ResponseModel, around: FloatArray) -> Tangents:
    """Lines above the envelopes of all channels that are not Hill with slope 1.

    Args:
        model: Response.
        around: Levels near which most lines touch ``(K, R, S, C)``.
    """
    bank = model.saturation
    if not has_other_curves(bank):
        return no_tangents(around.size)
    other = np.zeros(around.shape[-1], dtype=np.bool_)
    other[_curved(bank)] = True
    cut = np.broadcast_to(other, around.shape).ravel()
    cells = np.flatnonzero(cut)
    channels = around.shape[-1]
    channel = cells % channels
    point = tangent_point(bank)[channel]
    here = np.clip(model.exposure(around).ravel()[cells], 1e-3, 4.0 * _FAR)
    touch = np.concatenate(
        [
            np.maximum(point, 1e-3)[None],
            np.maximum(here * _AROUND[:, None], np.maximum(point, 1e-3)),
            np.maximum(point, 0.5) * _GRID[:, None],
        ]
    )  # (lines, cells)
    height, rise = np.empty_like(touch), np.empty_like(touch)
    for c in np.unique(channel):
        own = channel == c
        wide = np.zeros((*touch[:, own].shape, channels))
        wide[..., c] = touch[:, own]
        height[:, own] = bank.reached(wide)[..., c]
        rise[:, own] = saturation_slope(bank, wide)[..., c]
    ceiling = np.zeros((1, cells.size))  # q <= 1, whatever the exposure
    slopes = np.concatenate([rise, ceiling])
    intercepts = np.concatenate([height - rise * touch, ceiling + 1.0])
    return Tangents(
        cut=cut,
        cell=np.tile(cells, slopes.shape[0]),
        slope=slopes.ravel(),
        intercept=np.maximum(intercepts, 0.0).ravel(),
    )
