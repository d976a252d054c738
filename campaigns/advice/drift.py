"""Whether results came to differ from the model by another factor than before: the last days against the days before.

A world that is better or worse than the scenario is so all along; its level cancels. What is left of a change of the
log ratio of told to modelled is chance and what the scenario leaves open of its course (carry-over, events, deals).
Both are in the worlds of ``day_sums.py``: the same change in each of them says how far it may go where nothing drifts.
Days on which the model runs out of a stock that nobody told are left out: their orders say where the stock ended.
Where the days of this market scatter more than theirs did before, as when one segment brings most of it, that is added.
A change is looked for over several numbers of last days: a large one shows after a few, a small one needs two weeks.
Many places are looked at over many spans on many mornings. A change counts as clear only where chance alone would show
one anywhere, over any span, on any morning of the campaign, with a probability of ``CAMPAIGN_LEVEL`` (Bonferroni). What
is said of few days is therefore as sure as what is said of many; it only has to be larger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from xbopt.campaigns.advice.day_sums import DaySums, Sums
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.env.nominal import PRIOR_ORDERS, PRIOR_VISITS

CAMPAIGN_LEVEL = 0.025
SPANS = (3, 5, 7, 10, 14)
"""Numbers of last days: whenever a change began within two weeks, one of them holds little else."""
_LEAST_BEFORE = 7
LEAST_DAYS = SPANS[0] + _LEAST_BEFORE
"""So many days have to be told before anything can be said."""
LEAST_COUNTED = 10.0
Measure = Literal["visits", "orders", "order_value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How a place's results changed against the model.

    Attributes:
        measure: Visits of a source, orders, or sales over orders.
        region: None for all regions together.
        source: A channel or ``ORGANIC``; None where the measure has none.
        days: Number of the last days that are compared.
        ratio: Told over modelled of the last days, over the same of the days before.
        low: The ratios that chance leaves possible: 90 %.
        high: Upper end.
        z: The change of the log over its standard error.
        is_clear: Whether it is beyond what chance shows anywhere in a campaign.
    """

    measure: Measure
    region: str | None
    source: str | None
    days: int
    ratio: float
    low: float
    high: float
    z: float
    is_clear: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """Change of the log ratio.

    Attributes:
        days: Number of the last days that are compared.
        told: ``(R + 1, ...)``.
        drawn: In worlds ``(N, R + 1, ...)``.
        own_variance: What chance adds in this market beyond that of the worlds ``(R + 1, ...)``.
    """

    days: int
    told: FloatArray
    drawn: FloatArray
    own_variance: FloatArray


def drifts(sums: DaySums, *, campaign_days: int, spans: Sequence[int] = SPANS) -> tuple[Drift, ...]:
    """The change of every place of which enough was told, over the span that shows it best; the clearest first.

    Args:
        sums: The days up to this morning.
        campaign_days: Length of the campaign: so many mornings are looked at.
        spans: Those of ``SPANS`` that are asked for; what is clear stays the same.
    """
    orders, sales = (each.where(~sums.short).with_all_regions() for each in (sums.orders, sums.sales_base))
    visits = sums.visits.with_all_regions()
    tests = visits.told[:1].size + 2 * orders.told[:1].size
    found: dict[tuple[Measure, str | None, str | None], Drift] = {}
    for recent in spans:
        if sums.days < recent + _LEAST_BEFORE:
            break
        level = CAMPAIGN_LEVEL / _looks(campaign_days) / tests
        for change in (
            *_of(sums, "visits", _change(visits, recent, PRIOR_VISITS), _enough(visits, recent), level),
            *_of(sums, "orders", _change(orders, recent, PRIOR_ORDERS), _enough(orders, recent), level),
            *_of(sums, "order_value", _value_change(sales, orders, recent), _enough(orders, recent), level),
        ):
            place = (change.measure, change.region, change.source)
            if place not in found or abs(change.z) > abs(found[place].z):
                found[place] = change
    return tuple(sorted(found.values(), key=lambda drift: -abs(drift.z)))


def _looks(campaign_days: int) -> int:
    """How often a place is looked at: once for each morning and each span that has days enough before it."""
    return sum(max(campaign_days - recent - _LEAST_BEFORE + 1, 0) for recent in SPANS)


