"""Intervals that hold at every size of a growing log at once, however often one looks.

Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024, "Time-uniform central limit theory and asymptotic confidence
sequences" (arXiv 2103.06476): for t independent units with per-unit standard deviation s,

    mean +/- s sqrt((t rho^2 + 1) / (t^2 rho^2) log((t rho^2 + 1) / alpha^2))

holds the running mean of what the units are worth at all sizes t together (theorem 2.2; equation 20 and proposition 2.5
for means that change with time, section 3 for doubly robust scores with models that are fitted anew at each look). With
m = t rho^2 that is s / sqrt(t) times ``f``, ``f^2 = (1 + 1 / m) log((m + 1) / alpha^2)``: the ordinary interval at the
higher confidence ``2 Phi(f) - 1``. So every estimator, value or difference, by row, cluster or episode, gets its
any-time interval from the sums that it has, whatever the order of its rows. A value that drifts moves its target along;
nothing is intersected over looks.
"""

from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.ope.results.evaluation import AnytimeIntervals, PolicyEvaluation
from xbopt.ope.results.findings import Finding

FEWEST_UNITS = 50
"""With fewer independent units the normal approximation behind the sequence is not to be relied on at every look."""
_FEWEST_CARRYING = 200
"""Units that have to carry the spread, where their contributions are of unequal size: rare rewards, order values."""
_EVEN = 0.35
"""Share of the units that is even enough to ask nothing more. ``(sum |x|)^2 / sum x^2`` is 2 / pi of them for normal
contributions, 0.48 for clusters of 1 to 50 rows, 0.36 where arms were drawn by cluster, 4 p (1 - p) for events."""
_TIGHTEST = 200  # units at which the sequence is narrowest; fixed for all logs, since it must not be chosen from one


def anytime_confidence(units: int, *, confidence: float = 0.95) -> float:
    """Confidence of the ordinary interval that is the any-time interval after so many independent units.

    ``evaluate_policy(..., confidence=anytime_confidence(n))`` at sizes n of a growing log, as often as wanted, misses
    the value of the log so far at any of these looks with probability ``1 - confidence``, up to the normal
    approximation; the difference likewise.

    Args:
        units: Clusters, episodes or, where nothing is shared, rows with a complete reward; from ``FEWEST_UNITS`` on.
        confidence: Over all looks together, in (0, 1).

    Raises:
        UsageError: There are fewer units than that, or the confidence is not between 0 and 1.
    """
    if units < FEWEST_UNITS:
        raise UsageError(f"An any-time interval needs at least {FEWEST_UNITS} independent units; there are {units:,}.")
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"confidence is {confidence}; a number between 0 and 1 is wanted, such as 0.95.")
    loss = -2.0 * float(np.log1p(-confidence))
    # Their equation 10: m at the size where the sequence is tightest; f^2 is least where m = loss + log(m + 1).
    m = (loss + float(np.log1p(loss))) * units / _TIGHTEST
    width = float(np.sqrt((1.0 + 1.0 / m) * (float(np.log1p(m)) + loss)))
    return 2.0 * NormalDist().cdf(width) - 1.0


def anytime_mean(values: FloatArray, *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Low and high end of the running mean's interval, as often as one looks; None where too little is known.

    Args:
        values: Of independent units, in an order that does not depend on them ``(t,)``.
        confidence: Over all looks together, in (0, 1).
    """
    units = len(values)
    if units < FEWEST_UNITS:
        return None
    mean = float(values.mean())
    if not _carries(values - mean):
        return None
    ordinary = anytime_confidence(units, confidence=confidence)
    half = NormalDist().inv_cdf(0.5 + ordinary / 2.0) * float(values.std(ddof=1)) / float(np.sqrt(units))
    return mean - half, mean + half


def _worth(influence: FloatArray) -> float:
    """How many units of even size carry the spread."""
    squares = float(influence @ influence)
    return float(np.abs(influence).sum()) ** 2 / squares if squares > 0.0 else 0.0  # no spread was seen yet


def _carries(influence: FloatArray) -> bool:
    """Whether enough units carry the spread for the sequence to be relied on."""
    worth = _worth(influence)
    return worth >= _FEWEST_CARRYING or worth >= _EVEN * len(influence)


def with_anytime(
    result: PolicyEvaluation, at: Callable[[float], PolicyEvaluation], influence: FloatArray
) -> PolicyEvaluation:
    """The evaluation with its any-time intervals; without them where it is refused.

    With fewer than ``FEWEST_UNITS`` independent units, and where few of them carry the spread, a finding says so in
    their place: the sequence reaches to the far tail of the estimate, where it is not normal yet.

    Args:
        result: The evaluation.
        at: The same evaluation at another confidence.
        influence: Influence of each block of units on the value to quote ``(b,)``.
    """
    if result.verdict == "REFUSE":
        return result
    units = result.support.clusters or result.rows
    if units < FEWEST_UNITS:
        figures = {"units": units, "fewest": FEWEST_UNITS}
        few = Finding(code="few_units_for_sequence", level="advice", figures=figures)
        return replace(result, findings=(*result.findings, few))
    if not _carries(influence):
        figures = {"worth": _worth(influence), "fewest": _FEWEST_CARRYING}
        tail = Finding(code="tail_for_sequence", level="advice", figures=figures)
        return replace(result, findings=(*result.findings, tail))
    again = at(anytime_confidence(units, confidence=result.confidence))
    intervals = AnytimeIntervals(units=units, values=again.values, differences=again.differences)
    return replace(result, anytime=intervals)
