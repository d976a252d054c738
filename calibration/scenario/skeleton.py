"""From a shop's tables to a scenario document: every number measured, fitted, stated or taken over, with its source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

import numpy as np
import polars as pl

from xbopt.calibration.customers.lifecycle import BUCKETS, KnownBucket
from xbopt.calibration.prices import PriceEstimate
from xbopt.calibration.scenario.assortment import Costs, price_bands, put_baskets, put_products
from xbopt.calibration.scenario.channels import Bought, bought_media, put_channels
from xbopt.calibration.scenario.draft import Draft, Plain, Source, rounded
from xbopt.calibration.scenario.levels import Counted, LevelFit, put_conversion, put_levels
from xbopt.calibration.scenario.people import CustomerBase, put_customers, rates_of
from xbopt.calibration.scenario.plan import past_rows, put_plan, revenue_shares, spend_of
from xbopt.calibration.scenario.price import put_price
from xbopt.calibration.scenario.regions import put_order_levels, put_people, put_regions
from xbopt.calibration.scenario.season import Season, fit_season
from xbopt.calibration.scenario.shop import Shop
from xbopt.core.arrays import FloatArray
from xbopt.imports.coverage import Hole, covered_days, longest_covered

FIRST_ORDERS_PER_1000 = 0.03
"""First orders a day per 1,000 prospects: assumed, and what alone turns first orders into a number of prospects."""
_LEVEL_DAYS = 182
_DEMAND_CV = (0.0, 3.0)
_SHRUNK = "Hardly known beyond chance: shrunk towards what was taken over by its own error"
_MOST_UNTOLD = 0.1
"""Share of days without sessions up to which the others stand for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """A scenario without a media fit.

    Attributes:
        draft: The document.
        segments: Ids of its segments.
        panel: The panel of its regions, channels by their ids.
        bought: The channels that are bought; empty where no media are in the data.
        past: Rows of ``history.before``.
        season: Indices of demand.
        levels: How near the expected market comes to what was counted.
        counted: What was counted.
        foreign: Countries that the market started from does not have.
        rare_channels: Channels that were left out because they were hardly bought.
        holes: Days that the orders, or a platform that is bought, tell nothing about.
    """

    draft: Draft
    segments: tuple[str, ...]
    panel: pl.DataFrame
    bought: tuple[Bought, ...]
    past: tuple[Plain, ...]
    season: Season
    levels: LevelFit
    counted: Counted
    foreign: tuple[str, ...]
    rare_channels: tuple[str, ...]
    holes: tuple[Hole, ...] = ()


