"""Training an agent on a scenario: what ``xbopt train`` does, whichever agent it is."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from xbopt.agents.run_directory import RunDirectory
from xbopt.core.decisions.policy import Policy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters


@dataclass(frozen=True, slots=True)
class Agent:
    """Where an agent's code is; it is loaded when it is asked for.

    Attributes:
        trainer: ``module:function`` of a ``Trainer``.
        loader: ``module:function`` that reads a trained policy from a folder, for a market.
    """

    trainer: str
    loader: str


_BANDIT = Agent("xbopt.agents.bandits.market_training:train_bandit", "xbopt.agents.bandits.market_saved:load_policy")
AGENTS: Mapping[str, Agent] = {
    "ppo": Agent("xbopt.agents.ppo.trainer:train_ppo", "xbopt.agents.ppo.policy:load_policy"),
    "epsilon_greedy": _BANDIT,
    "lin_ucb": _BANDIT,
    "lin_ts": _BANDIT,
    "square_cb": _BANDIT,
    "fast_cb": _BANDIT,
    "neural_linear": _BANDIT,
}
"""Every agent that can be trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """What was asked of a training run.

    Attributes:
        agent: Name of the agent.
        seed: Seed of everything: worlds, noise, the network's first weights, exploration.
        steps: Decisions to learn from, counted in worlds times steps; None for no limit.
        seconds: Wall-clock limit; None for none.
        plan: Name of the plan that decisions are relative to and that the agent is measured against; the agent's own
            choice where None.
        options: The agent's own options, by name.
    """

    agent: str
    seed: int = 0
    steps: int | None = None
    seconds: float | None = None
    plan: str | None = None
    options: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """Where a run stands.

    Attributes:
        done_frac: Share of the limit that is used up, 0..1.
        steps: Decisions learnt from.
        gain_base: Held-out reward of the current policy above the plan's, base currency.
        best_gain_base: The same of the policy that is kept.
        share_of_plan: Held-out reward of the current policy over the plan's.
        seconds_left: At most this long still; NaN where nothing says.
    """

    done_frac: float
    steps: int
    gain_base: float
    best_gain_base: float
    share_of_plan: float
    seconds_left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSummary:
    """How a run ended.

    Attributes:
        steps: Decisions learnt from.
        stopped: Why it ended: ``steps``, ``time`` or ``no improvement``.
        plan: Name of the plan.
        held_out_worlds: Worlds of the held-out set.
        gain_base: Mean held-out reward of the best policy above the plan's, base currency.
        gain_se_base: Standard error of that mean over worlds.
        plan_reward_base: Mean held-out reward of the plan.
        missed: By how much the best policy misses soft constraints there; 0 where it meets them, or there are none.
    """

    steps: int
    stopped: str
    plan: str
    held_out_worlds: int
    gain_base: float
    gain_se_base: float
    plan_reward_base: float
    missed: float = 0.0


Progress = Callable[[TrainingProgress], None]


class Trainer(Protocol):
    """What trains an agent. It leaves its best policy in ``run.policy`` and its checkpoint in ``run.checkpoints``."""

    def __call__(
        self,
        market: MarketParameters,
        settings: TrainingSettings,
        run: RunDirectory,
        progress: Progress,
        *,
        resume: bool,
    ) -> TrainingSummary:
        """Train until a limit is met, or nothing gets better."""
        ...


def trainer(agent: str) -> Trainer:
    """The function that trains an agent.

    Raises:
        UsageError: There is no such agent, or its libraries are missing.
    """
    return cast("Trainer", _loaded(agent_named(agent).trainer))


def agent_named(agent: str) -> Agent:
    """The agent of that name.

    Raises:
        UsageError: There is none.
    """
    if agent not in AGENTS:
        raise UsageError(f"There is no agent {agent!r}.{suggest(agent, AGENTS)} Agents: {', '.join(AGENTS)}.")
    return AGENTS[agent]


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
    module, function = place.split(":")
    try:
        return getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        raise UsageError(f"This needs {error.name}, which is not installed: pip install 'xbopt[rl]'") from error


def train(
    scenario: Scenario | str | Path,
    settings: TrainingSettings,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress = lambda _: None,
) -> TrainingSummary:
    """Train an agent, and leave everything about the run in a folder.

    Args:
        scenario: A loaded scenario, a path, or the name of a shipped one.
        settings: What is asked.
        out: The run's folder; new, unless ``resume``.
        resume: Go on with the run that is there.
        progress: Called after every evaluation.

    Raises:
        ScenarioError: The scenario cannot be used.
        UsageError: A setting makes no sense, or the folder holds something else.
        PolicyError: What is there to resume does not fit, or is damaged.
    """
    if settings.steps is None and settings.seconds is None:
        raise UsageError("Say when to stop: a number of steps (--steps), a time (--time-limit), or both.")
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    learn = trainer(settings.agent)
    run = RunDirectory.open(out) if resume else RunDirectory.create(out)
    if resume:
        _check_same(run, loaded, settings)
    else:
        run.write_scenario(loaded)
        run.write_config(_as_config(loaded, settings))
    started = time.perf_counter()
    summary = learn(build_market(loaded), settings, run, progress, resume=resume)
    seconds = time.perf_counter() - started
    run.write_manifest(
        {
            "scenario": {"name": loaded.name, "hash": loaded.hash},
            "agent": settings.agent,
            "seed": settings.seed,
            "resumed": resume,
            "wall_seconds": seconds,
            "result": {name: getattr(summary, name) for name in summary.__slots__},
        }
    )
    return summary


def _as_config(scenario: Scenario, settings: TrainingSettings) -> dict[str, object]:
    return {
        "scenario": scenario.name,
        "scenario_hash": scenario.hash,
        "agent": settings.agent,
        "seed": settings.seed,
        "steps": settings.steps,
        "time_limit_seconds": settings.seconds,
        "plan": settings.plan,
        "options": dict(settings.options),
    }


def _check_same(run: RunDirectory, scenario: Scenario, settings: TrainingSettings) -> None:
    """A run goes on as it began: other limits are fine, another scenario, agent, seed or option is not."""
    then, now = run.config(), _as_config(scenario, settings)
    for name in ("scenario_hash", "agent", "seed", "plan", "options"):
        if then.get(name) != now[name]:
            raise PolicyError(
                f"The run in {run.path} had {name} {then.get(name)!r}, and {now[name]!r} is asked for now. "
                "Go on with what it began with, or begin a new run."
            )
