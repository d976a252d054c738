"""The market's day played by the native kernel: arrays in, outcome and next state out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, worlds_innermost
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import Adjustments
from xbopt.core.decisions.limits import Remaining
from xbopt.simulator.attribution import Attribution
from xbopt.simulator.customers import OrderSplit
from xbopt.simulator.draws import DayDraws, DrawnLater
from xbopt.simulator.kernel.blocks import room
from xbopt.simulator.kernel.engine import Engine, native, threads
from xbopt.simulator.kernel.window import given_back, opened
from xbopt.simulator.media import quality_of
from xbopt.simulator.money import TERMS, MoneyBridge
from xbopt.simulator.native_parameters import PackedMarket, packed_limits, packed_market, packed_worlds
from xbopt.simulator.outcome import DayOutcome
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.places import PlaceDay
from xbopt.simulator.promotion import Ledger
from xbopt.simulator.state import MarketState, OutsideState
from xbopt.simulator.worlds import WorldParameters

# The kernel's names of the terms of a bridge, where they are others.
_TERM_NAMES = {"discount": "given_discount", "returns": "refunds", "media": "media_spend"}
Arrays = dict[str, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where the arrays of a block ``(rows, B)`` lie: name, first row, row after the last, lengths, last axis first."""

    rows: int
    places: tuple[tuple[str, int, int, tuple[int, ...]], ...]

    def views(self, block: FloatArray | None) -> Arrays:
        """The arrays by name, each with its worlds first and innermost in memory; none of no block."""
        if block is None:
            return {}
        worlds = block.shape[1]
        places = _strided(self, worlds)
        return {name: np.ndarray(shape, np.float64, block, offset, strides) for name, shape, offset, strides in places}


@lru_cache(maxsize=64)
def _layout(listed: tuple[tuple[str, str], ...], sizes: tuple[tuple[str, int], ...]) -> _Layout:
    """The layout of a list of fields by the lengths of their axes."""
    lengths, row, places = dict(sizes), 0, list[tuple[str, int, int, tuple[int, ...]]]()
    for name, axes in listed:
        shape = tuple(lengths[axis] for axis in reversed(axes))
        places.append((name, row, row + prod(shape), shape))
        row += prod(shape)
    return _Layout(rows=row, places=tuple(places))


