"""Evaluating a policy on a log that need not fit into memory: rows are read in batches, twice, and added up."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.core.workers import Engine, over_parts
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.diagnostics.propensity import with_estimated_propensities
from xbopt.ope.diagnostics.verdict import judge_carry_over
from xbopt.ope.evaluate import gather
from xbopt.ope.logs.files import LogPart
from xbopt.ope.logs.log_policy import LogPolicy, PolicyIdentity, ask
from xbopt.ope.logs.open_log import EvaluationLog
from xbopt.ope.logs.rows import LogRows, together
from xbopt.ope.logs.samples import Samples
from xbopt.ope.logs.sequence import AnytimeInterval
from xbopt.ope.logs.weight_histogram import WeightHistogram
from xbopt.ope.results.evaluation import PolicyEvaluation, Verdict
from xbopt.ope.results.findings import Finding, Findings
from xbopt.ope.results.words import Names
from xbopt.ope.reward_models.fitting import ModelName, fit_reward_model
from xbopt.ope.reward_models.linear import fit_linear
from xbopt.ope.reward_models.moments import RewardMoments
from xbopt.ope.reward_models.protocol import FOLDS, RewardModel
from xbopt.ope.simulated_coverage import CoverageTest, self_test
from xbopt.ope.streaming import StreamingEvaluator

OnProgress = Callable[[int, int], None]
_LARGEST_MODEL = 512_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvaluation:
    """A policy evaluated on a log, with what a reader needs to judge it.

    Attributes:
        log: The log.
        policy: Name of the evaluation policy.
        action_labels: Names of all actions ``(K,)``: those of the log, then those that only the policy knows.
        result: Verdict, support and numbers; its sentences name actions, segments and rows as the log does.
        weights: How the importance weights are spread.
        rules: What was left out or encoded how.
        seed: Of folds, bootstrap and simulations.
        identity: What a certificate says that the policy is.
        anytime: Interval that holds at every size of the log; None where it was not asked for.
        self_test: Coverage of the intervals in logs simulated like this one; None where it was not asked for.
    """

    log: EvaluationLog = field(repr=False)
    policy: str
    action_labels: tuple[str, ...]
    result: PolicyEvaluation
    weights: WeightHistogram
    rules: tuple[str, ...]
    seed: int
    identity: PolicyIdentity
    anytime: AnytimeInterval | None = None
    self_test: CoverageTest | None = None

    def __repr__(self) -> str:
        """Verdict, policy and the value to quote."""
        result = self.result
        quoted = "" if result.recommended is None else f", {result.recommended}={result.values[result.recommended]}"
        return f"LogEvaluation({result.verdict}, policy={self.policy!r}, rows={result.rows:,}{quoted})"

    @property
    def verdict(self) -> Verdict:
        """ANSWER, CAUTION or REFUSE."""
        return self.result.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What is asked of a log."""

    log: EvaluationLog
    policy: LogPolicy
    n_actions: int
    confidence: float
    seed: int
    reward_model: ModelName | None
    reward_bounds: tuple[float, float] | None


def _first_pass(asked: _Question, part: LogPart) -> tuple[RewardMoments | None, Samples, int]:
    """Check all rows; gather moments for the reward model, samples for the other tests, and count complete rewards."""
    size = len(asked.log.context_names)
    moments = RewardMoments(n_actions=asked.n_actions, n_features=size) if asked.reward_model else None
    samples, start, ready = Samples(), part.first_of_log, 0
    for rows in asked.log.rows(part, reward_bounds=asked.reward_bounds):
        if moments is not None:
            data = rows.data
            keys = row_keys(len(rows), first_row=start, cluster=data.cluster, seed=asked.seed)
            moments.add(data.context, data.action, data.reward, keys, rows.ready.astype(np.float64))
        samples = samples.plus(Samples.of(rows, start))
        start += len(rows)
        ready += int(rows.ready.sum())
    return moments, samples, ready


def _second_pass(
    asked: _Question, model: RewardModel | None, part: LogPart
) -> tuple[StreamingEvaluator | None, WeightHistogram]:
    """Gather the evaluation itself, and how the weights are spread."""
    evaluator: StreamingEvaluator | None = None
    weights, start, answers = WeightHistogram.of(np.zeros(0)), part.first_of_log, asked.policy.answers()
    for read in asked.log.rows(part, keys=asked.policy.keys, reads=asked.policy.reads, checked=True):
        rows, evaluation = ask(answers, read)
        data = rows.data.with_actions(asked.n_actions, reward_bounds=asked.reward_bounds)
        evaluator = evaluator or StreamingEvaluator.of(
            data, reward_model=model, confidence=asked.confidence, seed=asked.seed
        )
        evaluator.add(data, evaluation, first_row=start)
        weights = weights.plus(_weights(data, evaluation))
        start += len(rows)
    return evaluator, weights


