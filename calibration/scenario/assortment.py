"""Products by price band, and what each segment puts into its basket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import cast

import numpy as np
import polars as pl

from xbopt.calibration.scenario.draft import Draft, Plain, Source, rounded, shares
from xbopt.calibration.scenario.shop import Shop
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CalibrationError

BANDS = 3
_NICE = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_LEAST_BAND = 0.1
"""Share of the revenue that a band has to bring."""
_LEAST_REFUNDS = 30
"""Refunds of a shop below which its return rate is not measured."""
_MOST_RETURNED = 0.95
_RETURN_DAYS = (1.0, 3650.0)
_BASKET_CV = (0.0, 10.0)
_USUAL = Source(evidence="set", source="By definition: the price of the data, at which conversion holds")
_ONE_PRODUCT = Source(evidence="set", source="By definition: there is one product")


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What goods cost.

    Attributes:
        by_sku: Unit cost in the base currency; empty where nobody gave a list.
        gross_margin: Margin on the list price for what the list does not hold; None where the market started from
            says it.
    """

    by_sku: Mapping[str, float]
    gross_margin: float | None


def price_bands(lines: pl.DataFrame) -> tuple[float, ...]:
    """Edges between bands of list prices at round numbers, so that each band brings about a third of the revenue.

    Fewer where prices lie too close together.
    """
    priced = lines.filter((pl.col("quantity") > 0.0) & (pl.col("list_value") > 0.0))
    price = (priced["list_value"] / priced["quantity"]).to_numpy()
    value = priced["list_value"].to_numpy()
    order = np.argsort(price, kind="stable")
    part = np.cumsum(value[order]) / value.sum()
    edges: list[float] = []
    for n in range(1, BANDS):
        wanted = float(price[order][int(np.searchsorted(part, n / BANDS))])
        for edge in (_nice(wanted), _between(price, wanted)):
            bands = np.bincount(np.digitize(price, sorted([*edges, edge])), value, minlength=len(edges) + 2)
            if bands.min() >= _LEAST_BAND * value.sum():
                edges.append(edge)
                break
    return tuple(sorted(edges))


def _nice(wanted: float) -> float:
    """The round number next to a price."""
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(rounded(min((power * step for step in _NICE), key=lambda nice: abs(np.log(nice / wanted)))))


def _between(price: FloatArray, wanted: float) -> float:
    """A number as short as can be between a price and the next one: above it, or below where it is the dearest."""
    above, below = price[price > wanted], price[price < wanted]
    low, high = (wanted, float(above.min())) if above.size else (float(below.max(initial=0.0)), wanted)
    for digits in range(1, 7):
        step = 10.0 ** (np.floor(np.log10(high)) - digits + 1)
        found = float(rounded((np.floor(low / step) + 1.0) * step, 8))
        if found <= high:
            return found
    return high


def with_band(lines: pl.DataFrame, edges: Sequence[float]) -> pl.DataFrame:
    """The lines with their ``band``, from 0, by the price asked for one piece."""
    price = pl.col("list_value") / pl.col("quantity")
    return lines.with_columns(sum(((price >= edge).cast(pl.Int32) for edge in edges), pl.lit(0)).alias("band"))


def put_products(draft: Draft, shop: Shop, edges: Sequence[float], costs: Costs) -> None:
    """Write the ``products`` section: one product a price band; prices measured, costs asked for or assumed."""
    model = cast("list[Plain]", draft.data["products"])
    lines = with_band(shop.lines, edges)
    measured = _by_band(lines, costs, len(edges) + 1)
    names = [_band_name(b, edges, shop.currency) for b in range(len(edges) + 1)]
    kept = len(model) == len(names)
    draft.data["products"] = [
        {"id": str(model[b]["id"]) if kept else f"band_{b + 1}", "name": names[b], **_inherited(model, b)}
        for b in range(len(names))
    ]
    returned = _returns(lines, shop.refunds)
    if returned is not None and all(returned[0].get(b, 0.0) > _MOST_RETURNED for b in range(len(names))):
        raise CalibrationError(
            "All that was sold came back, by the refunds of these data: there is no market to plan for. See that the "
            "refunds are those of these orders, or leave them out."
        )
    mine = Source(evidence="M", source=f"Orders {shop.period}", note=f"{lines.height:,} lines by price band")
    for b in range(len(names)):
        asked, known_cost = measured[b]
        price = rounded(asked)
        draft.put(("products", b, "price_base"), price, mine)
        draft.put(("products", b, "usual_price_base"), price, _USUAL)
        cost, source = _unit_cost(known_cost, price, costs, _margin_of(model, b))
        draft.put(("products", b, "unit_cost_base"), rounded(cost), source)
        if returned is not None:
            rate, days = returned
            note = "Refunded over sold, in money without tax and shipping; dated by the refund where the shop says it"
            seen = Source(evidence="M", source=f"{shop.refunds.height:,} refunds, {shop.period}", note=note)
            if (back := rounded(rate.get(b, 0.0))) <= _MOST_RETURNED:
                draft.put(("products", b, "return_rate"), back, seen)
            elif back <= 1.0:
                draft.put(("products", b, "return_rate"), _MOST_RETURNED, seen)
                draft.hold(("products", b, "return_rate"), back, _MOST_RETURNED)
            else:  # refunds of earlier sales, or sales that are not in the data: no rate at all
                draft.hold(("products", b, "return_rate"), back, _number(draft, b, "return_rate"))
            if days is not None:
                draft.put_within(("products", b, "return_days"), days, _RETURN_DAYS, seen, digits=3)