@lru_cache(maxsize=256)
def _strided(layout: _Layout, worlds: int) -> tuple[tuple[str, tuple[int, ...], int, tuple[int, ...]], ...]:
    """Name, shape, offset and strides of the arrays of a block of so many worlds."""
    row, found = 8 * worlds, list[tuple[str, tuple[int, ...], int, tuple[int, ...]]]()
    for name, start, _, reverse in layout.places:
        lengths = tuple(reversed(reverse))
        steps = tuple(row * prod(lengths[:axis]) for axis in range(len(lengths)))
        found.append((name, (worlds, *lengths), start * row, (8, *steps)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Played:
    """A day that was played: the next morning, what it brought, and what was asked for besides."""

    evening: Arrays
    outcome: Arrays
    channels: Arrays
    details: Arrays


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What came by channel, and who ordered: written with the day, or worked out by playing it again.

    Attributes:
        channels: What came by channel, where it was written.
        organic_traffic: The worlds' own multiplier.
        window: This morning's window of exposures.
        play: Plays the day.
        packed: The market, which remembers that somebody asked what came by channel: whoever asks once asks every
            day, so from then on it is written with the day.
    """

    channels: Arrays
    organic_traffic: FloatArray
    window: FloatArray
    play: Callable[..., _Played | None]
    packed: PackedMarket

    def visits(self) -> FloatArray:
        """Expected visits by channel ``(B, R, S, C)``."""
        return self._by_channel()["channel_visits"]

    def orders(self) -> FloatArray:
        """Orders by channel ``(B, R, S, C)``."""
        return self._by_channel()["channel_orders"]

    def _by_channel(self) -> Arrays:
        if not self.channels:
            self.packed.wishes.add("channels")
            self.channels.update(self._again(detailed=False).channels)
        return self.channels

    def _again(self, *, detailed: bool) -> _Played:
        played = self.play(opened(self.window.copy())[0], detailed=detailed)
        assert played is not None, "a day that was played is feasible"
        return played

    def details(self) -> tuple[OrderSplit, FloatArray]:
        """Who ordered, and contact ``(B, R, S)``."""
        found = self._again(detailed=True).details
        split = OrderSplit(
            quality_visits=found["quality_visits"],
            quality_people=found["quality_people"],
            strangers=found["strangers"],
            by_stranger=found["by_stranger"][..., None],
            readiness=found["readiness"][..., None],
            organic_traffic=self.organic_traffic,
            by_media=found["by_media"],
            by_discount=found["by_discount"],
        )
        return split, found["contact_kept"]


def play_natively(
    engine: Engine,
    market: MarketParameters,
    world: WorldParameters,
    state: MarketState,
    feasible: Decision,
    adjustments: Adjustments | None,
    draws: DayDraws | None,
) -> tuple[DayOutcome, MarketState] | None:
    """Play a decision.

    Args:
        engine: The native engine.
        market: As in ``play_day``, like the other arguments that it has too.
        world: What differs by world.
        state: This morning.
        feasible: What is to be done.
        draws: The day's random numbers; None in expected mode.
        adjustments: What the projection of the decision changed. Without them the decision has yet to be projected,
            and is played only where it keeps all limits as it stands.

    Returns:
        What the day brought and the next morning; None where the decision has to be projected first.
    """
    module = native()
    assert module is not None, "chosen only where it is there"
    limits: FloatArray | None = None
    if adjustments is None:
        if not _fits(market, state, feasible):
            return None
        limits, adjustments = packed_limits(market), _nothing_changed(len(state.stock))
    packed = packed_market(module, market)
    play = partial(_play, module, engine, packed, market, world, state, feasible, draws)
    window, passed_on = opened(state.window)
    played = play(window, limits=limits)
    if played is None:
        given_back(passed_on)
        return None
    day = _outcome(market, world, state, feasible, adjustments, packed, played, play)
    return day, _state(state.day + 1, played.evening, passed_on)


def _fits(market: MarketParameters, state: MarketState, decision: Decision) -> bool:
    """Whether a decision has the shapes and types that the kernel reads, with what may still be spent."""
    worlds, (regions, segments, channels, parts) = len(state.stock), market.shape
    left = state.remaining
    return (
        decision.spend_base.shape == (worlds, regions, segments, channels)
        and decision.daypart_weights.shape == (worlds, regions, channels, parts)
        and decision.discount_frac.shape == decision.mechanic.shape == (worlds, regions, segments)
        and decision.spend_base.dtype == decision.daypart_weights.dtype == decision.discount_frac.dtype == np.float64
        and decision.mechanic.dtype == np.int64
        and left.budget_base.shape == (worlds,)
        and left.region_base.shape == (worlds, regions)
        and left.channel_base.shape == (worlds, channels)
    )


@lru_cache(maxsize=64)
def _nothing_changed(worlds: int) -> Adjustments:
    """The adjustments of a decision that keeps all limits."""
    nothing = np.zeros(worlds)
    nothing.flags.writeable = False
    return Adjustments(
        cut_base=nothing, raised_base=nothing, unmet_base=nothing, discounts_cut=nothing, dayparts_mended=nothing
    )


def _play(
    module: ModuleType,
    engine: Engine,
    packed: PackedMarket,
    market: MarketParameters,
    world: WorldParameters,
    state: MarketState,
    feasible: Decision,
    draws: DayDraws | None,
    window: FloatArray,
    *,
    limits: FloatArray | None = None,
    detailed: bool = False,
) -> _Played | None:
    """Play the day, with what is asked for besides; None where the decision does not keep the limits."""
    worlds, sizes = len(state.stock), packed.axes
    none: tuple[tuple[str, str], ...] = ()
    listed = (
        module.STATE_FIELDS,
        module.OUTCOME_FIELDS,
        module.CHANNEL_FIELDS if "channels" in packed.wishes else none,
        module.DETAIL_FIELDS if detailed else none,
    )
    layouts = [_layout(fields, sizes) for fields in listed]
    blocks = [room(layout.rows, worlds) if layout.rows else None for layout in layouts]
    played = module.play(
        engine.level,
        packed.handle,
        packed_worlds(module, packed, market, world),
        limits,
        _state_arrays(state),
        window,
        _decision_arrays(feasible),
        _draw_arrays(draws, packed.sizes),
        *blocks,
        state.day,
        worlds,
        threads(),
    )
    if not played:
        return None
    return _Played(*(layout.views(block) for layout, block in zip(layouts, blocks, strict=True)))


def _state_arrays(state: MarketState) -> tuple[FloatArray, ...]:
    """The morning in the order of the kernel's list."""
    outside, left = state.outside, state.remaining
    ordered = (
        outside.fx_log,
        outside.competitor_log,
        outside.congestion_log,
        outside.sentiment,
        outside.media_price_log,
        state.customers,
        state.living,
        state.carried,
        state.frequency,
        state.reference_log,
        state.remembered_deal,
        state.borrowed,
        state.satisfaction,
        state.stock,
        state.on_order,
        state.usual_demand,
        state.in_transit,
        state.returning,
        left.budget_base,
        left.region_base,
        left.channel_base,
    )
    return tuple(map(worlds_innermost, ordered))


def _decision_arrays(feasible: Decision) -> tuple[FloatArray | IntArray, ...]:
    """The decision in the order of the kernel's list; one world of each array stands for all that are its copies."""
    floats = (feasible.spend_base, feasible.daypart_weights, feasible.discount_frac)
    return (
        *(np.asfortranarray(array if array.strides[0] else array[:1], dtype=np.float64) for array in floats),
        np.asfortranarray(feasible.mechanic if feasible.mechanic.strides[0] else feasible.mechanic[:1], dtype=np.int64),
    )


def _draw_arrays(draws: DayDraws | None, sizes: dict[str, int]) -> tuple[Any, ...]:
    """The day's random numbers in the order of the kernel's list, or the stream that it draws them from."""
    if draws is None:
        return ()
    if isinstance(draws, DrawnLater):
        return draws.stream
    z, cells = draws.normals, sizes["R"] * sizes["S"]
    ends = np.cumsum([cells * sizes["L"], cells, cells])
    names = ("fx", "competitor", "congestion", "sentiment", "media_price", "shock", "basket")
    counts = np.split(draws.counts, ends, axis=1)
    return tuple(worlds_innermost(array) for array in (*(z[name] for name in names), draws.jump, *counts))


def _outcome(
    market: MarketParameters,
    world: WorldParameters,
    state: MarketState,
    feasible: Decision,
    adjustments: Adjustments,
    packed: PackedMarket,
    played: _Played,
    play: Callable[..., _Played | None],
) -> DayOutcome:
    arrays = played.outcome
    money = MoneyBridge(**{term: arrays[_TERM_NAMES.get(term, term)] for term in TERMS})
    return DayOutcome(
        decision=feasible,
        adjustments=adjustments,
        visits=arrays["visits"],
        carts=arrays["carts"],
        orders=arrays["orders"],
        lost_orders=arrays["lost_orders"],
        returns=arrays["returns"],
        returns_due=arrays["returns_due"],
        known_customers=arrays["known_customers"],
        money=money,
        places=_places(market, money, arrays),
        impressions=arrays["impressions"],
        attribution=Attribution(
            visits=arrays["expected_visits"],
            quality=quality_of(market.media, world),
            sharing=_Shared(
                channels=played.channels,
                organic_traffic=world.organic_traffic,
                window=state.window,
                play=play,
                packed=packed,
            ),
        ),
        ledger=Ledger(
            debt=played.evening["borrowed_orders"],
            **{name: arrays[name] for name in ("bump", "borrowed", "switched", "repaid", "taken")},
        ),
        satisfaction=state.satisfaction,
        delivery_days=arrays["delivery_days"],
        capped=arrays["capped"],
        fx_log=state.outside.fx_log,
        engine="native",
    )


def _places(market: MarketParameters, money: MoneyBridge, arrays: Arrays) -> tuple[PlaceDay, ...]:
    """What each place took; the only one takes everything but media."""
    nothing = _nothing(money.media.shape)
    if len(market.places) == 1:
        terms = {term: getattr(money, term) for term in TERMS}
        return (PlaceDay(orders=arrays["orders"], money=MoneyBridge(**(terms | {"media": nothing}))),)
    booked = [term for term in TERMS if term != "media"]
    return tuple(
        PlaceDay(
            orders=arrays["place_orders"][..., place],
            money=MoneyBridge(
                media=nothing, **{term: arrays["place_money"][..., i, place] for i, term in enumerate(booked)}
            ),
        )
        for place in range(len(market.places))
    )


@lru_cache(maxsize=64)
def _nothing(shape: tuple[int, ...]) -> FloatArray:
    """Zeros that nobody writes to."""
    return np.broadcast_to(0.0, shape)


def _state(day: int, arrays: Arrays, window: FloatArray) -> MarketState:
    outside = OutsideState(
        **{
            name: arrays.pop(name)
            for name in ("fx_log", "competitor_log", "congestion_log", "sentiment", "media_price_log")
        }
    )
    left = Remaining(
        budget_base=arrays.pop("budget_left"),
        region_base=arrays.pop("region_left"),
        channel_base=arrays.pop("channel_left"),
    )
    return MarketState(
        day=day,
        outside=outside,
        remaining=left,
        window=window,
        borrowed=arrays.pop("borrowed_orders"),
        **arrays,
    )
