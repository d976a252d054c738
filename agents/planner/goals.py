"""What a plan is to bring: named goals, each a sum over days, cells and the last evening."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.simulator.step import DayOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A quantity that a plan makes as large as it can.

    Attributes:
        name: Its name on the command line and in JSON.
        of_day: What a day brings by region ``(B, R)``.
        counts_media: Whether media spend is already taken off in ``of_day``. Where it is not, more spend never hurts.
        counts_customers: Whether the change of customer value and what is carried beyond the last day belong to it.
        in_money: Whether it is money; otherwise a count.
    """

    name: str
    of_day: Callable[[DayOutcome], FloatArray]
    counts_media: bool
    counts_customers: bool
    in_money: bool


def _margin(outcome: DayOutcome) -> FloatArray:
    return add_up(outcome.money.contribution_margin, 2)


GOALS: Mapping[str, Goal] = {
    goal.name: goal
    for goal in (
        Goal(name="reward", of_day=_margin, counts_media=True, counts_customers=True, in_money=True),
        Goal(name="contribution_margin", of_day=_margin, counts_media=True, counts_customers=False, in_money=True),
        Goal(
            name="net_revenue",
            of_day=lambda outcome: add_up(outcome.money.net_revenue, 2),
            counts_media=False,
            counts_customers=False,
            in_money=True,
        ),
        Goal(
            name="orders",
            of_day=lambda outcome: add_up(outcome.orders, 2, 3),
            counts_media=False,
            counts_customers=False,
            in_money=False,
        ),
        Goal(
            name="new_customers",
            of_day=lambda outcome: add_up(outcome.orders[..., 0], 2),
            counts_media=False,
            counts_customers=False,
            in_money=False,
        ),
        Goal(
            name="visits",
            of_day=lambda outcome: add_up(outcome.visits, 2),
            counts_media=False,
            counts_customers=False,
            in_money=False,
        ),
    )
}
"""Every goal by name. ``reward`` is the contribution margin plus the change of customer value plus what is carried
beyond the last day, so that neither burning customers nor living on what is left of earlier media pays. Agents learn
from it as well."""


def goal_named(name: str) -> Goal:
    """The goal of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in GOALS:
        raise UsageError(f"There is no goal {name!r}.{suggest(name, GOALS)} Goals: {', '.join(GOALS)}.")
    return GOALS[name]
