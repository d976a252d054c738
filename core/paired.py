"""Statistics of paired differences: intervals, tests with correction for many comparisons, ratios of means.

Worlds are independent draws and all policies play the same ones, so the unit of everything here is the world.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator

_RESAMPLES = 2000
# The bootstrap's ends may lie so far from the t interval's, in parts of its width: with a few dozen worlds the tails of
# a bootstrap percentile wander by about a tenth of the width.
_DISAGREES = 0.25
_STEADY = 4.0

Verdict = Literal["better", "worse", "not shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """A figure less that of the first policy in the same worlds.

    Attributes:
        mean: Mean over worlds.
        se: Standard error of the mean.
        low: Lower end of the confidence interval of the mean, by Student's t.
        high: Upper end.
        bootstrap_low: Lower end by the percentile bootstrap over worlds.
        bootstrap_high: Upper end.
        beats: Share of worlds in which the figure is ahead; ties count half.
        p_value: Two-sided, of the t test that the mean is 0; 1 where all differences are 0.
        holm_p_value: The same, corrected for the number of comparisons.
        verdict: ``better`` or ``worse`` where the corrected test says so, else ``not shown``.
        bootstrap_disagrees: Whether t interval and bootstrap differ by more than chance explains.
    """

    mean: float
    se: float
    low: float
    high: float
    bootstrap_low: float
    bootstrap_high: float
    beats: float
    p_value: float
    holm_p_value: float
    verdict: Verdict
    bootstrap_disagrees: bool


def paired_differences(values: Sequence[FloatArray], *, seed: int, confidence: float) -> list[PairedDifference]:
    """Every policy less the first, with tests corrected after Holm.

    Args:
        values: One array ``(B,)`` a policy, over the same worlds.
        seed: Of the stream ``bootstrap``. All policies share the resampled worlds.
        confidence: Of the intervals; verdicts keep their complement over all comparisons of these values. Another
            measure of the same policies is another family of comparisons.
    """
    differences = np.stack(values) - values[0]
    count = differences.shape[1]
    mean = differences.mean(axis=1)
    se = differences.std(axis=1, ddof=1) / np.sqrt(count)
    reach = float(stdtrit(count - 1, 0.5 + 0.5 * confidence)) * se
    low, high = mean - reach, mean + reach
    boot_low, boot_high = _bootstrap(differences, seed=seed, confidence=confidence)
    p_values = two_sided_p(mean, se, count)
    # The first against itself is no comparison.
    corrected = np.concatenate([[1.0], holm(p_values[1:])])
    apart = np.maximum(np.abs(boot_low - low), np.abs(boot_high - high)) > _DISAGREES * (high - low)
    figures = {
        "mean": mean,
        "se": se,
        "low": low,
        "high": high,
        "bootstrap_low": boot_low,
        "bootstrap_high": boot_high,
        "beats": (differences > 0.0).mean(axis=1) + 0.5 * (differences == 0.0).mean(axis=1),
        "p_value": p_values,
        "holm_p_value": corrected,
    }
    verdicts: list[Verdict] = [
        "not shown" if corrected[i] > 1.0 - confidence else "better" if mean[i] > 0.0 else "worse"
        for i in range(len(mean))
    ]
    return [
        PairedDifference(
            **{name: float(array[i]) for name, array in figures.items()},
            verdict=verdict,
            bootstrap_disagrees=bool(apart[i]),
        )
        for i, verdict in enumerate(verdicts)
    ]


def two_sided_p(mean: FloatArray, se: FloatArray, count: int) -> FloatArray:
    """Two-sided p values of one-sample t tests against 0 ``(P,)``; 1 for a difference that is 0 everywhere."""
    certain = se <= 0.0
    statistic = np.abs(mean) / np.where(certain, 1.0, se)
    p = 2.0 * stdtr(count - 1, -statistic)
    return np.where(certain, np.where(mean == 0.0, 1.0, 0.0), p)


def holm(p_values: FloatArray) -> FloatArray:
    """P values corrected for their number: step-down Bonferroni (Holm 1979, Scand. J. Statist. 6, 65-70).

    The ``i``-th smallest of ``m`` becomes ``max over j <= i of min(1, (m - j + 1) p_j)``.
    """
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    stepped = np.minimum((count - np.arange(count)) * p_values[order], 1.0)
    corrected = np.empty(count)
    corrected[order] = np.maximum.accumulate(stepped) if count else stepped
    return corrected


def ratio_of_gaps(own: FloatArray, whole: FloatArray, confidence: float) -> tuple[float, float, float, float]:
    """``mean(own) / mean(whole)`` over paired worlds: value, standard error, low, high.

    By the delta method the variance of a ratio of means ``q = a/b`` is that of ``own - q whole`` over ``n b^2``
    (Cochran 1977, Sampling Techniques, section 6.4). All NaN where the whole is not above 0.

    Args:
        own: ``(n,)``.
        whole: ``(n,)``, in the same worlds.
        confidence: Of the interval.
    """
    bottom = float(whole.mean())
    if bottom <= 0.0:
        return float("nan"), float("nan"), float("nan"), float("nan")
    value = float(own.mean()) / bottom
    count = len(own)
    if count < 2:
        return value, float("nan"), float("nan"), float("nan")
    rest = own - value * whole
    se = float(rest.std(ddof=1)) / np.sqrt(count) / bottom
    reach = float(stdtrit(count - 1, 0.5 + 0.5 * confidence)) * float(se)
    return value, float(se), value - reach, value + reach


def is_hardly_positive(whole: FloatArray) -> bool:
    """Whether a mean over worlds is above 0 by so little that a ratio with it below the line means nothing.

    The delta method takes the divisor for nearly certain; below four standard errors it is not.

    Args:
        whole: ``(n,)``.
    """
    return len(whole) > 1 and 0.0 < float(whole.mean()) < _STEADY * float(whole.std(ddof=1)) / np.sqrt(len(whole))


def spread_of(values: FloatArray) -> dict[str, float]:
    """How a figure is spread over worlds: quantiles, extremes, and the share of worlds with a loss."""
    quantiles = np.percentile(values, [5.0, 25.0, 50.0, 75.0, 95.0])
    names = ("p05", "p25", "p50", "p75", "p95")
    return {
        "min": float(values.min()),
        **{name: float(value) for name, value in zip(names, quantiles, strict=True)},
        "max": float(values.max()),
        "loss_share": float((values < 0.0).mean()),
    }


def _bootstrap(differences: FloatArray, *, seed: int, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Percentile bootstrap of the means ``(P,)`` each (Efron 1979, Ann. Statist. 7, 1-26)."""
    count = differences.shape[1]
    rng = named_generator(seed, "bootstrap/compare")
    # Multinomial weights of the worlds: one matrix product in place of thousands of gathered copies.
    weights = rng.multinomial(count, np.full(count, 1.0 / count), size=_RESAMPLES) / count
    means = differences @ weights.T  # (P, resamples)
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(means, [tail, 100.0 - tail], axis=1)
    return low, high
