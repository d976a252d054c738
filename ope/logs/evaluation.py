"""Evaluating a policy on a log that need not fit into memory: rows are read in batches, twice, and added up."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.core.frames import Frame
from xbopt.core.workers import Engine, over_parts
from xbopt.ope.data.covariates import Covariates
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.diagnostics.propensity import with_estimated_propensities
from xbopt.ope.diagnostics.verdict import judge_carry_over
from xbopt.ope.diagnostics.weights import importance_weights
from xbopt.ope.evaluate import gather
from xbopt.ope.hidden_confounding import with_hidden_confounding
from xbopt.ope.logs.day_means import DayMeans
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.files import LogPart
from xbopt.ope.logs.log_policy import LogPolicy, PolicyIdentity, ask, load_rows
from xbopt.ope.logs.reuse import log_reuse
from xbopt.ope.logs.rows import LogRows
from xbopt.ope.logs.samples import Samples
from xbopt.ope.logs.weight_histogram import WeightHistogram
from xbopt.ope.results.evaluation import PolicyEvaluation, Verdict
from xbopt.ope.results.findings import Finding, Findings
from xbopt.ope.results.frames import frame_of, html_of, line_of
from xbopt.ope.results.words import Names
from xbopt.ope.reward_models.fitting import ModelName, fit_reward_model
from xbopt.ope.reward_models.linear import fit_linear
from xbopt.ope.reward_models.moments import RewardMoments
from xbopt.ope.reward_models.protocol import FOLDS, RewardModel
from xbopt.ope.simulated_coverage import CoverageTest, self_test
from xbopt.ope.streaming import StreamingEvaluator

OnProgress = Callable[[int, int], None]
_LARGEST_MODEL = 512_000_000
DAY = 86_400_000_000
"""Microseconds of a day."""


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
    self_test: CoverageTest | None = None

    def __repr__(self) -> str:
        """Verdict, policy and the value to quote."""
        return line_of(self.result, name="LogEvaluation", about=f"policy={self.policy!r}")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html_of(self.result, about=self.policy)

    def to_frame(self) -> Frame:
        """One row an estimator, then one of what was done."""
        return frame_of(self.result)

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
    sequence: bool
    covariates: Covariates | None

    def decisions(self, rows: LogRows) -> LoggedBanditData:
        """The rows' decisions with their time, and with what reward models may know beside the context."""
        time = None if rows.decided is None else rows.decided.astype(np.int64) / DAY
        made = None if self.covariates is None else self.covariates.columns(time, rows.data.segment)
        return replace(rows.data, time=time, covariates=made, checked=True)


def _covariates(log: EvaluationLog) -> Covariates | None:
    """Columns of time and segment; a log of ours has both in its context."""
    if log.own:
        return None
    profile, span = log.profile, None
    if profile.first is not None and profile.last is not None:
        first, last = (
            int(moment.astype("datetime64[us]").astype(np.int64)) / DAY for moment in (profile.first, profile.last)
        )
        span = first, last
    segments = {code: profile.segments[name] for code, name in enumerate(log.segments)}
    return Covariates.of(profile.rows, span=span, segments=segments)


def _first_pass(asked: _Question, part: LogPart) -> tuple[RewardMoments | None, Samples, int, DayMeans]:
    """Check all rows; gather moments for the reward model, samples for the other tests, and count complete rewards."""
    moments: RewardMoments | None = None
    samples, start, ready = Samples(), part.first_of_log, 0
    days = DayMeans(asked.log.first_day)
    for rows in asked.log.rows(part, reward_bounds=asked.reward_bounds):
        if asked.reward_model:
            data = asked.decisions(rows)
            features = data.features
            moments = moments or RewardMoments(n_actions=asked.n_actions, n_features=features.shape[1])
            keys = row_keys(len(rows), first_row=start, cluster=data.cluster, seed=asked.seed)
            counted = rows.ready.astype(np.float64)
            counted = counted if data.sampling is None else counted / data.sampling
            moments.add(features, data.action, data.reward, keys, counted)
        samples = samples.plus(Samples.of(rows))
        days.add(rows)
        start += len(rows)
        ready += int(rows.ready.sum())
    return moments, samples, ready, days


