"""64-bit numbers for texts: the same text, the same number, on any machine, in any batch and in any version."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from typing import TYPE_CHECKING

import numpy as np

from xbopt.core.arrays import IntArray

if TYPE_CHECKING:
    import pyarrow as pa

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
