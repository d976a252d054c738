"""Policies that read what the market shows, asked about a log that holds what was seen."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decision_log.observations import (
    MarketAxes,
    ObservedRows,
    StandAloneFactoredPolicy,
    StandAlonePolicy,
)
from xbopt.core.decision_log.schema import LoggedFactor
from xbopt.core.decisions.cell_factors import CellFactors
from xbopt.core.decisions.policy import CellwisePolicy, FactoredPolicy, Observation, TacticPolicy, anchor_name
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.observation import CELL_FEATURES, CHANNEL_FEATURES, REGION_FEATURES
from xbopt.ope.logs.conversion import number_lists, words
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.files import RawBatch, read_part
from xbopt.ope.logs.log_policy import Answers, LogPolicy, PolicyIdentity
from xbopt.ope.logs.rows import LogRows, OwnRows
from xbopt.ope.results.findings import Finding

DECISION, UNIT, OBSERVATION = "decision_id", "unit", "observation"
_MOMENTS = 4096
"""Moments asked about at once, so that memory stays small; it changes no answer."""
_SUM_TOLERANCE = 1e-6
NO_OBSERVATION = (
    "reads more than the context of single decisions, and this log does not hold what was seen: it was written by an "
    "older version of xbopt, or elsewhere. Write it again; or let the policy run as a shadow (simulate --shadow, serve "
    "--shadow) and ask for shadow:NAME."
)


def axes_of(scenario: Scenario) -> MarketAxes:
    """The names that a policy of a scenario knows."""
    return MarketAxes(
        regions=scenario.regions,
        segments=scenario.segments,
        channels=scenario.channels,
        start=scenario.start,
        days=scenario.days,
        region_features=REGION_FEATURES,
        cell_features=CELL_FEATURES,
        channel_features=CHANNEL_FEATURES,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FromObservation(LogPolicy):
    """A policy that answers from the observation, which the rows of a moment hold together.

    Attributes:
        policy: The policy, over the actions of the log.
        axes: The market it decides for.
        context_names: Names of the log's context ``(d,)``.
        observation_names: Names of the log's observation ``(o,)``.
        sizes: Numbers of actions that have one distribution each: one number, or the levels of each factor.
        factors: What the rows of the log hold of the policy's factors; None for a policy over a menu.
    """

    policy: TacticPolicy | FactoredPolicy
    axes: MarketAxes
    context_names: tuple[str, ...]
    observation_names: tuple[str, ...]
    sizes: tuple[int, ...]
    factors: CellFactors | None = None

    def answers(self) -> Answers:
        """What the policy answers to each row's observation."""
        return self._asked

    def _asked(self, rows: LogRows) -> FloatArray:
        """What the policy answers ``(n, K)``; NaN in rows of decisions that do not hold all the cells that it reads.

        Raises:
            PolicyError: The log lacks what the policy reads, or the answer is no distribution.
        """
        assert rows.raw is not None, "the columns that a policy reads are kept"
        seen = number_lists(rows.raw, OBSERVATION, len(self.observation_names), may_be_infinite=True)
        moment = moments(rows.raw)
        answer = np.full((len(rows), sum(self.sizes)), np.nan)
        own_cell_only = reads_own_cell_only(self.policy)
        enough = 1 if own_cell_only else self.axes.cells
        asked: BoolArray = np.bincount(moment)[moment] >= enough
        for first in range(0, int(moment.max()) + 1, _MOMENTS):
            some = np.flatnonzero(asked & (moment >= first) & (moment < first + _MOMENTS))
            if not len(some):
                continue
            observed = ObservedRows.of(
                self.axes,
                moment=moment[some],
                context=rows.data.context[some],
                context_names=self.context_names,
                observation=seen[some],
                names=self.observation_names,
            )
            for within, observation in observed.observations(own_cell_only=own_cell_only):
                by_cell = self._by_cell(observation)
                answer[some[within]] = by_cell[observed.world(within), observed.cell[within]]
        first = np.cumsum([0, *self.sizes[:-1]])
        sums = np.add.reduceat(answer, first, axis=1)
        if not (bool((answer[asked] >= 0.0).all()) and bool((np.abs(sums[asked] - 1.0) <= _SUM_TOLERANCE).all())):
            raise PolicyError(f"{self.name} gave probabilities that are negative or do not sum to 1.")
        return answer

    def _by_cell(self, observation: Observation) -> FloatArray:
        """Probabilities ``(B, cells, K)``, of every level factor after factor where the policy has factors."""
        if isinstance(self.policy, FactoredPolicy):
            assert self.factors is not None, "they belong together"
            return self.factors.probabilities(self.policy.factor_probabilities(observation))
        table = self.policy.probabilities(observation)
        return table.reshape(len(table), -1, table.shape[3])


def moments(batch: RawBatch) -> IntArray:
    """Number of the decision that each row is a part of, from 0 ``(n,)``: its name without the unit at its end."""
    names = zip(words(batch, DECISION), words(batch, UNIT), strict=True)
    wholes = [name.removesuffix(unit) for name, unit in names]
    return np.unique(np.array(wholes), return_inverse=True)[1].astype(np.int64)


def reads_own_cell_only(policy: TacticPolicy | FactoredPolicy) -> bool:
    """Whether what a policy answers for a cell depends on that cell alone."""
    return isinstance(policy, CellwisePolicy) and policy.reads_own_cell_only


