"""The customer base of a shop: its segments, who stood where on a morning, and how customers of each kind repeat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np
import polars as pl

from xbopt.calibration.customers.customer_types import TYPE_IDS, CustomerTypes
from xbopt.calibration.customers.lifecycle import BUCKETS, KnownBucket, Spells, bucket_counts, bucket_rates, spell_days
from xbopt.calibration.customers.market_customers import LEAST_AGEING_DAYS, MarketCustomers, market_customers
from xbopt.calibration.customers.purchases import Purchases, usual_burn_in_days
from xbopt.calibration.customers.segments import Segments
from xbopt.calibration.scenario.draft import Draft, Plain, Source, rounded
from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import CalibrationError


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerBase:
    """Known customers of the regions.

    Attributes:
        ids, names: Of the segments.
        purchases: Their purchase days.
        segment: Position of each customer's segment ``(U,)``.
        region: Position of its region ``(U,)``; -1 elsewhere.
        market: Repeat models and ageing by segment; None where all customers together are too few for one.
        burn_in_days: Days at the start in which a first purchase seen may be a later one.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    purchases: Purchases
    segment: IntArray
    region: IntArray
    market: MarketCustomers | None
    burn_in_days: int

    @property
    def segment_of(self) -> pl.DataFrame:
        """Segment by customer: columns customer and segment."""
        known = self.region >= 0
        names = [name for name, kept in zip(self.purchases.names, known.tolist(), strict=True) if kept]
        return pl.DataFrame({"customer": names, "segment": self.segment[known]})

    def cell(self, region: int, segment: int) -> BoolArray:
        """Mask of a cell's customers ``(U,)``."""
        return (self.region == region) & (self.segment == segment)

    def day_of(self, day: date) -> int:
        """A date as days from the first one of the data."""
        return (day - self.purchases.first_date).days

    def buckets(self, day: date, regions: int) -> list[list[Mapping[KnownBucket, int]]]:
        """Customers by bucket on the morning of a day, by region and segment."""
        spells, at = Spells.of(self.purchases), self.day_of(day)
        return [[bucket_counts(spells.kept(self.cell(r, s)), at) for s in range(len(self.ids))] for r in range(regions)]

    def orders(self, first: date, days: int, regions: int) -> tuple[FloatArray, FloatArray]:
        """First and repeat orders of known customers in some days ``(R, S)`` each.

        The orders of a customer's first day are first orders, and so are all of that day: a market in days sees one.
        """
        p, start = self.purchases, self.day_of(first)
        is_first = np.zeros(len(p.day), dtype=np.bool_)
        is_first[p.first_row] = True
        shown = (p.day >= start) & (p.day < start + days) & (self.region[p.customer] >= 0)
        counts = np.zeros((2, regions, len(self.ids)))
        rows = np.flatnonzero(shown)
        who = p.customer[rows]
        once = is_first[rows]
        np.add.at(counts[0], (self.region[who[once]], self.segment[who[once]]), 1.0)
        # What a new customer orders beyond the first order, on the first day or later, is a repeat order.
        np.add.at(counts[1], (self.region[who], self.segment[who]), p.orders[rows] - once)
        return counts[0], counts[1]

    def expected_by_day(self) -> FloatArray | None:
        """Repeat orders that the customers standing on each day would make on days alike ``(T,)``; None without any."""
        spells = Spells.of(self.purchases)
        rates = bucket_rates(spells, self.burn_in_days)
        rate = np.array([rates[bucket].order_rate for bucket in BUCKETS])
        expected: FloatArray = rate @ spell_days(spells).astype(np.float64)
        return expected if float(expected[self.burn_in_days :].min(initial=np.inf)) > 0.0 else None

    def repeats_by_day(self) -> FloatArray:
        """Repeat purchases a day ``(T,)``."""
        spells = Spells.of(self.purchases)
        again = spells.following[spells.following >= 0]
        return np.bincount(again, minlength=self.purchases.days)[: self.purchases.days].astype(np.float64)


