"""Tensors in the memory of the native kernel: places and strides, without moving an entry."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from xbopt.core.arrays import IntArray

Kind: TypeAlias = Literal["f", "i", "b", "s"]
"""float64, whole numbers, truth, float32."""
Shape: TypeAlias = tuple[int, ...]
LOOPS = 4
"""Loops of a step, one inside the other."""


class NotNativeError(Exception):
    """Raised where the kernel has no steps for a graph; the message says for what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """Where the entries of a tensor lie.

    Attributes:
        at: Its first entry.
        shape: Its shape.
        strides: How far apart entries lie along each axis; 0 where they are the same.
        kind: What the numbers are.
        fixed: Whether it is the same whatever is asked.
        values: Its entries, where they are known.
    """

    at: int
    shape: Shape
    strides: Shape
    kind: Kind = "f"
    fixed: bool = False
    values: IntArray | None = None


def side_by_side(shape: Shape) -> Shape:
    """Strides of entries side by side."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
    return tuple(strides)


def viewed(tensor: Tensor, shape: Shape) -> Tensor:
    """The same entries, which lie side by side, in another shape."""
    return replace(tensor, shape=shape, strides=side_by_side(shape), values=None)


def picked(tensor: Tensor, axes: Sequence[int]) -> Tensor:
    """Some axes, in an order; the others have the length 1."""
    return replace(
        tensor,
        shape=tuple(tensor.shape[axis] for axis in axes),
        strides=tuple(tensor.strides[axis] for axis in axes),
        values=None,
    )


def changed(shape: Shape, axis: int, length: int) -> Shape:
    """A shape, or strides, with another number for one axis."""
    return (*shape[:axis], length, *shape[axis + 1 :])


def stretched(tensor: Tensor, shape: Shape) -> Shape:
    """Strides of a tensor that is stretched to a shape."""
    own = [0 if length == 1 else stride for length, stride in zip(tensor.shape, tensor.strides, strict=True)]
    return (*[0] * (len(shape) - len(own)), *own)


def evenly_taken(tensor: Tensor, axis: int, places: IntArray) -> Tensor | None:
    """Entries at even distances along an axis; None where the places are no such ones."""
    length = tensor.shape[axis]
    apart = int(places[1] - places[0]) if len(places) > 1 else 1
    first, last = int(places[0]) if len(places) else -1, int(places[-1]) if len(places) else -1
    if apart < 1 or first < 0 or last >= length or (np.diff(places) != apart).any():
        return None
    strides = changed(tensor.strides, axis, tensor.strides[axis] * apart)
    at = tensor.at + first * tensor.strides[axis]
    return replace(tensor, at=at, shape=changed(tensor.shape, axis, len(places)), strides=strides, values=None)


def runs_of(axes: Sequence[int]) -> list[list[int]]:
    """Axes, those that follow each other together."""
    runs: list[list[int]] = []
    for axis in axes:
        if runs and runs[-1][-1] + 1 == axis:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    return runs


def loops_over(shape: Shape, every: Sequence[Shape]) -> tuple[list[int], list[list[int]]]:
    """Four loops over a shape, and the strides of each tensor along them.

    Raises:
        NotNativeError: It takes more loops.
    """
    lengths: list[int] = []
    strides: list[list[int]] = [[] for _ in every]
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        # An axis goes on where the one before it ends: both are one loop.
        joined = lengths and all(own[-1] == of[axis] * length for own, of in zip(strides, every, strict=True))
        for own, of in zip(strides, every, strict=True):
            if joined:
                own.pop()
            own.append(of[axis])
        lengths = [*lengths[:-1], lengths[-1] * length] if joined else [*lengths, length]
    spare = LOOPS - len(lengths)
    if spare < 0:
        raise NotNativeError(f"it stretches tensors over {len(lengths)} axes at once")
    return [1] * spare + lengths, [[0] * spare + own for own in strides]
