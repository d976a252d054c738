"""A simulation as one JSON document, for programs."""

import math
from dataclasses import asdict

from xbopt.core.scenario.scenario import Scenario
from xbopt.studies.compare import GapClosed
from xbopt.studies.exploration_cost import ExplorationCost
from xbopt.studies.kpis import KPI_NAMES, Row, WorldRange
from xbopt.studies.marginals import Marginals
from xbopt.studies.plan_cut import PlanCut
from xbopt.studies.simulate import SimulationResult


def simulation_json(result: SimulationResult) -> dict[str, object]:
    """What ``xbopt simulate --json`` prints. Figures that have no meaning are null; there is no NaN in it."""
    performance = result.performance
    return {
        "scenario": scenario_json(result.scenario),
        "policy": {"name": result.policy, "kind": result.policy_kind},
        "runs": result.runs,
        "seed": result.seed,
        "kpis": {name: figures_json(result.kpis[name]) for name in KPI_NAMES},
        "bridge": {term: number_or_none(amount) for term, amount in result.bridge.items()},
        "beside_margin": {
            "customer_value": figures_json(result.customer_value),
            "carried_beyond": figures_json(result.carried_beyond),
        },
        "by_region": [_row(row) for row in result.by_region],
        "by_segment": [_row(row) for row in result.by_segment],
        "by_channel": [_row(row) for row in result.by_channel],
        "notes": list(result.notes),
        "plan_cut": plan_cut_json(result.plan_cut),
        "exploration_cost": None if result.exploration_cost is None else cost_json(result.exploration_cost),
        "performance": {
            "env_days": performance.env_days,
            "seconds": performance.seconds,
            "env_days_per_second": performance.env_days_per_second,
            "engine": performance.engine.name,
            "engine_reason": performance.engine.reason,
        },
    }


def plan_cut_json(cut: PlanCut | None) -> dict[str, object] | None:
    """What limits take from a fixed plan; null where they take nothing."""
    if cut is None:
        return None
    return {
        "plan": cut.plan,
        "planned": cut.planned_base,
        "budget": cut.budget_base,
        "beyond_budget": cut.beyond_budget_base,
        "cut": cut.cut_base,
        "first_day": cut.first_day.isoformat(),
        "by_channel": dict(cut.by_channel),
    }


def cost_json(cost: ExplorationCost) -> dict[str, object]:
    """What a share of exploration takes from the margin."""
    return {
        "share": cost.share,
        "worlds": cost.worlds,
        "mean": cost.cost_base,
        "low": number_or_none(cost.low_base),
        "high": number_or_none(cost.high_base),
        "frac_of_margin": number_or_none(cost.cost_frac),
        "bound_frac": cost.bound_frac,
        "sentence": cost.sentence,
    }


def scenario_json(scenario: Scenario) -> dict[str, object]:
    """Which scenario a document speaks of."""
    return {
        "name": scenario.name,
        "hash": scenario.hash,
        "base_currency": scenario.base_currency,
        "days": scenario.days,
        "regions": list(scenario.regions),
        "segments": list(scenario.segments),
        "channels": list(scenario.channels),
    }


def number_or_none(number: float) -> float | None:
    """JSON has no NaN and no infinity; null says that a figure has no meaning."""
    return number if math.isfinite(number) else None


def figures_json(record: WorldRange | GapClosed) -> dict[str, float | None]:
    """The figures of a record by name; what has no meaning is null."""
    return {name: number_or_none(number) for name, number in asdict(record).items()}


def marginals_json(marginals: Marginals) -> list[dict[str, object]]:
    """What one per cent more and less of each part of a plan's money brings."""
    return [
        {
            "part": row.part,
            "place": list(row.place),
            "first_day": None if row.first_day is None else row.first_day.isoformat(),
            "spend": row.spend_base,
            "more": row.more,
            "less": row.less,
            "return_of_more": number_or_none(row.return_of_more),
            "return_of_last": number_or_none(row.return_of_last),
        }
        for row in marginals.rows
    ]


def _row(row: Row) -> dict[str, object]:
    taken = {"id", "name"} & row.figures.keys()
    assert not taken, f"figures named {taken} would hide the row's own"
    return {"id": row.id, "name": row.name, **{name: figures_json(figure) for name, figure in row.figures.items()}}
