"""Plans played in expected mode: what a plan brings, and what a small change of it would bring instead.

Regions share nothing but limits: currencies are given from outside, and stock, customers and sentiment are a region's
own. Limits are left to the program, so one world can carry a change in every region at once, and a region's own sum
tells what its change does. A change that begins on day ``t`` needs no world of its own before ``t``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.planner.goals import Goal
from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.simulator.lifetime import customer_value
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import order_margin
from xbopt.simulator.state import MarketState, initial_state, join_states, repeat_state
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import WorldParameters, average_world


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
        world: The world's own parameters, one world; the average market where left out.
    """

    def __init__(self, market: MarketParameters, goal: Goal, world: WorldParameters | None = None) -> None:
        self.market = _without_limits(market)
        self.world = average_world() if world is None else world
        self.goal = goal
        self._has_floor = market.scenario.document.budget.roi_floor is not None
        self._organic: dict[bytes, float] = {}
        self._value = customer_value(market)
        self._owed = np.maximum(order_margin(market), 0.0)

    def play(self, plan: ScheduledPolicy) -> Course:
        """Play one plan over the whole horizon."""
        state = initial_state(self.market, 1)
        mornings, outcomes, daily = [state], list[DayOutcome](), list[FloatArray]()
        for day in range(self.market.scenario.days):
            outcome, state = play_day(self.market, self.world, state, plan_decision(plan, day, 1), None)
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
            final=self._evening(state)[0],
            by_days=by_days,
        )

    def totals(self, plans: Sequence[ScheduledPolicy]) -> FloatArray:
        """The goal of several plans by region ``(N, R)``, played side by side."""
        by_days, evening = self.parts(plans)
        return by_days + evening

    def parts(self, plans: Sequence[ScheduledPolicy]) -> tuple[FloatArray, FloatArray]:
        """What the return floor counts of each plan, and what is left of the goal, by region ``(N, R)`` each.

        Without a floor that is what the days bring, and what the last evening adds.
        """
        state = initial_state(self.market, len(plans))
        total = np.zeros((len(plans), self.market.shape[0]))
        margin = np.zeros_like(total)
        for day in range(self.market.scenario.days):
            outcome, state = play_day(self.market, self.world, state, _side_by_side(plans, day), None)
            total += self.goal.of_day(outcome)
            if self._has_floor:
                margin += add_up(outcome.money.contribution_margin, 2)
        if not self._has_floor:
            return total, self._evening(state)
        counted = margin - np.array([self._without_media(plan) for plan in plans])[:, None] / total.shape[1]
        return counted, total - counted + self._evening(state)

    def _without_media(self, plan: ScheduledPolicy) -> float:
        """Contribution margin of a plan's promotions without media."""
        key = plan.discount_frac.tobytes() + plan.mechanic.tobytes()
        if key not in self._organic:
            bare = replace(plan, spend_base=np.zeros_like(plan.spend_base))
            state, margin = initial_state(self.market, 1), 0.0
            for day in range(self.market.scenario.days):
                outcome, state = play_day(self.market, self.world, state, plan_decision(bare, day, 1), None)
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
            total += self._evening(state) - course.final
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

    def _evening(self, state: MarketState) -> FloatArray:
        """What the last evening is worth by region ``(B, R)``: customers gained, less orders owed to promotions."""
        if not self.goal.counts_customers:
            return np.zeros(state.stock.shape)
        change = (state.customers - self.market.scenario.customers) * self._value
        return add_up(change, 2, 3) - add_up(state.borrowed * self._owed, 2)


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


def _side_by_side(plans: Sequence[ScheduledPolicy], day: int) -> Decision:
    return Decision(
        spend_base=np.stack([plan.spend_base[day] for plan in plans]),
        daypart_weights=np.stack([plan.daypart_weights for plan in plans]),
        discount_frac=np.stack([plan.discount_frac[day] for plan in plans]),
        mechanic=np.stack([plan.mechanic[day] for plan in plans]),
    )


def _without_limits(market: MarketParameters) -> MarketParameters:
    """The same market with no limit on spend; the ceiling on discounts stays."""
    limits = market.scenario.limits
    free = replace(
        limits,
        total_base=1e300,
        daily_base=1e300,
        region_cap_base=np.full_like(limits.region_cap_base, np.inf),
        channel_cap_base=np.full_like(limits.channel_cap_base, np.inf),
        minimum_base=np.zeros_like(limits.minimum_base),
        locked=np.zeros_like(limits.locked),
        lock_base=np.zeros_like(limits.lock_base),
    )
    return replace(market, scenario=replace(market.scenario, limits=free))
