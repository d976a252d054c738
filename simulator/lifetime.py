"""What a customer is worth, and how likely a second order is, by the customer types that a scenario states."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.axes import Bucket
from xbopt.simulator.customer_types import order_chances
from xbopt.simulator.customers import aged
from xbopt.simulator.media import per_channel_sum
from xbopt.simulator.once import once_whatever_the_limits
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import order_margin, steady_visits_per_head
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import average_world

_DAYS = 365
_NEW, _ACTIVE = Bucket.NEW - 1, Bucket.ACTIVE - 1
_OLDER = [Bucket.AT_RISK - 1, Bucket.AT_RISK - 1, Bucket.LAPSED - 1]
"""Where new, active and at-risk customers go who do not buy, along an axis of the four known buckets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerValue:
    """Value of one person against a prospect, base currency.

    Attributes:
        living: Of a customer who has not dropped out, by type and known bucket ``(R, S, K, 4)``.
        dropped_out: Of one who has ``(R, S, 4)``: small, since media and win-back are the only difference.
        newly_won: Of a customer won today, a mix of types ``(R, S)``.
        won_by_discount: The same of one whom only a discount won ``(R, S)``.
    """

    living: FloatArray
    dropped_out: FloatArray
    newly_won: FloatArray
    won_by_discount: FloatArray


@once_whatever_the_limits
def customer_value(market: MarketParameters) -> CustomerValue:
    """What customers are worth, by type.

    The expected margin before media of the next 365 days, discounted daily, less that of a prospect, so that moving
    prospects around pays nothing: organic visits only, list prices and trade rules of the first day, neutral
    satisfaction and sentiment, an average day of the calendar. Backward induction over buckets within a type. An
    order moves a person's bucket, never the type: so a further order of a customer is worth its margin and little
    else, and what a first order is worth beyond its margin is the mix of types that it wins.
    """
    kinds = market.customers
    stranger, customer = order_chances(market)
    margin, discount = order_margin(market)[..., None], kinds.daily_discount
    out = kinds.dropout[..., None]
    living, dropped_out = np.zeros(customer.shape), np.zeros((*stranger.shape[:2], 4))
    prospect = np.zeros((*stranger.shape[:2], 1))
    for _ in range(_DAYS):
        alive, gone, again = discount * living, discount * dropped_out, discount * prospect
        won = np.einsum("rskl,sk->rsl", alive, kinds.type_share)
        # Whoever was alive this morning may drop out tonight; the newly won do not on their first night.
        tonight = (1.0 - out) * alive + out * gone[:, :, None]
        kept = _not_buying(tonight, again[..., None], kinds.ageing[:, None])
        living = customer * (margin[..., None] + tonight[..., _ACTIVE, None]) + (1.0 - customer) * kept
        back = stranger[..., 1:]
        dropped_out = back * (margin + won[..., _ACTIVE, None]) + (1.0 - back) * _not_buying(gone, again, kinds.ageing)
        first = stranger[..., :1]
        prospect = first * (margin + won[..., _NEW, None]) + (1.0 - first) * again
    living, dropped_out = living - prospect[..., None], dropped_out - prospect
    return CustomerValue(
        living=living,
        dropped_out=dropped_out,
        newly_won=(living[..., _NEW] * kinds.type_share).sum(axis=2),
        won_by_discount=(living[..., _NEW] * kinds.promotion_share).sum(axis=2),
    )


def _not_buying(later: FloatArray, forgotten: FloatArray, ageing: FloatArray) -> FloatArray:
    """What tomorrow is worth to those who do not buy today ``(..., 4)``: some age, some are forgotten."""
    older = np.empty_like(later)
    older[..., :-1], older[..., -1:] = later[..., _OLDER], forgotten
    return (1.0 - ageing) * later + ageing * older


def customer_value_change(market: MarketParameters, state: MarketState, value: CustomerValue) -> FloatArray:
    """What the customer base is worth more than on the first morning ``(B,)``.

    Args:
        market: Parameters.
        state: Where the market stands.
        value: Value of one person, from ``customer_value``.
    """
    return add_up(cell_customer_value(market, state, value), 1, 2)


def cell_customer_value(market: MarketParameters, state: MarketState, value: CustomerValue) -> FloatArray:
    """The same by cell ``(B, R, S)``."""
    living = state.living - market.customers.first_living
    known = state.customers[..., 1:] - market.scenario.customers[..., 1:]
    return add_up(living * value.living, 3, 4) + add_up((known - add_up(living, 3)) * value.dropped_out, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatProbability:
    """Chance of a second order within some days of the first.

    Attributes:
        by_cell: ``(R, S)``.
        weighted: Mean over cells, weighted by first orders.
    """

    by_cell: FloatArray
    weighted: float


def repeat_probability(
    market: MarketParameters, days: int = _DAYS, spend_base: FloatArray | None = None
) -> RepeatProbability:
    """How likely a second order is within ``days`` of a first one that no discount won.

    An average day of the calendar, list prices and first-day terms. Those who drop out, or whom the seller forgets,
    order as prospects do. With one type that is always reached alike, ``p`` the chance of an order, ``q`` that of a
    prospect's and ``s = (1 - p)(1 - d)`` the chance to stay without an order at a daily drop-out ``d``, it is
    ``p (1 - s^n) / (1 - s)`` plus what those bring who have dropped out, which is little.

    Args:
        market: Parameters.
        days: Days after the first order.
        spend_base: Media spend a day, the same every day ``(R, S, C)``; without media where left out.
    """
    kinds, channels = market.customers, market.media
    by_media = None
    if spend_base is not None:
        visits = steady_visits_per_head(market, average_world(), spend_base)[0]
        by_media = per_channel_sum(visits * channels.quality, channels.reach)
    stranger, customer = order_chances(market, by_media)
    living = np.zeros(customer.shape)
    living[..., _NEW] = kinds.type_share
    cells = customer.shape[:2]
    dropped_out, forgotten, ordered = np.zeros((*cells, 4)), np.zeros(cells), np.zeros(cells)
    for _ in range(days):
        buyers, back = living * customer, dropped_out * stranger[..., 1:]
        again = forgotten * stranger[..., 0]
        ordered = ordered + buyers.sum(axis=(2, 3)) + back.sum(axis=2) + again
        living, lost = aged(living - buyers, kinds.ageing[:, None])
        dropped_out, gone = aged(dropped_out - back, kinds.ageing)
        out = living * kinds.dropout[..., None]
        living, dropped_out = living - out, dropped_out + out.sum(axis=2)
        forgotten = forgotten - again + lost.sum(axis=2) + gone
    first = market.scenario.customers[..., 0] * stranger[..., 0]
    weight = first if first.sum() > 0.0 else np.ones(cells)
    return RepeatProbability(by_cell=ordered, weighted=float((ordered * weight).sum() / weight.sum()))


def won_by_discount_again(market: MarketParameters, days: int) -> FloatArray:
    """Chance that a customer whom only a discount won orders again within ``days``, less a prospect's chance to order.

    On the terms of ``repeat_probability`` ``(R, S)``; 0 at least.
    """
    kinds = market.customers
    lighter = replace(market, customers=replace(kinds, type_share=kinds.promotion_share))
    prospect = 1.0 - (1.0 - order_chances(market)[0][..., 0]) ** days
    return np.maximum(repeat_probability(lighter, days).by_cell - prospect, 0.0)