def _partial_decisions(log: EvaluationLog, cells: int) -> tuple[Finding, ...]:
    """What to say of decisions that are about a part of the market's cells: a policy that reads all cannot be asked.

    Raises:
        PolicyError: No decision of the log holds all cells.
    """
    sizes = [
        np.bincount(moments(batch)) for part in log.parts() for batch in read_part(part, (DECISION, UNIT)) if batch.rows
    ]
    rows = np.concatenate(sizes)
    missed, total = int(rows[rows < cells].sum()), int(rows.sum())
    if missed == total:
        raise PolicyError(
            "The decisions of the log are about a part of the market's cells, and the policy reads all of them at "
            "once. Let it run as a shadow (serve --shadow, simulate --shadow), and ask for shadow:NAME."
        )
    figures = {"missed": missed, "share": missed / total}
    return (Finding(code="partial_decisions", level="caution", figures=figures),) if missed else ()


def standing_alone(
    policy: StandAlonePolicy | StandAloneFactoredPolicy,
    log: EvaluationLog,
    scenario: str | Scenario | None,
    exploration: float | None,
) -> FromObservation:
    """A policy that brings its scenario and its exploration, as one that can be asked about a log.

    Raises:
        UsageError: A scenario or a share of exploration was given.
        PolicyError: The log is of another market or holds no observation, or its actions are not the policy's.
    """
    if scenario is not None or exploration is not None:
        raise UsageError(f"{policy.name} brings its scenario and its exploration; give none.")
    return from_observation(
        policy,
        log,
        policy.axes,
        scenario_hash=policy.scenario_hash,
        name=policy.name,
        identity=PolicyIdentity(name=policy.name, kind=policy.kind, sha256=policy.sha256),
        notes=policy.notes,
    )


def from_observation(
    policy: TacticPolicy | FactoredPolicy,
    log: EvaluationLog,
    axes: MarketAxes,
    *,
    scenario_hash: str,
    name: str,
    identity: PolicyIdentity,
    notes: tuple[str, ...] = (),
) -> FromObservation:
    """The policy as one that can be asked about a log.

    Args:
        policy: The policy.
        log: The log.
        axes: The market it decides for.
        scenario_hash: Hash of its scenario.
        name: The name that reports show.
        identity: What a certificate says that it is.
        notes: What a reader should know about it.

    Raises:
        PolicyError: The log is of another market or holds no observation, its actions are not the policy's, or no
            decision holds all the cells that the policy reads.
    """
    if not isinstance(log.converter, OwnRows) or not log.converter.schema.observation_names:
        raise PolicyError(f"{name} {NO_OBSERVATION}")
    if log.scenario_hash != scenario_hash:
        raise PolicyError(
            f"{name} was made for a scenario with the hash {scenario_hash}; the log was written in one with "
            f"{log.scenario_hash or 'none'}."
        )
    factors = _factors_of(policy, log, axes, name) if isinstance(policy, FactoredPolicy) else None
    if isinstance(policy, TacticPolicy) and policy.menu.labels != log.action_labels:
        raise PolicyError(
            f"{name} chooses among other actions than the log's ({policy.menu.labels[0]!r}, not "
            f"{log.action_labels[0]!r}): those of a trained policy are relative to its plan, those of a plan or a "
            "re-planner to itself. Let a policy with the same actions write the log: xbopt simulate SCENARIO --policy "
            "RUN_DIR --exploration 0.4 --log FILE."
        )
    return FromObservation(
        name=name,
        reads=(DECISION, UNIT, OBSERVATION),
        notes=notes,
        identity=identity,
        findings=() if reads_own_cell_only(policy) else _partial_decisions(log, axes.cells),
        policy=policy,
        axes=axes,
        context_names=log.context_names,
        observation_names=log.converter.schema.observation_names,
        sizes=log.converter.schema.levels,
        factors=factors,
    )


def _factors_of(policy: FactoredPolicy, log: EvaluationLog, axes: MarketAxes, name: str) -> CellFactors:
    """The policy's factors as the rows of the log hold them.

    Raises:
        PolicyError: The log's factors are others, or notches around another policy.
    """
    found = CellFactors.of(
        policy.factors, regions=len(axes.regions), segments=len(axes.segments), channels=axes.channels
    )
    made = tuple(
        LoggedFactor(name=one, labels=labels, neutral=neutral)
        for one, labels, neutral in zip(found.names, found.labels, found.neutral, strict=True)
    )
    assert isinstance(log.converter, OwnRows), "only logs of xbopt hold what was seen"
    anchor, wanted = anchor_name(policy), log.converter.schema.anchor
    write = "write the log: xbopt simulate SCENARIO --policy RUN_DIR --exploration 0.4 --log FILE."
    if made != log.factors:
        raise PolicyError(
            f"{name} chooses among other levels than the log's. Let a policy with the same factors {write}"
        )
    if not (anchor and wanted):
        silent = "the log does not say" if anchor else f"{name} does not say"
        raise PolicyError(
            f"{silent} which policy its notches are around, so that nothing tells whether its levels mean the same. "
            f"Let a policy that has an anchor {write}"
        )
    if anchor != wanted:
        raise PolicyError(
            f"The notches of {name} are around {anchor}, those of the log around {wanted}: the same levels mean other "
            f"decisions. Let a policy around {anchor} {write}"
        )
    return found
