"""Planning a scenario: the planner's plan beside the scenario's own. What ``xbopt plan`` does."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from xbopt.agents.planner.aims import Target
from xbopt.agents.planner.blocks import Resolution
from xbopt.agents.planner.bookable import BookablePlan, plan_bookable
from xbopt.agents.planner.campaign import CampaignPlan
from xbopt.agents.planner.goals import COST, GOALS, goal_named
from xbopt.agents.planner.policy import plan_freely, usual_resolution
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
from xbopt.studies.kpis import WorldRange, kpi_values
from xbopt.studies.labels import axis_names
from xbopt.studies.marginals import Marginals, marginals_of
from xbopt.studies.plan_evidence import LeadParts, lead_parts
from xbopt.studies.risk import Played, played
from xbopt.studies.simulate import Progress
from xbopt.studies.totals import CHANNEL_COUNTS, TotalsRecorder

PROVEN_GAP = 1e-6
"""Up to this relative gap a plan counts as an optimum of its last convex program."""
# Playing a plan under the limits may round its spend; more than this share of the goal is told.
_ROUNDING = 1e-6
# A channel runs dry where its last week has less than this share of its other days' spend.
_DRY, _LAST_DAYS, _WORTH_A_WORD = 0.2, 7, 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedResult:
    """What a plan brings in expected mode, within the scenario's limits.

    Attributes:
        plan: The plan.
        goals: Every goal by name.
        kpis: Every KPI by name; NaN where one has no meaning.
        spend_base: Spend over the horizon ``(R, S, C)``.
        dutiable_by_day: What duty is taken of ``(T, R)``, base currency.
    """

    plan: ScheduledPolicy = field(repr=False)
    goals: dict[str, float]
    kpis: dict[str, float]
    spend_base: FloatArray = field(repr=False)
    dutiable_by_day: FloatArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningResult:
    """A plan beside the scenario's own.

    Attributes:
        market: The market.
        campaign: The plan with its certificate.
        target: The target that it reaches, and what is given up for it; None without one.
        planned: What it brings in expected mode.
        baseline: What the scenario's own plan brings.
        sampled: The plan in sampled worlds, by its goal; by reward where the goal is to cost little.
        sampled_baseline: The scenario's own plan in the same worlds.
        lead: Its lead in the sampled worlds, by discounts and media; None where its discounts are the own plan's.
        marginals: What one per cent more or less of its money brings.
        unbound: What the best plan without the target brings; None without a target.
        risk: How it was moved for the worst worlds as well; None where it was not.
        booking: How it was brought into amounts that can be booked; None where it was not.
        unrounded: What the plan brings that it was made from then; None without booking.
        notes: What a reader must know.
    """

    market: MarketParameters = field(repr=False)
    campaign: CampaignPlan
    target: TargetPlan | None = field(repr=False)
    planned: ExpectedResult = field(repr=False)
    baseline: ExpectedResult = field(repr=False)
    sampled: Played = field(repr=False)
    sampled_baseline: Played = field(repr=False)
    lead: LeadParts | None = field(repr=False)
    marginals: Marginals = field(repr=False)
    unbound: ExpectedResult | None = field(repr=False, default=None)
    risk: RiskPlan | None = field(repr=False, default=None)
    booking: BookablePlan | None = field(repr=False, default=None)
    unrounded: ExpectedResult | None = field(repr=False, default=None)
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
        return "money" if goal_named(self.campaign.goal).in_money else "count"

    @property
    def objective(self) -> float:
        """The goal on the expected path: no chance, the scenario's own numbers. ``sampled`` has what worlds bring."""
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
        """Whether the plan is an optimum of its last convex program; bookable amounts are no question of one."""
        return self.booking is None and self.relative_gap <= PROVEN_GAP

    @property
    def gain(self) -> float:
        """The goal, less what the scenario's own plan brings of it."""
        return self.objective - self.baseline.goals[self.campaign.goal]

    @property
    def sampled_gain(self) -> WorldRange:
        """The goal, less what the scenario's own plan brings of it, in the same sampled worlds with the same luck."""
        return WorldRange.of(self.sampled.values - self.sampled_baseline.values)


