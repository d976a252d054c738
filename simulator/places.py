"""Places of sale: which of a cell's orders are taken where, on whose terms, and what each place earns."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray, worlds_innermost
from xbopt.simulator.demand import DemandDay
from xbopt.simulator.media import MediaDay, per_channel_sum
from xbopt.simulator.money import MoneyBridge, book_money
from xbopt.simulator.offers import duty_and_tax
from xbopt.simulator.parameters import MarketParameters, PlaceParameters
from xbopt.simulator.pricing import PriceDay
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceDay:
    """What a place took on a day: orders by bucket ``(B, R, S, L)``, and their money with media left out."""

    orders: FloatArray
    money: MoneyBridge


def book_places(
    market: MarketParameters,
    world: WorldParameters,
    state: MarketState,
    price: PriceDay,
    orders: tuple[FloatArray, ...],
    noise: FloatArray | float,
    spend_base: FloatArray,
) -> tuple[MoneyBridge, tuple[PlaceDay, ...]]:
    """Book a day at every place, each with its own fees and order value, and media once.

    Money is linear in orders, so booking the expected share of a cell's orders at each place is exact in expectation,
    and the sum of the bridges is a bridge.

    Args:
        market: Parameters.
        world: What differs by world.
        state: This morning's state.
        price: Today's prices, as in the own shop.
        orders: Shipped orders by place ``(B, R, S, L)`` each, from ``share_orders``.
        noise: Chance on order values ``(B, R, S)``.
        spend_base: Media spend ``(B, R, S)``.

    Returns:
        The day's bridge, and the places' parts of it.
    """
    nothing = np.zeros_like(spend_base)
    days: list[PlaceDay] = []
    for place, taken in zip(market.places, orders, strict=True):
        there = price if place.basket == 1.0 else _price_at(market, world, state, price, place)
        money = book_money(market, world, state, there, taken, there.basket * noise, nothing, place)
        days.append(PlaceDay(orders=taken, money=money))
    total = days[0].money
    for day in days[1:]:
        total = total + day.money
    return replace(total, media=-spend_base), tuple(days)


def share_orders(
    market: MarketParameters, media: MediaDay, demand: DemandDay, orders: FloatArray
) -> tuple[FloatArray, ...]:
    """Share a cell's orders among the places ``(B, R, S, L)`` each, in proportion to expected orders.

    A channel's orders are taken at its place, synergy half and half; organic orders where ``organic_frac`` says.
    """
    if len(market.places) == 1:
        return (orders,)
    channels, by_channels = market.media, list[FloatArray]()
    for place in market.places:
        here = np.zeros(market.shape[2])
        here[list(place.channels)] = 1.0
        quality = per_channel_sum(media.visits_per_head * (media.quality * here), channels.reach)
        for (i, j), extra in zip(channels.synergies, media.synergy_per_head, strict=True):
            half = 0.25 * (media.quality[..., i] + media.quality[..., j])
            quality = quality + extra * (half * (here[i] + here[j]))[..., None]
        by_channels.append(quality * demand.split.quality_people)
    visits = demand.split.quality_visits
    # Of a bucket that nobody visits organically the difference is rounding, which may be below zero.
    organic = np.maximum(visits - sum(by_channels[1:], by_channels[0]), 0.0)
    per_quality = orders / np.where(visits > 0.0, visits, 1.0)
    elsewhere = [
        np.minimum((quality + place.organic_frac * organic) * per_quality, orders)
        for place, quality in zip(market.places[1:], by_channels[1:], strict=True)
    ]
    return (np.maximum(orders - sum(elsewhere[1:], elsewhere[0]), 0.0), *elsewhere)


def _price_at(
    market: MarketParameters, world: WorldParameters, state: MarketState, price: PriceDay, place: PlaceParameters
) -> PriceDay:
    """Prices where orders have another value: duty and tax depend on it. Customers compare goods, not baskets."""
    fx = np.exp(state.outside.fx_log)
    basket = price.basket * place.basket
    region_fx = worlds_innermost(fx[:, list(market.outside.region_currency)])
    seller_fx = (region_fx ** (1.0 - market.orders.pass_through))[..., None]
    value = market.orders.price_base * world.order_value * basket * seller_fx
    known, tax_known = duty_and_tax(market, value, price.offer_known, fx, state.day)
    prospect, tax_prospect = known, tax_known
    if price.offer_prospect is not price.offer_known:
        prospect, tax_prospect = duty_and_tax(market, value, price.offer_prospect, fx, state.day)
    return replace(
        price,
        basket=basket,
        duty_known=known,
        duty_prospect=prospect,
        tax_known=tax_known,
        tax_prospect=tax_prospect,
    )
