"""What is allowed in a scenario, but hardly meant: sentences for the planner, no errors."""

import math
from datetime import timedelta

import numpy as np

from xbopt.core.documents.document import Document, value_at
from xbopt.core.scenario.memory import days_after, memory_days, reward_reach
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.trade import mixed_limits, origin_of_orders

_FAR_FROM_MEAN = 0.1
_SHOWN = 5
_LEVEL = {"budget", "budget.total_base", "plan", "plan.spend_frac"}
"""Paths that set the own plan's average level."""


def scenario_notes(scenario: Scenario) -> list[str]:
    """Things in a valid scenario that do nothing, or not what they seem to do."""
    document = scenario.document
    last = scenario.date_of(scenario.days - 1)
    notes = [
        f"plan.discounts[{i}] lies outside the horizon ({scenario.start} to {last}) and does nothing."
        for i, item in enumerate(document.plan.discounts)
        if (item.start or scenario.start) > last or (item.end or last) < scenario.start
    ]
    for i, event in enumerate(document.calendar.custom_events):
        felt_from = event.start - timedelta(days=event.lead_in_days)
        felt_to = event.end + timedelta(days=event.dip_days)
        if felt_from > last or felt_to < scenario.start:
            notes.append(f"calendar.custom_events[{i}] ({event.id}) lies outside the horizon and does nothing.")
        elif event.demand == event.lead_in_demand == event.dip_demand == event.cpm == event.price_sensitivity == 1.0:
            notes.append(f"calendar.custom_events[{i}] ({event.id}) changes nothing: all its multipliers are 1.")
    for part, names in (
        ("regions", scenario.regions),
        ("segments", scenario.segments),
        ("channels", scenario.channels),
    ):
        weights = getattr(document.plan, part)
        missing = [name for name in names if weights and name not in weights]
        if missing:
            notes.append(f"plan.{part} gives no weight to {', '.join(missing)}: the plan spends nothing there.")
    sent_to = {channel.place for channel in document.channels}
    notes += [
        f"places[{i}] ({place.id}) does nothing: no channel names it, and it has no organic orders."
        for i, place in enumerate(document.places)
        if place.id not in sent_to and place.organic_frac == 0.0
    ]
    mixed = [
        f"{segment.id} to {region.id} (as {origin_of_orders(document, segment)})"
        for region, segment in mixed_limits(document)
    ]
    if mixed:
        notes.append(
            "One order mixes goods of origins with different limits for small parcels; the origin of its largest part "
            f"by value decides for the whole order: {_listed(mixed)}."
        )
    if (note := _discount_before(scenario)) is not None:
        notes.append(note)
    memory = memory_days(document)
    if scenario.past is not None and scenario.past.days < memory:
        notes.append(
            f"history.before covers {scenario.past.days} days, and the longest memory of media, prices and promotions "
            f"fades in {memory}: what happened before these days counts as nothing."
        )
    if (draws := scenario.draws) is not None:
        means = {column.path: draws.mean_ratio(column) for column in draws.columns}
        off = [f"{path} ({mean:.3g} times)" for path, mean in means.items() if abs(mean - 1.0) > _FAR_FROM_MEAN]
        if off:
            notes.append(
                "The expected path plays the scenario's own values, and the draws' means are elsewhere: "
                f"{_listed(off)}. Write the means into the scenario if plans are to rest on them."
            )
    if document.budget.roi_floor is not None:
        notes.append("budget.roi_floor is a soft constraint for planners; a simulation does not enforce it.")
    return notes


def _discount_before(scenario: Scenario) -> str | None:
    """What a running business is taken to have offered before, where the plan's own discount hardly ever pauses."""
    if scenario.past is not None or scenario.document.history.before != "steady":
        return None
    planned = scenario.plan.discount_frac  # (T, R, S)
    least = planned.min(axis=0)
    usual = np.median(planned, axis=0) > least
    if not usual.any():
        return None
    ran = "no discount" if least[usual].max() == 0.0 else "the least discount of its days"
    cells = [f"{scenario.regions[r]}/{scenario.segments[s]}" for r, s in np.argwhere(usual)]
    return (
        f"The plan's discount runs on most days, yet not on all: history.before: steady takes it that {ran} ran before "
        f"the first day in {_listed(cells)}. Name a history.before table if it did."
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def steady_notes(stated: Document, scenario: Scenario) -> list[str]:
    """A note where changes of the budget on loading change what a steady past is taken to have spent.

    Args:
        stated: The document as its file states it, without the changes.
        scenario: The scenario with them.
    """
    history, moved = scenario.document.history, {path for path, _ in scenario.changes}
    if history.before != "steady" or history.steady_spend_per_day_base is not None or not moved & _LEVEL:
        return []
    total, frac = (value_at(stated.data, path) for path in (("budget", "total_base"), ("plan", "spend_frac")))
    if not isinstance(total, int | float):
        return []
    document, money = scenario.document, scenario.base_currency
    before = total * (frac if isinstance(frac, int | float) else 1.0) / scenario.days
    now = document.budget.total_base * document.plan.spend_frac / scenario.days
    if math.isclose(before, now, rel_tol=1e-9):
        return []
    note = (
        f"The days before the first are taken to have spent {money} {now:,.2f} a day, the own plan's average level, "
        f"rather than {money} {before:,.2f} as the file has it. --set history.steady_spend_per_day_base={before:.10g} "
        "keeps them there; history.before can state them day by day."
    )
    return [note]


def before_words(scenario: Scenario) -> str:
    """What went before the first day, in a sentence."""
    if scenario.past is not None:
        first, last = scenario.date_of(-scenario.past.days), scenario.date_of(-1)
        spent = f"{scenario.past.spend_base.sum():,.0f} {scenario.base_currency}"
        return f"a table of {scenario.past.days} days, {first} to {last}, {spent} of media."
    if scenario.document.history.before == "none":
        return "a launch; no media, no deals, no parcels under way."
    level = scenario.document.history.steady_spend_per_day_base
    stated = "" if level is None else f", stated as {level:,.2f} {scenario.base_currency} a day"
    return f"a running business at the own plan's average level{stated}."


def after_words(scenario: Scenario) -> str:
    """How the days after the last one go on, in a sentence."""
    days = days_after(scenario.document)
    if days == 0:
        return "nothing is counted but orders owed to promotions."
    media = scenario.document.horizon.after.media
    how = "media go on as far as they pay" if media == "same" else "media stop"
    return f"{days} days count for what the last day leaves behind; {how}."


def log_notes(scenario: Scenario, *, by_factors: bool = False) -> list[str]:
    """What to know about a decision log of this scenario before it is evaluated.

    Args:
        scenario: The scenario.
        by_factors: Whether its decisions are made of factors, for which the sequential question has no rule.
    """
    reach = reward_reach(scenario, ("discount",) if by_factors else None)
    sequential = not by_factors and not reach.overlaps
    notes: list[str] = []
    for effect in reach.missed:
        instead = (
            "; or ask --estimand sequential of this log, which needs more support and refuses where that lacks"
            if sequential
            else ""
        )
        notes.append(
            f"Rewards cover {reach.reward_days} days, but promotions are paid back over weeks (half-life "
            f"{scenario.document.discounts.pull_forward.half_life_days:g} days): these rewards flatter discounts, so "
            "that the value of a next decision comes with a caution. Log with tactics.window_days: "
            f"{math.ceil(effect.days)} or more in the scenario's file{instead}."
        )
    if reach.overlaps:
        only = "" if by_factors else " The sequential question refuses them."
        notes.append(f"Reward windows overlap: a reward and its cost hold the next decisions' days too.{only}")
    return notes
