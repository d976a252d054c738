"""Whom to treat: the value of treating the share with the highest score, against its cost.

With doubly robust scores ``G_i`` of the treatment's effect on the reward (and ``C_i`` on the cost), cross-fitted, the
gain a decision from treating the share q with the highest score is

    gain(q) = mean over all rows of 1[rank of the score <= q] G_i

It is the Qini curve with the propensities divided out (Radcliffe 2007, "Using control groups to target on predicted
lift"), and its area less that of a random order is

    area = mean over q of gain(q) - q gain(1) = mean of (1/2 - rank_i) G_i        rank_i in (0, 1), the best first

the Qini weighting of the rank-weighted average treatment effect (RATE; Yadlowsky, Fleming, Shah, Brunskill, Wager
2025, "Evaluating treatment prioritization rules via rank-weighted average treatment effects", equation 2.6 and table
1). A score that says nothing has an area of 0. The score must not come from the rewards of these rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import SupportError, UsageError
from xbopt.ope.data.array_checks import finite_array
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.diagnostics.propensity import with_estimated_propensities
from xbopt.ope.estimators.ratios import weighted_mean
from xbopt.ope.evaluate import evaluate_policy
from xbopt.ope.intervals.skewed import with_interval
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import Verdict
from xbopt.ope.results.findings import Finding
from xbopt.ope.results.words import Names, sentences
from xbopt.ope.reward_models.fitting import ModelName, fit_reward_model

SHARES = tuple(round(0.1 * tenth, 1) for tenth in range(1, 11))


@dataclass(frozen=True, slots=True, kw_only=True)
class UpliftPoint:
    """What treating a share brings, all a decision of the whole log, against treating nobody.

    Attributes:
        share: Share that is treated, those with the highest score first.
        gain: Reward more than without treatment.
        cost: Cost more than without treatment; None where the log has no costs.
        net: Gain less cost; None where the log has no costs.
        gain_by_chance: What a random order would have brought.
    """

    share: float
    gain: Estimate
    cost: Estimate | None
    net: Estimate | None
    gain_by_chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UpliftCurve:
    """Share treated against gain, cost and net gain.

    Attributes:
        points: The curve; empty after a refusal without force.
        area: Area between curve and random order; above 0 where the score puts those first who gain more. None where
            withheld.
        findings: Why it is no plain ANSWER, and what to do about it.
        rows: Decisions that were used.
        confidence: Of every interval, each by itself.
    """

    points: tuple[UpliftPoint, ...]
    area: Estimate | None
    findings: tuple[Finding, ...]
    rows: int
    confidence: float

    @property
    def verdict(self) -> Verdict:
        """ANSWER, CAUTION or REFUSE: the gravest finding decides."""
        levels = {finding.level for finding in self.findings}
        return "REFUSE" if "refuse" in levels else "CAUTION" if "caution" in levels else "ANSWER"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is no plain ANSWER, in sentences."""
        return sentences(self.findings, Names(), "refuse", "caution")

    def best_share(self) -> UpliftPoint:
        """The point of the greatest net gain, or gain where the log has no costs; a maximum is flattered by chance.

        Raises:
            SupportError: The curve is withheld.
        """
        if not self.points:
            raise SupportError(f"The log cannot answer: {' '.join(self.reasons)}")
        return max(self.points, key=lambda point: (point.net or point.gain).value)


