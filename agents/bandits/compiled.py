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

from xbopt.agents.bandits.quadrature_rule import (
    MOST_TRAPEZOID_NODES,
    NODES,
    NOTHING_LEFT,
    RELEVANT_SD,
    SUM_ERROR,
    WEIGHTS,
    ZONE_EDGE,
    ZONE_STEP,
)
from xbopt.core.axes import FloatArray, IntArray

_FAST = {"reassoc", "contract", "nsz"}
_ROWS_AT_ONCE = 8  # rows whose products share one read of an action's matrix
_SQRT_HALF = math.sqrt(0.5)
_TABLE_STEPS = 128.0  # entries a standard deviation
_TABLE_EDGE = 8.0
_TABLE_AT = np.arange(-_TABLE_EDGE, _TABLE_EDGE + 1e-9, 1.0 / _TABLE_STEPS)
_CDF = np.array([0.5 * math.erfc(-t * _SQRT_HALF) for t in _TABLE_AT.tolist()])
_DENSITIES = np.exp(-0.5 * _TABLE_AT**2) / math.sqrt(2.0 * math.pi)


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


@njit(cache=True, fastmath=_FAST)
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


@njit(cache=True, fastmath=_FAST)
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


@njit(cache=True, fastmath=_FAST)
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


@njit(cache=True, fastmath=_FAST)
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


@njit(cache=True, fastmath=_FAST)
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


@njit(cache=True, fastmath=_FAST)
def _refit(inverse: FloatArray, target: FloatArray, theta: FloatArray) -> None:
    """``theta_o = A^-1 b_o`` for every output ``o``; targets and coefficients ``(O, d)``."""
    for o in range(target.shape[0]):
        _solve(inverse, target[o], theta[o])


@njit(cache=True, fastmath=_FAST)
def invert(
    gram: FloatArray, ridge: float, inverse: FloatArray, norm: FloatArray, target: FloatArray, theta: FloatArray
) -> None:
    """Make every action's inverse, its norm and its coefficients anew from its Gram matrix, in place."""
    features = theta.shape[2]
    work = np.empty((features, features))
    for k in range(gram.shape[0]):
        norm[k] = _invert(gram[k], ridge, work, inverse[k])
        _refit(inverse[k], target[k], theta[k])


@njit(cache=True, fastmath=_FAST)
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


@njit(cache=True, fastmath=_FAST)
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


@njit(cache=True)
def _add_node(
    z: float,
    weight: float,
    mean: FloatArray,
    sd: FloatArray,
    below: FloatArray,
    density: FloatArray,
    integral: FloatArray,
) -> float:
    """Add ``weight * phi_a(z) prod_{b != a} Phi_b(z)`` to each action's integral; returns the product of all."""
    live = mean.shape[0]
    product = 1.0
    for b in range(live):
        t = (z - mean[b]) / sd[b]
        if t > RELEVANT_SD:
            density[b] = 0.0
            below[b] = 1.0
            continue
        if t < -_TABLE_EDGE:  # another score lies above this node for certain
            return 0.0
        # Taylor series around the nearest entry of the table, at most 1/256 away: exact to 1e-13.
        entry = round((t + _TABLE_EDGE) * _TABLE_STEPS)
        centre = entry / _TABLE_STEPS - _TABLE_EDGE
        d = t - centre
        second = centre * centre - 1.0
        third = centre * (second - 2.0)
        near = _DENSITIES[entry]
        slope = 1.0 - d * (centre - d * (second / 2.0 - d * (third / 6.0 - d * (centre * third - 3.0 * second) / 24.0)))
        density[b] = weight / sd[b] * near * slope * product
        below[b] = _CDF[entry] + near * d * (1.0 - d * (centre / 2.0 - d * (second / 6.0 - d * third / 24.0)))
        product *= below[b]
    above = 1.0
    # The product of the others, without dividing by a CDF that may be 0.
    for b in range(live - 1, -1, -1):
        integral[b] += density[b] * above
        above *= below[b]
    return product


@njit(cache=True)
def _panels(
    mean: FloatArray, sd: FloatArray, low: float, high: float, below: FloatArray, density: FloatArray, found: FloatArray
) -> None:
    """Gauss-Legendre panels from ``high`` down to ``low``, as wide as the narrowest score at hand allows."""
    found[:] = 0.0
    z = high
    while z > low:
        edge = low
        for b in range(mean.shape[0]):
            if z > mean[b] + ZONE_EDGE * sd[b]:
                edge = max(edge, mean[b] + (ZONE_EDGE - 1.0) * sd[b])
            elif z > mean[b] - ZONE_EDGE * sd[b]:
                edge = max(edge, z - ZONE_STEP * sd[b])
        half = 0.5 * (z - edge)
        product = 1.0
        for q in range(NODES.shape[0]):
            product = _add_node(edge + half * (1.0 + NODES[q]), half * WEIGHTS[q], mean, sd, below, density, found)
        if product < NOTHING_LEFT:  # nodes go down: no mass below this one
            break
        z = edge


