"""An interval for the value that needs no approximation: bounds on propensity and reward are stated, not estimated."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.errors import UsageError
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.diagnostics.weights import checked_probabilities, importance_weights
from xbopt.ope.intervals.bounded import betting, empirical_bernstein, hoeffding
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.findings import note

Guarantee = Literal["betting", "bernstein", "hoeffding"]
_METHODS = {"betting": betting, "bernstein": empirical_bernstein, "hoeffding": hoeffding}


def guaranteed_value(
    data: LoggedBanditData,
    evaluation_probabilities: ArrayLike,
    *,
    least_propensity: float,
    confidence: float = 0.95,
    method: Guarantee = "betting",
) -> Estimate:
    """IPS with an interval that holds at every number of rows, if the stated bounds are true and rows independent.

    Scores ``w (r - low)`` lie between 0 and ``(high - low) / least_propensity``. The interval needs no support rule:
    with little support it is wide.

    Args:
        data: Decisions with ``reward_bounds``, no clusters and complete rewards ``(n,)``.
        evaluation_probabilities: Evaluation policy ``(n, K)``.
        least_propensity: Least probability of any action that the evaluation policy may take, by the design of the
            logging policy: epsilon / K under uniform exploration.
        confidence: Of the interval.
        method: ``betting`` (the narrowest), ``bernstein`` or ``hoeffding``.

    Raises:
        UsageError: Bounds are missing or broken by the log, rows are clustered, or a reward is not complete.
        DecisionLogError: An array is not as it should be.
    """
    if data.reward_bounds is None:
        raise UsageError("A guaranteed interval needs reward_bounds: the least and the greatest possible reward.")
    if data.cluster is not None or data.observed is not None:
        raise UsageError("A guaranteed interval is for independent rows with complete rewards.")
    if not 0.0 < least_propensity <= 1.0 or not 0.0 < confidence < 1.0:
        raise UsageError("least_propensity in (0, 1] and confidence in (0, 1) are wanted.")
    if method not in _METHODS:
        raise UsageError(f"There is no method {method!r}; {', '.join(_METHODS)} can be had.")
    evaluation = checked_probabilities(evaluation_probabilities, rows=len(data), n_actions=data.n_actions)
    weighted = importance_weights(data, evaluation)
    low, high = data.reward_bounds
    least = float(weighted.propensity.min())
    if least < least_propensity * (1.0 - 1e-9):
        raise UsageError(
            f"The log holds a propensity of {least:.3g}, below the stated least one of {least_propensity:g}."
        )
    greatest = (high - low) / least_propensity
    scores = np.minimum(weighted.weight * (data.reward - low), greatest)
    ends = _METHODS[method](scores, low=0.0, high=greatest, confidence=confidence)
    error = float(scores.std(ddof=1) / np.sqrt(len(scores))) if len(scores) > 1 else float("nan")
    return Estimate(
        value=low + float(scores.mean()),
        se=error,
        low=low + ends[0],
        high=min(low + ends[1], high),
        notes=(note("guarantee", least_propensity=least_propensity, low=low, high=high),),
    )
