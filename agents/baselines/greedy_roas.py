"""``greedy_roas``: each slice of the budget goes where the next unit of money earns the most revenue; no discounts.

It reads the average market's steady response curves, as a media planner reads the curves of last year's media mix
model: no synergy, no calendar, no world's own parameters.
"""

import numpy as np

from xbopt.agents.baselines.uniform import even_schedule
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import channel_baskets, steady_response
from xbopt.simulator.worlds import average_world

_SLICES = 400


def greedy_roas_plan(market: MarketParameters) -> ScheduledPolicy:
    """Hand out the day's even budget slice by slice, by marginal return on spend."""
    scenario = market.scenario
    daily = scenario.limits.total_base / scenario.days
    cells = scenario.plan.share.shape
    # A cell's spend after each number of slices, added up slice by slice. Channels do not touch each other in the
    # steady response, so one call tries them all.
    levels = np.cumsum(np.r_[0.0, np.full(_SLICES, daily / _SLICES)])
    spend = np.broadcast_to(levels.reshape(-1, *(1,) * len(cells)), (len(levels), *cells))
    gains = np.diff(_revenue(market, spend), axis=0).reshape(_SLICES, -1)
    slices: IntArray = np.zeros(gains.shape[1], dtype=np.int64)
    ahead = gains[0].copy()
    for _ in range(_SLICES):
        best = int(np.argmax(ahead))
        slices[best] += 1
        ahead[best] = gains[slices[best], best] if slices[best] < _SLICES else -np.inf
    chosen = levels[slices].reshape(cells)
    return even_schedule(scenario, "greedy_roas", chosen / chosen.sum())


def _revenue(market: MarketParameters, spend: FloatArray) -> FloatArray:
    """Revenue a day by cell and channel ``(N, R, S, C)`` at each level of spend."""
    orders = steady_response(market, average_world(), spend).orders
    return orders * market.orders.price_base[..., None] * channel_baskets(market)