def uplift_curve(
    data: LoggedBanditData,
    score: ArrayLike,
    *,
    treatment: int,
    base: int,
    shares: Sequence[float] = SHARES,
    confidence: float = 0.95,
    seed: int = 0,
    reward_model: ModelName | None = "linear",
    force: bool = False,
) -> UpliftCurve:
    """What it brings, and costs, to give ``treatment`` in place of ``base`` to those with the highest score.

    Args:
        data: Logged decisions ``(n,)``; both actions must have been possible everywhere.
        score: Who comes first, the highest score ``(n,)``: a prediction, or a policy's probability of the treatment;
            made without the rewards of these rows. Equal scores are treated together, in parts.
        treatment: Position of the action that is given.
        base: Position of the action that everybody else gets.
        shares: Shares to treat, above 0 and at most 1.
        confidence: Of every interval.
        seed: Of the folds.
        reward_model: What predicts rewards and costs; None for weights alone.
        force: Show the curve even where the log cannot answer for one of both actions.

    Raises:
        DecisionLogError: An array is not as it should be.
        UsageError: The actions are the same or none of the log's, or a share is outside.
    """
    if treatment == base or not (0 <= treatment < data.n_actions and 0 <= base < data.n_actions):
        raise UsageError(
            f"treatment {treatment} and base {base}: two different actions from 0 to {data.n_actions - 1}."
        )
    if not shares or any(not 0.0 < share <= 1.0 for share in shares):
        raise UsageError(f"shares is {tuple(shares)}; shares above 0 and at most 1 are wanted.")
    data.refuse_sampling("an uplift curve")
    order = finite_array("score", score, axes=("n",), lengths=(len(data),))
    findings: tuple[Finding, ...] = ()
    if data.propensity is None:
        data, caution = with_estimated_propensities(data, seed=seed)
        findings = (caution,)
    codes = {(finding.code, finding.level) for finding in findings}
    for action in (treatment, base):
        everybody = np.tile(np.eye(data.n_actions)[action], (len(data), 1))
        for finding in evaluate_policy(
            data, everybody, confidence=confidence, seed=seed, reward_model=reward_model
        ).findings:
            if (finding.code, finding.level) not in codes:
                codes.add((finding.code, finding.level))
                findings += (finding,)
    if data.observed is not None:
        kept = np.flatnonzero(data.observed)
        data, order = data.rows(kept), order[kept]
    refused = any(finding.level == "refuse" for finding in findings)
    if refused and not force:
        return UpliftCurve(points=(), area=None, findings=findings, rows=len(data), confidence=confidence)
    before, until = _ranks(order)
    gain = _effect(data, data.reward, treatment, base, seed=seed, reward_model=reward_model)
    cost = None
    if data.cost is not None:
        cost = _effect(data, data.cost, treatment, base, seed=seed, reward_model=reward_model)

    def mean(line: FloatArray) -> Estimate:
        return with_interval(weighted_mean(line, np.ones(len(line)), data.cluster), confidence=confidence)

    points: list[UpliftPoint] = []
    for share in shares:
        # Of those who share a score at the border, a part: as if chance chose among them.
        treated = np.clip((share - before) / (until - before), 0.0, 1.0)
        points.append(
            UpliftPoint(
                share=share,
                gain=mean(treated * gain),
                cost=None if cost is None else mean(treated * cost),
                net=None if cost is None else mean(treated * (gain - cost)),
                gain_by_chance=share * float(gain.mean()),
            )
        )
    return UpliftCurve(
        points=tuple(points),
        area=mean(_area_line(gain, before, until)),
        findings=findings,
        rows=len(data),
        confidence=confidence,
    )


def _ranks(score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of the rows with a higher score, and share with one as high or higher ``(n,)`` each."""
    values, position, count = np.unique(-score, return_inverse=True, return_counts=True)
    del values
    until = np.cumsum(count) / len(score)
    return (until - count / len(score))[position], until[position]


def _effect(
    data: LoggedBanditData, outcome: FloatArray, treatment: int, base: int, *, seed: int, reward_model: ModelName | None
) -> FloatArray:
    """Doubly robust score of the effect of the treatment on an outcome, against the base action ``(n,)``."""
    assert data.propensity is not None, "propensities were stated or estimated before"
    predicted = np.zeros((len(data), data.n_actions))
    if reward_model is not None:
        model = fit_reward_model(
            reward_model, replace(data, reward=outcome, reward_bounds=None, checked=True), seed=seed
        )
        predicted = model.predict(data.context, row_keys(len(data), first_row=0, cluster=data.cluster, seed=seed))
    error = (outcome - predicted[np.arange(len(data)), data.action]) / data.propensity
    effect: FloatArray = predicted[:, treatment] - predicted[:, base]
    return effect + np.where(data.action == treatment, error, 0.0) - np.where(data.action == base, error, 0.0)


def _area_line(gain: FloatArray, before: FloatArray, until: FloatArray) -> FloatArray:
    """A line ``(n,)`` whose mean is the area, and whose spread is the spread of the area.

    The rank of a row is a mean over all rows, so that the area is a mean over pairs. Beside a row's own part stands
    what it does to the ranks of the rows behind it (Hajek's projection), less its mean.
    """
    rank = 0.5 * (before + until)
    order = np.argsort(rank, kind="stable")
    above = np.concatenate([[0.0], np.cumsum(gain[order])])
    rows = len(gain)
    first, last = (np.rint(one * rows).astype(np.int64) for one in (before, until))
    behind = (above[-1] - 0.5 * (above[first] + above[last])) / rows
    line: FloatArray = (0.5 - rank) * gain - (behind - behind.mean())
    return line
