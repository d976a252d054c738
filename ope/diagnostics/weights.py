"""Importance weights of logged decisions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.data.array_checks import check_between, check_distributions, finite_array, whole_numbers
from xbopt.ope.data.logged import LoggedBanditData


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedRows:
    """Weights of rows, with what they were made of.

    Attributes:
        weight: pi_e(a | x) / pi_b(a | x) ``(n,)``.
        propensity: The probability below ``(n,)``; for several logging policies their mixture.
        evaluation: pi_e of every action ``(n, K)``.
        taken: pi_e of the logged action ``(n,)``.
    """

    weight: FloatArray
    propensity: FloatArray
    evaluation: FloatArray
    taken: FloatArray

    def scaled(self, share: FloatArray) -> "WeightedRows":
        """The rows of a thinned log, each counted as the ``share`` rows that it stands for ``(n,)``."""
        return WeightedRows(
            weight=self.weight * share,
            propensity=self.propensity,
            evaluation=self.evaluation * share[:, None],
            taken=self.taken * share,
        )


def checked_probabilities(evaluation_probabilities: ArrayLike, *, rows: int, n_actions: int) -> FloatArray:
    """The evaluation policy's probabilities ``(n, K)``; whole numbers ``(n,)`` are actions that it takes for certain.

    Raises:
        DecisionLogError: They have another shape, or a row is no distribution.
    """
    name = "evaluation_probabilities"
    if np.ndim(evaluation_probabilities) == 1 and np.asarray(evaluation_probabilities).dtype.kind in "iu":
        taken = whole_numbers(name, evaluation_probabilities, axes=("n",), lengths=(rows,))
        check_between(name, taken, 0, n_actions - 1, f"actions run from 0 to {n_actions - 1}")
        certain = np.zeros((rows, n_actions))
        certain[np.arange(rows), taken] = 1.0
        return certain
    whole = finite_array(name, evaluation_probabilities, axes=("n", "K"), lengths=(rows, n_actions))
    check_distributions(name, whole)
    return whole


def importance_weights(
    data: LoggedBanditData, evaluation: FloatArray, policy_shares: FloatArray | None = None, *, counted: bool = False
) -> WeightedRows:
    """Weights of every row.

    With several logging policies these are the balanced weights ``w = pi_e(a|x) / sum_j share_j pi_j(a|x)`` (balance
    heuristic of Veach, Guibas 1995, "Optimally combining sampling techniques"; Agarwal et al. 2017,
    "Effective evaluation using logged bandit feedback from multiple loggers").

    Args:
        data: Decisions with propensities.
        evaluation: pi_e ``(n, K)``, checked.
        policy_shares: Share of the log's rows that each of several logging policies wrote ``(J,)``; counted from
            ``data`` where None, which is right only when ``data`` is the whole log.
        counted: Whether whoever asks counts each row by one over its sampling probability; the weight leaves it out.

    Raises:
        DecisionLogError: The log has no propensities.
        UsageError: The log was thinned, and nobody counts for it.
    """
    if not counted:
        data.refuse_sampling("this question")
    if data.propensity is None:
        raise DecisionLogError("The log has no propensities; estimate them first (xbopt.ope.diagnostics.propensity).")
    rows = np.arange(len(data))
    taken = evaluation[rows, data.action]
    propensity = data.propensity
    if data.policy_propensities is not None and data.policy is not None:
        counts = np.bincount(data.policy, minlength=data.policy_propensities.shape[1])
        shares: FloatArray = counts / counts.sum() if policy_shares is None else policy_shares
        propensity = data.policy_propensities @ shares
    return WeightedRows(weight=taken / propensity, propensity=propensity, evaluation=evaluation, taken=taken)
