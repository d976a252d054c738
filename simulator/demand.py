"""Visits and the funnel: visit -> cart -> order, by lifecycle bucket, as expectations."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, outer
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
        quality_per_head: Visits a head, weighted by conversion relative to organic ones ``(B, R, S, L)``.
        people: People by bucket, times the day's demand ``(B, R, S, L)``.
        ledger: Where a promotion's extra orders come from.
        capped: Whether a cart rate met its cap ``(B, R, S)``.
    """

    visits: FloatArray
    carts: FloatArray
    orders: FloatArray
    quality_per_head: FloatArray
    people: FloatArray
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
    demand, channels, day = market.demand, market.media, state.day
    level = market.calendar.demand[day][:, None] * shock * _event_factor(market, world, day)  # (B, R, S)
    people = state.customers * level[..., None]
    if market.calendar.deal_share[day].any():
        people[..., 0] *= price.turnout_prospect
        people[..., 1:] *= price.turnout_known[..., None]
    organic = outer(world.organic_traffic[..., None], demand.visits_per_head)
    by_media = per_channel_sum(media.visits_per_head, channels.reach)
    by_quality = per_channel_sum(media.visits_per_head * media.quality, channels.reach)
    per_head = organic + by_media
    quality_per_head = organic + by_quality
    for (i, j), extra in zip(channels.synergies, media.synergy_per_head, strict=True):
        per_head = per_head + extra
        mean = 0.5 * (media.quality[..., i] + media.quality[..., j])
        quality_per_head = quality_per_head + extra * mean[..., None]
    visits = people * per_head

    log_mood = outer(state.outside.sentiment[..., None], demand.sentiment_sensitivity) + outer(
        (state.outside.competitor_log + market.shocks.competitor_log[day])[..., None], demand.competitor_elasticity
    )
    mood = bounded_exp(log_mood) * world.conversion
    known = np.exp(demand.repurchase_effect * (state.satisfaction - market.customers.satisfaction_start))
    multiplier = np.empty_like(visits)
    multiplier[..., 0] = mood * price.factor_prospect
    multiplier[..., 1:] = (mood * price.factor_known * known)[..., None]
    carts_wanted = people * quality_per_head * demand.cart_rate * multiplier
    ceiling = LARGEST_CART_RATE * visits
    capped = (carts_wanted > ceiling).any(axis=3).astype(np.float64)
    carts = np.minimum(carts_wanted, ceiling)

    surprise = ((1.0 - demand.surprise_duty) * demand.customer_pays_duty)[:, None]
    in_time = demand.checkout_rate * np.exp(outer(late_days[..., None], np.log1p(-demand.delay_sensitivity)))
    checkout = np.empty_like(visits)
    checkout[..., 0] = in_time * (1.0 - surprise * price.duty_prospect.share_dutiable)
    checkout[..., 1:] = (in_time * (1.0 - surprise * price.duty_known.share_dutiable))[..., None]
    ratio_known = price.factor_none / price.factor_known
    ratio = np.empty_like(visits)
    ratio[..., 0] = price.factor_none / price.factor_prospect
    ratio[..., 1:] = ratio_known[..., None]
    undiscounted: FloatArray = np.minimum(ratio, 1.0)
    if capped.any():  # a cart rate at its cap might have met it without a discount as well
        full = carts_wanted > ceiling
        without = np.minimum(carts_wanted * undiscounted, ceiling) / np.where(full, carts, 1.0)
        undiscounted = np.where(full, without, undiscounted)
    ledger, keep = pull_forward(market, state, carts * checkout, undiscounted, price.borrowed_frac)
    carts = carts * keep
    return DemandDay(
        visits=visits,
        carts=carts,
        orders=carts * checkout,
        quality_per_head=quality_per_head,
        people=people,
        ledger=ledger,
        capped=capped,
    )


def _event_factor(market: MarketParameters, world: WorldParameters, day: int) -> FloatArray | float:
    """What a world's own event lift makes of the calendar's demand; broadcasts to ``(B, R, S)``."""
    strength = market.calendar.event_strength[day]  # (R,)
    if is_certain(world.event_lift) or not strength.any():
        return 1.0
    usual = 1.0 + strength
    own = np.maximum(1.0 + strength * world.event_lift, 0.0)
    return np.where(usual > 0.0, own / np.where(usual > 0.0, usual, 1.0), 1.0)[..., None]
