"""What limits leave of a plan that is fixed beforehand: whoever wrote it has to know before reading any figure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from xbopt.agents.planner.starts import carried_out
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.labels import axis_names

_SMALLEST_MONEY = 0.005
"""Half a cent over the horizon: what rounding does, and nothing that a planner could see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCut:
    """Money of a plan that cannot be spent; base currency.

    Attributes:
        plan: Name of the plan.
        planned_base: What the plan asks for, where channels can be bought.
        budget_base: The budget of the horizon.
        cut_base: What of the plan is not spent.
        first_day: The first day on which something is not spent.
        by_channel: What is not spent by name of the channel, the most first; channels that keep all are left out.
    """

    plan: str
    planned_base: float
    budget_base: float
    cut_base: float
    first_day: date
    by_channel: Mapping[str, float]

    @property
    def beyond_budget_base(self) -> float:
        """What the plan asks for above the budget; 0 where other limits cut it."""
        return max(self.planned_base - self.budget_base, 0.0)


def plan_cut(plan: object, market: MarketParameters) -> PlanCut | None:
    """What budget and caps take from a plan; None where nothing is taken, or where the policy is no fixed plan.

    Money for a channel that an outage keeps from being bought is no cut of a limit, and is not counted.
    """
    if not isinstance(plan, ScheduledPolicy):
        return None
    scenario, available = market.scenario, market.shocks.available
    played = carried_out((plan,), available, scenario.limits)[0]
    asked = plan.spend_base * available[:, :, None, :]
    missing = np.maximum(asked - played.spend_base, 0.0)
    by_channel = missing.sum(axis=(0, 1, 2))
    if not missing.sum() > _SMALLEST_MONEY:
        return None
    days = missing.sum(axis=(1, 2, 3))
    first = int(np.flatnonzero(days > min(_SMALLEST_MONEY, 0.5 * float(days.max())))[0])
    _, _, channels = axis_names(scenario)
    amounts: list[float] = by_channel.tolist()
    lost = sorted(zip(channels, amounts, strict=True), key=lambda one: -one[1])
    return PlanCut(
        plan=plan.name,
        planned_base=float(asked.sum()),
        budget_base=scenario.limits.total_base,
        cut_base=float(missing.sum()),
        first_day=scenario.date_of(first),
        by_channel={name: amount for name, amount in lost if amount > 0.0},
    )
