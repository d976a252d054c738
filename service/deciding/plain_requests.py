"""The short way from a request to a batch, for those that say nothing unusual: all numbers there, and none strange.

The kernel reads the lists and compares every number with its bounds in one pass. Whatever it does not take - a gap, a
drift, a mistake - is read again the long way, which knows what to do about it and how to say so.
"""

from math import prod
from operator import attrgetter

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.service.bundle.graph_session import Arrays
from xbopt.service.bundle.kernel import kernel
from xbopt.service.bundle.schema import CAPS, Field
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.requests import AllocationRequest

_MOST_AXES = 4


class PlainReader:
    """Reads requests that say nothing unusual.

    Args:
        fields: The inputs of a request, each with its shape for one row and the bounds of its numbers: two arrays of
            that shape, within which nothing is strange.
    """

    def __init__(self, fields: "list[tuple[Field, tuple[int, ...], FloatArray, FloatArray]]") -> None:
        module, _ = kernel()
        self._read = None if module is None or len(fields) < 2 else module.read
        self._values = attrgetter(*(field.name for field, *_ in fields))
        nestings: list[list[int]] = []
        bounds: list[FloatArray] = []
        self._parts: list[tuple[str, slice, tuple[int, ...], bool]] = []
        at = 0
        for field, shape, low, high in fields:
            whole = field.dtype == "int64"
            if len(shape) > _MOST_AXES:
                self._read = None
                break
            lengths = [*shape, *[0] * (_MOST_AXES - len(shape))]
            nestings.append([at, len(shape), *lengths, int(whole), int(field.name in CAPS)])
            bounds.append(np.stack([low.ravel(), high.ravel()], axis=1))
            self._parts.append((field.name, slice(at, at + prod(shape)), (1, *shape), whole))
            at += prod(shape)
        self._numbers = at
        self._nestings = np.array(nestings, dtype=np.int64)
        self._bounds = np.ascontiguousarray(np.concatenate(bounds))

    def batch(self, request: AllocationRequest, decision_id: str) -> Batch | None:
        """The batch of one request whose other fields are plain; None where it has to be read the long way.

        Args:
            request: What is asked.
            decision_id: Name of the decision.
        """
        if self._read is None:
            return None
        block = np.empty(self._numbers)
        if not self._read(self._values(request), self._nestings, self._bounds, block):
            return None
        inputs: Arrays = {
            name: (block[part].view(np.int64) if whole else block[part]).reshape(shape)
            for name, part, shape, whole in self._parts
        }
        return Batch(decision_ids=[decision_id], inputs=inputs)
