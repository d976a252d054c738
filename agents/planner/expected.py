"""Plans played in expected mode: what a plan brings, and what a small change of it would bring instead.

Regions share nothing but limits: currencies are given from outside, and stock, customers and sentiment are a region's
own. Limits are left to the program, so one world can carry a change in every region at once, and a region's own sum
tells what its change does. A change that begins on day ``t`` needs no world of its own before ``t``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xbopt.agents.planner.goals import Goal
from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.simulator.after import carried_beyond
from xbopt.simulator.edges import without_limits
from xbopt.simulator.history import initial_state
from xbopt.simulator.lifetime import cell_customer_value, customer_value
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState, join_states, repeat_state
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import WorldParameters, average_world

Number = TypeVar("Number", np.float64, np.int64)
_DAYS_AT_ONCE = 14
"""Days of several plans that are laid side by side at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Changed copies of a plan that differ from it on some days.

    Attributes:
        first_day: First day that differs.
        end_day: Day after the last one that differs.
        worlds: How many copies.
        decide: The decisions of the copies on such a day, from the plan's own decision.
    """

    first_day: int
    end_day: int
    worlds: int
    decide: Callable[[int, Decision], Decision]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a plan goes in expected mode.

    Attributes:
        plan: The plan.
        mornings: The state on each morning, one world each; the last is the evening after the horizon.
        outcomes: What each day brings.
        daily: The goal by day and region ``(T, R)``.
        final: The goal's part of the last evening ``(R,)``.
        by_days: What the return floor counts: contribution margin less that of the same promotions without media.
            Without a floor, what the days bring of the goal.
    """

    plan: ScheduledPolicy
    mornings: list[MarketState]
    outcomes: list[DayOutcome]
    daily: FloatArray
    final: FloatArray
    by_days: float

    @property
    def by_region(self) -> FloatArray:
        """The goal over the whole horizon by region ``(R,)``."""
        return self.daily.sum(axis=0) + self.final

    @property
    def total(self) -> float:
        """The goal over the whole horizon."""
        return float(self.by_region.sum())