def evaluate_log(
    log: EvaluationLog,
    policy: LogPolicy,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    reward_model: ModelName | None = "linear",
    reward_bounds: tuple[float, float] | None = None,
    force: bool = False,
    engine: Engine = "local",
    on_progress: OnProgress | None = None,
) -> LogEvaluation:
    """Evaluate a policy on all rows of a log.

    With the linear reward model or none, memory does not grow with the rows; other models, and propensities that have
    to be estimated, need all rows at once. Neither batches nor engine change the result.

    Args:
        log: The log.
        policy: The evaluation policy.
        confidence: Of every interval.
        seed: Of folds and bootstrap.
        reward_model: Name of the reward model; None for IPS and SNIPS alone.
        reward_bounds: Least and greatest possible reward, where they are known beforehand.
        force: Show values even where the log cannot answer.
        engine: Where the parts are read.
        on_progress: Called with rows done and rows in all, over both passes.

    Raises:
        DecisionLogError: A row is wrong; the message names file, row and column.
        PolicyError: The policy does not fit the log.
        UsageError: The reward model would not fit into memory, or cannot be fitted part by part.
    """
    labels = (*log.action_labels, *policy.unseen)
    question = _Question(
        log=log,
        policy=policy,
        n_actions=len(labels),
        confidence=confidence,
        seed=seed,
        reward_model=reward_model,
        reward_bounds=reward_bounds,
    )
    if reward_model in (None, "linear") and not log.estimates_propensities:
        if reward_model is not None:
            _check_model_size(log, len(labels))
        result, weights = _in_passes(question, force=force, engine=engine, on_progress=on_progress)
    elif engine == "local":
        result, weights = _at_once(question, force=force)
    else:
        raise UsageError(
            f"--engine {engine} reads the log in parts; estimated propensities and reward models other than linear "
            "need all of it at once."
        )
    return answer_of(result, log, policy, weights, seed=seed)


def answer_of(
    result: PolicyEvaluation,
    log: EvaluationLog,
    policy: LogPolicy,
    weights: WeightHistogram,
    *,
    seed: int,
    rules: tuple[str, ...] = (),
) -> LogEvaluation:
    """The result with the log's names, and each row as the row of its file; ``rules`` are beside log and policy."""

    def placed(finding: Finding) -> Finding:
        if finding.row is None:
            return finding
        file, row = log.place_of(finding.row)
        return replace(finding, file=file, row=row)

    labels = (*log.action_labels, *policy.unseen)
    names = Names(actions=labels, segments=log.segments, files=len(log.files))
    return LogEvaluation(
        log=log,
        policy=policy.name,
        action_labels=labels,
        result=replace(result, names=names, findings=tuple(placed(finding) for finding in result.findings)),
        weights=weights,
        rules=(*log.rules, *rules, *policy.notes),
        seed=seed,
        identity=policy.identity or PolicyIdentity.of_name(policy.name, "object of a program"),
    )


def _in_passes(
    question: _Question, *, force: bool, engine: Engine, on_progress: OnProgress | None
) -> tuple[PolicyEvaluation, WeightHistogram]:
    """The evaluation from two passes through the log: for the reward model, then for the evaluation itself."""
    parts, sizes = question.log.parts(), [*question.log.profile.rows_of_parts] * 2
    done = iter(np.cumsum(sizes).tolist())
    moments: RewardMoments | None = None
    samples, ready = Samples(), 0
    first = partial(_first_pass, question)
    for part_moments, part_samples, part_ready in over_parts(first, parts, engine=engine):
        samples = samples.plus(part_samples)
        ready += part_ready
        if moments is None:
            moments = part_moments
        elif part_moments is not None:
            moments.merge(part_moments)
        if on_progress is not None:
            on_progress(next(done), sum(sizes))
    _check_ready(question.log, ready)
    second = partial(_second_pass, question, None if moments is None else fit_linear(moments))
    evaluator: StreamingEvaluator | None = None
    weights = WeightHistogram.of(np.zeros(0))
    for part_evaluator, part_weights in over_parts(second, parts, engine=engine):
        if evaluator is None:
            evaluator = part_evaluator
        elif part_evaluator is not None:
            evaluator.merge(part_evaluator)
        weights = weights.plus(part_weights)
        if on_progress is not None:
            on_progress(next(done), sum(sizes))
    assert evaluator is not None, "an opened log has rows"
    found = question.policy.findings
    return _judged(evaluator, samples, question.n_actions, force=force, cautions=found), weights


