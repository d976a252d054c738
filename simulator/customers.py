"""Lifecycle and satisfaction: who buys again, who drops out, and what the seller sees of it."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, add_up, outer
from xbopt.core.axes import Bucket
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState

# Positions along an axis of the four known buckets.
_NEW, _ACTIVE, _AT_RISK, _LAPSED = (bucket - 1 for bucket in (Bucket.NEW, Bucket.ACTIVE, Bucket.AT_RISK, Bucket.LAPSED))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSplit:
    """Who a bucket's orders of a day come from: living customers of each type, and those who behave as prospects.

    A *quality visit* is a visit weighted by how readily person and visit lead to an order, against an organic visit of
    a prospect.

    Attributes:
        quality_visits: Quality visits at an average demand ``(B, R, S, L)``.
        quality_people: People, weighted by how readily they order ``(B, R, S, L)``.
        strangers: People who behave as prospects: these, and customers who have dropped out ``(B, R, S, L)``.
        by_stranger: Organic visits of such a person ``(B, R, S, 1)``.
        readiness: How readily a customer orders against a prospect ``(B, R, S, 1)``.
        organic_traffic: World's multiplier on organic visits ``(B, R, S)``.
        by_media: Visits that media bring a head, weighted by their quality ``(B, R, S, L)``.
        by_discount: Share of the orders of prospects and of known buckets that no full price would have brought
            ``(B, R, S, 2)``.
    """

    quality_visits: FloatArray
    quality_people: FloatArray
    strangers: FloatArray
    by_stranger: FloatArray
    readiness: FloatArray
    organic_traffic: FloatArray
    by_media: FloatArray
    by_discount: FloatArray

    def per_visit_of_all(self, orders: FloatArray) -> FloatArray:
        """Orders that a visit of everybody in a bucket brings, its quality 1, when the bucket has ``orders``.

        ``(B, R, S, L)``. A bucket that nobody visits has no orders either: 0/0 is 0.
        """
        return orders * self.quality_people / np.where(self.quality_visits > 0.0, self.quality_visits, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Customers tonight, and today's flows into and out of the market.

    Attributes:
        customers: People by bucket ``(B, R, S, L)``.
        living: Those of the known buckets who have not dropped out, by type ``(B, R, S, K, 4)``.
        births: New prospects ``(B, R, S)``; negative where the market shrinks.
    """

    customers: FloatArray
    living: FloatArray
    births: FloatArray


def next_customers(
    market: MarketParameters,
    state: MarketState,
    orders: FloatArray,
    split: OrderSplit,
    contact: FloatArray,
    dropout_factor: FloatArray | float = 1.0,
) -> Moves:
    """Move customers between buckets, let some of them drop out unseen, and win new ones.

    First orders make prospects new; a repeat order makes a new, at-risk or lapsed customer active. Those who did not
    buy age: new and active to at risk, at risk to lapsed, lapsed back to prospect. A living customer keeps the type,
    and drops out by the type's chance, which satisfaction and contact lower. Newly won customers, and those who had
    dropped out and order again, are a mix of types; those whom only a discount won are another mix. People are
    conserved up to births.

    Args:
        market: Parameters.
        state: This morning's state.
        orders: Shipped orders ``(B, R, S, L)``; at most one a person moves a person.
        split: Who they come from, in proportion to what was expected.
        contact: How well customers are kept in contact, 0..1 ``(B, R, S)``.
        dropout_factor: The worlds' own multiplier on the chances of dropping out ``(B, R, S)``.
    """
    p, people, living = market.customers, state.customers, state.living
    visits = split.quality_visits[..., 1:]
    each = np.divide(orders[..., 1:], np.where(visits > 0.0, visits, 1.0), order="F")  # orders a quality visit
    by_customer, media = each * split.readiness, split.by_media[..., 1:]
    organic = by_customer * split.organic_traffic[..., None]
    chance = outer(organic[..., None, :], p.type_visits_per_head[..., None])
    chance += (by_customer * media)[..., None, :]
    buyers = np.minimum(chance, 1.0, out=chance)
    buyers *= living
    dropped_out = split.strangers[..., 1:]
    won_back = dropped_out * np.minimum(each * (split.by_stranger + media), 1.0)
    # The living are summed by type, so rounding could let a bucket lose more people than it has.
    bought = np.minimum(add_up(buyers, 3) + won_back, people[..., 1:])
    first = np.minimum(orders[..., 0], people[..., 0])

    drift = np.exp(-p.churn_effect * (state.satisfaction - p.satisfaction_start)) * (1.0 - p.contact_effect * contact)
    drift = drift * dropout_factor
    stays = 1.0 - np.minimum(outer(drift[..., None], p.dropout), 1.0)  # (B, R, S, K)
    by_type = add_up(buyers, 4)
    rest, _ = aged(np.subtract(living, buyers, out=buyers), p.ageing[:, None])
    rest[..., _ACTIVE] += by_type
    rest *= stays[..., None]
    rest[..., _NEW] += _mixed(market, first, split.by_discount[..., 0])
    rest[..., _ACTIVE] += _mixed(market, add_up(won_back, 3), split.by_discount[..., 1])

    prospects = people[..., 0] - first
    births = prospects * p.births
    known, forgotten = aged(people[..., 1:] - bought, p.ageing)
    known[..., _NEW] += first
    known[..., _ACTIVE] += add_up(bought, 3)
    tonight = np.empty_like(people)
    tonight[..., 0] = prospects + forgotten + births
    tonight[..., 1:] = known
    return Moves(customers=tonight, living=rest, births=births)


def aged(people: FloatArray, ageing: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Those who did not buy, a day older ``(..., 4)``, and those who were forgotten ``(...)``."""
    leaving = outer(people, ageing)
    older = people - leaving
    older[..., _AT_RISK] += leaving[..., _NEW] + leaving[..., _ACTIVE]
    older[..., _LAPSED] += leaving[..., _AT_RISK]
    return older, leaving[..., _LAPSED]


def _mixed(market: MarketParameters, won: FloatArray, by_discount: FloatArray) -> FloatArray:
    """Newly won customers by type ``(B, R, S, K)``."""
    p = market.customers
    mix = outer(by_discount[..., None], p.promotion_share - p.type_share)
    mix += p.type_share
    mix *= won[..., None]
    return mix


def next_satisfaction(
    market: MarketParameters, state: MarketState, delivery_days: FloatArray, lost_share: FloatArray
) -> FloatArray:
    """Satisfaction tonight ``(B, R, S)``: a moving average of the day's experience.

    The neutral level is lowered by each day that delivery takes beyond what the region usually knows, and by the
    share of demand lost to stock-outs.
    """
    p = market.customers
    late = np.maximum(delivery_days - market.fulfilment.usual_days, 0.0)[..., None]
    experience = (
        p.satisfaction_start - outer(late, p.late_day_penalty) - outer(lost_share[..., None], p.stock_out_penalty)
    )
    keep = p.satisfaction_keep
    return keep * state.satisfaction + (1.0 - keep) * np.clip(experience, 0.0, 1.0)
