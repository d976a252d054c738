"""Policies that can be asked about a log whose decisions are made of factors: probabilities of every level."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decision_log.schema import LoggedFactor
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError, UsageError
from xbopt.ope.logs.conversion import numbers, texts
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.files import open_source, read_part, split
from xbopt.ope.logs.log_policy import Answers, LogPolicy, PolicyIdentity
from xbopt.ope.logs.policies import ALWAYS, FixedProbabilities
from xbopt.ope.logs.rows import LogRows, OwnRows
from xbopt.ope.logs.shadows import SHADOWS, shadow_policy

_COLUMNS = ("factor", "level", "probability")
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedLevels(LogPolicy):
    """The policy that wrote the log, as it drew."""

    def answers(self) -> Answers:
        """What the log itself says."""
        return _logged


def _logged(rows: LogRows) -> FloatArray:
    assert rows.level_probabilities is not None, "a log of factors holds the probability of every level"
    return rows.level_probabilities


def named_factor_policy(name: str, log: EvaluationLog, *, exploration: float | None = None) -> LogPolicy | None:
    """The policies that a log of factors knows by itself; None for other names.

    ``logging``; ``uniform``, every level alike; ``shadow:NAME``; and the anchor by its name, with a share of each
    factor one notch aside if asked for.

    Raises:
        PolicyError: There is no such shadow, or the name means nothing for factors.
        UsageError: The share is asked of a policy that takes none.
    """
    stated = log.converter.schema if isinstance(log.converter, OwnRows) else None
    anchor, mark = ("", "") if stated is None else (stated.anchor, stated.anchor_mark)
    if exploration is not None and name != anchor and (name in ("uniform", "logging") or name.startswith(SHADOWS)):
        raise UsageError(
            f"--exploration is for a policy that the notches of this log are around, or a run's; {name} takes none."
        )
    if name == "logging":
        return LoggedLevels(name=name, identity=PolicyIdentity.of_name(name))
    if name == "uniform":
        shares = [np.full(len(one.labels), 1.0 / len(one.labels)) for one in log.factors]
        notes = ("uniform: each level of every factor with the same probability.",)
        return _fixed(name, shares, PolicyIdentity.of_name(name), notes)
    if name.startswith(SHADOWS):
        return shadow_policy(name.removeprefix(SHADOWS), log)
    if name.startswith(ALWAYS):
        raise PolicyError(
            f"{name} names an action, and the decisions of this log are made of factors: give the levels of each with "
            "--probabilities FILE (columns factor, level, probability)."
        )
    if anchor and name == anchor:
        share = exploration or 0.0
        called = f"{name}+explore{share:g}" if share else name
        note = f"{name} is what the log's notches are around: all factors at their neutral level" + (
            f", each one notch aside with a share of {share:.0%}." if share else "."
        )
        drawn = log.factors if share else ()
        # Plans of one name in two files are two policies.
        marked = f"{called} {mark}".strip()
        identity = PolicyIdentity.of_built_in(marked, log.scenario_hash, factors=drawn, anchor=anchor)
        identity = replace(identity, name=called)
        return _fixed(called, [around_neutral(one, share) for one in log.factors], identity, (note,))
    return None


def around_neutral(factor: LoggedFactor, share: float) -> FloatArray:
    """Probability of every level ``(L,)``: neutral, and with a share one notch to either side.

    Raises:
        UsageError: The share is not within 0..1.
    """
    if not 0.0 <= share <= 1.0:
        raise UsageError(f"exploration is {share:g}; a share from 0 to 1 is wanted.")
    size, own = len(factor.labels), factor.neutral
    beside = [level for level in (own - 1, own + 1) if 0 <= level < size]
    shares = np.zeros(size)
    shares[own], shares[beside] = 1.0 - share, share / len(beside)
    return shares


def levels_by_name(
    shares: Mapping[str, Mapping[str, float]], log: EvaluationLog, *, name: str, identity: PolicyIdentity
) -> FixedProbabilities:
    """The same probabilities in every row, given by names of factor and level; a level that is left out has 0.

    Raises:
        PolicyError: A factor is missing, a name is unknown, or the shares of one are no distribution.
    """
    known = [one.name for one in log.factors]
    for given in shares:
        if given not in known:
            hint = suggest(given, known)
            raise PolicyError(f"{name}: the log has no factor {given!r}.{hint} It has: {', '.join(known)}.")
    found: list[FloatArray] = []
    for factor in log.factors:
        if factor.name not in shares:
            neutral = factor.labels[factor.neutral]
            raise PolicyError(f"{name}: factor {factor.name} is missing; {neutral!r} with 1 leaves it as it is.")
        given = shares[factor.name]
        for label in given:
            if label not in factor.labels:
                raise PolicyError(
                    f"{name}: factor {factor.name} has no level {label!r}.{suggest(label, factor.labels)} It has: "
                    f"{', '.join(factor.labels)}."
                )
            if not 0.0 <= (share := float(given[label])) <= 1.0 + _SUM_TOLERANCE:
                raise PolicyError(
                    f"{name}: level {label!r} of factor {factor.name} has the probability {share:g}; 0 to 1 is wanted."
                )
        line = np.array([float(given.get(label, 0.0)) for label in factor.labels])
        if abs(float(line.sum()) - 1.0) > _SUM_TOLERANCE:
            raise PolicyError(f"{name}: the levels of factor {factor.name} sum to {float(line.sum()):g}; 1 is wanted.")
        found.append(line)
    return _fixed(name, found, identity, ())


def open_factor_probabilities(source: object, log: EvaluationLog) -> FixedProbabilities:
    """A file or table with the columns factor, level and probability.

    Raises:
        UsageError: It is neither a path nor a table.
        PolicyError: It lacks a column or a factor, has others, or holds one level twice.
        DecisionLogError: It is broken.
    """
    top, files = open_source(source)
    names = files[0].names
    if sorted(names) != sorted(_COLUMNS):
        raise PolicyError(
            f"{top}: the decisions of this log are made of factors; the columns factor, level and probability are "
            f"wanted. It has: {', '.join(names)}."
        )
    shares: dict[str, dict[str, float]] = {}
    for part in split(files):
        for batch in read_part(part, _COLUMNS):
            told = (cast("list[str]", texts(batch, column).to_pylist()) for column in _COLUMNS[:2])
            for factor, level, share in zip(*told, numbers(batch, "probability").tolist(), strict=True):
                if level in shares.setdefault(factor, {}):
                    raise PolicyError(f"{top}: level {level!r} of factor {factor} stands there twice.")
                shares[factor][level] = share
    identity = (
        PolicyIdentity.of_path(top, "probabilities file")
        if files[0].table is None
        else PolicyIdentity(name=top.name, kind="table of probabilities", sha256=files[0].digest())
    )
    return levels_by_name(shares, log, name=top.name, identity=identity)


def _fixed(
    name: str, shares: Sequence[FloatArray], identity: PolicyIdentity, notes: tuple[str, ...]
) -> FixedProbabilities:
    every = tuple(float(share) for share in np.concatenate(shares))
    return FixedProbabilities(name=name, shares=every, identity=identity, notes=notes)