@njit(cache=True)
def _thompson_row(
    mean: FloatArray,
    sd: FloatArray,
    live_mean: FloatArray,
    live_sd: FloatArray,
    place: IntArray,
    below: FloatArray,
    density: FloatArray,
    found: FloatArray,
    result: FloatArray,
) -> None:
    """Probabilities ``(K,)`` of one row, written to ``result``; the other arrays are room to work in."""
    actions = mean.shape[0]
    result[:] = 0.0
    widest = 0.0
    for k in range(actions):
        widest = max(widest, sd[k])
    certain = -np.inf  # the best of the scores without spread
    low = -np.inf
    for k in range(actions):
        if sd[k] <= 1e-12 * (abs(mean[k]) + widest):
            certain = max(certain, mean[k])
        else:
            low = max(low, mean[k] - RELEVANT_SD * sd[k])
    low = max(low, certain)
    live, ties = 0, 0
    high, narrowest = -np.inf, np.inf
    for k in range(actions):
        if sd[k] <= 1e-12 * (abs(mean[k]) + widest):
            ties += mean[k] == certain
        elif mean[k] + RELEVANT_SD * sd[k] > low:
            live_mean[live], live_sd[live], place[live] = mean[k], sd[k], k
            high = max(high, mean[k] + RELEVANT_SD * sd[k])
            narrowest = min(narrowest, sd[k])
            live += 1
    if live == 1 and ties == 0:
        result[place[0]] = 1.0
        return
    m, s, integrals = live_mean[:live], live_sd[:live], found[:live]
    if live > 0:
        step = narrowest * trapezoid_step(live)
        done = False
        if ties == 0 and high - low <= MOST_TRAPEZOID_NODES * step:
            integrals[:] = 0.0
            z = high
            while z > low:
                if _add_node(z, step, m, s, below, density, integrals) < NOTHING_LEFT:
                    break
                z -= step
            done = abs(integrals.sum() - 1.0) < SUM_ERROR
        if not done:
            _panels(m, s, low, high, below, density, integrals)
        for b in range(live):
            result[place[b]] = integrals[b]
    if ties > 0:
        mass = 1.0
        for b in range(live):
            mass *= 0.5 * math.erfc((m[b] - certain) / s[b] * _SQRT_HALF)
        for k in range(actions):
            if sd[k] <= 1e-12 * (abs(mean[k]) + widest) and mean[k] == certain:
                result[k] = mass / ties
    total = 0.0
    for k in range(actions):
        total += result[k]
    for k in range(actions):
        result[k] /= total


@njit(cache=True)
def thompson(mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Probability ``(n, K)`` that an action's Gaussian score is the highest; see ``thompson.py``."""
    rows, actions = mean.shape
    probabilities = np.empty((rows, actions))
    room = np.empty((5, actions))
    place = np.empty(actions, dtype=np.int64)
    for n in range(rows):
        _thompson_row(mean[n], sd[n], room[0], room[1], place, room[2], room[3], room[4], probabilities[n])
    return probabilities


@njit(cache=True, fastmath=_FAST)
def _row_products(x: FloatArray, products: FloatArray) -> float:
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


@njit(cache=True, fastmath=_FAST)
def _dot(left: FloatArray, right: FloatArray) -> float:
    total = 0.0
    for i in range(left.shape[0]):
        total += left[i] * right[i]
    return total


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
    rows, features = context.shape
    actions, packed = inverse.shape
    products, scores = np.empty(packed), np.empty(actions)
    for n in range(rows):
        x = context[n]
        length = _row_products(x, products)
        if not math.isfinite(length):
            return n
        first = 0
        for k in range(actions):
            scores[k] = _dot(theta[k], x)
            if scores[k] > scores[first]:
                first = k
        best = scores[first] + alpha * math.sqrt(max(_dot(inverse[first], products), 0.0))
        scores[first] = best
        for k in range(actions):
            if k != first:
                if scores[k] + alpha * math.sqrt(norm[k] * length) < best - tie * (1.0 + abs(best)):
                    scores[k] = -np.inf
                else:
                    scores[k] += alpha * math.sqrt(max(_dot(inverse[k], products), 0.0))
                    best = max(best, scores[k])
        edge = best - tie * (1.0 + abs(best))
        count = 0
        for k in range(actions):
            count += scores[k] >= edge
        for k in range(actions):
            mass = (1.0 - epsilon) / count if scores[k] >= edge else 0.0
            probabilities[n, k] = mass + epsilon / actions
    return -1


@njit(cache=True)
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

    Returns the position of the first row that holds a value that is no finite number, or -1; rows from there on are
    left as they were.

    As in ``ucb``, an action that cannot come near the best even at the bound of its spread is left out.
    """
    rows, features = context.shape
    actions, packed = inverse.shape
    products, means = np.empty(packed), np.empty(actions)
    room = np.empty((8, actions))
    place, kept = np.empty(actions, dtype=np.int64), np.empty(actions, dtype=np.int64)
    for n in range(rows):
        x = context[n]
        length = _row_products(x, products)
        if not math.isfinite(length):
            return n
        first = 0
        for k in range(actions):
            means[k] = _dot(theta[k], x)
            if means[k] > means[first]:
                first = k
        low = means[first] - RELEVANT_SD * spread * math.sqrt(max(_dot(inverse[first], products), 0.0))
        count = 0
        for k in range(actions):
            if means[k] + RELEVANT_SD * spread * math.sqrt(norm[k] * length) >= low:
                room[5, count] = means[k]
                room[6, count] = spread * math.sqrt(max(_dot(inverse[k], products), 0.0))
                kept[count] = k
                count += 1
        _thompson_row(
            room[5, :count], room[6, :count], room[0], room[1], place, room[2], room[3], room[4], room[7, :count]
        )
        for k in range(actions):
            probabilities[n, k] = epsilon / actions
        for b in range(count):
            probabilities[n, kept[b]] += (1.0 - epsilon) * room[7, b]
    return -1


@njit(cache=True)
def trapezoid_step(live: int) -> float:
    """Spacing of the trapezoid rule, in units of the smallest spread, for so many scores."""
    return 0.6 / (1.0 + 0.33 * math.log(max(live, 2) / 2.0))
