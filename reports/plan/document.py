"""A plan for other programs: as one JSON document, and as a spreadsheet."""

from pathlib import Path

from xbopt.core.arrays import FloatArray
from xbopt.core.errors import BudgetError
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.plan.report import PlanReport
from xbopt.reports.plan.worth_knowing import worth_knowing_json
from xbopt.reports.simulation.document import figures_json, marginals_json, number_or_none, scenario_json
from xbopt.studies.plan import ExpectedResult, PlanningResult
from xbopt.studies.value_of_information import ValueOfInformation


def planning_json(result: PlanningResult, *, worth_knowing: ValueOfInformation | None = None) -> dict[str, object]:
    """What ``xbopt plan --json`` prints; see docs/semantics.md for every number."""
    plan, scenario = result.campaign, result.scenario
    found, certificate = result.target, plan.certificate
    return {
        "status": "optimal" if result.is_proven else "feasible",
        "scenario": scenario_json(scenario),
        "goal": plan.goal,
        "target": None if found is None else _target_reached(result),
        "risk": _risk(result),
        "bookable": _bookable(result),
        "resolution": plan.resolution,
        "objective": result.objective,
        "upper_bound": number_or_none(result.upper_bound),
        "relative_gap": number_or_none(result.relative_gap),
        "certificate": {
            "media_value": certificate.value,
            "upper_bound": number_or_none(certificate.upper_bound),
            "relative_gap": number_or_none(certificate.relative_gap),
        },
        "plans_tried": plan.tried,
        "baseline": result.baseline.goals[plan.goal],
        "gain": result.gain,
        "sampled": _sampled(result),
        "lead": _lead(result),
        "cells": plan.cells,
        "solve_seconds": plan.solve_seconds,
        "total_spend": plan.total_spend_base,
        "budget": plan.budget_base,
        "shadow_prices": dict(plan.shadow_prices),
        "withheld_prices": [
            {
                "limit": one.limit,
                "reason": one.reason,
                "price": one.price,
                "more": number_or_none(one.more),
                "less": number_or_none(one.less),
            }
            for one in plan.withheld
        ],
        "binding": list(plan.binding),
        "marginals": marginals_json(result.marginals),
        "expected": {
            "plan": _expected(result.planned),
            "baseline": _expected(result.baseline),
            **({} if result.unbound is None else {"without_target": _expected(result.unbound)}),
            **({} if result.unrounded is None else {"unrounded": _expected(result.unrounded)}),
        },
        "worth_knowing": worth_knowing_json(worth_knowing),
        "spend": _spend_rows(scenario, result.planned.spend_base, result.baseline.spend_base),
        "infeasible": None,
        "notes": list(result.notes),
    }


def infeasible_json(
    scenario: Scenario, error: BudgetError, *, goal: str, target: tuple[str, float] | None
) -> dict[str, object]:
    """The same document where there is no plan: everything of a plan is null, ``infeasible`` tells why.

    ``target`` is the goal and the value of it that was to be reached, if any.
    """
    missing = (
        "risk resolution objective upper_bound relative_gap certificate baseline gain cells solve_seconds total_spend "
        "budget expected worth_knowing sampled lead plans_tried bookable"
    ).split()
    return {
        "status": "infeasible",
        "scenario": scenario_json(scenario),
        "goal": goal,
        "target": None if target is None else {"kpi": target[0], "value": target[1], "reached": None},
        **dict.fromkeys(missing),
        "shadow_prices": {},
        "withheld_prices": [],
        "binding": [],
        "marginals": [],
        "spend": [],
        "infeasible": {
            "conflict": list(error.conflict),
            "cheapest_relaxation": error.cheapest_relaxation or str(error),
        },
        "notes": [],
    }


def _sampled(result: PlanningResult) -> dict[str, object]:
    played = result.sampled
    return {
        "goal": played.goal,
        "worlds": played.worlds,
        "seed": played.seed,
        **figures_json(played.range),
        "worst_decile": number_or_none(played.worst_decile),
        "loss_probability": played.loss_probability,
        "gain": figures_json(result.sampled_gain),
    }


def _lead(result: PlanningResult) -> dict[str, object] | None:
    lead = result.lead
    if lead is None:
        return None
    return {
        "discounts": figures_json(lead.discounts),
        "media": figures_json(lead.media),
        "estimated_elasticities": list(lead.elasticities),
        "estimated_responses": list(lead.responses),
    }


def _target_reached(result: PlanningResult) -> dict[str, object]:
    """The target, what is reached of it, and what it costs against the best plan without it."""
    found, plan, best = result.target, result.planned, result.unbound
    assert found is not None, "called for a target only"
    assert best is not None, "a target comes with the best plan without it"
    costs = {
        name: best.kpis[name] - plan.kpis[name] for name in ("contribution_margin", "media_spend", "discount_cost")
    }
    return {
        "kpi": found.target.kpi,
        "value": found.target.value,
        "reached": number_or_none(found.reached),
        "give_up": found.give_up,
        "reached_by_itself": found.by_itself,
        "plans_made": found.tried,
        "costs": {
            "reward": best.goals["reward"] - plan.goals["reward"],
            "contribution_margin": costs["contribution_margin"],
            "media_spend": -costs["media_spend"],
            "discount_cost": -costs["discount_cost"],
        },
    }


def _risk(result: PlanningResult) -> dict[str, object] | None:
    """Mean and worst tenth over worlds of parameters in expected mode, of the plan and of the one without aversion."""
    risk = result.risk
    if risk is None:
        return None
    spreads = (("plan", risk.spread), ("neutral", risk.neutral))
    return {
        "aversion": risk.aversion,
        "worlds": len(risk.spread.values),
        **{name: {"mean": spread.mean, "worst_decile": spread.worst_decile} for name, spread in spreads},
        "neutral_media_spend": risk.neutral_media_base,
    }


def _bookable(result: PlanningResult) -> dict[str, object] | None:
    """The booking rules, and what they cost against the plan that the bookable one was made from."""
    booking, before = result.booking, result.unrounded
    if booking is None or before is None:
        return None
    rules, goal = result.scenario.document.budget.bookable, result.campaign.goal
    names = dict.fromkeys((goal, "reward", "contribution_margin"))
    return {
        "least_per_day": rules.least_per_day_base,
        "largest_weekly_change": rules.largest_weekly_change_frac,
        "round_to": rules.round_to,
        "costs": {name: before.goals[name] - result.planned.goals[name] for name in names},
        "one_amount_a_week": booking.unrounded.expected - booking.weekly,
        "weeks_dropped": booking.dropped,
        "weeks_raised": booking.raised,
        "unrounded_media_spend": booking.unrounded.total_spend_base,
        "plans_tried": booking.tried,
    }


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


def write_plan_xlsx(report: PlanReport, path: Path | str) -> None:
    """Write the workbook of a plan; a file that is there already is replaced at the end.

    Raises:
        UsageError: The file cannot be written there.
    """
    from xbopt.reports.simulation.workbook import write_xlsx  # only spreadsheets need xlsxwriter

    lines = [
        ("Plan", report.verdict),
        ("Sampled worlds", report.sampled_words),
        ("Spend", report.spend_words),
        ("Limits", report.limits_words),
    ]
    lines += [(fact.label, fact.text) for fact in report.facts]
    lines += [("Note", note) for note in report.result.notes]
    more = {"Moves": report.moves, "Shadow prices": report.limits, "Other assumptions": report.swing_table}
    if report.worth_knowing.rows:
        more["Worth knowing"] = report.worth_knowing
    write_xlsx(report.simulation, path, more=more, first=lines)
