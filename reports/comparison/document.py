"""A comparison as one JSON document, for programs."""

from xbopt.reports.simulation.document import number_or_none, scenario_json, simulation_json, world_range_json
from xbopt.studies.compare import MEASURES, ComparedPolicy, ComparisonResult, GapClosed
from xbopt.studies.paired import PairedDifference


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
            **{measure: world_range_json(oracle.figures[measure]) for measure in MEASURES},
        },
        "notes": list(result.notes),
    }


def _policy(policy: ComparedPolicy) -> dict[str, object]:
    own = simulation_json(policy.result)
    closed = policy.gap_closed
    return {
        **own,
        "policy": {"name": policy.name, "kind": policy.result.policy_kind, "asked_for": policy.asked_for},
        "reward": world_range_json(policy.figures["reward"]),
        "spread": dict(policy.spread),
        "difference": {measure: _difference(policy.difference[measure]) for measure in MEASURES},
        "probability_beats_first": policy.difference["contribution_margin"].beats,
        "gap_closed": None if closed is None else number_or_none(closed["contribution_margin"].value),
        "gap_closed_interval": None if closed is None else {name: _gap(gap) for name, gap in closed.items()},
    }


def _difference(difference: PairedDifference) -> dict[str, object]:
    return {
        "mean": difference.mean,
        "se": difference.se,
        "low": difference.low,
        "high": difference.high,
        "bootstrap_low": difference.bootstrap_low,
        "bootstrap_high": difference.bootstrap_high,
        "probability_beats_first": difference.beats,
        "p_value": difference.p_value,
        "holm_p_value": difference.holm_p_value,
        "verdict": difference.verdict,
    }


def _gap(gap: GapClosed) -> dict[str, float | None]:
    return {
        "value": number_or_none(gap.value),
        "se": number_or_none(gap.se),
        "low": number_or_none(gap.low),
        "high": number_or_none(gap.high),
    }
