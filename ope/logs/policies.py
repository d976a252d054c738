"""Policies that logs know by name, and policies that answer from the context."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import ContextPolicy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.log_policy import Answers, LogPolicy, PolicyIdentity
from xbopt.ope.logs.logged_probabilities import logging_policy
from xbopt.ope.logs.rows import LogRows
from xbopt.ope.logs.shadows import SHADOWS, shadow_policy

ALWAYS = "always:"
_SUM_TOLERANCE = 1e-6


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
