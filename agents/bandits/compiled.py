"""The bandits' arithmetic as compiled loops: means, quadratic forms, probabilities from scores, draws.

Every row of a batch goes through the same instructions as a row alone, so a batch changes no bit of an answer. Machine
code is kept on disk beside the module, so only the first use after an installation waits for the compiler.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.extras import need_extra

Function = TypeVar("Function", bound=Callable[..., Any])
_ROWS_AT_ONCE = 8  # rows whose products share one read of an action's matrix


def jit(function: Function, *, fastmath: set[str] | bool = False) -> Function:
    """Compile a function by numba; for the type checker it stays what it was.

    Raises:
        UsageError: numba is not installed.
    """
    need_extra("rl", "numba")
    import numba

    return cast("Function", numba.njit(cache=True, fastmath=fastmath)(function))


def fast_jit(function: Function) -> Function:
    """As ``jit``; sums may run in vector lanes, while the values of NaN and infinity keep their meaning.

    Raises:
        UsageError: numba is not installed.
    """
    return jit(function, fastmath={"reassoc", "contract", "nsz"})


@fast_jit
def dot(left: FloatArray, right: FloatArray) -> float:
    """Inner product of two arrays ``(d,)``."""
    total = 0.0
    for i in range(left.shape[0]):
        total += left[i] * right[i]
    return total


@fast_jit
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


@fast_jit
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


@fast_jit
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


@jit
def first_bad_row(context: FloatArray) -> int:
    """Position of the first row that holds a value that is no finite number, or -1."""
    for n in range(context.shape[0]):
        total = 0.0
        for i in range(context.shape[1]):
            total += context[n, i] - context[n, i]
        if total != 0.0:
            return n
    return -1


@jit
def greedy_mix(scores: FloatArray, epsilon: float, tie: float) -> FloatArray:
    """Probabilities ``(n, K)``: ``1 - epsilon`` shared by the best scores, ``epsilon`` by all.

    Scores within ``tie * (1 + |best|)`` of the best count as best.
    """
    rows, actions = scores.shape
    probabilities = np.empty((rows, actions))
    for n in range(rows):
        best = scores[n, 0]
        for k in range(1, actions):
            best = max(best, scores[n, k])
        edge = best - tie * (1.0 + abs(best))
        count = 0
        for k in range(actions):
            count += scores[n, k] >= edge
        for k in range(actions):
            mass = (1.0 - epsilon) / count if scores[n, k] >= edge else 0.0
            probabilities[n, k] = mass + epsilon / actions
    return probabilities


@jit
def gap_weights(scores: FloatArray, gamma: float, *, relative: bool) -> FloatArray:
    """Inverse gap weights ``(n, K)``: ``1/(K + gamma * gap)`` each, the rest to the best.

    Where ``relative``, the gap is divided by the best score, which has to be positive.
    """
    rows, actions = scores.shape
    probabilities = np.empty((rows, actions))
    for n in range(rows):
        best = 0
        for k in range(1, actions):
            if scores[n, k] > scores[n, best]:
                best = k
        slope = gamma / scores[n, best] if relative else gamma
        others = 0.0
        for k in range(actions):
            if k != best:
                probabilities[n, k] = 1.0 / (actions + slope * (scores[n, best] - scores[n, k]))
                others += probabilities[n, k]
        probabilities[n, best] = 1.0 - others
    return probabilities


@jit
def draw(probabilities: FloatArray, uniforms: FloatArray, chosen: IntArray, propensity: FloatArray) -> None:
    """One action a row by inverting the cumulative probabilities, written to ``chosen`` and ``propensity`` ``(n,)``."""
    rows, actions = probabilities.shape
    for n in range(rows):
        total = 0.0
        for k in range(actions):
            total += probabilities[n, k]
        aim = uniforms[n] * total
        action = -1
        cumulative = 0.0
        for k in range(actions):
            cumulative += probabilities[n, k]
            if probabilities[n, k] > 0.0:
                # Rounding may leave the sum short of the aim; the last possible action then stands.
                action = k
                if cumulative > aim:
                    break
        chosen[n] = action
        propensity[n] = probabilities[n, action]


@jit
def ucb(
    context: FloatArray,
    theta: FloatArray,
    inverse: FloatArray,
    norm: FloatArray,
    alpha: float,
    epsilon: float,
    tie: float,
    probabilities: FloatArray,
) -> int:
    """Probabilities ``(n, K)`` of LinUCB, written in place: ``greedy_mix`` of ``x'theta_k + alpha sqrt(x'A_k^-1 x)``.

    Returns the position of the first row that holds a value that is no finite number, or -1; rows from there on are
    left as they were.

    ``norm`` bounds each inverse's largest eigenvalue, so ``x'A_k^-1 x <= norm_k x'x``: an action whose score would stay
    behind the best known even then cannot be chosen greedily, and its quadratic form is not computed.
    """
    rows = context.shape[0]
    actions, packed = inverse.shape
    products, scores = np.empty(packed), np.empty(actions)
    for n in range(rows):
        x = context[n]
        length = row_products(x, products)
        if not math.isfinite(length):
            return n
        first = 0
        for k in range(actions):
            scores[k] = dot(theta[k], x)
            if scores[k] > scores[first]:
                first = k
        best = scores[first] + alpha * math.sqrt(max(dot(inverse[first], products), 0.0))
        scores[first] = best
        for k in range(actions):
            if k != first:
                if scores[k] + alpha * math.sqrt(norm[k] * length) < best - tie * (1.0 + abs(best)):
                    scores[k] = -np.inf
                else:
                    scores[k] += alpha * math.sqrt(max(dot(inverse[k], products), 0.0))
                    best = max(best, scores[k])
        edge = best - tie * (1.0 + abs(best))
        count = 0
        for k in range(actions):
            count += scores[k] >= edge
        for k in range(actions):
            mass = (1.0 - epsilon) / count if scores[k] >= edge else 0.0
            probabilities[n, k] = mass + epsilon / actions
    return -1