def _of(sums: DaySums, measure: Measure, change: _Change, enough: BoolArray, level: float) -> list[Drift]:
    told, drawn = change.told, change.drawn
    worlds, regions = len(drawn), len(enough) - 1
    spread = np.sqrt(drawn.var(axis=0, ddof=1) * (1.0 + 1.0 / worlds) + change.own_variance)
    off = told - drawn.mean(axis=0)
    z = off / np.where(spread > 0.0, spread, np.inf)
    clear = float(-stdtrit(worlds - 1, 0.5 * level))
    usual = float(-stdtrit(worlds - 1, 0.05))
    found: list[Drift] = []
    for place in np.argwhere(enough).tolist():
        at = tuple(place)
        found.append(
            Drift(
                measure=measure,
                region=None if at[0] == regions else sums.regions[at[0]],
                source=sums.sources[at[1]] if len(at) > 1 else None,
                days=change.days,
                ratio=float(np.exp(off[at])),
                low=float(np.exp(off[at] - usual * spread[at])),
                high=float(np.exp(off[at] + usual * spread[at])),
                z=float(z[at]),
                is_clear=bool(abs(z[at]) > clear),
            )
        )
    return found


def _enough(sums: Sums, recent: int) -> BoolArray:
    """Where the model expects so many on the told days of both spans that a log of them means something."""
    before, last = sums.modelled[:-recent].sum(axis=0), sums.modelled[-recent:].sum(axis=0)
    days = (sums.modelled[:-recent] > 0.0).sum(axis=0)
    return (np.minimum(before, last) >= LEAST_COUNTED) & (days >= _LEAST_BEFORE)


def _change(sums: Sums, recent: int, prior: float) -> _Change:
    def of(days: slice) -> tuple[FloatArray, FloatArray]:
        expected = np.log(sums.modelled[days].sum(axis=0) + prior)
        told, drawn = sums.told[days].sum(axis=0), sums.drawn[:, days].sum(axis=1)
        return np.log(told + prior) - expected, np.log(drawn + prior) - expected

    before, last = of(slice(None, -recent)), of(slice(-recent, None))
    own, theirs = (_scatter(part, sums.modelled, recent) for part in (sums.told[None], sums.drawn))
    return _Change(
        days=recent,
        told=last[0] - before[0],
        drawn=last[1] - before[1],
        own_variance=_own_variance(own, theirs, sums.modelled, recent),
    )


def _value_change(sales: Sums, orders: Sums, recent: int) -> _Change:
    """The same of sales over orders, on days on which both were told."""
    both = (sales.modelled > 0.0) & (orders.modelled > 0.0)
    sales, orders = sales.where(both), orders.where(both)
    total = orders.modelled.sum()
    prior = PRIOR_ORDERS * float(sales.modelled.sum() / total) if total > 0.0 else 1.0
    by_sales, by_orders = _change(sales, recent, prior), _change(orders, recent, PRIOR_ORDERS)
    own = _scatter(sales.told[None], orders.told, recent)
    theirs = _scatter(sales.drawn, orders.drawn, recent)
    return _Change(
        days=recent,
        told=by_sales.told - by_orders.told,
        drawn=by_sales.drawn - by_orders.drawn,
        own_variance=_own_variance(own, theirs, orders.modelled, recent),
    )


def _scatter(amounts: FloatArray, beside: FloatArray, recent: int) -> FloatArray:
    """Variance of the log of summed amounts over what stands beside, from how days scatter ``(N, R + 1, ...)``.

    A sandwich: the sum over days of squared differences of their shares.

    Args:
        amounts: By day ``(N, T, R + 1, ...)``.
        beside: The same, or without worlds.
        recent: Number of last days, which are left out.
    """

    def shares(array: FloatArray) -> FloatArray:
        days = (array if array.ndim == amounts.ndim else array[None])[:, :-recent]
        total = days.sum(axis=1, keepdims=True)
        return days / np.where(total > 0.0, total, 1.0)

    return ((shares(amounts) - shares(beside)) ** 2).sum(axis=1)


def _own_variance(own: FloatArray, theirs: FloatArray, modelled: FloatArray, recent: int) -> FloatArray:
    """What the days of this market scatter more than those of worlds, as variance of a change ``(R + 1, ...)``."""
    told = modelled > 0.0
    before, last = told[:-recent].sum(axis=0), told[-recent:].sum(axis=0)
    more = np.maximum(own[0] - theirs.mean(axis=0), 0.0)
    return more * (1.0 + before / np.maximum(last, 1.0))
