"""Long-run response to steady spend: what a channel brings when the same amount is spent every day."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, add_up
from xbopt.simulator.demand import LARGEST_CART_RATE
from xbopt.simulator.levies import Duty, goods_tax, order_duty
from xbopt.simulator.media import bid_up_of, money_at_reference_price, per_bucket_sum, quality_of
from xbopt.simulator.once import once_a_market
from xbopt.simulator.parameters import MarketParameters, PlaceParameters
from xbopt.simulator.pricing import bounded_exp, usual_log_ratio
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters, average_world


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyResponse:
    """What a day of steady spend brings ``(..., R, S, C)``: visits, orders and margin before media."""

    visits: FloatArray
    orders: FloatArray
    margin_base: FloatArray


def order_margin(market: MarketParameters) -> FloatArray:
    """Margin of an average organic order before media ``(R, S)``, base currency, over the places that take them.

    List price, first-day rules and rates.
    """
    margins = place_margins(market)
    return sum(
        (place.organic_frac * margin for place, margin in zip(market.places[1:], margins[1:], strict=True)),
        market.places[0].organic_frac * margins[0],
    )


def place_margins(market: MarketParameters) -> list[FloatArray]:
    """Margin of an order before media by place of sale ``(R, S)`` each: list price, first-day rules and rates."""
    return [_margin_at(market, place) for place in market.places]


@once_a_market
def channel_margins(market: MarketParameters) -> FloatArray:
    """Margin of an order that a channel brings, before media ``(R, S, C)``: that of its place of sale. Read-only."""
    margins = np.empty((*market.shape[:2], market.shape[2]))
    for place, margin in zip(market.places, place_margins(market), strict=True):
        margins[..., list(place.channels)] = margin[..., None]
    margins.flags.writeable = False
    return margins


def channel_baskets(market: MarketParameters) -> FloatArray:
    """Multiplier on the value of orders that a channel brings ``(C,)``: that of its place of sale."""
    baskets = np.ones(market.shape[2])
    for place in market.places:
        baskets[list(place.channels)] = place.basket
    return baskets


def _margin_at(market: MarketParameters, place: PlaceParameters) -> FloatArray:
    orders, rules = market.orders, market.rules
    price = orders.price_base * place.basket
    charged = orders.charged_base[:, None]
    tax = goods_tax(market, price[None], np.ones((1, market.outside.fx_sd.size)), 0)
    tax = np.broadcast_to(tax, (1, *price.shape))[0]
    kept = charged * (1.0 - rules.refunds_shipping[0][:, None] * orders.return_rate)
    net = price * (1.0 - orders.return_rate) + kept
    paid = (price + charged) * (1.0 + tax)
    seller_pays = (1.0 - market.demand.customer_pays_duty)[:, None]
    return (
        net * (1.0 - place.platform_frac[:, None] * (1.0 + place.fee_on_gross[:, None] * tax))
        - place.platform_fixed_base[:, None]
        - orders.cost_base * place.basket * (1.0 - orders.return_rate * orders.resale_frac[:, None])
        - orders.shipping_base[:, None]
        - seller_pays * _first_duty(market, place.basket).with_tax_base[0]
        - place.payment_frac[:, None] * paid
        - place.payment_fixed_base[:, None]
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
    price = bounded_exp(demand.landed_elasticity * usual_log_ratio(market, average_world())[0])
    mood = np.exp(demand.sentiment_sensitivity * market.outside.sentiment_start[:, None])
    carts = demand.cart_rate * price * mood
    carts = np.minimum(np.stack([carts, carts * market.customers.conversion], axis=2), LARGEST_CART_RATE)
    return carts * checkout[..., None]


def _first_duty(market: MarketParameters, basket: float = 1.0) -> Duty:
    rates = np.ones((1, market.outside.fx_sd.size))
    return order_duty(market, market.orders.price_base[None] * basket, rates, 0)


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
    by_bucket = ready_people(market, people, living) * world.conversion[..., None]
    audience = np.einsum("...rsl,cl->...rsc", np.broadcast_to(people, by_bucket.shape), media.reach)
    ordering = np.einsum("...rsl,cl->...rsc", by_bucket, media.reach)
    visits = visits_per_head * audience
    orders = visits_per_head * ordering * quality_of(media, world)
    margin = orders * channel_margins(market) * world.order_value[..., None]
    return SteadyResponse(visits=visits, orders=orders, margin_base=margin)


def ready_people(market: MarketParameters, people: FloatArray, living: FloatArray) -> FloatArray:
    """Orders that a visit of everybody in a bucket would bring on the first day's terms ``(..., R, S, L)``.

    Args:
        market: Parameters.
        people: People by bucket ``(..., R, S, L)``.
        living: Customers who have not dropped out, by known bucket ``(..., R, S, 4)``; the others order as prospects.
    """
    rate = usual_order_rate(market)
    ready = people * rate[..., :1]
    ready[..., 1:] += living * (rate[..., 1:] - rate[..., :1])
    return ready


def audience(market: MarketParameters, state: MarketState) -> FloatArray:
    """Orders that a visit of each whom a channel reaches would bring ``(B, R, S, C)``."""
    return per_bucket_sum(ready_people(market, state.customers, add_up(state.living, 3)), market.media.reach)


def steady_visits_per_head(market: MarketParameters, world: WorldParameters, spend_base: FloatArray) -> FloatArray:
    """Visits a reachable head and average day that the same spend every day brings ``(..., R, S, C)``.

    Arguments as in ``steady_response``.
    """
    media, people = market.media, market.scenario.customers
    heads = np.maximum(np.einsum("rsl,cl->rsc", people, media.reach), 1.0)
    season = market.calendar.cpm.mean(axis=0)
    level = market.calendar.demand_at_list_price.mean(axis=0)
    per_impression = media.price_base / 1000.0 * season[:, None]
    bought = money_at_reference_price(media, spend_base, bid_up_of(media, world))
    exposure = bought / (per_impression[:, None, :] * world.media_price) / heads
    reached = media.saturation.reached(exposure / (media.saturation.half * world.half_saturation))
    settled = reached / (1.0 - media.fatigue.retention)
    share = media.fatigue.tolerating(world.fatigue).effective(media.fatigue.remembered(settled), reached)
    return share * media.ceiling * world.media_response * world.half_saturation * level[:, None, None]
