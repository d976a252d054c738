"""Cross-fitted ridge regression with action-context interactions, from second moments alone.

Every action a has its own coefficients ``beta + delta_a``: shared ones, and a deviation that is shrunk towards 0. With
few rows an action leans on the others; with many it stands alone. The penalties are chosen by the error on held-out
folds, and for the fit of fold f that choice does not look at fold f either.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.ope.data.row_keys import KeyArray, folds_of
from xbopt.ope.reward_models.moments import RewardMoments
from xbopt.ope.reward_models.protocol import FOLDS

SHARED_PENALTIES = (1.0, 30.0, 1000.0)
DEVIATION_PENALTIES = (1.0, 8.0, 64.0, 512.0, 4096.0, 1e9)
_INTERCEPT_EASE = 8.0  # the penalty on an action's own intercept is this much lower than on its slopes
_BIG_WORK = 2e7  # K * p^3 above which fewer penalties are tried


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearRewardModel:
    """A fitted model of each fold.

    Attributes:
        coefficients: Intercept and slopes by fold and action ``(F, K, p)``, in units of the raw context.
        lowest: Predictions of a fold are kept at or above the least reward that its fit saw ``(F,)``.
        highest: And at or below the greatest ``(F,)``.
        penalties: Shared and deviation penalty of each fold ``(F, 2)``.
        share_explained: Share of the reward's variance that held-out predictions explain, before they are kept within
            the rewards seen; below 0 where the model predicts worse than the mean.
    """

    coefficients: FloatArray
    lowest: FloatArray
    highest: FloatArray
    penalties: FloatArray
    share_explained: float

    @property
    def name(self) -> str:
        """Name for reports."""
        return "linear"

    def predict(self, context: FloatArray, keys: KeyArray) -> FloatArray:
        """Expected reward of every action ``(n, K)``, each row by the fit that did not see its fold."""
        fold = folds_of(keys, FOLDS)
        predicted = np.empty((len(context), self.coefficients.shape[1]))
        for number in range(FOLDS):
            rows = np.flatnonzero(fold == number)
            if rows.size:
                slopes = self.coefficients[number]
                part: FloatArray = context[rows] @ slopes[:, 1:].T
                part += slopes[:, 0]
                np.maximum(part, self.lowest[number], out=part)
                np.minimum(part, self.highest[number], out=part)
                predicted[rows] = part
        return predicted


def fit_linear(moments: RewardMoments) -> LinearRewardModel:
    """Fit one model a fold, with penalties chosen on the other folds."""
    grams, products, centre, scale = _standardised(moments)
    totals = grams.sum(axis=0), products.sum(axis=0)
    penalties = _penalty_grid(grams.shape[1], grams.shape[2])
    errors = np.zeros((FOLDS, len(penalties)))
    for first in range(FOLDS):
        for second in range(first + 1, FOLDS):
            out = [first, second]
            left = totals[0] - grams[out].sum(axis=0), totals[1] - products[out].sum(axis=0)
            for place, fitted in enumerate(_solutions(*left, penalties)):
                errors[first, place] += _squared_error(fitted, grams[second], products[second])
                errors[second, place] += _squared_error(fitted, grams[first], products[first])
    chosen = penalties[errors.argmin(axis=1)]
    fitted = np.empty_like(products)
    unexplained = float(moments.squares.sum())
    for fold in range(FOLDS):
        left = totals[0] - grams[fold], totals[1] - products[fold]
        fitted[fold] = next(_solutions(*left, chosen[fold : fold + 1]))
        unexplained += _squared_error(fitted[fold], grams[fold], products[fold])
    total, rows = float(moments.products[:, :, 0].sum()), float(moments.weights.sum())
    variance = float(moments.squares.sum()) - total * total / rows
    others = [[other for other in range(FOLDS) if other != fold] for fold in range(FOLDS)]
    lowest = np.array([moments.lowest[rest].min() for rest in others])
    highest = np.array([moments.highest[rest].max() for rest in others])
    return LinearRewardModel(
        coefficients=_raw(fitted, centre, scale),
        # A log of so few rows that a fit saw none predicts 0, whatever the context.
        lowest=np.where(np.isfinite(lowest), lowest, 0.0),
        highest=np.where(np.isfinite(highest), highest, 0.0),
        penalties=chosen,
        share_explained=1.0 - unexplained / variance if variance > 0.0 else 0.0,
    )


def fit_whole(moments: RewardMoments) -> FloatArray:
    """Coefficients ``(K, p)`` of raw context from all rows, with penalties chosen by cross-validation over folds."""
    grams, products, centre, scale = _standardised(moments)
    totals = grams.sum(axis=0), products.sum(axis=0)
    penalties = _penalty_grid(grams.shape[1], grams.shape[2])
    errors = np.zeros(len(penalties))
    for fold in np.flatnonzero(moments.weights).tolist():
        for place, fitted in enumerate(_solutions(totals[0] - grams[fold], totals[1] - products[fold], penalties)):
            errors[place] += _squared_error(fitted, grams[fold], products[fold])
    chosen = penalties[errors.argmin()]
    return _raw(next(_solutions(*totals, chosen[None])), centre, scale)


def solve_linear(moments: RewardMoments, fold: int, penalty: FloatArray) -> FloatArray:
    """Coefficients ``(K, p)`` of raw context from all folds but one, with given penalties ``(2,)``."""
    grams, products, centre, scale = _standardised(moments)
    rest = [other for other in range(FOLDS) if other != fold]
    return _raw(next(_solutions(grams[rest].sum(axis=0), products[rest].sum(axis=0), penalty[None])), centre, scale)


def _raw(fitted: FloatArray, centre: FloatArray, scale: FloatArray) -> FloatArray:
    """Coefficients of the raw context from those of the standardised one."""
    raw = fitted.copy()
    raw[..., 1:] /= scale
    raw[..., 0] -= raw[..., 1:] @ centre
    return raw


def _standardised(moments: RewardMoments) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Moments of the context with mean 0 and deviation 1, and the mean and deviation ``(d,)``."""
    whole: FloatArray = moments.grams.sum(axis=(0, 1))
    rows = whole[0, 0]
    centre = whole[0, 1:] / rows
    variance = np.diag(whole)[1:] / rows - centre**2
    # Below this the variance is rounding: the field is constant and its slope stays at 0.
    constant = variance <= 1e-12 * np.maximum(np.diag(whole)[1:] / rows, 1e-300)
    scale = np.sqrt(np.where(constant, 1.0, variance))
    turn = np.diag(np.concatenate([[1.0], np.where(constant, 0.0, 1.0 / scale)]))
    turn[1:, 0] = np.where(constant, 0.0, -centre / scale)
    return turn @ moments.grams @ turn.T, moments.products @ turn.T, centre, scale


