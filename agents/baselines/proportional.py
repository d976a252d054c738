"""``proportional``: spend follows past results; no discounts.

Cells get money in proportion to the revenue that the scenario's history names, channels in proportion to past spend.
Where the scenario gives no history, cells follow the revenue that their first-day customers would bring without media,
and channels follow the plan.
"""

import numpy as np

from xbopt.agents.baselines.uniform import even_schedule
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.build import weights_of
from xbopt.simulator.parameters import MarketParameters


def proportional_plan(market: MarketParameters) -> ScheduledPolicy:
    """Follow the past."""
    scenario, history = market.scenario, market.scenario.document.history
    cell = _organic_revenue(market)
    if history.revenue_by_region:
        cell = cell / np.maximum(cell.sum(axis=1, keepdims=True), 1e-300)
        cell = cell * weights_of(history.revenue_by_region, scenario.regions)[:, None]
    if history.revenue_by_segment:
        cell = cell / np.maximum(cell.sum(axis=0), 1e-300)
        cell = cell * weights_of(history.revenue_by_segment, scenario.segments)
    cell = np.where(scenario.population > 0.0, cell, 0.0)
    if cell.sum() <= 0.0:
        cell = (scenario.population > 0.0).astype(np.float64)
    channel = scenario.plan.share.sum(axis=(0, 1))
    if history.spend_by_channel:
        channel = weights_of(history.spend_by_channel, scenario.channels)
    return even_schedule(scenario, "proportional", (cell / cell.sum())[..., None] * channel)


def _organic_revenue(market: MarketParameters) -> FloatArray:
    """Revenue a day of the first-day customers without media ``(R, S)``."""
    demand, kinds = market.demand, market.customers
    by_type = kinds.first_living.sum(axis=3)
    living = (by_type * kinds.type_visits_per_head).sum(axis=2) * kinds.conversion
    strangers = market.scenario.population - by_type.sum(axis=2)
    orders = (living + strangers * demand.visits_per_head) * demand.cart_rate * demand.checkout_rate
    return orders * market.orders.price_base
