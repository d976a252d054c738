"""What a plan is to bring: named goals, each a sum over days, cells and the last evening."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.simulator.step import DayOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A quantity that a plan makes as large as it can.

    Attributes:
        name: Its name on the command line and in JSON.
        of_cell: What a day brings by cell ``(B, R, S)``.
        media_cost: What one base currency unit of media takes off ``of_cell`` at once; 0 where more spend never hurts.
        counts_customers: Whether the change of customer value and what is carried beyond the last day belong to it.
        in_money: Whether it is money; otherwise a count.
    """

    name: str
    of_cell: Callable[[DayOutcome], FloatArray]
    media_cost: float
    counts_customers: bool
    in_money: bool

    @property
    def counts_media(self) -> bool:
        """Whether media spend is taken off."""
        return self.media_cost > 0.0

    def of_day(self, outcome: DayOutcome) -> FloatArray:
        """What a day brings by region ``(B, R)``."""
        return add_up(self.of_cell(outcome), 2)

    def plus(self, weight: float, other: "Goal") -> "Goal":
        """This goal and ``weight`` times another one, which must not count customers."""
        return Goal(
            name=f"{self.name} and {weight:.6g} {other.name}",
            of_cell=lambda outcome: self.of_cell(outcome) + weight * other.of_cell(outcome),
            media_cost=self.media_cost + weight * other.media_cost,
            counts_customers=self.counts_customers,
            in_money=self.in_money,
        )


def _margin(outcome: DayOutcome) -> FloatArray:
    return outcome.money.contribution_margin


def net_revenue_of(outcome: DayOutcome) -> FloatArray:
    """Net revenue by cell ``(B, R, S)``."""
    return outcome.money.net_revenue


def media_of(outcome: DayOutcome) -> FloatArray:
    """Media spend by cell ``(B, R, S)``."""
    return -outcome.money.media


def discounts_of(outcome: DayOutcome) -> FloatArray:
    """Discounts given, net of tax, by cell ``(B, R, S)``; ``gross + discount`` is ``1 + tax`` times its net."""
    money = outcome.money
    paid = money.gross_revenue + money.discount
    return -money.discount * np.where(paid > 0.0, (paid + money.tax) / np.where(paid > 0.0, paid, 1.0), 1.0)


def new_customers_of(outcome: DayOutcome) -> FloatArray:
    """First orders by cell ``(B, R, S)``."""
    return outcome.orders[..., 0]


def _goal(
    name: str,
    of_cell: Callable[[DayOutcome], FloatArray],
    *,
    media_cost: float = 0.0,
    counts_customers: bool = False,
    in_money: bool = False,
) -> Goal:
    return Goal(name=name, of_cell=of_cell, media_cost=media_cost, counts_customers=counts_customers, in_money=in_money)


GOALS: Mapping[str, Goal] = {
    goal.name: goal
    for goal in (
        _goal("reward", _margin, media_cost=1.0, counts_customers=True, in_money=True),
        _goal("contribution_margin", _margin, media_cost=1.0, in_money=True),
        _goal("net_revenue", net_revenue_of, in_money=True),
        _goal("orders", lambda outcome: add_up(outcome.orders, 3)),
        _goal("new_customers", new_customers_of),
        _goal("visits", lambda outcome: outcome.visits),
    )
}
"""Every goal by name. ``reward`` is the contribution margin plus the change of customer value plus what is carried
beyond the last day, so that neither burning customers nor living on what is left of earlier media pays. Agents learn
from it as well."""

COST = _goal("cost", lambda outcome: -media_of(outcome) - discounts_of(outcome), media_cost=1.0, in_money=True)
"""Media and discounts with a minus: what a plan that is to be cheap makes as large as it can."""

RATIOS: tuple[str, ...] = ("roas", "incremental_roas", "roi", "cpa")
"""What a target may ask for besides: one sum over another. ``xbopt.agents.planner.aims`` says which."""

ALIASES: Mapping[str, str] = {"margin": "contribution_margin"}
"""Short names that are understood as well."""

TARGETS: tuple[str, ...] = (*GOALS, *RATIOS)
"""Everything that a target may name."""


def goal_named(goal: "str | Goal") -> Goal:
    """The goal of that name; a goal is itself.

    Raises:
        UsageError: There is none.
    """
    if isinstance(goal, Goal):
        return goal
    goal = ALIASES.get(goal, goal)
    if goal == COST.name:
        return COST
    if goal in RATIOS:
        raise UsageError(
            f"{goal} is a ratio, and the best ratio is that of next to no spend. Set what it has to be and let the "
            f"rest be as good as it can: --target {goal}=VALUE."
        )
    if goal not in GOALS:
        raise UsageError(f"There is no goal {goal!r}.{suggest(goal, GOALS)} Goals: {', '.join(GOALS)}.")
    return GOALS[goal]
