"""Effects of many groups taken out of columns by weighted least squares: levels, and slopes of each group's own."""

# scipy's sparse arrays carry no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import XboptError

_MOST_SWEEPS = 50


class RegressionError(XboptError):
    """Raised when a regression does not converge: nothing is known about its coefficients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSlopes:
    """A level of each group and slopes of its own on some columns.

    Attributes:
        group: Number of the group ``(N,)``.
        columns: What each group has slopes on ``(N, M)``, of sizes around 1.
    """

    group: IntArray = field(repr=False)
    columns: FloatArray = field(repr=False)

    @property
    def counts(self) -> IntArray:
        """How many effects each group has: a level, and slopes on the columns that are not 0 all over it."""
        counts = np.ones(int(self.group.max(initial=-1)) + 1, dtype=np.int64)
        for column in self.columns.T:
            counts += np.bincount(self.group, column != 0.0) > 0.0
        return counts


Effects: TypeAlias = IntArray | OwnSlopes
"""Numbers of groups that have a level each ``(N,)``, or levels and slopes."""


def absorb(columns: FloatArray, groups: Sequence[Effects], weights: FloatArray) -> FloatArray:
    """Columns ``(N, K)`` less what all effects together explain by weighted least squares.

    Raises:
        RegressionError: The effects cannot be told from each other well enough to be solved for.
    """
    left = np.array(columns, dtype=np.float64)
    if not groups:
        return left
    effects = _Absorber(groups, weights)
    scale = np.maximum(np.sqrt((weights @ left**2) / weights.sum()), 1e-12)
    for _ in range(_MOST_SWEEPS):
        after = effects.taken_out(left)
        if float(np.max(np.abs(after - left) / scale, initial=0.0)) < 1e-9:
            return after
        left = after
    raise RegressionError("The effects of the groups cannot be told apart.")


class _Absorber:
    """Solves for effects: those of the first kind group by group, the others by the Schur complement of these."""

    def __init__(self, groups: Sequence[Effects], weights: FloatArray) -> None:
        first, *others = groups
        self._weights = weights[:, None]
        self._first, size = _design(first)
        gram = (self._first.T @ self._first.multiply(self._weights)).tobsr((size, size))
        # The pseudo-inverse: a group of few rows, or whose rows all but vanish, has no slope.
        gram.data = np.linalg.pinv(gram.data, rcond=1e-10, hermitian=True)
        self._inverse = gram.tocsr()
        self._others = sparse.hstack([_design(other)[0] for other in others], format="csr") if others else None
        if self._others is not None:
            weighted = self._others.multiply(self._weights)
            self._cross = (self._first.T @ weighted).tocsr()
            complement = self._others.T @ weighted - self._cross.T @ (self._inverse @ self._cross)
            # Levels of two kinds share a constant; a ridge far below anything else leaves it with the first.
            ridge = 1e-10 * max(float(complement.diagonal().max(initial=0.0)), 1e-300)
            self._solver = splu((complement + ridge * sparse.eye_array(complement.shape[0])).tocsc())

    def taken_out(self, columns: FloatArray) -> FloatArray:
        """Columns ``(N, K)`` less the effects; more than once where rounding leaves something."""
        if self._others is not None:
            own = self._inverse @ (self._first.T @ (self._weights * columns))
            right = self._others.T @ (self._weights * columns) - self._cross.T @ own
            columns = columns - self._others @ self._solver.solve(right)
        return columns - self._first @ (self._inverse @ (self._first.T @ (self._weights * columns)))


def _design(effects: Effects) -> tuple[sparse.csr_array, int]:
    """The regressors of effects ``(N, groups * M)``, those of a group beside each other, and ``M``."""
    own = isinstance(effects, OwnSlopes)
    group = effects.group if own else effects
    basis = np.column_stack([np.ones(len(group)), *([effects.columns] if own else [])])
    rows, size = basis.shape
    places = group[:, None] * size + np.arange(size)
    shape = rows, (int(group.max(initial=-1)) + 1) * size
    return sparse.csr_array((basis.ravel(), places.ravel(), np.arange(rows + 1) * size), shape=shape), size
