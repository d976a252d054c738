"""Shadows: policies that were asked beside every decision, and whose answers stand in the log."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decision_log.checks import NO_DISTRIBUTION, is_distribution
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import DecisionLogError, PolicyError, SupportError
from xbopt.ope.logs.choices import by_action
from xbopt.ope.logs.conversion import is_list, is_null, is_text, plain, refuse
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.files import RawBatch, read_part
from xbopt.ope.logs.log_policy import Answers, LogPolicy, PolicyIdentity
from xbopt.ope.logs.roles import SHADOW, ColumnRoles
from xbopt.ope.logs.rows import ForeignRows, LogRows, OwnRows
from xbopt.ope.results.findings import Finding

SHADOWS = "shadow:"
"""Begins the names of policies that are shadows."""
MOST_MISSED = 0.01
"""Share of decisions that a shadow may miss before that is a reason for caution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowProbabilities(LogPolicy):
    """What a shadow would have done, read from its columns.

    Attributes:
        role: ``shadow.NAME``.
        roles: The columns that play it.
        labels: Names of the log's actions ``(K,)``.
        sizes: Numbers of actions that have one distribution each: one number, or the levels of each factor.
    """

    role: str
    roles: ColumnRoles
    labels: tuple[str, ...]
    sizes: tuple[int, ...]

    def answers(self) -> Answers:
        """The columns, as numbers."""
        return self._logged

    def _logged(self, rows: LogRows) -> FloatArray:
        """Probabilities ``(n, K)``; NaN in rows that the shadow missed.

        Raises:
            DecisionLogError: A row holds no distribution over the actions.
        """
        assert rows.raw is not None, "the columns that a policy reads are kept"
        batch, columns = rows.raw, self.roles.several(self.role)
        missed = _missed(batch, columns)
        table = np.full((len(rows), len(self.labels)), np.nan)
        if not missed.all():
            known = np.flatnonzero(~missed)
            some = {name: plain(batch, name).filter(_mask(~missed)) for name in columns}
            part = replace(batch, columns=some, rows=len(known))
            table[known] = by_action(part, self.role, self.roles, self.labels)
        parts = np.split(table, np.cumsum(self.sizes)[:-1].tolist(), axis=1)
        stated = np.stack([is_distribution(part) for part in parts]).all(axis=0)
        refuse(batch, columns[0], ~(stated | missed), lambda _row: NO_DISTRIBUTION)
        return table


def shadow_policy(name: str, log: EvaluationLog) -> ShadowProbabilities:
    """The shadow of that name.

    Raises:
        PolicyError: The log has no such shadow.
        SupportError: It missed every decision.
        DecisionLogError: A file is broken, or an action has no column.
    """
    shadows = shadow_roles(log)
    if name not in shadows:
        known = f"It has: {', '.join(shadows)}." if shadows else "It has none."
        raise PolicyError(
            f"The log has no shadow {name!r}.{suggest(name, shadows)} {known} A shadow's probabilities stand in the "
            f"column {SHADOW}{name}; simulate --shadow and serve --shadow write it."
        )
    role = SHADOW + name
    roles = ColumnRoles(columns={role: shadows[name].several(role)}, wildcards=shadows[name].wildcards)
    columns = roles.several(role)
    missed = sum(int(_missed(batch, columns).sum()) for part in log.parts() for batch in read_part(part, columns))
    share = missed / log.profile.rows
    if missed == log.profile.rows:
        raise SupportError(f"{log.path}: the shadow {name} missed every decision; there is nothing to evaluate.")
    note = f"The shadow {name} has no answer for {missed:,} of {log.profile.rows:,} decisions; they are left out."
    finding = Finding(code="shadow_missed", level="caution", figures={"missed": missed, "share": share})
    return ShadowProbabilities(
        name=SHADOWS + name,
        reads=columns,
        role=role,
        roles=roles,
        labels=log.action_labels,
        sizes=tuple(len(one.labels) for one in log.factors) or (len(log.action_labels),),
        identity=_identity(name, log),
        notes=(note,) if missed else (),
        findings=(finding,) if share > MOST_MISSED else (),
    )


def shadow_roles(log: EvaluationLog) -> dict[str, ColumnRoles]:
    """The columns of each shadow of a log by its name.

    A column ``shadow.NAME`` holds lists; ``shadow.NAME.ACTION`` holds the probability of one action.
    """
    if isinstance(log.converter, OwnRows):
        return {
            one.name: ColumnRoles(columns={one.column: (one.column,)}, wildcards={})
            for one in log.converter.schema.shadows
        }
    assert isinstance(log.converter, ForeignRows), "there is no third kind of log"
    roles = log.converter.roles
    found = {role.removeprefix(SHADOW): roles for role in roles.columns if role.startswith(SHADOW)}
    named = {column for names in roles.columns.values() for column in names}
    by_name: dict[str, dict[str, str]] = {}
    for column in log.columns:
        if column.startswith(SHADOW) and column not in named:
            rest = column.removeprefix(SHADOW)
            action = next((label for label in log.action_labels if rest.endswith(f".{label}")), None)
            name = rest if action is None else rest.removesuffix(f".{action}")
            by_name.setdefault(name, {})[column] = rest if action is None else action
    for name, columns in by_name.items():
        found.setdefault(name, ColumnRoles(columns={SHADOW + name: tuple(columns)}, wildcards=columns))
    return found


def _identity(name: str, log: EvaluationLog) -> PolicyIdentity:
    if isinstance(log.converter, OwnRows):
        for one in log.converter.schema.shadows:
            if one.name == name:
                return PolicyIdentity(name=SHADOWS + name, kind=f"shadow, {one.kind}", sha256=one.sha256)
    return PolicyIdentity.of_name(SHADOWS + name, "shadow")


def _missed(batch: RawBatch, columns: tuple[str, ...]) -> BoolArray:
    """Rows in which the shadow has no answer: all of its columns are empty ``(n,)``.

    Raises:
        DecisionLogError: Only some of them are.
    """
    empty = np.stack([_empty(batch, name) for name in columns], axis=1)
    number = empty.sum(axis=1)
    partly = (number > 0) & (number < len(columns))
    refuse(batch, columns[0], partly, lambda _row: "and its sisters are empty only in part; empty all, or none")
    return number == len(columns)


def _empty(batch: RawBatch, name: str) -> BoolArray:
    from pyarrow import compute

    column = plain(batch, name)
    if is_text(column.type):
        blank = compute.equal(compute.utf8_trim_whitespace(column), "").fill_null(fill_value=True)
        return np.asarray(blank.to_numpy(zero_copy_only=False), dtype=np.bool_)
    if not (is_list(column.type) or str(column.type) in {"double", "float", "int64", "int32", "int8", "null"}):
        raise DecisionLogError(f"{batch.place}: column {name} holds {column.type}; wanted: probabilities.")
    return is_null(column)


def _mask(kept: BoolArray) -> object:
    import pyarrow as pa

    return pa.array(kept)
