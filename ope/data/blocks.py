"""Sums of per-row columns by block of rows: all that values and intervals need, in a size that does not grow."""

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import FloatArray
from xbopt.ope.data.row_keys import KeyArray

KEPT_KEYS = 4096  # up to here each row (or cluster) is its own block
BLOCKS = 2048  # beyond, keys share this many blocks


class BlockSums:
    """Adds up columns by key; with more than ``KEPT_KEYS`` distinct keys they share ``BLOCKS`` blocks.

    What comes out depends on the rows alone, not on how they were cut into chunks or in which order these came (up to
    rounding of sums). Whole clusters fall into one block, so a variance between blocks is cluster-robust.

    Args:
        columns: Number of columns ``s``.
    """

    __slots__ = ("_columns", "_keys", "_pending", "_pending_rows", "_sums", "_table")

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._keys: KeyArray = np.empty(0, dtype=np.uint64)
        self._sums: FloatArray = np.empty((columns, 0))
        self._pending: list[tuple[KeyArray, FloatArray]] = []
        self._pending_rows = 0
        self._table: FloatArray | None = None

    def add(self, keys: KeyArray, columns: FloatArray) -> None:
        """Add rows: ``keys`` ``(n,)`` and ``columns`` ``(s, n)``. The arrays are kept until they are added up."""
        if self._table is not None:
            _bin(self._table, keys, columns)
            return
        self._pending.append((keys, columns))
        self._pending_rows += len(keys)
        if self._pending_rows > 2 * KEPT_KEYS:
            self._settle()

    def merge(self, other: "BlockSums") -> None:
        """Add what another one has gathered."""
        other._settle()
        if other._table is None:
            self.add(other._keys, other._sums)
            return
        self._settle()
        if self._table is None:
            self._share_blocks()
        assert self._table is not None
        self._table += other._table

    def blocks(self) -> FloatArray:
        """The sums ``(b, s)``, one row a block; blocks without rows are left out."""
        self._settle()
        if self._table is None:
            return np.ascontiguousarray(self._sums.T)
        return np.ascontiguousarray(self._table.T[self._table[0] != 0.0])

    def _settle(self) -> None:
        """Add up what is pending; go over to shared blocks where the keys have become too many."""
        if not self._pending:
            return
        keys = np.concatenate([self._keys, *(keys for keys, _ in self._pending)])
        columns = np.concatenate([self._sums, *(columns for _, columns in self._pending)], axis=1)
        self._pending, self._pending_rows = [], 0
        self._keys, position = np.unique(keys, return_inverse=True)
        self._sums = sums_by(position, len(self._keys), columns)
        if len(self._keys) > KEPT_KEYS:
            self._share_blocks()

    def _share_blocks(self) -> None:
        self._table = np.zeros((self._columns, BLOCKS))
        _bin(self._table, self._keys, self._sums)
        self._keys, self._sums = np.empty(0, dtype=np.uint64), np.empty((self._columns, 0))


def _bin(table: FloatArray, keys: KeyArray, columns: FloatArray) -> None:
    table += sums_by((keys % np.uint64(BLOCKS)).astype(np.intp), BLOCKS, columns)


def sums_by(position: NDArray[np.intp], size: int, columns: FloatArray) -> FloatArray:
    """Sums of columns ``(s, n)`` by position ``(n,)``: ``(s, size)``."""
    sums = np.empty((len(columns), size))
    for place, column in enumerate(columns):
        sums[place] = np.bincount(position, weights=column, minlength=size)
    return sums
