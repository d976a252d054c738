"""Tensors as bytes behind the JSON of an inference: the binary data extension of the Open Inference Protocol."""

from typing import TypeAlias

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.service.deciding.reading import RequestError

Numbers: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.generic]]"
HEADER_LENGTH = "inference-header-content-length"
"""The HTTP header that says how many bytes at the beginning of a body are JSON."""
CONTENT_TYPE = "application/octet-stream"

DATATYPES = {
    "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT64": "<i8", "INT32": "<i4", "INT16": "<i2", "INT8": "<i1",
    "UINT64": "<u8", "UINT32": "<u4", "UINT16": "<u2", "UINT8": "<u1", "BOOL": "?",
}  # fmt: skip
"""The protocol's types of numbers, and how numpy calls them: little-endian, row by row."""


def datatype_of(array: FloatArray | IntArray) -> str:
    """The protocol's name of an output's type."""
    return "INT64" if array.dtype.kind == "i" else "FP64"


def split_body(body: bytes, stated: bytes | None) -> "tuple[bytes | memoryview, memoryview]":
    """The JSON of a body, and what comes behind it.

    Args:
        body: The body.
        stated: What the header ``HEADER_LENGTH`` says; None where it is missing, and all of the body is JSON.

    Raises:
        RequestError: The header is no length within the body.
    """
    if stated is None:
        return body, memoryview(b"")
    length = int(stated) if stated.isdigit() and len(stated) < 16 else -1
    if not 0 <= length <= len(body):
        raise RequestError(
            f"{HEADER_LENGTH} has to be the number of bytes of JSON, from 0 to the {len(body)} of the body."
        )
    whole = memoryview(body)
    return whole[:length], whole[length:]


class TensorBytes:
    """Hands out the bytes behind the JSON, input by input.

    Args:
        data: The bytes.
    """

    def __init__(self, data: "bytes | memoryview") -> None:
        self._data, self._used = data, 0

    def take(self, name: str, datatype: str, size: int, stated: object) -> Numbers:
        """The next tensor, in one row; it is copied only where it begins at an odd place.

        Args:
            name: Its name.
            datatype: One of ``DATATYPES``.
            size: How many numbers it has by its shape.
            stated: How many bytes it has, as the request says.

        Raises:
            RequestError: Shape, stated size and body do not go together.
        """
        kind = np.dtype(DATATYPES[datatype])
        wanted, left = size * kind.itemsize, len(self._data) - self._used
        if stated != wanted or isinstance(stated, bool):
            raise RequestError(
                f"binary_data_size of {name!r} is {stated}; its shape needs {wanted} bytes of {datatype}."
            )
        if wanted > left:
            raise RequestError(f"The input {name!r} needs {wanted} bytes behind the JSON; {left} are left.")
        array = np.frombuffer(self._data, dtype=kind, count=size, offset=self._used)
        self._used += wanted
        if datatype == "BOOL":
            return array.view(np.uint8) != 0
        # The JSON before them may end anywhere; arithmetic wants numbers where the processor does.
        return np.require(array, requirements="A")

    def end(self) -> None:
        """Check that all bytes belonged to an input.

        Raises:
            RequestError: Some did not.
        """
        left = len(self._data) - self._used
        if left:
            raise RequestError(f"The last {left} bytes of the body belong to no input.")
