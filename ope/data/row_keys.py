"""Folds and blocks of rows by key: which part a row belongs to depends on its key and the seed, never on the chunk."""

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import IntArray
from xbopt.core.randomness import stream_key

KeyArray = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_FIRST = np.uint64(0xBF58_476D_1CE4_E5B9)
_SECOND = np.uint64(0x94D0_49BB_1331_11EB)


def row_keys(rows: int, *, first_row: int, cluster: IntArray | None, seed: int) -> KeyArray:
    """One mixed 64-bit key a row ``(n,)``; rows of one cluster share theirs.

    The mixing is that of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").

    Args:
        rows: Number of rows.
        first_row: Number of the first of them in the whole log.
        cluster: Cluster of each row ``(n,)``; None where rows are independent.
        seed: 0..2**63-1.
    """
    salt = np.uint64(stream_key(seed, "ope row keys")[0])
    numbers = np.arange(first_row, first_row + rows) if cluster is None else cluster
    keys = numbers.astype(np.uint64)
    keys *= _GOLDEN  # wraps around, which is what is wanted
    keys += salt
    keys ^= keys >> np.uint64(30)
    keys *= _FIRST
    keys ^= keys >> np.uint64(27)
    keys *= _SECOND
    keys ^= keys >> np.uint64(31)
    return keys


def folds_of(keys: KeyArray, folds: int) -> NDArray[np.intp]:
    """Fold of each key ``(n,)``, from the upper half of its bits; blocks use the lower half."""
    return ((keys >> np.uint64(32)) % np.uint64(folds)).astype(np.intp)
