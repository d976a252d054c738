"""Policies that a program hands over: shares, a probability of every action a row, or a model of raw columns.

Every one names its actions: which column is which action is never a matter of position.
"""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import DecisionLogError, PolicyError, UsageError
from xbopt.ope.data.array_checks import check_distributions, finite_array
from xbopt.ope.logs.conversion import StoredColumn
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.log_policy import Answers, LogPolicy, PolicyIdentity
from xbopt.ope.logs.policies import FixedProbabilities
from xbopt.ope.logs.rows import ForeignRows, LogRows
from xbopt.ope.logs.tables import TableRows, is_table

if TYPE_CHECKING:
    import pyarrow as pa

_FEW = 20


@runtime_checkable
class Classifier(Protocol):
    """A fitted model such as those of scikit-learn: ``predict_proba`` answers in the order of ``classes_``."""

    classes_: ArrayLike

    def predict_proba(self, rows: object, /) -> ArrayLike:
        """Probability of every class ``(n, K)``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProbabilities(LogPolicy):
    """Probabilities that a program worked out for the rows of the log, in its order.

    Attributes:
        table: Probability of every action ``(n, K)``, in the order of the log's labels, then ``unseen``.
        starts: By file, the rows of the log that stand before it.
    """

    table: FloatArray = field(repr=False)
    starts: Mapping[str, int] = field(repr=False)

    def answers(self) -> Answers:
        """The rows that are asked for."""
        return self._of_rows

    def _of_rows(self, rows: LogRows) -> FloatArray:
        return self.table[self.starts[rows.place] + rows.numbers]


@dataclass(frozen=True, slots=True, kw_only=True)
class FromColumns(LogPolicy):
    """A policy that answers from columns of the log as they are stored.

    Attributes:
        ask: Probabilities of ``classes`` ``(n, J)`` given a pyarrow table of the columns that ``keys`` names.
        place: Position of each of the log's labels, then ``unseen``, among the classes ``(K,)``; J where it is none.
        classes: Names of the classes ``(J,)``.
    """

    ask: "Callable[[pa.Table], ArrayLike]" = field(repr=False)
    place: tuple[int, ...] = field(repr=False)
    classes: tuple[str, ...]

    def answers(self) -> Answers:
        """What the policy answers to each row's columns."""
        return self._asked

    def _asked(self, rows: LogRows) -> FloatArray:
        """Probabilities ``(n, K)``.

        Raises:
            PolicyError: The answer is no distribution over the classes.
        """
        import pyarrow as pa

        given = self.ask(pa.table({str(name): rows.keys[name] for name in self.keys}))
        try:
            answer = finite_array(self.name, given, axes=("n", "classes"), lengths=(len(rows), len(self.classes)))
            check_distributions(self.name, answer)
        except DecisionLogError as error:
            raise PolicyError(f"{rows.place}: rows from {rows.first_row + 1} on: {error}") from error
        padded = np.concatenate([answer, np.zeros((len(rows), 1))], axis=1)
        return padded[:, list(self.place)]


