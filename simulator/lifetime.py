"""What a customer is worth: the expected discounted margin of the coming year, by lifecycle bucket."""

import numpy as np

from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.axes import Bucket
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import order_margin, usual_order_rate
from xbopt.simulator.state import MarketState

_DAYS = 365


def customer_value(market: MarketParameters) -> FloatArray:
    """Value of one person by bucket ``(R, S, L)``, base currency, relative to a prospect.

    The expected margin before media of the next 365 days, discounted daily, of a person who behaves as the scenario
    states: organic visits only, list prices and trade rules of the first day, neutral satisfaction and sentiment, an
    average day of the calendar. Backward induction over the lifecycle chain. A prospect's own value is taken off, so
    that moving prospects around pays nothing.
    """
    demand, customers = market.demand, market.customers
    level = market.calendar.demand.mean(axis=0)[:, None, None]
    buying = demand.visits_per_head * usual_order_rate(market) * level
    buying = np.minimum(buying, 1.0)
    margin = order_margin(market)
    ages = {
        Bucket.NEW: (customers.new_to_at_risk, Bucket.AT_RISK),
        Bucket.ACTIVE: (customers.active_to_at_risk, Bucket.AT_RISK),
        Bucket.AT_RISK: (customers.at_risk_to_lapsed, Bucket.LAPSED),
        Bucket.LAPSED: (customers.lapsed_to_prospect, Bucket.PROSPECT),
    }
    value = np.zeros(buying.shape)
    for _ in range(_DAYS):
        later = customers.daily_discount * value
        today = np.empty_like(value)
        chance = buying[..., Bucket.PROSPECT]
        today[..., Bucket.PROSPECT] = chance * (margin + later[..., Bucket.NEW]) + (1.0 - chance) * later[..., 0]
        for bucket, (age, older) in ages.items():
            chance = buying[..., bucket]
            stay = age * later[..., older] + (1.0 - age) * later[..., bucket]
            today[..., bucket] = chance * (margin + later[..., Bucket.ACTIVE]) + (1.0 - chance) * stay
        value = today
    return value - value[..., :1]


def customer_value_change(market: MarketParameters, state: MarketState, value: FloatArray) -> FloatArray:
    """What the customer base is worth more than on the first day ``(B,)``.

    Args:
        market: Parameters.
        state: Where the market stands.
        value: Value of one person by bucket ``(R, S, L)``, from ``customer_value``.
    """
    return add_up(cell_customer_value(market, state, value), 1, 2)


def cell_customer_value(market: MarketParameters, state: MarketState, value: FloatArray) -> FloatArray:
    """The same by cell ``(B, R, S)``."""
    return add_up((state.customers - market.scenario.customers) * value, 3)
