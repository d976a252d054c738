"""``calendar``: flighting around events. Money follows the calendar's demand; a discount goes with each event.

A region's share of each day is the plan's share times its demand index, so that spend rises towards events and falls
after them. From a week before an event to its end the middle discount level of the scenario is given.
"""

import numpy as np

from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.simulator.parameters import MarketParameters

_LEAD_DAYS = 7.0


def calendar_plan(market: MarketParameters) -> ScheduledPolicy:
    """Follow the calendar."""
    scenario, calendar = market.scenario, market.calendar
    share = scenario.plan.share
    weight = calendar.demand[:, :, None, None] * share
    if weight.sum() <= 0.0:
        weight = np.broadcast_to(share, weight.shape)
    levels = sorted(scenario.document.discounts.levels)
    depth = levels[len(levels) // 2]
    around = (calendar.days_to_event <= _LEAD_DAYS) | (calendar.event_strength > 0.0)
    discount = np.where(around, depth, 0.0)[:, :, None] * np.ones(len(scenario.segments))
    return ScheduledPolicy(
        name="calendar",
        spend_base=scenario.limits.total_base * weight / weight.sum(),
        daypart_weights=scenario.plan.daypart_weights,
        discount_frac=discount,
        mechanic=np.zeros(discount.shape, dtype=np.int64),
    )
