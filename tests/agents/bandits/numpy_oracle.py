"""The bandits' arithmetic once more, in numpy: what the compiled loops are compared with.

Answers agree with the compiled ones to rounding. Products of a batch go through one matrix product, whose rounding
may depend on the size of the batch.
"""

import numpy as np
from scipy.special import ndtr

from xbopt.agents.bandits.compiled_thompson import (
    MOST_TRAPEZOID_NODES,
    NODES,
    NOTHING_LEFT,
    RELEVANT_SD,
    SUM_ERROR,
    WEIGHTS,
    ZONE_EDGE,
    ZONE_STEP,
)
from xbopt.core.arrays import BoolArray, FloatArray, IntArray

_PRODUCTS_AT_ONCE = 2**18  # numbers in a block of products: 2 MB, which stays near the processor


def first_bad_row(context: FloatArray) -> int:
    """Position of the first row that holds a value that is no finite number, or -1."""
    finite = np.isfinite(context)
    return -1 if finite.all() else int(np.argmin(finite.all(axis=1)))


def predict(context: FloatArray, theta: FloatArray) -> FloatArray:
    """Means ``x'theta_k`` ``(n, K)`` of contexts ``(n, d)`` under coefficients ``(K, d)``."""
    return context @ theta.T


def _products(context: FloatArray) -> FloatArray:
    """Products of a row's features ``(n, d(d+1)/2)``; pairs count twice, since the triangle holds them once."""
    first, second = np.triu_indices(context.shape[1])
    return context[:, first] * context[:, second] * np.where(first == second, 1.0, 2.0)


