"""Writing the decisions of a simulation down: one row a cell and decision, as a decision log."""

import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decision_log.observations import observation_names, observation_rows
from xbopt.core.decision_log.schema import DecisionColumns, DecisionLogSchema, LoggedShadow, TextArray, TimeArray
from xbopt.core.decision_log.writer import DecisionLogWriter
from xbopt.core.decisions.policy import KnowsExploration, Policy, TacticPolicy
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.contexts import cell_contexts, context_names, window_reward
from xbopt.env.observation import CHANNEL_FEATURES
from xbopt.env.rollout import Choice, Recorder, TacticChoice
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome
from xbopt.simulator.worlds import WorldParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A policy that is asked beside every decision; nobody acts on its answer.

    Attributes:
        about: What the log says of it.
        policy: The policy, over the menu of the one that decides.
    """

    about: LoggedShadow
    policy: TacticPolicy


def log_schema(
    scenario: Scenario, action_labels: tuple[str, ...] | None = None, *, shadows: Sequence[Shadow] = ()
) -> DecisionLogSchema:
    """Names and units of a scenario's decision log. The context is what a cell sees, and which cell it is.

    Args:
        scenario: The scenario.
        action_labels: What the tactics mean, where they are relative to a plan; the menu's own labels where left out.
        shadows: Policies that are asked beside.
    """
    return DecisionLogSchema(
        context_names=context_names(scenario),
        action_labels=action_labels or scenario.menu.labels,
        reward_unit=scenario.base_currency,
        cost_unit=scenario.base_currency,
        observation_names=observation_names(scenario.channels, CHANNEL_FEATURES),
        shadows=tuple(shadow.about for shadow in shadows),
    )


class DecisionBook:
    """An open decision log; gives a recorder to each batch of worlds."""

    def __init__(
        self,
        writer: DecisionLogWriter,
        market: MarketParameters,
        policy: TacticPolicy,
        *,
        run: str,
        shadows: Sequence[Shadow] = (),
    ) -> None:
        self._writer, self._market, self._policy, self._run, self._shadows = writer, market, policy, run, shadows

    def recorder(self, worlds: IntArray) -> "DecisionRecorder":
        """A recorder for some worlds, by global number ``(B,)``; it writes when they are played to the end."""
        return DecisionRecorder(self._writer, self._market, self._policy, worlds, self._run, self._shadows)


@contextmanager
def open_book(
    path: Path,
    market: MarketParameters,
    policy: Policy,
    *,
    seed: int,
    world_seed: int | None,
    shadows: Sequence[Shadow] = (),
) -> Generator[DecisionBook]:
    """Open a decision log; the file appears only when the block ends without an exception.

    Raises:
        UsageError: The policy gives no probabilities, or the file cannot be written there.
        PolicyError: A shadow chooses among other actions than the policy.
        DecisionLogError: The disk refuses to take the rows.
    """
    if not isinstance(policy, TacticPolicy):
        raise UsageError(f"{policy.name} gives no probabilities, so its decisions cannot be logged; set exploration.")
    for shadow in shadows:
        if shadow.policy.menu.labels != policy.menu.labels:
            raise PolicyError(
                f"The shadow {shadow.about.name} chooses among other actions than {policy.name}: those of a trained "
                "policy are relative to its plan, those of a plan or a re-planner to itself. Give shadows over the "
                "same menu: trained policies of one plan beside a trained policy of that plan. To set plans against "
                "each other, play them: xbopt compare."
            )
    scenario = market.scenario
    key = f"{scenario.hash}|{policy.name}|{seed}|{world_seed}"
    run = hashlib.sha256(key.encode()).hexdigest()[:10]
    schema = log_schema(scenario, policy.menu.labels, shadows=shadows)
    with DecisionLogWriter(path, schema, with_exploration=isinstance(policy, KnowsExploration)) as writer:
        yield DecisionBook(writer, market, policy, run=run, shadows=shadows)


class DecisionRecorder(Recorder):
    """Keeps the choices and daily margins of a batch, and writes rows when the last day is played."""

    def __init__(
        self,
        writer: DecisionLogWriter,
        market: MarketParameters,
        policy: TacticPolicy,
        worlds: IntArray,
        run: str,
        shadows: Sequence[Shadow] = (),
    ) -> None:
        scenario = market.scenario
        regions, segments, _, _ = scenario.shape
        self._writer, self._market, self._worlds, self._run = writer, market, worlds, run
        self._policy = policy.name
        self._share = policy.exploration if isinstance(policy, KnowsExploration) else None
        shape = (len(worlds), scenario.days, regions, segments)
        self._margin, self._spend = np.zeros(shape), np.zeros(shape)
        self._choices: list[TacticChoice] = []
        self._asked: list[FloatArray] = []
        self._shadows = shadows

    def record(self, day: int, outcome: DayOutcome, choice: Choice | None) -> None:
        """Keep a day's margin and spend, and the choice if one was made."""
        self._margin[:, day] = outcome.money.contribution_margin
        self._spend[:, day] = -outcome.money.media
        if isinstance(choice, TacticChoice):
            self._choices.append(choice)
            if self._shadows:
                answers = [shadow.policy.probabilities(choice.observation) for shadow in self._shadows]
                self._asked.append(np.stack(answers, axis=3))

    def finish(self, state: MarketState, world: WorldParameters) -> None:
        """Write one row a cell and decision."""
        del state, world
        for step, choice in enumerate(self._choices):
            self._writer.append(self._rows(step, choice))

    def _rows(self, step: int, choice: TacticChoice) -> DecisionColumns:
        """Rows in the order worlds, regions, segments."""
        scenario = self._market.scenario
        tactics, day = scenario.document.tactics, choice.day
        worlds, regions, segments = choice.tactic.shape
        shape = (worlds, regions, segments)
        end = day + tactics.window_days
        reward = window_reward(self._margin, day, tactics.window_days, self._market.customers.daily_discount)
        world = np.broadcast_to(self._worlds[:, None, None], shape).ravel()
        cells = [f"{region}/{segment}" for region in scenario.regions for segment in scenario.segments]
        unit: TextArray = np.tile(np.array(cells), worlds)
        rows = worlds * regions * segments
        return DecisionColumns(
            decision_id=np.array(
                [f"{self._run}-w{w}-d{day}-{cell}" for w, cell in zip(world, unit, strict=True)], dtype=np.str_
            ),
            timestamp=_at(scenario, day, worlds),
            episode_id=np.array([f"{self._run}-w{w}" for w in world], dtype=np.str_),
            step=np.repeat(np.array([step], dtype=np.int64), rows),
            unit=unit,
            context=cell_contexts(choice.observation),
            action=choice.tactic.reshape(rows).astype(np.int64),
            propensity=choice.propensity.reshape(rows),
            action_probabilities=choice.probabilities.reshape(rows, -1),
            reward=reward.reshape(rows),
            cost=self._spend[:, day:end].sum(axis=1).reshape(rows),
            reward_ready_at=_at(scenario, end, worlds),
            policy_id=np.repeat(np.array([self._policy], dtype=np.str_), rows),
            scenario_hash=np.repeat(np.array([scenario.hash], dtype=np.str_), rows),
            exploration=None if self._share is None else np.repeat(np.array([self._share]), rows),
            observation=observation_rows(
                np.repeat(np.array([day], dtype=np.int64), worlds),
                choice.observation.remaining,
                choice.observation.channels,
            ).reshape(rows, -1),
            shadows=self._asked[step].reshape(rows, len(self._shadows), -1) if self._shadows else None,
        )


def _at(scenario: Scenario, day: int, worlds: int) -> TimeArray:
    """Midnight of a day in each region's own time, as UTC ``(B * R * S,)``."""
    segments = len(scenario.segments)
    start = datetime.combine(scenario.start, datetime.min.time())
    moments: list[np.datetime64] = []
    for region in scenario.document.market.regions:
        local = (start + timedelta(days=day)).replace(tzinfo=ZoneInfo(region.timezone))
        moments += [np.datetime64(local.astimezone(UTC).replace(tzinfo=None), "us")] * segments
    return np.tile(np.array(moments), worlds)
