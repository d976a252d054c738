"""Compiled means and quadratic forms of many actions at once."""

# numba ships without type information: what it decorates has no known type for the checker.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUntypedFunctionDecorator=false

import numpy as np
from numba import njit

from xbopt.core.arrays import FloatArray

FAST = {"reassoc", "contract", "nsz"}
"""Lets the compiler sum in vector lanes; the values of NaN and infinity keep their meaning."""
_ROWS_AT_ONCE = 8  # rows whose products share one read of an action's matrix


@njit(cache=True, fastmath=FAST)
def dot(left: FloatArray, right: FloatArray) -> float:
    """Inner product of two arrays ``(d,)``."""
    total = 0.0
    for i in range(left.shape[0]):
        total += left[i] * right[i]
    return total


@njit(cache=True, fastmath=FAST)
def predict(context: FloatArray, theta: FloatArray) -> FloatArray:
    """Means ``x'theta_k`` ``(n, K)`` of contexts ``(n, d)`` under coefficients ``(K, d)``."""
    rows, features = context.shape
    actions = theta.shape[0]
    means = np.empty((rows, actions))
    for n in range(rows):
        for k in range(actions):
            total = 0.0
            for i in range(features):
                total += theta[k, i] * context[n, i]
            means[n, k] = total
    return means


@njit(cache=True, fastmath=FAST)
def row_products(x: FloatArray, products: FloatArray) -> float:
    """Products of a row's features, pairs twice; returns the sum of its squares."""
    features = x.shape[0]
    m = 0
    length = 0.0
    for i in range(features):
        xi = x[i]
        length += xi * xi
        products[m] = xi * xi
        row, others = products[m + 1 : m + features - i], x[i + 1 :]
        for j in range(row.shape[0]):
            row[j] = 2.0 * xi * others[j]
        m += features - i
    return length


@njit(cache=True, fastmath=FAST)
def variances(context: FloatArray, inverse: FloatArray) -> FloatArray:
    """Quadratic forms ``x'A_k^-1 x`` ``(n, K)``; the inverses come as packed upper triangles ``(K, d(d+1)/2)``.

    A quadratic form is the inner product of the matrix with ``xx'``, so the products of a row's features are made
    once and meet each action's triangle in one pass.
    """
    rows, features = context.shape
    actions, packed = inverse.shape
    products = np.empty((min(_ROWS_AT_ONCE, rows), packed))
    forms = np.empty((rows, actions))
    for start in range(0, rows, _ROWS_AT_ONCE):
        end = min(start + _ROWS_AT_ONCE, rows)
        for n in range(start, end):
            m = 0
            for i in range(features):
                x = context[n, i]
                products[n - start, m] = x * x
                row, others = products[n - start, m + 1 : m + features - i], context[n, i + 1 :]
                for j in range(row.shape[0]):
                    row[j] = 2.0 * x * others[j]
                m += features - i
        for k in range(actions):
            triangle = inverse[k]
            for n in range(start, end):
                total = 0.0
                row = products[n - start]
                for m in range(packed):
                    total += triangle[m] * row[m]
                forms[n, k] = max(total, 0.0)
    return forms