def variances(context: FloatArray, inverse: FloatArray) -> FloatArray:
    """Quadratic forms ``x'A_k^-1 x`` ``(n, K)``; the inverses come as packed upper triangles ``(K, d(d+1)/2)``."""
    block = max(1, _PRODUCTS_AT_ONCE // inverse.shape[1])
    forms = [_products(context[i : i + block]) @ inverse.T for i in range(0, len(context), block)]
    return np.maximum(np.concatenate(forms), 0.0) if forms else np.empty((0, len(inverse)))


def greedy_mix(scores: FloatArray, epsilon: float, tie: float) -> FloatArray:
    """Probabilities ``(n, K)``: ``1 - epsilon`` shared by the best scores, ``epsilon`` by all.

    Scores within ``tie * (1 + |best|)`` of the best count as best.
    """
    best = scores.max(axis=1, keepdims=True)
    among_best = scores >= best - tie * (1.0 + np.abs(best))
    return (1.0 - epsilon) * among_best / among_best.sum(axis=1, keepdims=True) + epsilon / scores.shape[1]


def gap_weights(scores: FloatArray, gamma: float, *, relative: bool) -> FloatArray:
    """Inverse gap weights ``(n, K)``: ``1/(K + gamma * gap)`` each, the rest to the best.

    Where ``relative``, the gap is divided by the best score, which has to be positive.
    """
    rows = np.arange(len(scores))
    best = scores.argmax(axis=1)
    top = scores[rows, best][:, None]
    probabilities = 1.0 / (scores.shape[1] + (gamma / top if relative else gamma) * (top - scores))
    probabilities[rows, best] = 0.0
    probabilities[rows, best] = 1.0 - probabilities.sum(axis=1)
    return probabilities


def draw(probabilities: FloatArray, uniforms: FloatArray, chosen: IntArray, propensity: FloatArray) -> None:
    """One action a row by inverting the cumulative probabilities, written to ``chosen`` and ``propensity`` ``(n,)``."""
    cumulative = np.cumsum(probabilities, axis=1)
    reached = cumulative > (uniforms * cumulative[:, -1])[:, None]
    possible = probabilities > 0.0
    last = probabilities.shape[1] - 1 - np.argmax(possible[:, ::-1], axis=1)
    first = np.argmax(reached & possible, axis=1)
    # Rounding may leave the sum short of the aim; the last possible action then stands.
    chosen[:] = np.where((reached & possible).any(axis=1), first, last)
    propensity[:] = probabilities[np.arange(len(probabilities)), chosen]


def _full(packed: FloatArray, features: int) -> FloatArray:
    """Symmetric matrices ``(..., d, d)`` from packed triangles ``(..., d(d+1)/2)``."""
    first, second = np.triu_indices(features)
    full = np.empty((*packed.shape[:-1], features, features))
    full[..., first, second] = packed
    full[..., second, first] = packed
    return full


def invert(
    gram: FloatArray, ridge: float, inverse: FloatArray, norm: FloatArray, target: FloatArray, theta: FloatArray
) -> None:
    """Make every action's inverse, its norm and its coefficients anew from its Gram matrix, in place."""
    features = theta.shape[2]
    full = np.linalg.inv(_full(gram, features) + ridge * np.eye(features))
    norm[:] = np.abs(full).sum(axis=2).max(axis=1)
    first, second = np.triu_indices(features)
    inverse[:] = 0.5 * (full[:, first, second] + full[:, second, first])
    np.matmul(target, _full(inverse, features), out=theta)


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

    Returns the position of the first row that holds a value that is no finite number, or -1.
    """
    del norm  # leaving out actions saves nothing in a matrix product
    bad = first_bad_row(context)
    if bad < 0:
        scores = predict(context, theta) + alpha * np.sqrt(variances(context, inverse))
        probabilities[:] = greedy_mix(scores, epsilon, tie)
    return bad


def thompson_linear(
    context: FloatArray,
    theta: FloatArray,
    inverse: FloatArray,
    norm: FloatArray,
    spread: float,
    epsilon: float,
    probabilities: FloatArray,
) -> int:
    """Probabilities ``(n, K)`` of Thompson sampling, mixed with a share of uniform exploration, written in place.

    Returns the position of the first row that holds a value that is no finite number, or -1.
    """
    del norm  # as above
    bad = first_bad_row(context)
    if bad < 0:
        exact = thompson(predict(context, theta), spread * np.sqrt(variances(context, inverse)))
        probabilities[:] = (1.0 - epsilon) * exact + epsilon / len(theta)
    return bad


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
    features = context.shape[1]
    first, second = np.triu_indices(features)
    many = max(4, features // 4)
    for k in np.unique(action).tolist():
        rows = np.flatnonzero(action == k)
        x, w, y = context[rows], weight[rows], reward[rows]
        gram[k] += ((x * w[:, None]).T @ x)[first, second]
        target[k] += (y * w[:, None]).T @ x
        if len(rows) >= many:
            steps[k] = most_steps
        else:
            for n in range(len(rows)):
                solved = _full(inverse[k], features) @ x[n]
                gain = w[n] / (1.0 + w[n] * (solved @ x[n]))
                theta[k] += gain * np.outer(y[n] - theta[k] @ x[n], solved)
                inverse[k] -= gain * solved[first] * solved[second]
                steps[k] += 1
        if steps[k] >= most_steps:
            at = slice(k, k + 1)
            invert(gram[at], ridge, inverse[at], norm[at], target[at], theta[at])
            steps[k] = 0


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
    features = context.shape[1]
    first, second = np.triu_indices(features)
    for n, k in enumerate(action.tolist()):
        x, w = context[n], weight[n]
        rate = 1.0 / (1.0 + np.exp(-(offset + theta[k, 0] @ x)))
        curvature = w * rate * (1.0 - rate)
        solved = _full(inverse[k], features) @ x
        widened = 1.0 + curvature * (solved @ x)
        theta[k, 0] += w * (reward[n] - rate) / widened * solved
        inverse[k] -= curvature / widened * solved[first] * solved[second]
        gram[k] += curvature * x[first] * x[second]
        steps[k] += 1
        if steps[k] >= most_steps:
            at = slice(k, k + 1)
            invert(gram[at], ridge, inverse[at], norm[at], np.zeros_like(theta[at]), np.empty_like(theta[at]))
            steps[k] = 0


def thompson(mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Probability ``(n, K)`` that an action's Gaussian score is the highest; see ``thompson.py``."""
    probabilities = np.zeros_like(mean)
    certain = sd <= 1e-12 * (np.abs(mean) + sd.max(axis=1, keepdims=True))
    for n in range(len(mean)):
        probabilities[n] = _thompson_row(mean[n], sd[n], certain[n])
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def _thompson_row(mean: FloatArray, sd: FloatArray, certain: BoolArray) -> FloatArray:
    result = np.zeros(len(mean))
    known = float(mean[certain].max()) if certain.any() else -np.inf
    reach = RELEVANT_SD * sd
    low = max(float((mean - reach)[~certain].max(initial=-np.inf)), known)
    live = ~certain & (mean + reach > low)
    m, s = mean[live], sd[live]
    tied = certain & (mean == known)
    if live.any():
        high, step = float((m + RELEVANT_SD * s).max()), float(s.min()) * trapezoid_step(len(m))
        done = False
        if not certain.any() and high - low <= MOST_TRAPEZOID_NODES * step:
            z: FloatArray = high - step * np.arange(float(int((high - low) / step) + 1))
            result[live] = _integrals(z, np.full(len(z), step), m, s)
            done = abs(result.sum() - 1.0) < SUM_ERROR
        if not done:
            result[live] = _panel_integrals(m, s, low, high)
    if tied.any():
        result[tied] = ndtr((known - m) / s).prod() / tied.sum()
    return result


def _integrals(z: FloatArray, weight: FloatArray, mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Weighted sums over nodes ``z`` of ``phi_a prod_{b != a} Phi_b``, one for each action."""
    t = (z[:, None] - mean) / sd
    below = ndtr(t)
    others = np.ones_like(below)
    # The product of the others, without dividing by a CDF that may be 0.
    others[:, 1:] = np.cumprod(below, axis=1)[:, :-1]
    others[:, :-1] *= np.cumprod(below[:, ::-1], axis=1)[:, -2::-1]
    density = np.exp(-0.5 * t * t) / (np.sqrt(2.0 * np.pi) * sd)
    return weight @ (density * others)


def _panel_integrals(mean: FloatArray, sd: FloatArray, low: float, high: float) -> FloatArray:
    """Gauss-Legendre panels from ``high`` down to ``low``, as wide as the narrowest score at hand allows."""
    top, bottom = mean + ZONE_EDGE * sd, mean - ZONE_EDGE * sd
    total = np.zeros(len(mean))
    z = high
    while z > low and ndtr((z - mean) / sd).prod() >= NOTHING_LEFT:
        edges = np.where(z > top, top - sd, np.where(z > bottom, z - ZONE_STEP * sd, low))
        edge = max(low, float(edges.max()))
        half = 0.5 * (z - edge)
        total += _integrals(edge + half * (1.0 + NODES), half * WEIGHTS, mean, sd)
        z = edge
    return total


def trapezoid_step(live: int) -> float:
    """Spacing of the trapezoid rule, in units of the smallest spread, for so many scores."""
    return float(0.6 / (1.0 + 0.33 * np.log(max(live, 2) / 2.0)))
