"""Evaluating a policy on a log that need not fit into memory: rows are read in batches, twice, and added up."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.core.workers import Engine, over_parts
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.diagnostics.propensity import with_estimated_propensities
from xbopt.ope.diagnostics.verdict import Findings, judge_carry_over
from xbopt.ope.evaluate import gather
from xbopt.ope.logs.files import LogPart
from xbopt.ope.logs.naming import with_names
from xbopt.ope.logs.open_log import EvaluationLog
from xbopt.ope.logs.policies import LogPolicy
from xbopt.ope.logs.rows import LogRows
from xbopt.ope.logs.samples import Samples
from xbopt.ope.logs.sequence import AnytimeInterval
from xbopt.ope.logs.weight_histogram import WeightHistogram
from xbopt.ope.results import PolicyEvaluation
from xbopt.ope.reward_models.fitting import ModelName, fit_reward_model
from xbopt.ope.reward_models.linear import fit_linear
from xbopt.ope.reward_models.moments import RewardMoments
from xbopt.ope.reward_models.protocol import FOLDS, RewardModel
from xbopt.ope.simulated_coverage import CoverageTest, self_test
from xbopt.ope.streaming import StreamingEvaluator

Progress = Callable[[int, int], None]
_LARGEST_MODEL = 512_000_000


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
        estimated_propensities: Whether the propensities are an estimate.
        anytime: Interval that holds at every size of the log; None where it was not asked for.
        self_test: Coverage of the intervals in logs simulated like this one; None where it was not asked for.
    """

    log: EvaluationLog = field(repr=False)
    policy: str
    action_labels: tuple[str, ...]
    result: PolicyEvaluation
    weights: WeightHistogram
    rules: tuple[str, ...]
    estimated_propensities: bool = False
    anytime: AnytimeInterval | None = None
    self_test: CoverageTest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _FirstPass:
    """Gathers what the reward model and the test of carry-over need."""

    log: EvaluationLog
    n_actions: int
    seed: int
    with_model: bool

    def __call__(self, part: LogPart) -> tuple[RewardMoments | None, Samples]:
        moments = (
            RewardMoments(n_actions=self.n_actions, n_features=len(self.log.context_names)) if self.with_model else None
        )
        sample = Samples()
        start = part.first_of_log
        for rows in self.log.rows(part):
            if moments is not None:
                keys = row_keys(len(rows), first_row=start, cluster=rows.cluster, seed=self.seed)
                reward = np.where(rows.ready, rows.reward, 0.0)
                moments.add(rows.context, rows.action, reward, keys, rows.ready.astype(np.float64))
            sample = sample.plus(Samples.of(rows, start))
            start += len(rows)
        return moments, sample


@dataclass(frozen=True, slots=True, kw_only=True)
class _SecondPass:
    """Gathers the evaluation itself."""

    log: EvaluationLog
    policy: LogPolicy
    n_actions: int
    seed: int
    confidence: float
    model: RewardModel | None
    reward_bounds: tuple[float, float] | None

    def __call__(self, part: LogPart) -> tuple[StreamingEvaluator | None, WeightHistogram]:
        evaluator: StreamingEvaluator | None = None
        weights, start, answers = WeightHistogram.of(np.zeros(0)), part.first_of_log, self.policy.answers()
        for rows in self.log.rows(part, keys=self.policy.keys):
            data = replace(logged_data(rows, n_actions=self.n_actions), reward_bounds=self.reward_bounds)
            evaluator = evaluator or self.evaluator(data)
            evaluation = answers(rows)
            evaluator.add(data, evaluation, first_row=start)
            weights = weights.plus(_weights(data, evaluation))
            start += len(rows)
        return evaluator, weights

    def evaluator(self, data: LoggedBanditData) -> StreamingEvaluator:
        return StreamingEvaluator(
            n_actions=self.n_actions,
            reward_model=self.model,
            confidence=self.confidence,
            seed=self.seed,
            clustered=data.cluster is not None,
            with_cost=data.cost is not None,
            reward_bounds=self.reward_bounds,
        )


