"""Compiled updates of the linear and logistic models."""

import math

import numpy as np

from xbopt.agents.bandits.compiled import fast_jit
from xbopt.core.arrays import FloatArray, IntArray


@fast_jit
def _solve(inverse: FloatArray, x: FloatArray, result: FloatArray) -> float:
    """``result = A^-1 x`` from a packed triangle; returns ``x'A^-1 x``."""
    features = x.shape[0]
    result[:] = 0.0
    m = 0
    for i in range(features):
        xi = x[i]
        total = inverse[m] * xi
        # Slices start at 0, so the compiler need not think of negative positions and can use vector lanes.
        row, others, sums = inverse[m + 1 : m + features - i], x[i + 1 :], result[i + 1 :]
        for j in range(row.shape[0]):
            total += row[j] * others[j]
            sums[j] += row[j] * xi
        result[i] += total
        m += features - i
    form = 0.0
    for i in range(features):
        form += result[i] * x[i]
    return form


@fast_jit
def _add_outer(packed: FloatArray, v: FloatArray, factor: float) -> None:
    """``packed += factor * vv'``."""
    features = v.shape[0]
    m = 0
    for i in range(features):
        scaled = factor * v[i]
        row, others = packed[m : m + features - i], v[i:]
        for j in range(row.shape[0]):
            row[j] += scaled * others[j]
        m += features - i


@fast_jit
def _invert(gram: FloatArray, ridge: float, work: FloatArray, inverse: FloatArray) -> float:
    """``inverse = (ridge I + gram)^-1``, packed; Gauss-Jordan elimination, which is stable without pivots here.

    The matrix is symmetric and positive definite, so every pivot is positive. Returns the largest sum of absolute
    values in a row of the inverse, which no eigenvalue exceeds.
    """
    features = work.shape[0]
    pivot_row, pivot_column = np.empty(features), np.empty(features)
    m = 0
    for i in range(features):
        for j in range(i, features):
            work[i, j] = gram[m]
            work[j, i] = gram[m]
            m += 1
        work[i, i] += ridge
    for p in range(features):
        pivot = 1.0 / work[p, p]
        for j in range(features):
            pivot_row[j] = work[p, j] * pivot
            pivot_column[j] = work[j, p]
            work[j, p] = 0.0
        pivot_row[p] = pivot
        # The pivot's own row is written below; without a branch in it the inner loop runs in vector lanes.
        for i in range(features):
            factor = pivot_column[i]
            for j in range(features):
                work[i, j] -= factor * pivot_row[j]
        for j in range(features):
            work[p, j] = pivot_row[j]
    m = 0
    for i in range(features):
        for j in range(i, features):
            inverse[m] = 0.5 * (work[i, j] + work[j, i])
            m += 1
    norm = 0.0
    for i in range(features):
        total = 0.0
        for j in range(features):
            total += abs(work[i, j])
        norm = max(norm, total)
    return norm


@fast_jit
def _refit(inverse: FloatArray, target: FloatArray, theta: FloatArray) -> None:
    """``theta_o = A^-1 b_o`` for every output ``o``; targets and coefficients ``(O, d)``."""
    for o in range(target.shape[0]):
        _solve(inverse, target[o], theta[o])


@fast_jit
def invert(
    gram: FloatArray, ridge: float, inverse: FloatArray, norm: FloatArray, target: FloatArray, theta: FloatArray
) -> None:
    """Make every action's inverse, its norm and its coefficients anew from its Gram matrix, in place."""
    features = theta.shape[2]
    work = np.empty((features, features))
    for k in range(gram.shape[0]):
        norm[k] = _invert(gram[k], ridge, work, inverse[k])
        _refit(inverse[k], target[k], theta[k])


@fast_jit
def learn(
    context: FloatArray,
    action: IntArray,
    reward: FloatArray,
    weight: FloatArray,
    ridge: float,
    most_steps: int,
    gram: FloatArray,
    inverse: FloatArray,
    norm: FloatArray,
    target: FloatArray,
    theta: FloatArray,
    steps: IntArray,
) -> None:
    """Add rows to their actions' models, in place.

    An action with few rows takes a Sherman-Morrison step for each; one with many sums its Gram matrix and inverts
    once, as does one that has gone ``most_steps`` steps since its last inversion.
    """
    rows, features = context.shape
    actions, outputs = gram.shape[0], reward.shape[1]
    counts = np.zeros(actions, dtype=np.int64)
    for n in range(rows):
        counts[action[n]] += 1
    many = max(4, features // 4)
    solved = np.empty(features)
    for n in range(rows):
        k = action[n]
        x = context[n]
        _add_outer(gram[k], x, weight[n])
        for o in range(outputs):
            scaled = weight[n] * reward[n, o]
            for i in range(features):
                target[k, o, i] += scaled * x[i]
        if counts[k] < many:
            form = _solve(inverse[k], x, solved)
            gain = weight[n] / (1.0 + weight[n] * form)
            for o in range(outputs):
                surprise = reward[n, o]
                for i in range(features):
                    surprise -= theta[k, o, i] * x[i]
                for i in range(features):
                    theta[k, o, i] += gain * surprise * solved[i]
            _add_outer(inverse[k], solved, -gain)
            steps[k] += 1
    work = np.empty((features, features))
    for k in range(actions):
        if counts[k] >= many or steps[k] >= most_steps:
            norm[k] = _invert(gram[k], ridge, work, inverse[k])
            _refit(inverse[k], target[k], theta[k])
            steps[k] = 0


@fast_jit
def learn_rates(
    context: FloatArray,
    action: IntArray,
    reward: FloatArray,
    weight: FloatArray,
    offset: float,
    ridge: float,
    most_steps: int,
    gram: FloatArray,
    inverse: FloatArray,
    norm: FloatArray,
    theta: FloatArray,
    steps: IntArray,
) -> None:
    """Add rows to logistic models, one Newton step a row in the order of the rows, in place."""
    rows, features = context.shape
    solved = np.empty(features)
    work = np.empty((features, features))
    for n in range(rows):
        k = action[n]
        x = context[n]
        logit = offset
        for i in range(features):
            logit += theta[k, 0, i] * x[i]
        rate = 1.0 / (1.0 + math.exp(-logit))
        curvature = weight[n] * rate * (1.0 - rate)
        form = _solve(inverse[k], x, solved)
        gain = weight[n] * (reward[n] - rate) / (1.0 + curvature * form)
        for i in range(features):
            theta[k, 0, i] += gain * solved[i]
        _add_outer(inverse[k], solved, -curvature / (1.0 + curvature * form))
        _add_outer(gram[k], x, curvature)
        steps[k] += 1
        if steps[k] >= most_steps:
            norm[k] = _invert(gram[k], ridge, work, inverse[k])
            steps[k] = 0