def _second_pass(
    asked: _Question, model: RewardModel | None, part: LogPart
) -> tuple[StreamingEvaluator | None, WeightHistogram]:
    """Gather the evaluation itself, and how the weights are spread."""
    evaluator: StreamingEvaluator | None = None
    weights, start, answers = WeightHistogram.of(np.zeros(0)), part.first_of_log, asked.policy.answers()
    for read in asked.log.rows(part, keys=asked.policy.keys, reads=asked.policy.reads, checked=True):
        rows, evaluation = ask(answers, read)
        data = asked.decisions(rows).with_actions(asked.n_actions, reward_bounds=asked.reward_bounds)
        evaluator = evaluator or StreamingEvaluator.of(
            data, reward_model=model, confidence=asked.confidence, seed=asked.seed
        )
        evaluator.add(data, evaluation, first_row=start, policy_shares=asked.log.policy_shares)
        weights = weights.plus(_weights(data, evaluation, asked.log.policy_shares))
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
    sequence: bool = False,
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
        sequence: Also give intervals that hold at every size of a growing log, however often one looks.
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
        sequence=sequence,
        covariates=_covariates(log),
    )
    reuse = log_reuse(log, policy)
    if reward_model in (None, "linear") and not log.estimates_propensities:
        if reward_model is not None:
            _check_model_size(log, len(labels), question.covariates)
        result, weights = _in_passes(question, force=force, engine=engine, on_progress=on_progress, reuse=reuse)
    elif engine == "local":
        result, weights = _at_once(question, force=force, reuse=reuse)
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
    names = Names(actions=labels, segments=log.segments, columns=log.context_names, files=len(log.files))
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
    question: _Question,
    *,
    force: bool,
    engine: Engine,
    on_progress: OnProgress | None,
    reuse: tuple[Finding, ...] = (),
) -> tuple[PolicyEvaluation, WeightHistogram]:
    """The evaluation from two passes through the log: for the reward model, then for the evaluation itself."""
    parts, sizes = question.log.parts(), [*question.log.profile.rows_of_parts] * 2
    done = iter(np.cumsum(sizes).tolist())
    moments: RewardMoments | None = None
    samples, ready, days = Samples(), 0, DayMeans(question.log.first_day)
    first = partial(_first_pass, question)
    for part_moments, part_samples, part_ready, part_days in over_parts(first, parts, engine=engine):
        samples = samples.plus(part_samples)
        days.merge(part_days)
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
    found = (*question.policy.findings, *reuse)
    return _judged(evaluator, samples, days, question, force=force, cautions=found), weights


def _at_once(
    question: _Question, *, force: bool, reuse: tuple[Finding, ...] = ()
) -> tuple[PolicyEvaluation, WeightHistogram]:
    """The evaluation with all rows in memory."""
    rows, probabilities = load_rows(question.log, question.policy, reward_bounds=question.reward_bounds)
    _check_ready(question.log, int(rows.ready.sum()))
    data = question.decisions(rows).with_actions(question.n_actions, reward_bounds=question.reward_bounds)
    cautions = (*question.policy.findings, *reuse)
    if data.propensity is None:
        data, caution = with_estimated_propensities(data, seed=question.seed)
        cautions = (*cautions, caution)
    name = question.reward_model
    model = None if name is None else fit_reward_model(name, data, seed=question.seed)
    evaluator = gather(data, probabilities, confidence=question.confidence, seed=question.seed, model=model)
    days = DayMeans(question.log.first_day)
    days.add(rows)
    result = _judged(evaluator, Samples.of(rows), days, question, force=force, cautions=cautions)
    if question.log.estimates_propensities:
        result = with_hidden_confounding(result, data, probabilities)
    return result, _weights(data, probabilities, question.log.policy_shares)


def _judged(
    evaluator: StreamingEvaluator,
    samples: Samples,
    days: DayMeans,
    question: _Question,
    *,
    force: bool,
    cautions: tuple[Finding, ...] = (),
) -> PolicyEvaluation:
    """The result, with the test for carry-over, and what it gives reason to."""
    findings = Findings()
    carry_over = None if samples.episodes is None else samples.episodes.test(question.n_actions)
    judge_carry_over(carry_over, findings, reach=question.log.reward_reach)
    findings.items.extend(question.log.findings)
    result = evaluator.result(force=force, findings=(*cautions, *findings.items), sequence=question.sequence)
    if question.log.converter.cluster.kind != "days":
        result = replace(result, findings=(*result.findings, *days.findings(result.logging_policy)))
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


def _check_model_size(log: EvaluationLog, n_actions: int, covariates: Covariates | None) -> None:
    width = len(log.context_names) + 1 + (0 if covariates is None else covariates.width)
    size = FOLDS * n_actions * width * width * 8
    if size > _LARGEST_MODEL:
        raise UsageError(
            f"A linear reward model of {width - 1:,} context columns and {n_actions:,} actions needs "
            f"{size / 1e9:.1f} GB. Name fewer context columns, or say --reward-model none."
        )


def _weights(data: LoggedBanditData, evaluation: FloatArray, shares: FloatArray | None) -> WeightHistogram:
    weight = importance_weights(data, evaluation, shares, counted=True).weight
    return WeightHistogram.of(weight if data.observed is None else weight[data.observed])
