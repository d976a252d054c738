"""Risk under the evaluation policy: distribution function, quantiles and tail means of the reward.

The distribution is ``F(y) = sum w 1[r <= y] / sum w`` (Chandak et al. 2021, "Universal off-policy evaluation",
self-normalised). The tail mean is ``CVaR_a = max_q (q - E[(q - r)^+] / a)`` (Rockafellar, Uryasev 2000, "Optimization
of conditional value-at-risk"); at the best q its derivative is 0, so the interval treats q as fixed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.ope.data.array_checks import finite_array
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.diagnostics.weights import checked_probabilities, importance_weights
from xbopt.ope.estimators.ratios import weighted_mean
from xbopt.ope.intervals.skewed import with_interval
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import PolicyEvaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskProfile:
    """How rewards would spread under the evaluation policy.

    Attributes:
        thresholds: Rewards at which the distribution function is given ``(m,)``.
        distribution: Probability of a reward at or below each threshold, each with its own interval ``(m,)``.
        levels: Tail probabilities ``(l,)``.
        quantiles: The reward that is not exceeded with each of these probabilities ``(l,)``, with the interval that
            comes from inverting the one of the distribution function.
        tail_means: Mean reward in the worst share ``level`` of decisions ``(l,)``.
    """

    thresholds: FloatArray
    distribution: tuple[Estimate, ...]
    levels: tuple[float, ...]
    quantiles: tuple[Estimate, ...]
    tail_means: tuple[Estimate, ...]


def risk_profile(
    data: LoggedBanditData,
    evaluation_probabilities: ArrayLike,
    evaluation: PolicyEvaluation,
    *,
    levels: tuple[float, ...] = (0.05, 0.1, 0.5),
    thresholds: ArrayLike | None = None,
) -> RiskProfile | None:
    """Distribution, quantiles and tail means; None where the evaluation withholds its values.

    Args:
        data: Logged decisions ``(n,)``.
        evaluation_probabilities: Evaluation policy ``(n, K)``.
        evaluation: Evaluation of this policy on these data; its verdict counts here too.
        levels: Tail probabilities, each in (0, 1).
        thresholds: Rewards at which to give the distribution function ``(m,)``; deciles of the log where None.

    Raises:
        UsageError: A level is not between 0 and 1.
        DecisionLogError: An array is not as it should be.
    """
    if any(not 0.0 < level < 1.0 for level in levels):
        raise UsageError(f"levels is {levels}; probabilities between 0 and 1 are wanted.")
    probabilities = checked_probabilities(evaluation_probabilities, rows=len(data), n_actions=data.n_actions)
    if evaluation.withheld:
        return None
    weight = importance_weights(data, probabilities).weight
    reward, cluster, confidence = data.reward, data.cluster, evaluation.confidence
    if data.observed is not None:
        keep = np.flatnonzero(data.observed)
        weight, reward = weight[keep], reward[keep]
        cluster = None if cluster is None else cluster[keep]
    if thresholds is None:
        points = np.unique(np.quantile(reward, np.linspace(0.1, 0.9, 9)))
    else:
        points = finite_array("thresholds", thresholds, axes=("m",), lengths=(None,))

    def share_below(point: float) -> Estimate:
        below = (reward <= point).astype(np.float64)
        return with_interval(weighted_mean(below, weight, cluster), confidence=confidence)

    order = np.argsort(reward, kind="stable")
    sorted_reward = reward[order]
    cumulative = np.add.accumulate(weight[order]) / float(weight.sum())
    quantiles: list[Estimate] = []
    tails: list[Estimate] = []
    for level in levels:
        place = min(int(np.searchsorted(cumulative, level)), len(order) - 1)
        quantile = float(sorted_reward[place])
        low, high = _invert(np.unique(sorted_reward[weight[order] > 0.0]), share_below, level)
        quantiles.append(Estimate(value=quantile, se=float("nan"), low=min(low, quantile), high=max(high, quantile)))
        short = quantile - np.maximum(quantile - reward, 0.0) / level
        tails.append(with_interval(weighted_mean(short, weight, cluster), confidence=confidence))
    return RiskProfile(
        thresholds=points,
        distribution=tuple(share_below(float(point)) for point in points),
        levels=levels,
        quantiles=tuple(quantiles),
        tail_means=tuple(tails),
    )


def _invert(points: FloatArray, share_below: Callable[[float], Estimate], level: float) -> tuple[float, float]:
    """The rewards at which the interval of the distribution function holds the level, by bisection ``(m,)``.

    A quantile lies above y when even the upper end at y is below the level, and at or below y when the lower end at y
    reaches it. Both ends grow with y but for rounding, so each test has one place where it turns.
    """

    def first(reached: Callable[[Estimate], bool]) -> float:
        below, above = 0, len(points) - 1
        while below < above:
            middle = (below + above) // 2
            if reached(share_below(float(points[middle]))):
                above = middle
            else:
                below = middle + 1
        return float(points[below])

    return first(lambda at: at.high >= level), first(lambda at: at.low >= level)
