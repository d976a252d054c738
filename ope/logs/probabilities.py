"""The probabilities file: what a policy would do, worked out by another program and joined batch by batch."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import DecisionLogError
from xbopt.ope.logs.conversion import numbers, positions, refuse, texts
from xbopt.ope.logs.duplicates import RepeatFinder, hashed
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.files import LogFile, RawBatch, open_source, read_part, split
from xbopt.ope.logs.log_policy import Answers, LogPolicy, PolicyIdentity
from xbopt.ope.logs.rows import ForeignRows, LogRows

if TYPE_CHECKING:
    import pyarrow as pa

ACTION, PROBABILITY = "action", "probability"
ROUNDING = 1e-3
"""Sums this close to 1 are taken for rounded ones and divided by their sum."""
_FEW = 20
_MANY_KEYS = 100
"""With more keys than this a file may well have been learnt on the log."""
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilitiesFile(LogPolicy):
    """A policy given as a file: columns ``action``, ``probability`` and key columns that also stand in the log.

    Attributes:
        files: Its files.
        file_keys: Key columns by the file's names; ``keys`` are the same columns by the log's names.
        file_labels: Actions as the file writes them ``(K,)``: those of the log, then those that only the file names.
        in_order: Whether each decision's rows stand together, so that the file need not stand in memory as a whole.
    """

    files: tuple[LogFile, ...] = field(repr=False)
    file_keys: tuple[str, ...]
    file_labels: tuple[str, ...]
    in_order: bool

    def answers(self) -> Answers:
        """The file's probabilities, joined on the keys."""
        return _KeyedAnswers(self).answer


def open_probabilities(source: object, log: EvaluationLog) -> ProbabilitiesFile:
    """Look through a probabilities file, or a table of the same columns, once.

    Raises:
        UsageError: It is neither a path nor a table.
        DecisionLogError: It is broken, lacks a column, has a key that the log lacks, or forgets an action of the log.
    """
    top, files = open_source(source)
    names = files[0].names
    for column in (ACTION, PROBABILITY):
        if column not in names:
            raise DecisionLogError(
                f"{top}: the column {column!r} is missing.{suggest(column, names)} A probabilities file has the "
                "columns action and probability, and any columns that also stand in the log."
            )
    file_keys = tuple(name for name in names if name not in (ACTION, PROBABILITY))
    keys = tuple(_in_log(name, log, top) for name in file_keys)
    decision = _decision_column(log)
    by_decision = decision is not None and decision in keys
    found, in_order, rows = _look(files, file_keys, by_decision=by_decision)
    if not found:
        raise DecisionLogError(f"{top}: the file holds no rows.")
    written, unseen = _labels(found, log, top)
    notes = [f"Probabilities of a key that sum to 1 within {ROUNDING:g} are divided by their sum; others are refused."]
    if by_decision or rows > _MANY_KEYS * len(found):
        notes.append(
            "Whoever worked these probabilities out must not have seen the rewards of these rows: a policy that was "
            "learnt on them looks better than it is, and no log can show it."
        )
    if unseen:
        notes.append(f"Actions that were never logged: {', '.join(unseen)}.")
    return ProbabilitiesFile(
        name=top.name,
        keys=keys,
        unseen=unseen,
        notes=tuple(notes),
        identity=PolicyIdentity.of_path(top, "probabilities file")
        if files[0].table is None
        else PolicyIdentity(name=top.name, kind="table of probabilities", sha256=files[0].digest()),
        files=tuple(files),
        file_keys=file_keys,
        file_labels=(*written, *unseen),
        in_order=by_decision and in_order,
    )


def _decision_column(log: EvaluationLog) -> str | None:
    converter = log.converter
    return converter.roles.one("decision_id") if isinstance(converter, ForeignRows) else "decision_id"


