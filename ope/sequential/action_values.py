"""Cross-fitted Q functions by fitted Q evaluation, one linear model a step.

Backward from the last step, the target ``r_t + discount * V_{t+1}(s_{t+1})`` is regressed on state and action (Le,
Voloshin, Yue 2019, "Batch policy learning under constraints", algorithm 3, for a finite horizon). For fold f the whole
recursion uses the other folds alone.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.ope.data.row_keys import KeyArray, folds_of
from xbopt.ope.reward_models.linear import fit_whole
from xbopt.ope.reward_models.moments import RewardMoments
from xbopt.ope.reward_models.protocol import FOLDS
from xbopt.ope.sequential.episodes import LoggedEpisodes


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionValues:
    """Predictions at the logged states; those of an episode come from fits that did not see it.

    Attributes:
        taken: Q of the logged action ``(n, T)``; 0 beyond an episode's end.
        state: V, the mean of Q under the evaluation policy ``(n, T)``; 0 beyond an episode's end.
    """

    taken: FloatArray
    state: FloatArray


def fit_action_values(episodes: LoggedEpisodes, evaluation: FloatArray, keys: KeyArray) -> ActionValues:
    """Fit Q of every step, cross-fitted by the episodes' keys ``(n,)``; ``evaluation`` is ``(n, T, K)``."""
    count, steps = episodes.action.shape
    fold, alive = folds_of(keys, FOLDS), episodes.alive
    taken, state = np.zeros((count, steps)), np.zeros((count, steps))
    for number in range(FOLDS):
        out = fold == number
        following = np.zeros(count)
        for step in range(steps - 1, -1, -1):
            here = alive[:, step]
            fit = np.flatnonzero(here & ~out)
            if not fit.size:
                continue
            target = episodes.reward[:, step] + episodes.discount * following
            moments = RewardMoments(n_actions=episodes.n_actions, n_features=episodes.state.shape[2])
            moments.add(episodes.state[fit, step], episodes.action[fit, step], target[fit], keys[fit])
            model = fit_whole(moments)
            values = episodes.state[:, step] @ model[:, 1:].T + model[:, 0]
            following = np.where(here, (values * evaluation[:, step]).sum(axis=1), 0.0)
            mine = np.flatnonzero(here & out)
            taken[mine, step] = values[mine, episodes.action[mine, step]]
            state[mine, step] = following[mine]
    return ActionValues(taken=taken, state=state)
