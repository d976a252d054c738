"""What in a running campaign needs somebody: codes with figures, what to do, and what that is worth.

A campaign that goes as the scenario says, worlds and noise and all, shows a false alarm of drift or pace with a
probability of at most 5 % over all its mornings together: half by ``drift.py``, half by ``pace.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec
import numpy as np

from xbopt.campaigns.advice.data_alarms import gaps, jumps_of_spend, late_by, level_of
from xbopt.campaigns.advice.day_sums import DaySums
from xbopt.campaigns.advice.days_ahead import carried_on, whole_plan
from xbopt.campaigns.advice.drift import Drift, drifts
from xbopt.campaigns.advice.gain import gains_of
from xbopt.campaigns.advice.outlook import Outlook
from xbopt.campaigns.advice.pace import Pace
from xbopt.campaigns.advice.proposal import propose
from xbopt.campaigns.planned_days import PlannedDays
from xbopt.campaigns.record import carried_out
from xbopt.campaigns.standing import Standing

AlarmCode = Literal[
    "overspent",
    "runs_out",
    "spends_nothing",
    "spend_jump",
    "level_jump",
    "behind_pace",
    "ahead_of_pace",
    "response_fell",
    "response_rose",
    "stock_runs_out",
    "gap",
    "actuals_late",
    "proposal_waits",
]
AdviceCode = Literal[
    "lower_budgets",
    "check_delivery",
    "check_currency",
    "raise_bids",
    "propose",
    "carry_on",
    "order_stock",
    "tell_missing",
    "tell_actuals",
    "approve",
]
Severity = Literal["critical", "warning", "info"]
_SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
NOTHING_DAYS = 3
"""Days in a row on which a channel spends nothing of what it was granted."""
_NOTHING = 0.01
_MOST_VALUED = 3
_LIKELY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that needs somebody.

    Attributes:
        code: What it is.
        severity: How grave.
        region: Of which region; None for all.
        channel: Of which channel, or ``organic``; None for all.
        measure: Of which figure; empty where it is about money.
        figures: Numbers by name: money in base currency, days from 0.
        advice: What to do.
        worth_base: What doing it brings to the end of the campaign in the mean over worlds, base currency; None where
            nothing can be valued.
    """

    code: AlarmCode
    severity: Severity
    advice: AdviceCode
    region: str | None = None
    channel: str | None = None
    measure: str = ""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    worth_base: float | None = None


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
        sums: Results by day.
        drift: Changes against the model.
        paces: Spend beside what was granted.
        outlook: The days ahead; None when all are over.
        this_day: Today by the calendar, as a day of the horizon; None asks nobody.
    """
    silent = spending_nothing(standing)
    found = [
        *_money(standing),
        *silent,
        *_jumps(standing, sums),
        *_paces(standing, paces, silent),
        *_drifts(drift),
        *_stock(outlook),
        *_told(standing, this_day),
        *_waiting(standing),
    ]
    if outlook is not None and standing.record.closed is None:
        found = _valued(standing, found)
    return tuple(sorted(found, key=lambda alarm: (_SEVERITIES.index(alarm.severity), -abs(alarm.worth_base or 0.0))))


def spending_nothing(standing: Standing) -> list[Alarm]:
    """Channels in regions that spend nothing of what they are granted: paused, disapproved, or without a card."""
    ledger, scenario = standing.record.ledger, standing.scenario
    days = np.flatnonzero(ledger.is_spent)[-NOTHING_DAYS:]
    if len(days) < NOTHING_DAYS:
        return []
    granted = carried_out(standing.record).spend_base[days].sum(axis=2) * standing.market.shocks.available[days]
    spent = ledger.spent_base[days].sum(axis=2)
    silent = ((granted > 0.0) & (spent <= _NOTHING * granted)).all(axis=0)
    return [
        Alarm(
            code="spends_nothing",
            severity="critical",
            advice="check_delivery",
            region=scenario.regions[r],
            channel=scenario.channels[c],
            figures={"since_day": float(days[0]), "granted_base": float(granted[:, r, c].sum())},
        )
        for r, c in np.argwhere(silent).tolist()
    ]


def _money(standing: Standing) -> list[Alarm]:
    ledger = standing.record.ledger
    counted, limits = ledger.counted_base, ledger.limits
    named: list[tuple[str | None, str | None, float, float]] = [(None, None, float(counted.sum()), limits.total_base)]
    for name, total, cap in zip(
        standing.scenario.regions, counted.sum(axis=(0, 2, 3)), limits.region_cap_base, strict=True
    ):
        named.append((name, None, float(total), float(cap)))
    for name, total, cap in zip(
        standing.scenario.channels, counted.sum(axis=(0, 1, 2)), limits.channel_cap_base, strict=True
    ):
        named.append((None, name, float(total), float(cap)))
    return [
        Alarm(
            code="overspent",
            severity="critical",
            advice="lower_budgets",
            region=region,
            channel=channel,
            figures={"counted_base": total, "limit_base": most, "over_base": total - most},
        )
        for region, channel, total, most in named
        if total > most * (1.0 + 1e-9)
    ]


def _paces(standing: Standing, paces: Sequence[Pace], silent: Sequence[Alarm]) -> list[Alarm]:
    """The places that are off; one that a larger place tells already, or that spends nothing, is left out."""
    nothing = {(alarm.region, alarm.channel) for alarm in silent}
    off: dict[tuple[str | None, str | None], float] = {}
    found: list[Alarm] = []
    for pace in paces:
        place = (pace.region, pace.channel)
        if not pace.is_off or pace.recent is None or place in nothing:
            continue
        side = np.sign(pace.recent - 1.0)
        larger = [(None, None), (pace.region, None), (None, pace.channel)]
        if any(off.get(one) == side for one in larger if one != place):
            continue
        off[place] = side
        figures = {
            "pace": pace.recent,
            "planned_base": pace.planned_base,
            "spent_base": pace.spent_base,
        } | ({} if pace.se is None else {"se": pace.se})
        ahead = pace.recent > 1.0
        out = run_out_day(standing, pace) if ahead else None
        found.append(
            Alarm(
                code="runs_out" if out is not None else "ahead_of_pace" if ahead else "behind_pace",
                severity="critical" if out is not None else "warning",
                advice="lower_budgets" if ahead else "raise_bids",
                region=pace.region,
                channel=pace.channel,
                figures=figures | ({} if out is None else {"day": float(out)}),
            )
        )
    return found


def run_out_day(standing: Standing, pace: Pace) -> int | None:
    """The day on which the money of a place is gone if it goes on at its pace; None where it lasts."""
    ledger, scenario = standing.record.ledger, standing.scenario
    limits, counted = ledger.limits, ledger.counted_base
    ahead = np.arange(len(counted)) >= standing.today
    if pace.region is not None and pace.channel is not None:
        return None
    if pace.region is not None:
        r = scenario.regions.index(pace.region)
        by_day, most = counted[:, r].sum(axis=(1, 2)), float(limits.region_cap_base[r])
    elif pace.channel is not None:
        c = scenario.channels.index(pace.channel)
        by_day, most = counted[..., c].sum(axis=(1, 2)), float(limits.channel_cap_base[c])
    else:
        by_day, most = counted.sum(axis=(1, 2, 3)), limits.total_base
    assert pace.recent is not None, "asked where it is known"
    total = np.cumsum(np.where(ahead, by_day * pace.recent, by_day))
    over = np.flatnonzero(total > most * (1.0 + 1e-9))
    return int(over[0]) if len(over) else None


def _jumps(standing: Standing, sums: DaySums) -> list[Alarm]:
    found = [
        Alarm(
            code="spend_jump",
            severity="critical",
            advice="check_currency",
            region=jump.region,
            channel=jump.channel,
            figures={"day": float(jump.day), "factor": jump.factor, "spent_base": jump.spent_base},
        )
        for jump in jumps_of_spend(standing)
    ]
    for change in drifts(sums, campaign_days=standing.scenario.days, recent=NOTHING_DAYS):
        level = level_of(standing.scenario, change)
        if level is not None:
            found.append(
                Alarm(
                    code="level_jump",
                    severity="critical",
                    advice="check_currency",
                    region=change.region,
                    measure=change.measure,
                    figures={"ratio": change.ratio, "z": change.z, **level},
                )
            )
    return found


def _drifts(drift: Sequence[Drift]) -> list[Alarm]:
    return [
        Alarm(
            code="response_rose" if change.ratio > 1.0 else "response_fell",
            severity="info" if change.ratio > 1.0 else "warning",
            advice="propose",
            region=change.region,
            channel=change.source,
            measure=change.measure,
            figures={"ratio": change.ratio, "low": change.low, "high": change.high, "z": change.z},
        )
        for change in drift
        if change.is_clear
    ]


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


def _told(standing: Standing, this_day: int | None) -> list[Alarm]:
    found = [
        Alarm(
            code="gap",
            severity="warning",
            advice="tell_missing",
            region=gap.region,
            channel=gap.channel,
            measure=gap.figure,
            figures={"first_day": float(gap.days[0]), "last_day": float(gap.days[-1]), "days": float(len(gap.days))},
        )
        for gap in gaps(standing.record)
    ]
    late = late_by(standing.record, this_day)
    if late is not None:
        found.append(
            Alarm(
                code="actuals_late",
                severity="warning",
                advice="tell_actuals",
                figures={"days": float(late), "known_until": float(standing.today)},
            )
        )
    return found


def _waiting(standing: Standing) -> list[Alarm]:
    waits = standing.record.open_proposal
    if waits is None:
        return []
    since = standing.today - waits.knows_until
    return [
        Alarm(
            code="proposal_waits",
            severity="warning" if since > 0 else "info",
            advice="approve" if waits.days.first_day >= standing.today else "propose",
            figures={"first_day": float(waits.days.first_day), "days_since": float(since)},
            worth_base=_said_worth(waits.figures),
        )
    ]


def _said_worth(figures: bytes) -> float | None:
    """The gain that a proposal was said to bring; None where nothing was said."""
    try:
        said = msgspec.json.decode(figures, type=dict[str, object])
        return float(said["gains"]["reward"]["mean"])  # type: ignore[index]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None


def _valued(standing: Standing, found: list[Alarm]) -> list[Alarm]:
    """The alarms with what their advice is worth: re-planning once for all, and other ways to go on in one play."""
    carry = carried_on(standing.record, standing.market, standing.tracked.state, standing.today)
    worth: dict[int, float] = {}
    advised = [n for n, alarm in enumerate(found) if alarm.advice == "propose"]
    if advised:
        gain = propose(standing, first_day=standing.today, end_day=standing.scenario.days).figures.gains.reward.mean
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
    return [replace(alarm, worth_base=worth[n]) if n in worth else alarm for n, alarm in enumerate(found)]


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
