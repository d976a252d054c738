"""The probabilities file: what a policy would do, worked out by another program."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from xbopt.core.documents.document import suggest
from xbopt.core.errors import DecisionLogError
from xbopt.ope.logs.conversion import texts
from xbopt.ope.logs.duplicates import RepeatFinder, hashed
from xbopt.ope.logs.files import LogFile, open_files, read_part, split
from xbopt.ope.logs.joining import ACTION, PROBABILITY, ROUNDING, KeyedAnswers, joined
from xbopt.ope.logs.open_log import EvaluationLog
from xbopt.ope.logs.policies import Answers, LogPolicy, PolicyIdentity
from xbopt.ope.logs.rows import ForeignRows

_FEW = 20


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
        return KeyedAnswers(
            files=self.files,
            file_keys=self.file_keys,
            log_keys=self.keys,
            labels=self.file_labels,
            in_order=self.in_order,
        ).answer


def open_probabilities(path: Path | str, log: EvaluationLog) -> ProbabilitiesFile:
    """Look through a probabilities file once.

    Raises:
        DecisionLogError: It is broken, lacks a column, has a key that the log lacks, or forgets an action of the log.
    """
    top = Path(path)
    files = open_files(top)
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
    found, in_order = _look(files, file_keys, by_decision=by_decision)
    if not found:
        raise DecisionLogError(f"{top}: the file holds no rows.")
    written, unseen = _labels(found, log, top)
    notes = [f"Probabilities of a key that sum to 1 within {ROUNDING:g} are divided by their sum; others are refused."]
    if unseen:
        notes.append(f"Actions that were never logged: {', '.join(unseen)}.")
    return ProbabilitiesFile(
        name=top.name,
        keys=keys,
        unseen=unseen,
        notes=tuple(notes),
        identity=PolicyIdentity.of_path(top, "probabilities file"),
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


def _look(files: Sequence[LogFile], keys: Sequence[str], *, by_decision: bool) -> tuple[list[str], bool]:
    """Every action of the file, and whether the rows of each key stand together."""
    found: dict[str, None] = {}
    starts, last = RepeatFinder(), np.zeros(0, dtype=np.int64)
    for part in split(files):
        for batch in read_part(part, [ACTION, *(keys if by_decision else ())]):
            found |= dict.fromkeys(texts(batch, ACTION).unique().to_pylist())
            if by_decision:
                codes = np.concatenate([last, hashed(joined([texts(batch, key) for key in keys], batch.rows))])
                begins = np.flatnonzero(codes[1:] != codes[:-1]) + 1
                starts.add(codes[begins] if len(last) else np.concatenate([codes[:1], codes[begins]]))
                last = codes[-1:]
    return list(found), len(starts.repeated()) == 0


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
