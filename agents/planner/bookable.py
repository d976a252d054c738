"""A plan as it can be booked: brought within the booking rules, with every choice tried in expected mode.

Rounding to whole units loses little. What loses is a channel that must run with so much or not at all, and may change
only so fast: then some weeks or channels are dropped, others raised. Which ones is decided by playing them: first whole
plans (dropped, raised, smoothed, scaled), then changes of single channels and weeks, the best of them together.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.planner.blocks import split_horizon
from xbopt.agents.planner.booking_rules import BookingRules, booking_rules
from xbopt.agents.planner.campaign import CampaignPlan
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.constraints import Constraints, scenario_constraints
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.kept_limits import keeps_limits
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.limits import Limits
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.simulator.parameters import MarketParameters

_SCALES = (1.0, 0.99, 0.97, 0.94, 0.9, 0.8, 0.65, 0.5, 0.35, 0.2, 0.1)
_CHANGES = (0.8, 0.9, 0.97, 1.03, 1.1, 1.25)
_WEEK_CHANGES = (0.9, 1.1)
_ROUNDS = 6
_GAIN = 1e-7
# Plans that are played side by side, and most changes that one round tries.
_BATCH, _MOST_TRIED = 128, 384


@dataclass(frozen=True, slots=True, kw_only=True)
class BookablePlan:
    """A plan as it can be booked, beside the one that it was made from.

    Attributes:
        plan: The plan that can be booked.
        unrounded: The plan that it was made from.
        weekly: What that plan brings of the goal with one daily amount a week, and nothing else asked.
        dropped: Weeks of a channel in a region that lost all their spend.
        raised: Weeks of a channel in a region that spend more, because it must be so much or nothing.
        tried: Plans that were played to find it.
    """

    plan: CampaignPlan
    unrounded: CampaignPlan
    weekly: float
    dropped: int
    raised: int
    tried: int


def plan_bookable(market: MarketParameters, campaign: CampaignPlan) -> BookablePlan:
    """The plan as it can be booked by ``budget.bookable``; discounts and dayparts stay as they are.

    Raises:
        InfeasiblePlanError: No amounts that can be booked keep all limits.
    """
    booking = _Booking(market, campaign)
    units = booking.improved(booking.first())
    schedule = booking.plan_of(units)
    course = booking.expected.play(schedule)
    plan = campaign.moved_to(course)
    before = booking.weekly_base.sum(axis=2) - booking.rules.locked_base
    before = np.where(before > 0.5 * booking.rules.unit_base, before, 0.0)
    return BookablePlan(
        plan=plan,
        unrounded=campaign,
        weekly=booking.weekly_value(),
        dropped=int(((units == 0.0) & (before > 0.0)).sum()),
        raised=int(((units >= booking.rules.least) & (before > 0.0) & (before < booking.least_base)).sum()),
        tried=booking.expected.played,
    )


class _Booking:
    """A plan with the rules, the limits, and the market that measures what is booked."""

    def __init__(self, market: MarketParameters, campaign: CampaignPlan) -> None:
        scenario = market.scenario
        self.plan = campaign.schedule
        self.limits: Limits = replace(scenario.limits, total_base=campaign.budget_base)
        self.available = market.shocks.available
        self.rules: BookingRules = booking_rules(scenario, self.available)
        self.expected = ExpectedMarket(market, goal_named(campaign.goal))
        self.constraints: Constraints = scenario_constraints(
            scenario, split_horizon(market, "week"), budget_base=campaign.budget_base
        )
        self.weekly_base = self.rules.weekly(self.plan.spend_base)
        self.shares = self.rules.weights(self.weekly_base, scenario.population)
        self.wanted = self.rules.units(self.weekly_base)
        self.price = campaign.budget_price
        self.least_base = self.rules.least * self.rules.unit_base

    def plan_of(self, units: FloatArray) -> ScheduledPolicy:
        """The plan that books so many units ``(W, R, C)``."""
        return replace(self.plan, spend_base=self.rules.daily(units, self.shares))

    def weekly_value(self) -> float:
        """The goal of the plan with one daily amount a week."""
        spend = self.weekly_base[self.rules.of_day] * self.available[:, :, None, :]
        return self.expected.play(replace(self.plan, spend_base=spend)).total

    def first(self) -> FloatArray:
        """The best of the whole plans: small amounts dropped or raised, changes lowered, raised or levelled.

        Raises:
            InfeasiblePlanError: Not even the minimums can be booked.
        """
        wanted, rules = self.wanted, self.rules
        running = wanted > 0.0
        weeks = np.maximum(running.sum(axis=0), 1.0)
        level = np.where(running, wanted.sum(axis=0) / weeks, 0.0)
        always = np.broadcast_to(wanted.mean(axis=0), wanted.shape)
        smooth = np.sqrt(np.maximum(wanted, 0.0) * level)
        tried = [np.zeros_like(wanted)]
        for shape in (wanted, smooth, level, always):
            for scale in _SCALES:
                scaled = scale * shape
                tried += [scaled, np.where(scaled > 0.0, np.maximum(scaled, rules.least), 0.0)]
                tried.append(np.where(scaled > 0.5 * rules.least, np.maximum(scaled, rules.least), 0.0))
        kept = [units for units in self._lawful(tried) if self._allowed(units)]
        if not kept:
            raise InfeasiblePlanError(
                ("budget", "minimums and locks", "budget.bookable"),
                "Minimums in whole units, and of at least budget.bookable.least_per_day_base, take more than the "
                "limits allow. Lower round_to, least_per_day_base or the minimums.",
            )
        values = self._values(kept)
        return kept[self.constraints.best(values[0], values[1], values[2])]

    def improved(self, units: FloatArray) -> FloatArray:
        """The units after changes of single channels and weeks that expected mode says are better."""
        quiet = 0
        for turn in range(2 * _ROUNDS):
            found = self._round(units, self._of_places(units) if turn % 2 == 0 else self._of_weeks(units))
            quiet = quiet + 1 if found is units else 0
            units = found
            if quiet == 2:
                break
        return units

    def _of_places(self, units: FloatArray) -> list[FloatArray]:
        """The units with another course of one channel in one region."""
        _, regions, channels = units.shape
        found: list[FloatArray] = []
        for r, c in np.ndindex(regions, channels):
            own, wanted, least = units[:, r, c], self.wanted[:, r, c], self.rules.least[:, r, c]
            courses = [np.zeros_like(own), wanted, np.where(wanted > 0.0, np.maximum(wanted, least), 0.0)]
            courses += [np.full_like(own, np.maximum(wanted.mean(), least.max())), np.full_like(own, least.max())]
            courses += [np.rint(own * change) for change in _CHANGES] + [np.where(own > 0.0, own + 1.0, 0.0)]
            found += [self._with(units, np.s_[:, r, c], course) for course in courses]
        return found

    def _of_weeks(self, units: FloatArray) -> list[FloatArray]:
        """The units with more, less, nothing or the least in one week of a channel in a region."""
        found: list[FloatArray] = []
        for place in np.ndindex(*units.shape):
            own, least = float(units[place]), float(self.rules.least[place])
            if own > 0.0:
                others = {0.0, own + 1.0, own - 1.0, *(float(np.rint(own * change)) for change in _WEEK_CHANGES)}
            else:
                others = {least, float(self.wanted[place])} if self.wanted[place] > 0.0 else set[float]()
            found += [self._with(units, place, np.float64(other)) for other in sorted(others - {own})]
        step = max(-(-len(found) // _MOST_TRIED), 1)
        return found[::step]

    @staticmethod
    def _with(units: FloatArray, where: tuple[slice | int, ...], course: FloatArray | np.float64) -> FloatArray:
        changed = units.copy()
        changed[where] = course
        return changed

    def _round(self, units: FloatArray, changes: list[FloatArray]) -> FloatArray:
        """The best changes of different places together; the units where no change is better.

        A change may take money that only another one sets free, so money is charged at the budget's price.
        """
        tried = self._lawful(changes)
        if not tried:
            return units
        now = self._values([units])
        values = np.concatenate([now, self._values(tried)], axis=1)
        worth = self._gains(values) - self.price * (values[2, 1:] - values[2, 0])
        enough = _GAIN * abs(float(now[0, 0]))
        order = [int(i) for i in np.argsort(-worth, kind="stable") if worth[i] > enough]
        together, best = units, list[FloatArray]()
        for i in (*order, *order):  # what had no room the first time may have it now
            # A change that overlaps what was taken already is left for the next round.
            differs = tried[i] != units
            if not (differs & (together != units)).any():
                joined = self.rules.lawful(np.where(differs, tried[i], together))
                if self._allowed(joined):
                    together = joined
                    best.append(joined)
        if not best:
            return units
        gains = self._gains(np.concatenate([now, self._values(best)], axis=1))
        top = int(gains.argmax())
        return best[top] if gains[top] > enough else units

    def _gains(self, values: FloatArray) -> FloatArray:
        """Gain of each plan over the first; of those that break the return floor nothing."""
        totals, by_days, spends = values
        short = self.constraints.floor_shortfall(by_days, spends)
        gains = totals[1:] - totals[0]
        return np.where(short[1:] <= short[0], gains, -np.inf)

    def _lawful(self, tried: list[FloatArray]) -> list[FloatArray]:
        """The different units within the rules that those tried become."""
        return list({units.tobytes(): units for units in map(self.rules.lawful, tried)}.values())

    def _allowed(self, units: FloatArray) -> bool:
        return keeps_limits(self.rules.daily(units, self.shares), self.available, self.limits)

    def _values(self, tried: list[FloatArray]) -> FloatArray:
        """Goal, what the return floor counts, and spend of each ``(3, N)``."""
        found: list[FloatArray] = []
        for first in range(0, len(tried), _BATCH):
            plans = [self.plan_of(units) for units in tried[first : first + _BATCH]]
            by_days, evening = (each.sum(axis=1) for each in self.expected.parts(plans))
            found.append(np.stack([by_days + evening, by_days, [plan.spend_base.sum() for plan in plans]]))
        return np.concatenate(found, axis=1)
