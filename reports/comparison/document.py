"""A comparison as one JSON document, for programs."""

from dataclasses import asdict

from xbopt.core.paired import PairedDifference
from xbopt.reports.simulation.document import figures_json, number_or_none, scenario_json, simulation_json
from xbopt.studies.compare import MEASURES, ComparedPolicy, ComparisonResult


def comparison_json(result: ComparisonResult) -> dict[str, object]:
    """What ``xbopt compare --json`` prints; see docs/semantics.md for every number."""
    beats = result.beats("contribution_margin")
    oracle = result.oracle
    return {
        "scenario": scenario_json(result.scenario),
        "runs": result.runs,
        "seed": result.seed,
        "world_seed": result.world_seed,
        "confidence": result.confidence,
        "first": result.first.name,
        "policies": [_policy(policy) for policy in result.policies],
        "beats": {
            one.name: {other.name: float(beats[i, j]) for j, other in enumerate(result.policies)}
            for i, one in enumerate(result.policies)
        },
        "oracle": None
        if oracle is None
        else {
            "worlds": oracle.worlds,
            **{measure: figures_json(oracle.figures[measure]) for measure in MEASURES},
        },
        "notes": list(result.notes),
    }


def _policy(policy: ComparedPolicy) -> dict[str, object]:
    own = simulation_json(policy.result)
    closed = policy.gap_closed
    return {
        **own,
        "policy": {"name": policy.name, "kind": policy.result.policy_kind, "asked_for": policy.asked_for},
        "reward": figures_json(policy.figures["reward"]),
        "spread": dict(policy.spread),
        "difference": {measure: _difference(policy.difference[measure]) for measure in MEASURES},
        "probability_beats_first": policy.difference["contribution_margin"].beats,
        "gap_closed": None if closed is None else number_or_none(closed["contribution_margin"].value),
        "gap_closed_interval": None if closed is None else {name: figures_json(gap) for name, gap in closed.items()},
    }


def _difference(difference: PairedDifference) -> dict[str, object]:
    figures = asdict(difference)
    del figures["bootstrap_disagrees"]  # a note says so
    return {"probability_beats_first" if name == "beats" else name: figure for name, figure in figures.items()}
