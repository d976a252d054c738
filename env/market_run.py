"""A batch of worlds being played: state, random numbers and the seller's books, moved on day by day."""

from copy import copy
from dataclasses import fields

import numpy as np

from xbopt.core.arrays import IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import Morning, Observation
from xbopt.core.errors import UsageError
from xbopt.env.attribution_counts import ClickCounts
from xbopt.env.day_results import DayResults, expected_counts
from xbopt.env.nominal import NominalRun
from xbopt.env.observation import RecentResults, observe
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.edges import without_limits
from xbopt.simulator.history import initial_state
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import WorldParameters, average_world, draw_worlds


class MarketRun:
    """Some worlds from the first day on. Roll-outs and environments both play through this one loop body."""

    def __init__(
        self,
        market: MarketParameters,
        *,
        worlds: IntArray,
        seed: int,
        world_seed: int | None = None,
        expected: bool = False,
        compared: bool = True,
        believed: MarketParameters | None = None,
    ) -> None:
        """Stand on the first morning.

        Args:
            market: The market.
            worlds: Global numbers of the worlds ``(B,)``.
            seed: Noise seed.
            world_seed: Seed of the uncertain parameters; the noise seed where left out.
            expected: Replace every draw by its mean, and play the scenario's own parameters.
            compared: Keep the seller's books, and the scenario's model in lock step; only a policy that never looks may
                go without.
            believed: The market as the seller believes it to be, from which calendar features and modelled results
                come; the market itself where left out. Nothing that is played depends on it.

        Raises:
            UsageError: The believed market offers other decisions.
        """
        self.market, self.worlds = market, worlds
        self._believed = believed or market
        check_believed(market, self._believed)
        own_seed = seed if world_seed is None else world_seed
        self.world: WorldParameters = (
            average_world() if expected else draw_worlds(market.scenario, seed=own_seed, worlds=worlds)
        )
        self._draws = None if expected else MarketDraws(market.scenario, seed=seed, worlds=worlds)
        self._clicks = None
        if compared and not expected:
            self._clicks = ClickCounts(market.scenario, seed=seed, worlds=worlds)
        self._nominal = NominalRun.start(self._believed, len(worlds)) if compared else None
        self._first = self.state = initial_state(market, len(worlds), self.world)
        self._recent = RecentResults.empty(market, len(worlds))

    def twin(self) -> "MarketRun":
        """The same worlds on the first morning again, with the same luck, for a policy that looks at nothing."""
        twin = copy(self)
        twin.forget()
        return twin

    def watched_twin(self) -> "MarketRun":
        """The same for a policy that reacts; taken on the first morning, before anything is played."""
        assert self.state.day == 0, "what is compared begins with the first day"
        return copy(self)

    def without_limits(self) -> "MarketRun":
        """Such a twin that no minimum or lock makes spend anything."""
        twin = self.twin()
        twin.market = without_limits(self.market)
        return twin

    def forget(self) -> None:
        """Go back to the first morning, and compare nothing from there on."""
        self.state = self._first
        self._recent = RecentResults.empty(self.market, len(self.worlds))
        self._nominal = self._clicks = None

    def resume(self, state: MarketState, world: WorldParameters, *, recent: RecentResults, nominal: NominalRun) -> None:
        """Stand on a later morning, in worlds of other parameters, with the seller's books up to then.

        Args:
            state: The morning ``B``.
            world: What differs by world.
            recent: The seller's moving averages.
            nominal: Results against the seller's model; kept where this run compares.
        """
        self.state, self.world, self._recent = state, world, recent
        self._nominal = nominal if self._nominal is not None else None

    def branch(self) -> "MarketRun":
        """What these worlds do on average from this morning on; this run is left where it is.

        Every draw of the branch is replaced by its mean, under the world's own parameters: good for rewards to train
        on, never for what is observed.
        """
        other = copy(self)
        other.stop_drawing()
        return other

    def stop_drawing(self) -> None:
        """Play means instead of draws from here on, and compare nothing."""
        self._draws = self._nominal = self._clicks = None

    def morning(self) -> Morning:
        """Day and money left, without features: enough to carry on what has been decided."""
        return Morning(day=self.state.day, days=self.market.scenario.days, remaining=self.state.remaining)

    def observe(self) -> Observation:
        """What a decision maker sees this morning."""
        assert self._nominal is not None, "books are kept for whoever looks"
        return observe(self.market, self.state, self._recent, self._nominal, believed=self._believed)

    def expect(self, decision: Decision) -> DayOutcome:
        """What a decision would bring today on average, in this world as it stands; nothing is moved on.

        It knows the world's own parameters: good for rewards to train on, never for what is observed.

        Raises:
            DecisionError: The decision has a wrong shape, or values that are no numbers.
        """
        return play_day(self.market, self.world, self.state, decision, None)[0]

    def play(self, decision: Decision) -> DayOutcome:
        """Play the day.

        Raises:
            DecisionError: The decision has a wrong shape, or values that are no numbers.
        """
        morning, day = self.state, self.state.day
        draws = None if self._draws is None else self._draws.day(day)
        outcome, self.state = play_day(self.market, self.world, morning, decision, draws)
        if self._nominal is not None:
            results = DayResults.of(outcome)
            self._recent = self._recent.after(results)
            counted = expected_counts(outcome) if self._clicks is None else self._clicks.day(day, outcome)
            expected = self._nominal.expect(self._believed, morning, outcome.decision)
            self._nominal = self._nominal.after(self._believed, results, counted, expected)
        return outcome


def check_believed(market: MarketParameters, believed: MarketParameters) -> None:
    """Refuse a believed market in which other decisions could be made.

    Raises:
        UsageError: Names, days, money or limits differ.
    """
    if believed is market:
        return
    own, other = market.scenario, believed.scenario
    for name in ("start", "days", "base_currency", "regions", "segments", "channels", "dayparts"):
        if getattr(own, name) != getattr(other, name):
            raise UsageError(
                f"The believed market has other {name} than the true one ({getattr(other, name)} for "
                f"{getattr(own, name)}); both must offer the same decisions."
            )
    for part in fields(own.limits):
        if not np.array_equal(getattr(own.limits, part.name), getattr(other.limits, part.name)):
            raise UsageError(
                f"The believed market has another limit {part.name} than the true one; both need the same."
            )
