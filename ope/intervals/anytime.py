"""Confidence sequences: intervals that hold at every row of a growing log at once, however often one looks.

Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro 2022, "Anytime-valid off-policy inference for contextual bandits"
(arXiv 2210.10768): for doubly robust pseudo-outcomes ``phi_t = w_t (r_t - q_t) + V_t`` with r and q in [0, 1] and
``w <= k``, ``xi_t = phi_t / (k + 1)`` is at least -k / (k + 1) and their empirical Bernstein sequence has the lower end

    (k + 1) (sum lambda xi - log(1 / alpha) - sum (xi - mean_{t-1})^2 psi(lambda)) / sum lambda,
    psi(lambda) = -log(1 - lambda) - lambda.

The upper end is the lower end for 1 - r. Each gets half of the error probability, and the ends never move outward.
"""

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.ope.data.array_checks import check_between

_LARGEST_BET = 0.5
_PRIOR_VARIANCE = 0.25


class _LowerEnd:
    """The running lower end of one side."""

    __slots__ = ("_best", "_bets", "_deviation", "_gain", "_log", "_penalty", "_rows", "_scale", "_total")

    def __init__(self, *, scale: float, error: float) -> None:
        self._scale = scale
        self._log = float(np.log(1.0 / error))
        self._rows = 0
        self._total = self._deviation = self._gain = self._penalty = self._bets = 0.0
        self._best = 0.0

    def add(self, outcomes: FloatArray) -> FloatArray:
        """Lower end after each of the next rows ``(n,)``."""
        xi = outcomes / self._scale
        numbers = self._rows + np.arange(1, len(xi) + 1)
        totals = self._total + np.cumsum(xi)
        # The mean before a row, capped at the greatest possible one; 0 before the first.
        means = np.concatenate([[self._total / max(self._rows, 1)], (totals / numbers)[:-1]])
        means = np.minimum(means, 1.0 / self._scale)
        squares = (xi - means) ** 2
        deviations = self._deviation + np.cumsum(squares)
        before = np.concatenate([[self._deviation], deviations[:-1]])
        # The first guess of the variance fades as one row among many.
        variances = (_PRIOR_VARIANCE / self._scale**2 + before) / numbers
        bets = np.sqrt(2.0 * self._log / (variances * numbers * np.log1p(numbers)))
        bets = np.minimum(bets, _LARGEST_BET)
        gains = self._gain + np.cumsum(bets * xi)
        penalties = self._penalty + np.cumsum(squares * (-np.log1p(-bets) - bets))
        stakes = self._bets + np.cumsum(bets)
        ends = self._scale * (gains - self._log - penalties) / stakes
        ends = np.maximum.accumulate(np.maximum(ends, self._best))
        if len(xi):
            self._rows, self._total, self._deviation = int(numbers[-1]), float(totals[-1]), float(deviations[-1])
            self._gain, self._penalty, self._bets = float(gains[-1]), float(penalties[-1]), float(stakes[-1])
            self._best = float(ends[-1])
        return ends


class ConfidenceSequence:
    """Follows the value of a policy over a growing log.

    Rows have to come in the order in which they were logged; the predictions of a row may rest on earlier rows only.

    Args:
        greatest_weight: Bound on every weight, known from the logging policy's exploration, not read off the log.
        reward_bounds: Least and greatest possible reward.
        confidence: Of the whole sequence.

    Raises:
        UsageError: A bound or the confidence makes no sense.
    """

    __slots__ = ("_bounds", "_greatest", "_high", "_low", "_lower", "_upper")

    def __init__(self, *, greatest_weight: float, reward_bounds: tuple[float, float], confidence: float = 0.95) -> None:
        low, high = reward_bounds
        if not low < high or not greatest_weight >= 1.0 or not 0.0 < confidence < 1.0:
            raise UsageError(
                "A lower and a higher reward, a weight of 1 or more, and a confidence in (0, 1) are wanted."
            )
        error = (1.0 - confidence) / 2.0
        self._bounds, self._greatest = reward_bounds, greatest_weight
        self._lower = _LowerEnd(scale=greatest_weight + 1.0, error=error)
        self._upper = _LowerEnd(scale=greatest_weight + 1.0, error=error)
        self._low, self._high = low, high

    @property
    def interval(self) -> tuple[float, float]:
        """The interval after the rows so far."""
        return self._low, self._high

    def add(
        self, *, weight: FloatArray, reward: FloatArray, predicted: FloatArray, value: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end after each of the next rows ``(n,)`` each.

        Args:
            weight: Importance weights ``(n,)``.
            reward: Rewards ``(n,)``.
            predicted: Prediction for the logged action ``(n,)``.
            value: Mean prediction under the evaluation policy ``(n,)``.

        Raises:
            DecisionLogError: A weight, reward or prediction lies outside the stated bounds.
        """
        low, high = self._bounds
        slack = 1e-9 * (high - low)
        check_between("weight", weight, 0.0, self._greatest * (1 + 1e-9), f"at most {self._greatest:g} was stated")
        for name, array in (("reward", reward), ("predicted", predicted), ("value", value)):
            check_between(name, array, low - slack, high + slack, f"reward_bounds says from {low:g} to {high:g}")
        r, q, v = ((array - low) / (high - low) for array in (reward, predicted, value))
        lows = self._lower.add(weight * (r - q) + v)
        # For 1 - r the prediction is 1 - q and its mean 1 - V.
        highs = 1.0 - self._upper.add(weight * (q - r) + 1.0 - v)
        lows, highs = np.clip(lows, 0.0, 1.0), np.clip(highs, 0.0, 1.0)
        if len(lows):
            self._low, self._high = low + (high - low) * float(lows[-1]), low + (high - low) * float(highs[-1])
        return low + (high - low) * lows, low + (high - low) * highs
