"""From ``--policy`` or ``--probabilities`` to a policy that can be asked about the decisions of a log."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError, UsageError

if TYPE_CHECKING:
    from xbopt.core.decisions.policy import ContextPolicy
    from xbopt.ope.logs.open_log import EvaluationLog
    from xbopt.ope.logs.policies import LogPolicy

HOW_TO_GIVE_PROBABILITIES = (
    "Any policy can be evaluated from a file of its probabilities: write the columns decision_id, action and "
    "probability for the decisions of this log, and give it with --probabilities FILE."
)
NEEDS_MORE = (
    "reads more than the context of single decisions, so it cannot be asked about a log that another policy wrote. "
    "Let it "
    "write a log itself (xbopt simulate SCENARIO --policy POLICY --exploration 0.3 --log FILE) and ask what it earns "
    f"with less exploration: xbopt evaluate FILE --policy logging --exploration 0. {HOW_TO_GIVE_PROBABILITIES}"
)
_NOTES = {"uniform": ("uniform: each action of the log with the same probability.",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyIdentity:
    """Which policy was evaluated.

    Attributes:
        name: Its name.
        kind: Built in, a file, a run directory or a bundle.
        sha256: Hash of the file or folder; of the name, for a policy that is its name.
    """

    name: str
    kind: str
    sha256: str

    @classmethod
    def of_name(cls, name: str, kind: str) -> "PolicyIdentity":
        """A policy that its name says everything about."""
        return cls(name=name, kind=kind, sha256=hashlib.sha256(name.encode()).hexdigest())

    @classmethod
    def of_path(cls, path: Path, kind: str, *, name: str = "") -> "PolicyIdentity":
        """A policy in a file, or in a folder of files."""
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        total = hashlib.sha256()
        for file in files:
            inside = file.relative_to(path).as_posix() if path.is_dir() else ""
            total.update(f"{inside}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
        return cls(name=name or path.name, kind=kind, sha256=total.hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPolicy:
    """A policy to evaluate.

    Attributes:
        policy: Answers for the rows of the log.
        labels: Names of all actions ``(K,)``, the log's first.
        identity: What the certificate says it is.
        notes: What to know about it.
    """

    policy: "LogPolicy"
    labels: tuple[str, ...]
    identity: PolicyIdentity
    notes: tuple[str, ...] = ()


def from_probabilities(path: Path, log: "EvaluationLog") -> ChosenPolicy:
    """The policy that a file of probabilities is.

    Raises:
        DecisionLogError: The file is broken or does not fit the log.
    """
    from xbopt.ope.logs.joining import ROUNDING
    from xbopt.ope.logs.probabilities import open_probabilities

    file = open_probabilities(path, log)
    notes = [f"Probabilities of a key that sum to 1 within {ROUNDING:g} are divided by their sum; others are refused."]
    if file.never_logged:
        notes.append(f"Actions that were never logged: {', '.join(file.never_logged)}.")
    return ChosenPolicy(
        policy=file,
        labels=file.labels,
        identity=PolicyIdentity.of_path(path, "probabilities file"),
        notes=tuple(notes),
    )


def from_name(name: str, log: "EvaluationLog", *, scenario: str | None, exploration: float | None) -> ChosenPolicy:
    """The policy that ``--policy`` means.

    Raises:
        PolicyError: There is no such policy, or it cannot be asked about this log.
        UsageError: The log needs a scenario, or has none.
    """
    from xbopt.agents.policies import BUILT_IN, REACTING
    from xbopt.ope.logs.policies import ALWAYS, named_policy

    known = named_policy(name, log, exploration=exploration)
    if known is not None:
        _no_scenario(name, scenario)
        if exploration is not None and name != "logging":
            raise UsageError(f"--exploration is for plans and for logging; the policy {name} has none.")
        notes = _NOTES.get(known.name, ())
        identity = PolicyIdentity.of_name(known.name, "built in")
        return ChosenPolicy(policy=known, labels=log.action_labels, identity=identity, notes=notes)
    path = Path(name)
    is_plan_file = path.suffix.lower() == ".csv" and scenario is not None
    if name in BUILT_IN or is_plan_file:
        return _plan(name, log, scenario, exploration or 0.0)
    if name in REACTING or path.exists():
        raise PolicyError(f"{name} {NEEDS_MORE}")
    names = ("uniform", "logging", f"{ALWAYS}ACTION", *(plan for plan in BUILT_IN if plan != "uniform"))
    raise PolicyError(f"There is no policy {name!r}.{suggest(name, names)} Known: {', '.join(names)}.")


def _plan(name: str, log: "EvaluationLog", scenario: str | None, exploration: float) -> ChosenPolicy:
    from xbopt.agents.policies import BUILT_IN, built_in_policy
    from xbopt.core.scenario.loading import load_scenario
    from xbopt.core.scenario.plan_table import read_plan
    from xbopt.simulator.build import build_market
    from xbopt.studies.plan_on_log import PlanFromContext

    if not (log.own and log.scenario_hash):
        raise PolicyError(
            f"{name} is a plan for a scenario of xbopt, and this log was written in another market: what the plan "
            f"would have done there is not known. {HOW_TO_GIVE_PROBABILITIES}"
        )
    if scenario is None:
        raise UsageError(
            f"{name} is a plan for a scenario. Say which one wrote the log: --scenario NAME or FILE (its hash is "
            f"{log.scenario_hash})."
        )
    loaded = load_scenario(scenario)
    if loaded.hash != log.scenario_hash:
        raise PolicyError(
            f"The log was written in a scenario with the hash {log.scenario_hash}; {loaded.name} has {loaded.hash}. A "
            "plan can only be placed in the scenario that wrote the log, unchanged."
        )
    if loaded.menu.labels != log.action_labels:
        raise PolicyError(f"The log's actions are not the tactics of {loaded.name}.")
    own = built_in_policy(name, build_market(loaded)) if name in BUILT_IN else read_plan(name, loaded)
    plan = PlanFromContext(plan=own, scenario=loaded, exploration=exploration)
    note = f"{name} is translated to the tactic menu of {loaded.name}: in each cell the nearest tactic" + (
        f", and {exploration:.0%} of the decisions at random." if exploration else "."
    )
    identity = (
        PolicyIdentity.of_name(f"{plan.name}|{loaded.hash}", "built in")
        if name in BUILT_IN
        else PolicyIdentity.of_path(Path(name), "plan file")
    )
    return ChosenPolicy(
        policy=_asked(plan, log),
        labels=log.action_labels,
        identity=PolicyIdentity(name=plan.name, kind=identity.kind, sha256=identity.sha256),
        notes=(note,),
    )


def _asked(policy: "ContextPolicy", log: "EvaluationLog") -> "LogPolicy":
    from xbopt.ope.logs.policies import FromContext

    return FromContext(policy=policy, names=log.context_names, n_actions=len(log.action_labels))


def _no_scenario(name: str, scenario: str | None) -> None:
    if scenario is not None:
        raise UsageError(f"--scenario is for plans; the policy {name} needs none.")
