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
        self._names = [field.name for field, *_ in fields]
        self._values = attrgetter(*self._names)
        nestings: list[list[int]] = []
        bounds: list[FloatArray] = []
        parts: list[tuple[str, str, tuple[int, ...]]] = []
        at = 0
        for field, shape, low, high in fields:
            whole = field.dtype == "int64"
            if len(shape) > _MOST_AXES:
                self._read = None
                break
            lengths = [*shape, *[0] * (_MOST_AXES - len(shape))]
            nestings.append([at, len(shape), *lengths, int(whole), int(field.name in CAPS)])
            bounds.append(np.stack([low.ravel(), high.ravel()], axis=1))
            parts.append((field.name, field.dtype, (1, *shape)))
            at += prod(shape)
        # A record of arrays: naming one costs a third of cutting it out of a row of numbers.
        self._layout = np.dtype(parts)
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
        record = np.empty((), self._layout)
        if not self._read(self._values(request), self._nestings, self._bounds, record):
            return None
        inputs: Arrays = {name: record[name] for name in self._names}
        return Batch(decision_ids=[decision_id], inputs=inputs)
