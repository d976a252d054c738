"""The bandits' arithmetic as compiled loops; ``plain.py`` holds the same functions in numpy.

Every row of a batch goes through the same instructions as a row alone, so a batch changes no bit of an answer.
``reassoc`` and ``contract`` let the compiler sum in vector lanes; the values of NaN and infinity keep their meaning.
Machine code is kept on disk beside the module, so only the first use after an installation waits for the compiler.
"""

# numba ships without type information: what it decorates has no known type for the checker.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUntypedFunctionDecorator=false

import math

import numpy as np
from numba import njit

from xbopt.agents.bandits.compiled_forms import dot, predict, row_products, variances
from xbopt.agents.bandits.compiled_learning import invert, learn, learn_rates
from xbopt.agents.bandits.compiled_thompson import thompson, thompson_linear
from xbopt.core.arrays import FloatArray, IntArray

__all__ = [
    "draw",
    "first_bad_row",
    "gap_weights",
    "greedy_mix",
    "invert",
    "learn",
    "learn_rates",
    "predict",
    "thompson",
    "thompson_linear",
    "ucb",
    "variances",
]


@njit(cache=True)
def first_bad_row(context: FloatArray) -> int:
    """Position of the first row that holds a value that is no finite number, or -1."""
    for n in range(context.shape[0]):
        total = 0.0
        for i in range(context.shape[1]):
            total += context[n, i] - context[n, i]
        if total != 0.0:
            return n
    return -1


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
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
