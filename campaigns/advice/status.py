"""Where a campaign stands, in figures: money, results against the model, what was learnt, what lies ahead, alarms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec
import numpy as np
from scipy.special import stdtrit

from xbopt.campaigns.advice.alarm import Alarm
from xbopt.campaigns.advice.alarms import alarms_of
from xbopt.campaigns.advice.day_sums import DaySums, Sums, day_sums
from xbopt.campaigns.advice.drift import Drift, drifts
from xbopt.campaigns.advice.outlook import Outlook, outlook_of
from xbopt.campaigns.advice.pace import Pace, paces
from xbopt.campaigns.days_ahead import still_granted, whole_plan
from xbopt.campaigns.standing import Standing
from xbopt.campaigns.tracking.posterior import Learnt
from xbopt.core.arrays import FloatArray
from xbopt.env.nominal import PRIOR_ORDERS, PRIOR_VISITS

Measure = Literal["visits", "orders", "sales_base"]
Unwatched = Literal["pace", "visits", "orders", "order_value"]
LearntMeasure = Literal["visits", "returns", "conversion", "order_value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """The money of a campaign, base currency.

    Attributes:
        budget_base: For the whole horizon.
        spent_base: What was told to be spent.
        untold_base: What was granted for days that are over, in cells whose spend nobody told.
        ahead_base: What may still go out on the days ahead: what is committed for them, cut by what is left.
        free_base: What nothing is granted of; of a closed campaign, what was not spent.
        wanted_base: Part of that which the open proposal wants; while it waits nobody else gets it.
        overspent_base: By how much more than the budget the days that are over count.
        cut_base: What was committed for the days ahead and may not go out.
        paces: Everything, regions, channels, and channels in regions.
    """

    budget_base: float
    spent_base: float
    untold_base: float
    ahead_base: float
    free_base: float
    wanted_base: float
    overspent_base: float
    cut_base: float
    paces: tuple[Pace, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A result of the days that were told, beside what the model expects of them.

    Attributes:
        measure: What is counted.
        region: None for all regions.
        source: A channel or ``ORGANIC``; None for all.
        told: What came.
        expected: What the model expects of what was done.
        low: Worlds of the scenario bring this or more in 95 % of cases, noise and all.
        high: And this or less in 95 %.
        z: Where ``told`` lies among them: its log less their mean, over their standard deviation.
    """

    measure: Measure
    region: str | None
    source: str | None
    told: float
    expected: float
    low: float
    high: float
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntRatio:
    """A ratio of this market to what the scenario says, as far as it is known by now.

    Attributes:
        measure: ``visits`` and ``returns`` (revenue) of a channel's spend, ``conversion``, ``order_value``.
        region: Of which region.
        channel: Of which channel; None where the measure has none.
        mean: Mean over the worlds that fit.
        low: 5th percentile of them.
        high: 95th percentile.
        prior_low: 5th percentile before anything was told.
        prior_high: 95th percentile.
        left: Spread of its log that is left, over that before: 1 where nothing was learnt.
        told: Whether anything was told that bears on it.
    """

    measure: LearntMeasure
    region: str
    channel: str | None
    mean: float
    low: float
    high: float
    prior_low: float
    prior_high: float
    left: float
    told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A campaign on a morning.

    Attributes:
        campaign: Its name.
        today: The first day of which nothing is known, from 0.
        this_day: Today by the calendar, as a day of the horizon; None where nobody asked.
        days: Length of the campaign.
        decides: ``plan`` or ``policy``.
        closed: Why it ended; None while it runs.
        money: Its money.
        results: Results to date; those of which nothing was told are left out.
        learnt: What was learnt of the market; what cannot be compared is left out.
        drift: Changes against the model, the clearest first.
        unwatched: Of what too little was told for an alarm of pace or response; nothing once it is closed.
        outlook: If it is carried on; None when all days are over, or it is closed.
        missing_days: Days that are over and of which nothing is known.
        waiting: Names of proposals that wait for approval; none once it is closed.
        alarms: What needs somebody, the gravest first.
    """

    campaign: str
    today: int
    this_day: int | None
    days: int
    decides: str
    closed: str | None
    money: Money
    results: tuple[Result, ...]
    learnt: tuple[LearntRatio, ...]
    drift: tuple[Drift, ...]
    unwatched: tuple[Unwatched, ...]
    outlook: Outlook | None
    missing_days: tuple[int, ...]
    waiting: tuple[str, ...]
    alarms: tuple[Alarm, ...]

    def to_json(self) -> bytes:
        """As JSON; the same figures have the same bytes."""
        return msgspec.json.encode(self)


def status_of(standing: Standing, *, this_day: int | None = None) -> Status:
    """The status on a morning.

    Args:
        standing: Where the campaign stands.
        this_day: Today by the calendar, as a day of the horizon; actuals may be late against it. None: nobody asks.
    """
    record, scenario = standing.record, standing.scenario
    sums = day_sums(standing.tracked, seed=standing.seed)
    watched = sums.without_visits(standing.off_days)
    changed = drifts(watched, campaign_days=scenario.days)
    ahead, granted = None, np.zeros((0, *scenario.limits.locked.shape))
    if standing.today < scenario.days and record.closed is None:
        ahead = outlook_of(standing, whole_plan(record, standing.carry))
        granted = still_granted(record, standing.carry).spend_base
    money = _money(standing, granted, record.over_until(this_day))
    return Status(
        campaign=record.name,
        today=standing.today,
        this_day=this_day,
        days=scenario.days,
        decides=record.opened.decides,
        closed=record.closed,
        money=money,
        results=results_of(sums),
        learnt=learnt_of(standing),
        drift=changed,
        unwatched=_unwatched(money.paces, changed) if record.closed is None else (),
        outlook=ahead,
        missing_days=record.missing_days,
        waiting=() if record.open_proposal is None or record.closed is not None else (record.open_proposal.id,),
        alarms=alarms_of(standing, sums=watched, drift=changed, paces=money.paces, outlook=ahead, this_day=this_day),
    )


def _unwatched(paces: Sequence[Pace], changed: Sequence[Drift]) -> tuple[Unwatched, ...]:
    """What no place was told enough of."""
    seen = {change.measure for change in changed}
    known = {*seen, "pace"} if any(pace.se is not None for pace in paces) else seen
    return tuple(what for what in get_args(Unwatched) if what not in known)


def learnt_of(standing: Standing) -> tuple[LearntRatio, ...]:
    """Ratios by region and channel, then by region."""
    scenario, posterior = standing.scenario, standing.posterior
    found: list[LearntRatio] = []
    for measure in get_args(LearntMeasure):
        ratio: Learnt = getattr(posterior, measure)
        told = np.broadcast_to(ratio.told, ratio.mean.shape)
        for place in np.argwhere(np.isfinite(ratio.mean)).tolist():
            at = tuple(place)
            found.append(
                LearntRatio(
                    measure=measure,
                    region=scenario.regions[at[0]],
                    channel=scenario.channels[at[1]] if len(at) > 1 else None,
                    mean=float(ratio.mean[at]),
                    low=float(ratio.low[at]),
                    high=float(ratio.high[at]),
                    prior_low=float(ratio.prior_low[at]),
                    prior_high=float(ratio.prior_high[at]),
                    left=float(ratio.left[at]),
                    told=bool(told[at]),
                )
            )
    return tuple(found)


def results_of(sums: DaySums) -> tuple[Result, ...]:
    """Results of the told days: visits by source of all regions, orders and sales of all and of each region."""
    visits, orders, sales = (each.with_all_regions() for each in (sums.visits, sums.orders, sums.sales_base))
    everywhere = len(sums.regions)
    of_order = float(sums.sales_base.modelled.sum()) / max(float(sums.orders.modelled.sum()), 1.0)
    found: list[Result] = []
    for n, source in enumerate(sums.sources):
        found += _result("visits", None, source, visits.at(everywhere, n), PRIOR_VISITS)
    counted: tuple[tuple[Measure, Sums, float], ...] = (
        ("orders", orders, PRIOR_ORDERS),
        ("sales_base", sales, PRIOR_ORDERS * of_order),
    )
    for measure, result, few in counted:
        for place, region in ((everywhere, None), *enumerate(sums.regions)):
            found += _result(measure, region, None, result.at(place), few)
    return tuple(found)


def _result(measure: Measure, region: str | None, source: str | None, sums: Sums, few: float) -> list[Result]:
    """One line; ``few`` on both sides keeps logs of small counts steady."""
    expected = float(sums.modelled.sum())
    if expected <= 0.0:
        return []
    told, drawn = float(sums.told.sum()), np.log(sums.drawn.sum(axis=1) + few)
    worlds = len(drawn)
    mean, spread = float(drawn.mean()), float(drawn.std(ddof=1)) * float(np.sqrt(1.0 + 1.0 / worlds))
    usual = float(-stdtrit(worlds - 1.0, 0.05))
    return [
        Result(
            measure=measure,
            region=region,
            source=source,
            told=told,
            expected=expected,
            low=max(float(np.exp(mean - usual * spread)) - few, 0.0),
            high=float(np.exp(mean + usual * spread)) - few,
            z=(float(np.log(told + few)) - mean) / spread if spread > 0.0 else 0.0,
        )
    ]


def _money(standing: Standing, granted_base: FloatArray, over_until: int) -> Money:
    """Money, with what may still go out on the days from the first that is not known ``(N, R, S, C)``."""
    ledger, today = standing.record.ledger, standing.today
    ahead_base = granted_base[over_until - today :]
    counted, told = ledger.counted_base, ledger.is_spent
    over = (np.arange(len(counted)) < over_until)[:, None, None, None]
    spent, untold = ledger.known_spend_base, float(counted[over & ~told].sum())
    ahead, budget = float(ahead_base.sum()), ledger.limits.total_base
    cut = float(ledger.committed_base[over_until:].sum()) - ahead if standing.record.closed is None else 0.0
    free = max(budget - spent - untold - ahead, 0.0)
    return Money(
        budget_base=budget,
        spent_base=spent,
        untold_base=untold,
        ahead_base=ahead,
        free_base=free,
        wanted_base=min(ledger.wanted_base, free),
        overspent_base=ledger.overspent_base(over_until),
        cut_base=cut,
        paces=paces(
            ledger.committed_base.sum(axis=2),
            ledger.spent_base.sum(axis=2),
            np.any(told, axis=2) & ~standing.off_days[:, None],
            ahead_base.sum(axis=(0, 2)),
            standing.scenario.regions,
            standing.scenario.channels,
            by_region=ledger.by_region,
            by_channel=ledger.by_channel,
        ),
    )
