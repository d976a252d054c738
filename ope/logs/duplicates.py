"""Finding decisions that stand in a log twice, whatever its size."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

import tempfile
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import BoolArray, IntArray
from xbopt.core.text_hashes import hashed as hashed  # noqa: PLC0414 - whoever looks for repeats hashes first

Keys = NDArray[np.uint64]

_IN_MEMORY = 1_000_000
_BUCKETS = 64
_SHIFT = np.uint64(58)


class RepeatFinder:
    """Collects the hashes of all decision ids, and says which stand there more than once.

    Beyond a million, the hashes go to temporary files, so that memory does not grow with the log: each file
    holds those that begin with the same six bits, and is looked at by itself.
    """

    def __init__(self) -> None:
        self._held: list[Keys] = []
        self._count = 0
        self._files: list[IO[bytes]] = []

    def add(self, hashes: IntArray) -> None:
        """Take note of some decisions."""
        self._held.append(hashes.view(np.uint64))
        self._count += len(hashes)
        if self._count > _IN_MEMORY:
            self._spill()

    def _spill(self) -> None:
        if not self._held:
            return
        if not self._files:
            self._files = [tempfile.TemporaryFile() for _ in range(_BUCKETS)]  # noqa: SIM115 - closed with the finder
        keys = np.concatenate(self._held)
        self._held, self._count = [], 0
        keys.sort()
        ends = np.searchsorted(keys >> _SHIFT, np.arange(_BUCKETS + 1, dtype=np.uint64))
        for file, start, end in zip(self._files, ends[:-1], ends[1:], strict=True):
            file.write(keys[start:end].tobytes())

    def repeated(self) -> IntArray:
        """The hashes that were seen more than once; different ids may share one, so their texts must be compared."""
        found = [_more_than_once(keys) for keys in self._buckets()]
        return np.concatenate(found).view(np.int64) if found else np.zeros(0, dtype=np.int64)

    def _buckets(self) -> Iterator[Keys]:
        if not self._files:
            if self._held:
                yield np.concatenate(self._held)
            return
        self._spill()
        for file in self._files:
            file.seek(0)
            yield np.frombuffer(file.read(), dtype=np.uint64)
            file.close()


def _more_than_once(keys: Keys) -> Keys:
    ordered = np.sort(keys)
    again: BoolArray = ordered[1:] == ordered[:-1]
    return np.unique(ordered[1:][again])
