"""Does the last action of a unit predict its next reward, context and the next action given?

The reward is regressed on context, action and the previous action; second moments are enough for that, so the test
streams. The context has to hold what the policy knew: carry-over that the context shows (a stock of adstock, say) is
explained by it and does not count.
"""

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.results.evaluation import CarryOver

_FEWEST_ROWS = 50


class CarryOverSums:
    """Second moments of (1, context, action, previous action, reward) over rows with a previous action.

    Args:
        n_actions: Number of actions ``K``.
        n_features: Number of context fields ``d``.
    """

    __slots__ = ("_absolute", "_gram", "_n_actions", "_n_features", "_rows")

    def __init__(self, *, n_actions: int, n_features: int) -> None:
        size = n_features + 2 * n_actions + 1
        self._n_actions, self._n_features = n_actions, n_features
        self._gram: FloatArray = np.zeros((size, size))
        self._absolute = 0.0
        self._rows = 0

    def add(self, data: LoggedBanditData, *, counted: FloatArray | None) -> None:
        """Add the rows that have a previous action and a complete reward."""
        assert data.previous_action is not None
        use = data.previous_action >= 0
        if counted is not None:
            use = use & (counted > 0.0)
        rows = np.flatnonzero(use)
        d, k = self._n_features, self._n_actions
        design = np.zeros((len(rows), self._gram.shape[0]))
        design[:, :d] = data.context[rows]
        at = np.arange(len(rows))
        design[at, d + data.action[rows]] = 1.0  # these columns sum to 1: they hold the intercept
        design[at, d + k + data.previous_action[rows]] = 1.0
        design[:, -1] = data.reward[rows]
        self._gram += design.T @ design
        self._absolute += float(np.abs(data.reward[rows]).sum())
        self._rows += len(rows)

    def merge(self, other: "CarryOverSums") -> None:
        """Add what another one has gathered."""
        self._gram += other._gram
        self._absolute += other._absolute
        self._rows += other._rows

    def test(self) -> CarryOver | None:
        """F test of the previous action; None with too few rows to say anything."""
        from scipy.special import fdtrc

        own = self._n_features + self._n_actions
        if self._rows < _FEWEST_ROWS:
            return None
        scale = np.sqrt(np.maximum(np.diag(self._gram), 1e-300))
        gram = self._gram / np.outer(scale, scale)
        left = _without(gram, own)  # moments of previous action and reward, given context and action
        before = left[:-1, :-1]
        freedom = int(np.linalg.matrix_rank(before, tol=1e-8, hermitian=True))
        rest = self._rows - own - freedom
        if freedom == 0 or rest < 1:
            return None
        inverse = np.linalg.pinv(before, rcond=1e-8, hermitian=True)
        explained = float(left[:-1, -1] @ inverse @ left[:-1, -1])
        unexplained = max(float(left[-1, -1]) - explained, 1e-300)
        statistic = explained / freedom / (unexplained / rest)
        # What the previous action explains beyond what chance would, as a mean square a row.
        beyond = max(explained - freedom * unexplained / rest, 0.0) * float(scale[-1]) ** 2
        effect = float(np.sqrt(beyond / self._rows))
        mean = self._absolute / self._rows
        return CarryOver(
            rows=self._rows,
            statistic=statistic,
            p_value=float(fdtrc(freedom, rest, statistic)),
            effect=effect,
            relative_effect=effect / mean if mean > 0.0 else float("inf"),
        )


def _without(gram: FloatArray, own: int) -> FloatArray:
    """Second moments of the later columns, linear in the first ``own`` ones taken out (Frisch, Waugh 1933)."""
    inverse = np.linalg.pinv(gram[:own, :own], rcond=1e-10, hermitian=True)
    remaining: FloatArray = gram[own:, own:] - gram[own:, :own] @ inverse @ gram[:own, own:]
    return remaining
