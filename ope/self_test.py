"""Coverage at the user's own overlap: how often intervals hold in worlds made from the fitted model.

A simulated log has contexts drawn from the log, actions drawn from the logging policy and rewards drawn from the fitted
reward model, whose truth is known. What no such test can see is where the model is wrong about the world.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.axes import FloatArray, IntArray
from xbopt.core.errors import UsageError
from xbopt.core.randomness import named_generator
from xbopt.ope.data import LoggedBanditData
from xbopt.ope.evaluate import evaluate_policy
from xbopt.ope.propensity import estimate_propensities
from xbopt.ope.reward_models.fitting import fit_reward_model
from xbopt.ope.row_keys import row_keys
from xbopt.ope.verdict import SupportRules
from xbopt.ope.weights import checked_probabilities

_MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageTest:
    """What a self-test found.

    Attributes:
        draws: Simulated logs.
        rows: Rows of each.
        refused: Share of them that were refused; the rest counts below.
        truth: Value of the evaluation policy in the simulated world.
        coverage: Share of answered logs whose interval held, by estimator.
        coverage_error: Standard error of that share, by estimator.
        width: Mean width of the interval, by estimator.
        recommended: Estimator that the evaluations recommend; empty where all were refused.
    """

    draws: int
    rows: int
    refused: float
    truth: float
    coverage: Mapping[str, float]
    coverage_error: Mapping[str, float]
    width: Mapping[str, float]
    recommended: str


def self_test(
    data: LoggedBanditData,
    evaluation_probabilities: ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    draws: int = 200,
    rules: SupportRules | None = None,
) -> CoverageTest:
    """Simulate logs like this one and count how often the intervals hold.

    Args:
        data: Logged decisions ``(n,)``; of more than 20,000 rows each simulated log has 20,000.
        evaluation_probabilities: Evaluation policy ``(n, K)``.
        confidence: Of the intervals.
        seed: Of the simulation.
        draws: Simulated logs, at least 1.
        rules: When to refuse.

    Raises:
        UsageError: ``draws`` is below 1.
        DecisionLogError: An array is not as it should be.
    """
    if draws < 1:
        raise UsageError(f"draws is {draws}; at least 1 is wanted.")
    evaluation = checked_probabilities(evaluation_probabilities, rows=len(data), n_actions=data.n_actions)
    model = fit_reward_model("linear", data, seed=seed)
    keys = row_keys(len(data), first_row=0, cluster=data.cluster, seed=seed)
    expected = model.predict(data.context, keys)
    logging = data.action_probabilities
    if logging is None:
        logging = estimate_propensities(data, seed=seed).probabilities
    binary = bool(((data.reward == 0.0) | (data.reward == 1.0)).all())
    known = np.arange(len(data)) if data.observed is None else np.flatnonzero(data.observed)
    errors = data.reward[known] - expected[known, data.action[known]]
    errors -= errors.mean()
    truth = float((evaluation * np.clip(expected, 0.0, 1.0) if binary else evaluation * expected).sum() / len(data))
    random = named_generator(seed, "ope self test")
    rows = min(len(data), _MOST_ROWS)
    hits: dict[str, list[bool]] = {}
    widths: dict[str, list[float]] = {}
    refused, recommended = 0, ""
    for draw in range(draws):
        chosen = random.integers(0, len(data), rows)
        action = _draw_actions(logging[chosen], random.random(rows))
        mean = expected[chosen, action]
        if binary:
            reward = (random.random(rows) < mean).astype(np.float64)
        else:
            reward = mean + errors[random.integers(0, len(errors), rows)]
        log = LoggedBanditData(
            context=data.context[chosen],
            action=action,
            reward=reward,
            propensity=logging[chosen, action],
            n_actions=data.n_actions,
        )
        result = evaluate_policy(log, evaluation[chosen], confidence=confidence, seed=seed + draw, rules=rules)
        if result.withheld or result.recommended is None:
            refused += 1
            continue
        recommended = result.recommended
        for name, estimate in result.estimates.items():
            hits.setdefault(name, []).append(estimate.low <= truth <= estimate.high)
            widths.setdefault(name, []).append(estimate.high - estimate.low)
    coverage = {name: float(np.mean(found)) for name, found in hits.items()}
    return CoverageTest(
        draws=draws,
        rows=rows,
        refused=refused / draws,
        truth=truth,
        coverage=coverage,
        coverage_error={name: float(np.sqrt(p * (1 - p) / len(hits[name]))) for name, p in coverage.items()},
        width={name: float(np.mean(found)) for name, found in widths.items()},
        recommended=recommended,
    )


def _draw_actions(probabilities: FloatArray, uniform: FloatArray) -> IntArray:
    """One action a row ``(n,)`` from ``(n, K)``; an action of probability 0 is never drawn."""
    below = np.add.accumulate(probabilities, axis=1)
    below /= below[:, -1:]
    return (uniform[:, None] >= below[:, :-1]).sum(axis=1).astype(np.int64)
