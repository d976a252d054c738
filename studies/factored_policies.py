"""From ``--policy`` to a policy that can be asked about a log whose decisions are made of factors."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.policies import BUILT_IN, NAMES, called, mark_of, planned_under, policy_from
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import trained_policy
from xbopt.core.decision_log.observations import StandAloneFactoredPolicy
from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy, anchor_name
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.plan_table import is_plan_file
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.decision_book import OTHER_ANCHOR, first_wish, same_wish
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.factor_policies import levels_by_name, named_factor_policy, open_factor_probabilities
from xbopt.ope.logs.log_policy import LogPolicy, PolicyIdentity
from xbopt.ope.logs.rows import OwnRows
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.logged_policies import BUNDLE_IN_PYTHON, scenario_of_log
from xbopt.studies.observed_policies import axes_of, from_observation, standing_alone

_HOW_CHECKED = "with --scenario the first morning of a built-in policy or a plan's file is held against the log's."


def factored_policy(
    policy: object,
    probabilities: object,
    log: EvaluationLog,
    *,
    scenario: str | Scenario | None = None,
    exploration: float | None = None,
) -> LogPolicy:
    """What is asked about a log of factors.

    Args:
        policy: A name, the folder of a run, a ``FactoredPolicy``, an object that answers for the rows, or shares by
            factor and level; None with ``probabilities``.
        probabilities: A file or table with the columns factor, level and probability; None without.
        log: The log.
        scenario: The scenario that wrote it.
        exploration: Share of each factor one notch aside, of a run, an object, or the policy that notches are around.

    Raises:
        PolicyError: There is no such policy, or it cannot be asked about this log.
        UsageError: Options do not fit each other.
        DecisionLogError: A file is broken.
    """
    if probabilities is not None:
        return open_factor_probabilities(probabilities, log)
    if isinstance(policy, str | Path):
        return _named(str(policy), log, scenario, exploration)
    if isinstance(policy, FactoredPolicy):
        return _from_object(policy, log, scenario, exploration)
    if isinstance(policy, LogPolicy):
        return policy
    if isinstance(policy, Mapping):
        given = cast("Mapping[str, object]", policy)
        if all(isinstance(shares, Mapping) for shares in given.values()):
            shares = cast("Mapping[str, Mapping[str, float]]", policy)
            identity = PolicyIdentity.of_name(repr(sorted(shares.items())), "object of a program")
            return levels_by_name(shares, log, name="shares by factor", identity=replace(identity, name="shares"))
    kind = type(cast("object", policy)).__name__
    raise PolicyError(
        f"A {kind} cannot be asked about decisions that are made of factors. Give a policy whose decisions are, or "
        "shares by factor and level: {'discount': {'+0 points': 1.0}, ...}."
    )


def _named(name: str, log: EvaluationLog, scenario: str | Scenario | None, exploration: float | None) -> LogPolicy:
    known = named_factor_policy(called(name), log, exploration=exploration)
    if known is not None:
        loaded = None if scenario is None else scenario_of_log(name, log, scenario)  # has to be the one that wrote it
        return known if called(name) != anchor_of(log) else _checked_by_name(name, known, loaded, log)
    path, around = Path(name), anchor_of(log)
    if (path / "config.yaml").is_file():
        return _run(path, log, scenario, exploration)
    if path.suffix == ".xbopt" or (path / "manifest.json").is_file():
        raise PolicyError(f"{name} {BUNDLE_IN_PYTHON}")
    notches = f"notches around {around}" if around else "made of factors"
    if name in NAMES:
        raise PolicyError(
            f"The decisions of this log are {notches}; what {name} would have decided is not among them. Ask for "
            f"{around or 'logging'}, or log {name} itself: xbopt simulate SCENARIO --policy {name} --by factors --log "
            "FILE."
        )
    names = tuple(filter(None, (around, "uniform", "logging", "shadow:NAME")))
    raise PolicyError(
        f"There is no policy {name!r} for a log whose decisions are {notches}.{suggest(name, names)} Known: "
        f"{', '.join(names)}; the folder of a run with such decisions; --probabilities FILE with the columns factor, "
        "level and probability."
    )


def _checked_by_name(name: str, known: LogPolicy, scenario: Scenario | None, log: EvaluationLog) -> LogPolicy:
    """The anchor of a log, asked for by its name, or by the file that it came from.

    A file is held against the log's mark; without one, and for a built-in policy, the first morning's wish is.

    Raises:
        PolicyError: Another plan lies under the policy of that name.
    """
    plan, stated = planned_under(name), _mark(log)
    own = mark_of(name)
    if not own and name != anchor_of(log) and is_plan_file(plan):
        raise PolicyError(f"{plan}: there is no such file. Without a folder, {called(name)} is the log's own anchor.")
    if own and stated:
        if own != stated:
            raise PolicyError(OTHER_ANCHOR.format(name, anchor_of(log)))
        return known
    if scenario is not None and (plan in BUILT_IN or Path(plan).is_file()) and _states_wish(log):
        market = build_market(scenario)
        asked = policy_from(name, market)
        if isinstance(asked, DirectPolicy):
            _check_anchor(FactoredDirect.of(asked, market), market, log)
            return known
    return replace(known, notes=(*known.notes, f"That the log's anchor is {name} is the log's word; {_HOW_CHECKED}"))


def _run(path: Path, log: EvaluationLog, scenario: str | Scenario | None, exploration: float | None) -> LogPolicy:
    if scenario is not None:
        raise UsageError(f"--scenario is for built-in policies; the run in {path} knows its own.")
    run = RunDirectory.open(path)
    loaded = run.scenario()
    market = build_market(loaded)
    policy = trained_policy(run, market)
    if not isinstance(policy, FactoredPolicy):
        raise PolicyError(
            f"{policy.name} of {path} chooses no levels of factors, and the decisions of this log are made of them. "
            f"Let it write a log of its own: xbopt simulate SCENARIO --policy {path} --exploration 0.4 --log FILE."
        )
    _check_anchor(policy, market, log)
    asked = policy if exploration is None else policy.exploring(exploration)
    found = from_observation(
        asked,
        log,
        axes_of(loaded),
        scenario_hash=loaded.hash,
        name=asked.name,
        identity=replace(PolicyIdentity.of_path(run.policy, "run directory"), name=asked.name),
    )
    return replace(found, notes=(f"{found.name} is the policy of the training run {path}.",))


def _from_object(
    policy: FactoredPolicy, log: EvaluationLog, scenario: str | Scenario | None, exploration: float | None
) -> LogPolicy:
    if isinstance(policy, StandAloneFactoredPolicy):
        return standing_alone(policy, log, scenario, exploration)
    loaded = scenario_of_log(policy.name, log, scenario)
    _check_anchor(policy, build_market(loaded), log)
    asked = policy if exploration is None else policy.exploring(exploration)
    identity = PolicyIdentity.of_name(f"{asked.name}|{anchor_name(asked)}", "object of a program")
    return from_observation(
        asked,
        log,
        axes_of(loaded),
        scenario_hash=loaded.hash,
        name=asked.name,
        identity=replace(identity, name=asked.name),
    )


def _check_anchor(policy: FactoredPolicy, market: MarketParameters, log: EvaluationLog) -> None:
    """Refuse a policy around another anchor of the same name, as one made from another plan.

    Raises:
        PolicyError: It wishes something else on the first morning.
    """
    stated = log.converter.schema.anchor_spend if isinstance(log.converter, OwnRows) else ()
    if anchor_of(log) == anchor_name(policy) and not same_wish(first_wish(policy, market), stated):
        raise PolicyError(OTHER_ANCHOR.format(policy.name, anchor_of(log)))


def _mark(log: EvaluationLog) -> str:
    return log.converter.schema.anchor_mark if isinstance(log.converter, OwnRows) else ""


def _states_wish(log: EvaluationLog) -> bool:
    return isinstance(log.converter, OwnRows) and bool(log.converter.schema.anchor_spend)


def anchor_of(log: EvaluationLog) -> str:
    """The policy that the log's notches are around; empty where nobody says."""
    return log.converter.schema.anchor if isinstance(log.converter, OwnRows) else ""
