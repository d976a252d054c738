"""Second moments of context and reward by fold and action: all that a linear reward model needs of a log."""

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import KeyArray, folds_of, row_keys
from xbopt.ope.reward_models.protocol import FOLDS

ROWS_AT_ONCE = 65_536


class RewardMoments:
    """Adds up, over any chunks in any order, what a linear model needs. A leading 1 joins the context: ``p = d + 1``.

    Attributes:
        grams: Sum of w x x' by fold and action ``(F, K, p, p)``.
        products: Sum of w x r ``(F, K, p)``.
        squares: Sum of w r^2 ``(F,)``.
        weights: Sum of w ``(F,)``.
        lowest: Least reward ``(F,)``; infinity in a fold without rows.
        highest: Greatest reward ``(F,)``.
    """

    __slots__ = ("grams", "highest", "lowest", "products", "squares", "weights")

    def __init__(self, *, n_actions: int, n_features: int) -> None:
        p = n_features + 1
        self.grams: FloatArray = np.zeros((FOLDS, n_actions, p, p))
        self.products: FloatArray = np.zeros((FOLDS, n_actions, p))
        self.squares: FloatArray = np.zeros(FOLDS)
        self.weights: FloatArray = np.zeros(FOLDS)
        self.lowest: FloatArray = np.full(FOLDS, np.inf)
        self.highest: FloatArray = np.full(FOLDS, -np.inf)

    def add(
        self,
        context: FloatArray,
        action: IntArray,
        reward: FloatArray,
        keys: KeyArray,
        weight: FloatArray | None = None,
    ) -> None:
        """Add rows: ``context`` ``(n, d)``, the others ``(n,)``; ``weight`` counts each row once where None.

        Raises:
            DecisionLogError: The context has another number of fields than the first one.
        """
        _, n_actions, p, _ = self.grams.shape
        if context.shape[1] + 1 != p:
            raise DecisionLogError(f"context has {context.shape[1]} fields; {p - 1} are wanted, as in the other rows.")
        cell = folds_of(keys, FOLDS) * n_actions + action
        order = np.argsort(cell.astype(np.int16) if FOLDS * n_actions < 2**15 else cell, kind="stable")
        features = np.empty((len(order), p))
        features[:, 0] = 1.0
        np.take(context, order, axis=0, out=features[:, 1:])
        rewards = reward[order]
        scaled = features if weight is None else features * weight[order, None]
        ends = np.cumsum(np.bincount(cell, minlength=FOLDS * n_actions))
        start = 0
        for number, end in enumerate(ends.tolist()):
            if end > start:
                fold, action_code = divmod(number, n_actions)
                part, target, inputs = scaled[start:end], rewards[start:end], features[start:end]
                self.grams[fold, action_code] += part.T @ inputs
                self.products[fold, action_code] += target @ part
                self.squares[fold] += float((part[:, 0] * target) @ target)
                self.weights[fold] += float(part[:, 0].sum())
                self.lowest[fold] = min(self.lowest[fold], float(target.min()))
                self.highest[fold] = max(self.highest[fold], float(target.max()))
            start = end

    def merge(self, other: "RewardMoments") -> None:
        """Add what another one has gathered."""
        self.grams += other.grams
        self.products += other.products
        self.squares += other.squares
        self.weights += other.weights
        np.minimum(self.lowest, other.lowest, out=self.lowest)
        np.maximum(self.highest, other.highest, out=self.highest)


def reward_moments(data: LoggedBanditData, *, seed: int, weight: FloatArray | None = None) -> RewardMoments:
    """Second moments of all rows with a complete reward; a row's fold depends on its number or cluster."""
    width = data.context.shape[1] + (0 if data.covariates is None else data.covariates.shape[1])
    moments = RewardMoments(n_actions=data.n_actions, n_features=width)
    for first in range(0, len(data), ROWS_AT_ONCE):
        part = data.rows(slice(first, first + ROWS_AT_ONCE))
        keys = row_keys(len(part), first_row=first, cluster=part.cluster, seed=seed)
        factor = None if weight is None else weight[first : first + ROWS_AT_ONCE]
        if part.sampling is not None:
            factor = 1.0 / part.sampling if factor is None else factor / part.sampling
        if part.observed is not None:
            known = part.observed.astype(np.float64)
            factor = known if factor is None else known * factor
        moments.add(part.features, part.action, part.reward, keys, factor)
    return moments
