"""Customers as a market's segments need them: types, ageing, and how many stand in each bucket by region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xbopt.calibration.customers.bg_nbd import BgNbdFit, fit_bg_nbd
from xbopt.calibration.customers.customer_types import CustomerTypes, TypesFit, fit_types
from xbopt.calibration.customers.intervals import need_repeaters
from xbopt.calibration.customers.lifecycle import (
    BucketRates,
    KnownBucket,
    Spells,
    bucket_counts,
    bucket_rates,
)
from xbopt.calibration.customers.order_index import OrderIndex, order_index
from xbopt.calibration.customers.purchases import (
    Purchases,
    RepeatSummary,
    repeat_summary,
    usual_burn_in_days,
)
from xbopt.calibration.customers.second_orders import second_orders
from xbopt.core.arrays import BoolArray, IntArray
from xbopt.core.errors import CalibrationError

SEEN_DAYS = (30, 90, 180, 365)
SECOND_ORDER_DAYS = 90
"""The days within which a second order of the types is held against the one seen."""
LEAST_AGEING_DAYS = 2000
"""Customer-days without a purchase from which a segment's own ageing is taken; below it, that of all customers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentCustomers:
    """Customers of one segment.

    Attributes:
        segment: Its id.
        repeat: The types by maximum likelihood, of its own newly won customers or of all.
        fit: BG/NBD of the same customers, which the field knows; its chance of a second order is held against.
        is_pooled: Whether both are of all customers, since the segment's own are too few.
        offer: Types of customers won on an offer by themselves; None where they are too few.
        second_order_seen: Share with a second purchase within so many days, by Kaplan and Meier, in days of an index of
            1; to be held against ``repeat.second_order``. Not a number beyond the data.
        rates: What customers of each bucket did.
        ageing: ``segments.ageing`` of a scenario: daily chances of those who do not buy.
        customers: Customers by region and bucket on the morning after the last day.
        first_orders_per_day: First purchases a day after the burn-in, by region.
    """

    segment: str
    repeat: TypesFit
    fit: BgNbdFit
    is_pooled: bool
    offer: TypesFit | None
    second_order_seen: Mapping[int, float]
    rates: Mapping[KnownBucket, BucketRates]
    ageing: Mapping[str, float]
    customers: Mapping[str, Mapping[KnownBucket, int]]
    first_orders_per_day: Mapping[str, float]

    @property
    def types(self) -> CustomerTypes:
        """The types that were fitted."""
        return self.repeat.types

    @property
    def is_apart(self) -> bool:
        """Whether the share with a second order that was seen lies outside the types' interval.

        Types order by chance, any day alike. Where customers keep a rhythm (Chatfield and Goodhardt, Journal of the
        Royal Statistical Society C 22, 1973), second orders come later and closer together: early ones are stated too
        high. False where nobody was watched so long.
        """
        told = self.repeat.second_order(SECOND_ORDER_DAYS)
        seen = self.second_order_seen[SECOND_ORDER_DAYS]
        return seen < told.low or seen > told.high

    @property
    def disagreement(self) -> float:
        """Chance of a second order within 90 days by BG/NBD less that by the types: what the model moves."""
        return self.fit.second_order(90).value - self.repeat.second_order(90).value


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketCustomers:
    """Customers of all segments.

    Attributes:
        segments: In the order asked for.
        index: How ready known customers are to buy, by day, weekday and month.
        burn_in_days: First days of the data in which a first purchase seen may be a later one.
        elsewhere: Customers of regions that were not asked for.
    """

    segments: tuple[SegmentCustomers, ...]
    index: OrderIndex
    burn_in_days: int
    elsewhere: int

    def __getitem__(self, segment: str) -> SegmentCustomers:
        """The customers of a segment."""
        return next(one for one in self.segments if one.segment == segment)


def market_customers(
    purchases: Purchases, segments: Sequence[str], label: IntArray, regions: Sequence[str]
) -> MarketCustomers:
    """Customers by region and segment on the morning after the last day of some purchases.

    Repeat models are those of all regions: a segment's types are one list in a scenario.

    Args:
        purchases: Of all customers; cut off by ``Purchases.until`` where a scenario starts earlier.
        segments: Ids of the segments.
        label: Segment of each customer ``(U,)``, as ``Segments.of`` of the customer table gives it.
        regions: Names as in ``Purchases.region``.

    Raises:
        CalibrationError: All customers together are too few for a repeat model.
    """
    burn_in = usual_burn_in_days(purchases)
    index = order_index(purchases, burn_in)
    together = _repeats(repeat_summary(purchases, index=index.by_day))
    home = np.array(purchases.region)
    spells = Spells.of(purchases)
    all_rates = bucket_rates(spells, burn_in)
    return MarketCustomers(
        segments=tuple(
            _of_segment(name, purchases, spells, label == number, home, regions, together, all_rates, index, burn_in)
            for number, name in enumerate(segments)
        ),
        index=index,
        burn_in_days=burn_in,
        elsewhere=int((~np.isin(home, list(regions))).sum()),
    )