def build_skeleton(
    draft: Draft,
    shop: Shop,
    panel: pl.DataFrame,
    base: CustomerBase | None,
    *,
    holes: Sequence[Hole] = (),
    name: str,
    title: str | None = None,
    start: date,
    days: int,
    costs: Costs,
    price: PriceEstimate | None = None,
    rates: pl.DataFrame | None = None,
) -> Skeleton:
    """Fill a draft from a shop.

    Args:
        draft: The market that it is started from, in the shop's currency.
        shop: What was sold.
        panel: Panel of all countries, in the shop's currency.
        base: Known customers; None where orders name none.
        holes: Days that a source of the panel tells nothing about.
        name: Name of the scenario.
        title: Its title; period and countries where None.
        start: First day of the scenario.
        days: Its days.
        costs: What goods cost.
        price: What the orders say of prices.
        rates: The imported exchange rates.
    """
    period = shop.period
    _put_head(draft, name, title, shop, start, days)
    segments = [("all", "All customers")] if base is None else list(zip(base.ids, base.names, strict=True))
    segment_of = pl.DataFrame(schema={"customer": pl.String, "segment": pl.Int64}) if base is None else base.segment_of
    _start_segments(draft, segments)
    edges = price_bands(shop.lines)
    put_products(draft, shop, edges, costs)
    put_baskets(draft, shop, edges, segment_of)
    if price is not None:
        put_price(draft, price, period)
    foreign = put_regions(draft, shop, rates, start)
    put_order_levels(draft, shop, segment_of)
    if base is not None:
        put_customers(draft, base, period)
    bought, rare = bought_media(panel, shop.regions)
    ids = {one.channel: one.id for one in bought}
    holes = tuple(hole for hole in holes if not hole.channels or set(hole.channels) & ids.keys())
    no_orders = [hole for hole in holes if not hole.channels]
    first, length = level_days(shop, start, days, holes)
    fresh = _first_orders(shop, panel, base, first, length)
    # Half an order keeps a cell alive that nobody joined lately.
    alive = 1000.0 * 0.5 / length / FIRST_ORDERS_PER_1000
    customers = _buckets(base, start, len(shop.regions), len(segments))
    put_people(draft, _prospects(fresh, length), customers, start, alive=alive)
    if bought:
        put_channels(draft, bought, panel, period, holes)
    _prune(draft)
    season = _put_season(draft, shop, base, no_orders)
    parts = revenue_shares(draft, shop.orders, segment_of, period)
    late = shop.orders.filter(pl.col("date") >= shop.last - timedelta(days=_LEVEL_DAYS))
    begin = shop.last - timedelta(days=min(shop.days, _LEVEL_DAYS) - 1)
    seen = len(covered_days(begin, shop.last, no_orders))
    put_plan(
        draft,
        panel,
        channels=ids,
        covered=covered_days(shop.first, min(shop.last, start - timedelta(days=1)), [h for h in holes if h.channels]),
        start=start,
        days=days,
        revenue_a_day=float(late["value"].sum()) / seen,
        segments=parts,
    )
    counted = count_days(draft, shop, panel, base, ids, first, length)
    replayed = f"{first} to {first + timedelta(days=length - 1)}"
    put_conversion(draft, counted, replayed)
    levels = put_levels(draft, counted, rates_of(draft, base), replayed)
    named = panel.filter(pl.col("region").is_in(list(shop.regions))).filter(
        pl.col("channel").is_null() | pl.col("channel").is_in(list(ids))
    )
    return Skeleton(
        draft=draft,
        segments=tuple(id_ for id_, _ in segments),
        panel=named.with_columns(pl.col("channel").replace(ids)),
        bought=bought,
        past=tuple(
            past_rows(
                panel.filter(pl.col("region").is_in(list(shop.regions))),
                channels=ids,
                segments=parts,
                start=start,
                holes=holes,
            )
        ),
        season=season,
        levels=levels,
        counted=counted,
        foreign=foreign,
        rare_channels=rare,
        holes=holes,
    )


def _put_head(draft: Draft, name: str, title: str | None, shop: Shop, start: date, days: int) -> None:
    places = ", ".join(shop.regions)
    title = title or f"Calibrated from orders of {shop.period}: {places}"
    words = f"Made by xbopt calibrate from {shop.orders.height:,} orders of {shop.period}; money in {shop.currency}."
    head: Plain = {"version": 1, "name": name, "title": title, "description": words}
    draft.data = head | {key: value for key, value in draft.data.items() if key not in head}
    draft.data["horizon"] = {"start": start.isoformat(), "days": days}
    draft.sources["horizon.days"] = Source(evidence="set", source="By choice")


def _start_segments(draft: Draft, segments: Sequence[tuple[str, str]]) -> None:
    """Segments from those of the market started from, in order; the last one stands for all beyond."""
    model = cast("list[Plain]", draft.data["segments"])
    draft.data["segments"] = [
        {**model[min(s, len(model) - 1)], "id": id_, "name": name} for s, (id_, name) in enumerate(segments)
    ]


def level_days(shop: Shop, start: date, days: int, holes: Sequence[Hole] = ()) -> tuple[date, int]:
    """First day and number of the days on which levels are fitted.

    They are the scenario's own where they lie in the data, else the last ones of the data, after a first part in which
    nobody can tell old customers from new ones. Where a source tells nothing about some of them, they are the last ones
    of the longest run of days that all sources tell about.
    """
    first, length = _usual_level_days(shop, start, days)
    if len(covered_days(first, first + timedelta(days=length - 1), holes)) == length:
        return first, length
    told = longest_covered(shop.first + timedelta(days=_burn_in(shop)), shop.last, holes)
    if told is None:
        return first, length
    length = min((told[1] - told[0]).days + 1, _LEVEL_DAYS)
    return told[1] - timedelta(days=length - 1), length