def put_baskets(draft: Draft, shop: Shop, edges: Sequence[float], segment_of: pl.DataFrame) -> None:
    """Write mix, items and spread of each segment's orders.

    Args:
        draft: Has products and segments.
        shop: Its lines and orders.
        edges: Edges of the price bands.
        segment_of: Columns customer and segment (position); orders of unknown customers tell of no segment, unless
            there is one only.
    """
    products = [str(product["id"]) for product in cast("list[Plain]", draft.data["products"])]
    prices = [cast("float", product["price_base"]) for product in cast("list[Plain]", draft.data["products"])]
    segments = cast("list[Plain]", draft.data["segments"])
    lines, orders = with_band(shop.lines, edges), shop.orders
    if len(segments) > 1:
        lines, orders = (frame.join(segment_of, on="customer", how="inner") for frame in (lines, orders))
    else:
        lines, orders = (frame.with_columns(pl.lit(0).alias("segment")) for frame in (lines, orders))
    for s in range(len(segments)):
        own, mine = orders.filter(pl.col("segment") == s), lines.filter(pl.col("segment") == s)
        units = dict(mine.group_by("band").agg(pl.col("quantity").sum()).iter_rows())
        mix = shares({name: float(units.get(b, 0.0)) for b, name in enumerate(products)})
        mean = float(np.dot(list(mix.values()), prices))
        values = own["list_value"].to_numpy()
        source = Source(evidence="M", source=f"{len(values):,} orders, {shop.period}")
        draft.put(("segments", s, "product_mix"), mix, source if len(mix) > 1 else _ONE_PRODUCT)
        draft.put(("segments", s, "items_per_order"), rounded(values.mean() / mean), source)
        if len(values) > 1:
            spread = float(values.std() / values.mean())
            draft.put_within(("segments", s, "basket_cv"), spread, _BASKET_CV, source, digits=3)


def _by_band(lines: pl.DataFrame, costs: Costs, bands: int) -> dict[int, tuple[float, float | None]]:
    """By band: mean price asked for a piece, and mean cost of the pieces whose cost is known."""
    known = pl.DataFrame(
        {"sku": list(costs.by_sku), "cost": list(costs.by_sku.values())}, schema={"sku": pl.String, "cost": pl.Float64}
    )
    rows = (
        lines.join(known, on="sku", how="left")
        .group_by("band")
        .agg(
            (pl.col("list_value").sum() / pl.col("quantity").sum()).alias("price"),
            (
                (pl.col("cost") * pl.col("quantity")).sum()
                / pl.col("quantity").filter(pl.col("cost").is_not_null()).sum()
            ).alias("cost"),
        )
    )
    found: dict[int, tuple[float, float | None]] = {}
    for band, price, cost in rows.iter_rows():
        found[band] = price, cost if cost is not None and isfinite(cost) else None
    return {band: found[band] for band in range(bands) if band in found}


def _unit_cost(known: float | None, price: float, costs: Costs, margin: float) -> tuple[float, Source]:
    if known is not None:
        return known, Source(evidence="stated", source="The seller's list of unit costs, by pieces sold")
    if costs.gross_margin is not None:
        source = Source(
            evidence="stated", source=f"Stated: a gross margin of {costs.gross_margin:.0%} of the list price"
        )
        return price * (1.0 - costs.gross_margin), source
    note = "The data hold no costs: give --costs FILE or --gross-margin"
    return price * (1.0 - margin), Source(evidence="E", source=f"Gross margin of {margin:.0%}, taken over", note=note)


def _number(draft: Draft, band: int, name: str) -> float:
    return cast("float", cast("list[Plain]", draft.data["products"])[band].get(name, 0.0))


def _margin_of(model: Sequence[Plain], band: int) -> float:
    product = model[min(band, len(model) - 1)]
    return 1.0 - cast("float", product["unit_cost_base"]) / cast("float", product["price_base"])


def _inherited(model: Sequence[Plain], band: int) -> Plain:
    product = model[min(band, len(model) - 1)]
    return {key: value for key, value in product.items() if key not in ("id", "name")}


def _returns(lines: pl.DataFrame, refunds: pl.DataFrame) -> tuple[dict[int, float], float | None] | None:
    """Refunded share of net revenue by band, and mean days from order to refund; None where hardly anything came back.

    A refund that names its article counts for the article's band, others for all bands alike.
    """
    if refunds.height < _LEAST_REFUNDS:
        return None
    sold = dict(lines.group_by("band").agg(pl.col("value").sum()).iter_rows())
    band_of = lines.group_by("sku").agg(pl.col("band").mode().min())
    by_band = refunds.join(band_of, on="sku", how="left").group_by("band").agg(pl.col("net_amount").sum())
    back = dict(by_band.iter_rows())
    plain = float(back.pop(None, 0.0)) / sum(sold.values())
    rate = {band: float(back.get(band, 0.0)) / value + plain for band, value in sold.items()}
    dated = refunds.filter(pl.col("dated_by") == "refund").join(
        lines.group_by("order_id").agg(pl.col("date").min().alias("_sold")), on="order_id"
    )
    delay = (dated["date"] - dated["_sold"]).dt.total_days()
    late = delay.filter(delay >= 0)
    mean = late.mean()
    return rate, float(cast("float", mean)) if late.len() >= _LEAST_REFUNDS else None


def _band_name(band: int, edges: Sequence[float], currency: str) -> str:
    if not edges:
        return "All goods"
    if band == 0:
        return f"Goods below {edges[0]:g} {currency}"
    if band == len(edges):
        return f"Goods of {edges[-1]:g} {currency} and more"
    return f"Goods of {edges[band - 1]:g} to {edges[band]:g} {currency}"
