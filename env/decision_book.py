"""Writing the decisions of a simulation down: one row a cell and decision, as a decision log."""

import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decision_log.observations import observation_names, observation_rows
from xbopt.core.decision_log.schema import (
    DecisionColumns,
    DecisionLogSchema,
    LoggedFactor,
    LoggedShadow,
    TextArray,
    TimeArray,
)
from xbopt.core.decision_log.writer import DecisionLogWriter
from xbopt.core.decisions.cell_factors import CellFactors
from xbopt.core.decisions.factors import Factors
from xbopt.core.decisions.policy import (
    AnchoredPolicy,
    FactoredPolicy,
    KnowsExploration,
    Observation,
    Policy,
    TacticPolicy,
    anchor_name,
)
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.memory import reward_reach
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.contexts import cell_contexts, context_names, window_reward
from xbopt.env.observation import CHANNEL_FEATURES, RecentResults, observe
from xbopt.env.rollout import Choice, Recorder, TacticChoice
from xbopt.simulator.history import initial_state
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome
from xbopt.simulator.worlds import WorldParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A policy that is asked beside every decision; nobody acts on its answer.

    Attributes:
        about: What the log says of it.
        policy: The policy, over the menu or the factors of the one that decides.
    """

    about: LoggedShadow
    policy: TacticPolicy | FactoredPolicy


def log_schema(
    scenario: Scenario,
    action_labels: tuple[str, ...] | None = None,
    *,
    shadows: Sequence[Shadow] = (),
    factors: CellFactors | None = None,
    anchor: str = "",
    anchor_spend: tuple[float, ...] = (),
    anchor_mark: str = "",
) -> DecisionLogSchema:
    """Names and units of a scenario's decision log. The context is what a cell sees, and which cell it is.

    Args:
        scenario: The scenario.
        action_labels: What the tactics mean, where they are relative to a plan; the menu's own labels where left out.
        shadows: Policies that are asked beside.
        factors: What decisions are made of; None where they are tactics.
        anchor: The policy that the neutral levels of the factors are; empty where nobody says.
        anchor_spend: What it wishes on the first morning; see ``first_wish``.
        anchor_mark: Tells it from another file's policy of its name; empty where the name says it all.
    """
    made = () if factors is None else zip(factors.names, factors.labels, factors.neutral, strict=True)
    return DecisionLogSchema(
        context_names=context_names(scenario),
        action_labels=() if factors is not None else action_labels or scenario.menu.labels,
        factors=tuple(LoggedFactor(name=name, labels=labels, neutral=neutral) for name, labels, neutral in made),
        anchor=anchor,
        anchor_spend=anchor_spend,
        anchor_mark=anchor_mark,
        reward_unit=scenario.base_currency,
        cost_unit=scenario.base_currency,
        observation_names=observation_names(scenario.channels, CHANNEL_FEATURES),
        shadows=tuple(shadow.about for shadow in shadows),
        reward_reach=reward_reach(scenario, None if factors is None else factors.names),
    )


class TakesDecisions(Protocol):
    """What takes the rows of a decision log: its writer, or who brings them there."""

    def append(self, columns: DecisionColumns, /) -> None:
        """Take some decisions."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionBook:
    """An open decision log; gives a recorder to each batch of worlds.

    Attributes:
        writer: Takes the rows.
        market: The market.
        policy: Who decides.
        run: What names of decisions begin with.
        shadows: Policies that are asked beside.
    """

    writer: TakesDecisions
    market: MarketParameters
    policy: TacticPolicy | FactoredPolicy
    run: str
    shadows: Sequence[Shadow] = ()

    def recorder(self, worlds: IntArray) -> "DecisionRecorder":
        """A recorder for some worlds, by global number ``(B,)``; it writes when they are played to the end."""
        return DecisionRecorder(self.writer, self.market, self.policy, worlds, self.run, self.shadows)


@contextmanager
def open_book(
    path: Path,
    market: MarketParameters,
    policy: Policy,
    *,
    seed: int,
    world_seed: int | None,
    shadows: Sequence[Shadow] = (),
    anchor_mark: str = "",
) -> Generator[DecisionBook]:
    """Open a decision log; the file appears only when the block ends without an exception.

    ``anchor_mark`` tells the policy that notches are around from another file's of its name.

    Raises:
        UsageError: The policy gives no probabilities, or the file cannot be written there.
        PolicyError: A shadow chooses among other actions than the policy.
        DecisionLogError: The disk refuses to take the rows.
    """
    if not isinstance(policy, TacticPolicy | FactoredPolicy):
        raise UsageError(f"{policy.name} gives no probabilities, so its decisions cannot be logged; set exploration.")
    for shadow in shadows:
        if _choices(shadow.policy) != _choices(policy):
            raise PolicyError(
                f"The shadow {shadow.about.name} chooses among other actions than {policy.name}: those of a trained "
                "policy are relative to its plan, those of a plan or a re-planner to itself, and notches to one "
                "policy. Give shadows over the same menu or factors: trained policies of one plan beside a trained "
                "policy of that plan. To set plans against each other, play them: xbopt compare."
            )
    scenario = market.scenario
    key = f"{scenario.hash}|{policy.name}|{seed}|{world_seed}"
    run = hashlib.sha256(key.encode()).hexdigest()[:10]
    if isinstance(policy, FactoredPolicy):
        factors = factors_of_cells(scenario, policy.factors)
        schema = log_schema(
            scenario,
            shadows=shadows,
            factors=factors,
            anchor=anchor_name(policy),
            anchor_spend=first_wish(policy, market),
            anchor_mark=anchor_mark,
        )
        for shadow in shadows:
            if isinstance(shadow.policy, FactoredPolicy) and not same_wish(
                first_wish(shadow.policy, market), schema.anchor_spend
            ):
                raise PolicyError(OTHER_ANCHOR.format(shadow.about.name, schema.anchor))
    else:
        schema = log_schema(scenario, policy.menu.labels, shadows=shadows)
    with DecisionLogWriter(path, schema, with_exploration=isinstance(policy, KnowsExploration)) as writer:
        yield DecisionBook(writer=writer, market=market, policy=policy, run=run, shadows=shadows)


