"""Marginal importance weights: how much more often the evaluation policy would visit a state and take an action.

Under a Markov state the weight of step t is ``mu_t = m_t(s_t) w_t`` with ``m_t(s) = E[mu_{t-1} | s_t = s]`` (Kallus,
Uehara 2020, "Double reinforcement learning for efficient off-policy evaluation in Markov decision
processes"), so weights of past steps do not multiply. The conditional mean is fitted as ``exp(b' s)``, cross-fitted.
"""

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import FloatArray
from xbopt.ope.data.row_keys import KeyArray, folds_of
from xbopt.ope.reward_models.protocol import FOLDS
from xbopt.ope.sequential.episodes import LoggedEpisodes

_STEPS = 50
_TOLERANCE = 1e-8
_RIDGE = 5.0
_LONGEST_STEP = 2.0


def marginal_weights(episodes: LoggedEpisodes, step_weights: FloatArray, keys: KeyArray) -> FloatArray:
    """Weights mu_t of each state and action ``(n, T)``; 0 beyond an episode's end.

    Args:
        episodes: The episodes.
        step_weights: pi_e / pi_b of each logged action ``(n, T)``.
        keys: Keys of the episodes ``(n,)``.
    """
    count, steps = step_weights.shape
    fold, alive = folds_of(keys, FOLDS), episodes.alive
    weights = np.zeros((count, steps))
    for number in range(FOLDS):
        out = fold == number
        action_weight = np.ones(count)
        for step in range(steps):
            here = alive[:, step]
            state_weight = np.ones(count)
            if step:
                fit = np.flatnonzero(here & ~out)
                if not fit.size:
                    break
                design = _design(episodes.state[:, step], fit)
                slopes = _fit_exponential(design[fit], action_weight[fit])
                state_weight = np.exp(design @ slopes)
            action_weight = state_weight * step_weights[:, step]
            mine = here & out
            weights[mine, step] = action_weight[mine]
    return weights


def _design(state: FloatArray, fit: NDArray[np.intp]) -> FloatArray:
    centre, spread = state[fit].mean(axis=0), state[fit].std(axis=0)
    # Weights outside the states that the fit saw are those of the nearest state that it did see.
    low, high = state[fit].min(axis=0), state[fit].max(axis=0)
    scaled = (np.clip(state, low, high) - centre) / np.where(spread > 1e-9, spread, 1.0)
    return np.concatenate([np.ones((len(state), 1)), scaled], axis=1)


def _fit_exponential(design: FloatArray, target: FloatArray) -> FloatArray:
    """Coefficients of a log-linear mean by Poisson quasi-likelihood with a ridge, by damped Newton steps."""
    slopes = np.zeros(design.shape[1])
    slopes[0] = np.log(max(float(target.mean()), 1e-12))
    ridge = np.full(design.shape[1], _RIDGE)
    ridge[0] = 1e-9
    for _ in range(_STEPS):
        mean = np.exp(np.clip(design @ slopes, -30.0, 30.0))
        slope = design.T @ (target - mean) - ridge * slopes
        curve = (design * mean[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        longest = float(np.abs(step).max())
        slopes = slopes + step * min(1.0, _LONGEST_STEP / max(longest, 1e-300))
        if longest < _TOLERANCE:
            break
    return slopes
