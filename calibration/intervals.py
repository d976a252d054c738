"""A figure with its interval, and what an estimate is worth beside a prior."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

PRIOR_ONLY = 0.8
"""Posterior over prior standard deviation from which on nothing was learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure with the bounds of its interval."""

    value: float
    low: float
    high: float


def with_prior(value: float, se: float, mean: float, sd: float) -> tuple[float, float]:
    """Mean and standard deviation of the posterior of a normal estimate and a normal prior."""
    weight = 1.0 / (1.0 + (se / sd) ** 2)
    return weight * value + (1.0 - weight) * mean, sd * float(np.sqrt(1.0 - weight))


def student_widening(degrees: int) -> float:
    """How much wider the 95 % interval of Student's t is than the normal one; as of 1 degree of freedom at least."""
    return float(stats.t.ppf(0.975, max(degrees, 1))) / 1.96
