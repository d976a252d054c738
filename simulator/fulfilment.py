"""Delivery, stock and returns."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, add_up
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters, is_certain

_MOST_RETURNS = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """Orders after stock has had its say.

    Attributes:
        orders: Orders that are shipped ``(B, R, S, L)``.
        lost: Orders lost for want of stock ``(B, R, S)``.
        lost_share: Share of a region's demand that was lost ``(B, R)``.
        stock: Stock tonight ``(B, R)``.
        on_order: Stock under way tonight ``(B, R, N)``.
        usual_demand: Smoothed demand ``(B, R)``.
    """

    orders: FloatArray
    lost: FloatArray
    lost_share: FloatArray
    stock: FloatArray
    on_order: FloatArray
    usual_demand: FloatArray


def delivery_days(market: MarketParameters, world: WorldParameters, state: MarketState) -> FloatArray:
    """Days from order to door ``(B, R)``: usual days times congestion, plus the delay of a dated shock."""
    usual = market.fulfilment.usual_days * world.delivery_days
    return usual * np.exp(state.outside.congestion_log) + market.shocks.delay_days[state.day]


def fill_orders(market: MarketParameters, state: MarketState, demand: FloatArray, *, whole: bool) -> Filled:
    """Ship what the stock allows, and reorder up to the target.

    When a region's demand exceeds its stock, all its cells are served in the same proportion; with ``whole`` the
    shipped counts are whole orders that use up the whole stock. The target is demand over lead time and cover days;
    what is missing to it is ordered every day and arrives after the lead time. What is due on a day of a dated delay
    waits for the end of the delay.

    Args:
        market: Parameters.
        state: This morning's state.
        demand: Orders wanted ``(B, R, S, L)``.
        whole: Whether orders are counts (sampled mode) or expectations.
    """
    p = market.fulfilment
    by_cell = add_up(demand, 3)
    wanted = add_up(by_cell, 2)
    if not any(p.limited):
        none = np.zeros_like(wanted)
        return Filled(
            orders=demand,
            lost=np.zeros_like(by_cell),
            lost_share=none,
            stock=state.stock,
            on_order=state.on_order,
            usual_demand=state.usual_demand,
        )
    short = wanted > state.stock
    share = np.where(short, state.stock / np.where(short, wanted, 1.0), 1.0)
    orders = demand * share[:, :, None, None]
    if whole and bool(short.any()):
        orders = np.where(short[:, :, None, None], _whole_orders(market, demand, state.stock, wanted), demand)
    shipped = add_up(orders, 2, 3)
    lost = by_cell - add_up(orders, 3)

    limited = np.array(p.limited)
    usual = np.where(limited, state.usual_demand + (wanted - state.usual_demand) * 0.1, 0.0)
    delayed = market.shocks.delay_days[state.day] > 0.0
    arriving = np.where(delayed, 0.0, state.on_order[..., 0])
    held_back = np.where(delayed, state.on_order[..., 0], 0.0)
    under_way = np.zeros_like(state.on_order)
    under_way[..., :-1] = state.on_order[..., 1:]
    under_way[..., 0] += held_back
    stock = np.where(limited, np.maximum(state.stock - shipped, 0.0) + arriving, state.stock)
    target = usual * (np.array(p.lead_days) + p.cover_days)
    missing = np.where(limited, np.maximum(target - np.where(limited, stock, 0.0) - add_up(under_way, 2), 0.0), 0.0)
    for region, lead in enumerate(p.lead_days):
        under_way[:, region, lead - 1] += missing[:, region]
    return Filled(
        orders=orders,
        lost=lost,
        lost_share=(wanted - shipped) / np.where(wanted > 0.0, wanted, 1.0),
        stock=stock,
        on_order=under_way,
        usual_demand=usual,
    )


def _whole_orders(market: MarketParameters, demand: FloatArray, stock: FloatArray, wanted: FloatArray) -> FloatArray:
    """Share a short stock out in whole orders ``(B, R, S, L)``, each within 1 of its proportional part.

    Running totals are rounded, and their steps are the orders: rounding each cell down would leave a stock that is
    small against the number of cells unsold for ever. Segments are taken in the order of their ids, so that the order
    in the scenario file plays no part.
    """
    by_id = np.argsort(np.array(market.scenario.segments))
    ordered = demand[:, :, by_id].reshape(*demand.shape[:2], -1)
    units = np.where(np.isfinite(stock), np.floor(stock), 0.0)
    running = np.cumsum(ordered, axis=2) * (units / np.where(wanted > 0.0, wanted, 1.0))[..., None]
    # Rounding errors must not lift the last total above the stock.
    steps = np.minimum(np.floor(running + 0.5), units[..., None])
    shared = np.diff(steps, axis=2, prepend=0.0)
    orders = np.empty_like(demand)
    orders[:, :, by_id] = shared.reshape(demand.shape)
    return np.minimum(orders, demand)


def return_rate(market: MarketParameters, world: WorldParameters) -> FloatArray:
    """Share of orders that come back ``(R, S)``, or ``(B, R, S)`` where worlds differ."""
    own = world.return_rate
    return market.orders.return_rate if is_certain(own) else np.minimum(market.orders.return_rate * own, _MOST_RETURNS)


def next_parcels(
    market: MarketParameters,
    state: MarketState,
    orders: FloatArray,
    returned: FloatArray,
    days: FloatArray,
    rate: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Parcels in transit and deliveries that will come back, tonight ``(B, R, S)`` each.

    Both queues empty at a constant daily rate, the inverse of the mean delay (at least a day).

    Args:
        market: Parameters.
        state: This morning's state.
        orders: Orders shipped today ``(B, R, S)``.
        returned: Returns that arrived today ``(B, R, S)``.
        days: Delivery days ``(B, R)``.
        rate: Share of orders that come back, from ``return_rate``; the scenario's where left out.
    """
    delivered = state.in_transit / np.maximum(days, 1.0)[..., None]
    in_transit = state.in_transit - delivered + orders
    returning = state.returning - returned + delivered * (market.orders.return_rate if rate is None else rate)
    return in_transit, np.maximum(returning, 0.0)


def expected_returns(market: MarketParameters, state: MarketState) -> FloatArray:
    """Returns that arrive today, in expectation ``(B, R, S)``."""
    return state.returning / np.maximum(market.orders.return_days, 1.0)
