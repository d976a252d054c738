"""The ``market`` section: regions from countries, their currencies, and what orders say about each."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import cast

import numpy as np
import polars as pl

from xbopt.calibration.customers.lifecycle import KnownBucket
from xbopt.calibration.scenario.draft import Draft, Plain, Source, rounded
from xbopt.calibration.scenario.shop import Shop
from xbopt.core.errors import CalibrationError
from xbopt.core.tables.duties import duty_ids, duty_rule
from xbopt.core.tables.import_fees import import_fees
from xbopt.core.tables.reference_rates import reference_rate
from xbopt.core.tables.taxes import tax_ids

_YEAR = 260
"""Days of the week's five on which rates are set, in a year."""
_RATE_YEARS = 5
"""Volatility is that of so many last years."""
_LEAST_RATES = 60
_LEAST_VISITS_SHARE = 0.5
_VOLATILITY = (0.0, 1.0)
_LEVELS = (0.01, 100.0)
_LEAST_PROSPECTS = 100.0


def put_regions(draft: Draft, shop: Shop, rates: pl.DataFrame | None, start: date) -> tuple[str, ...]:
    """Write regions and currencies; gives the countries that the market started from does not have.

    Price levels carry what an order of the region is worth against one of the same segment elsewhere, and are put by
    `put_order_levels`, since they need the segments.
    """
    market = cast("Plain", draft.data["market"])
    model = cast("list[Plain]", market["regions"])
    own = {str(region["country"]): region for region in reversed(model)}
    foreign = tuple(code for code in shop.regions if code not in own)
    regions: list[Plain] = []
    for code in shop.regions:
        region = dict(own.get(code, model[0]))
        if code not in own:
            region |= _of_tables(code)
        region |= {"id": code, "country": code, "population": {}, "customers": {}}
        for name in ("import_fees", "price_level", "traffic_level", "conversion_level", "elasticity_level"):
            region.pop(name, None)
        regions.append(region)
    market["regions"] = regions
    market["base_currency"] = shop.currency
    _put_currencies(draft, shop.currency, rates, start)
    _put_shipping(draft, shop)
    return foreign


def _of_tables(code: str) -> Plain:
    """What tables say of a country that the market started from does not have."""
    from babel import Locale
    from babel.numbers import get_territory_currencies

    currencies = get_territory_currencies(code)
    duty = f"{code.lower()}_import"
    return {
        "name": Locale("en").territories.get(code, code),
        "currency": currencies[0] if currencies else "EUR",
        "timezone": "UTC",
        "tax": code if code in tax_ids() else "none",
        "duty": duty if duty in duty_ids() else "none",
    }


def _put_currencies(draft: Draft, base: str, rates: pl.DataFrame | None, start: date) -> None:
    market = cast("Plain", draft.data["market"])
    known = cast("dict[str, Plain]", market.get("currencies", {}))
    needed: list[str] = [base]
    for region in cast("list[Plain]", market["regions"]):
        needed.append(str(region["currency"]))
        if (duty := str(region.get("duty", "none"))) != "none":
            needed.append(duty_rule(duty, start).currency)
            needed += [fee.currency for fee in import_fees(duty, str(region["country"]))]
    market["currencies"] = {}
    for code in dict.fromkeys(needed):
        path = ("market", "currencies", code)
        if code == base:
            draft.put((*path, "rate"), 1.0, Source(evidence="set", source="By definition: the base currency"))
            continue
        series = _cross(rates, code, base, start)
        if len(series):
            source = Source(evidence="M", source="The imported rates", note=f"The last before {start}")
            draft.put((*path, "rate"), rounded(series[-1]), source)
        else:
            yearly = reference_rate(code, base, start.year)
            if yearly is None:
                stated = cast("float", known.get(code, {}).get("rate", 1.0))
                draft.put((*path, "rate"), stated, Source(evidence="E", source="Taken over: no table has this rate"))
            else:
                note = "Of the nearest year that the table has"
                source = Source(evidence="W", source="ECB euro reference rates, mean of a year", note=note)
                draft.put((*path, "rate"), rounded(yearly), source)
        if len(series) >= _LEAST_RATES:
            moves = float(np.diff(np.log(series)).std() * np.sqrt(_YEAR))
            source = Source(evidence="M", source=f"The imported rates: {len(series)} days of log changes, annualised")
            draft.put_within((*path, "volatility"), moves, _VOLATILITY, source, digits=3)
        else:
            stated = cast("float", known.get(code, {}).get("volatility", 0.08))
            source = Source(evidence="E", source="ECB rates since 2021: most currencies move by 4 to 11 % a year")
            draft.put((*path, "volatility"), stated, source)


