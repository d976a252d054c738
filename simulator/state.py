"""Where the market stands: everything that a day leaves behind for the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from xbopt.core.arrays import FloatArray, check_shape, worlds_innermost
from xbopt.core.decisions.limits import Remaining
from xbopt.core.made_later import MadeLater
from xbopt.simulator.parameters import MarketParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideState:
    """The world outside on the coming day: deviations from the first-day or usual level.

    Attributes:
        fx_log: Log rate against its first-day level ``(B, K)``.
        competitor_log: Log price index of competitors without dated price wars ``(B, R)``.
        congestion_log: Log of delivery time against its usual level ``(B, R)``.
        sentiment: Index ``(B, R)``.
        media_price_log: Log price of reach against its season ``(B, R)``.
    """

    fx_log: FloatArray
    competitor_log: FloatArray
    congestion_log: FloatArray
    sentiment: FloatArray
    media_price_log: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketState(MadeLater):
    """Where the market stands before a day is played.

    Attributes:
        day: The day to be played, from 0.
        outside: The world outside.
        customers: People by lifecycle bucket ``(B, R, S, L)``, as the seller sees them.
        living: Those of new, active, at risk and lapsed who have not dropped out, by type ``(B, R, S, K, 4)``.
        carried: Carried-over exposure a head ``(B, R, S, C)``.
        window: Earlier exposures of channels with windowed carry-over ``(N-1, B, R, S, W)``.
        frequency: Remembered shares of the media ceiling, the memory behind fatigue ``(B, R, S, C)``.
        reference_log: Remembered log landed price against the usual one ``(B, R, S)``.
        remembered_deal: Remembered discount as people see it, in eight stages, 0..1 ``(B, R, S, 8)``; the
            sixth is what has become the price.
        borrowed: Orders that promotions brought forward and that are still to be paid back ``(B, R, S)``.
        satisfaction: 0..1 ``(B, R, S)``.
        stock: Orders that the stock can fill ``(B, R)``; infinite where unlimited.
        on_order: Stock under way by days to arrival ``(B, R, N)``.
        usual_demand: Smoothed demand in orders a day, for replenishment ``(B, R)``.
        in_transit: Orders not yet delivered ``(B, R, S)``.
        returning: Delivered orders that will come back ``(B, R, S)``.
        remaining: What may still be spent.
    """

    day: int
    outside: OutsideState
    customers: FloatArray
    living: FloatArray
    carried: FloatArray
    window: FloatArray
    frequency: FloatArray
    reference_log: FloatArray
    remembered_deal: FloatArray
    borrowed: FloatArray
    satisfaction: FloatArray
    stock: FloatArray
    on_order: FloatArray
    usual_demand: FloatArray
    in_transit: FloatArray
    returning: FloatArray
    remaining: Remaining


def blank_state(market: MarketParameters, worlds: int) -> MarketState:
    """A first morning that nothing went before, the same in all ``worlds``: no media, no deals, no parcels."""
    regions, segments, channels, _ = market.shape
    cells = (worlds, regions, segments)
    fulfilment, bank = market.fulfilment, market.media.adstock
    lead = np.array(fulfilment.lead_days, dtype=np.float64)
    usual = np.where(np.array(fulfilment.limited), fulfilment.initial_orders / (lead + fulfilment.cover_days), 0.0)

    def zeros(*shape: int) -> FloatArray:
        return np.zeros(shape, order="F")

    return MarketState(
        day=0,
        outside=OutsideState(
            fx_log=worlds_innermost(np.tile(market.shocks.fx_log[0], (worlds, 1))),
            competitor_log=zeros(worlds, regions),
            congestion_log=zeros(worlds, regions),
            sentiment=worlds_innermost(
                np.tile(market.outside.sentiment_start + market.shocks.sentiment[0], (worlds, 1))
            ),
            media_price_log=zeros(worlds, regions),
        ),
        customers=worlds_innermost(np.tile(market.scenario.customers, (worlds, 1, 1, 1))),
        living=worlds_innermost(np.tile(market.customers.first_living, (worlds, 1, 1, 1, 1))),
        carried=zeros(*cells, channels),
        window=np.zeros((max(bank.window_days - 1, 0), len(bank.windowed), segments, regions, worlds)).transpose(
            0, 4, 3, 2, 1
        ),
        frequency=zeros(*cells, channels),
        reference_log=zeros(*cells),
        remembered_deal=zeros(*cells, 8),
        borrowed=zeros(*cells),
        satisfaction=worlds_innermost(np.tile(market.customers.satisfaction_start, (worlds, regions, 1))),
        stock=worlds_innermost(np.tile(fulfilment.initial_orders, (worlds, 1))),
        on_order=zeros(worlds, regions, max(fulfilment.lead_days)),
        usual_demand=worlds_innermost(np.tile(usual, (worlds, 1))),
        in_transit=zeros(*cells),
        returning=zeros(*cells),
        remaining=Remaining.at_start(market.scenario.limits, worlds),
    )


def repeat_state(state: MarketState, worlds: int) -> MarketState:
    """One world's state, ``worlds`` times over.

    Raises:
        DecisionError: The state holds more than one world.
    """
    check_shape("stock", state.stock, (1, None), "B, R")
    return _each_array(lambda arrays, axis: np.repeat(arrays[0], worlds, axis=axis), [state])


def join_states(states: list[MarketState]) -> MarketState:
    """The worlds of several states of the same day as one batch, in order."""
    assert len({state.day for state in states}) == 1, "states of different days cannot be one batch"
    return states[0] if len(states) == 1 else _each_array(np.concatenate, states)


def _each_array(change: Callable[[list[FloatArray], int], FloatArray], states: list[MarketState]) -> MarketState:
    """Apply a change to every array of some states, nested ones too; worlds stay innermost in memory."""
    first = states[0]
    plain = {
        field.name: change([getattr(state, field.name) for state in states], 0)
        for field in fields(MarketState)
        if field.name not in ("day", "outside", "window", "remaining")
    }
    # The window of earlier exposures carries its lags before its worlds.
    window = change([state.window for state in states], 1)
    return MarketState(
        day=first.day,
        outside=OutsideState(**_changed(change, [state.outside for state in states])),
        remaining=Remaining(**_changed(change, [state.remaining for state in states])),
        window=np.ascontiguousarray(window.transpose(0, 4, 3, 2, 1)).transpose(0, 4, 3, 2, 1),
        **{name: worlds_innermost(array) for name, array in plain.items()},
    )


def _changed(
    change: Callable[[list[FloatArray], int], FloatArray], parts: Sequence[OutsideState | Remaining]
) -> dict[str, FloatArray]:
    return {
        field.name: worlds_innermost(change([getattr(part, field.name) for part in parts], 0))
        for field in fields(parts[0])
    }
