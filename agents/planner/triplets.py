"""Sparse matrices as triplets, with the few operations that the planner's program needs."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Triplets:
    """A sparse matrix; entries of the same place add up.

    Attributes:
        row: ``(e,)``.
        column: ``(e,)``.
        value: ``(e,)``.
        height: Number of rows.
        width: Number of columns.
    """

    row: IntArray
    column: IntArray
    value: FloatArray
    height: int
    width: int

    @classmethod
    def dense(cls, rows: FloatArray) -> "Triplets":
        """From a dense matrix ``(m, n)``; zeros are left out."""
        row, column = np.nonzero(rows)
        return cls(row=row, column=column, value=rows[row, column], height=rows.shape[0], width=rows.shape[1])

    @classmethod
    def picking(cls, columns: IntArray, width: int) -> "Triplets":
        """One row a column that is picked, with a 1 there."""
        count = len(columns)
        return cls(row=np.arange(count), column=columns, value=np.ones(count), height=count, width=width)

    def __neg__(self) -> "Triplets":
        """The matrix times -1."""
        return replace(self, value=-self.value)

    def __add__(self, other: "Triplets") -> "Triplets":
        """Sum of two matrices of one shape."""
        assert (self.height, self.width) == (other.height, other.width), "matrices of one shape can be added"
        return replace(
            self,
            row=np.concatenate([self.row, other.row]),
            column=np.concatenate([self.column, other.column]),
            value=np.concatenate([self.value, other.value]),
        )

    def __matmul__(self, vector: FloatArray) -> FloatArray:
        """Product with a vector ``(n,)``."""
        sums = np.bincount(self.row, weights=self.value * vector[self.column], minlength=self.height)
        return sums.astype(np.float64)

    def scaled(self, *, rows: FloatArray | None = None, columns: FloatArray | None = None) -> "Triplets":
        """Rows times ``rows`` ``(m,)`` and columns times ``columns`` ``(n,)``."""
        value = self.value if rows is None else self.value * rows[self.row]
        return replace(self, value=value if columns is None else value * columns[self.column])

    def chosen(self, rows: IntArray) -> "Triplets":
        """Some rows, in the order given; each may be chosen more than once."""
        order = np.argsort(self.row, kind="stable")
        starts = np.searchsorted(self.row[order], np.arange(self.height + 1))
        counts = starts[rows + 1] - starts[rows]
        # Positions of the chosen entries: each row's run, one after the other.
        offsets = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        entries = order[np.repeat(starts[rows], counts) + offsets]
        return Triplets(
            row=np.repeat(np.arange(len(rows)), counts),
            column=self.column[entries],
            value=self.value[entries],
            height=len(rows),
            width=self.width,
        )

    def spread(self, every: int, offset: int) -> "Triplets":
        """Row ``i`` becomes row ``every * i + offset`` of a matrix that many times as high."""
        return replace(self, row=every * self.row + offset, height=every * self.height)

    def shifted(self, columns: int, width: int) -> "Triplets":
        """The same rows in a wider matrix, ``columns`` further to the right."""
        return replace(self, column=self.column + columns, width=width)

    def of_row(self, row: int) -> tuple[IntArray, FloatArray]:
        """Columns and values of one row."""
        own = self.row == row
        return self.column[own], self.value[own]


def stacked(parts: list[Triplets]) -> Triplets:
    """Matrices of one width on top of each other."""
    heights = np.cumsum([0, *(part.height for part in parts)])
    return Triplets(
        row=np.concatenate([part.row + top for part, top in zip(parts, heights[:-1], strict=True)]),
        column=np.concatenate([part.column for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        height=int(heights[-1]),
        width=parts[0].width,
    )
