"""What amounts can be booked: one daily amount a week and cell, in whole units of the account's currency.

A week's amounts are counted in units by region and channel, ``(W, R, C)`` whole numbers, and shared over the segments
afterwards. Locks are fixed already: they are paid on top as they stand, and need be neither whole nor large.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.scenario.plan_table import account_rates
from xbopt.core.scenario.scenario import Scenario

_WEEK = 7
# What is a whole number but for rounding is that number.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRules:
    """The amounts that can be booked.

    Attributes:
        of_day: Week of each day ``(T,)``, counted from the first day.
        unit_base: What a unit is worth ``(R, 1)``, base currency at first-day rates.
        locked_base: What locks spend a day ``(W, R, C)``; 0 in weeks in which the channel cannot be bought.
        lowest: Fewest units, for the minimums ``(W, R, C)``.
        highest: Most units, for the maximums ``(W, R, C)``.
        least: Fewest units of a channel that runs ``(W, R, C)``.
        change_frac: Most by which a running channel's day may change from week to week; infinite without a limit.
        cell_lowest: Fewest units by cell ``(R, S, C)``.
        lock_base: Locks by cell ``(R, S, C)``.
        free: 1 where a cell has people and no lock ``(R, S, C)``.
        available: 1 where a channel can be bought ``(T, R, C)``.
    """

    of_day: IntArray
    unit_base: FloatArray
    locked_base: FloatArray
    lowest: FloatArray
    highest: FloatArray
    least: FloatArray
    change_frac: float
    cell_lowest: FloatArray
    lock_base: FloatArray
    free: FloatArray
    available: FloatArray

    def weekly(self, spend_base: FloatArray) -> FloatArray:
        """Mean daily spend of each week ``(W, R, S, C)`` over the days on which a channel can be bought."""
        starts = np.arange(0, len(spend_base), _WEEK)
        days = np.add.reduceat(self.available, starts, axis=0)[:, :, None, :]
        totals = np.add.reduceat(spend_base * self.available[:, :, None, :], starts, axis=0)
        return np.where(days > 0.0, totals / np.maximum(days, 1.0), 0.0)

    def units(self, weekly_base: FloatArray) -> FloatArray:
        """Units nearest to weekly amounts ``(W, R, S, C)`` besides locks, by region and channel ``(W, R, C)``."""
        return np.rint(np.maximum(weekly_base.sum(axis=2) - self.locked_base, 0.0) / self.unit_base)

    def lawful(self, units: FloatArray) -> FloatArray:
        """The largest units within the rules that are nowhere above those given, but for minimums; ``(W, R, C)``.

        Starting from nothing and stopping are no changes. Of a channel whose locks run they are.
        """
        kept = np.clip(np.rint(units), self.lowest, self.highest)
        while True:
            running = np.where((kept < self.least) & (self.lowest == 0.0), 0.0, kept)
            changed = np.maximum(self._within_change(running), self.lowest)
            if np.array_equal(changed, kept):
                return kept
            kept = changed

    def _within_change(self, units: FloatArray) -> FloatArray:
        """Units lowered until no running channel changes by more than it may; lowering never breaks another week."""
        if not np.isfinite(self.change_frac):
            return units
        kept, weeks = units.copy(), len(units)
        for week in range(1, weeks):
            self._lower(kept, week, week - 1, 1.0 + self.change_frac)
        if self.change_frac < 1.0:
            for week in range(weeks - 2, -1, -1):
                self._lower(kept, week, week + 1, 1.0 / (1.0 - self.change_frac))
        return kept

    def _lower(self, units: FloatArray, week: int, beside: int, factor: float) -> None:
        lock = self.locked_base[week]
        here, there = (self.locked_base[w] + self.unit_base * units[w] for w in (week, beside))
        most = np.floor((factor * there - lock) / self.unit_base * (1.0 + _ROUNDING))
        both = (here > 0.0) & (there > 0.0)
        units[week] = np.where(both, np.minimum(units[week], np.maximum(most, 0.0)), units[week])

    def daily(self, units: FloatArray, weights: FloatArray) -> FloatArray:
        """Daily spend ``(T, R, S, C)`` of units ``(W, R, C)``, shared over segments by weights ``(W, R, S, C)``.

        Each segment gets its minimum first, and of the rest whole units by the largest remainder.
        """
        lowest = np.where(units[:, :, None, :] > 0.0, self.cell_lowest, 0.0)
        rest = units[:, :, None, :] - lowest.sum(axis=2, keepdims=True)
        more = np.maximum(weights * units[:, :, None, :] - lowest, 0.0)
        more = np.where(more.sum(axis=2, keepdims=True) > 0.0, more, weights)
        wanted = rest * more / np.maximum(more.sum(axis=2, keepdims=True), 1e-300)
        whole = np.floor(wanted + _ROUNDING)
        left = rest - whole.sum(axis=2, keepdims=True)
        rank = np.argsort(np.argsort(whole - wanted, axis=2, kind="stable"), axis=2, kind="stable")
        cells = lowest + whole + (rank < np.rint(left))
        amounts = self.unit_base[:, :, None] * cells + self.lock_base
        return amounts[self.of_day] * self.available[:, :, None, :]

    def weights(self, weekly_base: FloatArray, population: FloatArray) -> FloatArray:
        """Shares of segments ``(W, R, S, C)``: the week's own, else those of all weeks, else by people ``(R, S)``."""
        own = weekly_base * self.free
        people = population[:, :, None] * self.free
        for other in (own.sum(axis=0), people):
            own = np.where(own.sum(axis=2, keepdims=True) > 0.0, own, other)
        return own / np.maximum(own.sum(axis=2, keepdims=True), 1e-300)


