"""What a proposal moves from where to where, and which figures speak for it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xbopt.campaigns.standing import Standing
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.planned_days import PlannedDays

ReasonCode = Literal[
    "response",
    "saturation",
    "fatigue",
    "lock",
    "minimum",
    "maximum",
    "region_cap",
    "channel_cap",
    "underspend",
    "overspend",
    "free_money",
    "budget",
    "pacing",
]
"""``response``: what a unit of spend returns over what the scenario says, with its range, where the range leaves 1 out.
``saturation``: share of the channel's ceiling that its exposure reaches. ``fatigue``: remembered exposure over the
limit up to which nobody tires, where it is passed. ``lock``, ``minimum``, ``maximum``: base currency a day.
``region_cap``, ``channel_cap``, ``budget``: used up, base currency. ``underspend``, ``overspend``: what told days cost
less or more than granted. ``free_money``: what nothing was granted of. ``pacing``: days at the most a day may cost."""
_SATURATED = 0.7
_BOUND = 1e-6
_NO_MOVE = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A figure that speaks for a move; ``low`` and ``high`` where it has a range."""

    code: ReasonCode
    value: float
    low: float | None = None
    high: float | None = None
    region: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Money of a channel in a region over the proposed days, base currency; the difference is proposed less planned."""

    region: str
    channel: str
    planned_base: float
    proposed_base: float
    difference_base: float
    reasons: tuple[Reason, ...]


def moves_between(standing: Standing, planned: PlannedDays, proposed: PlannedDays) -> tuple[Move, ...]:
    """The moves by channel and region, the largest first; what stays where it is is left out.

    Args:
        standing: Where the campaign stands.
        planned: What carrying on does on the days.
        proposed: What is proposed for them.
    """
    scenario = standing.scenario
    before, after = (days.spend_base.sum(axis=(0, 2)) for days in (planned, proposed))
    places = np.argwhere(np.abs(after - before) >= _NO_MOVE).tolist()
    moves = [
        Move(
            region=scenario.regions[r],
            channel=scenario.channels[c],
            planned_base=float(before[r, c]),
            proposed_base=float(after[r, c]),
            difference_base=float(after[r, c] - before[r, c]),
            reasons=_reasons(standing, proposed.spend_base[:, r, :, c], r, c),
        )
        for r, c in places
    ]
    return tuple(sorted(moves, key=lambda move: -abs(move.difference_base)))


def reasons_of_all(standing: Standing, proposed: PlannedDays, free_base: float) -> tuple[Reason, ...]:
    """What holds for the proposal as a whole: money that was left over or is used up, and the caps.

    Args:
        standing: Where the campaign stands.
        proposed: What is proposed.
        free_base: Money that these days may spend beyond what carrying on does.
    """
    ledger, scenario = standing.record.ledger.without_reserved(), standing.scenario
    limits = scenario.limits
    reasons: list[Reason] = []
    granted, counted = ledger.committed_base[ledger.is_spent].sum(), ledger.spent_base[ledger.is_spent].sum()
    off = float(counted - granted) if granted > 0.0 else 0.0
    if abs(off) >= _NO_MOVE:
        reasons.append(Reason(code="overspend" if off > 0.0 else "underspend", value=abs(off)))
    if free_base >= _NO_MOVE:
        reasons.append(Reason(code="free_money", value=free_base))
    whole = ledger.counted_base.copy()
    whole[proposed.first_day : proposed.end_day] = proposed.spend_base
    if whole.sum() >= limits.total_base * (1.0 - _BOUND):
        reasons.append(Reason(code="budget", value=limits.total_base))
    for r, total in enumerate(whole.sum(axis=(0, 2, 3)).tolist()):
        if total >= limits.region_cap_base[r] * (1.0 - _BOUND):
            reasons.append(
                Reason(code="region_cap", value=float(limits.region_cap_base[r]), region=scenario.regions[r])
            )
    for c, total in enumerate(whole.sum(axis=(0, 1, 2)).tolist()):
        if total >= limits.channel_cap_base[c] * (1.0 - _BOUND):
            reasons.append(
                Reason(code="channel_cap", value=float(limits.channel_cap_base[c]), channel=scenario.channels[c])
            )
    full = int((proposed.spend_base.sum(axis=(1, 2, 3)) >= limits.daily_base * (1.0 - _BOUND)).sum())
    if full:
        reasons.append(Reason(code="pacing", value=float(full)))
    return tuple(reasons)


def _reasons(standing: Standing, spend_base: FloatArray, r: int, c: int) -> tuple[Reason, ...]:
    """Of one channel in one region, spend ``(N, S)``."""
    limits, market = standing.scenario.limits, standing.market
    returns = standing.posterior.returns
    reasons: list[Reason] = []
    low, high = float(returns.low[r, c]), float(returns.high[r, c])
    if low > 1.0 or high < 1.0:  # never where nothing can be compared: NaN
        reasons.append(Reason(code="response", value=float(returns.mean[r, c]), low=low, high=high))
    people = standing.scenario.population[r]
    share = people / max(float(people.sum()), 1e-300)
    reached = float((standing.tracked.nominal.reached[0, r, :, c] * share).sum())
    if reached >= _SATURATED:
        reasons.append(Reason(code="saturation", value=reached))
    limit = float(market.media.fatigue.limit[c])
    if market.media.fatigue.exponent[c] > 0.0 and limit > 0.0:
        tired = float((standing.tracked.state.frequency[0, r, :, c] * share).sum()) / limit
        if tired > 1.0:
            reasons.append(Reason(code="fatigue", value=tired))
    if limits.locked[r, :, c].all():
        reasons.append(Reason(code="lock", value=float(limits.lock_base[r, :, c].sum())))
        return tuple(reasons)
    least, of_day = float(limits.minimum_base[r, :, c].sum()), spend_base.sum(axis=1)
    if least > 0.0 and (of_day <= least * (1.0 + _BOUND)).any():
        reasons.append(Reason(code="minimum", value=least))
    most = float(limits.maximum_base[r, c])
    if (of_day >= most * (1.0 - _BOUND)).any():
        reasons.append(Reason(code="maximum", value=most))
    return tuple(reasons)
