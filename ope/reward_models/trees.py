"""Gradient-boosted trees as a cross-fitted reward model, alone or as a small ensemble."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.core.randomness import stream_key
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import KeyArray, folds_of, row_keys
from xbopt.ope.reward_models.protocol import FOLDS

_Predict = Callable[[FloatArray], FloatArray]


class _Regressor(Protocol):
    """What scikit-learn's regressors can do; the library ships no types."""

    def fit(self, inputs: FloatArray, targets: FloatArray) -> "_Regressor": ...

    def predict(self, inputs: FloatArray) -> FloatArray: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRewardModel:
    """Fitted trees of each fold.

    Attributes:
        n_actions: Number of actions ``K``.
        members: Prediction functions by fold and member; each takes ``(n, d + 1)``, the action last.
    """

    n_actions: int
    members: tuple[tuple[_Predict, ...], ...]

    @property
    def name(self) -> str:
        """Name for reports."""
        return "trees" if len(self.members[0]) == 1 else "ensemble"

    def predict(self, context: FloatArray, keys: KeyArray) -> FloatArray:
        """Expected reward of every action ``(n, K)``, the mean of the members that did not see the row's fold."""
        return self.member_predictions(context, keys).mean(axis=0)

    def member_predictions(self, context: FloatArray, keys: KeyArray) -> FloatArray:
        """Predictions of each member ``(m, n, K)``."""
        fold = folds_of(keys, FOLDS)
        predicted = np.empty((len(self.members[0]), len(context), self.n_actions))
        for number, fitted in enumerate(self.members):
            rows = np.flatnonzero(fold == number)
            if not rows.size:
                continue
            inputs = np.empty((len(rows), context.shape[1] + 1))
            inputs[:, :-1] = context[rows]
            for action in range(self.n_actions):
                inputs[:, -1] = action
                for place, member in enumerate(fitted):
                    predicted[place, rows, action] = member(inputs)
        return predicted


def fit_trees(data: LoggedBanditData, *, seed: int, members: int) -> TreeRewardModel:
    """Fit boosted trees on the other folds of each fold; members differ by the rows and fields that they draw.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    try:
        boosted: Callable[..., _Regressor] = import_module("sklearn.ensemble").HistGradientBoostingRegressor
    except ImportError as error:
        raise UsageError(
            "The reward models trees and ensemble need scikit-learn: pip install xbopt[evaluate]"
        ) from error
    fold = folds_of(row_keys(len(data), first_row=0, cluster=data.cluster, seed=seed), FOLDS)
    inputs = np.concatenate([data.features, data.action[:, None].astype(np.float64)], axis=1)
    # Beyond 255 actions trees cannot hold the action as a category; its number is then a plain number.
    categories = [inputs.shape[1] - 1] if data.n_actions <= 255 else None
    known = np.ones(len(data), dtype=np.bool_) if data.observed is None else data.observed
    fitted: list[tuple[_Predict, ...]] = []
    for number in range(FOLDS):
        rows = np.flatnonzero((fold != number) & known)
        ensemble: list[_Predict] = []
        for member in range(members):
            state = stream_key(seed, f"ope trees {number} {member}")[0] % 2**32
            model = boosted(
                learning_rate=0.05,
                max_iter=100,
                max_leaf_nodes=15,
                min_samples_leaf=20,
                l2_regularization=1.0,
                max_features=0.7 if members > 1 else 1.0,
                categorical_features=categories,
                early_stopping=False,
                random_state=state,
            )
            ensemble.append(model.fit(inputs[rows], data.reward[rows]).predict)
        fitted.append(tuple(ensemble))
    return TreeRewardModel(n_actions=data.n_actions, members=tuple(fitted))
