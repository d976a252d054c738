"""Evaluating a policy on a log that need not fit into memory: rows are read in batches, twice, and added up."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.core.axes import FloatArray
from xbopt.ope.data import LoggedBanditData
from xbopt.ope.logs.engines import Engine, over_parts
from xbopt.ope.logs.files import LogPart
from xbopt.ope.logs.naming import with_names
from xbopt.ope.logs.open_log import EvaluationLog
from xbopt.ope.logs.policies import LogPolicy
from xbopt.ope.logs.previous_actions import PreviousActions
from xbopt.ope.logs.rows import LogRows
from xbopt.ope.logs.weight_histogram import WeightHistogram
from xbopt.ope.results import PolicyEvaluation
from xbopt.ope.reward_models.linear import fit_linear
from xbopt.ope.reward_models.moments import RewardMoments
from xbopt.ope.reward_models.protocol import RewardModel
from xbopt.ope.row_keys import row_keys
from xbopt.ope.streaming import StreamingEvaluator

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvaluation:
    """A policy evaluated on a log, with what a reader needs to judge it.

    Attributes:
        log: The log.
        policy: Name of the evaluation policy.
        action_labels: Names of all actions ``(K,)``: those of the log, then those that only the policy knows.
        result: Verdict, support and numbers; its sentences name actions and segments.
        weights: How the importance weights are spread.
        rules: What was left out or encoded how.
    """

    log: EvaluationLog = field(repr=False)
    policy: str
    action_labels: tuple[str, ...]
    result: PolicyEvaluation
    weights: WeightHistogram
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _FirstPass:
    """Gathers what the reward model and the test of carry-over need."""

    log: EvaluationLog
    n_actions: int
    seed: int
    with_model: bool

    def __call__(self, part: LogPart) -> tuple[RewardMoments | None, PreviousActions]:
        moments = (
            RewardMoments(n_actions=self.n_actions, n_features=len(self.log.context_names)) if self.with_model else None
        )
        before, start = PreviousActions.empty(), part.first_of_log
        for rows in self.log.rows(part):
            if moments is not None:
                keys = row_keys(len(rows), first_row=start, cluster=rows.cluster, seed=self.seed)
                reward = np.where(rows.ready, rows.reward, 0.0)
                moments.add(rows.context, rows.action, reward, keys, rows.ready.astype(np.float64))
            before = before.plus(rows)
            start += len(rows)
        return moments, before


@dataclass(frozen=True, slots=True, kw_only=True)
class _SecondPass:
    """Gathers the evaluation itself."""

    log: EvaluationLog
    policy: LogPolicy
    n_actions: int
    seed: int
    confidence: float
    model: RewardModel | None
    before: PreviousActions

    def __call__(self, part: LogPart) -> tuple[StreamingEvaluator, WeightHistogram]:
        evaluator: StreamingEvaluator | None = None
        weights, start, answers = WeightHistogram.of(np.zeros(0)), part.first_of_log, self.policy.answers()
        for rows in self.log.rows(part, keys=self.policy.keys):
            data = logged_data(rows, n_actions=self.n_actions, previous=self.before)
            evaluator = evaluator or self.evaluator(data)
            evaluation = answers(rows)
            evaluator.add(data, evaluation, first_row=start)
            weights = weights.plus(_weights(data, evaluation))
            start += len(rows)
        return evaluator or self.evaluator(None), weights

    def evaluator(self, data: LoggedBanditData | None) -> StreamingEvaluator:
        return StreamingEvaluator(
            n_actions=self.n_actions,
            reward_model=self.model,
            confidence=self.confidence,
            seed=self.seed,
            clustered=data is not None and data.cluster is not None,
            with_cost=data is not None and data.cost is not None,
        )


def evaluate_log(
    log: EvaluationLog,
    policy: LogPolicy,
    *,
    action_labels: tuple[str, ...] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    with_model: bool = True,
    force: bool = False,
    engine: Engine = "local",
    cautions: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> LogEvaluation:
    """Evaluate a policy on all rows of a log.

    Memory does not grow with the rows, and neither batches nor engine change the result.

    Args:
        log: The log; it must have propensities.
        policy: The evaluation policy.
        action_labels: Names of the actions ``(K,)`` where the policy knows more than the log; the log's come first.
        confidence: Of every interval.
        seed: Of folds and bootstrap.
        with_model: Whether to fit a linear reward model; without one there are IPS and SNIPS alone.
        force: Show values even where the log cannot answer.
        engine: Where the parts are read.
        cautions: Further reasons for CAUTION.
        progress: Called with rows done and rows in all, over both passes.

    Raises:
        DecisionLogError: A row is wrong; the message names file, row and column.
        PolicyError: The policy does not fit the log.
    """
    labels = action_labels or log.action_labels
    parts = log.parts()
    steps = [*log.profile.rows_of_parts] * 2
    done = iter(np.cumsum(steps).tolist())

    def tick() -> None:
        if progress is not None:
            progress(next(done), sum(steps))

    moments: RewardMoments | None = None
    before = PreviousActions.empty()
    first = _FirstPass(log=log, n_actions=len(labels), seed=seed, with_model=with_model)
    for of_part, actions in over_parts(first, parts, engine=engine):
        before = before.merged(actions)
        if moments is None:
            moments = of_part
        elif of_part is not None:
            moments.merge(of_part)
        tick()
    second = _SecondPass(
        log=log,
        policy=policy,
        n_actions=len(labels),
        seed=seed,
        confidence=confidence,
        model=None if moments is None else fit_linear(moments),
        before=before.sorted(),
    )
    whole: StreamingEvaluator | None = None
    weights = WeightHistogram.of(np.zeros(0))
    for evaluator, histogram in over_parts(second, parts, engine=engine):
        if whole is None:
            whole = evaluator
        else:
            whole.merge(evaluator)
        weights = weights.plus(histogram)
        tick()
    assert whole is not None, "a log has at least one part"
    result = whole.result(force=force, cautions=cautions)
    return LogEvaluation(
        log=log,
        policy=policy.name,
        action_labels=labels,
        result=with_names(result, labels, log.segments),
        weights=weights,
        rules=log.rules,
    )


def logged_data(rows: LogRows, *, n_actions: int, previous: PreviousActions | None = None) -> LoggedBanditData:
    """Rows of a log as the data that estimators take."""
    table = rows.action_probabilities
    if table is not None and table.shape[1] < n_actions:
        # Actions that only the evaluation policy knows were never a choice when the log was written.
        table = np.pad(table, ((0, 0), (0, n_actions - table.shape[1])))
    return LoggedBanditData(
        context=rows.context,
        action=rows.action,
        reward=np.where(rows.ready, rows.reward, 0.0),
        propensity=rows.propensity,
        n_actions=n_actions,
        action_probabilities=table,
        cluster=rows.cluster,
        segment=rows.segment,
        cost=rows.cost,
        observed=None if rows.ready.all() else rows.ready,
        previous_action=None if previous is None else previous.of(rows),
    )


def _weights(data: LoggedBanditData, evaluation: FloatArray) -> WeightHistogram:
    assert data.propensity is not None, "rows without propensities do not come here"
    weight = evaluation[np.arange(len(data)), data.action] / data.propensity
    return WeightHistogram.of(weight if data.observed is None else weight[data.observed])


def load_log(log: EvaluationLog, policy: LogPolicy, *, n_actions: int) -> tuple[LoggedBanditData, FloatArray]:
    """The whole log in memory, and the policy's probabilities ``(n, K)``: for methods that need all rows at once.

    Raises:
        DecisionLogError: A row is wrong; the message names file, row and column.
        PolicyError: The policy does not fit the log.
    """
    answers = policy.answers()
    rows: list[LogRows] = []
    probabilities: list[FloatArray] = []
    for part in log.parts():
        for batch in log.rows(part, keys=policy.keys):
            rows.append(replace(batch, keys={}))
            probabilities.append(answers(batch))
    whole = together(rows)
    previous = PreviousActions.empty().plus(whole).sorted()
    return logged_data(whole, n_actions=n_actions, previous=previous), np.concatenate(probabilities)


def together(batches: list[LogRows]) -> LogRows:
    """Batches of one log as one."""
    arrays = {
        name: None if getattr(batches[0], name) is None else np.concatenate([getattr(b, name) for b in batches])
        for name in LogRows.__dataclass_fields__
        if name not in ("place", "first_row", "keys")
    }
    return replace(batches[0], **arrays)
