"""What a policy would have earned, from a log of decisions: what ``xbopt evaluate`` does."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from xbopt.agents.run_directory import RunDirectory
from xbopt.core.decisions.policy import FactoredPolicy, TacticPolicy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.memory import reward_reach
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.workers import Engine
from xbopt.ope.logs.episodes import evaluate_log_sequentially
from xbopt.ope.logs.estimators import check_estimators, with_estimators
from xbopt.ope.logs.evaluation import LogEvaluation, OnProgress, evaluate_log, with_self_test
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.factor_evaluation import evaluate_factor_log
from xbopt.ope.logs.log_policy import LogPolicy
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.period import parse_period, with_period
from xbopt.ope.logs.probabilities import open_probabilities
from xbopt.ope.logs.program_policies import program_policy
from xbopt.ope.logs.roles import Columns
from xbopt.ope.logs.rows import parse_moment
from xbopt.ope.results.evaluation import Estimand
from xbopt.ope.reward_models.fitting import ModelName
from xbopt.studies.factored_policies import factored_policy
from xbopt.studies.logged_policies import from_name, from_object

LEAST_PROBABILITY = 1e-6
"""No interval is asked for nearer to 0 or 1; what is beyond is a slip, and quantiles there mean nothing."""


def evaluate(
    log: object,
    policy: object = None,
    *,
    actions: Sequence[object] | None = None,
    policy_columns: Sequence[str] | None = None,
    probabilities: object = None,
    columns: Columns = (),
    propensity: float | Literal["estimate"] | None = None,
    as_of: np.datetime64 | str | None = None,
    hold_out: float | None = None,
    cluster_days: int | None = None,
    scenario: str | Scenario | None = None,
    exploration: float | None = None,
    estimand: Estimand = "one-step",
    period: str | None = None,
    events: str | None = None,
    estimators: Sequence[str] | None = None,
    reward_model: ModelName | None = "linear",
    self_test: bool = False,
    sequence: bool = False,
    reward_bounds: tuple[float, float] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    force: bool = False,
    engine: Engine = "local",
    on_progress: OnProgress | None = None,
) -> LogEvaluation:
    """Evaluate a policy on a log of decisions; a log that cannot answer is refused by its verdict.

    Args:
        log: A decision log, a file of CSV, Parquet or JSON lines, a folder of them, a table (anything with
            ``__arrow_c_stream__``, or columns by name), or an opened log.
        policy: Name of a policy: uniform, logging, always:ACTION, shadow:NAME; with ``scenario`` a built-in policy or
            the CSV file of a plan; the folder of a training run. Or a policy of the market, such as a ``BundlePolicy``.
            Or an object that answers for the rows of the log: shares by action, a table with one column an action and
            one row a row of the log, an array ``(n, K)`` with ``actions``, a model with ``predict_proba``; see
            ``xbopt.ope.program_policy``. Of a log whose decisions are made of factors: the policy that its notches are
            around, by name; logging, uniform, shadow:NAME; a run or object whose decisions are made of the same
            factors; or shares by factor and level.
        actions: Names of the columns of a policy that is an array or a function, in order.
        policy_columns: Columns of the log that a model or function gets; those it was fitted on, or the context, where
            left out.
        probabilities: In place of ``policy``: a file or table with the columns action, probability and any columns of
            the log; of a log of factors: factor, level and probability.
        columns: Which column is what, as in ``action=item_id,reward=click`` or ``{"action": "item_id"}``; see
            ``xbopt.ope.logs.roles.ROLES``.
        propensity: The propensity of every row where it is the same by design; ``estimate`` where nobody knows it.
        as_of: When the rewards were collected, UTC, as in 2026-03-01; later ones are left out.
        cluster_days: Blocks of so many days are the clusters, for a market whose days share shocks.
        hold_out: Judge on this share of the log alone, by a fixed rule; the policy may have learnt from the rest.
        scenario: The scenario that wrote the log, for built-in policies.
        exploration: Share of random decisions of a built-in policy, of a run, or of ``logging``.
        estimand: The next decision in the situations of the log, or whole episodes from their start.
        period: A coming period that the value is for, as in 2026-12-01..2026-12-31; the log's own days where left out.
        events: Country whose retail events make days of log and period unlike others, as in DE; none where left out.
        estimators: Estimators to keep; the first is the one to quote. All where left out.
        reward_model: What predicts rewards; None for IPS and SNIPS alone.
        self_test: Also simulate logs like this one, and say how often the intervals hold.
        sequence: Also give an interval that holds however often one looks at a growing log.
        reward_bounds: Least and greatest possible reward, where they are known beforehand.
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
    if estimators is not None:
        check_estimators(estimators, estimand=estimand, reward_model=reward_model)
    _check_bounds(reward_bounds)
    if estimand == "sequential":
        _check_sequential(reward_model, engine, self_test=self_test)
    days = None if period is None else parse_period(period)
    if days is not None and (estimand == "sequential" or self_test or sequence):
        raise UsageError("--for is for the one-step question, without --self-test and --sequence.")
    if events is not None and days is None:
        raise UsageError("--events is for a coming period: --for FIRST..LAST.")
    if not isinstance(log, EvaluationLog):
        log = open_log(
            log,
            columns=columns,
            propensity=propensity,
            as_of=parse_moment(as_of) if isinstance(as_of, str) else as_of,
            cluster_days=cluster_days,
        )
    log = _with_reach(log, policy, scenario)
    for what, wanted in (
        ("--estimand sequential", estimand == "sequential"),
        ("--sequence", sequence),
        ("--self-test", self_test),
    ):
        if wanted:
            log.refuse_thinned(what)
    if hold_out is not None:
        log = log.held_out(hold_out)
    if log.factors:
        for what, wanted in (
            ("--estimand sequential", estimand == "sequential"),
            ("--for", days is not None),
            ("--self-test", self_test),
            ("--sequence", sequence),
            (f"--reward-model {reward_model}", reward_model != "linear"),
            (f"--engine {engine}", engine != "local"),
        ):
            if wanted:
                raise UsageError(
                    f"{log.path}: {what} has no rule for decisions that are made of factors; leave it out."
                )
        evaluation = evaluate_factor_log(
            log,
            factored_policy(policy, probabilities, log, scenario=scenario, exploration=exploration),
            confidence=confidence,
            seed=seed,
            reward_bounds=reward_bounds,
            force=force,
        )
        return evaluation if estimators is None else with_estimators(evaluation, tuple(estimators))
    if isinstance(policy, FactoredPolicy):
        raise PolicyError(
            f"{policy.name} chooses levels of factors, and the decisions of {log.path} are single actions. Log it "
            "itself: xbopt simulate SCENARIO --policy RUN_DIR --exploration 0.4 --log FILE."
        )
    if probabilities is not None:
        asked: LogPolicy = open_probabilities(probabilities, log)
    elif isinstance(policy, str | Path):
        asked = from_name(str(policy), log, scenario=scenario, exploration=exploration)
    elif isinstance(policy, TacticPolicy):
        asked = from_object(policy, log, scenario=scenario, exploration=exploration)
    else:
        asked = program_policy(policy, log, actions=actions, columns=policy_columns)
    if estimand == "sequential":
        evaluation = evaluate_log_sequentially(
            log, asked, confidence=confidence, seed=seed, sequence=sequence, force=force
        )
    else:
        evaluation = evaluate_log(
            log,
            asked,
            confidence=confidence,
            seed=seed,
            reward_model=reward_model,
            reward_bounds=reward_bounds,
            sequence=sequence,
            force=force,
            engine=engine,
            on_progress=on_progress,
        )
    if days is not None:
        evaluation = with_period(evaluation, asked, days, country=events, reward_model=reward_model, force=force)
    if self_test:
        evaluation = with_self_test(evaluation, asked)
    return evaluation if estimators is None else with_estimators(evaluation, tuple(estimators))


