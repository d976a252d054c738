"""``uniform``: the same amount for every day, inhabited cell and channel; no discounts."""

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.parameters import MarketParameters


def uniform_plan(market: MarketParameters) -> ScheduledPolicy:
    """Spread the budget evenly."""
    scenario = market.scenario
    channels = len(scenario.channels)
    share = np.repeat((scenario.population > 0.0).astype(np.float64)[..., None], channels, axis=2)
    return even_schedule(scenario, "uniform", share / share.sum())


def even_schedule(scenario: Scenario, name: str, share: FloatArray) -> ScheduledPolicy:
    """The whole budget, the same every day, split by ``share`` ``(R, S, C)``; no discounts; the audience's day."""
    regions, segments, channels, dayparts = scenario.shape
    daily = share * (scenario.limits.total_base / scenario.days)
    return ScheduledPolicy(
        name=name,
        spend_base=np.broadcast_to(daily, (scenario.days, *daily.shape)),
        daypart_weights=np.broadcast_to(scenario.audience[:, None, :], (regions, channels, dayparts)),
        discount_frac=np.zeros((scenario.days, regions, segments)),
        mechanic=np.zeros((scenario.days, regions, segments), dtype=np.int64),
    )
