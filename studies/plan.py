"""Planning a scenario: the planner's plan beside the scenario's own. What ``xbopt plan`` does."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from xbopt.agents.planner.aims import Target
from xbopt.agents.planner.blocks import Resolution
from xbopt.agents.planner.campaign import CampaignPlan, plan_campaign
from xbopt.agents.planner.goals import COST, goal_named
from xbopt.agents.planner.policy import usual_resolution
from xbopt.agents.planner.risk import RiskPlan, plan_for_risk
from xbopt.agents.planner.target import GiveUp, TargetPlan, plan_to_target
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.env.rollout import play_worlds
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.frames import Frame, frame_of
from xbopt.studies.kpis import kpi_values
from xbopt.studies.simulate import Progress
from xbopt.studies.totals import CHANNEL_COUNTS, TotalsRecorder

PROVEN_GAP = 1e-6
"""Up to this relative gap a plan counts as an optimum of its last convex program."""
# Playing a plan under the limits may round its spend; more than this share of the goal is told.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedResult:
    """What a plan brings in expected mode, within the scenario's limits.

    Attributes:
        plan: The plan.
        goals: Every goal by name.
        kpis: Every KPI by name; NaN where one has no meaning.
        spend_base: Spend over the horizon ``(R, S, C)``.
    """

    plan: ScheduledPolicy = field(repr=False)
    goals: dict[str, float]
    kpis: dict[str, float]
    spend_base: FloatArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningResult:
    """A plan beside the scenario's own.

    Attributes:
        market: The market.
        campaign: The plan with its certificate.
        target: The target that it reaches, and what is given up for it; None without one.
        planned: What it brings in expected mode.
        baseline: What the scenario's own plan brings.
        unbound: What the best plan without the target brings; None without a target.
        risk: How it was moved for the worst worlds as well; None where it was not.
        notes: What a reader must know.
    """

    market: MarketParameters = field(repr=False)
    campaign: CampaignPlan
    target: TargetPlan | None = field(repr=False)
    planned: ExpectedResult = field(repr=False)
    baseline: ExpectedResult = field(repr=False)
    unbound: ExpectedResult | None = field(repr=False, default=None)
    risk: RiskPlan | None = field(repr=False, default=None)
    notes: tuple[str, ...] = field(repr=False)

    @property
    def kpis(self) -> dict[str, float]:
        """KPIs of the plan in expected mode."""
        return self.planned.kpis

    def to_frame(self) -> Frame:
        """One row a KPI in expected mode: ``kpi``, ``plan`` and ``baseline``, the scenario's own plan; Arrow."""
        before = self.baseline.kpis
        return frame_of({"kpi": name, "plan": plan, "baseline": before[name]} for name, plan in self.kpis.items())

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return self.market.scenario

    @property
    def goal_unit(self) -> Literal["money", "count"]:
        """What the goal is measured in."""
        return "money" if self.campaign.goal == COST.name or goal_named(self.campaign.goal).in_money else "count"

    @property
    def objective(self) -> float:
        """The goal in expected mode."""
        return self.campaign.expected

    @property
    def upper_bound(self) -> float:
        """What no other spend brings more than, in the last convex program."""
        certificate = self.campaign.certificate
        return self.objective + max(certificate.upper_bound - certificate.value, 0.0)

    @property
    def relative_gap(self) -> float:
        """``(upper bound - objective) / |objective|``."""
        return (self.upper_bound - self.objective) / max(abs(self.objective), 1e-300)

    @property
    def is_proven(self) -> bool:
        """Whether the plan is an optimum of its last convex program."""
        return self.relative_gap <= PROVEN_GAP

    @property
    def gain(self) -> float:
        """The goal, less what the scenario's own plan brings of it."""
        return self.objective - self.baseline.goals[self.campaign.goal]


