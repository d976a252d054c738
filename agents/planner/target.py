"""Inverse planning: the least spend that reaches a goal.

What the best plan brings never falls as the budget grows, so the least budget is found by bisection. It is helped
along by the chord between the ends of the bracket: more money brings less and less, so the chord meets the target
where the plan nearly always reaches it, and one more look a tolerance below closes the bracket. A midpoint in every
turn keeps the pace of plain bisection where the chord misleads.

The search for a plan finds good plans, not provably best ones. So each budget's value is a lower bound, and the spend
found is enough, but might be undercut by a better search.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.agents.planner.blocks import Resolution, split_horizon
from xbopt.agents.planner.campaign import CampaignPlan, Effort, plan_campaign
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.constraints import scenario_constraints
from xbopt.agents.planner.goals import goal_named
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import UsageError
from xbopt.simulator.parameters import MarketParameters

# Share of the scenario's budget to which the least spend is found, and of a larger budget that would be needed.
_TOLERANCE, _ROUGH = 1e-3, 1e-2
_LARGEST_BUDGET = 16.0
# Where twice the money brings less than this more, relative to the goal, no budget is worth asking for.
_NO_GAIN = 1e-4
# From a plan for a budget nearby, one or two rounds settle the next one.
_EFFORT = Effort(alternations=2, rounds=3, tolerance=1e-5, moves=2)
_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a plan has to reach.

    Attributes:
        kpi: Name of a goal.
        value: At least so much of it, in expected mode.
    """

    kpi: str
    value: float

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read ``KPI=VALUE``.

        Raises:
            UsageError: It is not of that form, or there is no such goal.
        """
        kpi, sign, number = (part.strip() for part in text.partition("="))
        if not sign or not kpi:
            raise UsageError(f"--target {text}: this is not of the form KPI=VALUE, as in orders=500.")
        goal_named(kpi)
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not np.isfinite(value):
            raise UsageError(f"--target {text}: {number!r} is no number.")
        return cls(kpi=kpi, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPlan:
    """The plan that reaches a target with the least spend.

    Attributes:
        target: The target.
        plan: The plan; its budget is the least one found.
        missed_base: Largest budget that was tried and missed; 0 where the least that can be spent is already enough.
        tolerance_base: The least budget lies at most so far below the plan's.
        tried: How many budgets were tried.
    """

    target: Target
    plan: CampaignPlan
    missed_base: float
    tolerance_base: float
    tried: int


@dataclass(slots=True)
class _Search:
    """Plans for one budget after the other, each from the nearest plan at hand."""

    market: MarketParameters
    target: Target
    resolution: Resolution
    on_progress: Callable[[int], None] | None
    tried: list[CampaignPlan] = field(default_factory=list[CampaignPlan])

    def plan(self, budget_base: float, *, effort: Effort | None = None) -> CampaignPlan:
        start: ScheduledPolicy | None = None
        if self.tried:
            start = min(self.tried, key=lambda plan: abs(plan.budget_base - budget_base)).schedule
        is_raised = budget_base > self.market.scenario.limits.total_base
        plan = plan_campaign(
            with_budget(self.market, budget_base) if is_raised else self.market,
            goal=self.target.kpi,
            resolution=self.resolution,
            budget_base=budget_base,
            start=start,
            effort=effort,
        )
        self.tried.append(plan)
        if self.on_progress is not None:
            self.on_progress(len(self.tried))
        return plan

    def reaches(self, plan: CampaignPlan) -> bool:
        return plan.expected >= self.target.value

    def least(self, low: CampaignPlan, high: CampaignPlan, tolerance: float) -> tuple[CampaignPlan, CampaignPlan]:
        """Close in from a plan that misses and one that reaches the target until ``tolerance`` parts their budgets."""
        turn, reached = 0, True
        while (gap := high.budget_base - low.budget_base) > tolerance * (1.0 + 1e-9):
            if turn % 3 == 0:
                rise = high.expected - low.expected
                share = (self.target.value - low.expected) / rise if rise > 0.0 else 0.5
                step = min(max(share * gap, 0.5 * tolerance), gap - 0.5 * tolerance)
            elif turn % 3 == 1:  # the chord's plan is one end now; look just beyond it
                step = gap - tolerance if reached else tolerance
            else:
                step = 0.5 * gap
            plan = self.plan(low.budget_base + step, effort=_EFFORT)
            reached = self.reaches(plan)
            low, high = (low, plan) if reached else (plan, high)
            turn += 1
        return low, high


def plan_to_target(
    market: MarketParameters,
    target: Target,
    *,
    resolution: Resolution = "week",
    on_progress: Callable[[int], None] | None = None,
) -> TargetPlan:
    """Find the plan that reaches a target with the least spend, to 0.1 % of the scenario's budget.

    Args:
        market: The market.
        target: What to reach in expected mode.
        resolution: Length of plan cells.
        on_progress: Called with the number of budgets that were tried.

    Raises:
        InfeasiblePlanError: No plan within the scenario's budget reaches it, or no plan keeps the other limits; it
            names what stands in the way and the cheapest way out.
        SolverError: The solver gave up.
        UsageError: The goal does not fit the scenario's return floor.
    """
    scenario = market.scenario
    total = scenario.limits.total_base
    search = _Search(market=market, target=target, resolution=resolution, on_progress=on_progress)
    whole = search.plan(total)
    if not search.reaches(whole):
        raise _unreachable(search, whole)
    tolerance = _TOLERANCE * total
    constraints = scenario_constraints(scenario, split_horizon(market, resolution))
    promised = float((constraints.matrix @ constraints.least)[0]) * constraints.whole_base
    first = min(promised + tolerance, total)
    low = search.plan(first, effort=_EFFORT) if first < total else whole
    if search.reaches(low):
        return TargetPlan(target=target, plan=low, missed_base=0.0, tolerance_base=first, tried=len(search.tried))
    low, high = search.least(low, whole, tolerance)
    return TargetPlan(
        target=target,
        plan=_noted(high, high.budget_base - low.budget_base, scenario.base_currency),
        missed_base=low.budget_base,
        tolerance_base=high.budget_base - low.budget_base,
        tried=len(search.tried),
    )


def with_budget(market: MarketParameters, total_base: float) -> MarketParameters:
    """The same market with another budget, and the daily limit that goes with it."""
    scenario = market.scenario
    daily = total_base / scenario.days * scenario.document.budget.max_daily_multiple
    limits = replace(scenario.limits, total_base=total_base, daily_base=min(total_base, daily))
    return replace(market, scenario=replace(scenario, limits=limits))


def _noted(plan: CampaignPlan, less: float, currency: str) -> CampaignPlan:
    note = (
        f"A budget {less:,.2f} {currency} smaller was tried and missed the target. Each budget's plan is the best that "
        "the search found, so a better search might need less."
    )
    return replace(plan, notes=(note, *plan.notes))


def _unreachable(search: _Search, whole: CampaignPlan) -> InfeasiblePlanError:
    """Why no plan reaches the target, and what would help."""
    target, currency = search.target, search.market.scenario.base_currency
    best, low = whole, whole
    while not search.reaches(best) and best.budget_base < _LARGEST_BUDGET * whole.budget_base:
        low, best = best, search.plan(2.0 * best.budget_base, effort=_EFFORT)
        if best.expected - low.expected <= _NO_GAIN * abs(low.expected):
            break
    name = f"target {target.kpi}={target.value:.15g}"
    lower = f"Lower the target to {_rounded_down(whole.expected):.15g}"
    if search.reaches(best):
        _, enough = search.least(low, best, _ROUGH * best.budget_base)
        way = f"{lower}, or raise budget.total_base to {_rounded_up(enough.budget_base):,.15g} {currency}."
        return InfeasiblePlanError((name, "budget"), way)
    # A limit may have a price although the last steps left a crumb of it unused.
    others = tuple(limit for limit in dict.fromkeys((*best.binding, *best.shadow_prices)) if limit != "budget")
    limits = f" These limits are in the way as well: {', '.join(others)}." if others else ""
    times = best.budget_base / whole.budget_base
    return InfeasiblePlanError(
        (name, "the market", *others),
        f"{lower}. Even {times:.0f} times the budget brings only {_rounded_down(best.expected):,.15g}.{limits}",
    )


def _rounded_down(value: float) -> float:
    unit = 10.0 ** (np.floor(np.log10(abs(value))) - _DIGITS + 1.0) if value else 1.0
    return float(np.floor(value / unit) * unit)


def _rounded_up(value: float) -> float:
    return -_rounded_down(-value)
