"""The door to the ground truth: for tests and benchmarks only, never for what an agent observes or a log holds."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.history import initial_state
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import SteadyResponse, steady_response
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import WorldParameters, draw_worlds


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundTruth:
    """What nobody in the market can know: the worlds' own parameters and the expected result of any decision."""

    market: MarketParameters
    world: WorldParameters
    worlds: int

    @classmethod
    def of(cls, scenario: Scenario, *, seed: int, worlds: IntArray) -> "GroundTruth":
        """Open the door to some worlds of a scenario.

        Args:
            scenario: The scenario.
            seed: World seed.
            worlds: Global numbers of the worlds ``(B,)``.
        """
        return cls(
            market=build_market(scenario), world=draw_worlds(scenario, seed=seed, worlds=worlds), worlds=len(worlds)
        )

    @property
    def elasticity(self) -> FloatArray:
        """Own-price elasticity of every world away from events ``(B, R, S)``."""
        shape = (self.worlds, *self.market.demand.elasticity.shape)
        return np.broadcast_to(self.market.demand.elasticity * self.world.elasticity, shape)

    def response(self, spend_base: FloatArray) -> SteadyResponse:
        """Long-run response of every world to steady spend a day ``(B, R, S, C)``."""
        return steady_response(self.market, self.world, spend_base)

    def start(self) -> MarketState:
        """The first morning."""
        return initial_state(self.market, self.worlds, self.world)

    def expected_day(self, state: MarketState, decision: Decision) -> tuple[DayOutcome, MarketState]:
        """The expected outcome of a decision in every world, and the expected next state."""
        return play_day(self.market, self.world, state, decision, None)

    def expected_margin(self, decisions: list[Decision]) -> FloatArray:
        """Expected contribution margin of a whole plan in every world ``(B,)``, one decision a day."""
        state, total = self.start(), np.zeros(self.worlds)
        for decision in decisions:
            outcome, state = self.expected_day(state, decision)
            total = total + outcome.money.contribution_margin.sum(axis=(1, 2))
        return total