def factors_of_cells(scenario: Scenario, factors: Factors) -> CellFactors:
    """The factors that a row holds, with a scenario's names."""
    regions, segments, _, _ = scenario.shape
    return CellFactors.of(factors, regions=regions, segments=segments, channels=scenario.channels)


OTHER_ANCHOR = (
    "The notches of {} are around another {} than those of the log: another plan lies under it. Train, simulate and "
    "evaluate with one plan."
)


def first_wish(policy: FactoredPolicy, market: MarketParameters) -> tuple[float, ...]:
    """What the anchor would spend on the first morning ``(R * S * C,)``; empty where the policy has none."""
    if not isinstance(policy, AnchoredPolicy):
        return ()
    morning = observe(market, initial_state(market, 1), RecentResults.empty(market, 1))
    return tuple(policy.anchor.decide(morning).spend_base.ravel().tolist())


def same_wish(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether two anchors may be one: they wish the same up to rounding, or one does not say."""
    if not one or not other:
        return True
    return len(one) == len(other) and bool(np.allclose(one, other, rtol=1e-6, atol=1e-6 * max(map(abs, other))))


def _choices(policy: TacticPolicy | FactoredPolicy) -> tuple[object, ...]:
    """What a policy chooses from: two policies with the same can be told in one log."""
    if isinstance(policy, FactoredPolicy):
        return policy.factors.names, policy.factors.labels, anchor_name(policy)
    return policy.menu.labels


class DecisionRecorder(Recorder):
    """Keeps the choices and daily margins of a batch, and writes rows when the last day is played."""

    def __init__(
        self,
        writer: TakesDecisions,
        market: MarketParameters,
        policy: TacticPolicy | FactoredPolicy,
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
        self._factors = factors_of_cells(scenario, policy.factors) if isinstance(policy, FactoredPolicy) else None
        self._choices: list[Choice] = []
        self._asked: list[FloatArray] = []
        self._shadows = shadows

    def record(self, day: int, outcome: DayOutcome, choice: Choice | None) -> None:
        """Keep a day's margin and spend, and the choice if one was made."""
        self._margin[:, day] = outcome.money.contribution_margin
        self._spend[:, day] = -outcome.money.media
        if choice is not None:
            self._choices.append(choice)
            if self._shadows:
                answers = [self._answer(shadow.policy, choice.observation) for shadow in self._shadows]
                self._asked.append(np.stack(answers, axis=1))

    def _answer(self, policy: TacticPolicy | FactoredPolicy, observation: Observation) -> FloatArray:
        """Probabilities of all rows of a morning ``(B * R * S, K)``."""
        if isinstance(policy, FactoredPolicy):
            assert self._factors is not None, "shadows choose from the same as the policy"
            table = self._factors.probabilities(policy.factor_probabilities(observation))
        else:
            table = policy.probabilities(observation)
        return table.reshape(-1, table.shape[-1])

    def finish(self, state: MarketState, world: WorldParameters) -> None:
        """Write one row a cell and decision."""
        del state, world
        for step, choice in enumerate(self._choices):
            self._writer.append(self._rows(step, choice))

    def _drawn(self, choice: Choice) -> tuple[IntArray, FloatArray, FloatArray]:
        """Actions or levels, their propensity ``(n,)``, and the probabilities of all of them ``(n, K)``."""
        if isinstance(choice, TacticChoice):
            table = choice.probabilities.reshape(choice.tactic.size, -1)
            return choice.tactic.ravel().astype(np.int64), choice.propensity.ravel(), table
        assert self._factors is not None, "a factored policy draws factors"
        rows = choice.levels.shape[0] * len(self._factors.places)
        levels, propensity = choice.levels[:, self._factors.places], choice.propensity[:, self._factors.places]
        table = self._factors.probabilities(choice.probabilities)
        return levels.reshape(rows, -1).astype(np.int64), propensity.prod(axis=2).ravel(), table.reshape(rows, -1)

    def _rows(self, step: int, choice: Choice) -> DecisionColumns:
        """Rows in the order worlds, regions, segments."""
        scenario = self._market.scenario
        tactics, day = scenario.document.tactics, choice.day
        worlds, (regions, segments, _, _) = len(self._worlds), scenario.shape
        shape = (worlds, regions, segments)
        end = day + tactics.window_days
        reward = window_reward(self._margin, day, tactics.window_days, self._market.customers.daily_discount)
        world = np.broadcast_to(self._worlds[:, None, None], shape).ravel()
        cells = [f"{region}/{segment}" for region in scenario.regions for segment in scenario.segments]
        unit: TextArray = np.tile(np.array(cells), worlds)
        rows = worlds * regions * segments
        action, propensity, probabilities = self._drawn(choice)
        return DecisionColumns(
            decision_id=np.array(
                [f"{self._run}-w{w}-d{day}-{cell}" for w, cell in zip(world, unit, strict=True)], dtype=np.str_
            ),
            timestamp=_at(scenario, day, worlds),
            episode_id=np.array([f"{self._run}-w{w}" for w in world], dtype=np.str_),
            step=np.repeat(np.array([step], dtype=np.int64), rows),
            unit=unit,
            context=cell_contexts(choice.observation),
            action=action,
            propensity=propensity,
            action_probabilities=probabilities,
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
            shadows=self._asked[step] if self._shadows else None,
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
