"""From ``--policy`` to a policy that can be asked about the decisions of a log."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xbopt.agents.exploration import ExploringPolicy, over_the_menu
from xbopt.agents.policies import BUILT_IN, NAMES, REACTING, built_in_policy, policy_from
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import trained_policy
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decision_log.observations import StandAlonePolicy
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import DirectPolicy, Observation, Policy, PolicyKind, TacticPolicy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_table import is_plan_file, read_plan
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.observation import CELL_FEATURES, CHANNEL_FEATURES, REGION_FEATURES
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.log_policy import LogPolicy, PolicyIdentity
from xbopt.ope.logs.policies import ALWAYS, FromContext, named_policy
from xbopt.ope.logs.shadows import SHADOWS
from xbopt.simulator.build import build_market
from xbopt.studies.observed_policies import axes_of, from_observation

HOW_TO_GIVE_PROBABILITIES = (
    "Any policy can be evaluated from a file of its probabilities: write the columns decision_id, action and "
    "probability for the decisions of this log, and give it with --probabilities FILE."
)
BUNDLE_IN_PYTHON = (
    "is a bundle: load it with BundlePolicy.load(path) of xbopt.service, and give what you get as the policy."
)


def from_name(name: str, log: EvaluationLog, *, scenario: str | None, exploration: float | None) -> LogPolicy:
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
    if name in BUILT_IN or (is_plan_file(path) and scenario is not None):
        return _plan(name, log, scenario, exploration or 0.0)
    if name in REACTING:
        loaded = scenario_of_log(name, log, scenario)
        identity = PolicyIdentity.of_name(f"{name}|{loaded.hash}")
        return _over_the_menu(policy_from(name, build_market(loaded)), log, loaded, exploration, identity)
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
    policy: TacticPolicy, log: EvaluationLog, *, scenario: str | None, exploration: float | None
) -> LogPolicy:
    """A policy of the market, to be asked about a log.

    Raises:
        PolicyError: It cannot be asked about this log, or cannot explore.
        UsageError: Its scenario is missing.
    """
    if isinstance(policy, StandAlonePolicy):
        if scenario is not None or exploration is not None:
            raise UsageError(f"{policy.name} brings its scenario and its exploration; give none.")
        return from_observation(
            policy,
            log,
            policy.axes,
            scenario_hash=policy.scenario_hash,
            name=policy.name,
            identity=PolicyIdentity(name=policy.name, kind=policy.kind, sha256=policy.sha256),
            notes=policy.notes,
        )
    loaded = scenario_of_log(policy.name, log, scenario)
    return _over_the_menu(policy, log, loaded, exploration, PolicyIdentity.of_name(policy.name, "object of a program"))


def _run(path: Path, log: EvaluationLog, scenario: str | None, exploration: float | None) -> LogPolicy:
    if scenario is not None:
        raise UsageError(f"--scenario is for plans; the run in {path} knows its own.")
    run = RunDirectory.open(path)
    loaded = run.scenario()
    identity = PolicyIdentity.of_path(run.policy, "run directory")
    found = _over_the_menu(trained_policy(run, build_market(loaded)), log, loaded, exploration, identity)
    return replace(found, notes=(f"{found.name} is the policy of the training run {path}.", *found.notes))


def _over_the_menu(
    policy: Policy, log: EvaluationLog, scenario: Scenario, exploration: float | None, identity: PolicyIdentity
) -> LogPolicy:
    """A policy of a scenario, asked from what the log says was seen."""
    asked = over_the_menu(policy, scenario, exploration)
    is_plan = isinstance(policy, DirectPolicy)
    name = policy.name if is_plan and not exploration else asked.name
    note = f"{policy.name} is translated to the tactic menu of {scenario.name}: in each cell the nearest tactic."
    return from_observation(
        asked,
        log,
        axes_of(scenario),
        scenario_hash=scenario.hash,
        name=name,
        identity=replace(identity, name=name),
        notes=(note,) if is_plan else (),
    )


def scenario_of_log(name: str, log: EvaluationLog, scenario: str | None) -> Scenario:
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
    loaded = load_scenario(scenario)
    if loaded.hash != log.scenario_hash:
        raise PolicyError(
            f"The log was written in a scenario with the hash {log.scenario_hash}; {loaded.name} has {loaded.hash}. A "
            "policy can only be placed in the scenario that wrote the log, unchanged."
        )
    return loaded


def _plan(name: str, log: EvaluationLog, scenario: str | None, exploration: float) -> LogPolicy:
    loaded = scenario_of_log(name, log, scenario)
    if loaded.menu.labels != log.action_labels:
        raise PolicyError(f"The log's actions are not the tactics of {loaded.name}.")
    schedule = built_in_policy(name, build_market(loaded)) if name in BUILT_IN else read_plan(name, loaded)
    plan = PlanFromContext(plan=schedule, scenario=loaded, exploration=exploration)
    note = f"{name} is translated to the tactic menu of {loaded.name}: in each cell the nearest tactic" + (
        f", and {exploration:.0%} of the decisions at random." if exploration else "."
    )
    if name in BUILT_IN:
        identity = replace(PolicyIdentity.of_name(f"{plan.name}|{loaded.hash}"), name=plan.name)
    else:
        identity = PolicyIdentity.of_path(Path(name), "plan file", name=plan.name)
    return FromContext(
        name=plan.name,
        notes=(note, *schedule.notes),
        identity=identity,
        policy=plan,
        names=log.context_names,
        n_actions=len(log.action_labels),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFromContext:
    """A plan that is fixed from the first day on, translated to the tactic menu, as a policy of the context.

    Which tactic is nearest to the plan depends on the day, on the money that is left, and on the cell. A decision log
    of the simulator holds all three: ``time_left``, ``budget_left``, and the cell's region and segment.

    Attributes:
        plan: The plan.
        scenario: The scenario that wrote the log.
        exploration: Share of uniform exploration, 0..1.
    """

    plan: ScheduledPolicy
    scenario: Scenario
    exploration: float

    @property
    def name(self) -> str:
        """Name in reports: the plan's, and its exploration if it has any."""
        return self._exploring.name if self.exploration else self.plan.name

    @property
    def kind(self) -> PolicyKind:
        """The plan's kind."""
        return self.plan.kind

    @property
    def _exploring(self) -> ExploringPolicy:
        return ExploringPolicy(plan=self.plan, scenario=self.scenario, exploration=self.exploration)

    def probabilities_from_context(self, context: FloatArray, names: tuple[str, ...]) -> FloatArray:
        """Probability of each tactic ``(n, K)`` given contexts ``(n, d)``.

        Raises:
            PolicyError: The context is not that of a decision log of this scenario.
        """
        scenario = self.scenario
        region = self._cell(context, names, [f"region_{name}" for name in scenario.regions])
        segment = self._cell(context, names, [f"segment_{name}" for name in scenario.segments])
        day_float = scenario.days * (1.0 - self._column(context, names, "time_left"))
        day = np.rint(day_float).astype(np.int64)
        if not (np.abs(day_float - day) < 1e-6).all() or day.min(initial=0) < 0 or day.max(initial=0) >= scenario.days:
            raise PolicyError(f"time_left does not fit the {scenario.days} days of scenario {scenario.name}.")
        budget_left = self._column(context, names, "budget_left")
        answer = np.empty((len(context), len(scenario.menu)))
        for today in np.unique(day).tolist():
            rows = np.flatnonzero(day == today)
            levels, world = np.unique(budget_left[rows], return_inverse=True)
            table = self._exploring.probabilities(self._observation(today, levels * scenario.limits.total_base))
            answer[rows] = table[world, region[rows], segment[rows]]
        return answer

    def _observation(self, day: int, budget_base: FloatArray) -> Observation:
        """A morning of which the day and the money left are known, and nothing else: a fixed plan asks for no more."""
        scenario, worlds = self.scenario, len(budget_base)
        regions, segments, channels, _ = scenario.shape
        return Observation(
            day=day,
            days=scenario.days,
            date=scenario.date_of(day),
            remaining=Remaining(
                budget_base=budget_base,
                region_base=np.full((worlds, regions), np.nan),
                channel_base=np.full((worlds, channels), np.nan),
            ),
            regions=np.full((worlds, regions, len(REGION_FEATURES)), np.nan),
            cells=np.full((worlds, regions, segments, len(CELL_FEATURES)), np.nan),
            channels=np.full((worlds, regions, segments, channels, len(CHANNEL_FEATURES)), np.nan),
            region_names=REGION_FEATURES,
            cell_names=CELL_FEATURES,
            channel_names=CHANNEL_FEATURES,
        )

    def _column(self, context: FloatArray, names: tuple[str, ...], name: str) -> FloatArray:
        if name not in names:
            raise PolicyError(
                f"The log's context has no field {name!r}, so the plan {self.plan.name} cannot be placed in it; it is "
                f"no log of the scenario {self.scenario.name}."
            )
        return context[:, names.index(name)]

    def _cell(self, context: FloatArray, names: tuple[str, ...], columns: list[str]) -> IntArray:
        marks = np.stack([self._column(context, names, column) for column in columns], axis=1)
        if not bool(((marks == 1.0).sum(axis=1) == 1).all()):
            raise PolicyError(f"The columns {', '.join(columns)} should mark exactly one cell in each row.")
        return np.argmax(marks, axis=1)
