"""Reward models by name, fitted on decisions in memory."""

from typing import Literal

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.reward_models.linear import fit_linear
from xbopt.ope.reward_models.moments import RewardMoments
from xbopt.ope.reward_models.protocol import RewardModel

ModelName = Literal["linear", "logistic", "trees", "ensemble"]
ROWS_AT_ONCE = 65_536


def reward_moments(data: LoggedBanditData, *, seed: int, weight: FloatArray | None = None) -> RewardMoments:
    """Second moments of all rows with a complete reward; a row's fold depends on its number or cluster."""
    moments = RewardMoments(n_actions=data.n_actions, n_features=data.context.shape[1])
    for first in range(0, len(data), ROWS_AT_ONCE):
        part = data.rows(slice(first, first + ROWS_AT_ONCE))
        keys = row_keys(len(part), first_row=first, cluster=part.cluster, seed=seed)
        factor = None if weight is None else weight[first : first + ROWS_AT_ONCE]
        if part.observed is not None:
            known = part.observed.astype(np.float64)
            factor = known if factor is None else known * factor
        moments.add(part.context, part.action, part.reward, keys, factor)
    return moments


def fit_reward_model(name: ModelName, data: LoggedBanditData, *, seed: int) -> RewardModel:
    """Fit a model by name, cross-fitted by row, or by cluster where the data name clusters.

    Raises:
        UsageError: There is no such model.
    """
    if name == "linear":
        return fit_linear(reward_moments(data, seed=seed))
    if name == "logistic":
        from xbopt.ope.reward_models.logistic import fit_logistic

        return fit_logistic(data, seed=seed)
    if name in {"trees", "ensemble"}:
        from xbopt.ope.reward_models.trees import fit_trees

        return fit_trees(data, seed=seed, members=1 if name == "trees" else 3)
    raise UsageError(f"There is no reward model {name!r}; linear, logistic, trees and ensemble can be had.")
