"""Some rows of a log, kept for the tests of what cannot be told from sums: by day, segment and context column.

The sample is thinned to what fits into memory: of many rows it keeps one in 2, 4, 8, ..., chosen by a number that
belongs to the row, so that it depends neither on chunks nor on workers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

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
        data: Context, action, own propensity, table of all probabilities, time, segment and cluster.
        weight: Importance weight ``(m,)``.
        evaluation: pi_e of every action ``(m, K)``; None with too many actions.
        residual: Reward less its prediction ``(m,)``.
        pooled: Whether weights are balanced over several logging policies: they are 1 on average over all of these, and
            not by day or segment.
    """

    data: LoggedBanditData
    weight: FloatArray
    evaluation: FloatArray | None
    residual: FloatArray
    pooled: bool


class AuditSample:
    """Gathers rows in chunks of any size and order."""

    __slots__ = ("_kept", "_parts", "_pooled", "_share", "_width")

    def __init__(self) -> None:
        self._parts: list[tuple[KeyArray, Mapping[str, FloatArray | IntArray | None]]] = []
        self._kept = 0
        self._share = 1
        self._width = 1
        self._pooled = False

    def add(
        self, data: LoggedBanditData, weighted: WeightedRows, residual: FloatArray, *, keys: KeyArray, rows: IntArray
    ) -> None:
        """Add rows with their keys and numbers in the log ``(n,)``."""
        number = keys if data.cluster is None else _row_keys(rows)
        small = data.n_actions <= _MOST_ACTIONS
        table = data.action_probabilities if small else None
        self._pooled |= data.policy_propensities is not None
        self._width = 8 + data.context.shape[1] + data.n_actions * ((table is not None) + small)
        kept = np.flatnonzero(_chosen(number, self._share))
        part = {
            "context": data.context,
            "action": data.action,
            "reward": data.reward,
            "propensity": data.propensity,
            "action_probabilities": table,
            "cluster": data.cluster,
            "segment": data.segment,
            "time": data.time,
            "weight": weighted.weight,
            "evaluation": weighted.evaluation if small else None,
            "residual": residual,
        }
        while len(kept) > self._most:  # before anything is copied
            self._share *= 2
            kept = kept[_chosen(number[kept], self._share)]
        self._take(number[kept], {name: None if column is None else column[kept] for name, column in part.items()})

    def merge(self, other: "AuditSample") -> None:
        """Add what another one has kept."""
        self._share, self._width = max(self._share, other._share), max(self._width, other._width)
        self._pooled |= other._pooled
        for number, part in other._parts:
            self._take(number, part)

    def rows(self, n_actions: int) -> AuditedRows | None:
        """The rows, in an order that belongs to them; None where there are none."""
        self._thin()
        if not self._kept:
            return None
        number = np.concatenate([number for number, _ in self._parts])
        order = np.argsort(number, kind="stable")
        columns = {
            name: None if column is None else np.concatenate([part[name] for _, part in self._parts])[order]
            for name, column in self._parts[0][1].items()
        }
        beside = {name: columns.pop(name) for name in ("weight", "evaluation", "residual")}
        data = LoggedBanditData(n_actions=n_actions, **columns, checked=True)
        return AuditedRows(data=data, pooled=self._pooled, **beside)

    @property
    def _most(self) -> int:
        return max(min(MOST_ROWS, MOST_NUMBERS // self._width), 1)

    def _take(self, number: KeyArray, part: Mapping[str, FloatArray | IntArray | None]) -> None:
        if len(number):
            self._parts.append((number, part))
            self._kept += len(number)
        if self._kept > self._most:
            self._thin()

    def _thin(self) -> None:
        """Keep one row in so many that they fit; the least power of 2 that does, whatever came first."""
        while True:
            parts = [(number, _chosen(number, self._share), part) for number, part in self._parts]
            if sum(int(chosen.sum()) for _, chosen, _ in parts) <= self._most:
                break
            self._share *= 2
        self._parts = [
            (number[chosen], {name: None if column is None else column[chosen] for name, column in part.items()})
            for number, chosen, part in parts
            if chosen.any()
        ]
        self._kept = sum(len(number) for number, _ in self._parts)


def _chosen(number: KeyArray, share: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return ((number >> _BITS) & np.uint64(share - 1)) == 0


def _row_keys(rows: IntArray) -> KeyArray:
    """A mixed number a row: rows of one cluster share their key, and are chosen one by one all the same."""
    return row_keys(len(rows), first_row=0, cluster=rows, seed=_SALT)
