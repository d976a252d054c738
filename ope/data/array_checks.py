"""Checks of arrays that come from outside; every message names the column and the row.

Rows are counted from 0, as numpy does.
"""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import DecisionLogError

ROWS = ("n",)  # axes of an array with one value a row
SUM_TOLERANCE = 1e-5  # wide enough for float32; how far a row of probabilities may be from summing to 1


def finite_array(name: str, values: ArrayLike, *, axes: tuple[str, ...], lengths: tuple[int | None, ...]) -> FloatArray:
    """Finite numbers of the wanted shape; the array itself where it is float64 already.

    Raises:
        DecisionLogError: It holds no numbers, has another shape, or a value is NaN or infinite.
    """
    array = _numbers(name, values)
    _check_shape(name, array, axes=axes, lengths=lengths)
    # Minimum and maximum are finite exactly when every value is, and need no temporary array.
    if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
        _refuse(name, array, ~np.isfinite(array), "a finite number is wanted", axes)
    return array


def whole_numbers(name: str, values: ArrayLike, *, axes: tuple[str, ...], lengths: tuple[int | None, ...]) -> IntArray:
    """Whole numbers of the wanted shape.

    Raises:
        DecisionLogError: A value is no whole number, or the shape is another one.
    """
    array = cast("NDArray[np.generic]", np.asarray(values))
    if array.dtype.kind in "iu":
        _check_shape(name, array, axes=axes, lengths=lengths)
        return array.astype(np.int64, copy=False)
    floats = finite_array(name, values, axes=axes, lengths=lengths)
    fractional = floats != np.floor(floats)
    if fractional.any():
        _refuse(name, floats, fractional, "a whole number is wanted", axes)
    return floats.astype(np.int64)


def check_between(
    name: str,
    array: FloatArray | IntArray,
    low: float,
    high: float,
    wanted: str,
    *,
    open_low: bool = False,
    axes: tuple[str, ...] = ROWS,
) -> None:
    """Check that every value lies from ``low`` to ``high``.

    Raises:
        DecisionLogError: A value lies outside; ``wanted`` ends the message.
    """
    if not array.size:
        return
    least, most = float(array.min()), float(array.max())
    if least < low or most > high or (open_low and least <= low):
        outside = (array < low) | (array > high)
        _refuse(name, array, outside | (array <= low) if open_low else outside, wanted, axes)


def check_distributions(name: str, array: FloatArray, *, axes: tuple[str, ...] = ROWS) -> None:
    """Check that the last axis holds probabilities that sum to 1.

    Raises:
        DecisionLogError: A value is no probability, or a row does not sum to 1.
    """
    check_between(name, array, 0.0, 1.0, "probabilities lie from 0 to 1", axes=axes)
    sums: FloatArray = array @ np.ones(array.shape[-1])
    off = np.abs(sums - 1.0) > SUM_TOLERANCE
    if off.any():
        place = _place(np.argwhere(off)[0], axes)
        raise DecisionLogError(f"{name}, {place}: the probabilities sum to {float(sums[off][0]):.6g}; 1 is wanted.")


def codes_of(name: str, values: ArrayLike, rows: int) -> IntArray:
    """Whole numbers that stand for labels ``(n,)``: whole numbers stay, texts get a number that any chunk would give.

    Raises:
        DecisionLogError: There is not one label a row, or one is missing (None, NaN, NaT).
    """
    array = cast("NDArray[np.generic]", np.asarray(values))
    _check_shape(name, array, axes=("n",), lengths=(rows,))
    if array.dtype.kind in "iu":
        return array.astype(np.int64, copy=False)
    # Rows without a label would otherwise become one group that nobody meant.
    empty = _missing(array, values)
    if empty.any():
        _refuse(name, array, empty, "every row needs a label", ROWS)
    labels, position = np.unique(array.astype(np.str_), return_inverse=True)
    return np.array([_text_code(str(label)) for label in labels.tolist()], dtype=np.int64)[position]


def _missing(array: NDArray[np.generic], values: ArrayLike) -> NDArray[np.bool_]:
    """Where a label is None, NaN, NaT or NA ``(n,)``."""
    if array.dtype.kind == "f":
        return np.isnan(cast("FloatArray", array))
    if array.dtype.kind in "mM":
        return np.isnat(array)  # pyright: ignore[reportArgumentType, reportCallIssue] - the kind says that it is a time
    if array.dtype.kind == "U" and not isinstance(values, np.ndarray):
        array = np.asarray(values, dtype=np.object_)  # numpy has written a NaN among texts as 'nan'
    if array.dtype.kind != "O":
        return np.zeros(len(array), dtype=np.bool_)
    labels: list[object] = array.tolist()
    return np.array(
        [one is None or type(one).__name__ in ("NAType", "NaTType") or one != one for one in labels],  # noqa: PLR0124
        dtype=np.bool_,
    )


def _text_code(text: str) -> int:
    """A number below 2**63 that depends on the text alone (Python's own hash differs from run to run)."""
    from hashlib import blake2b

    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def _numbers(name: str, values: ArrayLike) -> FloatArray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DecisionLogError(f"{name} holds something that is no number: {error}.") from error


def _check_shape(
    name: str, array: NDArray[np.generic], *, axes: tuple[str, ...], lengths: tuple[int | None, ...]
) -> None:
    fits = array.ndim == len(lengths) and all(
        want is None or have == want for have, want in zip(array.shape, lengths, strict=True)
    )
    if not fits:
        wanted = ", ".join(axis if want is None else f"{axis}={want}" for axis, want in zip(axes, lengths, strict=True))
        raise DecisionLogError(f"{name} has shape {array.shape}; ({wanted}) is wanted.")


def _place(index: NDArray[np.int64], axes: tuple[str, ...]) -> str:
    words = ("episode", "step", "column") if "T" in axes else ("row", "column")
    return ", ".join(f"{word} {int(number)}" for word, number in zip(words, index, strict=False))


def _refuse(name: str, array: NDArray[np.generic], bad: NDArray[np.bool_], wanted: str, axes: tuple[str, ...]) -> None:
    index = np.argwhere(bad)[0]
    more = int(bad.sum()) - 1
    also = f" ({more} more like it)" if more else ""
    raise DecisionLogError(f"{name}, {_place(index, axes)}: {array[tuple(index)]} was found; {wanted}{also}.")
