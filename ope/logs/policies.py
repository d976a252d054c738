"""Policies that can be asked about the decisions of a log: a probability of every action, row by row."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import ContextPolicy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError
from xbopt.ope.logs.open_log import EvaluationLog
from xbopt.ope.logs.rows import LogRows

ALWAYS = "always:"
_SUM_TOLERANCE = 1e-6
_ALL = 1.0 - 1e-9  # from here on a row holds nothing but exploration


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
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        total = sha256()
        for file in files:
            inside = file.relative_to(path).as_posix() if path.is_dir() else ""
            total.update(f"{inside}\0{sha256(file.read_bytes()).hexdigest()}\n".encode())
        return cls(name=name or path.name, kind=kind, sha256=total.hexdigest())


Answers: TypeAlias = Callable[[LogRows], FloatArray]
"""Probability of every action ``(n, K)``, rows sum to 1, given some rows of the log in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPolicy(ABC):
    """What an evaluation asks of a policy.

    Attributes:
        name: The name that reports show.
        keys: Columns of the log that it needs as text.
        unseen: Actions that it knows and the log does not; they stand behind those of the log.
        notes: What a reader should know about it.
        identity: What a certificate says that it is; None for its name alone.
    """

    name: str
    keys: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    identity: PolicyIdentity | None = None

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
class LoggedProbabilities(LogPolicy):
    """The policy that wrote the log; or the same policy with another share of exploration.

    In every row the least probability times the number of actions is the share that was drawn uniformly. What is left
    without it is the policy's own choice.

    Attributes:
        exploration: Share of uniform exploration; None for that of the log.
    """

    exploration: float | None = None

    def answers(self) -> Answers:
        """What the log itself says, explored differently where that is asked."""
        return self._logged

    def _logged(self, rows: LogRows) -> FloatArray:
        """Probabilities ``(n, K)``.

        Raises:
            PolicyError: The log does not say them, or holds nothing but exploration.
        """
        table = rows.data.action_probabilities
        if table is None:
            raise PolicyError(
                f"{rows.place}: the log has the probability of the action that was taken, not of the others, so the "
                "policy that wrote it is not known in full. Name the column: --columns action_probabilities=..."
            )
        if self.exploration is None:
            return table
        actions = table.shape[1]
        share = actions * table.min(axis=1, keepdims=True)
        if (share > _ALL).any():
            row = rows.first_row + int(np.argmax(share[:, 0] > _ALL)) + 1
            raise PolicyError(
                f"{rows.place}: row {row} was drawn uniformly, so what the policy itself would have done is not known."
            )
        choice = (table - share / actions) / (1.0 - share)
        mixed = (1.0 - self.exploration) * choice + self.exploration / actions
        return mixed / mixed.sum(axis=1, keepdims=True)


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
    """The policies that any log knows: ``uniform``, ``logging`` and ``always:ACTION``; None for any other name.

    Args:
        name: The name.
        log: The log.
        exploration: Share of uniform exploration for ``logging``; None for that of the log.

    Raises:
        PolicyError: There is no such action in the log.
    """
    labels = log.action_labels
    if name == "uniform":
        notes = ("uniform: each action of the log with the same probability.",)
        shares = (1.0 / len(labels),) * len(labels)
        return FixedProbabilities(name=name, shares=shares, notes=notes, identity=PolicyIdentity.of_name(name))
    if name == "logging":
        name = name if exploration is None else f"logging+explore{exploration:g}"
        return LoggedProbabilities(name=name, exploration=exploration, identity=PolicyIdentity.of_name(name))
    if name.startswith(ALWAYS):
        action = name.removeprefix(ALWAYS)
        if action not in labels:
            some = ", ".join(labels[:20]) + (", ..." if len(labels) > 20 else "")
            raise PolicyError(f"The log has no action {action!r}.{suggest(action, labels)} It has: {some}.")
        shares = tuple(float(label == action) for label in labels)
        return FixedProbabilities(name=name, shares=shares, identity=PolicyIdentity.of_name(name))
    return None
