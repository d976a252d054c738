"""How many first buyers order again."""

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.axes import Bucket
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import usual_order_rate


def second_order_probability(market: MarketParameters, days: int) -> FloatArray:
    """Chance that a person who has just ordered for the first time orders again within so many days ``(R, S)``.

    The lifecycle chain of customer value, played forward: organic visits only, list prices and trade rules of the first
    day, an average day of the calendar.

    Args:
        market: Parameters.
        days: Days from the first order on.
    """
    demand, customers = market.demand, market.customers
    level = market.calendar.demand.mean(axis=0)[:, None, None]
    buying = np.minimum(demand.visits_per_head * usual_order_rate(market) * level, 1.0)
    waiting = np.zeros(buying.shape)
    waiting[..., Bucket.NEW] = 1.0
    for _ in range(days):
        rest = waiting * (1.0 - buying)
        waiting = rest.copy()
        for bucket, age, older in (
            (Bucket.NEW, customers.new_to_at_risk, Bucket.AT_RISK),
            (Bucket.AT_RISK, customers.at_risk_to_lapsed, Bucket.LAPSED),
            (Bucket.LAPSED, customers.lapsed_to_prospect, Bucket.PROSPECT),
        ):
            moved = rest[..., bucket] * age
            waiting[..., bucket] -= moved
            waiting[..., older] += moved
    return 1.0 - waiting.sum(axis=-1)
