"""Plans from which a search begins, and below which it never ends: nothing at all, and every built-in plan.

Media response with a threshold has many local optima, so the place from which a search sets out decides where it ends.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xbopt.agents.baselines.calendar import calendar_plan
from xbopt.agents.baselines.greedy_roas import greedy_roas_plan
from xbopt.agents.baselines.proportional import proportional_plan
from xbopt.agents.baselines.uniform import uniform_plan
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import project
from xbopt.core.decisions.limits import Limits, Remaining
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.parameters import MarketParameters


def other_starts(market: MarketParameters, limits: Limits, given: ScheduledPolicy) -> tuple[ScheduledPolicy, ...]:
    """Every built-in plan as its days would be carried out within the limits, and no spend with and without discounts.

    Args:
        market: The market.
        limits: The limits that hold.
        given: The plan that the search was given; its dayparts and discounts are tried without spend.
    """
    idle = np.zeros_like(given.spend_base)
    plain = replace(given, spend_base=idle, discount_frac=np.zeros_like(given.discount_frac))
    built_in = (scenario_plan, uniform_plan, proportional_plan, calendar_plan, greedy_roas_plan)
    # With another budget than the scenario's, a plan is the same plan with so much less or more money.
    share = limits.total_base / market.scenario.limits.total_base
    made = [make(market) for make in built_in]
    scaled = [replace(plan, spend_base=share * plan.spend_base) for plan in made]
    plans = (plain, replace(given, spend_base=idle), *scaled)
    return carried_out(plans, market.shocks.available, limits)


def carried_out(plans: Sequence[ScheduledPolicy], available: FloatArray, limits: Limits) -> tuple[ScheduledPolicy, ...]:
    """The plans as their days are carried out: within the limits, day after day, as a simulation would cut them.

    Args:
        plans: Any plans.
        available: 1 where a channel can be bought, else 0 ``(T, R, C)``.
        limits: The limits.
    """
    remaining = Remaining.at_start(limits, len(plans))
    spend = np.stack([plan.spend_base for plan in plans])
    discount = np.stack([plan.discount_frac for plan in plans])
    dayparts = np.stack([plan.daypart_weights for plan in plans])
    for day in range(spend.shape[1]):
        # Money meant for a channel that cannot be bought that day stays in the budget.
        bought = available[day][:, None, :]
        of_day = replace(limits, minimum_base=limits.minimum_base * bought, lock_base=limits.lock_base * bought)
        wanted = Decision(
            spend_base=spend[:, day] * bought,
            daypart_weights=dayparts,
            discount_frac=discount[:, day],
            mechanic=np.stack([plan.mechanic[day] for plan in plans]),
        )
        feasible, _ = project(wanted, of_day, remaining)
        spend[:, day] = feasible.spend_base
        discount[:, day] = feasible.discount_frac
        remaining = remaining.after(spend[:, day])
    return tuple(replace(plan, spend_base=spend[i], discount_frac=discount[i]) for i, plan in enumerate(plans))
