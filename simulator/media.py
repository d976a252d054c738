"""From spend to visits: price of reach, dayparts, carry-over, saturation, fatigue, synergy."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, add_up, outer
from xbopt.core.decisions.decision import Decision
from xbopt.simulator.parameters import MarketParameters, MediaParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters, is_certain

_TINY = 1e-300
# With an exponent of 1 more money would buy nothing more.
_LARGEST_BID_UP = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDay:
    """What media do on a day.

    Attributes:
        impressions: Delivered impressions ``(B, R, S, C)``.
        visits_per_head: Visits a reachable head by channel, synergy left out ``(B, R, S, C)``.
        synergy_per_head: Extra visits a head by pair and bucket, each ``(B, R, S, L)``.
        contact: How well customers are kept in contact, 0..1 ``(B, R, S)``.
        carried: Carried-over exposure a head ``(B, R, S, C)``.
        window: Exposures kept for windowed carry-over.
        frequency: Remembered shares of the ceiling ``(B, R, S, C)``.
        quality: Conversion of a channel's visits relative to organic ones; broadcasts to ``(B, R, S, C)``.
    """

    impressions: FloatArray
    visits_per_head: FloatArray
    synergy_per_head: tuple[FloatArray, ...]
    contact: FloatArray
    carried: FloatArray
    window: FloatArray
    frequency: FloatArray
    quality: FloatArray


def daypart_factor(
    market: MarketParameters, weights: FloatArray, day: int, bid_up: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """How daypart weights change delivery and effect, both relative to the audience's own day ``(B, R, C)``.

    A daypart's price rises as money crowds into it, with the same exponent ``g`` as price rises with spend, so that
    weights ``w`` against the audience's activity ``a`` deliver ``sum_h a_h (w_h/a_h)^(1-g) supply_h``.

    Args:
        market: Parameters.
        weights: ``(B, R, C, H)``, rows sum to 1.
        day: Day of the horizon; some events shift the audience's day.
        bid_up: The exponent ``g``, from ``bid_up_of``; the scenario's where left out.

    Returns:
        Delivery (impressions) and effective exposure, each a multiplier.
    """
    media = market.media
    activity = market.calendar.daypart_activity[day][:, None, :]  # (R, 1, H)
    power = 1.0 - (media.bid_up if bid_up is None else bid_up[:, 0])  # (C,) or (B, 1, C)
    crowding = np.exp(power[..., None] * np.log(np.maximum(weights / np.maximum(activity, _TINY), _TINY)))
    delivered = crowding * (activity * media.daypart_supply)
    return add_up(delivered, 3), add_up(delivered * media.daypart_effect, 3)


def play_media(market: MarketParameters, world: WorldParameters, state: MarketState, decision: Decision) -> MediaDay:
    """Play one day of media.

    Price of reach: ``price = p0 * season * noise * (spend/reference)^g``; impressions = spend / price. Exposure a head
    passes through carry-over, saturation and fatigue, in this order; none of them falls with more spend on the day.

    Args:
        market: Parameters.
        world: What differs by world.
        state: This morning's state.
        decision: A feasible decision.
    """
    media, day = market.media, state.day
    bid_up = bid_up_of(media, world)
    delivery, effect = daypart_factor(market, decision.daypart_weights, day, bid_up)
    season = market.calendar.cpm[day] * np.exp(state.outside.media_price_log)  # (B, R)
    per_impression = outer(season[..., None], media.price_base / 1000.0)  # (B, R, C)
    bought = money_at_reference_price(media, decision.spend_base, bid_up)
    bought = bought / (per_impression[:, :, None, :] * world.media_price)
    impressions = bought * delivery[:, :, None, :]

    heads = np.maximum(per_bucket_sum(state.customers, media.reach), 1.0)
    exposure = bought * effect[:, :, None, :] / heads
    carried, window = media.adstock.stretched(world.carry_over).carry(state.carried, state.window, exposure)
    reached = media.saturation.reached(carried / (media.saturation.half * world.half_saturation))
    remembered = media.fatigue.remembered(state.frequency)
    share = media.fatigue.tolerating(world.fatigue).effective(remembered, reached)
    # The ceiling moves with the half-saturation: a world may be saturated later or sooner, but the first impressions
    # bring what the scenario says.
    visits = share * (media.ceiling * world.media_response * world.half_saturation)

    pairs: list[FloatArray] = []
    for pair, (i, j) in enumerate(media.synergies):
        strength = 2.0 * media.synergy[pair] * world.synergy
        both = np.sqrt(visits[..., i] * visits[..., j]) * strength[:, None, None]
        pairs.append(outer(both[..., None], np.sqrt(media.reach[i] * media.reach[j])))
    return MediaDay(
        impressions=impressions,
        visits_per_head=visits,
        synergy_per_head=tuple(pairs),
        contact=np.minimum(add_up(share * media.contact, 3), 1.0),
        carried=carried,
        window=window,
        frequency=remembered + reached,
        quality=quality_of(media, world),
    )


def quality_of(media: MediaParameters, world: WorldParameters) -> FloatArray:
    """Conversion of a channel's visits relative to organic ones ``(C,)``, or ``(B, 1, 1, C)`` where worlds differ."""
    factor = world.visit_quality
    return media.quality if is_certain(factor) else media.quality * factor[:, None, None]


def bid_up_of(media: MediaParameters, world: WorldParameters) -> FloatArray | None:
    """Exponent of price to own spend ``(B, 1, 1, C)``, at most 0.95; None where it is the scenario's."""
    if is_certain(world.bid_up):
        return None
    return np.minimum(media.bid_up * world.bid_up, _LARGEST_BID_UP)[:, None, None]


def money_at_reference_price(
    media: MediaParameters, spend_base: FloatArray, bid_up: FloatArray | None = None
) -> FloatArray:
    """Spend that would buy as much at reference price as ``spend_base`` buys at its own ``(..., R, S, C)``.

    ``spend / price = spend^(1-g) * reference^g / p0``, written with one power; zero spend gives zero. ``g`` is the
    scenario's unless ``bid_up`` gives another.
    """
    relative = spend_base / media.reference_base
    powered = np.exp((1.0 - (media.bid_up if bid_up is None else bid_up)) * np.log(np.maximum(relative, _TINY)))
    return np.where(relative > 0.0, powered, 0.0) * media.reference_base


def per_bucket_sum(by_bucket: FloatArray, weights: FloatArray) -> FloatArray:
    """``sum_l by_bucket[..., l] * weights[c, l]`` as ``(..., C)``.

    Written out over the five buckets: a matrix product may choose another order of summation for another batch
    size, and a world's path must not depend on its neighbours.
    """
    total = outer(by_bucket[..., 0, None], weights[:, 0])
    for bucket in range(1, by_bucket.shape[-1]):
        total += outer(by_bucket[..., bucket, None], weights[:, bucket])
    return total


def per_channel_sum(by_channel: FloatArray, weights: FloatArray) -> FloatArray:
    """``sum_c by_channel[..., c] * weights[c, l]`` as ``(..., L)``; written out for the same reason."""
    total = outer(by_channel[..., 0, None], weights[0])
    for channel in range(1, by_channel.shape[-1]):
        total += outer(by_channel[..., channel, None], weights[channel])
    return total
