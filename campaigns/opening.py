"""How a campaign begins: a scenario, and a plan or a policy that decides."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from xbopt.agents.planner.feasible_plan import feasible_plan
from xbopt.campaigns.books.events import Decides, Opened, PlanBytes
from xbopt.campaigns.books.scenario_bytes import packed_scenario
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.simulator.parameters import MarketParameters

SERVED = "served"
"""Source of a policy that is whatever bundle a service decides with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidingPolicy:
    """A policy that decides each day.

    Attributes:
        name: Its name.
        source: Where it was loaded from, or ``SERVED``.
        address: Content address of that, so that another one under the same path is noticed.
    """

    name: str
    source: str
    address: str


def opening(
    market: MarketParameters,
    plan: ScheduledPolicy,
    *,
    policy: DecidingPolicy | None = None,
    four_eyes: bool = False,
) -> Opened:
    """The event that begins a campaign. The plan is brought within the limits first; what they took off it is told.

    Args:
        market: The seller's model.
        plan: What is done; with a policy, what is done where it does not decide.
        policy: Decides each day; None where the plan does.
        four_eyes: Whether somebody else than who proposed has to approve.
    """
    scenario = market.scenario
    kept = feasible_plan(plan, scenario.limits, market.shocks.available)
    text, draws = packed_scenario(scenario)
    decides: Decides = "plan" if policy is None else "policy"
    return Opened(
        scenario=text,
        scenario_hash=scenario.hash,
        draws=draws,
        plan=PlanBytes.of(
            PlannedDays(
                first_day=0,
                spend_base=kept.spend_base,
                daypart_weights=kept.daypart_weights,
                discount_frac=np.minimum(kept.discount_frac, scenario.limits.discount_ceiling),
                mechanic=kept.mechanic,
            )
        ),
        decides=decides,
        policy=plan.name if policy is None else policy.name,
        policy_source="" if policy is None else policy.source,
        policy_address="" if policy is None else policy.address,
        four_eyes=four_eyes,
        cut_base=float(np.maximum(plan.spend_base - kept.spend_base, 0.0).sum()),
        cut_discounts=int((kept.discount_frac > scenario.limits.discount_ceiling).sum()),
    )


def cut_sentences(opened: Opened, money: Callable[[float], str] = "{:,.2f}".format) -> Iterator[str]:
    """What the limits of the scenario took off a plan.

    Args:
        opened: The event.
        money: Writes an amount.
    """
    if opened.cut_base >= 0.005:
        yield f"The limits of the scenario took {money(opened.cut_base)} off the plan."
    if opened.cut_discounts:
        yield f"The ceiling of discounts of the scenario lowered {opened.cut_discounts:,} discounts of the plan."
