"""Reward models by name, fitted on decisions in memory."""

from typing import Literal

from xbopt.core.errors import UsageError
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.reward_models.linear import fit_linear
from xbopt.ope.reward_models.logistic import fit_logistic
from xbopt.ope.reward_models.moments import reward_moments
from xbopt.ope.reward_models.protocol import RewardModel
from xbopt.ope.reward_models.trees import fit_trees

ModelName = Literal["linear", "logistic", "trees", "ensemble"]


def fit_reward_model(name: ModelName, data: LoggedBanditData, *, seed: int) -> RewardModel:
    """Fit a model by name, cross-fitted by row, or by cluster where the data name clusters.

    Raises:
        UsageError: There is no such model.
    """
    if name == "linear":
        return fit_linear(reward_moments(data, seed=seed))
    if name == "logistic":
        return fit_logistic(data, seed=seed)
    if name in {"trees", "ensemble"}:
        return fit_trees(data, seed=seed, members=1 if name == "trees" else 3)
    raise UsageError(f"There is no reward model {name!r}; linear, logistic, trees and ensemble can be had.")
