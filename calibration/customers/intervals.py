"""A figure with its interval, and covariances from the information of a likelihood."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray

LARGEST_SD = 5.0
"""Of a logarithm that the data hardly tell: the information is that of a normal distribution so wide, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure with the bounds of its interval."""

    value: float
    low: float
    high: float


def inverse_information(information: FloatArray, free: BoolArray) -> FloatArray:
    """Covariance of logarithms ``(K, K)`` from their information; those that are not free count as known."""
    covariance = np.zeros_like(information)
    kept = np.ix_(free, free)
    values, vectors = np.linalg.eigh(information[kept])
    covariance[kept] = (vectors / np.maximum(values, 1.0 / LARGEST_SD**2)) @ vectors.T
    return covariance
