"""The market's day played by the native kernel: arrays in, outcome and next state out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod

import numpy as np

from xbopt.core.arrays import FloatArray, worlds_innermost
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import Adjustments
from xbopt.core.decisions.limits import Remaining
from xbopt.simulator.attribution import Attribution
from xbopt.simulator.customers import OrderSplit
from xbopt.simulator.draws import DayDraws
from xbopt.simulator.kernel.blocks import room
from xbopt.simulator.kernel.engine import Engine, native, threads
from xbopt.simulator.kernel.window import opened, passed_on
from xbopt.simulator.media import quality_of
from xbopt.simulator.money import TERMS, MoneyBridge
from xbopt.simulator.native_parameters import packed_market, packed_worlds
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

    def views(self, block: FloatArray) -> Arrays:
        """The arrays by name, each with its worlds first and innermost in memory."""
        worlds = block.shape[1]
        return {name: block[start:end].reshape(*shape, worlds).T for name, start, end, shape in self.places}


@lru_cache(maxsize=64)
def _layout(listed: tuple[tuple[str, str], ...], sizes: tuple[tuple[str, int], ...]) -> _Layout:
    """The layout of a list of fields by the lengths of their axes."""
    lengths, row, places = dict(sizes), 0, list[tuple[str, int, int, tuple[int, ...]]]()
    for name, axes in listed:
        shape = tuple(lengths[axis] for axis in reversed(axes))
        places.append((name, row, row + prod(shape), shape))
        row += prod(shape)
    return _Layout(rows=row, places=tuple(places))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What came with the day by channel; details are worked out by playing the day again.

    Attributes:
        by_visits, by_orders: By channel ``(B, R, S, C)``.
        organic_traffic: The worlds' own multiplier.
        window: This morning's window of exposures.
        play: Plays the day.
    """

    by_visits: FloatArray
    by_orders: FloatArray
    organic_traffic: FloatArray
    window: FloatArray
    play: Callable[..., tuple[Arrays, Arrays, Arrays]]

    def visits(self) -> FloatArray:
        """Expected visits by channel ``(B, R, S, C)``."""
        return self.by_visits

    def orders(self) -> FloatArray:
        """Orders by channel ``(B, R, S, C)``."""
        return self.by_orders

    def details(self) -> tuple[OrderSplit, FloatArray]:
        """Who ordered, and contact ``(B, R, S)``."""
        _, _, found = self.play(opened(self.window.copy()), detailed=True)
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
    adjustments: Adjustments,
    draws: DayDraws | None,
) -> tuple[DayOutcome, MarketState]:
    """Play a feasible decision; arguments as in ``play_day``."""
    play = partial(_play, engine, market, world, state, feasible, draws)
    window = opened(state.window)
    evening, outcome, _ = play(window)
    day = _outcome(market, world, state, feasible, adjustments, outcome, play)
    return day, _state(state.day + 1, evening, passed_on(window))


def _play(
    engine: Engine,
    market: MarketParameters,
    world: WorldParameters,
    state: MarketState,
    feasible: Decision,
    draws: DayDraws | None,
    window: FloatArray,
    *,
    detailed: bool = False,
) -> tuple[Arrays, Arrays, Arrays]:
    """The next morning, what the day brought, and its details where they are asked for."""
    module = native()
    assert module is not None, "chosen only where it is there"
    packed, worlds = packed_market(module, market), len(state.stock)
    sizes = tuple(packed.sizes.items())
    listed = (module.STATE_FIELDS, module.OUTCOME_FIELDS, module.DETAIL_FIELDS if detailed else ())
    layouts = [_layout(fields, sizes) for fields in listed]
    evening, outcome, details = (room(layout.rows, worlds) for layout in layouts)
    module.play(
        engine.level,
        packed.handle,
        packed_worlds(module, packed, market, world),
        _state_arrays(state),
        window,
        _decision_arrays(feasible),
        () if draws is None else _draw_arrays(draws, packed.sizes),
        evening,
        outcome,
        details if detailed else None,
        state.day,
        worlds,
        threads(),
    )
    return layouts[0].views(evening), layouts[1].views(outcome), layouts[2].views(details)


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


def _decision_arrays(feasible: Decision) -> tuple[FloatArray, ...]:
    return (
        worlds_innermost(feasible.spend_base),
        worlds_innermost(feasible.daypart_weights),
        worlds_innermost(feasible.discount_frac),
        np.asfortranarray(feasible.mechanic, dtype=np.float64),
    )


def _draw_arrays(draws: DayDraws, sizes: dict[str, int]) -> tuple[FloatArray, ...]:
    """The day's random numbers in the order of the kernel's list."""
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
    arrays: Arrays,
    play: Callable[..., tuple[Arrays, Arrays, Arrays]],
) -> DayOutcome:
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
                by_visits=arrays["channel_visits"],
                by_orders=arrays["channel_orders"],
                organic_traffic=world.organic_traffic,
                window=state.window,
                play=play,
            ),
        ),
        ledger=Ledger(**{name: arrays[name] for name in ("bump", "borrowed", "switched", "repaid", "taken", "debt")}),
        satisfaction=state.satisfaction,
        delivery_days=arrays["delivery_days"],
        capped=arrays["capped"],
        fx_log=state.outside.fx_log,
        engine="native",
    )


def _places(market: MarketParameters, money: MoneyBridge, arrays: Arrays) -> tuple[PlaceDay, ...]:
    """What each place took; the only one takes everything but media."""
    nothing = np.zeros_like(money.media)
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
