"""Policies that can be asked about the decisions of a log: a probability of every action, row by row."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import ContextPolicy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError
from xbopt.core.files import sha256_of_content
from xbopt.ope.logs.open_log import EvaluationLog
from xbopt.ope.logs.rows import LogRows
from xbopt.ope.results.findings import Finding

ALWAYS = "always:"
SHADOWS = "shadow:"
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyIdentity:
    """Which policy was evaluated.

    Attributes:
        name: Its name.
        kind: Built in, a file, a run directory or a bundle.
        sha256: Hash of the file or folder; of the name, for a policy that is its name.
    """

    name: str
    kind: str
    sha256: str

    @classmethod
    def of_name(cls, name: str, kind: str = "built in") -> "PolicyIdentity":
        """A policy that its name says everything about."""
        return cls(name=name, kind=kind, sha256=sha256(name.encode()).hexdigest())

    @classmethod
    def of_path(cls, path: Path, kind: str, *, name: str = "") -> "PolicyIdentity":
        """A policy in a file, or in a folder of files."""
        return cls(name=name or path.name, kind=kind, sha256=sha256_of_content(path))


Answers: TypeAlias = Callable[[LogRows], FloatArray]
"""Probability of every action ``(n, K)``, rows sum to 1, given some rows of the log in its order. A row of NaN has no
answer, as where a shadow was not asked."""


def ask(answers: Answers, rows: LogRows) -> tuple[LogRows, FloatArray]:
    """What a policy answers ``(n, K)``, and the rows; those without an answer are left out as if not ready."""
    table = answers(rows)
    missed = np.isnan(table[:, 0])
    if not missed.any():
        return rows, table
    left = replace(rows, data=replace(rows.data, observed=rows.ready & ~missed, checked=True))
    return left, np.where(missed[:, None], 1.0 / table.shape[1], table)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPolicy(ABC):
    """What an evaluation asks of a policy.

    Attributes:
        name: The name that reports show.
        keys: Columns of the log that it needs as text.
        reads: Columns of the log that it needs as they are, in ``LogRows.raw``.
        unseen: Actions that it knows and the log does not; they stand behind those of the log.
        notes: What a reader should know about it.
        identity: What a certificate says that it is; None for its name alone.
        findings: What was found about it before any row was weighted.
    """

    name: str
    keys: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    identity: PolicyIdentity | None = None
    findings: tuple[Finding, ...] = ()

    @abstractmethod
    def answers(self) -> Answers:
        """What it would do, for one pass through the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedProbabilities(LogPolicy):
    """The same probabilities ``(K,)`` in every row."""

    shares: tuple[float, ...]

    def answers(self) -> Answers:
        """The shares, once a row."""
        return lambda rows: np.tile(np.array(self.shares), (len(rows), 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformProbabilities(LogPolicy):
    """The same probability for every action that was allowed."""

    n_actions: int

    def answers(self) -> Answers:
        """One over the number of allowed actions."""
        return self._even

    def _even(self, rows: LogRows) -> FloatArray:
        allowed = rows.data.allowed
        if allowed is None:
            return np.full((len(rows), self.n_actions), 1.0 / self.n_actions)
        return allowed / allowed.sum(axis=1, keepdims=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FromContext(LogPolicy):
    """A policy that answers from the context alone; it bears the policy's name where none is given."""

    name: str = ""
    policy: ContextPolicy
    names: tuple[str, ...]
    n_actions: int

    def __post_init__(self) -> None:
        """Take over the policy's name."""
        object.__setattr__(self, "name", self.name or self.policy.name)

    def answers(self) -> Answers:
        """What the policy answers to each row's context."""
        return self._asked

    def _asked(self, rows: LogRows) -> FloatArray:
        """What the policy answers ``(n, K)``.

        Raises:
            PolicyError: The answer is no distribution over the log's actions.
        """
        answer = self.policy.probabilities_from_context(rows.data.context, self.names)
        if answer.shape != (len(rows), self.n_actions):
            raise PolicyError(
                f"{self.name} gave probabilities of shape {answer.shape}; the log has {self.n_actions} actions, so "
                f"({len(rows)}, {self.n_actions}) is wanted. Was the policy made for another scenario?"
            )
        sums = answer.sum(axis=1)
        if not (bool((answer >= 0.0).all()) and bool((np.abs(sums - 1.0) <= _SUM_TOLERANCE).all())):
            raise PolicyError(f"{self.name} gave probabilities that are negative or do not sum to 1.")
        return answer


def named_policy(name: str, log: EvaluationLog, *, exploration: float | None = None) -> LogPolicy | None:
    """The policies that logs know: ``uniform``, ``logging``, ``always:ACTION``, ``shadow:NAME``; None for other names.

    Args:
        name: The name.
        log: The log.
        exploration: Share of uniform exploration for ``logging``; None for that of the log.

    Raises:
        PolicyError: There is no such action or shadow in the log.
        SupportError: The log does not tell what is exploration and what the policy's own choice.
    """
    # They are policies themselves, and import this module.
    from xbopt.ope.logs.logged_probabilities import logging_policy
    from xbopt.ope.logs.shadows import shadow_policy

    labels = log.action_labels
    if name == "uniform":
        notes = ("uniform: each action of the log with the same probability; where it says which were allowed, those.",)
        identity = PolicyIdentity.of_name(name)
        return UniformProbabilities(name=name, n_actions=len(labels), notes=notes, identity=identity)
    if name == "logging":
        return logging_policy(log, exploration)
    if name.startswith(SHADOWS):
        return shadow_policy(name.removeprefix(SHADOWS), log)
    if name.startswith(ALWAYS):
        action = name.removeprefix(ALWAYS)
        if action not in labels:
            some = ", ".join(labels[:20]) + (", ..." if len(labels) > 20 else "")
            raise PolicyError(f"The log has no action {action!r}.{suggest(action, labels)} It has: {some}.")
        shares = tuple(float(label == action) for label in labels)
        return FixedProbabilities(name=name, shares=shares, identity=PolicyIdentity.of_name(name))
    return None
