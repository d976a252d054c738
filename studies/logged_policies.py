"""From ``--policy`` to a policy that can be asked about the decisions of a log."""

from dataclasses import replace
from pathlib import Path

from xbopt.agents.exploration import ExploringPolicy, over_the_menu
from xbopt.agents.policies import NAMES, mark_of, planned_under, policy_from, reacts
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import trained_policy
from xbopt.core.decision_log.observations import StandAlonePolicy
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import FactoredPolicy, Policy, TacticPolicy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.plan_table import is_plan_file
from xbopt.core.scenario.scenario import Scenario
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.log_policy import LogPolicy, PolicyIdentity
from xbopt.ope.logs.policies import ALWAYS, FixedProbabilities, named_policy
from xbopt.ope.logs.shadows import SHADOWS
from xbopt.simulator.build import build_market
from xbopt.studies.observed_policies import axes_of, from_observation, standing_alone

HOW_TO_GIVE_PROBABILITIES = (
    "Any policy can be evaluated from a file of its probabilities: write the columns decision_id, action and "
    "probability for the decisions of this log, and give it with --probabilities FILE."
)
BUNDLE_IN_PYTHON = (
    "is a bundle: load it with BundlePolicy.load(path) of xbopt.service, and give what you get as the policy."
)


def from_name(
    name: str, log: EvaluationLog, *, scenario: str | Scenario | None, exploration: float | None
) -> LogPolicy:
    """The policy that ``--policy`` means.

    Raises:
        PolicyError: There is no such policy, or it cannot be asked about this log.
        UsageError: The log needs a scenario, or has none.
        SupportError: The log does not tell what is exploration and what the policy's own choice.
    """
    known = named_policy(name, log, exploration=exploration)
    if known is not None:
        if scenario is not None:
            raise UsageError(f"--scenario is for plans; the policy {name} needs none.")
        if exploration is not None and name != "logging":
            raise UsageError(f"--exploration is for plans, runs and logging; the policy {name} takes none.")
        return known
    path = Path(name)
    if path.suffix == ".npz":
        # Its module compiles the bandits' arithmetic, which other policies do without.
        from xbopt.studies.saved_bandits import saved_bandit

        return saved_bandit(path, log)
    if planned_under(name) in NAMES or (is_plan_file(path) and scenario is not None):
        return _named(name, log, scenario, exploration)
    if (path / "config.yaml").is_file():
        return _run(path, log, scenario, exploration)
    if path.suffix == ".xbopt" or (path / "manifest.json").is_file():
        raise PolicyError(f"{name} {BUNDLE_IN_PYTHON}")
    if path.exists():
        raise PolicyError(
            f"{name} is no training run, no bundle, and no plan's file with --scenario. {HOW_TO_GIVE_PROBABILITIES}"
        )
    names = ("uniform", "logging", f"{ALWAYS}ACTION", f"{SHADOWS}NAME", *NAMES)
    raise PolicyError(
        f"There is no policy {name!r}.{suggest(name, names)} Known: {', '.join(dict.fromkeys(names))}; the folder of a "
        "training run; a bundle."
    )


def from_object(
    policy: TacticPolicy, log: EvaluationLog, *, scenario: str | Scenario | None, exploration: float | None
) -> LogPolicy:
    """A policy of the market, to be asked about a log.

    Raises:
        PolicyError: It cannot be asked about this log, or cannot explore.
        UsageError: Its scenario is missing.
    """
    if isinstance(policy, StandAlonePolicy):
        return standing_alone(policy, log, scenario, exploration)
    loaded = scenario_of_log(policy.name, log, scenario)
    return _over_the_menu(policy, log, loaded, exploration, PolicyIdentity.of_name(policy.name, "object of a program"))


def _run(path: Path, log: EvaluationLog, scenario: str | Scenario | None, exploration: float | None) -> LogPolicy:
    if scenario is not None:
        raise UsageError(f"--scenario is for plans; the run in {path} knows its own.")
    run = RunDirectory.open(path)
    loaded = run.scenario()
    identity = PolicyIdentity.of_path(run.policy, "run directory")
    policy = trained_policy(run, build_market(loaded))
    found = _over_the_menu(policy, log, loaded, exploration, identity, mark=mark_of(str(path)))
    return replace(found, notes=(f"{found.name} is the policy of the training run {path}.", *found.notes))


