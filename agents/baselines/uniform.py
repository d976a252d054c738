"""``uniform``: the same amount for every day, inhabited cell and channel; no discounts."""

import numpy as np

from xbopt.agents.baselines.schedule import ScheduledPolicy, even_schedule
from xbopt.simulator.parameters import MarketParameters


def uniform_plan(market: MarketParameters) -> ScheduledPolicy:
    """Spread the budget evenly."""
    scenario = market.scenario
    channels = len(scenario.channels)
    share = np.repeat((scenario.population > 0.0).astype(np.float64)[..., None], channels, axis=2)
    return even_schedule(scenario, "uniform", share / share.sum())
