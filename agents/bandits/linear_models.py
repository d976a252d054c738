"""Ridge regressions, one an action: the state that every linear bandit learns.

For action ``k`` with rows ``x_i``, weights ``w_i`` and outcomes ``y_i`` (Li et al. 2010, "A contextual-bandit approach
to personalized news article recommendation", Algorithm 1):

    A_k = ridge I + sum_i w_i x_i x_i'        b_k = sum_i w_i y_i x_i        theta_k = A_k^-1 b_k

so the inverse starts at ``I / ridge``. The Gram sums ``A_k - ridge I`` are the truth; inverses are kept beside them by
Sherman-Morrison steps and made anew from the sums after ``MOST_STEPS`` steps, so rounding cannot pile up. A bound on
each inverse's largest eigenvalue is taken then; it stays valid between inversions, since rows only ever make an inverse
smaller.

Symmetric matrices are kept as packed upper triangles ``(K, d(d+1)/2)``: half the memory, half the arithmetic.

Forgetting: a row that is ``s`` rows old weighs ``discount**s``, whichever actions the newer rows were for, and the
ridge is never forgotten (Russac et al. 2019, "Weighted linear bandits for non-stationary environments", eq. 4). An
action that is not chosen for long becomes uncertain again. Sums are scaled once in a block of rows, as long as the
block is worth at most 5 % of weight; inside a block the newer row weighs more by ``discount**-1``, so all weights keep
their exact ratios, and up to 5 % too much confidence against the ridge is the whole error.
"""

import math
from collections.abc import Mapping

import numpy as np

from xbopt.agents.bandits.compiled import predict, variances
from xbopt.agents.bandits.compiled_learning import invert, learn, learn_rates
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError

MOST_STEPS = 512
"""Sherman-Morrison steps of an action between two inversions of its matrix."""
_BLOCK_WEIGHT = 0.95
_ROWS_AT_ONCE = 4096


