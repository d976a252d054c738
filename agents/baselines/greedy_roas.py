"""``greedy_roas``: each slice of the budget goes where the next unit of money earns the most revenue; no discounts.

It reads the average market's steady response curves, as a media planner reads the curves of last year's media mix
model: no synergy, no calendar, no world's own parameters.
"""

import numpy as np

from xbopt.agents.baselines.uniform import even_schedule
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import channel_baskets, steady_response
from xbopt.simulator.worlds import average_world

_SLICES = 400


def greedy_roas_plan(market: MarketParameters) -> ScheduledPolicy:
    """Hand out the day's even budget slice by slice, by marginal return on spend."""
    scenario = market.scenario
    daily = scenario.limits.total_base / scenario.days
    step = daily / _SLICES
    spend: FloatArray = np.zeros(scenario.plan.share.shape)
    brought = _revenue(market, spend)
    for _ in range(_SLICES):
        # The next slice is tried everywhere at once; channels do not touch each other in the steady response.
        raised = _revenue(market, spend + step)
        best = int(np.argmax(raised - brought))
        spend.flat[best] += step
        brought.flat[best] = raised.flat[best]
    return even_schedule(scenario, "greedy_roas", spend / spend.sum())


def _revenue(market: MarketParameters, spend: FloatArray) -> FloatArray:
    """Revenue a day by cell and channel ``(R, S, C)``."""
    orders = steady_response(market, average_world(), spend[None]).orders[0]
    return orders * market.orders.price_base[..., None] * channel_baskets(market)
