"""How much exploration, and how many rows, would make a question answerable.

The effective sample size of n rows is about ``n / E[w^2]``, and the variance of an importance-weighted mean is at most
about ``E[w^2] * Var(r) / n``. With a share epsilon of decisions drawn uniformly over K actions the logging policy
becomes ``(1 - epsilon) pi_b + epsilon / K``, and ``E[w^2] = E_x sum_a pi_e(a|x)^2 / pi_b(a|x)``.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.ope.data.array_checks import check_distributions, finite_array
from xbopt.ope.diagnostics.verdict import ANSWERING_ESS

DEFAULT_EXPLORATION = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplorationOption:
    """What a share of exploration would cost and bring.

    Attributes:
        epsilon: Share of decisions drawn uniformly over all actions.
        second_moment: E[w^2]; a row is worth 1 / E[w^2] rows of the evaluation policy.
        rows_to_answer: Rows until the effective sample size suffices for an answer.
        rows_for_width: Rows until the interval is as narrow as asked for; 0 where no width was asked for.
    """

    epsilon: float
    second_moment: float
    rows_to_answer: int
    rows_for_width: int


def plan_exploration(
    evaluation_probabilities: ArrayLike,
    *,
    logging_probabilities: ArrayLike | None = None,
    half_width: float | None = None,
    reward_sd: float | None = None,
    confidence: float = 0.95,
    epsilons: tuple[float, ...] = DEFAULT_EXPLORATION,
) -> tuple[ExplorationOption, ...]:
    """Rows needed for each share of exploration, the least exploration first.

    Args:
        evaluation_probabilities: Evaluation policy in typical contexts ``(n, K)``.
        logging_probabilities: The logging policy there, without the exploration ``(n, K)``; None for the worst case, in
            which it never takes what the evaluation policy would take.
        half_width: Half of the width that the interval should have, in units of the reward.
        reward_sd: Standard deviation of the reward given context and action; needed with ``half_width``.
        confidence: Of that interval.
        epsilons: Shares of exploration to look at, each above 0 and at most 1.

    Raises:
        UsageError: An option makes no sense.
        DecisionLogError: A row holds no distribution.
    """
    if any(not 0.0 < epsilon <= 1.0 for epsilon in epsilons):
        raise UsageError(f"epsilons is {epsilons}; shares above 0 and at most 1 are wanted.")
    if (half_width is None) != (reward_sd is None):
        raise UsageError("half_width and reward_sd belong together: give both or none.")
    evaluation = _distributions("evaluation_probabilities", evaluation_probabilities, (None, None))
    rows, n_actions = evaluation.shape
    logging = np.zeros_like(evaluation)
    if logging_probabilities is not None:
        logging = _distributions("logging_probabilities", logging_probabilities, (rows, n_actions))
    options: list[ExplorationOption] = []
    for epsilon in sorted(epsilons):
        mixed = (1.0 - epsilon) * logging + epsilon / n_actions
        second = float((evaluation * evaluation / mixed).sum() / rows)
        narrow = 0
        if half_width is not None and reward_sd is not None:
            if half_width <= 0.0 or reward_sd < 0.0 or not 0.0 < confidence < 1.0:
                raise UsageError("half_width above 0, reward_sd from 0 and a confidence between 0 and 1 are wanted.")
            quantile = NormalDist().inv_cdf(0.5 + confidence / 2.0)
            narrow = int(np.ceil(second * (quantile * reward_sd / half_width) ** 2))
        options.append(
            ExplorationOption(
                epsilon=epsilon,
                second_moment=second,
                rows_to_answer=int(np.ceil(ANSWERING_ESS * second)),
                rows_for_width=narrow,
            )
        )
    return tuple(options)


def _distributions(name: str, values: ArrayLike, lengths: tuple[int | None, int | None]) -> FloatArray:
    array = finite_array(name, values, axes=("n", "K"), lengths=lengths)
    check_distributions(name, array)
    return array
