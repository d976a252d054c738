"""Customer types under organic behaviour: how often they order, and who the customers of the first morning are.

A segment's customers are a mix of a few types, each with a rate of visits and a constant chance of dropping out: a
small quadrature of the purchase rate and the drop-out of "buy till you die" (Schmittlein, Morrison and Colombo,
Management Science 33, 1987). An order is no cause of dropping out, and moves nobody to another type. What the seller
sees of a customer is recency: the lifecycle bucket, which orders and time move. So a bucket tells who people are, but
does not make them so.
"""

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.axes import Bucket
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import usual_order_rate

LONGEST_STAY_DAYS = 1000.0
"""Mean stay in a bucket from which a scenario lets nobody age. Without an end, the seller's book of the first morning
would hold none but those who dropped out long ago."""
_LEAK = 1e-6
"""Daily share of all people that the book loses, so that types that never leave have a stationary number as well."""

_ACTIVE = Bucket.ACTIVE - 1
"""Position of the active customers along an axis of the four known buckets."""


def order_chances(market: MarketParameters, by_media: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Chance of an order on an average day: of who behaves as a prospect ``(R, S, L)``, and by type ``(R, S, K, 4)``.

    Buckets differ by what media reach of them only. First-day terms: list prices, rules, rates, usual delivery.

    Args:
        market: Parameters.
        by_media: Visits a head and day that media bring, weighted by quality ``(R, S, L)``; none where left out.
    """
    rate, kinds = usual_order_rate(market), market.customers
    level = market.calendar.demand.mean(axis=0)[:, None]
    media = np.zeros((*market.shape[:2], 5)) if by_media is None else by_media
    stranger = (market.demand.visits_per_head * level)[..., None] + media
    customer = (kinds.type_visits_per_head * level[..., None])[..., None] + media[:, :, None, 1:]
    return np.minimum(stranger * rate[..., :1], 1.0), np.minimum(customer * rate[..., 1, None, None], 1.0)


def stationary_customers(market: MarketParameters) -> tuple[FloatArray, FloatArray]:
    """The customer base that one first order a day sustains in the end, without media.

    Returns:
        Living customers by type and known bucket ``(R, S, K, 4)``, and those who have dropped out by bucket
        ``(R, S, 4)``: the fixed point of ``customers.next_customers`` in expectation.
    """
    kinds = market.customers
    stranger, customer = order_chances(market)
    regions, segments, types, _ = customer.shape
    size = 4 * (types + 1)
    ageing = np.maximum(kinds.ageing, 1.0 / LONGEST_STAY_DAYS)
    # People move from row to column overnight; the last four are those who have dropped out.
    moves = np.zeros((regions, segments, size, size))
    for bucket, older in enumerate((Bucket.AT_RISK, Bucket.AT_RISK, Bucket.LAPSED, None)):
        leave, gone = ageing[:, bucket], 4 * types + bucket
        back = stranger[..., 1 + bucket]
        moves[..., gone, gone] += (1.0 - back) * (1.0 - leave)
        if older is not None:
            moves[..., gone, 4 * types + older - 1] += (1.0 - back) * leave
        for kind in range(types):
            moves[..., gone, 4 * kind + _ACTIVE] += back * kinds.type_share[:, kind]
            chance, out = customer[..., kind, bucket], kinds.dropout[:, kind]
            for to, share in (
                (_ACTIVE, chance),
                (bucket, (1.0 - chance) * (1.0 - leave)),
                *([] if older is None else [(older - 1, (1.0 - chance) * leave)]),
            ):
                moves[..., 4 * kind + bucket, 4 * kind + to] += share * (1.0 - out)
                moves[..., 4 * kind + bucket, 4 * types + to] += share * out
    won = np.zeros((regions, segments, size))
    won[..., 0 : 4 * types : 4] = kinds.type_share
    people = np.linalg.solve(np.eye(size) - (1.0 - _LEAK) * moves.swapaxes(2, 3), won[..., None])[..., 0]
    people = np.maximum(people, 0.0).reshape(regions, segments, types + 1, 4)
    return people[:, :, :types], people[:, :, types]


def first_living(market: MarketParameters) -> FloatArray:
    """Customers of the first morning who have not dropped out, by type and known bucket ``(R, S, K, 4)``.

    The composition of each bucket is that of the stationary customer base; their number is the one that the scenario
    states. A bucket that nobody would ever reach is taken as newly won.
    """
    living, dropped_out = stationary_customers(market)
    together = living.sum(axis=2) + dropped_out
    newly_won = market.customers.type_share[None, :, :, None]
    shares = np.where(
        together[:, :, None] > 0.0, living / np.where(together > 0.0, together, 1.0)[:, :, None], newly_won
    )
    return shares * market.scenario.customers[:, :, None, 1:]