def _penalty_grid(n_actions: int, p: int) -> FloatArray:
    """Pairs of shared and deviation penalty ``(g, 2)``; the deviation changes slowest."""
    deviations = DEVIATION_PENALTIES if n_actions * p**3 < _BIG_WORK else DEVIATION_PENALTIES[1:5:3]
    return np.array([(shared, own) for own in deviations for shared in SHARED_PENALTIES])


def _solutions(gram: FloatArray, product: FloatArray, penalties: FloatArray) -> Iterator[FloatArray]:
    """Coefficients ``(K, p)`` for each pair of penalties.

    Minimises ``sum_a |r_a - X_a (beta + delta_a)|^2 + |beta|^2_S + sum_a |delta_a|^2_D``. Eliminating the deviations
    ``delta_a = (G_a + D)^-1 (b_a - G_a beta)`` leaves
    ``(sum_a D (G_a + D)^-1 G_a + S) beta = sum_a D (G_a + D)^-1 b_a``.
    """
    p = gram.shape[1]
    stacked = np.concatenate([gram, product[:, :, None]], axis=2)
    before = -1.0
    solved, shared_gram, shared_product = stacked, gram[0], product[0]
    for shared, own in penalties.tolist():
        if own != before:
            deviation = np.full(p, own)
            deviation[0] /= _INTERCEPT_EASE
            solved = np.linalg.solve(gram + np.diag(deviation), stacked)
            left: FloatArray = (deviation[:, None] * solved).sum(axis=0)
            shared_gram, shared_product = left[:, :p], left[:, p]
            before = own
        ridge = np.full(p, shared)
        ridge[0] = 1e-8
        beta = np.linalg.solve(shared_gram + np.diag(ridge), shared_product)
        yield beta + solved[:, :, p] - solved[:, :, :p] @ beta


def _squared_error(fitted: FloatArray, gram: FloatArray, product: FloatArray) -> float:
    """Squared error of held-out rows, without their sum of squared rewards."""
    return float((fitted * ((gram @ fitted[:, :, None])[:, :, 0] - 2.0 * product)).sum())
