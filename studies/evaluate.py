"""What a policy would have earned, from a log of decisions: what ``xbopt evaluate`` does."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from xbopt.core.decisions.policy import TacticPolicy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.core.workers import Engine
from xbopt.ope.logs.episodes import evaluate_log_sequentially
from xbopt.ope.logs.estimators import check_estimators, with_estimators
from xbopt.ope.logs.evaluation import LogEvaluation, OnProgress, evaluate_log, with_self_test
from xbopt.ope.logs.open_log import EvaluationLog, open_log
from xbopt.ope.logs.policies import LogPolicy
from xbopt.ope.logs.probabilities import open_probabilities
from xbopt.ope.logs.rows import parse_moment
from xbopt.ope.logs.sequence import anytime_interval
from xbopt.ope.results.evaluation import Estimand
from xbopt.ope.reward_models.fitting import ModelName
from xbopt.studies.logged_policies import from_name, from_object

LEAST_PROBABILITY = 1e-6
"""No interval is asked for nearer to 0 or 1; what is beyond is a slip, and quantiles there mean nothing."""


def evaluate(
    log: Path | str | EvaluationLog,
    policy: str | Path | LogPolicy | TacticPolicy | None = None,
    *,
    probabilities: Path | str | None = None,
    columns: Sequence[str] = (),
    propensity: float | Literal["estimate"] | None = None,
    as_of: np.datetime64 | str | None = None,
    scenario: str | None = None,
    exploration: float | None = None,
    estimand: Estimand = "one-step",
    estimators: Sequence[str] | None = None,
    reward_model: ModelName | None = "linear",
    self_test: bool = False,
    sequence: bool = False,
    reward_bounds: tuple[float, float] | None = None,
    least_propensity: float | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    force: bool = False,
    engine: Engine = "local",
    on_progress: OnProgress | None = None,
) -> LogEvaluation:
    """Evaluate a policy on a log of decisions; a log that cannot answer is refused by its verdict.

    Args:
        log: A decision log, a CSV, CSV.gz or Parquet file, a folder of them, or an opened log.
        policy: Name of a policy: uniform, logging, always:ACTION, shadow:NAME; with ``scenario`` a built-in policy or
            the CSV file of a plan; the folder of a training run. Or an object that answers for the rows of the log, or
            a policy of the market, such as a ``BundlePolicy``.
        probabilities: In place of ``policy``: a file with the columns action, probability and any columns of the log.
        columns: Which column is what, as in ``action=item_id,reward=click``; see ``xbopt.ope.logs.roles.ROLES``.
        propensity: The propensity of every row where it is the same by design; ``estimate`` where nobody knows it.
        as_of: When the rewards were collected, UTC, as in 2026-03-01; later ones are left out.
        scenario: The scenario that wrote the log, for built-in policies.
        exploration: Share of random decisions of a built-in policy, of a run, or of ``logging``.
        estimand: The next decision in the situations of the log, or whole episodes from their start.
        estimators: Estimators to keep; the first is the one to quote. All where left out.
        reward_model: What predicts rewards; None for IPS and SNIPS alone.
        self_test: Also simulate logs like this one, and say how often the intervals hold.
        sequence: Also give an interval that holds however often one looks at a growing log.
        reward_bounds: Least and greatest possible reward.
        least_propensity: Least propensity that the logging policy may have, for ``sequence``.
        confidence: Of every interval, between 0 and 1.
        seed: Same seed, same result.
        force: Show values even where the log cannot answer.
        engine: Where the parts of the log are read.
        on_progress: Called with rows done and rows in all.

    Raises:
        UsageError: Options do not fit each other or the log.
        PolicyError: There is no such policy, or it cannot be asked about this log.
        DecisionLogError: A file is broken or a row wrong; the message names file, row and column.
        SupportError: Rewards of consecutive decisions overlap in time, or no reward is complete.
    """
    if (policy is None) == (probabilities is None):
        raise UsageError("Say which policy to evaluate: --policy NAME or --probabilities FILE, one of them.")
    if not LEAST_PROBABILITY <= confidence <= 1.0 - LEAST_PROBABILITY:
        raise UsageError(
            f"confidence is {confidence!r}; a number between 0 and 1 is wanted, such as 0.95, no nearer to either than "
            f"{LEAST_PROBABILITY:g}."
        )
    for name, value, known in (("estimand", estimand, get_args(Estimand)), ("engine", engine, get_args(Engine))):
        if value not in known:
            raise UsageError(f"{name} is {value!r}.{suggest(value, known)} One of {', '.join(known)} is wanted.")
    if least_propensity is not None and not LEAST_PROBABILITY <= least_propensity <= 1.0:
        raise UsageError(f"least_propensity is {least_propensity!r}; {LEAST_PROBABILITY:g} to 1 is possible.")
    if estimators is not None:
        check_estimators(estimators)
    _check_bounds(reward_bounds, needed=sequence)
    if estimand == "sequential":
        _check_sequential(reward_model, engine, self_test=self_test, sequence=sequence)
    if not isinstance(log, EvaluationLog):
        log = open_log(
            log, columns=columns, propensity=propensity, as_of=parse_moment(as_of) if isinstance(as_of, str) else as_of
        )
    if probabilities is not None:
        asked: LogPolicy = open_probabilities(probabilities, log)
    elif isinstance(policy, str | Path):
        asked = from_name(str(policy), log, scenario=scenario, exploration=exploration)
    elif isinstance(policy, TacticPolicy):
        asked = from_object(policy, log, scenario=scenario, exploration=exploration)
    else:
        assert policy is not None, "a policy or a file of probabilities was given"
        asked = policy
    if estimand == "sequential":
        evaluation = evaluate_log_sequentially(log, asked, confidence=confidence, seed=seed, force=force)
    else:
        evaluation = evaluate_log(
            log,
            asked,
            confidence=confidence,
            seed=seed,
            reward_model=reward_model,
            reward_bounds=reward_bounds,
            force=force,
            engine=engine,
            on_progress=on_progress,
        )
    if self_test:
        evaluation = with_self_test(evaluation, asked)
    if sequence and reward_bounds is not None:
        evaluation = _with_sequence(evaluation, asked, reward_bounds, least_propensity)
    return evaluation if estimators is None else with_estimators(evaluation, tuple(estimators))


def _with_sequence(
    evaluation: LogEvaluation, policy: LogPolicy, bounds: tuple[float, float], least_propensity: float | None
) -> LogEvaluation:
    if evaluation.result.support.unsupported_mass > 0.0:
        why = "No --sequence interval: it needs every action of the policy to be possible in the log."
        return replace(evaluation, rules=(*evaluation.rules, why))
    if evaluation.result.withheld:
        return evaluation
    interval = anytime_interval(
        evaluation.log,
        policy,
        reward_bounds=bounds,
        least_propensity=least_propensity,
        confidence=evaluation.result.confidence,
        seed=evaluation.seed,
        checked=True,
    )
    return replace(evaluation, anytime=interval)


def _check_bounds(bounds: tuple[float, float] | None, *, needed: bool) -> None:
    if bounds is None and needed:
        raise UsageError(
            "--sequence needs the least and greatest possible reward: --reward-bounds LOW,HIGH, as in 0,1."
        )
    if bounds is not None and not (math.isfinite(bounds[0]) and math.isfinite(bounds[1]) and bounds[0] < bounds[1]):
        words = "the lower number stands first, and both are finite"
        raise UsageError(f"--reward-bounds is {bounds[0]:g},{bounds[1]:g}; {words}.")


def _check_sequential(reward_model: ModelName | None, engine: Engine, *, self_test: bool, sequence: bool) -> None:
    if self_test or sequence:
        option = "--self-test" if self_test else "--sequence"
        raise UsageError(f"{option} is for the one-step question; leave out --estimand sequential.")
    if reward_model != "linear":
        raise UsageError("--reward-model is for the one-step question; the sequential one fits its own models.")
    if engine != "local":
        raise UsageError(f"--engine {engine} is for the one-step question; the sequential one needs all rows at once.")