def _in_log(name: str, log: EvaluationLog, path: Path) -> str:
    """The log's name of a key; the name of a role means the column that plays it."""
    if name in log.columns:
        return name
    column = log.converter.roles.one(name) if isinstance(log.converter, ForeignRows) else None
    if column is None:
        raise DecisionLogError(
            f"{path}: the column {name!r} does not stand in the log, so nothing can be joined on it."
            f"{suggest(name, log.columns)} The log has: {', '.join(log.columns)}."
        )
    return column


def _look(files: Sequence[LogFile], keys: Sequence[str], *, by_decision: bool) -> tuple[list[str], bool, int]:
    """Every action of the file, whether the rows of each key stand together, and how many rows there are."""
    found: dict[str, None] = {}
    starts, last, rows = RepeatFinder(), np.zeros(0, dtype=np.int64), 0
    for part in split(files):
        for batch in read_part(part, [ACTION, *(keys if by_decision else ())]):
            rows += batch.rows
            found |= dict.fromkeys(texts(batch, ACTION).unique().to_pylist())
            if by_decision:
                codes = np.concatenate([last, hashed(_joined([texts(batch, key) for key in keys], batch.rows))])
                begins = np.flatnonzero(codes[1:] != codes[:-1]) + 1
                starts.add(codes[begins] if len(last) else np.concatenate([codes[:1], codes[begins]]))
                last = codes[-1:]
    return list(found), len(starts.repeated()) == 0, rows


def _labels(found: Sequence[str], log: EvaluationLog, path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The log's actions as the file writes them, and the actions that only the file names."""
    known = log.action_labels
    written = known
    if log.own and not set(found) & set(known) and all(label.isdecimal() for label in found):
        # Our own logs name their actions; a file of numbers means their positions.
        written = tuple(str(i) for i in range(len(known)))
        outside = [label for label in found if label not in written]
        if outside:
            raise DecisionLogError(
                f"{path}: column {ACTION} holds {outside[0]}; the log's actions are 0 to {len(known) - 1}."
            )
    extra = tuple(label for label in found if label not in set(written))
    missing = [label for label in written if label not in set(found)]
    if missing:
        more = f" ({len(missing)} such actions in all)" if len(missing) > 1 else ""
        odd = f" Only the file has: {', '.join(extra[:_FEW])}." if extra else ""
        raise DecisionLogError(
            f"{path}: the log's action {missing[0]!r} stands nowhere in column {ACTION}{more}.{odd} Give it a row with "
            "probability 0 if the policy never takes it."
        )
    return written, extra


class _KeyedAnswers:
    """The probabilities of one pass through a log.

    With ``in_order``, the file is read as the log asks for its keys, and a key that was answered is forgotten: a file
    in the order of the log never stands in memory as a whole. Else it is read at once.

    Args:
        file: The probabilities file.
    """

    def __init__(self, file: "ProbabilitiesFile") -> None:
        self._file_keys, self._log_keys, self._in_order = file.file_keys, file.keys, file.in_order
        self._labels, self._place = file.file_labels, str(file.files[0].path)
        self._batches: Iterator[RawBatch] = (
            batch for part in split(file.files) for batch in read_part(part, [ACTION, PROBABILITY, *file.file_keys])
        )
        self._held: dict[str, FloatArray] = {}  # NaN: no row for this action so far
        self._unfinished: str | None = None
        if not file.in_order:
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
                row = int(rows.numbers[np.flatnonzero(which == i)[0]]) + 1
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


def _joined(columns: "Sequence[pa.Array]", rows: int) -> "pa.Array":
    """Several columns of text as one ``(n,)``; empty text where there is no column."""
    import pyarrow as pa
    from pyarrow import compute

    if not columns:
        return pa.array([""] * rows)
    return columns[0] if len(columns) == 1 else compute.binary_join_element_wise(*columns, _SEPARATOR)


def _distinct(columns: "Sequence[pa.Array]", rows: int) -> tuple[list[str], IntArray]:
    """The different keys, and the position of each row's among them ``(n,)``."""
    coded = _joined(columns, rows).dictionary_encode()
    return coded.dictionary.to_pylist(), np.asarray(coded.indices.to_numpy(), dtype=np.int64)
