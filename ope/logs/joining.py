"""Joining a probabilities file with the rows of a log, batch by batch."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.logs.conversion import numbers, refuse, texts
from xbopt.ope.logs.files import LogFile, RawBatch, read_part, split
from xbopt.ope.logs.rows import LogRows, positions

if TYPE_CHECKING:
    import pyarrow as pa

ACTION, PROBABILITY = "action", "probability"
ROUNDING = 1e-3
"""Sums this close to 1 are taken for rounded ones and divided by their sum."""
_SEPARATOR = "\x1f"


class KeyedAnswers:
    """The probabilities of one pass through a log.

    With ``in_order``, the file is read as the log asks for its keys, and a key that was answered is forgotten: a file
    in the order of the log never stands in memory as a whole. Else it is read at once.

    Args:
        files: The probabilities file.
        file_keys: Key columns by the file's names; none for one distribution for all rows.
        log_keys: The same columns by the log's names.
        labels: Actions as the file writes them ``(K,)``.
        in_order: Whether each key's rows stand together, and the log asks for each key once.
    """

    def __init__(
        self,
        *,
        files: Sequence[LogFile],
        file_keys: tuple[str, ...],
        log_keys: tuple[str, ...],
        labels: tuple[str, ...],
        in_order: bool,
    ) -> None:
        self._file_keys, self._log_keys, self._labels, self._in_order = file_keys, log_keys, labels, in_order
        self._place = str(files[0].path)
        self._batches: Iterator[RawBatch] = (
            batch for part in split(files) for batch in read_part(part, [ACTION, PROBABILITY, *file_keys])
        )
        self._held: dict[str, FloatArray] = {}  # NaN: no row for this action so far
        self._unfinished: str | None = None
        if not in_order:
            while self._advance():
                pass

    def answer(self, rows: LogRows) -> FloatArray:
        """Probabilities of the rows ``(n, K)``.

        Raises:
            DecisionLogError: A key of the log does not stand in the file, or its probabilities do not sum to 1.
        """
        names, which = _distinct([rows.keys[key] for key in self._log_keys], len(rows))
        wanted = set(names)
        while (wanted - self._held.keys() or self._unfinished in wanted) and self._advance():
            pass
        table = np.empty((len(names), len(self._labels)))
        for i, name in enumerate(names):
            if name not in self._held:
                row = rows.first_row + int(np.flatnonzero(which == i)[0]) + 1
                raise DecisionLogError(f"{rows.place}: row {row}: {self._words(name)} does not stand in {self._place}.")
            table[i] = self._held.pop(name) if self._in_order else self._held[name]
        return self._complete(table, names)[which]

    def _advance(self) -> bool:
        """Take one more batch of the file; False at its end."""
        batch = next(self._batches, None)
        if batch is None:
            self._unfinished = None
            return False
        action = positions(texts(batch, ACTION), self._labels)
        values = numbers(batch, PROBABILITY)
        refuse(
            batch,
            PROBABILITY,
            ~((values >= 0.0) & (values <= 1.0)),
            lambda row: f"is {values[row]:g}; a probability from 0 to 1 is wanted",
        )
        names, which = _distinct([texts(batch, key) for key in self._file_keys], batch.rows)
        cells = which * len(self._labels) + action
        size = len(names) * len(self._labels)
        count = np.bincount(cells, minlength=size)
        refuse(
            batch, ACTION, count[cells] > 1, lambda row: f"{self._labels[action[row]]!r} stands there twice for a key"
        )
        table = np.bincount(cells, weights=values, minlength=size)
        table = np.where(count > 0, table, np.nan).reshape(len(names), -1)
        for name, row in zip(names, table, strict=True):
            earlier = self._held.get(name)
            self._held[name] = row if earlier is None else self._merged(earlier, row, name)
        self._unfinished = names[int(which[-1])]
        return True

    def _merged(self, earlier: FloatArray, row: FloatArray, name: str) -> FloatArray:
        twice = np.flatnonzero(~np.isnan(earlier) & ~np.isnan(row))
        if len(twice):
            label = self._labels[int(twice[0])]
            raise DecisionLogError(f"{self._place}: action {label!r} stands there twice for {self._words(name)}.")
        return np.where(np.isnan(row), earlier, row)

    def _complete(self, table: FloatArray, names: Sequence[str]) -> FloatArray:
        """Rows that sum to 1; an action without a row has probability 0."""
        filled = np.nan_to_num(table)
        sums: FloatArray = filled.sum(axis=1)
        wrong = np.flatnonzero(np.abs(sums - 1.0) > ROUNDING)
        if len(wrong):
            name = names[int(wrong[0])]
            raise DecisionLogError(
                f"{self._place}: the probabilities of {self._words(name)} sum to {sums[wrong[0]]:g}; 1 is wanted."
            )
        return filled / sums[:, None]

    def _words(self, name: str) -> str:
        if not self._file_keys:
            return "the policy"
        pairs = zip(self._file_keys, name.split(_SEPARATOR), strict=True)
        return ", ".join(f"{key} {value!r}" for key, value in pairs)


def joined(columns: "Sequence[pa.Array]", rows: int) -> "pa.Array":
    """Several columns of text as one ``(n,)``; empty text where there is no column."""
    import pyarrow as pa
    from pyarrow import compute

    if not columns:
        return pa.array([""] * rows)
    return columns[0] if len(columns) == 1 else compute.binary_join_element_wise(*columns, _SEPARATOR)


def _distinct(columns: "Sequence[pa.Array]", rows: int) -> tuple[list[str], IntArray]:
    """The different keys, and the position of each row's among them ``(n,)``."""
    coded = joined(columns, rows).dictionary_encode()
    return coded.dictionary.to_pylist(), np.asarray(coded.indices.to_numpy(), dtype=np.int64)