def program_policy(
    policy: object,
    log: EvaluationLog,
    *,
    actions: Sequence[object] | None = None,
    columns: Sequence[str] | None = None,
) -> LogPolicy:
    """The policy that an object means.

    Args:
        policy: Shares by action, as in ``{"A": 0.2, "B": 0.8}``; a table with one column an action and one row a row
            of the log; an array ``(n, K)`` with ``actions``; a model with ``predict_proba`` and ``classes_``, or its
            method ``predict_proba``; or a function that takes a pyarrow table of ``columns`` and returns such an array
            or table.
        log: The log.
        actions: Names of the columns of an array, in order.
        columns: Columns of the log that a model or function gets; a model's ``feature_names_in_`` where left out, or
            else the log's context columns.

    Raises:
        UsageError: Nothing says which column is which action, or the object is no policy.
        PolicyError: The actions are not those of the log.
        DecisionLogError: A row is no distribution; the message names it, counted from 0.
    """
    if isinstance(policy, Mapping):
        shares = cast("Mapping[object, object]", policy)
        if all(np.ndim(cast("ArrayLike", share)) == 0 for share in shares.values()):
            return _shares(cast("Mapping[object, float]", shares), log)
    if isinstance(policy, LogPolicy):
        return policy
    if is_table(policy) and actions is None:
        rows = TableRows.of(policy)
        table = [np.asarray(column.to_numpy(), dtype=np.float64) for column in _numbers(rows)]
        return _aligned(np.stack(table, axis=1) if table else np.zeros((0, 0)), rows.names, log)
    owner: object = (
        getattr(policy, "__self__", policy) if getattr(policy, "__name__", "") == "predict_proba" else policy
    )
    if isinstance(owner, Classifier):
        return _from_model(owner, log, columns)
    if callable(policy):
        return _from_function(cast("Callable[[object], object]", policy), log, actions, columns)
    if actions is None:
        raise UsageError(
            f"A policy given as an array needs actions=[...], the names of its columns in order; the log has: "
            f"{_some(log.action_labels)}. Or give a table whose columns bear the actions' names."
        )
    table = finite_array("policy", cast("ArrayLike", policy), axes=("n", "K"), lengths=(None, None))
    return _aligned(table, [_label(one) for one in actions], log)


def _shares(shares: Mapping[object, float], log: EvaluationLog) -> LogPolicy:
    names = [_label(name) for name in shares]
    given = finite_array("policy", [list(shares.values())], axes=("n", "K"), lengths=(1, None))
    check_distributions("policy", given)
    by_label = dict(zip(names, given[0].tolist(), strict=True))
    labels, unseen = _matched(names, log, must_have_all=True)
    shown = ", ".join(f"{label} {share:g}" for label, share in by_label.items())
    return FixedProbabilities(
        name=shown if len(by_label) <= _FEW else f"shares of {len(by_label)} actions",
        shares=tuple(by_label[label] for label in (*labels, *unseen)),
        unseen=unseen,
        identity=PolicyIdentity.of_name(shown, "shares"),
    )


def _aligned(table: FloatArray, names: Sequence[str], log: EvaluationLog) -> LogPolicy:
    """Probabilities of named actions ``(n, K)``, one row a row of the log."""
    if table.shape[1] != len(names):
        raise PolicyError(f"The policy has shape {table.shape}; ({log.profile.rows}, {len(names)}) is wanted.")
    labels, unseen = _matched(names, log, must_have_all=True)
    if len(table) != log.profile.rows:
        raise PolicyError(f"The policy has {len(table):,} rows; the log has {log.profile.rows:,}, and each needs one.")
    ordered = table[:, [list(names).index(label) for label in (*labels, *unseen)]]
    check_distributions("policy", finite_array("policy", ordered, axes=("n", "K"), lengths=(None, None)))
    starts: dict[str, int] = {}
    for part in log.parts():
        starts.setdefault(str(part.file.path), part.first_of_log - part.first_row)
    content = sha256("\0".join((*labels, *unseen)).encode() + np.ascontiguousarray(ordered).tobytes())
    return RowProbabilities(
        name="probabilities by row",
        unseen=unseen,
        notes=_never_logged(unseen),
        identity=PolicyIdentity(name="probabilities by row", kind="table of probabilities", sha256=content.hexdigest()),
        table=ordered,
        starts=starts,
    )


def _from_model(model: Classifier, log: EvaluationLog, columns: Sequence[str] | None) -> LogPolicy:
    classes = [_label(one) for one in np.asarray(model.classes_).tolist()]
    wanted = getattr(model, "feature_names_in_", None)
    named = wanted is not None and find_spec("pandas") is not None

    def ask(table: "pa.Table") -> ArrayLike:
        if named:
            return model.predict_proba(table.to_pandas())
        kinds = [column.to_numpy() for column in table.columns]
        numeric = all(np.issubdtype(one.dtype, np.number) or one.dtype == np.bool_ for one in kinds)
        return model.predict_proba(np.stack([one.astype(np.float64 if numeric else object) for one in kinds], axis=1))

    given = columns if columns is not None else (None if wanted is None else np.asarray(wanted).tolist())
    return _from_ask(ask, type(model).__name__, classes, log, given)


