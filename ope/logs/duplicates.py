"""Finding decisions that stand in a log twice, whatever its size."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

import tempfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import BoolArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa

Keys = NDArray[np.uint64]

_IN_MEMORY = 1_000_000
_BUCKETS = 64
_SHIFT = np.uint64(58)
_MULTIPLIER = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIXERS = ((np.uint64(30), np.uint64(0xBF58_476D_1CE4_E5B9)), (np.uint64(27), np.uint64(0x94D0_49BB_1331_11EB)))


def hashed(names: "pa.Array") -> IntArray:
    """A 64-bit number for each text ``(n,)``: the same text, the same number, on any machine and in any batch.

    A polynomial over the bytes (Carter, Wegman 1979, "Universal classes of hash functions") with the finalizer of
    SplitMix64 (Steele, Lea, Flood 2014). Different texts share a number with a chance near 2^-64 a pair.
    """
    import pyarrow as pa

    wide = names.cast(pa.large_string())
    _, offsets, data = wide.buffers()
    if len(wide) == 0 or data is None:
        return np.zeros(len(wide), dtype=np.int64)
    bounds = np.frombuffer(offsets, dtype=np.int64)[wide.offset : wide.offset + len(wide) + 1]
    letters = np.frombuffer(data, dtype=np.uint8)[bounds[0] : bounds[-1]].astype(np.uint64) + np.uint64(1)
    lengths = np.diff(bounds)
    total = np.zeros(len(wide), dtype=np.uint64)
    if len(letters):
        place = np.arange(len(letters)) - np.repeat(bounds[:-1] - bounds[0], lengths)
        powers = np.cumprod(np.full(int(lengths.max()), _MULTIPLIER), dtype=np.uint64)
        filled = lengths > 0
        total[filled] = np.add.reduceat(letters * powers[place], (bounds[:-1] - bounds[0])[filled])
    for shift, factor in _MIXERS:
        total = (total ^ (total >> shift)) * factor
    return (total ^ (total >> np.uint64(31))).view(np.int64)


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