def customer_base(purchases: Purchases, regions: Sequence[str], segments: Segments, label: IntArray) -> CustomerBase:
    """The base of the regions, with the repeat models of its segments.

    Args:
        purchases: Of all customers.
        regions: Countries of the scenario.
        segments: The segments.
        label: Segment of each customer ``(U,)``.
    """
    ids = tuple(segment.id for segment in segments.segments)
    place = {code: r for r, code in enumerate(regions)}
    try:
        market = market_customers(purchases, ids, label, regions)
    except CalibrationError:
        market = None
    return CustomerBase(
        ids=ids,
        names=tuple(id_.replace("_", " ").capitalize() if id_ != "all" else "All customers" for id_ in ids),
        purchases=purchases,
        segment=label,
        region=np.array([place.get(code, -1) for code in purchases.region], dtype=np.int64),
        market=market,
        burn_in_days=usual_burn_in_days(purchases),
    )


def put_customers(draft: Draft, base: CustomerBase, period: str) -> None:
    """Write each segment's types and ageing; where the data tell none, those of the market started from stay."""
    if base.market is None:
        return
    for s, own in enumerate(base.market.segments):
        draft.put(("segments", s, "ageing"), {name: rounded(a, 3) for name, a in own.ageing.items()}, _NEVER)
        for name, value in own.ageing.items():
            seen = own.rates[cast("KnownBucket", name.partition("_to_")[0])]
            if name != "lapsed_to_prospect":
                idle = seen.customer_days - seen.orders
                source = _of_segment(
                    f"Orders of {period}",
                    "Daily chance of those who did not order",
                    is_pooled=idle < LEAST_AGEING_DAYS,
                )
                draft.put(("segments", s, "ageing", name), rounded(value, 3), source)
        note = f"{own.fit.customers:,} won and {own.fit.repeaters:,} of them bought again"
        said = f"Types of customers fitted to purchases of {period} by maximum likelihood"
        model = _of_segment(said, note, is_pooled=own.is_pooled)
        draft.put(("segments", s, "customer_types"), _type_rows(own.types), model)


_NEVER = Source(evidence="set", source="By choice: nobody is forgotten")


def _of_segment(source: str, note: str, *, is_pooled: bool) -> Source:
    """Measured on the segment's own customers; what all customers together tell is an estimate for one segment."""
    if is_pooled:
        return Source(evidence="E", source=source, note=f"{note}; of all customers, since its own are too few")
    return Source(evidence="M", source=source, note=note)


def _type_rows(types: CustomerTypes) -> list[Plain]:
    share = [round(float(part), 4) for part in types.share]
    share[int(np.argmax(share))] += round(1.0 - sum(share), 4)
    won = types.promotion_share
    given = None if won is None else [round(float(part), 4) for part in won]
    if given is not None:
        given[int(np.argmax(given))] += round(1.0 - sum(given), 4)
    return [
        {
            "id": TYPE_IDS[k],
            "share": round(share[k], 4),
            **({} if given is None else {"promotion_share": round(given[k], 4)}),
            "visits_per_1000": 1.0,
            "daily_dropout": rounded(float(types.dropout[k])),
        }
        for k in range(len(share))
    ]


def rates_of(draft: Draft, base: CustomerBase | None) -> list[FloatArray]:
    """Orders a day of a customer by type, by segment: fitted, or implied by the market started from."""
    rates: list[FloatArray] = []
    for s, segment in enumerate(cast("list[Plain]", draft.data["segments"])):
        types = None if base is None or base.market is None else base.market.segments[s].types
        if types is not None:
            rates.append(types.order_rate)
            continue
        per_visit = cast("float", segment["cart_rate"]) * cast("float", segment["checkout_rate"])
        per_visit *= cast("float", segment.get("customer_conversion", 1.5)) / 1000.0
        kinds = cast("list[Plain]", segment["customer_types"])
        rates.append(np.array([cast("float", kind["visits_per_1000"]) * per_visit for kind in kinds]))
    return rates
