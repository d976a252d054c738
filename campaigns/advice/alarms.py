"""What in a running campaign needs somebody: codes with figures, what to do, and what that is worth.

A campaign that goes as the scenario says, worlds and noise and all, shows a false alarm of drift or pace with a
probability of at most 5 % over all its mornings together: half by ``drift.py``, half by ``pace.py``.
"""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from xbopt.campaigns.advice.alarm import SEVERITIES, AdviceCode, Alarm
from xbopt.campaigns.advice.data_alarms import level_of, missing_data
from xbopt.campaigns.advice.day_sums import DaySums
from xbopt.campaigns.advice.drift import SPANS, Drift, drifts
from xbopt.campaigns.advice.gain import gains_of
from xbopt.campaigns.advice.money_alarms import jumps_of_spend, off_pace, overspending, spending_nothing
from xbopt.campaigns.advice.outlook import Outlook
from xbopt.campaigns.advice.pace import Pace
from xbopt.campaigns.advice.proposal import ProposalFigures, propose
from xbopt.campaigns.books.bookings import beyond_grant
from xbopt.campaigns.days_ahead import may_go_out, whole_plan
from xbopt.campaigns.standing import Standing
from xbopt.core.decisions.planned_days import PlannedDays

_MOST_VALUED = 3
_LIKELY = 0.5
_OF_CLOSED: tuple[AdviceCode, ...] = ("tell_missing", "check_currency", "stop_sheets")
"""What can still be done when a campaign is closed: its days can be told and corrected, and what runs on stopped."""


def alarms_of(
    standing: Standing,
    *,
    sums: DaySums,
    drift: Sequence[Drift],
    paces: Sequence[Pace],
    outlook: Outlook | None,
    this_day: int | None = None,
) -> tuple[Alarm, ...]:
    """All alarms of a morning, the gravest first.

    Args:
        standing: Where the campaign stands.
        sums: Results by day, without visits of channels that were off.
        drift: Changes against the model.
        paces: Spend beside what was granted.
        outlook: The days ahead; None when all are over.
        this_day: Today by the calendar, as a day of the horizon; None asks nobody.
    """
    silent = spending_nothing(standing)
    found = [
        *overspending(standing),
        *silent,
        *jumps_of_spend(standing),
        *off_pace(standing, paces, silent),
        *_changed(standing, sums, drift),
        *_stock(outlook),
        *missing_data(standing, this_day),
        *_waiting(standing, this_day),
        *_sheets(standing, this_day),
    ]
    if standing.record.closed is not None:
        found = [alarm for alarm in found if alarm.advice in _OF_CLOSED]
    elif outlook is not None:
        found = _valued(standing, found, this_day)
    return tuple(sorted(found, key=lambda alarm: (SEVERITIES.index(alarm.severity), -abs(alarm.worth_base or 0.0))))


def _changed(standing: Standing, sums: DaySums, drift: Sequence[Drift]) -> list[Alarm]:
    """Results that changed against the model: a level that jumped like an exchange rate, else a response."""
    scenario = standing.scenario
    found: dict[str | None, Alarm] = {}
    # The ratio of a file in another currency is purest over the fewest days.
    sudden = drifts(sums, campaign_days=scenario.days, spans=SPANS[:1])
    for change in (*sudden, *drift):
        level = level_of(scenario, change)
        if level is not None and change.region not in found:
            found[change.region] = Alarm(
                code="level_jump",
                severity="critical",
                advice="check_currency",
                region=change.region,
                measure=change.measure,
                figures={"ratio": change.ratio, "z": change.z, **level},
            )
    responses = [
        Alarm(
            code="response_rose" if change.ratio > 1.0 else "response_fell",
            severity="info" if change.ratio > 1.0 else "warning",
            advice="propose",
            region=change.region,
            channel=change.source,
            measure=change.measure,
            figures={
                "ratio": change.ratio,
                "low": change.low,
                "high": change.high,
                "z": change.z,
                "days": float(change.days),
            },
        )
        for change in drift
        if change.is_clear and not (found and change.measure == "order_value")
    ]
    return [*found.values(), *responses]


def _stock(outlook: Outlook | None) -> list[Alarm]:
    return [
        Alarm(
            code="stock_runs_out",
            severity="warning",
            advice="order_stock",
            region=stock.region,
            figures={
                "day": float(stock.day),
                "chance": stock.chance,
                "lost_orders": stock.lost_orders.mean,
                "spend_base": stock.spend_base,
            },
        )
        for stock in (() if outlook is None else outlook.stock)
        if stock.chance >= _LIKELY and stock.spend_base > 0.0
    ]


