"""Evaluate a policy on logged decisions in memory."""

from collections.abc import Sequence
from dataclasses import replace

from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.ope.assembly import IntervalMethod
from xbopt.ope.data.covariates import with_covariates
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.diagnostics.verdict import SupportRules
from xbopt.ope.diagnostics.weights import checked_probabilities
from xbopt.ope.hidden_confounding import with_hidden_confounding
from xbopt.ope.results.evaluation import PolicyEvaluation
from xbopt.ope.results.findings import Finding
from xbopt.ope.results.words import Names
from xbopt.ope.reward_models.fitting import ModelName, fit_reward_model
from xbopt.ope.reward_models.protocol import RewardModel
from xbopt.ope.streaming import StreamingEvaluator


def evaluate_policy(
    data: LoggedBanditData,
    evaluation_probabilities: ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    reward_model: ModelName | RewardModel | None = "linear",
    predictions: ArrayLike | None = None,
    observation_probability: ArrayLike | None = None,
    interval: IntervalMethod = "skewed",
    rules: SupportRules | None = None,
    force: bool = False,
    findings: tuple[Finding, ...] = (),
    labels: Sequence[str] = (),
    sequence: bool = False,
) -> PolicyEvaluation:
    """What the evaluation policy would have earned a decision, how sure that is, and whether the log can tell.

    Args:
        data: Logged decisions ``(n,)``.
        evaluation_probabilities: Probability of every action under the evaluation policy ``(n, K)``; or the action that
            it takes for certain, as whole numbers ``(n,)``.
        confidence: Of every interval.
        seed: Of folds and bootstrap; the same seed gives the same numbers.
        reward_model: Name of a reward model, a fitted one, or None for IPS and SNIPS alone.
        predictions: Expected reward of every action ``(n, K)`` from a model that did not see these rows; no reward
            model is fitted then.
        observation_probability: Probability that a row's reward was complete in time ``(n,)``; rows without a complete
            reward are left out where None, which is right when completeness does not depend on the reward.
        interval: ``skewed`` or ``bootstrap-t``.
        rules: When to refuse; the default rules where None.
        force: Show values even where the log cannot answer.
        findings: What whoever read the log has found beside.
        labels: Names of the actions ``(K,)`` for reasons and next steps; their positions are told where left out.
        sequence: Also give intervals that hold at every size of a growing log, however often one looks.

    Raises:
        DecisionLogError: An array is not as it should be; the message names column and row.
        UsageError: An option makes no sense.
    """
    if labels and len(labels) != data.n_actions:
        raise UsageError(f"labels names {len(labels)} actions; the log has {data.n_actions}.")
    if sequence:
        data.refuse_sampling("an interval that holds at every look")
    estimated = data.propensity is None
    if estimated:
        from xbopt.ope.diagnostics.propensity import with_estimated_propensities

        data, caution = with_estimated_propensities(data, seed=seed)
        findings = (*findings, caution)
    model: RewardModel | None = None
    if predictions is None and isinstance(reward_model, str):
        data = with_covariates(data)
        model = fit_reward_model(reward_model, data, seed=seed)
    elif predictions is None and not isinstance(reward_model, str):
        model = reward_model
    evaluator = gather(
        data,
        evaluation_probabilities,
        confidence=confidence,
        seed=seed,
        model=model,
        predictions=predictions,
        observation_probability=observation_probability,
    )
    result = evaluator.result(rules=rules, interval=interval, force=force, findings=findings, sequence=sequence)
    result = replace(result, names=Names(actions=tuple(labels))) if labels else result
    if not estimated:
        return result
    probabilities = checked_probabilities(evaluation_probabilities, rows=len(data), n_actions=data.n_actions)
    return with_hidden_confounding(result, data, probabilities)


def gather(
    data: LoggedBanditData,
    evaluation_probabilities: ArrayLike,
    *,
    confidence: float,
    seed: int,
    model: RewardModel | None,
    predictions: ArrayLike | None = None,
    observation_probability: ArrayLike | None = None,
) -> StreamingEvaluator:
    """An evaluator that has seen all rows; arguments as for ``evaluate_policy``.

    Raises:
        DecisionLogError: An array is not as it should be.
        UsageError: An option makes no sense.
    """
    evaluator = StreamingEvaluator.of(data, reward_model=model, confidence=confidence, seed=seed)
    evaluator.add(
        data,
        evaluation_probabilities,
        first_row=0,
        predictions=predictions,
        observation_probability=observation_probability,
        policy_shares=_policy_shares(data),
    )
    return evaluator


def _policy_shares(data: LoggedBanditData) -> FloatArray | None:
    counts = data.policy_counts()
    return None if counts is None or not counts.any() else counts / counts.sum()
