"""The scenario's own plan as a schedule: what decisions are relative to where no other plan is given."""

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.parameters import MarketParameters


def scenario_plan(market: MarketParameters) -> ScheduledPolicy:
    """The plan section of the scenario: its shares, dayparts, dated discounts and pacing."""
    scenario = market.scenario
    weights = _pacing(market)
    total = scenario.limits.total_base * scenario.plan.spend_frac
    return ScheduledPolicy(
        name="baseline",
        spend_base=total * weights[:, None, None, None] * scenario.plan.share,
        daypart_weights=scenario.plan.daypart_weights,
        discount_frac=scenario.plan.discount_frac,
        mechanic=scenario.plan.mechanic,
    )


def _pacing(market: MarketParameters) -> FloatArray:
    """Share of the spend on each day ``(T,)``; sums to 1."""
    scenario: Scenario = market.scenario
    if scenario.document.plan.pacing == "demand":
        weight = (market.calendar.demand * scenario.plan.share.sum(axis=(1, 2))).sum(axis=1)
        if weight.sum() > 0.0:
            return weight / weight.sum()
    return np.full(scenario.days, 1.0 / scenario.days)
