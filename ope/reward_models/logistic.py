"""Cross-fitted logistic regression with action-context interactions, for rewards that are 0 or 1.

Each Newton step is a ridge regression on weighted second moments (iteratively reweighted least squares; McCullagh,
Nelder 1989, "Generalized Linear Models", section 2.5), so it shares the shrinkage of actions with the linear model.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import KeyArray, folds_of, row_keys
from xbopt.ope.reward_models.linear import fit_linear, solve_linear
from xbopt.ope.reward_models.moments import RewardMoments, reward_moments
from xbopt.ope.reward_models.protocol import FOLDS

_STEPS = 25
_TOLERANCE = 1e-6
_GREATEST_SCORE = 30.0
_LEAST_WEIGHT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticRewardModel:
    """A fitted model of each fold.

    Attributes:
        coefficients: Intercept and slopes by fold and action ``(F, K, p)``.
    """

    coefficients: FloatArray

    @property
    def name(self) -> str:
        """Name for reports."""
        return "logistic"

    def predict(self, context: FloatArray, keys: KeyArray) -> FloatArray:
        """Probability of reward 1 for every action ``(n, K)``, each row by the fit that did not see its fold."""
        fold = folds_of(keys, FOLDS)
        predicted = np.empty((len(context), self.coefficients.shape[1]))
        for number in range(FOLDS):
            rows = np.flatnonzero(fold == number)
            slopes = self.coefficients[number]
            predicted[rows] = _probability(context[rows] @ slopes[:, 1:].T + slopes[:, 0])
        return predicted


def fit_logistic(data: LoggedBanditData, *, seed: int) -> LogisticRewardModel:
    """Fit one model a fold; the penalties are those of the linear model, put on the scale of log odds.

    Raises:
        UsageError: A reward is neither 0 nor 1, or the fit did not converge.
    """
    if not ((data.reward == 0.0) | (data.reward == 1.0)).all():
        raise UsageError("The logistic reward model is for rewards that are 0 or 1; use linear or trees.")
    moments = reward_moments(data, seed=seed)
    linear = fit_linear(moments)
    hits, rows_by_fold = moments.products[:, :, 0].sum(axis=1), moments.weights
    rate = (hits.sum() - hits) / np.maximum(rows_by_fold.sum() - rows_by_fold, 1.0)
    # A slope s of the probability is s / (rate (1 - rate)) in log odds, and each row weighs rate (1 - rate).
    penalties = linear.penalties * np.maximum(rate * (1.0 - rate), _LEAST_WEIGHT)[:, None]
    keys = row_keys(len(data), first_row=0, cluster=data.cluster, seed=seed)
    fold = folds_of(keys, FOLDS)
    shape = linear.coefficients.shape
    coefficients = np.zeros(shape)
    for number in range(FOLDS):
        rows = np.flatnonzero((fold != number) & (data.observed if data.observed is not None else True))
        if rows.size:
            part = data.rows(rows)
            coefficients[number] = _fit(part, keys[rows], number, penalties[number], shape[1:])
    return LogisticRewardModel(coefficients=coefficients)


def _fit(data: LoggedBanditData, keys: KeyArray, fold: int, penalty: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Coefficients ``(K, p)`` from rows outside of the fold.

    Raises:
        UsageError: The steps did not settle.
    """
    coefficients = np.zeros(shape)
    taken, features = (np.arange(len(data)), data.action), data.features
    before = np.full(len(data), np.inf)
    for _ in range(_STEPS):
        score = (features @ coefficients[:, 1:].T + coefficients[:, 0])[taken]
        score = np.clip(score, -_GREATEST_SCORE, _GREATEST_SCORE)
        if float(np.abs(score - before).max()) < _TOLERANCE:
            return coefficients
        before = score
        chance = _probability(score)
        weight = np.maximum(chance * (1.0 - chance), _LEAST_WEIGHT)
        moments = RewardMoments(n_actions=shape[0], n_features=shape[1] - 1)
        moments.add(features, data.action, score + (data.reward - chance) / weight, keys, weight)
        coefficients = solve_linear(moments, fold, penalty)
    raise UsageError(f"The logistic reward model did not settle within {_STEPS} steps; use the linear one.")


def _probability(score: FloatArray) -> FloatArray:
    result: FloatArray = 1.0 / (1.0 + np.exp(-np.clip(score, -_GREATEST_SCORE, _GREATEST_SCORE)))
    return result