def _at_once(question: _Question, *, force: bool) -> tuple[PolicyEvaluation, WeightHistogram]:
    """The evaluation with all rows in memory."""
    rows, probabilities = load_rows(question.log, question.policy, reward_bounds=question.reward_bounds)
    _check_ready(question.log, int(rows.ready.sum()))
    data = rows.data.with_actions(question.n_actions, reward_bounds=question.reward_bounds)
    cautions = question.policy.findings
    if data.propensity is None:
        data, caution = with_estimated_propensities(data, seed=question.seed)
        cautions = (*cautions, caution)
    name = question.reward_model
    model = None if name is None else fit_reward_model(name, data, seed=question.seed)
    evaluator = gather(data, probabilities, confidence=question.confidence, seed=question.seed, model=model)
    # Propensities that were estimated fit the log by themselves; there is nothing to audit.
    result = _judged(evaluator, Samples.of(rows, 0), question.n_actions, force=force, cautions=cautions)
    return result, _weights(data, probabilities)


def _judged(
    evaluator: StreamingEvaluator,
    samples: Samples,
    n_actions: int,
    *,
    force: bool,
    cautions: tuple[Finding, ...] = (),
) -> PolicyEvaluation:
    """The result, with the tests for carry-over and of the stated propensities, and what they give reason to."""
    findings = Findings()
    if samples.audit is not None:
        samples.audit.judge(n_actions, findings)
    doubted = bool(findings.items)
    carry_over = None if samples.episodes is None else samples.episodes.test(n_actions)
    judge_carry_over(carry_over, findings)
    if doubted:
        findings.add("advice", "true_propensities")
    result = evaluator.result(force=force, findings=(*cautions, *findings.items))
    return replace(result, carry_over=carry_over)


def with_self_test(evaluation: LogEvaluation, policy: LogPolicy, *, draws: int = 200) -> LogEvaluation:
    """The evaluation with the coverage that its intervals reach in logs simulated like this one; needs all rows.

    After a refusal the simulated truth and the widths are left out: they would tell the value that is withheld.

    Raises:
        UsageError: The evaluation is sequential.
    """
    if evaluation.result.estimand != "one-step":
        raise UsageError("--self-test is for the one-step question.")
    rows, probabilities = load_rows(evaluation.log, policy, checked=True)
    coverage = self_test(
        rows.data.with_actions(len(evaluation.action_labels)),
        probabilities,
        confidence=evaluation.result.confidence,
        seed=evaluation.seed,
        draws=draws,
    )
    return replace(evaluation, self_test=coverage.without_values() if evaluation.result.withheld else coverage)


def _check_ready(log: EvaluationLog, ready: int) -> None:
    if not ready:
        raise DecisionLogError(f"{log.path}: no decision has a complete reward yet.")


def _check_model_size(log: EvaluationLog, n_actions: int) -> None:
    width = len(log.context_names) + 1
    size = FOLDS * n_actions * width * width * 8
    if size > _LARGEST_MODEL:
        raise UsageError(
            f"A linear reward model of {width - 1:,} context columns and {n_actions:,} actions needs "
            f"{size / 1e9:.1f} GB. Name fewer context columns, or say --reward-model none."
        )


def _weights(data: LoggedBanditData, evaluation: FloatArray) -> WeightHistogram:
    assert data.propensity is not None, "propensities were stated or estimated before"
    weight = evaluation[np.arange(len(data)), data.action] / data.propensity
    return WeightHistogram.of(weight if data.observed is None else weight[data.observed])


def load_rows(
    log: EvaluationLog,
    policy: LogPolicy,
    *,
    reward_bounds: tuple[float, float] | None = None,
    checked: bool = False,
) -> tuple[LogRows, FloatArray]:
    """The whole log in memory, and the policy's probabilities ``(n, K)``: for methods that need all rows at once.

    Raises:
        DecisionLogError: A row is wrong; the message names file, row and column.
        PolicyError: The policy does not fit the log.
    """
    answers = policy.answers()
    rows: list[LogRows] = []
    probabilities: list[FloatArray] = []
    for part in log.parts():
        for read in log.rows(part, keys=policy.keys, reads=policy.reads, reward_bounds=reward_bounds, checked=checked):
            batch, answer = ask(answers, read)
            rows.append(replace(batch, keys={}, raw=None))
            probabilities.append(answer)
    return together(rows), np.concatenate(probabilities)
