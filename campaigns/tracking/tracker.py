"""A campaign as its seller sees it: the seller's own model played day by day beside what was done and what came.

It is the code of the simulated seller (``env/nominal.py``, ``env/observation.py``), with told results in place of a
simulated market's. A policy that learnt in the simulator sees a real campaign through the same features.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from xbopt.campaigns.actuals.actual_day import ActualDay, merged
from xbopt.campaigns.tracking.filling import (
    FilledDay,
    fill_decision,
    fill_morning,
    fill_results,
    told_morning,
)
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.decisions.policy import Observation
from xbopt.core.errors import UsageError
from xbopt.env.day_results import DayResults, expected_counts
from xbopt.env.nominal import NominalRun
from xbopt.env.observation import RecentResults, observe
from xbopt.simulator.edges import whatever_was_done
from xbopt.simulator.history import initial_state
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import carried_out


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedDay:
    """A day that is over, one world.

    Attributes:
        told: What was told of it; None for a day without actuals.
        morning: The state in the morning, with the model's hidden parts.
        filled: The whole day: told, and split or filled by the model.
        modelled: What the model expected of what was done.
        modelled_visits: Its visits by source ``(1, R, S, C + 1)``.
    """

    told: ActualDay | None
    morning: MarketState
    filled: FilledDay
    modelled: DayResults
    modelled_visits: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A campaign up to a morning.

    Attributes:
        market: The market as the scenario states it.
        open_market: The same as it takes whatever was done.
        seen: What the seller sees of this morning's state, one world.
        recent: The seller's moving averages.
        nominal: The model's run, and the results beside it.
        days: The days that are over.
    """

    market: MarketParameters
    open_market: MarketParameters
    seen: MarketState
    recent: RecentResults
    nominal: NominalRun
    days: tuple[TrackedDay, ...]

    @classmethod
    def start(cls, market: MarketParameters, told: ActualDay | None = None) -> "Tracked":
        """The first morning, with what was told of it."""
        seen = initial_state(market, 1)
        return cls(
            market=market,
            open_market=whatever_was_done(market),
            seen=seen if told is None else told_morning(market, seen, told),
            recent=RecentResults.empty(market, 1),
            nominal=NominalRun.start(market, 1),
            days=(),
        )

    @property
    def state(self) -> MarketState:
        """Where the campaign stands this morning, one world: what is seen, and the model's idea of what is hidden."""
        return self.nominal.hidden.put_into(self.seen)

    @property
    def missing(self) -> tuple[int, ...]:
        """Days that are over and of which nothing was told."""
        return tuple(day for day, over in enumerate(self.days) if over.told is None)

    def observe(self) -> Observation:
        """What a policy sees this morning, one world."""
        return observe(self.market, self.seen, self.recent, self.nominal)

    def after(self, committed: Decision, told: ActualDay | None) -> "Tracked":
        """The next morning.

        Args:
            committed: What was to be done today, one world; it stands in for what was not told of spend and deals.
            told: What is known of the day; None counts the day as missing.

        Raises:
            DecisionError: The decision has a wrong shape, or values that are no numbers.
            UsageError: The actuals do not fit the market.
        """
        market, morning = self.market, self.state
        decision = carried_out(market, morning, committed)[0]
        actual = told or ActualDay(day=morning.day, figures={})
        actual.check(market)
        decision = fill_decision(decision, actual)
        # What was spent is spent: no limit cuts it in the model's play.
        free = replace(morning, remaining=Remaining.at_start(self.open_market.scenario.limits, 1))
        expected = self.nominal.expect(self.open_market, free, decision)
        filled = fill_results(decision, expected[0], actual)
        over = TrackedDay(
            told=told,
            morning=morning,
            filled=filled,
            modelled=DayResults.of(expected[0]),
            modelled_visits=expected_counts(expected[0]),
        )
        return Tracked(
            market=market,
            open_market=self.open_market,
            seen=fill_morning(market, morning, filled, expected, actual),
            recent=self.recent.after(filled.results),
            nominal=self.nominal.after(market, filled.results, filled.visits_by_source, expected),
            days=(*self.days, over),
        )


def track(
    market: MarketParameters, days: Iterable[ActualDay], planned: PlannedDays, *, until: int | None = None
) -> Tracked:
    """Follow a campaign from its first morning.

    Args:
        market: The market as the scenario states it.
        days: What was told, in the order of telling: a later report of a day corrects an earlier one, figure by figure.
        planned: What was committed, from day 0 on.
        until: The morning to stand on; the one after the last day that was told where left out.

    Raises:
        UsageError: Actuals do not fit the market, or nothing was committed for a day before the morning.
    """
    told: dict[int, ActualDay] = {}
    for report in days:
        report.check(market)
        told[report.day] = merged(told[report.day], report) if report.day in told else report
    end = max(told, default=-1) + 1 if until is None else until
    if not (planned.first_day == 0 and end <= planned.end_day and end <= market.scenario.days):
        raise UsageError(
            f"The campaign is to be followed up to day {end}, and what was committed covers the days "
            f"{planned.first_day} to {planned.end_day - 1}; it must cover all days from 0 on."
        )
    tracked = Tracked.start(market, told.get(-1))
    for day in range(end):
        tracked = tracked.after(planned.decision(day), told.get(day))
    return tracked