def _burn_in(shop: Shop) -> int:
    return min(shop.days // 4, 180)


def _usual_level_days(shop: Shop, start: date, days: int) -> tuple[date, int]:
    if start >= shop.first and start + timedelta(days=days - 1) <= shop.last:
        return start, days
    length = max(min(_LEVEL_DAYS, shop.days - _burn_in(shop)), 1)
    return shop.last - timedelta(days=length - 1), length


def count_days(
    draft: Draft,
    shop: Shop,
    panel: pl.DataFrame,
    base: CustomerBase | None,
    channels: Mapping[str, str],
    first: date,
    days: int,
) -> Counted:
    """What was counted on some days.

    Args:
        draft: Has segments; where no media are in the data, also the plan that says what is assumed.
        shop: Its orders.
        panel: Its panel, channels by name.
        base: Known customers, if any.
        channels: Ids by name; empty where no media are in the data.
        first: The first of the days.
        days: How many.
    """
    regions, segments = len(shop.regions), len(cast("list[Plain]", draft.data["segments"]))
    window = panel.filter((pl.col("date") >= first) & (pl.col("date") < first + timedelta(days=days)))
    if base is None:
        fresh, again = _unnamed_orders(window, shop.regions)
        for r, more in enumerate(np.maximum(-again[:, 0], 0.0)):  # more new customers than orders
            draft.hold(("market", "regions", r, "repeat_orders"), -float(more), 0.0)
        again = np.maximum(again, 0.0)
    else:
        fresh, again = base.orders(first, days, regions)
        # Orders of unknown customers are as new and as old as those of known ones: of their country, or of all.
        known = (fresh + again).sum(axis=1, keepdims=True)
        every = _all_orders(shop, first, days)[:, None]
        fresh, again = (every * _part(own, known) for own in (fresh, again))
    return Counted(
        first=first,
        days=days,
        first_orders=fresh,
        repeat_orders=again,
        customers=_buckets(base, first, regions, segments),
        spend=spend_of(window, shop.regions, channels) if channels else _assumed_spend(draft, days),
        discount_frac=_discounts(window, shop.regions),
        visits=_visits(window, shop.regions),
    )


def _part(own: FloatArray, known: FloatArray) -> FloatArray:
    """Share of some orders ``(R, S)`` in all known ones ``(R, 1)``; that of the whole shop where none is known."""
    usual: FloatArray = own.sum(axis=0) / max(float(known.sum()), 1.0)
    return np.where(known > 0.0, own / np.maximum(known, 1.0), usual)


def _prospects(fresh: FloatArray, days: int) -> dict[tuple[int, int], float]:
    """Prospects by cell."""
    return {(r, s): 1000.0 * float(fresh[r, s]) / days / FIRST_ORDERS_PER_1000 for r, s in np.ndindex(*fresh.shape)}


def _unnamed_orders(window: pl.DataFrame, regions: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """First and repeat orders ``(R, 1)`` where orders name no customer: all first ones, unless the shop says."""
    rows = window.filter(pl.col("channel").is_null() & pl.col("region").is_in(list(regions)))
    sums = rows.group_by("region").agg(pl.col("orders").sum(), pl.col("new_customers").sum())
    told = rows["new_customers"].is_not_null().any()
    table = {r: (float(n), float(new) if told else float(n)) for r, n, new in sums.iter_rows()}
    orders = np.array([table.get(r, (0.0, 0.0)) for r in regions])
    return orders[:, 1:], orders[:, :1] - orders[:, 1:]


def _first_orders(shop: Shop, panel: pl.DataFrame, base: CustomerBase | None, first: date, days: int) -> FloatArray:
    """First orders of some days ``(R, S)``."""
    if base is not None:
        return base.orders(first, days, len(shop.regions))[0]
    window = panel.filter((pl.col("date") >= first) & (pl.col("date") < first + timedelta(days=days)))
    return _unnamed_orders(window, shop.regions)[0]


def _all_orders(shop: Shop, first: date, days: int) -> FloatArray:
    rows = shop.orders.filter((pl.col("date") >= first) & (pl.col("date") < first + timedelta(days=days)))
    counts = dict(rows.group_by("country").len().iter_rows())
    return np.array([float(counts.get(code, 0)) for code in shop.regions])


def _buckets(
    base: CustomerBase | None, day: date, regions: int, segments: int
) -> list[list[Mapping[KnownBucket, int]]]:
    if base is None:
        return [[dict.fromkeys(BUCKETS, 0) for _ in range(segments)] for _ in range(regions)]
    return base.buckets(day, regions)


def _put_season(draft: Draft, shop: Shop, base: CustomerBase | None, holes: Sequence[Hole]) -> Season:
    calendar = cast("Plain", draft.data["calendar"])
    prior = cast("list[float]", calendar.get("month", [1.0] * 12))
    expected = None if base is None else base.expected_by_day()
    if base is None or expected is None:
        span = pl.DataFrame({"date": pl.date_range(shop.first, shop.last, "1d", eager=True)})
        counted = span.join(shop.orders.group_by("date").len(), on="date", how="left")["len"].fill_null(0)
        counts, first, what = counted.to_numpy().astype(np.float64), shop.first, "orders"
        expected = None
    else:
        skip = base.burn_in_days
        counts, expected = base.repeats_by_day()[skip:], expected[skip:]
        first = base.purchases.first_date + timedelta(days=skip)
        what = "orders of known customers, net of the growth of their number"
    known = set(covered_days(first, first + timedelta(days=len(counts) - 1), holes))
    season = fit_season(
        counts,
        first,
        prior_month=prior,
        prior_weekday=cast("list[float]", calendar.get("weekday", [1.0] * 7)),
        expected=expected,
        told=np.array([first + timedelta(days=n) in known for n in range(len(counts))]),
    )
    if season.weekday is not None:
        said = f"Days of the week of {what}, {shop.period}"
        draft.put(
            ("calendar", "weekday"),
            [rounded(value, 3) for value in season.weekday],
            Source(evidence="M", source=said),
        )
        for day in np.flatnonzero(~season.weekday_measured):
            draft.sources[f"calendar.weekday.{day}"] = Source(evidence="E", source=said, note=_SHRUNK)
    if season.seen.any():
        draft.put(
            ("calendar", "month"),
            [rounded(value, 3) for value in season.month],
            Source(evidence="E", source="Taken over for months that the data do not hold"),
            pattern="calendar.month.*",
        )
        note = "One year cannot tell a season from a trend" if shop.days < 700 else ""
        said = f"Months of {what}, {shop.period}"
        for month in np.flatnonzero(season.seen):
            measured = Source(evidence="M", source=said, note=note)
            shrunk = Source(evidence="E", source=said, note=_SHRUNK)
            draft.sources[f"calendar.month.{month}"] = measured if season.measured[month] else shrunk
    noise = Source(evidence="M", source=f"Daily {what} beyond counting noise, {shop.period}")
    draft.put_within(("noise", "demand_cv"), season.demand_cv, _DEMAND_CV, noise, digits=2)
    return season


def _discounts(window: pl.DataFrame, regions: Sequence[str]) -> FloatArray:
    rows = window.filter(pl.col("channel").is_null()).group_by("region").agg(pl.col("discount_frac").mean())
    table: Mapping[str, float | None] = dict(rows.iter_rows())
    return np.array([table.get(r) or 0.0 for r in regions])


def _visits(window: pl.DataFrame, regions: Sequence[str]) -> float | None:
    """All visits of some days; None where a day or region has none told."""
    rows = window.filter(pl.col("channel").is_null() & pl.col("region").is_in(list(regions)))
    if rows.is_empty() or rows["visits"].null_count() > _MOST_UNTOLD * rows.height:
        return None
    return float(rows["visits"].sum()) / (1.0 - rows["visits"].null_count() / rows.height)


def _assumed_spend(draft: Draft, on_days: int) -> FloatArray:
    """Spend on some days as the plan assumes it, since no table tells any ``(R, C)``."""
    plan, history = cast("Plain", draft.data["plan"]), cast("Plain", draft.data["history"])
    days = cast("int", cast("Plain", draft.data["horizon"])["days"])
    total = cast("float", cast("Plain", draft.data["budget"])["total_base"]) / days * on_days
    regions = np.array(list(cast("dict[str, float]", history["revenue_by_region"]).values()))
    channels = np.array(list(cast("dict[str, float]", plan["channels"]).values()))
    return total * np.outer(regions / regions.sum(), channels / channels.sum())


def _prune(draft: Draft) -> None:
    """Leave out what speaks of regions, segments and channels that this scenario does not have."""
    regions, segments, channels = (
        {str(item["id"]) for item in cast("list[Plain]", listed)}
        for listed in (cast("Plain", draft.data["market"])["regions"], draft.data["segments"], draft.data["channels"])
    )
    for channel in cast("list[Plain]", draft.data["channels"]):
        _keep(channel, "segment_response", segments)
        _keep(channel, "region_response", regions)
        _keep(cast("Plain", channel["price"]), "by_region", regions)
    tactics = cast("Plain", draft.data.get("tactics", {}))
    for mix in list(cast("Plain", tactics.get("mixes", {})).values()):
        if set(cast("Plain", mix)) - channels:
            tactics.pop("mixes", None)


def _keep(holder: Plain, name: str, known: set[str]) -> None:
    kept = {key: value for key, value in cast("Plain", holder.pop(name, {})).items() if key in known}
    if kept:
        holder[name] = kept
