"""Lifecycle and satisfaction: who buys again, who drifts away."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, outer
from xbopt.core.axes import Bucket
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Customers tonight, and today's flows into and out of the market.

    Attributes:
        customers: People by bucket ``(B, R, S, L)``.
        births: New prospects ``(B, R, S)``; negative where the market shrinks.
    """

    customers: FloatArray
    births: FloatArray


def next_customers(
    market: MarketParameters,
    state: MarketState,
    orders: FloatArray,
    contact: FloatArray,
    ageing_factor: FloatArray | float = 1.0,
) -> Moves:
    """Move customers between buckets.

    First orders make prospects new; a repeat order makes a new, at-risk or lapsed customer active. Those who did not
    buy age: new and active to at risk, at risk to lapsed, lapsed back to prospect. Ageing slows with satisfaction
    and contact. People are conserved up to births.

    Args:
        market: Parameters.
        state: This morning's state.
        orders: Shipped orders ``(B, R, S, L)``; at most one a person moves a person.
        contact: How well customers are kept in contact, 0..1 ``(B, R, S)``.
        ageing_factor: The worlds' own multiplier on the ageing chances ``(B, R, S)``.
    """
    p, people = market.customers, state.customers
    buyers = np.minimum(orders, people)
    rest = people - buyers
    drift = np.exp(-p.churn_effect * (state.satisfaction - p.satisfaction_start)) * (1.0 - p.contact_effect * contact)
    drift = drift * ageing_factor

    def ageing(bucket: Bucket, chance: FloatArray) -> FloatArray:
        return rest[..., bucket] * np.minimum(chance * drift, 1.0)

    new_out = ageing(Bucket.NEW, p.new_to_at_risk)
    active_out = ageing(Bucket.ACTIVE, p.active_to_at_risk)
    at_risk_out = ageing(Bucket.AT_RISK, p.at_risk_to_lapsed)
    forgotten = rest[..., Bucket.LAPSED] * p.lapsed_to_prospect
    births = rest[..., Bucket.PROSPECT] * p.births
    tonight = np.empty_like(people)
    tonight[..., Bucket.PROSPECT] = rest[..., Bucket.PROSPECT] + forgotten + births
    tonight[..., Bucket.NEW] = rest[..., Bucket.NEW] - new_out + buyers[..., Bucket.PROSPECT]
    tonight[..., Bucket.ACTIVE] = (
        people[..., Bucket.ACTIVE]
        - active_out
        + buyers[..., Bucket.NEW]
        + buyers[..., Bucket.AT_RISK]
        + buyers[..., Bucket.LAPSED]
    )
    tonight[..., Bucket.AT_RISK] = rest[..., Bucket.AT_RISK] - at_risk_out + new_out + active_out
    tonight[..., Bucket.LAPSED] = rest[..., Bucket.LAPSED] - forgotten + at_risk_out
    return Moves(customers=tonight, births=births)


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
