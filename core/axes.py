"""The axis legend of the whole project, and the one check of array shapes.

Axes always stand in this order, whichever of them an array has:

=====  =================================================================
``B``  worlds (independent copies of the market, one row a world)
``T``  days of the horizon
``R``  regions
``S``  customer segments
``L``  lifecycle buckets: prospect, new, active, at risk, lapsed
``C``  media channels
``H``  dayparts
``K``  currencies, or tactics where a docstring says so
=====  =================================================================
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from xbopt.core.errors import DecisionError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Bucket(IntEnum):
    """Lifecycle buckets, the positions along the ``L`` axis."""

    PROSPECT = 0
    NEW = 1
    ACTIVE = 2
    AT_RISK = 3
    LAPSED = 4


BUCKETS: tuple[str, ...] = tuple(bucket.name.lower() for bucket in Bucket)


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