def _waiting(standing: Standing, this_day: int | None) -> list[Alarm]:
    waits = standing.record.open_proposal
    if waits is None:
        return []
    # Days that nobody told between are not told by a later one.
    since = sum(day >= waits.knows_until for day in standing.record.days)
    # Days that are over cannot be approved, nor what there is no money for any more.
    can_be = waits.days.first_day >= standing.record.open_from(this_day) and standing.record.ledger.reserved is not None
    return [
        Alarm(
            code="proposal_waits",
            severity="warning" if since > 0 else "info",
            advice="approve" if can_be else "propose",
            figures={"first_day": float(waits.days.first_day), "days_since": float(since)},
            worth_base=_said_worth(waits.figures) if can_be else None,
        )
    ]


def _sheets(standing: Standing, this_day: int | None) -> list[Alarm]:
    """Budgets that stand at platforms and say more than may go out on the days ahead."""
    record, first = standing.record, standing.record.open_from(this_day)
    if first >= standing.scenario.days or not record.bookings:
        return []
    may = np.zeros(record.plan.spend_base.shape)
    if record.closed is None:
        may = may_go_out(record, standing.carry)
    return [
        Alarm(
            code="sheets_beyond",
            severity="critical" if record.closed is not None else "warning",
            advice="stop_sheets" if record.closed is not None or not may[first:].any() else "book_again",
            measure=one.booking.platform,
            figures={"said_base": one.said_base, "more_base": one.more_base},
        )
        for one in beyond_grant(record, may, first)
    ]


def _said_worth(figures: bytes) -> float | None:
    """The gain that a proposal was said to bring; None where that is nothing, or nothing was said."""
    try:
        said = ProposalFigures.from_json(figures)
    except msgspec.DecodeError:
        return None
    # The gains of a proposal to carry on are those of what was found wanting; its own days change nothing.
    worth = 0.0 if said.kind == "carry_on" else said.gains.reward.mean
    return worth if worth > 0.0 else None


def _valued(standing: Standing, found: list[Alarm], this_day: int | None) -> list[Alarm]:
    """The alarms with what their advice is worth: re-planning once for all, and other ways to go on in one play."""
    carry = standing.carry
    worth: dict[int, float] = {}
    advised = [n for n, alarm in enumerate(found) if alarm.advice == "propose"]
    first, days = standing.record.open_from(this_day), standing.scenario.days
    if advised:
        gain = 0.0
        if first < days:
            gain = propose(standing, first_day=first, end_day=days, this_day=this_day).figures.gains.reward.mean
        for n in advised:
            if gain > 0.0:
                worth[n] = gain
            else:
                found[n] = replace(found[n], advice="carry_on")
    others: dict[int, PlannedDays] = {}
    for n, alarm in enumerate(found):
        other = _as_it_goes(standing, carry, alarm)
        if other is not None and len(others) < _MOST_VALUED:
            others[n] = other
    if others:
        plans = [whole_plan(standing.record, carry, days) for days in others.values()]
        gained = gains_of(standing, whole_plan(standing.record, carry), plans)
        for n, gains in zip(others, gained, strict=True):
            # Of stock the other way is the advice; of spend the other way is what happens without it.
            sign = 1.0 if found[n].code == "stock_runs_out" else -1.0
            worth[n] = sign * gains.reward.mean
    # Advice that brings nothing in the mean is given without a figure: it may still be right for other reasons.
    return [replace(alarm, worth_base=worth[n]) if worth.get(n, 0.0) > 0.0 else alarm for n, alarm in enumerate(found)]


def _as_it_goes(standing: Standing, carry: PlannedDays, alarm: Alarm) -> PlannedDays | None:
    """The days ahead if nobody does anything: at the pace that was seen; for stock, without media once it is gone."""
    regions, channels = standing.scenario.regions, standing.scenario.channels
    factor = np.ones(carry.spend_base.shape)
    r = slice(None) if alarm.region is None else regions.index(alarm.region)
    c = slice(None) if alarm.channel is None else channels.index(alarm.channel) if alarm.channel in channels else None
    if c is None:
        return None
    if alarm.code in ("behind_pace", "ahead_of_pace", "runs_out"):
        factor[:, r, :, c] = alarm.figures["pace"]
    elif alarm.code == "spends_nothing":
        factor[:, r, :, c] = 0.0
    elif alarm.code == "stock_runs_out":
        factor[max(int(alarm.figures["day"]) - carry.first_day, 0) :, r] = 0.0
    else:
        return None
    return replace(carry, spend_base=carry.spend_base * factor)
