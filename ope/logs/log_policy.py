"""What an evaluation asks of any policy: a probability of every action of a log, row by row."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decision_log.schema import LoggedFactor
from xbopt.core.files import sha256_of_content
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.rows import LogRows, together
from xbopt.ope.results.findings import Finding


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
    def of_built_in(
        cls,
        name: str,
        scenario_hash: str,
        *,
        labels: tuple[str, ...] = (),
        factors: tuple[LoggedFactor, ...] = (),
        anchor: str = "",
    ) -> "PolicyIdentity":
        """A built-in policy of a scenario.

        One that explores is another policy over a menu than over notches: it is bound to what it draws from.

        Args:
            name: Its name, with its exploration.
            scenario_hash: Hash of its scenario.
            labels: The menu from which it explores; none without exploration.
            factors: The factors that it moves; none without exploration.
            anchor: The policy that their neutral levels are.
        """
        drawn = [repr((one.name, one.labels, one.neutral)) for one in factors]
        choices = (["menu", *labels] if labels else []) + (["factors", anchor, *drawn] if drawn else [])
        found = cls.of_name("|".join([name, scenario_hash, *choices]))
        return replace(found, name=name)

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


def load_rows(
    log: EvaluationLog,
    policy: LogPolicy,
    *,
    reward_bounds: tuple[float, float] | None = None,
    checked: bool = False,
    by_factor: bool = False,
) -> tuple[LogRows, FloatArray]:
    """The whole log in memory, and the policy's probabilities ``(n, K)``: for methods that need all rows at once.

    Of decisions made of factors they are those of every level, factor after factor.

    Raises:
        DecisionLogError: A row is wrong; the message names file, row and column.
        PolicyError: The policy does not fit the log.
    """
    answers = policy.answers()
    rows: list[LogRows] = []
    probabilities: list[FloatArray] = []
    for part in log.parts():
        for read in log.rows(
            part,
            keys=policy.keys,
            reads=policy.reads,
            reward_bounds=reward_bounds,
            checked=checked,
            by_factor=by_factor,
        ):
            batch, answer = ask(answers, read)
            rows.append(replace(batch, keys={}, raw=None))
            probabilities.append(answer)
    return together(rows), np.concatenate(probabilities)
