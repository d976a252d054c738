"""Compiled probabilities of Thompson sampling; ``thompson.py`` tells the method."""

import math

import numpy as np

from xbopt.agents.bandits.compiled import dot, jit, row_products
from xbopt.core.arrays import FloatArray, IntArray

_points, _weights = np.polynomial.legendre.leggauss(12)
NODES = np.ascontiguousarray(_points[::-1])
"""Gauss-Legendre nodes on (-1, 1), highest first."""
WEIGHTS = np.ascontiguousarray(_weights[::-1])
"""Their weights."""
RELEVANT_SD = 6.8
"""A score lies within so many standard deviations of its mean, but for 5e-12."""
ZONE_EDGE = 6.6
"""From so many standard deviations on, a CDF counts as constant within a panel."""
ZONE_STEP = 2.0
"""Widest panel inside a score's zone, in its standard deviations."""
SUM_ERROR = 3e-9
"""The integrals sum to 1 exactly; a larger deviation sends the row from the trapezoid rule to panels."""
MOST_TRAPEZOID_NODES = 120.0
"""Where the trapezoid rule would take more, panels take over."""
NOTHING_LEFT = 1e-12
"""Probability of all scores lying lower, below which the integration downward ends."""

_SQRT_HALF = math.sqrt(0.5)
_TABLE_STEPS = 128.0  # entries a standard deviation
_TABLE_EDGE = 8.0
_TABLE_AT = np.arange(-_TABLE_EDGE, _TABLE_EDGE + 1e-9, 1.0 / _TABLE_STEPS)
_CDF = np.array([0.5 * math.erfc(-t * _SQRT_HALF) for t in _TABLE_AT.tolist()])
_DENSITIES = np.exp(-0.5 * _TABLE_AT**2) / math.sqrt(2.0 * math.pi)


@jit
def trapezoid_step(live: int) -> float:
    """Spacing of the trapezoid rule, in units of the smallest spread, for so many scores."""
    return 0.6 / (1.0 + 0.33 * math.log(max(live, 2) / 2.0))


@jit
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


@jit
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


@jit
def thompson_row(
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
    """Chance of each score ``(K,)`` to be the highest, written to ``result``; the other arrays are room to work in."""
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


@jit
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
    rows = context.shape[0]
    actions, packed = inverse.shape
    products, means = np.empty(packed), np.empty(actions)
    room = np.empty((8, actions))
    place, kept = np.empty(actions, dtype=np.int64), np.empty(actions, dtype=np.int64)
    for n in range(rows):
        x = context[n]
        length = row_products(x, products)
        if not math.isfinite(length):
            return n
        first = 0
        for k in range(actions):
            means[k] = dot(theta[k], x)
            if means[k] > means[first]:
                first = k
        low = means[first] - RELEVANT_SD * spread * math.sqrt(max(dot(inverse[first], products), 0.0))
        count = 0
        for k in range(actions):
            if means[k] + RELEVANT_SD * spread * math.sqrt(norm[k] * length) >= low:
                room[5, count] = means[k]
                room[6, count] = spread * math.sqrt(max(dot(inverse[k], products), 0.0))
                kept[count] = k
                count += 1
        thompson_row(
            room[5, :count], room[6, :count], room[0], room[1], place, room[2], room[3], room[4], room[7, :count]
        )
        for k in range(actions):
            probabilities[n, k] = epsilon / actions
        for b in range(count):
            probabilities[n, kept[b]] += (1.0 - epsilon) * room[7, b]
    return -1
