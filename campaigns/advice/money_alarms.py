"""Alarms of money: spent beyond the budget, too fast, too slowly, not at all, or in another unit."""

from collections.abc import Iterator, Sequence

import numpy as np

from xbopt.campaigns.advice.alarm import Alarm
from xbopt.campaigns.advice.pace import LEAST_SHARE, Pace
from xbopt.campaigns.standing import Standing
from xbopt.core.arrays import BoolArray, FloatArray, IntArray

NOTHING_DAYS = 3
"""Days in a row on which a channel spends nothing of what it was granted."""
JUMP = 5.0
"""Spend beyond so many times what was granted, or below the same part of it, is another unit."""
_SMALL = 0.01
_MINUTE = 1e-3
"""Share of all that is granted below which nobody has to look at a channel."""
_CENT, _ROUNDING = 0.005, 1e-9
_RECENT_DAYS = 7


def spending_nothing(standing: Standing) -> list[Alarm]:
    """Channels in regions that spend nothing of what they are granted: paused, disapproved, or without a card."""
    days = np.flatnonzero(standing.record.ledger.has_spent)[-NOTHING_DAYS:]
    if len(days) < NOTHING_DAYS:
        return []
    whole, small = standing.record.ledger.committed_base[days].sum(), _in_small_units(standing, days)
    return [
        Alarm(
            code="spends_nothing",
            severity="critical",
            advice="check_delivery",
            region=region,
            channel=standing.scenario.channels[c],
            figures={"since_day": float(days[0]), "granted_base": float(granted.sum())},
        )
        for region, c, granted, spent, told in _by_channel(standing, days)
        if (told & (granted > 0.0) & (spent <= np.where(small, 0.0, _SMALL * granted))).all()
        and granted.sum() >= _MINUTE * whole
        and not all(standing.record.known.tellings.is_off(day, c) for day in days.tolist())
    ]


def _in_small_units(standing: Standing, days: IntArray) -> BoolArray:
    """Days on which all that was told together is so little that it is in another unit ``(N,)``."""
    ledger = standing.record.ledger
    told = ledger.is_spent[days]
    spent, granted = (
        np.where(told, each[days], 0.0).sum(axis=(1, 2, 3)) for each in (ledger.spent_base, ledger.committed_base)
    )
    small: BoolArray = (spent > 0.0) & (spent <= granted / JUMP)
    return small


def _by_channel(
    standing: Standing, days: IntArray
) -> Iterator[tuple[str | None, int, FloatArray, FloatArray, BoolArray]]:
    """Channels in regions on some days: region, channel, granted and spent money, and whether the spend was told.

    A channel whose split over regions nobody told comes once, with no region; where the split over channels was not
    told, nothing is said of any.
    """
    ledger, scenario = standing.record.ledger, standing.scenario
    granted = ledger.committed_base[days].sum(axis=2) * standing.market.shocks.available[days]
    spent = ledger.spent_base[days].sum(axis=2)
    told: BoolArray = ledger.is_spent[days].any(axis=2) & ledger.by_channel[days, None, None]
    for c in range(len(scenario.channels)):
        if ledger.by_region[days, c].all() or not told[..., c].any():
            for r, region in enumerate(scenario.regions):
                yield region, c, granted[:, r, c], spent[:, r, c], told[:, r, c]
        else:
            everywhere: BoolArray = np.all(told[..., c], axis=1)
            yield None, c, granted[..., c].sum(axis=1), spent[..., c].sum(axis=1), everywhere


