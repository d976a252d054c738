"""Several candidate policies on one log: paired differences, with one error probability for the whole family."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.core.randomness import named_generator
from xbopt.ope.data.covariates import with_covariates
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.diagnostics.verdict import SupportRules
from xbopt.ope.estimators.ratios import ProjectedFormula
from xbopt.ope.evaluate import evaluate_policy, gather
from xbopt.ope.intervals.skewed import skewed_interval
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import PolicyEvaluation
from xbopt.ope.reward_models.fitting import ModelName, fit_reward_model

LOGGING = "logging policy"
_DRAWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyComparison:
    """Candidates against the logging policy and each other.

    Attributes:
        evaluations: Evaluation of each candidate.
        differences: Value of the first less value of the second, by pair of names; candidates whose log cannot answer
            are left out. All intervals cover at once with the confidence asked for.
        critical_value: Standard errors on each side of a difference; 1.96 would be right for a single one at 95 %.
        withheld: Candidates that are left out.
    """

    evaluations: Mapping[str, PolicyEvaluation]
    differences: Mapping[tuple[str, str], Estimate]
    critical_value: float
    withheld: tuple[str, ...]


def compare_policies(
    data: LoggedBanditData,
    candidates: Mapping[str, ArrayLike],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    reward_model: ModelName = "linear",
    rules: SupportRules | None = None,
) -> PolicyComparison:
    """Compare candidates by DR on the same rows, with the same reward model.

    The differences are paired (Jeunen, Ustimenko 2024): what the rows have in common cancels. The critical value is the
    quantile of the greatest of the correlated z values (single-step max-t; Hothorn, Bretz, Westfall 2008, section 3).

    Args:
        data: Logged decisions ``(n,)``, with propensities.
        candidates: Probability of every action ``(n, K)`` under each candidate, by name.
        confidence: That all intervals of differences cover at once.
        seed: Of folds and simulation.
        reward_model: Name of the reward model.
        rules: When a candidate is refused.

    Raises:
        UsageError: There is no candidate, or one has the name of the logging policy.
        DecisionLogError: An array is not as it should be.
    """
    if not candidates or LOGGING in candidates:
        raise UsageError(f"One candidate or more is wanted, none of them named {LOGGING!r}.")
    data = with_covariates(data)
    model = fit_reward_model(reward_model, data, seed=seed)
    evaluations: dict[str, PolicyEvaluation] = {}
    scores: dict[str, ProjectedFormula] = {}
    for name, probabilities in candidates.items():
        evaluations[name] = evaluate_policy(
            data, probabilities, confidence=confidence, seed=seed, reward_model=model, rules=rules
        )
        if not evaluations[name].withheld:
            evaluator = gather(data, probabilities, confidence=confidence, seed=seed, model=model)
            scores[name] = evaluator.projected("dr")
            scores.setdefault(LOGGING, evaluator.projected("logging"))
    names = [*(name for name in scores if name != LOGGING), LOGGING] if scores else []
    pairs = [(first, second) for place, first in enumerate(names) for second in names[place + 1 :]]
    influences = {name: score.influence() for name, score in scores.items()}
    lines = [influences[first] - influences[second] for first, second in pairs]
    critical = _critical_value(lines, confidence=confidence, seed=seed)
    level = 1.0 - 2.0 * NormalDist().cdf(-critical)
    differences: dict[tuple[str, str], Estimate] = {}
    for pair, line in zip(pairs, lines, strict=True):
        value = scores[pair[0]].value() - scores[pair[1]].value()
        low, high = skewed_interval(value, line, confidence=level)
        error = float(np.sqrt(len(line) / (len(line) - 1) * float(line @ line)))
        differences[pair] = Estimate(value=value, se=error, low=low, high=high)
    return PolicyComparison(
        evaluations=evaluations,
        differences=differences,
        critical_value=critical,
        withheld=tuple(name for name in candidates if evaluations[name].withheld),
    )


def _critical_value(lines: list[FloatArray], *, confidence: float, seed: int) -> float:
    """Quantile of the greatest absolute value of normal variables that correlate as the influences do."""
    single = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    spread = [float(np.sqrt(line @ line)) for line in lines]
    moving = [line / size for line, size in zip(lines, spread, strict=True) if size > 0.0]
    if len(moving) < 2:
        return single
    unit = np.stack(moving)
    values, vectors = np.linalg.eigh(unit @ unit.T)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = named_generator(seed, "ope family-wise").standard_normal((_DRAWS, len(moving)))
    return max(float(np.quantile(np.abs(normal @ root.T).max(axis=1), confidence)), single)