def plan(
    scenario: Scenario | str | Path,
    *,
    goal: str = "reward",
    target: Target | None = None,
    give_up: GiveUp = "reward",
    risk: float = 0.0,
    resolution: Resolution | None = None,
    bookable: bool = False,
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
        bookable: Bring the plan into amounts that can be booked, by ``budget.bookable``.
        on_progress: Called with the number of plans that were made on the way to a target.

    Raises:
        InfeasiblePlanError: No plan keeps all limits, or reaches the target.
        SolverError: The solver gave up.
        UsageError: The goal is unknown, or does not fit the scenario's return floor; a target comes with ``risk`` or
            ``bookable``, or these two together.
    """
    if bookable and (target is not None or risk != 0.0):
        raise UsageError("Bookable amounts are chosen for a goal in the average market, not for a target or for risk.")
    if risk != 0.0 and target is not None:
        raise UsageError("A target is kept in the average market, so it cannot be planned for risk at once.")
    scenario = scenario_of(scenario)
    market = build_market(scenario)
    length = resolution or usual_resolution(market)
    found: TargetPlan | None = None
    averse: RiskPlan | None = None
    report: Progress = on_progress or (lambda _stage, _done, _total: None)
    if target is None:
        campaign = plan_freely(market, goal_named(goal), length)
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
    booking = None
    if bookable:
        report("plan of bookable amounts", 0, 0)
        booking = plan_bookable(market, campaign)
        campaign = booking.plan
    own = scenario_plan(market)
    planned, baseline = play_expected(market, campaign.schedule), play_expected(market, own)
    # Of cost as a goal worlds and marginals say nothing that a reader would ask for.
    measure = GOALS["reward"] if campaign.goal == COST.name else goal_named(campaign.goal)
    notes = list(campaign.notes)
    if target is None and not goal_named(goal).counts_media:
        notes.append(
            f"The goal {goal} counts neither media nor what discounts cost, so discounts are given wherever "
            "they bring more of it. Look at the contribution margin as well."
        )
    notes += dry_endings(scenario, campaign.schedule.spend_base) if measure.counts_media else []
    if averse is not None and not scenario.document.uncertainty:
        notes.append("The scenario names no uncertain parameters, so there are no worse worlds to plan for.")
    within_limits = planned.goals[campaign.goal]
    if abs(within_limits - campaign.expected) > _ROUNDING * abs(campaign.expected):
        notes.append(
            f"Played day by day within the limits, the plan brings {within_limits:,.6g} rather than "
            f"{campaign.expected:,.6g}."
        )
    sampled, sampled_own = (played(market, one, goal=measure.name) for one in (campaign.schedule, own))
    return PlanningResult(
        market=market,
        campaign=campaign,
        target=found,
        planned=planned,
        baseline=baseline,
        sampled=sampled,
        sampled_baseline=sampled_own,
        lead=lead_parts(market, campaign.schedule, own, sampled, sampled_own),
        marginals=marginals_of(market, campaign.schedule, measure),
        unbound=None if found is None else play_expected(market, found.best.schedule),
        risk=averse,
        booking=booking,
        unrounded=None if booking is None else play_expected(market, booking.unrounded.schedule),
        notes=tuple(notes),
    )


def dry_endings(scenario: Scenario, spend_base: FloatArray) -> list[str]:
    """A sentence on channels whose spend falls to next to nothing in the last days, and why.

    Args:
        scenario: The scenario.
        spend_base: Spend of the plan by day ``(T, R, S, C)``.
    """
    days = min(_LAST_DAYS, scenario.days // 2)
    if days == 0:
        return []
    by_day = spend_base.sum(axis=(1, 2))
    last, usual = by_day[-days:].mean(axis=0), by_day[:-days].mean(axis=0)
    dry = (last < _DRY * usual) & (usual > _WORTH_A_WORD * by_day.mean(axis=0).sum())
    if not dry.any():
        return []
    names = ", ".join(name for name, is_dry in zip(axis_names(scenario)[2], dry, strict=True) if is_dry)
    after = scenario.document.horizon.after
    if after.days == 0:
        why = "nothing that media do after the last day is counted (horizon.after.days is 0)"
    else:
        why = "what that would bring there, and leave behind for later days, is worth less than it costs"
    return [f"In the last {days} days the plan spends next to nothing on {names}: {why}."]


def play_expected(market: MarketParameters, plan: ScheduledPolicy) -> ExpectedResult:
    """Play a plan in expected mode, within the scenario's limits."""
    adder = TotalsRecorder(market, 1)
    play_worlds(market, plan, worlds=np.zeros(1, dtype=np.int64), seed=0, expected=True, recorders=[adder])
    totals = adder.totals()
    budget = market.scenario.limits.total_base
    kpis = {name: float(values[0]) for name, values in kpi_values(totals, budget_base=budget).items()}
    goals = {name: kpis[name] for name in ("contribution_margin", "net_revenue", "orders", "new_customers", "visits")}
    return ExpectedResult(
        plan=plan,
        goals={"reward": float(totals.reward[0]), **goals, COST.name: -kpis["media_spend"] - kpis["discount_cost"]},
        kpis={
            **kpis,
            "customer_value": float(totals.customer_value[0]),
            "carried_beyond": float(totals.carried_beyond[0]),
        },
        spend_base=totals.channels[0, ..., CHANNEL_COUNTS.index("spend")],
        dutiable_by_day=totals.dutiable_by_day,
    )
