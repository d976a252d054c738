"""Are the stated propensities true? Calibration where the whole logging policy is known, and drift over days.

``1 / (K p)`` has mean 1 whenever propensities are right and every action could be taken, whatever the rewards; so a day
whose mean is far from 1 was logged by another policy than the one that was written down.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.axes import FloatArray, IntArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.array_checks import codes_of
from xbopt.ope.data import LoggedBanditData

_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PropensityDrift:
    """Inverse propensities by day.

    Attributes:
        days: Codes of the days, in order ``(m,)``.
        means: Mean of 1 / (K propensity) on each day ``(m,)``; 1 where propensities are right.
        z: (mean - 1) over its standard error ``(m,)``; 0 on a day of one row.
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
    if data.propensity is None:
        raise DecisionLogError("The log has no propensities to audit.")
    days, position = np.unique(codes_of("day", day, len(data)), return_inverse=True)
    inverse = 1.0 / (data.n_actions * data.propensity)
    rows = np.bincount(position)
    means = np.bincount(position, weights=inverse) / rows
    squares = np.bincount(position, weights=(inverse - means[position]) ** 2)
    # A day's own spread, but not below that of the whole log: few rows may look alike by chance.
    variance = np.maximum(squares / np.maximum(rows - 1, 1), inverse.var())
    error = np.sqrt(variance / rows)
    z = np.divide(means - 1.0, error, out=np.zeros_like(means), where=(error > 0.0) & (rows > 1))
    # A log of one propensity has no spread at all; any distance from 1 is then real.
    z = np.where((error == 0.0) & (np.abs(means - 1.0) > 1e-9), np.copysign(np.inf, means - 1.0), z)
    bound = -NormalDist().inv_cdf(0.005 / len(days))
    return PropensityDrift(
        days=days, means=means, z=z, suspicious=tuple(int(code) for code in days[np.abs(z) > bound].tolist())
    )


def propensity_calibration(data: LoggedBanditData) -> PropensityCalibration:
    """Compare stated probabilities with what was taken, in bins of equal size.

    Raises:
        DecisionLogError: The log lacks the probabilities of all actions.
    """
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
