"""Visits and the funnel: visit -> cart -> order, by lifecycle bucket, as expectations."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, add_up, outer, some
from xbopt.simulator.customers import OrderSplit
from xbopt.simulator.media import MediaDay, per_channel_sum
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.pricing import PriceDay, bounded_exp
from xbopt.simulator.promotion import Ledger, pull_forward
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters, is_certain

# The cart rate of a bucket may not pass this, however good price and mood are. Days on which it binds are counted.
LARGEST_CART_RATE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandDay:
    """Expected demand of a day.

    Attributes:
        visits: ``(B, R, S, L)``.
        carts: ``(B, R, S, L)``.
        orders: ``(B, R, S, L)``.
        people: People by bucket, times the day's demand and turnout ``(B, R, S, L)``.
        split: Who a bucket's orders come from.
        ledger: Where a promotion's extra orders come from.
        capped: Whether a cart rate met its cap ``(B, R, S)``.
    """

    visits: FloatArray
    carts: FloatArray
    orders: FloatArray
    people: FloatArray
    split: OrderSplit
    ledger: Ledger
    capped: FloatArray


def expected_demand(
    market: MarketParameters,
    world: WorldParameters,
    state: MarketState,
    media: MediaDay,
    price: PriceDay,
    late_days: FloatArray,
    shock: FloatArray,
) -> DemandDay:
    """Expected visits, carts and orders of a day.

    Args:
        market: Parameters.
        world: What differs by world.
        state: This morning's state.
        media: What media do today.
        price: Today's prices.
        late_days: Delivery days beyond the accepted ones ``(B, R)``.
        shock: Today's demand shock, mean 1 ``(B, R, S)``; 1 in expected mode.
    """
    demand, kinds, channels, day = market.demand, market.customers, market.media, state.day
    level = market.calendar.demand[day][:, None] * shock * _event_factor(market, world, day)  # (B, R, S)
    turnout: FloatArray = level[..., None]
    if some(market.calendar.deal_share[day]):
        prospect, known = price.turnout_prospect[..., None], price.turnout_known[..., None]
        turnout = np.concatenate([prospect, *([known] * 4)], axis=3) * turnout
    log_mood = outer(state.outside.sentiment[..., None], demand.sentiment_sensitivity) + outer(
        (state.outside.competitor_log + market.shocks.competitor_log[day])[..., None], demand.competitor_elasticity
    )
    mood = bounded_exp(log_mood) * world.conversion
    contentment = np.exp(demand.repurchase_effect * (state.satisfaction - kinds.satisfaction_start))
    readiness = (kinds.conversion * contentment * world.customer_conversion)[..., None]

    living = add_up(state.living, 3)  # (B, R, S, 4)
    visiting = add_up(outer(state.living, kinds.type_visits_per_head[..., None]), 3)
    visiting *= world.organic_traffic[..., None]
    # Who has dropped out behaves like a prospect; his bucket says only what media reach of him.
    strangers = state.customers.copy(order="F")
    strangers[..., 1:] = np.maximum(strangers[..., 1:] - living, 0.0)
    by_stranger = (world.organic_traffic * demand.visits_per_head)[..., None]
    organic = strangers * by_stranger
    quality_organic, quality_people = organic.copy(order="F"), strangers.copy(order="F")
    organic[..., 1:] += visiting
    quality_organic[..., 1:] += visiting * readiness
    quality_people[..., 1:] += living * readiness

    by_media = per_channel_sum(media.visits_per_head, channels.reach)
    by_quality = per_channel_sum(media.visits_per_head * media.quality, channels.reach)
    for (i, j), extra in zip(channels.synergies, media.synergy_per_head, strict=True):
        by_media = by_media + extra
        mean = 0.5 * (media.quality[..., i] + media.quality[..., j])
        by_quality = by_quality + extra * mean[..., None]
    visits = (organic + state.customers * by_media) * turnout
    quality_visits = quality_organic + quality_people * by_quality

    multiplier = np.empty_like(visits)
    multiplier[..., 0] = mood * price.factor_prospect
    multiplier[..., 1:] = (mood * price.factor_known)[..., None]
    multiplier *= turnout * demand.cart_rate[..., None]
    carts_wanted = quality_visits * multiplier
    ceiling = LARGEST_CART_RATE * visits
    full = carts_wanted > ceiling
    capped = np.asarray(full.any(axis=3), dtype=np.float64)
    carts = np.minimum(carts_wanted, ceiling)

    surprise = ((1.0 - demand.surprise_duty) * demand.customer_pays_duty)[:, None]
    in_time = demand.checkout_rate * np.exp(outer(late_days[..., None], np.log1p(-demand.delay_sensitivity)))
    checkout = np.empty_like(visits)
    checkout[..., 0] = in_time * (1.0 - surprise * price.duty_prospect.share_dutiable)
    checkout[..., 1:] = (in_time * (1.0 - surprise * price.duty_known.share_dutiable))[..., None]
    ratio_known = price.factor_price / price.factor_known
    ratio = np.empty_like(visits)
    ratio[..., 0] = price.factor_price / price.factor_prospect
    ratio[..., 1:] = ratio_known[..., None]
    undiscounted: FloatArray = np.minimum(ratio, 1.0)
    if some(full):  # a cart rate at its cap might have met it without a discount as well
        without = np.minimum(carts_wanted * undiscounted, ceiling) / np.where(full, carts, 1.0)
        undiscounted = np.where(full, without, undiscounted)
    ledger, keep = pull_forward(market, state, carts * checkout, undiscounted, price.borrowed_frac, price.still_a_deal)
    carts = carts * keep
    # What no deal would have brought was cut by ``keep``; the rest came for the deal alone.
    by_discount = np.divide(1.0 - np.minimum(ratio[..., :2], 1.0), keep[..., :2], order="F")
    return DemandDay(
        visits=visits,
        carts=carts,
        orders=carts * checkout,
        people=state.customers * turnout,
        split=OrderSplit(
            quality_visits=quality_visits,
            quality_people=quality_people,
            strangers=strangers,
            by_stranger=by_stranger,
            readiness=readiness,
            organic_traffic=world.organic_traffic,
            by_media=by_quality,
            by_discount=by_discount,
        ),
        ledger=ledger,
        capped=capped,
    )


def _event_factor(market: MarketParameters, world: WorldParameters, day: int) -> FloatArray | float:
    """What a world's own event lift makes of the calendar's demand; broadcasts to ``(B, R, S)``."""
    strength = market.calendar.event_strength[day]  # (R,)
    if is_certain(world.event_lift) or not some(strength):
        return 1.0
    usual = 1.0 + strength
    own = np.maximum(1.0 + strength * world.event_lift, 0.0)
    return np.where(usual > 0.0, own / np.where(usual > 0.0, usual, 1.0), 1.0)[..., None]