def plan(
    scenario: Scenario | str | Path,
    *,
    goal: str = "reward",
    target: Target | None = None,
    give_up: GiveUp = "reward",
    risk: float = 0.0,
    resolution: Resolution | None = None,
    on_progress: Progress | None = None,
) -> PlanningResult:
    """Plan a scenario and set the plan beside the scenario's own.

    Args:
        scenario: A loaded scenario, a path, or the name of a shipped one.
        goal: What to make as large as possible; with a target that is what is given up least of.
        target: Reach this.
        give_up: What is given up as little as possible of for the target: reward, contribution margin, or the cost of
            media and discounts.
        risk: Plan for the mean over worlds of parameters less so many times its gap to the mean of the worst tenth;
            0 plans for the average market.
        resolution: Length of plan cells; weeks, or four weeks where that would be very many cells, if left out.
        on_progress: Called with the number of plans that were made on the way to a target.

    Raises:
        InfeasiblePlanError: No plan keeps all limits, or reaches the target.
        SolverError: The solver gave up.
        UsageError: The goal is unknown, or does not fit the scenario's return floor; a target comes with ``risk``.
    """
    if risk != 0.0 and target is not None:
        raise UsageError("A target is kept in the average market, so it cannot be planned for risk at once.")
    scenario = scenario_of(scenario)
    market = build_market(scenario)
    length = resolution or usual_resolution(market)
    found: TargetPlan | None = None
    averse: RiskPlan | None = None
    report: Progress = on_progress or (lambda _stage, _done, _total: None)
    if target is None:
        campaign = plan_campaign(market, goal=goal, resolution=length)
    else:
        found = plan_to_target(
            market,
            target,
            give_up=give_up,
            resolution=length,
            on_progress=lambda tried: report("plans made", tried, 0),
        )
        campaign = found.plan
    if risk != 0.0:
        averse = plan_for_risk(
            market, campaign, risk, on_progress=lambda done, total: report("plan for the worst worlds", done, total)
        )
        campaign = averse.plan
    planned = play_expected(market, campaign.schedule)
    baseline = play_expected(market, scenario_plan(market))
    notes = list(campaign.notes)
    if target is None and not goal_named(goal).counts_media:
        notes.append(
            f"The goal {goal} counts neither media nor what discounts cost, so discounts are given wherever "
            "they bring more of it. Look at the contribution margin as well."
        )
    played = planned.goals[campaign.goal]
    if averse is not None and not scenario.document.uncertainty:
        notes.append("The scenario names no uncertain parameters, so there are no worse worlds to plan for.")
    if abs(played - campaign.expected) > _ROUNDING * abs(campaign.expected):
        notes.append(
            f"Played day by day within the limits, the plan brings {played:,.6g} rather than {campaign.expected:,.6g}."
        )
    return PlanningResult(
        market=market,
        campaign=campaign,
        target=found,
        planned=planned,
        baseline=baseline,
        unbound=None if found is None else play_expected(market, found.best.schedule),
        risk=averse,
        notes=tuple(notes),
    )


def play_expected(market: MarketParameters, plan: ScheduledPolicy) -> ExpectedResult:
    """Play a plan in expected mode, within the scenario's limits."""
    adder = TotalsRecorder(market, 1)
    play_worlds(market, plan, worlds=np.zeros(1, dtype=np.int64), seed=0, expected=True, recorders=[adder])
    totals = adder.totals()
    budget = market.scenario.limits.total_base
    kpis = {name: float(values[0]) for name, values in kpi_values(totals, budget_base=budget).items()}
    value = float(totals.customer_value[0])
    goals = {name: kpis[name] for name in ("contribution_margin", "net_revenue", "orders", "new_customers", "visits")}
    return ExpectedResult(
        plan=plan,
        goals={
            "reward": kpis["contribution_margin"] + value,
            **goals,
            COST.name: -kpis["media_spend"] - kpis["discount_cost"],
        },
        kpis={**kpis, "customer_value": value},
        spend_base=totals.channels[0, ..., CHANNEL_COUNTS.index("spend")],
    )
