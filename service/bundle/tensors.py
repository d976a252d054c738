"""Arrays in JSON and back, exact to the bit."""

import math
from typing import Literal

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import BundleError
from xbopt.service.bundle.formats import Tensor

_CODES: dict[str, Literal["<f8", "<i8"]] = {"float64": "<f8", "int64": "<i8"}
MOST_NUMBERS = 64_000_000


def to_tensor(array: FloatArray | IntArray) -> Tensor:
    """An array as its bytes."""
    dtype: Literal["float64", "int64"] = "int64" if array.dtype.kind in "iu" else "float64"
    data = np.ascontiguousarray(array, dtype=_CODES[dtype]).tobytes()
    return Tensor(dtype=dtype, shape=list(array.shape), data=data)


def from_tensor(tensor: Tensor, name: str) -> FloatArray | IntArray:
    """The array of a tensor; a copy that may be written to.

    Raises:
        BundleError: Shape and bytes do not fit.
    """
    if any(length < 0 for length in tensor.shape) or math.prod(tensor.shape) > MOST_NUMBERS:
        raise BundleError(f"{name} has the shape {tensor.shape}, which cannot be.")
    if len(tensor.data) != math.prod(tensor.shape) * 8:
        raise BundleError(f"{name} has {len(tensor.data)} bytes; its shape {tensor.shape} needs 8 a number.")
    array: FloatArray | IntArray = np.frombuffer(tensor.data, dtype=_CODES[tensor.dtype]).reshape(tensor.shape).copy()
    return array


def floats(tensors: dict[str, Tensor], name: str, shape: tuple[int, ...], file: str) -> FloatArray:
    """A float64 array of a document.

    Raises:
        BundleError: It is missing, or has another type or shape.
    """
    array = _one(tensors, name, "float64", shape, file)
    return array.astype(np.float64, copy=False)


def integers(tensors: dict[str, Tensor], name: str, shape: tuple[int, ...], file: str) -> IntArray:
    """An int64 array of a document.

    Raises:
        BundleError: It is missing, or has another type or shape.
    """
    array = _one(tensors, name, "int64", shape, file)
    return array.astype(np.int64, copy=False)


def _one(tensors: dict[str, Tensor], name: str, dtype: str, shape: tuple[int, ...], file: str) -> FloatArray | IntArray:
    if name not in tensors:
        raise BundleError(f"{file} lacks {name}.")
    tensor = tensors[name]
    if tensor.dtype != dtype or tuple(tensor.shape) != shape:
        raise BundleError(f"{file}: {name} is {tensor.dtype} {tensor.shape}; {dtype} {list(shape)} is wanted.")
    return from_tensor(tensor, f"{file}: {name}")
