"""What the native kernel leaves behind: blocks of memory, whose arrays are made when somebody reads them."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from math import prod
from types import ModuleType

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.limits import Remaining
from xbopt.simulator.attribution import Attribution
from xbopt.simulator.customers import OrderSplit
from xbopt.simulator.kernel.window import opened
from xbopt.simulator.media import quality_of
from xbopt.simulator.money import TERMS, MoneyBridge
from xbopt.simulator.native_parameters import PackedMarket
from xbopt.simulator.outcome import DayOutcome
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.places import PlaceDay
from xbopt.simulator.promotion import Ledger
from xbopt.simulator.state import MarketState, OutsideState
from xbopt.simulator.worlds import WorldParameters

# The kernel's names of the terms of a bridge, where they are others.
_TERM_NAMES = {"discount": "given_discount", "returns": "refunds", "media": "media_spend"}
_OUTSIDE = tuple(own.name for own in fields(OutsideState))
_STANDS = {own.name for own in fields(MarketState)}
_READ_AS_THEY_ARE = {own.name for own in fields(DayOutcome)}


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the arrays of a block ``(rows, B)`` lie: shape, offset and strides by name, worlds first and innermost."""

    bytes: int
    worlds: int
    places: dict[str, tuple[tuple[int, ...], int, tuple[int, ...]]]


@lru_cache(maxsize=256)
def layout_of(listed: tuple[tuple[str, str], ...], sizes: tuple[tuple[str, int], ...], worlds: int) -> Layout:
    """The layout of a list of fields by the lengths of their axes."""
    lengths, row = dict(sizes), 8 * worlds
    at, places = 0, dict[str, tuple[tuple[int, ...], int, tuple[int, ...]]]()
    for name, axes in listed:
        shape = tuple(lengths[axis] for axis in axes)
        steps = tuple(row * prod(shape[:axis]) for axis in range(len(shape)))
        places[name] = ((worlds, *shape), at, (8, *steps))
        at += row * prod(shape)
    return Layout(at, worlds, places)


@dataclass(frozen=True, slots=True)
class Rows:
    """Arrays in a block, viewed by name."""

    layout: Layout
    block: memoryview

    def __call__(self, name: str) -> FloatArray:
        """An array of the block."""
        shape, offset, strides = self.layout.places[name]
        return np.ndarray(shape, np.float64, self.block, offset, strides)


@dataclass(frozen=True, slots=True)
class Played:
    """A day that was played: the next morning, what it brought, and what was asked for besides."""

    evening: Rows
    outcome: Rows
    channels: Rows | None
    details: Rows | None


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

    channels: list[Rows]
    organic_traffic: FloatArray
    window: FloatArray
    play: Callable[..., Played | None]
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

    def _again(self, *, detailed: bool) -> Played:
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


def room_for(module: ModuleType, layout: Layout) -> Rows:
    """Room for arrays, their contents unknown. Its memory goes back to the kernel with the last view of it."""
    return Rows(layout, memoryview(module.block(layout.bytes)))


@dataclass(frozen=True, slots=True)
class Brought:
    """Makes what a day brought, as far as it is read."""

    market: MarketParameters
    world: WorldParameters
    state: MarketState
    packed: PackedMarket
    played: Played
    play: Callable[..., Played | None]

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


def _places(market: MarketParameters, money: MoneyBridge, rows: Rows) -> tuple[PlaceDay, ...]:
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
class Evening:
    """Makes the next morning, as far as it is read."""

    rows: Rows

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
