"""Choosing which estimators are shown, and which one is quoted."""

from collections.abc import Sequence
from dataclasses import replace

from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.ope.estimators.bandit import ESTIMATORS, MODEL_FREE
from xbopt.ope.factors import FACTOR_ESTIMATORS
from xbopt.ope.logs.evaluation import LogEvaluation
from xbopt.ope.results.evaluation import Estimand
from xbopt.ope.reward_models.fitting import ModelName
from xbopt.ope.sequential.scores import SEQUENTIAL_ESTIMATORS

LABELS = {
    "dr": "Doubly robust",
    "pi_dr": "Doubly robust, sum over factors",
    "snpi": "Weighting by factor, self-normalised",
    "pi": "Weighting by factor (PI)",
    "sndr": "Doubly robust, self-normalised",
    "snips": "Weighting, self-normalised",
    "ips": "Weighting (IPS)",
    "switch_dr": "Switch doubly robust",
    "dr_os": "Doubly robust, shrunk weights",
    "dm": "Reward model alone",
    "drl": "Doubly robust, marginal weights",
    "snpdis": "Weighting by step, self-normalised",
    "pdis": "Weighting by step",
    "tis": "Weighting of whole episodes",
    "fqe": "Value model alone",
}
"""What people call the estimators, the most useful first."""


def check_estimators(names: Sequence[str], *, estimand: Estimand, reward_model: ModelName | None) -> None:
    """Check names of estimators before the work.

    Raises:
        UsageError: There is no such estimator, none is named, or one will not be computed for this question.
    """
    known = tuple(dict.fromkeys([*ESTIMATORS, *SEQUENTIAL_ESTIMATORS, *FACTOR_ESTIMATORS]))
    for name in names:
        if name not in known:
            raise UsageError(f"--estimators: there is no {name!r}.{suggest(name, known)} Known: {', '.join(known)}.")
    if not names:
        raise UsageError(f"--estimators is empty. Known: {', '.join(known)}.")
    possible = SEQUENTIAL_ESTIMATORS if estimand == "sequential" else ESTIMATORS if reward_model else MODEL_FREE
    for name in names:
        if name not in possible and not (estimand == "one-step" and name in FACTOR_ESTIMATORS):  # the log tells
            raise UsageError(
                f"--estimators: {name} is not computed for this question; there are: {', '.join(possible)}."
            )


def with_estimators(evaluation: LogEvaluation, names: tuple[str, ...]) -> LogEvaluation:
    """The evaluation with these estimators alone; the first of them is the one to quote.

    Raises:
        UsageError: One of them was not computed: it needs a reward model, or answers the other question.
    """
    result = evaluation.result
    if result.withheld:
        return evaluation
    missing = [name for name in names if name not in result.values]
    if missing:
        raise UsageError(
            f"--estimators: {missing[0]} was not computed for this question; there are: {', '.join(result.values)}."
        )
    return replace(
        evaluation,
        result=replace(
            result,
            values={name: result.values[name] for name in names},
            differences={name: result.differences[name] for name in names},
            cross_validated_choice=tuple(name for name in result.cross_validated_choice if name in names),
            recommended=names[0],
            difference=result.differences[names[0]],
        ),
    )
