"""Long-run response to steady spend: what a channel brings when the same amount is spent every day."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.simulator.demand import LARGEST_CART_RATE
from xbopt.simulator.media import money_at_reference_price
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.pricing import Duty, bounded_exp, order_duty, usual_log_ratio
from xbopt.simulator.worlds import WorldParameters, average_world


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyResponse:
    """What a day of steady spend brings ``(..., R, S, C)``: visits, orders and margin before media."""

    visits: FloatArray
    orders: FloatArray
    margin_base: FloatArray


def order_margin(market: MarketParameters) -> FloatArray:
    """Margin of an average order before media ``(R, S)``, base currency: list price, first-day rules and rates."""
    orders, rules = market.orders, market.rules
    tax = rules.tax_frac[0][:, None]
    net = orders.price_base * (1.0 - orders.return_rate) + orders.charged_base[:, None]
    paid = (orders.price_base + orders.charged_base[:, None]) * (1.0 + tax)
    seller_pays = (1.0 - market.demand.customer_pays_duty)[:, None]
    return (
        net * (1.0 - orders.platform_frac[:, None])
        - orders.cost_base * (1.0 - orders.return_rate * orders.resale_frac[:, None])
        - orders.shipping_base[:, None]
        - seller_pays * _first_duty(market).amount_base[0] * (1.0 + tax)
        - orders.payment_frac[:, None] * paid
        - orders.payment_fixed_base[:, None]
        - orders.handling_base[:, None] * orders.return_rate
    )


def usual_order_rate(market: MarketParameters) -> FloatArray:
    """Orders per organic visit of a prospect and of a customer ``(R, S, 2)`` on the first day's terms.

    List prices, first-day rules and rates, usual delivery, neutral satisfaction, sentiment where it starts.
    """
    demand = market.demand
    late = np.maximum(market.fulfilment.usual_days - market.fulfilment.accepted_days, 0.0)[:, None]
    surprised = ((1.0 - demand.surprise_duty) * demand.customer_pays_duty)[:, None]
    checkout = demand.checkout_rate * (1.0 - demand.delay_sensitivity) ** late
    checkout = checkout * (1.0 - surprised * _first_duty(market).share_dutiable[0])
    price = bounded_exp(demand.elasticity * usual_log_ratio(market, average_world())[0])
    mood = np.exp(demand.sentiment_sensitivity * market.outside.sentiment_start[:, None])
    carts = demand.cart_rate * price * mood
    carts = np.minimum(np.stack([carts, carts * market.customers.conversion], axis=2), LARGEST_CART_RATE)
    return carts * checkout[..., None]


def _first_duty(market: MarketParameters) -> Duty:
    rates = np.ones((1, market.outside.fx_sd.size))
    return order_duty(market, market.orders.price_base[None], rates, 0)


def steady_response(market: MarketParameters, world: WorldParameters, spend_base: FloatArray) -> SteadyResponse:
    """Response to the same spend every day, once carry-over and fatigue have settled.

    First-day customers, an average day of the calendar, list prices, no synergy: a channel's own curve, as planners
    draw it. Normalised carry-over passes a steady exposure on unchanged. It reaches a share ``x`` of the ceiling,
    whose memory settles at ``x/(1 - rho)``, so the day's effective share is ``G(x/(1-rho)) - G(rho x/(1-rho))``.

    Args:
        market: Parameters.
        world: What differs by world; one world, or as many as ``spend_base`` has.
        spend_base: Spend a day ``(..., R, S, C)``.
    """
    media, people = market.media, market.scenario.customers
    living = market.customers.first_living.sum(axis=2)
    visits_per_head = steady_visits_per_head(market, world, spend_base)
    order_rate = usual_order_rate(market) * world.conversion[..., None]
    by_bucket = people * order_rate[..., :1]
    by_bucket[..., 1:] += living * (order_rate[..., 1:] - order_rate[..., :1])
    audience = np.einsum("...rsl,cl->...rsc", np.broadcast_to(people, by_bucket.shape), media.reach)
    ordering = np.einsum("...rsl,cl->...rsc", by_bucket, media.reach)
    visits = visits_per_head * audience
    orders = visits_per_head * ordering * media.quality
    margin = orders * (order_margin(market) * world.order_value)[..., None]
    return SteadyResponse(visits=visits, orders=orders, margin_base=margin)


def steady_visits_per_head(market: MarketParameters, world: WorldParameters, spend_base: FloatArray) -> FloatArray:
    """Visits a reachable head and average day that the same spend every day brings ``(..., R, S, C)``.

    Arguments as in ``steady_response``.
    """
    media, people = market.media, market.scenario.customers
    heads = np.maximum(np.einsum("rsl,cl->rsc", people, media.reach), 1.0)
    season = market.calendar.cpm.mean(axis=0)
    level = market.calendar.demand.mean(axis=0)
    per_impression = media.price_base / 1000.0 * season[:, None]
    bought = money_at_reference_price(media, spend_base)
    exposure = bought / (per_impression[:, None, :] * world.media_price) / heads
    reached = media.saturation.reached(exposure / (media.saturation.half * world.half_saturation))
    settled = reached / (1.0 - media.fatigue.retention)
    share = media.fatigue.effective(media.fatigue.remembered(settled), reached)
    return share * media.ceiling * world.media_response * world.half_saturation * level[:, None, None]