def booking_rules(scenario: Scenario, available: FloatArray) -> BookingRules:
    """The rules of a scenario's ``budget.bookable``, with its minimums, maximums and locks.

    Args:
        scenario: The scenario.
        available: 1 where a channel can be bought, else 0 ``(T, R, C)``.

    Raises:
        InfeasiblePlanError: A minimum in whole units, or the least amount where there is one, is above a maximum.
    """
    asked, limits = scenario.document.budget.bookable, scenario.limits
    unit = (asked.round_to * account_rates(scenario))[:, None]  # (R, 1)
    on = np.add.reduceat(available, np.arange(0, scenario.days, _WEEK), axis=0) > 0.0  # (W, R, C)
    free = (~limits.locked & (scenario.population > 0.0)[:, :, None]).astype(np.float64)
    cell_lowest = np.ceil(limits.minimum_base * free / unit[:, :, None] * (1.0 - _ROUNDING))
    locked = limits.lock_base.sum(axis=1)  # (R, C)
    least = np.maximum(np.ceil((asked.least_per_day_base - locked) / unit * (1.0 - _ROUNDING)), 1.0)
    lowest = cell_lowest.sum(axis=1)
    lowest = np.where(lowest > 0.0, np.maximum(lowest, least), 0.0)
    # No more than the whole budget on a day: what is unbounded has no whole number.
    most = np.minimum(limits.maximum_base, limits.daily_base) - locked
    highest = np.floor(np.maximum(most, 0.0) / unit * (1.0 + _ROUNDING)) * free.any(axis=1)
    for r, c in np.argwhere(lowest > highest).tolist():
        place = f"{scenario.regions[r]}/{scenario.channels[c]}"
        bound = f"maximum {place}" if limits.maximum_base[r, c] <= limits.daily_base else "day"
        raise InfeasiblePlanError(
            (bound, f"minimum {place}", "budget.bookable"),
            "Lower budget.bookable.least_per_day_base or round_to, or lower the minimum.",
        )
    weeks = on.shape[0]
    return BookingRules(
        of_day=np.arange(scenario.days) // _WEEK,
        unit_base=unit,
        locked_base=locked * on,
        lowest=lowest * on,
        highest=highest * on,
        least=np.broadcast_to(least, (weeks, *least.shape)),
        change_frac=np.inf if asked.largest_weekly_change_frac is None else asked.largest_weekly_change_frac,
        cell_lowest=cell_lowest,
        lock_base=limits.lock_base,
        free=free,
        available=available,
    )
