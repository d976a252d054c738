"""Playing a policy in a batch of worlds, day by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.anchored_menu import AnchoredMenu, PolicyMenu
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.menu import TacticMenu
from xbopt.core.decisions.policy import (
    AnchoredPolicy,
    BlindPolicy,
    DirectPolicy,
    FactoredPolicy,
    Observation,
    Policy,
    TacticPolicy,
)
from xbopt.core.errors import PolicyError
from xbopt.core.randomness import WorldStream
from xbopt.env.market_run import MarketRun
from xbopt.simulator.draws import sorted_positions
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome
from xbopt.simulator.worlds import WorldParameters

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class TacticChoice:
    """A drawn decision over the menu.

    Attributes:
        day: Day on which it was made.
        observation: What was seen.
        tactic: Positions in the menu ``(B, R, S)``.
        probabilities: Of every tactic ``(B, R, S, K)``.
        propensity: Of the chosen one ``(B, R, S)``.
    """

    day: int
    observation: Observation
    tactic: IntArray
    probabilities: FloatArray
    propensity: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorChoice:
    """A drawn decision of factors.

    Attributes:
        day: Day on which it was made.
        observation: What was seen.
        levels: The level of each factor ``(B, A)``.
        probabilities: Of every level ``(B, A, L)``.
        propensity: Of the chosen ones ``(B, A)``; that of the decision is their product.
    """

    day: int
    observation: Observation
    levels: IntArray
    probabilities: FloatArray
    propensity: FloatArray


Choice = TacticChoice | FactorChoice


class Recorder(Protocol):
    """Somebody who takes notes during a roll-out."""

    def record(self, day: int, outcome: DayOutcome, choice: Choice | None) -> None:
        """Take note of a day; ``choice`` is set on the days on which tactics or levels were drawn."""
        ...

    def finish(self, state: MarketState, world: WorldParameters) -> None:
        """Take note of the state after the last day, in worlds of these parameters."""
        ...


def play_worlds(
    market: MarketParameters,
    policy: Policy,
    *,
    worlds: IntArray,
    seed: int,
    world_seed: int | None = None,
    expected: bool = False,
    recorders: Sequence[Recorder] = (),
    believed: MarketParameters | None = None,
) -> MarketState:
    """Play one batch of worlds over the whole horizon.

    Args:
        market: The market.
        policy: Decides every day, or draws a tactic for each cell every ``decide_every_days`` days.
        worlds: Global numbers of the worlds ``(B,)``; a world's path depends on its number and the seeds alone.
        seed: Noise seed: streams ``demand`` and ``policy``.
        world_seed: Seed of the uncertain parameters; the noise seed where left out (the streams differ by name).
        expected: Play the market's average instead of drawing: one path, no noise, the scenario's own parameters.
        recorders: Who takes notes.
        believed: The market as the seller believes it to be; what the policy sees rests on it.

    Returns:
        The state after the last day.

    Raises:
        PolicyError: The policy's probabilities are no distribution.
        DecisionError: The policy's decision has a wrong shape, or values that are no numbers.
    """
    scenario, is_blind = market.scenario, isinstance(policy, BlindPolicy)
    run = MarketRun(
        market,
        worlds=worlds,
        seed=seed,
        world_seed=world_seed,
        expected=expected,
        compared=not is_blind,
        believed=believed,
    )
    chooser = Chooser(market, policy, seed=seed, worlds=worlds)
    for day in range(scenario.days):
        seen = run.observe() if chooser.looks(day) else cast("Observation", run.morning())
        decision, choice = chooser.decide(seen)
        outcome = run.play(decision)
        for recorder in recorders:
            recorder.record(day, outcome, choice)
    for recorder in recorders:
        recorder.finish(run.state, run.world)
    return run.state


class Chooser:
    """Asks the policy, and draws and holds what the policy gives probabilities of."""

    def __init__(self, market: MarketParameters, policy: Policy, *, seed: int, worlds: IntArray) -> None:
        scenario = market.scenario
        self._scenario, self._policy = scenario, policy
        self._every = scenario.document.tactics.decide_every_days
        regions, segments, _, _ = scenario.shape
        factored = isinstance(policy, FactoredPolicy)
        slots = len(policy.factors) if factored else regions * segments
        self._stream = WorldStream(seed=seed, name="policy", worlds=worlds, slots=slots)
        self._order = np.arange(slots) if factored else sorted_positions([scenario.regions, scenario.segments])
        self._held: IntArray | None = None

    def looks(self, day: int) -> bool:
        """Whether anything of a day but the day and the money left is looked at."""
        policy = self._policy
        if isinstance(policy, DirectPolicy):
            return not isinstance(policy, BlindPolicy)
        if self._held is None or day % self._every == 0:
            return True
        # Between two choices what was chosen is carried on, around whatever it is relative to.
        if isinstance(policy, FactoredPolicy):
            return not (isinstance(policy, AnchoredPolicy) and isinstance(policy.anchor, BlindPolicy))
        menu = policy.menu
        around_blind = isinstance(menu, PolicyMenu) and isinstance(menu.policy, BlindPolicy)
        return not (isinstance(menu, TacticMenu | AnchoredMenu) or around_blind)

    def decide(self, observation: Observation) -> tuple[Decision, Choice | None]:
        """The day's decision, and what was drawn for it today, if anything.

        Raises:
            PolicyError: The policy's probabilities are no distribution.
        """
        policy = self._policy
        if isinstance(policy, DirectPolicy):
            return policy.decide(observation), None
        fresh = self._held is None or observation.day % self._every == 0
        if isinstance(policy, FactoredPolicy):
            levels = self._levels(policy, observation) if fresh else None
            self._held = self._held if levels is None else levels.levels
            assert self._held is not None, "the first morning draws"
            return policy.decode(self._held, observation), levels
        choice = self._tactics(policy, observation) if fresh else None
        self._held = self._held if choice is None else choice.tactic
        assert self._held is not None, "the first morning draws"
        return policy.menu.decode(self._held, observation), choice

    def _tactics(self, policy: TacticPolicy, observation: Observation) -> TacticChoice:
        probabilities = policy.probabilities(observation)
        regions, segments, _, _ = self._scenario.shape
        wanted = (observation.worlds, regions, segments, len(policy.menu))
        tactic, propensity = self._drawn(policy.name, probabilities, wanted, observation.day)
        return TacticChoice(
            day=observation.day,
            observation=observation,
            tactic=tactic,
            probabilities=probabilities,
            propensity=propensity,
        )

    def _levels(self, policy: FactoredPolicy, observation: Observation) -> FactorChoice:
        probabilities = policy.factor_probabilities(observation)
        wanted = (observation.worlds, len(policy.factors), policy.factors.most_levels)
        levels, propensity = self._drawn(policy.name, probabilities, wanted, observation.day)
        return FactorChoice(
            day=observation.day,
            observation=observation,
            levels=levels,
            probabilities=probabilities,
            propensity=propensity,
        )

    def _drawn(
        self, name: str, probabilities: FloatArray, wanted: tuple[int, ...], day: int
    ) -> tuple[IntArray, FloatArray]:
        """What is drawn along the last axis, and how probable it was.

        Raises:
            PolicyError: The probabilities have another shape than wanted, or are no distribution.
        """
        if probabilities.shape != wanted:
            raise PolicyError(f"{name} gave probabilities of shape {probabilities.shape}; {wanted} is wanted.")
        totals = probabilities.sum(axis=-1)
        if not (probabilities.min() >= 0.0 and bool((np.abs(totals - 1.0) <= _SUM_TOLERANCE).all())):
            raise PolicyError(f"{name} gave probabilities that are negative or do not sum to 1.")
        uniforms = self._stream.uniforms(day)[:, self._order].reshape(wanted[:-1])
        # The last choice with any probability catches what rounding leaves of the sum.
        cumulative = np.cumsum(probabilities, axis=-1)
        chosen = (cumulative < (uniforms * totals)[..., None]).sum(axis=-1)
        return chosen, np.take_along_axis(probabilities, chosen[..., None], axis=-1)[..., 0]
