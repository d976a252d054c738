"""The market on the days before the first one and after the last one, and the plan's average day."""

from dataclasses import fields, replace
from datetime import date, timedelta
from typing import TypeVar

import numpy as np

from xbopt.core.decisions.decision import Decision
from xbopt.core.errors import TableError
from xbopt.simulator.calendar import CalendarArrays
from xbopt.simulator.outside import fx_centre
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.rules import FeeArrays, TradeRules, build_trade_rules
from xbopt.simulator.seasons import scenario_calendar
from xbopt.simulator.shocks import build_shocks

ByDay = TypeVar("ByDay", CalendarArrays, TradeRules, FeeArrays)
_DEEPEST_PAST_DISCOUNT = 0.9


def market_before(market: MarketParameters, days: int) -> MarketParameters:
    """The market on the ``days`` days before the first one, which becomes day ``days``; no limit on spend, no shocks.

    Calendar and trade rules are those of the past days. Where a table does not reach back so far, its first day holds.
    """
    return market_between(market, market.scenario.start - timedelta(days=days), days)


def market_between(market: MarketParameters, start: date, days: int) -> MarketParameters:
    """The market on ``days`` days from ``start`` on; no limit on spend, no shocks.

    Calendar and trade rules are those of these days. Where a table does not reach so far, its first day holds.
    """
    scenario = market.scenario
    quiet = scenario.document.model_copy(update={"shocks": []})
    past = replace(scenario, document=quiet, start=start, days=days)
    try:
        rules = build_trade_rules(past)
    except TableError:
        rules = _held(market.usual_rules, days, 0)
    try:
        calendar = scenario_calendar(past)
    except TableError:
        calendar = _held(market.calendar, days, 0)
    free = without_limits(market)
    limits = free.scenario.limits
    limits = replace(limits, discount_ceiling=np.full_like(limits.discount_ceiling, _DEEPEST_PAST_DISCOUNT))
    return replace(
        free,
        scenario=replace(past, limits=limits),
        calendar=calendar,
        rules=rules,
        shocks=build_shocks(past),
        outside=replace(
            market.outside,
            fx_centre=fx_centre(
                market.outside.fx_keep,
                market.outside.fx_sd,
                market.outside.jump_chance,
                market.outside.jump_log,
                days,
            ),
        ),
    )


def market_after(market: MarketParameters, days: int) -> MarketParameters:
    """The market over its horizon and ``days`` days more, without limits on spend.

    Calendar, trade rules and dated shocks run on. Where a table of events ends, its last day in the horizon holds on.
    """
    longer = replace(market.scenario, days=market.scenario.days + days)
    try:
        calendar = scenario_calendar(longer)
    except TableError:
        calendar = _joined(market.calendar, _held(market.calendar, days, -1))
    free = without_limits(market)
    return replace(
        free,
        scenario=replace(longer, limits=free.scenario.limits),
        calendar=calendar,
        rules=build_trade_rules(longer),
        shocks=build_shocks(longer),
    )


def average_day(market: MarketParameters) -> MarketParameters:
    """The same market with one day, the mean of all its days in season, price of reach and daypart activity."""
    calendar = market.calendar
    mean = {
        field.name: value.mean(axis=0, keepdims=True)
        for field in fields(CalendarArrays)
        if isinstance(value := getattr(calendar, field.name), np.ndarray) and value.dtype == np.float64
    }
    one = replace(calendar, dates=calendar.dates[-1:], holiday=calendar.holiday[-1:], **mean)
    last = replace(market.scenario, start=calendar.dates[-1], days=1)
    return replace(market, scenario=last, calendar=one, rules=_held(market.rules, 1, -1), shocks=build_shocks(last))


def average_decision(market: MarketParameters, worlds: int) -> Decision:
    """A day of the scenario's own plan at its average level.

    The level is ``history.steady_spend_per_day_base`` where stated. Limits of the horizon play no part: a cap or a
    budget that a planner tries does not change what went before.
    Discounts are those that run on every day of the plan: what never ends is a price. Dated deals are not in it.
    """
    scenario = (market.before or market).scenario
    plan = scenario.plan
    stated = scenario.document.history.steady_spend_per_day_base
    a_day = scenario.document.budget.total_base * plan.spend_frac / scenario.days if stated is None else stated
    spend = a_day * plan.share
    return Decision(
        spend_base=np.repeat(spend[None], worlds, axis=0),
        daypart_weights=np.repeat(plan.daypart_weights[None], worlds, axis=0),
        discount_frac=np.repeat(plan.discount_frac.min(axis=0)[None], worlds, axis=0),
        mechanic=np.repeat(plan.mechanic[:1], worlds, axis=0),
    )


def without_limits(market: MarketParameters) -> MarketParameters:
    """The same market with no limit on spend; the ceiling on discounts stays."""
    free = market.scenario.limits.without_limits_on_spend()
    return replace(market, scenario=replace(market.scenario, limits=free))


def whatever_was_done(market: MarketParameters) -> MarketParameters:
    """The same market as it takes what was really done: no limit, no outage of a channel, deals of any usual depth."""
    free = without_limits(market)
    limits = free.scenario.limits
    ceiling = np.maximum(limits.discount_ceiling, _DEEPEST_PAST_DISCOUNT)
    return replace(
        free,
        scenario=replace(free.scenario, limits=replace(limits, discount_ceiling=ceiling)),
        shocks=replace(market.shocks, available=np.ones_like(market.shocks.available)),
    )


def _held(days: ByDay, count: int, which: int) -> ByDay:
    """One day of arrays by day, ``count`` times over; arrays that have no days stay."""
    values = {field.name: getattr(days, field.name) for field in fields(days)}
    repeated = {name: np.repeat(value[[which]], count, axis=0) for name, value in values.items() if _is_by_day(value)}
    if isinstance(days, TradeRules):
        return replace(days, fees=tuple(_held(fee, count, which) for fee in days.fees), **repeated)
    return replace(days, **repeated)


def _is_by_day(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 1


def _joined(first: CalendarArrays, then: CalendarArrays) -> CalendarArrays:
    """Two stretches of days, one after the other; the dates run on from the first."""
    arrays = {
        field.name: np.concatenate([getattr(first, field.name), getattr(then, field.name)])
        for field in fields(CalendarArrays)
        if field.name != "dates"
    }
    count = len(then.demand)
    dates = (*first.dates, *(first.dates[-1] + timedelta(days=day + 1) for day in range(count)))
    return CalendarArrays(dates=dates, **arrays)
