"""Does the past predict what follows, state and action given? Then the state is not Markov, and drl is wrong.

With V any function of the state, ``r_t + discount V_{t+1}`` given state and action has a mean that does not depend on
earlier actions if the state holds all of the past that matters. What the cross-fitted Q leaves of it is regressed on
state and action, and on one kind of memory of the past at a time: the last action, the one before, the share of each
action so far, and a count of each that fades. Stocks that the last action does not show build up in the latter two.
"""

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.ope.data.blocks import sums_by
from xbopt.ope.sequential.action_values import ActionValues
from xbopt.ope.sequential.episodes import LoggedEpisodes

_FADE = 0.7
"""Factor a step on the fading count: half of it is two steps old."""
_MOST_COLUMNS = 0.2
"""Columns over episodes (of a memory) or rows (beside it); of a memory with more the main directions are tested."""


def state_p_value(episodes: LoggedEpisodes, values: ActionValues, cluster: IntArray) -> float | None:
    """Probability of such a relation to the past if the state is Markov, over all kinds of memory (Bonferroni).

    Args:
        episodes: The episodes.
        values: Cross-fitted Q and V.
        cluster: Number of each episode's cluster, from 0 ``(n,)``; steps of one may depend on each other.

    Returns:
        None where nothing can be tested: single steps, or too few clusters.
    """
    used = episodes.alive & (np.arange(episodes.steps) > 0)
    if not used.any():
        return None
    following = np.concatenate([values.state[:, 1:], np.zeros((len(episodes), 1))], axis=1)
    left = (episodes.reward + episodes.discount * following - values.taken)[used]
    owner = cluster[np.nonzero(used)[0]]
    beside = _orthonormal(_beside(episodes, used))
    left = left - beside @ (beside.T @ left)
    found: list[float] = []
    for memory in _memories(episodes):
        columns = memory[used]
        columns = columns - beside @ (beside.T @ columns)
        p_value = _hotelling(_main_directions(columns), left, owner)
        if p_value is not None:
            found.append(p_value)
    return min(1.0, len(found) * min(found)) if found else None


def _beside(episodes: LoggedEpisodes, used: BoolArray) -> FloatArray:
    """Step, action, state, its squares and its products with the action ``(m, p)``: what Q and V may depend on."""
    state = episodes.state[used]
    spread = state.std(axis=0)
    state = (state - state.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)
    taken = np.eye(episodes.n_actions)[episodes.action[used]]
    parts = [np.eye(episodes.steps)[np.nonzero(used)[1]], taken, state, state**2]
    products = (taken[:, :, None] * state[:, None, :]).reshape(len(state), -1)
    if products.shape[1] < _MOST_COLUMNS * len(state):
        parts.append(products)
    return np.concatenate(parts, axis=1)


def _memories(episodes: LoggedEpisodes) -> tuple[FloatArray, ...]:
    """What the past holds at each step, of four kinds ``(n, T, K)``."""
    taken = np.eye(episodes.n_actions)[episodes.action]
    last, before, fading = np.zeros_like(taken), np.zeros_like(taken), np.zeros_like(taken)
    last[:, 1:], before[:, 2:] = taken[:, :-1], taken[:, :-2]
    for step in range(1, episodes.steps):
        fading[:, step] = _FADE * fading[:, step - 1] + taken[:, step - 1]
    share = last.cumsum(axis=1) / np.maximum(np.arange(episodes.steps), 1)[:, None]
    return last, before, share, fading


def _orthonormal(columns: FloatArray) -> FloatArray:
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    basis: FloatArray = left[:, size > 1e-9 * max(float(size[0]), 1e-300)]
    return basis


def _main_directions(columns: FloatArray) -> FloatArray:
    """The columns in as many directions as they have, the widest first."""
    size, directions = np.linalg.eigh(columns.T @ columns)
    kept = size > 1e-9 * max(float(size[-1]), 1e-300)
    turned: FloatArray = columns @ directions[:, kept][:, ::-1]
    return turned


def _hotelling(columns: FloatArray, left: FloatArray, owner: IntArray) -> float | None:
    """Whether columns ``(m, q)`` go with what is left ``(m,)``: Hotelling's T^2 of their products, by cluster."""
    from scipy.special import fdtrc

    clusters = int(owner.max()) + 1
    columns = columns[:, : int(_MOST_COLUMNS * clusters)]
    freedom = columns.shape[1]
    if freedom == 0:
        return None
    scores = sums_by(owner, clusters, (columns * left[:, None]).T)
    total = scores.sum(axis=1)
    centred = scores - total[:, None] / clusters
    spread = centred @ centred.T
    size, directions = np.linalg.eigh(spread)
    kept = size > 1e-9 * max(float(size[-1]), 1e-300)
    along: FloatArray = directions[:, kept].T @ total
    squared = float((along**2 / size[kept]).sum()) / clusters * (clusters - 1)
    return float(fdtrc(freedom, clusters - freedom, squared * (clusters - freedom) / (freedom * (clusters - 1))))
