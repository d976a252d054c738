"""Visits, orders and sales by day and region: as they were told, as the model expects them, as worlds may bring them.

The worlds are drawn from the scenario and played with all their noise along what was really done. Each morning they
begin from what the seller saw: customers, stock, and of the world outside what was told. What lies between them is all
that the scenario leaves open, so sums of the told days have ranges, and two spans of days may differ by so much.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.tracking.posterior import outside_as_told
from xbopt.campaigns.tracking.tracker import Tracked, TrackedDay
from xbopt.core.arrays import BoolArray, FloatArray, add_up
from xbopt.core.decisions.limits import Remaining
from xbopt.core.randomness import named_generator
from xbopt.env.attribution_counts import ClickCounts
from xbopt.env.nominal import HiddenParts
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.history import initial_state
from xbopt.simulator.state import MarketState, repeat_state
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import draw_worlds

WORLDS = 64
_SHORT = 0.01
ORGANIC = "organic"
"""The source of visits that no channel brought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """One result by day and place; 0 in all three where it was not told, so that every sum compares like with like.

    Attributes:
        told: ``(T, R, ...)``.
        modelled: What the seller's model expects ``(T, R, ...)``.
        drawn: In worlds of the scenario, with their noise ``(N, T, R, ...)``.
    """

    told: FloatArray
    modelled: FloatArray
    drawn: FloatArray

    def where(self, known: BoolArray) -> "Sums":
        """As if the others had not been told ``(T, R, ...)``."""
        return Sums(
            told=np.where(known, self.told, 0.0),
            modelled=np.where(known, self.modelled, 0.0),
            drawn=np.where(known, self.drawn, 0.0),
        )

    def until(self, day: int) -> "Sums":
        """The days before one."""
        return Sums(told=self.told[:day], modelled=self.modelled[:day], drawn=self.drawn[:, :day])

    def at(self, *place: int) -> "Sums":
        """One place, by day."""
        return Sums(told=self.told[:, *place], modelled=self.modelled[:, *place], drawn=self.drawn[:, :, *place])

    def with_all_regions(self) -> "Sums":
        """With one more place behind the regions: all of them ``(T, R + 1, ...)``."""

        def joined(array: FloatArray, axis: int) -> FloatArray:
            return np.concatenate([array, array.sum(axis=axis, keepdims=True)], axis=axis)

        return Sums(told=joined(self.told, 1), modelled=joined(self.modelled, 1), drawn=joined(self.drawn, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySums:
    """Results of the days that are over.

    Attributes:
        regions: Their ids ``(R,)``.
        sources: Ids of the channels, and ``ORGANIC`` ``(C + 1,)``.
        visits: By source ``(T, R, C + 1)``.
        orders: ``(T, R)``.
        sales_base: Gross revenue ``(T, R)``, base currency.
        short: Where the model runs out of a stock that nobody told ``(T, R)``: the orders of model and worlds end with
            that stock, and say nothing of orders that came.
    """

    regions: tuple[str, ...]
    sources: tuple[str, ...]
    visits: Sums
    orders: Sums
    sales_base: Sums
    short: BoolArray

    @property
    def days(self) -> int:
        """Number of days."""
        return len(self.orders.told)

    def without_visits(self, off: BoolArray) -> "DaySums":
        """Without visits of channels on days on which they were off: that none came says nothing of a response.

        Args:
            off: By day and channel ``(T', C)``, T' being these days or more.
        """
        return replace(self, visits=self.visits.where(_other_visits(off, self.days)))

    def until(self, day: int) -> "DaySums":
        """The days before one."""
        return replace(
            self,
            visits=self.visits.until(day),
            orders=self.orders.until(day),
            sales_base=self.sales_base.until(day),
            short=self.short[:day],
        )


def _other_visits(off: BoolArray, days: int) -> BoolArray:
    """Visits that are no channel's that was off ``(T, 1, C + 1)``."""
    organic = np.zeros((days, 1), dtype=np.bool_)
    return ~np.concatenate([off[:days], organic], axis=1)[:, None]


def day_sums(tracked: Tracked, *, seed: int, worlds: int = WORLDS) -> DaySums:
    """Play the worlds beside what was told.

    Args:
        tracked: The campaign up to this morning.
        seed: Of worlds and noise.
        worlds: Number of worlds, ``N``.
    """
    market, numbers = tracked.market, np.arange(worlds)
    own_seed = int(named_generator(seed, "campaign/day_sums").integers(2**62))
    world = draw_worlds(market.scenario, seed=own_seed, worlds=numbers)
    draws = MarketDraws(market.scenario, seed=own_seed, worlds=numbers)
    clicks = ClickCounts(market.scenario, seed=own_seed, worlds=numbers)
    state, before = initial_state(market, worlds, world), None
    rows: list[list[tuple[FloatArray, FloatArray, FloatArray]]] = [[], [], []]
    short: list[BoolArray] = []
    for day, over in enumerate(tracked.days):
        morning = _seen(tracked, state, over.morning, before)
        outcome, state = play_day(
            tracked.open_market, world, morning, over.filled.results.decision.repeated(worlds), draws.day(day)
        )
        short.append(_short(outcome) & ~_stock_told(before, market.shape[0]))
        results, model, before = over.filled.results, over.modelled, over.told
        drawn = (clicks.day(day, outcome), add_up(outcome.orders, 3), outcome.money.gross_revenue)
        told = (over.filled.visits_by_source, results.orders, results.gross_revenue_base)
        modelled = (over.modelled_visits, model.orders, model.gross_revenue_base)
        for row, known, parts in zip(rows, _known(over), zip(told, modelled, drawn, strict=True), strict=True):
            first, second, third = (np.where(known, part, 0.0).sum(axis=2) for part in parts)
            row.append((first[0], second[0], third))
    regions, _, channels, _ = market.shape
    shapes = ((regions, channels + 1), (regions,), (regions,))
    visits, orders, sales = (_stacked(row, shape, worlds) for row, shape in zip(rows, shapes, strict=True))
    return DaySums(
        regions=market.scenario.regions,
        sources=(*market.scenario.channels, ORGANIC),
        visits=visits,
        orders=orders,
        sales_base=sales,
        short=np.array(short, dtype=np.bool_).reshape(len(short), regions),
    )


def _short(outcome: DayOutcome) -> BoolArray:
    """Regions that lose more than a few orders for want of stock, over all worlds ``(R,)``."""
    lost, came = outcome.lost_orders.sum(axis=(0, 2)), outcome.orders.sum(axis=(0, 2, 3))
    return lost > _SHORT * (lost + came)


def _stock_told(before: ActualDay | None, regions: int) -> BoolArray:
    """Regions whose stock of the morning was told with the day before ``(R,)``."""
    stock = None if before is None else before.figures.get("stock")
    return np.zeros(regions, dtype=np.bool_) if stock is None else np.broadcast_to(~np.isnan(stock), regions)


def _known(over: TrackedDay) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Where visits by source ``(1, R, S, C + 1)``, orders and sales ``(1, R, S)`` each rest on something told."""
    results = over.filled.results
    visits = np.zeros(over.modelled_visits.shape, dtype=np.bool_) if results.known is None else results.known.visits
    orders = _told(over.told, results.orders, "orders")
    return visits, orders, _told(over.told, results.orders, "gross_revenue_base", "net_revenue_base")


def _told(told: ActualDay | None, like: FloatArray, *names: str) -> BoolArray:
    known = np.zeros(like.shape, dtype=np.bool_)
    for name in names:
        if told is not None and name in told.figures:
            known |= ~np.isnan(told.figures[name])
    return known


def _seen(tracked: Tracked, state: MarketState, seen: MarketState, before: ActualDay | None) -> MarketState:
    """The worlds' own morning with what the seller saw of it; what nobody told of the world outside stays theirs."""
    worlds = len(state.stock)
    same = repeat_state(seen, worlds)
    outside = outside_as_told(before, state.outside, same.outside)
    limits = tracked.open_market.scenario.limits
    morning = replace(same, outside=outside, remaining=Remaining.at_start(limits, worlds))
    return HiddenParts.of(state).put_into(morning)


def _stacked(rows: list[tuple[FloatArray, FloatArray, FloatArray]], shape: tuple[int, ...], worlds: int) -> Sums:
    if not rows:
        nothing = np.zeros((0, *shape))
        return Sums(told=nothing, modelled=nothing, drawn=np.zeros((worlds, 0, *shape)))
    told, modelled, drawn = zip(*rows, strict=True)
    return Sums(told=np.stack(told), modelled=np.stack(modelled), drawn=np.stack(drawn, axis=1))
