"""Sensitivity to hidden causes of the choice, where propensities were estimated from the context.

The marginal sensitivity model (Tan 2006, "A distributional approach for causal inference using propensity scores"):
what the log leaves out moves the odds of the logged action by a factor between 1/Lambda and Lambda. With the
propensity p given the context, the true weight of a row then lies between

    pi_e (1 + (1/p - 1) / Lambda)   and   pi_e (1 + (1/p - 1) Lambda)

The least and the greatest self-normalised value over all such weights are a linear fractional program. Its solution
gives every reward beyond a threshold the greater weight and every other one the smaller (Zhao, Small, Bhattacharya
2019, "Sensitivity analysis for inverse probability weighting estimators via the percentile bootstrap", proposition
2), so one sort finds it. The bounds hold, and are wider than the sharp ones of Dorn and Guo 2022, which also ask that
the weights balance the context. At a solution the threshold does not move the value to first order, so that its
interval is that of a ratio with fixed weights; like all intervals here it takes the estimated propensities as they
are.
"""

from dataclasses import replace

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.ope.data.blocks import sums_by
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.estimators.ratios import ProjectedFormula
from xbopt.ope.intervals.skewed import with_interval
from xbopt.ope.results.confounding import Bounds, ConfoundingBounds, HiddenConfounding
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import PolicyEvaluation

STRENGTHS = (1.0, 1.1, 1.25, 1.5, 2.0)
STRONGEST = 20.0
_STEPS = 40  # of a bisection over log Lambda: to the last digit that anyone reads


def hidden_confounding(
    data: LoggedBanditData,
    evaluation_probabilities: FloatArray,
    *,
    confidence: float = 0.95,
    strengths: tuple[float, ...] = STRENGTHS,
) -> HiddenConfounding:
    """Bounds of value and difference for several strengths of hidden confounding.

    Args:
        data: Decisions with propensities given the context ``(n,)``; rows without a complete reward are left out.
        evaluation_probabilities: Probability of every action under the evaluation policy ``(n, K)``; some row gives its
            logged action a probability above 0.
        confidence: Of every interval.
        strengths: Values of Lambda, 1 or more.
    """
    assert data.propensity is not None, "propensities were stated or estimated before"
    kept = np.flatnonzero(np.ones(len(data), dtype=np.bool_) if data.observed is None else data.observed)
    rows = _Rows(
        taken=evaluation_probabilities[kept, data.action[kept]],
        odds=1.0 / data.propensity[kept] - 1.0,
        reward=data.reward[kept],
        cluster=None if data.cluster is None else np.unique(data.cluster[kept], return_inverse=True)[1],
        confidence=confidence,
    )
    return HiddenConfounding(
        bounds=tuple(rows.bounds(strength) for strength in strengths),
        sign_lost_at=_sign_lost_at(rows),
        strongest=STRONGEST,
    )


def with_hidden_confounding(
    result: PolicyEvaluation, data: LoggedBanditData, evaluation_probabilities: FloatArray
) -> PolicyEvaluation:
    """The evaluation with these bounds, unless its values are withheld or no row has a weight."""
    if result.withheld or result.support.max_weight == 0.0:
        return result
    found = hidden_confounding(data, evaluation_probabilities, confidence=result.confidence)
    return replace(result, hidden_confounding=found)


def _sign_lost_at(rows: "_Rows") -> float | None:
    def holds(strength: float) -> bool:
        found = rows.bounds(strength).difference
        return found.interval_low > 0.0 or found.interval_high < 0.0

    if not holds(1.0):
        return 1.0
    if holds(STRONGEST):
        return None
    low, high = 0.0, float(np.log(STRONGEST))
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(float(np.exp(middle))) else (low, middle)
    return float(np.exp(high))


class _Rows:
    """Rows in the order of their rewards, the greatest first."""

    def __init__(
        self,
        *,
        taken: FloatArray,
        odds: FloatArray,
        reward: FloatArray,
        cluster: IntArray | None,
        confidence: float,
    ) -> None:
        order = np.argsort(-reward, kind="stable")
        self._taken, self._odds, self._reward = taken[order], odds[order], reward[order]
        self._cluster = None if cluster is None else cluster[order]
        self._confidence = confidence

    def bounds(self, strength: float) -> ConfoundingBounds:
        """Bounds of value and difference under one strength."""
        less, more = self._taken * (1.0 + self._odds / strength), self._taken * (1.0 + self._odds * strength)
        up, down = self._extreme(more, less), self._extreme(less, more, least=True)
        return ConfoundingBounds(
            strength=strength,
            value=_bounds(self._estimate(down), self._estimate(up)),
            difference=_bounds(self._estimate(down, against=True), self._estimate(up, against=True)),
        )

    def _extreme(self, first: FloatArray, rest: FloatArray, *, least: bool = False) -> FloatArray:
        """The weights ``(n,)`` of the extreme value: those of ``first`` down to some reward, and of ``rest`` below."""
        reward = self._reward

        def totals(head: FloatArray, tail: FloatArray) -> FloatArray:
            """Sum over the first k of one and all others of the other, for k = 0..n ``(n + 1,)``."""
            sums: FloatArray = np.concatenate([[0.0], np.cumsum(head - tail)]) + tail.sum()
            return sums

        values = totals(first * reward, rest * reward) / totals(first, rest)
        cut = int(values.argmin() if least else values.argmax())
        return np.concatenate([first[:cut], rest[cut:]])

    def _estimate(self, weight: FloatArray, *, against: bool = False) -> Estimate:
        """The weighted mean reward, less the plain one where asked."""
        one, reward = np.ones(len(weight)), self._reward
        lines = np.stack([weight * reward, weight] if not against else [weight * reward, -reward, weight, one])
        if self._cluster is not None:
            lines = sums_by(self._cluster, int(self._cluster.max()) + 1, lines)
        half = len(lines) // 2
        return with_interval(ProjectedFormula(lines[:half], lines[half:]), confidence=self._confidence)


def _bounds(least: Estimate, greatest: Estimate) -> Bounds:
    return Bounds(low=least.value, high=greatest.value, interval_low=least.low, interval_high=greatest.high)
