"""Coverage at the user's own overlap: how often intervals hold in worlds made from the fitted model.

A simulated log has contexts drawn from the log, actions drawn from the logging policy and rewards drawn from the fitted
reward model, whose truth is known. What no such test can see is where the model is wrong about the world. In a log of
clusters whole clusters are drawn, with the luck that their rows share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError
from xbopt.core.randomness import named_generator
from xbopt.ope.data.covariates import with_covariates
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.diagnostics.propensity import estimate_propensities
from xbopt.ope.diagnostics.verdict import SupportRules
from xbopt.ope.diagnostics.weights import checked_probabilities
from xbopt.ope.evaluate import evaluate_policy
from xbopt.ope.reward_models.fitting import fit_reward_model

_MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageTest:
    """What a self-test found.

    Attributes:
        draws: Simulated logs.
        rows: Rows of each.
        refused: Share of them that were refused; the rest counts below.
        truth: Value of the evaluation policy in the simulated world; None where values are withheld.
        coverage: Share of answered logs whose interval held, by estimator.
        coverage_error: Standard error of that share, by estimator.
        width: Mean width of the interval, by estimator; empty where values are withheld.
        recommended: Estimator that the evaluations recommend; empty where all were refused.
        clustered: Whether whole clusters were drawn, with the luck that their rows share.
        logging_policy: Whether actions were drawn from the stated probabilities, or from a refitted logging policy
            because the log does not state those of all actions.
    """

    draws: int
    rows: int
    refused: float
    truth: float | None
    coverage: Mapping[str, float]
    coverage_error: Mapping[str, float]
    width: Mapping[str, float]
    recommended: str
    clustered: bool = False
    logging_policy: Literal["stated", "refitted"] = "stated"

    def without_values(self) -> "CoverageTest":
        """The same without what tells the value of the policy: a refusal withholds that here too."""
        return replace(self, truth=None, width={})


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """A world made from a log and its fitted reward model.

    Attributes:
        data: The log.
        logging: Probabilities of all actions ``(n, K)``.
        expected: Mean reward of every action ``(n, K)``.
        errors: Residual of each row ``(n,)``; of a row without reward that of another one.
        binary: Whether rewards are 0 or 1.
        begins: Clusters as runs of ``order``: where each begins ``(c + 1,)``; None where rows are independent.
        order: Rows sorted by cluster ``(n,)``.
        common: Whether all rows of a cluster took one action.
        correlation: Correlation of residuals within a cluster.
    """

    data: LoggedBanditData
    logging: FloatArray
    expected: FloatArray
    errors: FloatArray
    binary: bool
    begins: IntArray | None = None
    order: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    common: bool = False
    correlation: float = 0.0

    def draw(self, rows: int, random: np.random.Generator) -> tuple[LoggedBanditData, IntArray]:
        """A log of about so many rows, and the rows of the original that it was made from."""
        data = self.data
        if self.begins is None:
            chosen, cluster = random.integers(0, len(data), rows), None
            lucky = random.random(rows)
            action = _draw_actions(self.logging[chosen], random.random(rows))
            error = self.errors[random.integers(0, len(data), rows)]
        else:
            chosen, cluster = self._clusters(rows, random)
            groups = int(cluster[-1]) + 1
            uniform = random.random(groups)[cluster] if self.common else random.random(len(chosen))
            action = _draw_actions(self.logging[chosen], uniform)
            # Two rows share their luck with probability sqrt(correlation) each: chances stay what they are, and rows
            # of equal chance have just that correlation.
            shared = random.random(len(chosen)) < np.sqrt(self.correlation)
            lucky = np.where(shared, random.random(groups)[cluster], random.random(len(chosen)))
            error = self.errors[chosen]
        mean = self.expected[chosen, action]
        reward = (lucky < mean).astype(np.float64) if self.binary else mean + error
        bounds = data.reward_bounds
        if bounds is not None and not bounds[0] <= reward.min() <= reward.max() <= bounds[1]:
            bounds = None  # to move rewards into the bounds would move the truth
        log = LoggedBanditData(
            context=data.context[chosen],
            covariates=None if data.covariates is None else data.covariates[chosen],
            action=action,
            reward=reward,
            propensity=self.logging[chosen, action],
            n_actions=data.n_actions,
            cluster=cluster,
            reward_bounds=bounds,
        )
        return log, chosen

    def _clusters(self, rows: int, random: np.random.Generator) -> tuple[IntArray, IntArray]:
        assert self.begins is not None
        sizes = np.diff(self.begins)
        count = max(2, min(len(sizes), int(rows / sizes.mean())))
        drawn = random.integers(0, len(sizes), count)
        places = [self.order[self.begins[one] : self.begins[one + 1]] for one in drawn.tolist()]
        return np.concatenate(places), np.repeat(np.arange(count), sizes[drawn])


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
    data.refuse_sampling("a self-test")
    evaluation = checked_probabilities(evaluation_probabilities, rows=len(data), n_actions=data.n_actions)
    data = with_covariates(data)
    model = fit_reward_model("linear", data, seed=seed)
    keys = row_keys(len(data), first_row=0, cluster=data.cluster, seed=seed)
    world = _world(data, model.predict(data.features, keys), seed)
    expected = np.clip(world.expected, 0.0, 1.0) if world.binary else world.expected
    truth = float((evaluation * expected).sum() / len(data))
    random = named_generator(seed, "ope self test")
    rows = min(len(data), _MOST_ROWS)
    hits: dict[str, list[bool]] = {}
    widths: dict[str, list[float]] = {}
    refused, recommended = 0, ""
    for draw in range(draws):
        log, chosen = world.draw(rows, random)
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
        clustered=world.begins is not None,
        logging_policy="refitted" if data.action_probabilities is None else "stated",
    )


def _world(data: LoggedBanditData, expected: FloatArray, seed: int) -> _World:
    logging = data.action_probabilities
    if logging is None:
        logging = estimate_propensities(data, seed=seed).probabilities
    known = np.arange(len(data)) if data.observed is None else np.flatnonzero(data.observed)
    residual = data.reward[known] - expected[known, data.action[known]]
    residual -= residual.mean()
    errors = np.resize(residual, len(data))
    errors[known] = residual
    if data.observed is not None:
        errors -= errors.mean()
    world = _World(
        data=data,
        logging=logging,
        expected=expected,
        errors=errors,
        binary=bool(((data.reward == 0.0) | (data.reward == 1.0)).all()),
    )
    if data.cluster is None:
        return world
    order = np.argsort(data.cluster, kind="stable").astype(np.int64)
    labels, action = data.cluster[order], data.action[order]
    begins = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
    sizes = np.diff(np.append(begins, len(labels)))
    return replace(
        world,
        begins=np.append(begins, len(labels)),
        order=order,
        common=bool((action == np.repeat(action[begins], sizes)).all() and sizes.max() > 1),
        correlation=_correlation(errors[order], begins, sizes),
    )


def _correlation(errors: FloatArray, begins: IntArray, sizes: IntArray) -> float:
    """Intraclass correlation by analysis of variance (Fisher 1925), between 0 and 1; rows sorted by cluster."""
    clusters, rows = len(sizes), len(errors)
    if clusters < 2 or rows == clusters:
        return 0.0
    means = np.add.reduceat(errors, begins) / sizes
    between = float(sizes @ (means - errors.mean()) ** 2) / (clusters - 1)
    within = float(((errors - np.repeat(means, sizes)) ** 2).sum()) / (rows - clusters)
    typical = (rows - float(sizes @ sizes) / rows) / (clusters - 1)
    total = between + (typical - 1.0) * within
    return min(max((between - within) / total, 0.0), 1.0) if total > 0.0 else 0.0


def _draw_actions(probabilities: FloatArray, uniform: FloatArray) -> IntArray:
    """One action a row ``(n,)`` from ``(n, K)``; an action of probability 0 is never drawn."""
    below = np.add.accumulate(probabilities, axis=1)
    below /= below[:, -1:]
    return (uniform[:, None] >= below[:, :-1]).sum(axis=1).astype(np.int64)