def offer_fit(summary: RepeatSummary) -> TypesFit | None:
    """Types of customers won on an offer, where some were won on one and some not; None where they are too few."""
    if summary.offer.all():
        return None
    return _fit_or_none(summary.of(summary.offer))


def cohorts(summary: RepeatSummary, months: int = 3) -> Mapping[str, RepeatSummary]:
    """Customers by the months in which they were won, ``2011-04`` for the first of so many; without small groups."""
    cohort = summary.cohort // months * months
    months_seen: list[int] = np.unique(cohort).tolist()
    parts = {f"{month // 12}-{month % 12 + 1:02d}": summary.of(cohort == month) for month in months_seen}
    return {name: part for name, part in parts.items() if is_enough(part)}


def is_enough(summary: RepeatSummary) -> bool:
    """Whether there are customers enough, and enough who came again, to say anything of how often they do."""
    try:
        need_repeaters(summary.again)
    except CalibrationError:
        return False
    return True


def _fit_or_none(summary: RepeatSummary) -> TypesFit | None:
    try:
        return fit_types(summary)
    except CalibrationError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repeats:
    summary: RepeatSummary
    types: TypesFit
    bg_nbd: BgNbdFit
    offer: TypesFit | None


def _repeats(summary: RepeatSummary) -> _Repeats:
    return _Repeats(summary=summary, types=fit_types(summary), bg_nbd=fit_bg_nbd(summary), offer=offer_fit(summary))


def _summary_of(purchases: Purchases, mine: BoolArray, index: OrderIndex) -> RepeatSummary:
    """Newly won customers of a mask ``(U,)``; a segment without a customer has none."""
    if not mine.any():
        raise CalibrationError("A segment without a customer has no repeat model.")
    return repeat_summary(purchases.of(mine), index=index.by_day)


def _of_segment(
    name: str,
    purchases: Purchases,
    spells: Spells,
    mine: BoolArray,
    home: NDArray[np.str_],
    regions: Sequence[str],
    together: _Repeats,
    all_rates: Mapping[KnownBucket, BucketRates],
    index: OrderIndex,
    burn_in: int,
) -> SegmentCustomers:
    is_pooled = False
    try:
        repeats = _repeats(_summary_of(purchases, mine, index))
    except CalibrationError:
        repeats, is_pooled = together, True
    rates = bucket_rates(spells.kept(mine), burn_in)
    first = purchases.day[purchases.first_row]
    new = mine & (first >= burn_in)
    days = max(purchases.days - burn_in, 1)
    cells = {region: spells.kept(mine & (home == region)) for region in regions}
    return SegmentCustomers(
        segment=name,
        repeat=repeats.types,
        fit=repeats.bg_nbd,
        is_pooled=is_pooled,
        offer=repeats.offer,
        second_order_seen={at: second_orders(repeats.summary, at).value for at in SEEN_DAYS},
        rates=rates,
        ageing=_ageing(rates, all_rates),
        customers={region: bucket_counts(cell, purchases.days) for region, cell in cells.items()},
        first_orders_per_day={region: float((new & (home == region)).sum() / days) for region in regions},
    )


def _ageing(
    rates: Mapping[KnownBucket, BucketRates], all_rates: Mapping[KnownBucket, BucketRates]
) -> Mapping[str, float]:
    """Own ageing where a bucket was watched long enough, else that of all customers; nobody is forgotten."""
    found: dict[str, float] = {}
    moves: tuple[tuple[KnownBucket, KnownBucket], ...] = (
        ("new", "at_risk"),
        ("active", "at_risk"),
        ("at_risk", "lapsed"),
    )
    for bucket, after in moves:
        own = rates[bucket]
        watched = own if own.customer_days - own.orders >= LEAST_AGEING_DAYS else all_rates[bucket]
        if watched.aged > 0:
            found[f"{bucket}_to_{after}"] = float(f"{watched.ageing:.5g}")
    return {**found, "lapsed_to_prospect": 0.0}