def evaluate_log(
    log: EvaluationLog,
    policy: LogPolicy,
    *,
    action_labels: tuple[str, ...] | None = None,
    notes: tuple[str, ...] = (),
    confidence: float = 0.95,
    seed: int = 0,
    reward_model: ModelName | None = "linear",
    reward_bounds: tuple[float, float] | None = None,
    force: bool = False,
    engine: Engine = "local",
    progress: Progress | None = None,
) -> LogEvaluation:
    """Evaluate a policy on all rows of a log.

    With the linear reward model or none, memory does not grow with the rows; other models, and propensities that have
    to be estimated, need all rows at once. Neither batches nor engine change the result.

    Args:
        log: The log.
        policy: The evaluation policy.
        action_labels: Names of the actions ``(K,)`` where the policy knows more than the log; the log's come first.
        notes: What to know about the policy; they join the log's rules.
        confidence: Of every interval.
        seed: Of folds and bootstrap.
        reward_model: Name of the reward model; None for IPS and SNIPS alone.
        reward_bounds: Least and greatest possible reward, where they are known beforehand.
        force: Show values even where the log cannot answer.
        engine: Where the parts are read.
        progress: Called with rows done and rows in all, over both passes.

    Raises:
        DecisionLogError: A row is wrong; the message names file, row and column.
        PolicyError: The policy does not fit the log.
    """
    labels = action_labels or log.action_labels
    streams = reward_model in (None, "linear") and not log.estimates_propensities
    if reward_model == "linear" and streams:
        _check_model_size(log, len(labels))
    if streams:
        passes = _Passes(
            log=log,
            policy=policy,
            n_actions=len(labels),
            seed=seed,
            engine=engine,
            progress=progress,
            reward_bounds=reward_bounds,
        )
        result, weights = passes.run(confidence=confidence, with_model=reward_model is not None, force=force)
    else:
        if engine != "local":
            raise UsageError(
                f"--engine {engine} reads the log in parts; estimated propensities and reward models other than linear "
                "need all of it at once."
            )
        result, weights = _at_once(
            log, policy, len(labels), confidence, seed, reward_model, reward_bounds=reward_bounds, force=force
        )
    return LogEvaluation(
        log=log,
        policy=policy.name,
        action_labels=labels,
        result=with_names(result, labels, log.segments),
        weights=weights,
        rules=(*log.rules, *notes),
        estimated_propensities=log.estimates_propensities,
    )


def _at_once(
    log: EvaluationLog,
    policy: LogPolicy,
    n_actions: int,
    confidence: float,
    seed: int,
    reward_model: ModelName | None,
    *,
    reward_bounds: tuple[float, float] | None,
    force: bool,
) -> tuple[PolicyEvaluation, WeightHistogram]:
    """The evaluation with all rows in memory."""
    rows, probabilities = load_rows(log, policy)
    data = replace(logged_data(rows, n_actions=n_actions), reward_bounds=reward_bounds)
    cautions: tuple[str, ...] = ()
    if data.propensity is None:
        data, caution = with_estimated_propensities(data, seed=seed)
        cautions = (caution,)
    model = None if reward_model is None else fit_reward_model(reward_model, data, seed=seed)
    evaluator = gather(data, probabilities, confidence=confidence, seed=seed, model=model)
    # Propensities that were estimated fit the log by themselves; there is nothing to audit.
    samples = Samples.of(rows, 0)
    result = _judged(evaluator, samples, n_actions, force=force, cautions=cautions)
    return result, _weights(data, probabilities)


def _judged(
    evaluator: StreamingEvaluator, samples: Samples, n_actions: int, *, force: bool, cautions: tuple[str, ...]
) -> PolicyEvaluation:
    """The result, with the tests for carry-over and of the stated propensities, and what they give reason to."""
    found = None if samples.episodes is None else samples.episodes.test(n_actions)
    doubts = () if samples.audit is None else samples.audit.doubts(n_actions)
    findings = Findings()
    judge_carry_over(found, findings)
    if doubts:
        findings.next_steps.append(
            "Find out which propensities held when the actions were drawn, and write those down."
        )
    result = evaluator.result(force=force, cautions=(*cautions, *doubts, *findings.cautions))
    return replace(result, carry_over=found, next_steps=(*result.next_steps, *findings.next_steps))


