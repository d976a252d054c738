"""What stands in bodies of campaigns as what it means: scenarios, plans, days and what came on them."""

from datetime import date
from functools import lru_cache

import numpy as np

from xbopt.agents.policies import built_in_policy
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.campaigns.http.asked import DayTold, Figure, PlanArrays
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.documents.document import MISSING, value_at
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario, read_document, shipped_scenarios
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.parameters import MarketParameters

_FILES = (("uncertainty", "draws"), ("history", "before", "file"))
"""Where a scenario names another file."""
_PLANNED = ("baseline", "uniform", "proportional", "calendar", "greedy_roas")
"""Built-in plans that are made at once."""


@lru_cache(maxsize=16)
def scenario_of(text: str) -> Scenario:
    """A scenario by its text, or the name of a shipped one; no other file is read for a client.

    Raises:
        UsageError: It is neither, or names a file.
        ScenarioError: It cannot be used.
    """
    if "\n" not in text:
        if text not in shipped_scenarios():
            raise UsageError(
                f"{text[:100]!r} is no shipped scenario ({', '.join(shipped_scenarios())}); send the text of the file."
            )
        return load_scenario(text)
    data = read_document(text).data
    for path in _FILES:
        if value_at(data, path) is not MISSING:
            raise UsageError(f"The scenario names a file under {'.'.join(path)}; over HTTP it has to hold all itself.")
    return load_scenario(text)


def plan_of(asked: str | PlanArrays, market: MarketParameters) -> ScheduledPolicy:
    """A plan by its name or its arrays.

    Raises:
        UsageError: There is none of that name that is made at once, or the arrays are of another shape.
        DecisionError: An array holds what is no number.
    """
    if isinstance(asked, str):
        if asked not in _PLANNED:
            raise UsageError(f"{asked[:100]!r} is no plan that is made at once: {', '.join(_PLANNED)}; or send arrays.")
        return built_in_policy(asked, market)
    try:
        plan = ScheduledPolicy(
            name="plan",
            spend_base=np.array(asked.spend_base, dtype=np.float64),
            daypart_weights=np.array(asked.daypart_weights, dtype=np.float64),
            discount_frac=np.array(asked.discount_frac, dtype=np.float64),
            mechanic=np.array(asked.mechanic, dtype=np.int64),
        )
    except (ValueError, OverflowError) as error:
        raise UsageError(f"The plan has rows of unequal length, or numbers that are too large: {error}.") from error
    days = market.scenario.days
    regions, segments, channels, dayparts = market.shape
    weights = np.broadcast_to(plan.daypart_weights, (days, *plan.daypart_weights.shape))
    if len(plan.spend_base) != days or (plan.spend_base < 0.0).any():
        raise UsageError(f"The plan needs amounts of 0 or more for each of the {days} days.")
    if (plan.daypart_weights < 0.0).any() or (plan.discount_frac < 0.0).any() or (plan.discount_frac > 1.0).any():
        raise UsageError("The plan needs weights of 0 or more for parts of the day, and discounts from 0 to 1.")
    Decision(
        spend_base=plan.spend_base, daypart_weights=weights, discount_frac=plan.discount_frac, mechanic=plan.mechanic
    ).check(regions=regions, segments=segments, channels=channels, dayparts=dayparts)
    return plan


def actual_day(record: CampaignRecord, told: DayTold, market: MarketParameters, today: date, zone: str) -> ActualDay:
    """What is told of a day.

    Args:
        record: The campaign.
        told: The day.
        market: The seller's model.
        today: The day that it is where its days end.
        zone: That time zone.

    Raises:
        UsageError: It does not fit the campaign, tells nothing, or is of a day that is not over.
    """
    day = ActualDay(
        day=day_of(record, told.date),
        figures={name: _array(name, one) for name, one in told.figures.items()},
        source=told.source,
    )
    day.check(market)
    if not day.tells_something:
        raise UsageError(f"{told.date} has no figure that is known; leave the day out.")
    if record.scenario.date_of(day.day) >= today:
        raise UsageError(
            f"{told.date} is not over ({today} is today in {zone}): a part of a day would stand for all of it. Tell it "
            "when it is over; `zone` says where its days end."
        )
    return day


def _array(name: str, figure: Figure) -> FloatArray:
    try:
        return np.array(figure, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name[:100]} has rows of unequal length: {error}.") from error


def day_of(record: CampaignRecord, text: str) -> int:
    """A day of the campaign by its date.

    Raises:
        UsageError: It is none.
    """
    scenario = record.scenario
    try:
        day = (date.fromisoformat(text) - scenario.start).days
    except ValueError as error:
        raise UsageError(f"{text[:100]!r} is no date such as 2026-11-24.") from error
    if not 0 <= day < scenario.days:
        last = scenario.date_of(scenario.days - 1)
        raise UsageError(f"{text} is no day of {record.name}, which runs from {scenario.start} to {last}.")
    return day
