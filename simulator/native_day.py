"""The market's day played by the native kernel: arrays in, outcome and next state out."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
from typing_extensions import Buffer

from xbopt.core.arrays import FloatArray, IntArray, worlds_innermost
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import Adjustments
from xbopt.core.decisions.limits import Remaining
from xbopt.core.made_later import made_later, maker_of
from xbopt.simulator.attribution import Attribution
from xbopt.simulator.customers import OrderSplit
from xbopt.simulator.draws import DayDraws, DrawnLater
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
_LEAST_CHUNK = 8  # worlds that are worth a thread, as in threads.h
_OUTSIDE = tuple(own.name for own in fields(OutsideState))
_STANDS = {own.name for own in fields(MarketState)}
_READ_AS_THEY_ARE = {own.name for own in fields(DayOutcome)}


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Where the arrays of a block ``(rows, B)`` lie: shape, offset and strides by name, worlds first and innermost."""

    bytes: int
    worlds: int
    places: dict[str, tuple[tuple[int, ...], int, tuple[int, ...]]]


@lru_cache(maxsize=256)
def _layout(listed: tuple[tuple[str, str], ...], sizes: tuple[tuple[str, int], ...], worlds: int) -> _Layout:
    """The layout of a list of fields by the lengths of their axes."""
    lengths, row = dict(sizes), 8 * worlds
    at, places = 0, dict[str, tuple[tuple[int, ...], int, tuple[int, ...]]]()
    for name, axes in listed:
        shape = tuple(lengths[axis] for axis in axes)
        steps = tuple(row * prod(shape[:axis]) for axis in range(len(shape)))
        places[name] = ((worlds, *shape), at, (8, *steps))
        at += row * prod(shape)
    return _Layout(at, worlds, places)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Arrays in a block, viewed by name."""

    layout: _Layout
    block: memoryview

    def __call__(self, name: str) -> FloatArray:
        """An array of the block."""
        shape, offset, strides = self.layout.places[name]
        return np.ndarray(shape, np.float64, self.block, offset, strides)


@dataclass(frozen=True, slots=True)
class _Played:
    """A day that was played: the next morning, what it brought, and what was asked for besides."""

    evening: _Rows
    outcome: _Rows
    channels: _Rows | None
    details: _Rows | None


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

    channels: list[_Rows]
    organic_traffic: FloatArray
    window: FloatArray
    play: Callable[..., _Played | None]
    packed: PackedMarket

    def visits(self) -> FloatArray:
        """Expected visits by channel ``(B, R, S, C)``."""
        return self._by_channel("channel_visits")

    def orders(self) -> FloatArray:
        """Orders by channel ``(B, R, S, C)``."""
        return self._by_channel("channel_orders")

    def _by_channel(self, name: str) -> FloatArray:
        if not self.channels:
            self.packed.wishes.add("channels")
            found = self._again(detailed=False).channels
            assert found is not None, "what is wished for is written"
            self.channels.append(found)
        return self.channels[0](name)

    def _again(self, *, detailed: bool) -> _Played:
        played = self.play(opened(self.window.copy())[0], detailed=detailed)
        assert played is not None, "a day that was played is feasible"
        return played

    def details(self) -> tuple[OrderSplit, FloatArray]:
        """Who ordered, and contact ``(B, R, S)``."""
        found = self._again(detailed=True).details
        assert found is not None, "what is asked for is written"
        split = OrderSplit(
            quality_visits=found("quality_visits"),
            quality_people=found("quality_people"),
            strangers=found("strangers"),
            by_stranger=found("by_stranger")[..., None],
            readiness=found("readiness")[..., None],
            organic_traffic=self.organic_traffic,
            by_media=found("by_media"),
            by_discount=found("by_discount"),
        )
        return split, found("contact_kept")


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
    packed, worlds = packed_market(module, market), _worlds_of(state)
    limits: FloatArray | None = None
    if adjustments is None:
        if not packed.all_open[state.day] or not _fits(market, state, feasible, worlds):
            return None
        limits, adjustments = packed_limits(market), _nothing_changed(worlds)
    play = partial(_play, module, engine, packed, market, world, state, feasible, draws)
    window, passed_on = opened(state.window)
    played = play(window, limits=limits)
    if played is None:
        given_back(passed_on)
        return None
    brought = _Brought(market, world, state, packed, played, play)
    day = made_later(DayOutcome, brought, decision=feasible, adjustments=adjustments, engine="native")
    return day, made_later(MarketState, _Evening(played.evening), day=state.day + 1, window=passed_on)


def _worlds_of(state: MarketState) -> int:
    """The number of worlds of a state."""
    evening = maker_of(state)
    return evening.rows.layout.worlds if isinstance(evening, _Evening) else len(state.stock)


def _fits(market: MarketParameters, state: MarketState, decision: Decision, worlds: int) -> bool:
    """Whether a decision has the shapes and types that the kernel reads, with what may still be spent."""
    regions, segments, channels, parts = market.shape
    return (
        decision.spend_base.shape == (worlds, regions, segments, channels)
        and decision.daypart_weights.shape == (worlds, regions, channels, parts)
        and decision.discount_frac.shape == decision.mechanic.shape == (worlds, regions, segments)
        and decision.spend_base.dtype == decision.daypart_weights.dtype == decision.discount_frac.dtype == np.float64
        and decision.mechanic.dtype == np.int64
        and (isinstance(maker_of(state), _Evening) or _holds(state.remaining, worlds, regions, channels))
    )


def _holds(left: Remaining, worlds: int, regions: int, channels: int) -> bool:
    """Whether what may still be spent is told world by world."""
    shapes = (left.budget_base.shape, left.region_base.shape, left.channel_base.shape)
    return shapes == ((worlds,), (worlds, regions), (worlds, channels))


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
    worlds = _worlds_of(state)
    none: tuple[tuple[str, str], ...] = ()
    listed = (
        module.STATE_FIELDS,
        module.OUTCOME_FIELDS,
        module.CHANNEL_FIELDS if "channels" in packed.wishes else none,
        module.DETAIL_FIELDS if detailed else none,
    )
    rows = [_room(module, _layout(fields, packed.axes, worlds)) for fields in listed if fields]
    evening, outcome = rows[:2]
    channels = rows[2] if listed[2] else None
    details = rows[-1] if detailed else None
    played = module.play(
        engine.level,
        packed.handle,
        packed_worlds(module, packed, market, world),
        limits,
        _state_arrays(state, evening.layout),
        window,
        _decision_arrays(feasible),
        _draw_arrays(draws, packed.sizes),
        evening.block,
        outcome.block,
        channels and channels.block,
        details and details.block,
        state.day,
        worlds,
        threads() if worlds > _LEAST_CHUNK else 1,
    )
    return _Played(evening, outcome, channels, details) if played else None


def _room(module: ModuleType, layout: _Layout) -> _Rows:
    """Room for arrays, their contents unknown. Its memory goes back to the kernel with the last view of it."""
    return _Rows(layout, memoryview(module.block(layout.bytes)))


def _state_arrays(state: MarketState, layout: _Layout) -> tuple[FloatArray, ...] | Buffer:
    """The morning in the order of the kernel's list; as one block where the kernel left it."""
    evening = maker_of(state)
    if isinstance(evening, _Evening) and evening.rows.layout is layout:
        return evening.rows.block
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


