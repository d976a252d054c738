"""Some rows of a log, kept for the tests of what cannot be told from sums: by day, segment and context column.

The sample is thinned to what fits into memory: of many rows it keeps one in 2, 4, 8, ..., chosen by a number that
belongs to the row, so that it depends neither on chunks nor on workers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import KeyArray, row_keys
from xbopt.ope.diagnostics.weights import WeightedRows

MOST_ROWS = 16_384
MOST_NUMBERS = 2_000_000
_MOST_ACTIONS = 128  # beyond, too few rows would fit with a probability of every action
_BITS = np.uint64(12)  # of a row's key that choose; the lower ones choose blocks, the upper half folds
_SALT = 0x5A17


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedRows:
    """The rows that were kept, ``m`` of them.

    Attributes:
        number: What chose them ``(m,)``.
        data: Context, action, own propensity, table of all probabilities, time, segment and cluster.
        weight: Importance weight ``(m,)``.
        evaluation: pi_e of every action ``(m, K)``; None with too many actions.
        residual: Reward less its prediction ``(m,)``.
        pooled: Whether weights are balanced over several logging policies: they are 1 on average over all of these, and
            not by day or segment.
    """

    number: KeyArray
    data: LoggedBanditData
    weight: FloatArray
    evaluation: FloatArray | None
    residual: FloatArray
    pooled: bool

    def rows(self, select: IntArray) -> "AuditedRows":
        """Some of them, in the order given."""
        return AuditedRows(
            number=self.number[select],
            data=self.data.rows(select),
            weight=self.weight[select],
            evaluation=None if self.evaluation is None else self.evaluation[select],
            residual=self.residual[select],
            pooled=self.pooled,
        )


class AuditSample:
    """Gathers rows in chunks of any size and order."""

    __slots__ = ("_kept", "_parts", "_share", "_width")

    def __init__(self) -> None:
        self._parts: list[AuditedRows] = []
        self._kept = 0
        self._share = 1
        self._width = 1

    def add(
        self, data: LoggedBanditData, weighted: WeightedRows, residual: FloatArray, *, keys: KeyArray, rows: IntArray
    ) -> None:
        """Add rows with their keys and numbers in the log ``(n,)``."""
        number = keys if data.cluster is None else row_keys(len(rows), first_row=0, cluster=rows, seed=_SALT)
        small = data.n_actions <= _MOST_ACTIONS
        table = data.action_probabilities if small else None
        self._width = 8 + data.context.shape[1] + data.n_actions * ((table is not None) + small)
        kept = _chosen(number, self._share)
        while len(kept) > self._most:  # before anything is copied
            self._share *= 2
            kept = kept[_chosen(number[kept], self._share)]
        if not len(kept):
            return
        bare = replace(
            data,
            action_probabilities=table,
            covariates=None,
            cost=None,
            observed=None,
            previous_action=None,
            policy_propensities=None,
            checked=True,
        )
        every = AuditedRows(
            number=number,
            data=bare,
            weight=weighted.weight,
            evaluation=weighted.evaluation if small else None,
            residual=residual,
            pooled=data.policy_propensities is not None,
        )
        self._take(every.rows(kept))

    def merge(self, other: "AuditSample") -> None:
        """Add what another one has kept."""
        self._share, self._width = max(self._share, other._share), max(self._width, other._width)
        for part in other._parts:
            self._take(part)

    @property
    def has_context(self) -> bool:
        """Whether rows have a context at all."""
        return any(part.data.context.shape[1] > 0 for part in self._parts)

    def rows(self) -> AuditedRows | None:
        """The rows, in an order that belongs to them; None where there are none."""
        self._thin()
        if not self._kept:
            return None
        whole = _together(self._parts)
        return whole.rows(np.argsort(whole.number, kind="stable").astype(np.int64))

    @property
    def _most(self) -> int:
        return max(min(MOST_ROWS, MOST_NUMBERS // self._width), 1)

    def _take(self, part: AuditedRows) -> None:
        self._parts.append(part)
        self._kept += len(part.number)
        if self._kept > self._most:
            self._thin()

    def _thin(self) -> None:
        """Keep one row in so many that they fit: the least power of 2 that does, whatever came first."""
        while True:
            chosen = [_chosen(part.number, self._share) for part in self._parts]
            self._kept = sum(map(len, chosen))
            if self._kept <= self._most:
                break
            self._share *= 2
        pairs = zip(self._parts, chosen, strict=True)
        self._parts = [part if len(kept) == len(part.number) else part.rows(kept) for part, kept in pairs if len(kept)]


def _chosen(number: KeyArray, share: int) -> IntArray:
    """Positions of the rows whose number chooses them ``(m,)``."""
    return np.flatnonzero(((number >> _BITS) & np.uint64(share - 1)) == 0).astype(np.int64, copy=False)


def _together(parts: Sequence[AuditedRows]) -> AuditedRows:
    def joined(some: Sequence[AuditedRows | LoggedBanditData], kind: type) -> dict[str, NDArray[np.generic]]:
        columns = {one.name: [getattr(part, one.name) for part in some] for one in fields(kind)}
        return {name: np.concatenate(c) for name, c in columns.items() if all(isinstance(one, np.ndarray) for one in c)}

    data = [part.data for part in parts]
    whole = replace(data[0], **joined(data, LoggedBanditData), checked=True)
    pooled = any(part.pooled for part in parts)
    return replace(parts[0], **joined(parts, AuditedRows), data=whole, pooled=pooled)