def _named(name: str, log: EvaluationLog, scenario: str | Scenario | None, exploration: float | None) -> LogPolicy:
    """A built-in policy or a plan's file."""
    loaded = scenario_of_log(name, log, scenario)
    policy = policy_from(name, build_market(loaded))
    asked = over_the_menu(policy, loaded, exploration) if exploration else None
    shown, labels = (policy.name, ()) if asked is None else (asked.name, log.action_labels)
    plan = planned_under(name)
    if plan in NAMES:
        identity = PolicyIdentity.of_built_in(shown, loaded.hash, labels=labels)
    else:
        identity = PolicyIdentity.of_path(Path(plan), "plan file")
        if reacts(name):  # another policy than the plan that it starts from
            identity = PolicyIdentity.of_name(f"{policy.name}|{identity.sha256}", "plan file")
    return _over_the_menu(policy, log, loaded, exploration, identity, mark=mark_of(name))


def _over_the_menu(
    policy: Policy,
    log: EvaluationLog,
    scenario: Scenario,
    exploration: float | None,
    identity: PolicyIdentity,
    *,
    mark: str = "",
) -> LogPolicy:
    """A policy of a scenario, asked about a log of that scenario."""
    asked = over_the_menu(policy, scenario, exploration, mark=mark)
    if isinstance(asked, FactoredPolicy):
        raise PolicyError(f"{asked.name} decides by factors, and the actions of this log are tactics of a menu.")
    if isinstance(asked, ExploringPolicy):
        return _of_its_own_log(asked, log, scenario, identity)
    return from_observation(
        asked,
        log,
        axes_of(scenario),
        scenario_hash=scenario.hash,
        name=asked.name,
        identity=replace(identity, name=asked.name),
    )


def _of_its_own_log(
    asked: ExploringPolicy, log: EvaluationLog, scenario: Scenario, identity: PolicyIdentity
) -> FixedProbabilities:
    """A policy that names its decisions, about a log of tactics around itself: its own is always the neutral one.

    Raises:
        PolicyError: The log was made around another policy, or in another scenario.
    """
    policy, labels = asked.plan, asked.menu.labels
    own = labels[asked.menu.neutral]
    if log.scenario_hash != scenario.hash:
        raise PolicyError(
            f"{policy.name} was made for a scenario with the hash {scenario.hash}; the log was written in one with "
            f"{log.scenario_hash or 'none'}."
        )
    if labels != log.action_labels:
        raise PolicyError(
            f"{policy.name} decides in amounts, and none of this log's actions is {own!r} (the first is "
            f"{log.action_labels[0]!r}): the log was made around another policy, and the nearest of its tactics would "
            f"be another policy than {policy.name}. Log {policy.name} itself: xbopt simulate SCENARIO --policy POLICY "
            "--log FILE; or play both: xbopt compare."
        )
    name = asked.name if asked.exploration else policy.name
    notes = (f"{policy.name}'s own choice is the log's tactic {own!r} in every cell: the log was made around it.",)
    return FixedProbabilities(
        name=name,
        notes=(*notes, *(policy.notes if isinstance(policy, ScheduledPolicy) else ())),
        identity=replace(identity, name=name),
        shares=tuple(float(share) for share in asked.shares),
    )


def scenario_of_log(name: str, log: EvaluationLog, scenario: str | Scenario | None) -> Scenario:
    """The scenario that wrote the log."""
    if not (log.own and log.scenario_hash):
        raise PolicyError(
            f"{name} is a policy for a scenario of xbopt, and this log was written in another market: what it "
            f"would have done there is not known. {HOW_TO_GIVE_PROBABILITIES}"
        )
    if scenario is None:
        raise UsageError(
            f"{name} is a policy for a scenario. Say which one wrote the log: --scenario NAME or FILE (its hash is "
            f"{log.scenario_hash})."
        )
    loaded = scenario_of(scenario)
    if loaded.hash != log.scenario_hash:
        raise PolicyError(
            f"The log was written in a scenario with the hash {log.scenario_hash}; {loaded.name} has {loaded.hash}. A "
            "policy can only be placed in the scenario that wrote the log, unchanged."
        )
    return loaded