def _from_function(
    function: "Callable[[object], object]",
    log: EvaluationLog,
    actions: Sequence[object] | None,
    columns: Sequence[str] | None,
) -> LogPolicy:
    if actions is None:
        raise UsageError(
            "A policy given as a function needs actions=[...], the names of the columns that it returns, in order; the "
            f"log has: {_some(log.action_labels)}."
        )
    classes = [_label(one) for one in actions]

    def ask(table: "pa.Table") -> ArrayLike:
        answer = function(table)
        if not is_table(answer):
            return cast("ArrayLike", answer)
        rows = TableRows.of(answer)
        if set(rows.names) != set(classes):
            raise PolicyError(f"The policy returned the columns {_some(rows.names)}; wanted: {_some(classes)}.")
        return np.stack([np.asarray(rows.table[name].to_numpy(), dtype=np.float64) for name in classes], axis=1)

    return _from_ask(ask, getattr(function, "__name__", "function"), classes, log, columns)


def _from_ask(
    ask: "Callable[[pa.Table], ArrayLike]",
    name: str,
    classes: Sequence[str],
    log: EvaluationLog,
    columns: Sequence[str] | None,
) -> LogPolicy:
    labels, unseen = _matched(classes, log, must_have_all=False)
    roles = log.converter.roles if isinstance(log.converter, ForeignRows) else None
    keys = (
        columns
        if columns is not None
        else (() if roles is None else (*roles.several("context"), *roles.several("category")))
    )
    if not keys:
        raise UsageError(f"{name}: which columns of the log does it read? Say policy_columns=[...].")
    missing = [key for key in keys if key not in log.columns]
    if missing:
        raise PolicyError(
            f"{name} reads the column {missing[0]!r}, which the log does not have.{suggest(missing[0], log.columns)}"
        )
    never = [label for label in labels if label not in classes]
    note = (f"{name} does not know these actions of the log, and never takes them: {_some(never)}.",) if never else ()
    return FromColumns(
        name=name,
        keys=tuple(StoredColumn(key) for key in keys),
        unseen=unseen,
        notes=(*note, *_never_logged(unseen)),
        identity=PolicyIdentity.of_name(name, "object of a program"),
        ask=ask,
        place=tuple(list(classes).index(label) if label in classes else len(classes) for label in (*labels, *unseen)),
        classes=tuple(classes),
    )


def _matched(
    names: Sequence[str], log: EvaluationLog, *, must_have_all: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The log's labels, and the policy's that the log does not have."""
    labels = log.action_labels
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PolicyError(f"The policy names the action {twice[0]!r} more than once.")
    unseen = tuple(name for name in names if name not in set(labels))
    missing = [label for label in labels if label not in set(names)]
    if (missing and must_have_all) or len(missing) == len(labels):
        odd = f" Only the policy has: {_some(unseen)}." if unseen else ""
        raise PolicyError(
            f"The policy says nothing about the log's action {missing[0]!r}.{odd} Give it probability 0 if the policy "
            "never takes it."
        )
    return labels, unseen


def _numbers(rows: TableRows) -> "list[pa.ChunkedArray]":
    import pyarrow as pa

    for name, column in zip(rows.names, rows.table.columns, strict=True):
        if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
            raise PolicyError(
                f"The policy's column {name!r} holds {column.type}; wanted: one column of probabilities an action."
            )
    return list(rows.table.columns)


def _never_logged(unseen: Sequence[str]) -> tuple[str, ...]:
    return (f"Actions that were never logged: {', '.join(unseen)}.",) if unseen else ()


def _label(name: object) -> str:
    """The name of an action as a log writes it: whole numbers without a point, truth values in small letters."""
    if isinstance(name, bool | np.bool_):
        return str(bool(name)).lower()
    if isinstance(name, float | np.floating) and float(name).is_integer():
        return str(int(name))
    return str(name)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_FEW]) + (", ..." if len(names) > _FEW else "")