class LinearModels:
    """``K`` ridge regressions with ``O`` outcomes each, over the same contexts.

    Args:
        n_actions: ``K``.
        n_features: ``d``.
        ridge: Strength of the prior, above 0.
        discount: Weight that a row keeps when the next one comes, above 0 and at most 1.
        outputs: ``O``: outcomes that share an action's contexts, such as reward and cost.

    Raises:
        UsageError: An argument is outside its range.
    """

    __slots__ = (
        "_block", "_discount", "_in_block", "_ridge", "gram", "inverse", "main_theta", "norm", "steps", "target",
        "theta",
    )  # fmt: skip

    def __init__(
        self, *, n_actions: int, n_features: int, ridge: float, discount: float = 1.0, outputs: int = 1
    ) -> None:
        if not 0.0 < ridge < math.inf:
            raise UsageError(f"ridge is {ridge:g}; a number above 0 is wanted.")
        if not 0.0 < discount <= 1.0:
            raise UsageError(f"discount is {discount:g}; a share above 0 and at most 1 is wanted.")
        self._ridge, self._discount = float(ridge), float(discount)
        self._block = 0 if discount == 1.0 else max(1, int(math.log(_BLOCK_WEIGHT) / math.log(discount)))
        self._in_block = 0
        packed = n_features * (n_features + 1) // 2
        self.gram = np.zeros((n_actions, packed))
        self.inverse = np.zeros((n_actions, packed))
        first, second = np.triu_indices(n_features)
        self.inverse[:, first == second] = 1.0 / self._ridge
        self.norm = np.full(n_actions, 1.0 / self._ridge)
        self.target = np.zeros((n_actions, outputs, n_features))
        self.theta = np.zeros((n_actions, outputs, n_features))
        self.main_theta = self.theta[:, 0]  # a view: slicing anew would cost every decision a tenth of a microsecond
        self.steps = np.zeros(n_actions, dtype=np.int64)

    def means(self, context: FloatArray, output: int = 0) -> FloatArray:
        """Predicted outcome of every action ``(n, K)``."""
        return predict(context, self.theta[:, output])

    def variances(self, context: FloatArray) -> FloatArray:
        """``x'A_k^-1 x`` of every action ``(n, K)``: the variance of a prediction, in units of the noise's."""
        return variances(context, self.inverse)

    def learn(self, context: FloatArray, action: IntArray, outcome: FloatArray, weight: FloatArray) -> None:
        """Add rows ``(n, d)`` with their actions ``(n,)``, outcomes ``(n, O)`` and weights ``(n,)``."""
        start = 0
        while start < len(action):
            end = min(start + _ROWS_AT_ONCE, len(action)) if not self._block else self._block_end(start, len(action))
            rows = slice(start, end)
            learn(
                context[rows], action[rows], outcome[rows], self._aged(weight[rows]), self._ridge, MOST_STEPS,
                self.gram, self.inverse, self.norm, self.target, self.theta, self.steps,
            )  # fmt: skip
            self._pass_rows(end - start)
            start = end

    def learn_all(self, context: FloatArray, outcome: FloatArray, weight: FloatArray) -> None:
        """Add rows ``(n, d)`` to every action's model, with an outcome for each action ``(n, K)``.

        For outcomes that are estimated for every action, as from a log; the models must have one output.
        """
        features = context.shape[1]
        first, second = np.triu_indices(features)
        start = 0
        while start < len(context):
            end = min(start + _ROWS_AT_ONCE, len(context)) if not self._block else self._block_end(start, len(context))
            x = context[start:end]
            weighted = x * self._aged(weight[start:end])[:, None]
            self.gram += (weighted.T @ x)[first, second]
            self.target[:, 0] += outcome[start:end].T @ weighted
            self._pass_rows(end - start)
            start = end
        self._invert()

    def learn_rates(
        self, context: FloatArray, action: IntArray, reward: FloatArray, weight: FloatArray, *, offset: float
    ) -> None:
        """Add rows to logistic models of rates within 0..1; the logit of a rate is ``offset + x'theta``.

        One Newton step a row (an extended Kalman filter): ``A_k`` gains ``w p (1 - p) xx'`` and ``theta_k`` gains
        ``A_k^-1 x w (y - p)``. Forgetting is not offered here: discount must be 1.
        """
        learn_rates(
            context, action, reward, weight, offset, self._ridge, MOST_STEPS,
            self.gram, self.inverse, self.norm, self.theta, self.steps,
        )  # fmt: skip

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """The whole state by name; the arrays themselves, not copies."""
        return {
            "gram": self.gram, "inverse": self.inverse, "norm": self.norm, "target": self.target, "theta": self.theta,
            "steps": self.steps, "in_block": np.array([self._in_block]),
        }  # fmt: skip

    def restore(self, arrays: Mapping[str, FloatArray | IntArray]) -> None:
        """Take over a state that ``arrays`` gave, of the same shapes."""
        for name in ("gram", "inverse", "norm", "target", "theta", "steps"):
            getattr(self, name)[...] = arrays[name]
        self._in_block = int(arrays["in_block"][0])

    def clear(self) -> None:
        """Forget every row."""
        self.gram[...] = 0.0
        self.target[...] = 0.0
        self._in_block = 0
        self._invert()

    def _block_end(self, start: int, rows: int) -> int:
        return min(rows, start + self._block - self._in_block)

    def _aged(self, weight: FloatArray) -> FloatArray:
        """Weights in units of the block's start: later rows weigh more."""
        if not self._block:
            return weight
        return weight * self._discount ** -np.arange(self._in_block + 1.0, self._in_block + len(weight) + 1.0)

    def _pass_rows(self, rows: int) -> None:
        """Count rows, and at the end of a block let the past weigh less."""
        if not self._block:
            return
        self._in_block += rows
        if self._in_block == self._block:
            kept = self._discount**self._block
            self.gram *= kept
            self.target *= kept
            self._in_block = 0
            self._invert()

    def _invert(self) -> None:
        invert(self.gram, self._ridge, self.inverse, self.norm, self.target, self.theta)
        self.steps[...] = 0