class ExpectedMarket:
    """A market in expected mode, without limits on spend.

    Args:
        market: The market.
        goal: What is summed up.
        world: The world's own parameters; the average market where left out. Of several worlds, as many plans are
            played side by side, one in each: only ``totals`` and ``parts`` do so.

    Attributes:
        played: How many plans were played as a whole.
    """

    def __init__(self, market: MarketParameters, goal: Goal, world: WorldParameters | None = None) -> None:
        self.market = without_limits(market)
        self.world = average_world() if world is None else world
        self.goal = goal
        self.played = 0
        self._has_floor = market.scenario.document.budget.roi_floor is not None
        self._organic: dict[bytes, float] = {}
        self._value = customer_value(market)
        self._beyond = carried_beyond(market)
        # What went before follows from the plan within its limits.
        self._worlds = max(len(getattr(self.world, group.name)) for group in fields(self.world))
        morning = initial_state(market, self._worlds, self.world)
        self._morning = replace(morning, remaining=Remaining.at_start(self.market.scenario.limits, self._worlds))

    def play(self, plan: ScheduledPolicy) -> Course:
        """Play one plan over the whole horizon."""
        self.played += 1
        state = self._morning
        mornings, outcomes, daily = [state], list[DayOutcome](), list[FloatArray]()
        for decision in _decisions([plan]):
            outcome, state = play_day(self.market, self.world, state, decision, None)
            mornings.append(state)
            outcomes.append(outcome)
            daily.append(self.goal.of_day(outcome)[0])
        by_days = float(np.stack(daily).sum())
        if self._has_floor:
            margin = sum(float(outcome.money.contribution_margin.sum()) for outcome in outcomes)
            by_days = margin - self._without_media(plan)
        return Course(
            plan=plan,
            mornings=mornings,
            outcomes=outcomes,
            daily=np.stack(daily),
            final=self._evening(state, self.goal)[0],
            by_days=by_days,
        )

    def totals(self, plans: Sequence[ScheduledPolicy]) -> FloatArray:
        """The goal of several plans by region ``(N, R)``, played side by side."""
        return self.by_goal(plans, [self.goal])[0]

    def by_goal(self, plans: Sequence[ScheduledPolicy], goals: Sequence[Goal]) -> FloatArray:
        """Several goals of several plans by region ``(G, N, R)``, from one play of each plan."""
        total, _, state = self._side_by_side(plans, goals)
        return total + np.stack([self._evening(state, goal) for goal in goals])

    def parts(self, plans: Sequence[ScheduledPolicy]) -> tuple[FloatArray, FloatArray]:
        """What the return floor counts of each plan, and what is left of the goal, by region ``(N, R)`` each.

        Without a floor that is what the days bring, and what the last evening adds.
        """
        totals, margin, state = self._side_by_side(plans, [self.goal])
        total, evening = totals[0], self._evening(state, self.goal)
        if not self._has_floor:
            return total, evening
        counted = margin - np.array([self._without_media(plan) for plan in plans])[:, None] / total.shape[1]
        return counted, total - counted + evening

    def _side_by_side(
        self, plans: Sequence[ScheduledPolicy], goals: Sequence[Goal]
    ) -> tuple[FloatArray, FloatArray, MarketState]:
        """What the days bring of goals ``(G, N, R)`` and of contribution margin ``(N, R)``, and the last evening."""
        self.played += len(plans)
        state = repeat_state(self._morning, len(plans)) if self._worlds == 1 else self._morning
        total = np.zeros((len(goals), len(plans), self.market.shape[0]))
        margin = np.zeros(total.shape[1:])
        for decision in _decisions(plans):
            outcome, state = play_day(self.market, self.world, state, decision, None)
            for i, goal in enumerate(goals):
                total[i] += goal.of_day(outcome)
            if self._has_floor:
                margin += add_up(outcome.money.contribution_margin, 2)
        return total, margin, state

    def _without_media(self, plan: ScheduledPolicy) -> float:
        """Contribution margin of a plan's promotions without media."""
        key = plan.discount_frac.tobytes() + plan.mechanic.tobytes()
        if key not in self._organic:
            bare = replace(plan, spend_base=np.zeros_like(plan.spend_base))
            state, margin = self._morning, 0.0
            for decision in _decisions([bare]):
                outcome, state = play_day(self.market, self.world, state, decision, None)
                margin += float(outcome.money.contribution_margin.sum())
            self._organic[key] = margin
        return self._organic[key]

    def gains(self, course: Course, branches: Sequence[Branch]) -> list[FloatArray]:
        """What each copy of each branch brings more than the plan, by region ``(worlds, R)`` a branch.

        Args:
            course: The course of the plan.
            branches: In order of their first day.
        """
        days = self.market.scenario.days
        state: MarketState | None = None
        active: list[tuple[Branch, slice]] = []
        total = np.zeros((sum(branch.worlds for branch in branches), self.market.shape[0]))
        waiting = list(branches)
        rows = 0
        for day in range(days):
            fresh = [branch for branch in waiting if branch.first_day == day]
            waiting = [branch for branch in waiting if branch.first_day > day]
            parts = [] if state is None else [state]
            for branch in fresh:
                parts.append(repeat_state(course.mornings[day], branch.worlds))
                active.append((branch, slice(rows, rows + branch.worlds)))
                rows += branch.worlds
            if not parts:
                continue
            state = join_states(parts)
            decision = self._branched(course.plan, day, rows, active)
            outcome, state = play_day(self.market, self.world, state, decision, None)
            total[:rows] += self.goal.of_day(outcome) - course.daily[day]
        if state is not None:
            total += self._evening(state, self.goal) - course.final
        ends = np.cumsum([branch.worlds for branch in branches])
        return np.split(total, ends[:-1]) if len(branches) else []

    def _branched(self, plan: ScheduledPolicy, day: int, worlds: int, active: list[tuple[Branch, slice]]) -> Decision:
        own = plan_decision(plan, day, 1)
        decision = plan_decision(plan, day, worlds, writeable=True)
        for branch, rows in active:
            if branch.first_day <= day < branch.end_day:
                changed = branch.decide(day, own)
                decision.spend_base[rows] = changed.spend_base
                decision.daypart_weights[rows] = changed.daypart_weights
                decision.discount_frac[rows] = changed.discount_frac
                decision.mechanic[rows] = changed.mechanic
        return decision

    def _evening(self, state: MarketState, goal: Goal) -> FloatArray:
        """What the last evening is worth by region ``(B, R)``: customers gained, and what is carried beyond it."""
        if not goal.counts_customers:
            return np.zeros(state.stock.shape)
        worth = cell_customer_value(self.market, state, self._value) + self._beyond.by_cell(state, self.world)
        return add_up(worth, 2)


def plan_decision(plan: ScheduledPolicy, day: int, worlds: int, *, writeable: bool = False) -> Decision:
    """The plan's decision on a day, in ``worlds`` worlds."""

    def spread(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> FloatArray:
        wide = np.broadcast_to(array, (worlds, *array.shape))
        return np.array(wide, order="F") if writeable else wide

    mechanic = np.broadcast_to(plan.mechanic[day], (worlds, *plan.mechanic[day].shape))
    return Decision(
        spend_base=spread(plan.spend_base[day]),
        daypart_weights=spread(plan.daypart_weights),
        discount_frac=spread(plan.discount_frac[day]),
        mechanic=np.array(mechanic, order="F") if writeable else mechanic,
    )


def _decisions(plans: Sequence[ScheduledPolicy]) -> Iterator[Decision]:
    """The decisions of several plans side by side, day by day."""
    weights = np.stack([plan.daypart_weights.T for plan in plans], axis=-1).T
    for first in range(0, len(plans[0].spend_base), _DAYS_AT_ONCE):
        days = slice(first, first + _DAYS_AT_ONCE)
        rows = zip(
            _by_day([plan.spend_base[days] for plan in plans]),
            _by_day([plan.discount_frac[days] for plan in plans]),
            _by_day([plan.mechanic[days] for plan in plans]),
            strict=True,
        )
        for spend, discount, mechanic in rows:
            yield Decision(spend_base=spend.T, daypart_weights=weights, discount_frac=discount.T, mechanic=mechanic.T)


def _by_day(arrays: Sequence[NDArray[Number]]) -> NDArray[Number]:
    """Arrays ``(T, ...)`` beside each other, as days, the other axes from the last on, and worlds."""
    return np.stack([np.moveaxis(array.T, -1, 0) for array in arrays], axis=-1)
