"""The value of a policy in a coming period: days of the log count as often as days like them come.

A log of spring says little of December, and a mean over all its days is the answer to another question. As in Off-
Policy estimation for the Future Value (OPFV, arXiv 2506.20417) rows are weighted by what of time comes again: with
the period's days d and the log's days M(d) that are like d,

    value = sum_d mean over the rows of M(d) of the score, each d by the decisions of a day of M(d)

Two days are alike when they have the same weekday and the same event, and lie within ``NEAR_DAYS`` of each other in
the year. The score is the doubly robust one, or the weighted reward. What is assumed, and never tested: days that are
alike act alike, nothing new comes, and there is no trend. Decisions of a day share its luck, so intervals count days
(and the clusters of the data: the wider interval of both).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.diagnostics.propensity import with_estimated_propensities
from xbopt.ope.diagnostics.support import with_weights
from xbopt.ope.diagnostics.verdict import SupportRules, judge_clusters, judge_weights
from xbopt.ope.diagnostics.weights import checked_probabilities, importance_weights
from xbopt.ope.estimators.ratios import ProjectedFormula, weighted_mean
from xbopt.ope.evaluate import evaluate_policy
from xbopt.ope.intervals.skewed import with_interval
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import PolicyEvaluation, SupportDiagnostics
from xbopt.ope.results.findings import Figure, Finding, Findings, Level
from xbopt.ope.results.period import ComingPeriod
from xbopt.ope.reward_models.fitting import ModelName, fit_reward_model

NEAR_DAYS = 45
"""How far apart in the year two days may lie and still be of one season."""
_YEAR = 365.2425
_LONGEST = 3660
_THURSDAY = 3  # the weekday of 1970-01-01, from Monday

Days = NDArray[np.datetime64]


def evaluate_period(
    data: LoggedBanditData,
    evaluation_probabilities: ArrayLike,
    decided: ArrayLike,
    first: date | str,
    last: date | str,
    *,
    events: Mapping[date, str] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    reward_model: ModelName | None = "linear",
    rules: SupportRules | None = None,
    force: bool = False,
    base: PolicyEvaluation | None = None,
) -> PolicyEvaluation:
    """What the policy would earn a decision in a coming period; CAUTION at best, for what is assumed.

    Args:
        data: Logged decisions ``(n,)``.
        evaluation_probabilities: Probability of every action under the evaluation policy ``(n, K)``.
        decided: When each decision was made ``(n,)``, as datetime64.
        first: First day of the period.
        last: Last day, itself included.
        events: Name of the event of a day, in the log or to come; a day without a name is an ordinary one.
        confidence: Of every interval.
        seed: Of folds.
        reward_model: Name of the reward model; None for IPS and SNIPS alone.
        rules: When to refuse; the default rules where None.
        force: Show values even where the log cannot answer.
        base: The evaluation on the log as it is, where there is one already: what it refuses is refused here too.

    Raises:
        DecisionLogError: An array is not as it should be.
        UsageError: The period ends before it starts, or is longer than ten years.
    """
    rules = rules or SupportRules()
    evaluation = checked_probabilities(evaluation_probabilities, rows=len(data), n_actions=data.n_actions)
    moments = np.asarray(decided)
    if moments.dtype.kind != "M" or moments.shape != (len(data),) or bool(np.isnat(moments).any()):
        raise DecisionLogError(f"decided is {moments.dtype} of shape {moments.shape}; a moment a row is wanted.")
    if base is None:
        base = evaluate_policy(
            data, evaluation, confidence=confidence, seed=seed, reward_model=reward_model, rules=rules, force=force
        )
    if data.propensity is None:
        data, _ = with_estimated_propensities(data, seed=seed)
    day = moments.astype("datetime64[D]")
    if data.observed is not None:
        kept = np.flatnonzero(data.observed)
        data, evaluation, day = data.rows(kept), evaluation[kept], day[kept]
    period = _days_of(first, last)
    times, unseen, like = day_weights(day, period, events or {})
    about = ComingPeriod(
        first=str(period[0]),
        last=str(period[-1]),
        days=len(period),
        unseen=int(unseen.sum()),
        log_days=len(np.unique(day)),
        like_days=like,
    )
    codes = np.unique(day, return_inverse=True)[1].astype(np.int64)
    weight = importance_weights(data, evaluation).weight
    judged = Findings(items=list(base.findings))
    support = _support(base.support, times * weight, codes, data)
    _judge(support, about, len(data), rules, judged)
    withheld = judged.refuses and not force
    result = replace(
        base,
        findings=tuple(judged.items),
        support=support,
        values={},
        withheld=withheld,
        rows=len(data),
        recommended=None,
        difference=None,
        differences={},
        cross_validated_choice=(),
        budget={},
        hidden_confounding=None,
        period=about,
    )
    if not (times * weight).any():
        return replace(result, withheld=True)  # there is no number at all, forced or not
    clusters = [codes] if data.cluster is None else [codes, data.cluster]
    values, differences, logging = _estimates(
        data, evaluation, weight, times, clusters, confidence=confidence, seed=seed, reward_model=reward_model
    )
    if withheld:
        return replace(result, logging_policy=logging)
    recommended = "dr" if "dr" in values else "snips"
    return replace(
        result,
        values=values,
        recommended=recommended,
        logging_policy=logging,
        difference=differences[recommended],
        differences=differences,
    )


def day_weights(day: Days, period: Days, events: Mapping[date, str]) -> tuple[FloatArray, BoolArray, int]:
    """How often each row counts, with mean 1; which days of the period are unseen; how many days of the log are like.

    A day of the period gives each row of the log's days like it the same share, and as much in all as such a day has
    rows on average.

    Args:
        day: Day of each row ``(n,)``.
        period: Days of the period ``(m,)``.
        events: Name of the event of a day.
    """
    logged, position = np.unique(day, return_inverse=True)
    alike = _weekday(logged)[:, None] == _weekday(period)
    apart = np.abs((logged[:, None] - period).astype(np.float64)) % _YEAR
    alike &= np.minimum(apart, _YEAR - apart) <= NEAR_DAYS
    here, there = (np.array([events.get(one.item(), "") for one in days]) for days in (logged, period))
    alike &= here[:, None] == there
    found = alike.sum(axis=0)
    shares = np.where(found > 0, alike / np.maximum(found, 1), 0.0).sum(axis=1)
    times = shares[position]
    total = float(times.sum())
    return times * (len(times) / total) if total > 0.0 else times, found == 0, int(alike.any(axis=1).sum())


def _weekday(days: Days) -> IntArray:
    return (days.astype("datetime64[D]").astype(np.int64) + _THURSDAY) % 7


def _days_of(first: date | str, last: date | str) -> Days:
    try:
        start, end = np.datetime64(first, "D"), np.datetime64(last, "D")
    except ValueError:
        raise UsageError(
            f"The period is {first} to {last}; two days are wanted, as in 2026-12-01..2026-12-31."
        ) from None
    days = int((end - start).astype(np.int64)) + 1
    if np.isnat(start) or np.isnat(end) or not 1 <= days <= _LONGEST:
        raise UsageError(f"The period from {first} to {last} should have at least a day, and at most ten years.")
    return start + np.arange(days)


def _support(
    support: SupportDiagnostics, weight: FloatArray, day: IntArray, data: LoggedBanditData
) -> SupportDiagnostics:
    """Support by the weights of policy and calendar together ``(n,)``, and by day."""
    assert data.propensity is not None, "propensities were stated or estimated before"
    found = with_weights(support, weight, day)
    return replace(
        found,
        mean_weight=support.mean_weight,
        mean_weight_z=support.mean_weight_z,
        top_action=int(data.action[found.top_row]),
        top_propensity=float(data.propensity[found.top_row]),
        clusters=int(day.max()) + 1,
    )


def _judge(support: SupportDiagnostics, about: ComingPeriod, rows: int, rules: SupportRules, judged: Findings) -> None:
    known = {finding.code for finding in judged.items}
    days: dict[str, Figure] = {"first": about.first, "last": about.last, "days": about.days, "near": NEAR_DAYS}
    if about.unseen:
        share = about.unseen / about.days
        level: Level = "refuse" if share > rules.unsupported_mass else "caution"
        judged.items.append(
            Finding(code="unseen_days", level=level, figures={"unseen_days": about.unseen, "share": share, **days})
        )
        judged.add("advice", "log_such_days")
    counted: dict[str, Figure] = {"log_days": about.log_days, "like_days": about.like_days}
    judged.items.append(Finding(code="coming_period", level="caution", figures={**counted, **days}))
    if support.max_weight == 0.0:
        return
    further = Findings()
    judge_weights(support, rows, rules, further)
    judge_clusters(support, rules, further)
    judged.items.extend(finding for finding in further.items if finding.code not in known)


def _estimates(
    data: LoggedBanditData,
    evaluation: FloatArray,
    weight: FloatArray,
    times: FloatArray,
    clusters: list[IntArray],
    *,
    confidence: float,
    seed: int,
    reward_model: ModelName | None,
) -> tuple[dict[str, Estimate], dict[str, Estimate], Estimate]:
    """Values, differences and the mean logged reward, all in the period."""
    reward = data.reward

    def estimate(score: FloatArray) -> Estimate:
        found = [with_interval(weighted_mean(score, times, cluster), confidence=confidence) for cluster in clusters]
        return _wider(found)

    def ratio(*, against: bool) -> Estimate:
        """Self-normalised, less the mean logged reward where asked."""
        found: list[Estimate] = []
        for cluster in clusters:
            both = [weighted_mean(reward, times * weight, cluster)]
            both += [weighted_mean(-reward, times, cluster)] if against else []
            tops, bottoms = (np.concatenate([getattr(one, name) for one in both]) for name in ("tops", "bottoms"))
            found.append(with_interval(ProjectedFormula(tops, bottoms), confidence=confidence))
        return _wider(found)

    values = {"ips": estimate(weight * reward), "snips": ratio(against=False)}
    differences = {"ips": estimate(weight * reward - reward), "snips": ratio(against=True)}
    if reward_model is not None:
        # By day, so that no row meets a model that has seen the luck of its day.
        by_day = replace(data, cluster=clusters[0], checked=True)
        model = fit_reward_model(reward_model, by_day, seed=seed)
        predicted = model.predict(data.context, row_keys(len(data), first_row=0, cluster=clusters[0], seed=seed))
        taken = predicted[np.arange(len(data)), data.action]
        score: FloatArray = (evaluation * predicted).sum(axis=1) + weight * (reward - taken)
        values["dr"], differences["dr"] = estimate(score), estimate(score - reward)
    return values, differences, estimate(reward)


def _wider(found: list[Estimate]) -> Estimate:
    """The estimate with the wider interval of all; each is made for one way in which rows share luck."""
    return replace(
        found[0],
        se=max(one.se for one in found),
        low=min(one.low for one in found),
        high=max(one.high for one in found),
    )
