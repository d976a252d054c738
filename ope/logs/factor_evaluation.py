"""Evaluating a policy on a log whose decisions are made of factors, each drawn by itself."""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decision_log.checks import chosen_probabilities
from xbopt.core.errors import DecisionLogError
from xbopt.ope.data.factors import LoggedFactors
from xbopt.ope.diagnostics.verdict import judge_carry_over
from xbopt.ope.factors import FactorEvaluation, evaluate_factors
from xbopt.ope.logs.evaluation import DAY, LogEvaluation, answer_of
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.log_policy import LogPolicy, load_rows
from xbopt.ope.logs.rows import LogRows, OwnRows
from xbopt.ope.logs.samples import EpisodeSample
from xbopt.ope.logs.weight_histogram import WeightHistogram
from xbopt.ope.results.evaluation import ActionSupport, CarryOver, PolicyEvaluation, SupportDiagnostics
from xbopt.ope.results.findings import Finding, Findings


def evaluate_factor_log(
    log: EvaluationLog,
    policy: LogPolicy,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    reward_bounds: tuple[float, float] | None = None,
    force: bool = False,
) -> LogEvaluation:
    """Evaluate a policy over the factors of a log: the next decision of a cell, in the situations of the log.

    Weights are by factor (``xbopt.ope.factors``), so that the verdict is CAUTION at best: rewards are taken to be sums
    over the factors. All rows are held in memory.

    Args:
        log: The log.
        policy: Answers with the probability of every level, factor after factor ``(n, K)``.
        confidence: Of every interval.
        seed: Of the folds of the reward model.
        reward_bounds: Least and greatest possible reward, where they are known beforehand.
        force: Show values even where the log cannot answer.

    Raises:
        DecisionLogError: A row is wrong; the message names file, row and column.
        PolicyError: The policy does not fit the log.
    """
    assert isinstance(log.converter, OwnRows), "only logs of xbopt hold factors"
    schema = log.converter.schema
    rows, answer = load_rows(log, policy, reward_bounds=reward_bounds, by_factor=True)
    assert rows.levels is not None, "the log holds levels"
    assert rows.level_probabilities is not None, "and their probabilities"
    kept = np.flatnonzero(rows.ready)
    if not len(kept):
        raise DecisionLogError(f"{log.path}: no decision has a complete reward yet.")
    data, own = rows.data.rows(kept), rows.level_probabilities[kept]
    decisions = LoggedFactors(
        action=rows.levels[kept],
        propensity=chosen_probabilities(own, rows.levels[kept], schema),
        reward=data.reward,
        n_actions=schema.levels,
        context=data.context,
        cluster=data.cluster,
        names=tuple(factor.name for factor in schema.factors),
        probabilities=schema.by_factor(own),
        time=None if rows.decided is None else rows.decided[kept].astype(np.int64) / DAY,
        segment=data.segment,
    )
    carry_over, findings = _carry_over(rows, schema.levels), Findings()
    # The sequential question has no rule for factors, so that nothing is advised about it.
    judge_carry_over(carry_over, findings, reach=log.reward_reach, sequential=False)
    asked = schema.by_factor(answer[kept])
    found = evaluate_factors(
        decisions,
        asked,
        confidence=confidence,
        seed=seed,
        findings=(*policy.findings, *log.findings, *findings.items),
        force=force,
    )
    result = _as_evaluation(found, decisions, schema.levels, kept, censored=len(rows) - len(kept))
    weights = WeightHistogram.of(np.abs(_weights(decisions, asked, whole=found.recommended == "ips")))
    return answer_of(replace(result, carry_over=carry_over), log, policy, weights, seed=seed)


def _carry_over(rows: LogRows, levels: Sequence[int]) -> CarryOver | None:
    """The clearest carry-over of a factor, with the p-value of the clearest of so many (Bonferroni)."""
    assert rows.levels is not None, "the log holds levels"
    found: list[CarryOver] = []
    for place, size in enumerate(levels):
        data = replace(rows.data, action=rows.levels[:, place], n_actions=size, checked=True)
        sample = EpisodeSample.of(replace(rows, data=data))
        test = None if sample is None else sample.test(size)
        if test is not None:
            found.append(test)
    if not found:
        return None
    clearest = min(found, key=lambda one: one.p_value)
    return replace(clearest, p_value=min(1.0, len(found) * clearest.p_value))


def _as_evaluation(
    found: FactorEvaluation, data: LoggedFactors, levels: Sequence[int], kept: IntArray, *, censored: int
) -> PolicyEvaluation:
    """The same as an evaluation whose actions are the levels of all factors, one after another."""
    first = dict(zip(data.names, np.cumsum([0, *levels[:-1]]).tolist(), strict=True))

    def moved(one: Finding) -> Finding:
        row = None if one.row is None else int(kept[one.row])
        if not one.factor:
            return replace(one, row=row)
        at = first[one.factor]
        action = None if one.action is None else one.action + at
        return replace(one, row=row, action=action, unseen=tuple((level + at, share) for level, share in one.unseen))

    def placed(support: SupportDiagnostics) -> SupportDiagnostics:
        return replace(support, top_row=int(kept[support.top_row]))

    joined = {
        field.name: np.concatenate([getattr(one.actions, field.name) for one in found.factors])
        for field in fields(ActionSupport)
    }
    support = replace(placed(found.support), actions=ActionSupport(**joined))
    return PolicyEvaluation(
        findings=tuple(moved(one) for one in found.findings),
        support=support,
        values=found.values,
        withheld=found.withheld,
        estimand="one-step",
        rows=found.rows,
        rows_censored=censored,
        confidence=found.confidence,
        recommended=found.recommended,
        logging_policy=found.logging_policy,
        difference=found.difference,
        differences=found.differences,
        factors={name: placed(one) for name, one in zip(data.names, found.factors, strict=True)},
    )


def _weights(data: LoggedFactors, policy: Sequence[FloatArray], *, whole: bool) -> FloatArray:
    """Weights of whole decisions ``(n,)``: the product over factors, or the PI weight ``1 + sum_l (w_l - 1)``."""
    rows = np.arange(len(data))
    taken = np.stack([table[rows, data.action[:, place]] for place, table in enumerate(policy)], axis=1)
    weight: FloatArray = taken / data.propensity
    return weight.prod(axis=1) if whole else 1.0 + (weight - 1.0).sum(axis=1)
