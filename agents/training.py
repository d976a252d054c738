"""Training an agent on a scenario: what ``xbopt train`` does, whichever agent it is."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from xbopt.agents.final_figures import FinalFigures
from xbopt.agents.registry import AGENTS
from xbopt.agents.run_directory import SEEDS_FILE, RunDirectory
from xbopt.core.decisions.policy import Policy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.settings import FIRST_WORLDS
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

DEFAULT_PLAN = "planner"
TRAINING_WORLDS, VALIDATION_WORLDS, TEST_WORLDS = (
    FIRST_WORLDS["train"],
    FIRST_WORLDS["validation"],
    FIRST_WORLDS["test"],
)
"""Global numbers of the first world to train on, of the first validation world (on these it is chosen which policy is
kept), and of the first test world (on these nothing is chosen). Simulations play worlds below 100,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """What was asked of a training run; see ``train``.

    Attributes:
        agent: Name of the agent.
        seed: Seed of everything.
        steps: Decisions to learn from; None for no limit. One is a world on a decision morning, once for each way in
            which it was played on to learn from: a branch counts as one.
        time_limit_seconds: Wall-clock limit; None for none.
        plan: What decisions are relative to: a plan, or ``replan:`` and a plan; the planner's where None.
        options: The agent's own options, by name.
        judge_seed: Seed of the luck in validation and test worlds; that of the run where None.
    """

    agent: str
    seed: int = 0
    steps: int | None = None
    time_limit_seconds: float | None = None
    plan: str | None = None
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    judge_seed: int | None = None

    @property
    def judged_with(self) -> int:
        """Seed of the luck in validation and test worlds."""
        return self.seed if self.judge_seed is None else self.judge_seed

    def reached(self, steps: int, seconds: float) -> str:
        """Which limit is reached, ``steps`` or ``time``; empty text where none is."""
        if self.steps is not None and steps >= self.steps:
            return "steps"
        return "time" if self.time_limit_seconds is not None and seconds >= self.time_limit_seconds else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """Where a run stands.

    Attributes:
        done_frac: Share of the limit that is used up, 0..1.
        steps: Decisions learnt from.
        gain_base: Validation reward of the current policy above that of the policy to beat, base currency.
        best_gain_base: The same of the policy that is kept.
        share_of_plan: Validation reward of the current policy over that of the policy to beat.
        seconds_left: At most this long still; NaN where nothing says.
    """

    done_frac: float
    steps: int
    gain_base: float
    best_gain_base: float
    share_of_plan: float
    seconds_left: float

    @classmethod
    def at(
        cls, settings: TrainingSettings, *, steps: int, seconds: float, gain_base: float, best_gain_base: float,
        planned_base: float,
    ) -> "TrainingProgress":  # fmt: skip
        """Where a run stands, if the policy to beat has a validation reward of ``planned_base``."""
        shares = [seconds / settings.time_limit_seconds] if settings.time_limit_seconds else []
        shares += [steps / settings.steps] if settings.steps else []
        done = min(max(shares), 1.0)
        return cls(
            done_frac=done,
            steps=steps,
            gain_base=gain_base,
            best_gain_base=best_gain_base,
            share_of_plan=(planned_base + gain_base) / planned_base if planned_base else float("nan"),
            seconds_left=seconds * (1.0 - done) / done if done > 0.0 else float("nan"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSummary:
    """How a run ended.

    Attributes:
        steps: Decisions learnt from.
        stopped: Why it ended: ``steps``, ``time`` or ``no improvement``.
        plan: Name of the plan.
        validation_worlds: Number of worlds on which it was chosen which policy is kept.
        gain_base: Mean reward of the kept policy on the validation worlds above that of ``anchor``, base currency.
        gain_se_base: Standard error of that mean over worlds.
        plan_reward_base: Mean reward of the plan there.
        missed: By how much the best policy misses soft constraints there; 0 where it meets them, or there are none.
        anchor: Name of the policy that gains are above: the re-planner, or the plan itself.
        over_plan_base: Mean reward of the kept policy there above that of the plan.
        over_plan_se_base: Its standard error.
        anchor_reward_base: Mean reward of ``anchor`` there.
        tolerance_base: Gains up to this are rounding.
        test: Figures from worlds that chose nothing; None where none were played.
    """

    steps: int
    stopped: str
    plan: str
    validation_worlds: int
    gain_base: float
    gain_se_base: float
    plan_reward_base: float
    missed: float = 0.0
    anchor: str = ""
    over_plan_base: float = float("nan")
    over_plan_se_base: float = float("nan")
    anchor_reward_base: float = float("nan")
    tolerance_base: float = 0.0
    test: FinalFigures | None = None

    @property
    def keeps_anchor(self) -> bool:
        """Whether the policy that was kept does what ``anchor`` does: nothing better was found."""
        return abs(self.gain_base) <= self.tolerance_base


OnProgress = Callable[[TrainingProgress], None]


class Clock:
    """Wall time of a call of ``train``, planning included, and of the whole run over all calls.

    Attributes:
        before_seconds: What earlier calls took; whoever goes on sets it.
    """

    def __init__(self) -> None:
        """Begin now."""
        self._began = time.perf_counter()
        self.before_seconds = 0.0

    @property
    def call_seconds(self) -> float:
        """Seconds of this call; a time limit is one for these."""
        return time.perf_counter() - self._began

    @property
    def run_seconds(self) -> float:
        """Seconds of the run, earlier calls included."""
        return self.before_seconds + self.call_seconds


class Training(Protocol):
    """An agent that is ready to learn; it leaves its best policy in ``run.policy``."""

    def learn(self, run: RunDirectory, on_progress: OnProgress, clock: Clock, *, resume: bool) -> TrainingSummary:
        """Train until a limit is met, or nothing gets better.

        The first thing to learn from is done whatever the time says, so that a run under a short limit gets on when it
        is resumed.

        Raises:
            PolicyError: The checkpoint to go on from is missing, damaged or does not fit.
        """
        ...


class Trainer(Protocol):
    """What makes an agent ready to learn a market; it writes nothing yet."""

    def __call__(self, market: MarketParameters, settings: TrainingSettings) -> Training:
        """Check the agent's options and set everything up.

        Raises:
            UsageError: An option makes no sense.
        """
        ...


def read_options(agent: str, options: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    """An agent's options, read as values of the same type as its defaults; texts are what a command line gives.

    Raises:
        UsageError: There is no such option, or its value cannot be read.
    """
    read: dict[str, object] = {}
    for name, value in options.items():
        if name not in defaults:
            raise UsageError(f"{agent} has no setting {name!r}.{suggest(name, defaults)}")
        kind = cast("type[str | int | float]", type(defaults[name]))
        try:
            read[name] = _flag(value) if kind is bool else kind(cast("str", value))
        except (TypeError, ValueError, KeyError):
            raise UsageError(f"{name} is {value!r}; a value like {defaults[name]!r} is wanted.") from None
    return read


_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _flag(value: object) -> bool:
    """A flag as people write it.

    Raises:
        KeyError: It is none.
    """
    return _FLAGS[str(value).strip().lower()]


def trained_policy(run: RunDirectory, market: MarketParameters) -> Policy:
    """The best policy that a run left behind.

    Raises:
        PolicyError: The run is damaged, its agent is unknown here, or its policy does not fit the market.
        UsageError: The agent's libraries are missing.
    """
    agent = str(run.config().get("agent"))
    if agent not in AGENTS:
        raise PolicyError(f"The run in {run.path} is of an agent {agent!r}, which this version of xbopt does not know.")
    load = cast("Callable[[Path, MarketParameters], Policy]", _loaded(AGENTS[agent].loader))
    return load(run.policy, market)


def _loaded(place: str) -> object:
    module, name = place.split(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise UsageError(f"This needs {error.name}, which is not installed: pip install 'xbopt[rl]'") from error


def check_agent(agent: str) -> None:
    """Refuse a name that is no agent's.

    Raises:
        UsageError: It is none.
    """
    if agent not in AGENTS:
        raise UsageError(f"There is no agent {agent!r}.{suggest(agent, AGENTS)} Agents: {', '.join(AGENTS)}.")


def train(
    scenario: Scenario | str | Path,
    agent: str,
    out: Path | str,
    *,
    steps: int | None = None,
    time_limit_seconds: float | None = None,
    seed: int = 0,
    plan: str | None = None,
    options: Mapping[str, object] | None = None,
    judge_seed: int | None = None,
    resume: bool = False,
    on_progress: OnProgress | None = None,
) -> TrainingSummary:
    """Train an agent, and leave everything about the run in a folder.

    Args:
        scenario: A loaded scenario, a path, or the name of a shipped one.
        agent: Name of the agent: one of ``xbopt.agents.registry.AGENTS``.
        out: The run's folder; new, unless ``resume``.
        steps: Decisions to learn from, see ``TrainingSettings``; whole batches are played, so the last one may go
            beyond. Without any limit an agent would go on until nothing gets better, so ``steps`` or
            ``time_limit_seconds`` has to be given.
        time_limit_seconds: Wall-clock limit.
        seed: Seed of everything: worlds, noise, the network's first weights, exploration.
        plan: Name of the built-in plan that decisions are relative to, or a plan's file; ``replan:`` and either is the
            re-planner of that plan. A bandit learns around the re-planner of a plan, and PPO around a plan itself, but
            around the re-planner of the planner's, which is taken where this is left out.
        options: The agent's own options, by name; see ``docs/training.md``.
        judge_seed: Seed of the luck in validation and test worlds, ``seed`` where left out: runs of several seeds that
            share it are judged on the same worlds.
        resume: Go on with the run that is there.
        on_progress: Called after every evaluation.

    Raises:
        ScenarioError: The scenario cannot be used.
        UsageError: There is no such agent, an option makes no sense, or the folder holds something else.
        PolicyError: What is there to resume does not fit, or is damaged.
    """
    check_agent(agent)
    if steps is None and time_limit_seconds is None:
        raise UsageError("Say when to stop: a number of steps (--steps), a time (--time-limit), or both.")
    if steps is not None and steps < 1:
        raise UsageError(f"steps is {steps}; at least 1 is wanted.")
    if time_limit_seconds is not None and not time_limit_seconds > 0.0:
        raise UsageError(f"time_limit_seconds is {time_limit_seconds:g}; a time above 0 is wanted.")
    if seed < 0:
        raise UsageError(f"seed is {seed}; 0 or more is wanted.")
    settings = TrainingSettings(
        agent=agent,
        seed=seed,
        steps=steps,
        time_limit_seconds=time_limit_seconds,
        plan=plan,
        options=dict(options or {}),
        judge_seed=judge_seed,
    )
    loaded = scenario_of(scenario)
    run = RunDirectory.open(Path(out)) if resume else RunDirectory.empty(Path(out))
    if resume:
        if (run.path / SEEDS_FILE).is_file():
            raise UsageError(f"{run.path} holds runs of several seeds: go on with them by --seeds.")
        check_same(run.path, run.config(), loaded, settings)
    clock = Clock()
    # Nothing is written before the agent has taken every option.
    training = cast("Trainer", _loaded(AGENTS[agent].trainer))(build_market(loaded), settings)
    if not resume:
        run.create()
        run.write_scenario(loaded)
        run.write_config(as_config(loaded, settings))
    try:
        summary = training.learn(run, on_progress or (lambda _: None), clock, resume=resume)
    except OSError as error:
        raise UsageError(
            f"The run in {run.path} cannot be written on ({error.strerror or error}). Make room there, and go on with "
            "--resume."
        ) from error
    run.write_manifest(
        {
            "scenario": {"name": loaded.name, "hash": loaded.hash},
            "agent": agent,
            "seed": seed,
            "limits": {"steps": steps, "time_limit_seconds": time_limit_seconds},
            "resumed": resume,
            "wall_seconds": clock.run_seconds,
            "result": asdict(summary),
        }
    )
    return summary


def as_config(scenario: Scenario, settings: TrainingSettings) -> dict[str, object]:
    """What was asked for, as a run keeps it."""
    return {"scenario": scenario.name, "scenario_hash": scenario.hash, **asdict(settings)}


def _as_read(value: object) -> object:
    """A value however it was written: texts of a command line and Python's own values compare."""
    if isinstance(value, Mapping):
        return {name: _as_read(one) for name, one in cast("Mapping[str, object]", value).items()}
    text = str(value).strip().lower()
    try:
        return _FLAGS[text] if text in _FLAGS else float(text)
    except ValueError:
        return value


def check_same(path: Path, then: Mapping[str, object], scenario: Scenario, settings: TrainingSettings) -> None:
    """A run goes on as it began: other limits are fine, another scenario, agent, seed or option is not.

    Args:
        path: The run.
        then: What was asked for when it began.
        scenario: The scenario that is asked for now.
        settings: What else is.

    Raises:
        PolicyError: It began otherwise.
    """
    now = as_config(scenario, settings)
    for name in ("scenario_hash", "agent", "seed", "judge_seed", "plan", "options"):
        before, wanted = then.get(name), now[name]
        if name == "options":
            before, wanted = _as_read(before), _as_read(wanted)
        if before != wanted:
            raise PolicyError(
                f"The run in {path} had {name} {then.get(name)!r}, and {now[name]!r} is asked for now. "
                "Go on with what it began with, or begin a new run."
            )