def _cross(rates: pl.DataFrame | None, code: str, base: str, start: date) -> list[float]:
    """Base currency for one unit of another, day by day up to the last before ``start``."""
    if rates is None:
        return []
    euro = rates.select("date").unique().with_columns(pl.lit("EUR").alias("currency"), pl.lit(1.0).alias("per_euro"))
    table = pl.concat([rates.select("date", "currency", "per_euro").filter(pl.col("currency") != "EUR"), euro])
    both = [table.filter(pl.col("currency") == name).select("date", pl.col("per_euro")) for name in (base, code)]
    joined = both[0].join(both[1], on="date", suffix="_code").filter(pl.col("date") <= start).sort("date")
    return (joined["per_euro"] / joined["per_euro_code"]).drop_nulls().tail(_RATE_YEARS * _YEAR).to_list()


def _put_shipping(draft: Draft, shop: Shop) -> None:
    """What customers paid for shipping, where orders say it."""
    paid = (
        shop.orders.filter(pl.col("shipping").is_not_null())
        .group_by("country")
        .agg(pl.col("shipping").mean(), pl.len().alias("n"))
    )
    told = {str(code): (float(mean), int(n)) for code, mean, n in paid.iter_rows()}
    for r, code in enumerate(shop.regions):
        if code in told and told[code][1] >= _LEAST_VISITS_SHARE * shop.orders.filter(pl.col("country") == code).height:
            mean, n = told[code]
            source = Source(evidence="M", source=f"Shipping of {n:,} orders, {shop.period}")
            draft.put(("market", "regions", r, "shipping", "charged_base"), rounded(mean, 3), source)


def put_order_levels(draft: Draft, shop: Shop, segment_of: pl.DataFrame) -> None:
    """Write each region's ``price_level``: the value of its orders against the mean of their segments.

    It stands for prices and for the size of orders alike; the market has one size of orders a segment.
    """
    orders = shop.orders
    if segment_of["segment"].n_unique() > 1:
        orders = orders.join(segment_of, on="customer", how="inner")
    else:
        orders = orders.with_columns(pl.lit(0).alias("segment"))
    level = (
        orders.with_columns(pl.col("list_value").mean().over("segment").alias("_usual"))
        .group_by("country")
        .agg((pl.col("list_value").sum() / pl.col("_usual").sum()).alias("level"), pl.len().alias("n"))
    )
    found = {str(code): (float(value), int(n)) for code, value, n in level.iter_rows()}
    for r, code in enumerate(shop.regions):
        if code not in found:
            continue  # no order of a known segment went there: its level stays that of the format
        value, n = found[code]
        if not _LEVELS[0] <= value <= _LEVELS[1]:
            raise CalibrationError(
                f"An order of {code} is worth {value:.3g} times one of the same customers elsewhere: its money is "
                f"most likely in another currency, or in cents. Import the orders of {code} again with the currency "
                "that was paid (--columns currency=NAME, or --currency for a file of that country alone), or leave it "
                "out with --regions."
            )
        source = Source(
            evidence="M",
            source=f"{n:,} orders, {shop.period}",
            note="Order value against the mean of the same segments. Holds prices and the size of orders alike",
        )
        draft.put(("market", "regions", r, "price_level"), rounded(value, 3), source)


def put_people(
    draft: Draft,
    prospects: Mapping[tuple[int, int], float],
    customers: Sequence[Sequence[Mapping[KnownBucket, int]]],
    day: date,
    *,
    alive: float,
) -> None:
    """Write population and first customers of each cell.

    Args:
        draft: Has regions and segments.
        prospects: People who are no customers, by positions of region and segment.
        customers: Customers by bucket, by region and segment.
        day: The morning on which they are counted.
        alive: Prospects of a cell that nobody joined lately.
    """
    segments = [str(segment["id"]) for segment in cast("list[Plain]", draft.data["segments"])]
    counted = Source(
        evidence="M", source=f"Customers on the morning of {day}", note="By age and number of their orders"
    )
    assumed = Source(
        evidence="E",
        source="Customers as counted, and prospects by assumption",
        note="Only first orders are seen: the number of prospects and their visits share one product",
    )
    for r in range(len(customers)):
        for s, name in enumerate(segments):
            path = ("market", "regions", r)
            buckets = dict(customers[r][s])
            draft.put((*path, "customers", name), buckets, counted)
            found, known = rounded(prospects[r, s], 3), sum(buckets.values())
            taken = max(found or rounded(alive, 3), _LEAST_PROSPECTS)
            draft.put((*path, "population", name), taken + known, assumed)
            draft.hold((*path, "population", name), found + known, taken + known)