def _with_reach(log: EvaluationLog, policy: object, scenario: str | Scenario | None) -> EvaluationLog:
    """A log that does not say how far its rewards reach, with what the scenario that wrote it says."""
    if not log.own or log.reward_reach is not None:
        return log
    wrote = None if scenario is None else scenario_of(scenario)
    if wrote is None and isinstance(policy, str | Path) and (Path(policy) / "config.yaml").is_file():
        wrote = RunDirectory.open(Path(policy)).scenario()
    if wrote is None or wrote.hash != log.scenario_hash:
        return log  # another one is refused where the policy is placed in it
    factors = [factor.name for factor in log.factors]
    return log.with_reward_reach(reward_reach(wrote, factors or None))


def _check_bounds(bounds: tuple[float, float] | None) -> None:
    if bounds is not None and not (math.isfinite(bounds[0]) and math.isfinite(bounds[1]) and bounds[0] < bounds[1]):
        words = "the lower number stands first, and both are finite"
        raise UsageError(f"--reward-bounds is {bounds[0]:g},{bounds[1]:g}; {words}.")


def _check_sequential(reward_model: ModelName | None, engine: Engine, *, self_test: bool) -> None:
    if self_test:
        raise UsageError("--self-test is for the one-step question; leave out --estimand sequential.")
    if reward_model != "linear":
        raise UsageError("--reward-model is for the one-step question; the sequential one fits its own models.")
    if engine != "local":
        raise UsageError(f"--engine {engine} is for the one-step question; the sequential one needs all rows at once.")
