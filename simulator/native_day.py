"""The market's day played by the native kernel: arrays in, outcome and next state out."""

from functools import lru_cache, partial
from types import ModuleType
from typing import Any

import numpy as np
from typing_extensions import Buffer

from xbopt.core.arrays import FloatArray, IntArray, worlds_innermost
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import Adjustments
from xbopt.core.decisions.limits import Remaining
from xbopt.core.made_later import made_later, maker_of
from xbopt.simulator.draws import DayDraws, DrawnLater
from xbopt.simulator.kernel.engine import Engine, native, threads
from xbopt.simulator.kernel.window import given_back, opened
from xbopt.simulator.native_parameters import PackedMarket, packed_limits, packed_market, packed_worlds
from xbopt.simulator.native_results import Brought, Evening, Layout, Played, layout_of, room_for
from xbopt.simulator.outcome import DayOutcome
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters

_LEAST_CHUNK = 8  # worlds that are worth a thread, as in threads.h


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
    brought = Brought(market, world, state, packed, played, play)
    day = made_later(DayOutcome, brought, decision=feasible, adjustments=adjustments, engine="native")
    return day, made_later(MarketState, Evening(played.evening), day=state.day + 1, window=passed_on)


def _worlds_of(state: MarketState) -> int:
    """The number of worlds of a state."""
    evening = maker_of(state)
    return evening.rows.layout.worlds if isinstance(evening, Evening) else len(state.stock)


def _fits(market: MarketParameters, state: MarketState, decision: Decision, worlds: int) -> bool:
    """Whether a decision has the shapes and types that the kernel reads, with what may still be spent."""
    regions, segments, channels, parts = market.shape
    return (
        decision.spend_base.shape == (worlds, regions, segments, channels)
        and decision.daypart_weights.shape == (worlds, regions, channels, parts)
        and decision.discount_frac.shape == decision.mechanic.shape == (worlds, regions, segments)
        and decision.spend_base.dtype == decision.daypart_weights.dtype == decision.discount_frac.dtype == np.float64
        and decision.mechanic.dtype == np.int64
        and (isinstance(maker_of(state), Evening) or _holds(state.remaining, worlds, regions, channels))
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
) -> Played | None:
    """Play the day, with what is asked for besides; None where the decision does not keep the limits."""
    worlds = _worlds_of(state)
    none: tuple[tuple[str, str], ...] = ()
    listed = (
        module.STATE_FIELDS,
        module.OUTCOME_FIELDS,
        module.CHANNEL_FIELDS if "channels" in packed.wishes else none,
        module.DETAIL_FIELDS if detailed else none,
    )
    rows = [room_for(module, layout_of(fields, packed.axes, worlds)) for fields in listed if fields]
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
    return Played(evening, outcome, channels, details) if played else None


def _state_arrays(state: MarketState, layout: Layout) -> tuple[FloatArray, ...] | Buffer:
    """The morning in the order of the kernel's list; as one block where the kernel left it."""
    evening = maker_of(state)
    if isinstance(evening, Evening) and evening.rows.layout is layout:
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
