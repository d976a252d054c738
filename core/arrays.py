"""Arrays: their types, the one check of their shapes, and the sums and products that keep worlds independent."""

from math import prod

import numpy as np
from numpy.typing import NDArray

from xbopt.core.errors import DecisionError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def contract(subscripts: str, *arrays: FloatArray) -> FloatArray:
    """``numpy.einsum`` with a type: numpy itself declares its result as anything."""
    result: FloatArray = np.einsum(subscripts, *arrays)
    return result


def check_shape(name: str, array: FloatArray | IntArray, expected: tuple[int | None, ...], axes: str) -> None:
    """Check the shape of one array; ``None`` in ``expected`` allows any length on that axis.

    Raises:
        DecisionError: The message names the array, its shape, the shape wanted and the axes.
    """
    fits = array.ndim == len(expected) and all(
        want is None or have == want for have, want in zip(array.shape, expected, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if want is None else str(want) for want in expected)
        raise DecisionError(f"{name} has shape {array.shape}; ({wanted}) is wanted, axes ({axes}).")


def add_up(array: FloatArray | BoolArray, *axes: int) -> FloatArray:
    """Sum over some axes, always in the same order: entry by entry, the last of the axes first.

    numpy's own sum may group terms in another way for another batch size. A world's path must not depend on its
    neighbours, so every sum over regions, segments, channels or buckets goes through here. With worlds innermost in
    memory it is also the faster way.
    """
    sums = np.asarray(array, dtype=np.float64)
    for axis in sorted(axes, reverse=True):
        if not (len(sums) > 1 and sums.strides[0] == sums.itemsize < sums.strides[axis]):
            sums = np.asfortranarray(sums)
        if prod(sums.shape[:axis]) > 1:
            # numpy walks along one of the axes before this one in its inner loop, so it too adds entry by entry. It
            # begins with -0.0, to which any first entry may be added without a change.
            sums = np.add.reduce(sums, axis=axis, initial=-0.0)
        else:
            entries = sums.swapaxes(0, axis)
            total = np.add(entries[0], entries[1] if len(entries) > 1 else 0.0)
            for entry in entries[2:]:
                np.add(total, entry, out=total)
            # Axis 0 took the place of the one that is gone; it goes back to the front.
            sums = total if axis <= 1 else total.transpose(axis - 1, *range(axis - 1), *range(axis, total.ndim))
    return sums


def some(mask: FloatArray | BoolArray) -> bool:
    """Whether any entry is true or not 0: ``mask.any()``, which costs several times as much for a day's arrays."""
    return int(np.count_nonzero(mask)) > 0


def every(mask: BoolArray) -> bool:
    """Whether all entries are true: ``mask.all()``, at the same saving."""
    return int(np.count_nonzero(mask)) == mask.size


def worlds_innermost(array: FloatArray) -> FloatArray:
    """The same array ``(B, ...)``, laid out in memory so that the worlds of one cell lie side by side.

    Axes keep their order. Arithmetic then runs along the worlds and meets each parameter as a scalar.
    """
    return np.asfortranarray(array)


def outer(left: FloatArray, right: FloatArray) -> FloatArray:
    """``left * right`` where one has worlds and the other an axis that the first lacks; worlds innermost.

    numpy cannot tell from such operands how the product should lie in memory, and would put the worlds outermost.
    """
    return np.multiply(left, right, order="F")
