"""Covariances from the information of a likelihood, and how many customers one needs."""

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import CalibrationError

LARGEST_SD = 5.0
"""Of a logarithm that the data hardly tell: the information is that of a normal distribution so wide, at least."""

LEAST_CUSTOMERS, LEAST_REPEATERS = 100, 25
"""Fewer of them and how often customers come back is anything."""


def inverse_information(information: FloatArray, free: BoolArray) -> FloatArray:
    """Covariance of logarithms ``(K, K)`` from their information; those that are not free count as known."""
    covariance = np.zeros_like(information)
    kept = np.ix_(free, free)
    values, vectors = np.linalg.eigh(information[kept])
    covariance[kept] = (vectors / np.maximum(values, 1.0 / LARGEST_SD**2)) @ vectors.T
    return covariance


def need_repeaters(again: IntArray) -> tuple[int, int]:
    """Count customers, and those who bought again, from their purchases after the first ``(N,)``.

    Raises:
        CalibrationError: Fewer than `LEAST_CUSTOMERS` customers, or `LEAST_REPEATERS` who bought again.
    """
    people, repeaters = len(again), int((again > 0).sum())
    if people < LEAST_CUSTOMERS or repeaters < LEAST_REPEATERS:
        raise CalibrationError(
            f"{people} customers whose first purchase was seen, of whom {repeaters} bought again: at least "
            f"{LEAST_CUSTOMERS} and {LEAST_REPEATERS} are needed to tell how often customers come back. Give a longer "
            "period of orders, or take the usual figures of the trade."
        )
    return people, repeaters