@dataclass(frozen=True, slots=True)
class _Brought:
    """Makes what a day brought, as far as it is read."""

    market: MarketParameters
    world: WorldParameters
    state: MarketState
    packed: PackedMarket
    played: _Played
    play: Callable[..., _Played | None]

    def __call__(self, name: str) -> object:
        """An attribute of ``DayOutcome``."""
        rows = self.played.outcome
        match name:
            case "money":
                return self._money()
            case "places":
                return _places(self.market, self._money(), rows)
            case "attribution":
                return self._attribution()
            case "ledger":
                parts = {name: rows(name) for name in ("bump", "borrowed", "switched", "repaid", "taken")}
                return Ledger(debt=self.played.evening("borrowed_orders"), **parts)
            case "satisfaction":
                return self.state.satisfaction
            case "fx_log":
                return self.state.outside.fx_log
            case _ if name in _READ_AS_THEY_ARE:
                return rows(name)
            case _:
                raise AttributeError(f"DayOutcome has no {name}")

    def _money(self) -> MoneyBridge:
        rows = self.played.outcome
        return MoneyBridge(**{term: rows(_TERM_NAMES.get(term, term)) for term in TERMS})

    def _attribution(self) -> Attribution:
        written = self.played.channels
        return Attribution(
            visits=self.played.outcome("expected_visits"),
            quality=quality_of(self.market.media, self.world),
            sharing=_Shared(
                channels=[] if written is None else [written],
                organic_traffic=self.world.organic_traffic,
                window=self.state.window,
                play=self.play,
                packed=self.packed,
            ),
        )


def _places(market: MarketParameters, money: MoneyBridge, rows: _Rows) -> tuple[PlaceDay, ...]:
    """What each place took; the only one takes everything but media."""
    nothing = _nothing(money.media.shape)
    if len(market.places) == 1:
        terms = {term: getattr(money, term) for term in TERMS}
        return (PlaceDay(orders=rows("orders"), money=MoneyBridge(**(terms | {"media": nothing}))),)
    booked = [term for term in TERMS if term != "media"]
    orders, terms_there = rows("place_orders"), rows("place_money")
    return tuple(
        PlaceDay(
            orders=orders[..., place],
            money=MoneyBridge(media=nothing, **{term: terms_there[..., i, place] for i, term in enumerate(booked)}),
        )
        for place in range(len(market.places))
    )


@lru_cache(maxsize=64)
def _nothing(shape: tuple[int, ...]) -> FloatArray:
    """Zeros that nobody writes to."""
    return np.broadcast_to(0.0, shape)


@dataclass(frozen=True, slots=True)
class _Evening:
    """Makes the next morning, as far as it is read."""

    rows: _Rows

    def __call__(self, name: str) -> object:
        """An attribute of ``MarketState``."""
        rows = self.rows
        match name:
            case "outside":
                return OutsideState(**{name: rows(name) for name in _OUTSIDE})
            case "remaining":
                return Remaining(
                    budget_base=rows("budget_left"), region_base=rows("region_left"), channel_base=rows("channel_left")
                )
            case "borrowed":
                return rows("borrowed_orders")
            case _ if name in _STANDS:
                return rows(name)
            case _:
                raise AttributeError(f"MarketState has no {name}")