def overspending(standing: Standing) -> list[Alarm]:
    """Budget and caps that the days that are over count more than, and those that only cut the days ahead.

    What is committed for the days ahead goes out only as far as the rest reaches. While there is a rest, more spend
    than granted is no overspend: it is that much less for the days ahead.
    """
    ledger, scenario = standing.record.ledger, standing.scenario
    limits, over = ledger.limits, ledger.counted_base[: standing.today]
    ahead = ledger.counted_base[standing.today :]
    places: list[tuple[str | None, str | None, float, float, float]] = [
        (None, None, float(over.sum()), float(ahead.sum()), limits.total_base)
    ]
    for names, axes, caps in (
        (scenario.regions, (0, 2, 3), limits.region_cap_base),
        (scenario.channels, (0, 1, 2), limits.channel_cap_base),
    ):
        for name, counted, granted, cap in zip(names, over.sum(axis=axes), ahead.sum(axis=axes), caps, strict=True):
            region, channel = (name, None) if names is scenario.regions else (None, name)
            places.append((region, channel, float(counted), float(granted), float(cap)))
    found = (_beyond(*place) for place in places)
    return [alarm for alarm in found if alarm is not None]


def _beyond(region: str | None, channel: str | None, counted: float, ahead: float, limit: float) -> Alarm | None:
    """What is beyond one limit: of the days that are over, or only of what was committed for those ahead."""
    beyond = counted + ahead - limit
    if beyond < max(_CENT, limit * _ROUNDING):
        return None
    spent = counted - limit
    if spent < max(_CENT, limit * _ROUNDING):
        small = beyond <= LEAST_SHARE * ahead
        return Alarm(
            code="days_ahead_cut",
            severity="info" if small else "warning",
            advice="book_again" if small else "lower_budgets",
            region=region,
            channel=channel,
            figures={"ahead_base": ahead, "limit_base": limit, "cut_base": beyond},
        )
    # Once no money is to come, a little too much is spent for good, and nobody has to hurry.
    small = ahead == 0.0 and spent <= LEAST_SHARE * limit
    return Alarm(
        code="overspent",
        severity="info" if small else "critical",
        advice="lower_budgets",
        region=region,
        channel=channel,
        figures={"counted_base": counted, "limit_base": limit, "over_base": spent},
    )


def off_pace(standing: Standing, paces: Sequence[Pace], silent: Sequence[Alarm]) -> list[Alarm]:
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
    by_day: FloatArray
    if pace.region is not None:
        r = scenario.regions.index(pace.region)
        by_day, most = counted[:, r].sum(axis=(1, 2)), float(limits.region_cap_base[r])
    elif pace.channel is not None:
        c = scenario.channels.index(pace.channel)
        by_day, most = counted[..., c].sum(axis=(1, 2)), float(limits.channel_cap_base[c])
    else:
        by_day, most = counted.sum(axis=(1, 2, 3)), limits.total_base
    assert pace.recent is not None, "asked where it is known"
    total: FloatArray = np.cumsum(np.where(ahead, by_day * pace.recent, by_day))
    over = np.flatnonzero(total > most * (1.0 + 1e-9))
    return int(over[0]) if len(over) else None


def jumps_of_spend(standing: Standing) -> list[Alarm]:
    """The last day of each place, among the last told ones, on which spend was in another unit than grants."""
    days = np.flatnonzero(standing.record.ledger.has_spent)[-_RECENT_DAYS:]
    of_day = standing.record.ledger.committed_base[days].sum(axis=(1, 2, 3))
    found: list[Alarm] = []
    small = _in_small_units(standing, days)
    for region, c, granted, spent, told in _by_channel(standing, days):
        large = told & (granted > 0.0) & (granted >= _SMALL * of_day)
        factor = np.where(large, spent / np.where(granted > 0.0, granted, 1.0), 1.0)
        # A channel that spends next to nothing is another matter, unless all of them do.
        off = np.flatnonzero((factor >= JUMP) | ((factor <= 1.0 / JUMP) & (factor > np.where(small, 0.0, _SMALL))))
        if len(off):
            n = int(off[-1])
            found.append(
                Alarm(
                    code="spend_jump",
                    severity="critical",
                    advice="check_currency",
                    region=region,
                    channel=standing.scenario.channels[c],
                    figures={"day": float(days[n]), "factor": float(factor[n]), "spent_base": float(spent[n])},
                )
            )
    return found
