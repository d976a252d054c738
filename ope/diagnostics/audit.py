"""Are the stated propensities true? Calibration where the whole logging policy is known, and drift over days.

``1 / p`` has the number of actions that could be taken as its mean whenever propensities are right, whatever the
rewards. Where that number is the same every day, a day whose mean is far from that of the log was logged by another
policy than the one that was written down.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.data.array_checks import codes_of
from xbopt.ope.data.logged import LoggedBanditData

_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PropensityDrift:
    """Inverse propensities by day.

    Attributes:
        days: Codes of the days, in order ``(m,)``.
        means: Mean of 1 / (K propensity) on each day ``(m,)``, with K the actions that could be taken; the same every
            day where propensities are right.
        z: (mean - that of the other days) over its standard error ``(m,)``; 0 on a day of one row, and in a log of one.
        suspicious: Days whose z no chance explains: Bonferroni over days, at 1 %.
    """

    days: IntArray
    means: FloatArray
    z: FloatArray
    suspicious: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PropensityCalibration:
    """Stated probabilities of all actions against how often the actions were taken.

    Attributes:
        stated: Mean stated probability in each bin ``(m,)``.
        taken: Share of the bin's row-action pairs that were taken ``(m,)``.
        pairs: Row-action pairs of each bin ``(m,)``.
        z: (taken - stated) over the standard error that the stated probabilities imply ``(m,)``.
    """

    stated: FloatArray
    taken: FloatArray
    pairs: IntArray
    z: FloatArray


def propensity_drift(data: LoggedBanditData, day: ArrayLike) -> PropensityDrift:
    """Look for days that another policy logged.

    Args:
        data: Decisions with propensities ``(n,)``.
        day: Day of each row, whole numbers or texts ``(n,)``.

    Raises:
        DecisionLogError: The log has no propensities, or there is not one day a row.
    """
    data.refuse_sampling("the audit of propensities")
    if data.propensity is None:
        raise DecisionLogError("The log has no propensities to audit.")
    days, position = np.unique(codes_of("day", day, len(data)), return_inverse=True)
    if data.action_probabilities is None:
        possible = np.full(len(data), float(len(np.unique(data.action))))
    else:
        possible = (data.action_probabilities > 0.0).sum(axis=1).astype(np.float64)
    inverse = 1.0 / (possible * data.propensity)
    rows = np.bincount(position)
    totals = np.bincount(position, weights=inverse)
    means = totals / rows
    squares = np.bincount(position, weights=(inverse - means[position]) ** 2)
    # A day's own spread, but not below that of the whole log: few rows may look alike by chance.
    variance = np.maximum(squares / np.maximum(rows - 1, 1), inverse.var())
    bound = -NormalDist().inv_cdf(0.005 / len(days))
    # The day farthest from the others leaves them, and so on, lest one bad day makes all others look bad.
    z, honest = np.zeros_like(means), np.ones(len(days), dtype=np.bool_)
    while honest.sum() > 1:
        size = rows[honest].sum() - rows
        rest = (totals[honest].sum() - totals) / np.maximum(size, 1)
        error = np.sqrt(variance / rows + inverse.var() / np.maximum(size, 1))
        off = np.where(np.abs(means - rest) > 1e-9, means - rest, 0.0)
        far = np.divide(off, error, out=np.where(off != 0.0, np.copysign(np.inf, off), 0.0), where=error > 0.0)
        far = np.where((rows > 1) | (error == 0.0), far, 0.0)
        z[honest] = far[honest]
        worst = int(np.argmax(np.where(honest, np.abs(far), -1.0)))
        if abs(far[worst]) <= bound:
            break
        honest[worst] = False
    return PropensityDrift(days=days, means=means, z=z, suspicious=tuple(int(code) for code in days[~honest].tolist()))


def propensity_calibration(data: LoggedBanditData) -> PropensityCalibration:
    """Compare stated probabilities with what was taken, in bins of equal size.

    Raises:
        DecisionLogError: The log lacks the probabilities of all actions.
    """
    data.refuse_sampling("the audit of propensities")
    if data.action_probabilities is None:
        raise DecisionLogError("Calibration needs action_probabilities: how likely were the actions not taken?")
    stated = data.action_probabilities
    taken = np.zeros_like(stated)
    taken[np.arange(len(data)), data.action] = 1.0
    flat, hit = stated.ravel(), taken.ravel()
    edges = np.unique(np.quantile(flat, np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
    place = np.searchsorted(edges, flat, side="right")
    pairs = np.bincount(place, minlength=len(edges) + 1)
    used = np.flatnonzero(pairs)
    count = pairs[used]
    mean = np.bincount(place, weights=flat, minlength=len(pairs))[used] / count
    share = np.bincount(place, weights=hit, minlength=len(pairs))[used] / count
    spread = np.sqrt(np.bincount(place, weights=flat * (1.0 - flat), minlength=len(pairs))[used]) / count
    z = np.divide(share - mean, spread, out=np.zeros_like(mean), where=spread > 0.0)
    return PropensityCalibration(stated=mean, taken=share, pairs=count.astype(np.int64), z=z)
