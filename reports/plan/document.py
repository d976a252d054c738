"""A plan as one JSON document, for programs."""

from xbopt.agents.planner.campaign import InfeasiblePlanError
from xbopt.agents.planner.target import Target
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import BudgetError
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.simulation.document import number_or_none, scenario_json
from xbopt.studies.plan import ExpectedResult, PlanningResult


def planning_json(result: PlanningResult) -> dict[str, object]:
    """What ``xbopt plan --json`` prints; see docs/semantics.md for every number."""
    plan, scenario = result.campaign, result.scenario
    found, certificate = result.target, plan.certificate
    return {
        "status": "optimal" if result.is_proven else "feasible",
        "scenario": scenario_json(scenario),
        "goal": plan.goal,
        "target": None if found is None else _target(found.target, missed_base=found.missed_base),
        "resolution": plan.resolution,
        "objective": result.objective,
        "upper_bound": result.upper_bound,
        "relative_gap": result.relative_gap,
        "certificate": {
            "media_value": certificate.value,
            "upper_bound": certificate.upper_bound,
            "relative_gap": certificate.relative_gap,
        },
        "baseline": result.baseline.goals[plan.goal],
        "gain": result.gain,
        "cells": plan.cells,
        "solve_seconds": plan.solve_seconds,
        "total_spend": plan.total_spend_base,
        "budget": plan.budget_base,
        "shadow_prices": dict(plan.shadow_prices),
        "binding": list(plan.binding),
        "expected": {"plan": _expected(result.planned), "baseline": _expected(result.baseline)},
        "spend": _spend_rows(scenario, result.planned.spend_base, result.baseline.spend_base),
        "infeasible": None,
        "notes": list(result.notes),
    }


def infeasible_json(scenario: Scenario, error: BudgetError, *, goal: str, target: Target | None) -> dict[str, object]:
    """The same document where there is no plan: everything of a plan is null, ``infeasible`` tells why."""
    conflict = error.conflict if isinstance(error, InfeasiblePlanError) else ()
    way_out = error.cheapest_relaxation if isinstance(error, InfeasiblePlanError) else str(error)
    missing = (
        "resolution objective upper_bound relative_gap certificate baseline gain cells solve_seconds total_spend "
        "budget expected"
    ).split()
    return {
        "status": "infeasible",
        "scenario": scenario_json(scenario),
        "goal": goal,
        "target": None if target is None else _target(target, missed_base=None),
        **dict.fromkeys(missing),
        "shadow_prices": {},
        "binding": [],
        "spend": [],
        "infeasible": {"conflict": list(conflict), "cheapest_relaxation": way_out},
        "notes": [],
    }


def _target(target: Target, *, missed_base: float | None) -> dict[str, object]:
    return {"kpi": target.kpi, "value": target.value, "largest_spend_that_missed": missed_base}


def _expected(played: ExpectedResult) -> dict[str, float | None]:
    return {name: number_or_none(value) for name, value in {**played.kpis, "reward": played.goals["reward"]}.items()}


def _spend_rows(scenario: Scenario, plan: FloatArray, baseline: FloatArray) -> list[dict[str, object]]:
    """Spend over the horizon by region, segment and channel."""
    return [
        {
            "region": region,
            "segment": segment,
            "channel": channel,
            "plan": float(plan[r, s, c]),
            "baseline": float(baseline[r, s, c]),
        }
        for r, region in enumerate(scenario.regions)
        for s, segment in enumerate(scenario.segments)
        for c, channel in enumerate(scenario.channels)
    ]