def with_self_test(evaluation: LogEvaluation, policy: LogPolicy, *, seed: int = 0, draws: int = 200) -> LogEvaluation:
    """The evaluation with the coverage that its intervals reach in logs simulated like this one; needs all rows.

    After a refusal the simulated truth and the widths are left out: they would tell the value that is withheld.

    Raises:
        UsageError: The evaluation is sequential.
    """
    if evaluation.result.estimand != "one-step":
        raise UsageError("--self-test is for the one-step question.")
    n_actions = len(evaluation.action_labels)
    rows, probabilities = load_rows(evaluation.log, policy)
    found = self_test(
        logged_data(rows, n_actions=n_actions),
        probabilities,
        confidence=evaluation.result.confidence,
        seed=seed,
        draws=draws,
    )
    return replace(evaluation, self_test=found.without_values() if evaluation.result.withheld else found)


def _check_model_size(log: EvaluationLog, n_actions: int) -> None:
    fields = len(log.context_names) + 1
    size = FOLDS * n_actions * fields * fields * 8
    if size > _LARGEST_MODEL:
        raise UsageError(
            f"A linear reward model of {fields - 1:,} context columns and {n_actions:,} actions needs "
            f"{size / 1e9:.1f} GB. Name fewer context columns, or say --reward-model none."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passes:
    """Reads the log twice: for the reward model, then for the evaluation."""

    log: EvaluationLog
    policy: LogPolicy
    n_actions: int
    seed: int
    engine: Engine
    progress: Progress | None
    reward_bounds: tuple[float, float] | None

    def run(self, *, confidence: float, with_model: bool, force: bool) -> tuple[PolicyEvaluation, WeightHistogram]:
        parts, sizes = self.log.parts(), [*self.log.profile.rows_of_parts] * 2
        done = iter(np.cumsum(sizes).tolist())

        def tick() -> None:
            if self.progress is not None:
                self.progress(next(done), sum(sizes))

        moments: RewardMoments | None = None
        sample = Samples()
        first = _FirstPass(log=self.log, n_actions=self.n_actions, seed=self.seed, with_model=with_model)
        for of_part, found in over_parts(first, parts, engine=self.engine):
            sample = sample.plus(found)
            if moments is None:
                moments = of_part
            elif of_part is not None:
                moments.merge(of_part)
            tick()
        second = _SecondPass(
            log=self.log,
            policy=self.policy,
            n_actions=self.n_actions,
            seed=self.seed,
            confidence=confidence,
            model=None if moments is None else fit_linear(moments),
            reward_bounds=self.reward_bounds,
        )
        whole: StreamingEvaluator | None = None
        weights = WeightHistogram.of(np.zeros(0))
        for evaluator, histogram in over_parts(second, parts, engine=self.engine):
            if evaluator is not None:
                if whole is None:
                    whole = evaluator
                else:
                    whole.merge(evaluator)
            weights = weights.plus(histogram)
            tick()
        assert whole is not None, "an opened log has rows"
        return _judged(whole, sample, self.n_actions, force=force, cautions=()), weights


def logged_data(rows: LogRows, *, n_actions: int) -> LoggedBanditData:
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
    )


def _weights(data: LoggedBanditData, evaluation: FloatArray) -> WeightHistogram:
    assert data.propensity is not None, "propensities were stated or estimated before"
    weight = evaluation[np.arange(len(data)), data.action] / data.propensity
    return WeightHistogram.of(weight if data.observed is None else weight[data.observed])


def load_rows(log: EvaluationLog, policy: LogPolicy) -> tuple[LogRows, FloatArray]:
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
    return together(rows), np.concatenate(probabilities)


def together(batches: list[LogRows]) -> LogRows:
    """Batches of one log as one."""
    arrays = {
        name: None if getattr(batches[0], name) is None else np.concatenate([getattr(b, name) for b in batches])
        for name in LogRows.__dataclass_fields__
        if name not in ("place", "first_row", "keys")
    }
    return replace(batches[0], **arrays)
