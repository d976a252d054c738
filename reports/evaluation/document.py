"""The evaluation as JSON: what ``--json`` prints, and the certificate that a policy bundle embeds."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version

from xbopt.ope.logs.evaluation import LogEvaluation
from xbopt.ope.logs.rows import moment_text
from xbopt.ope.results import Estimate, SupportDiagnostics
from xbopt.reports.evaluation.estimands import estimand_words
from xbopt.studies.logged_policies import PolicyIdentity

FORMAT = "xbopt.evaluation"
FORMAT_VERSION = 1
_LIBRARIES = ("xbopt", "numpy", "scipy", "pyarrow")


def evaluation_json(evaluation: LogEvaluation) -> dict[str, object]:
    """The evaluation as one JSON document. Figures that have no meaning, or are withheld, are null."""
    result = evaluation.result
    document: dict[str, object] = {
        "verdict": result.verdict,
        "reasons": list(result.reasons),
        "next_steps": list(result.next_steps),
        "rows": result.rows,
        "rows_left_out": result.rows_censored,
        "policy": evaluation.policy,
        "estimand": result.estimand,
        "confidence": result.confidence,
        "support": _support(result.support),
        "estimates": [{"estimator": name, **_estimate(one)} for name, one in result.estimates.items()],
        "recommended": result.recommended,
        "logging_policy": _estimate(result.logging_policy),
        "difference": None if result.difference is None else _estimate(result.difference),
    }
    if evaluation.anytime is not None:
        document["sequence"] = asdict(evaluation.anytime)
    if result.budget:
        document["budget"] = {name: _estimate(one) for name, one in result.budget.items()}
    if evaluation.self_test is not None:
        document["self_test"] = asdict(evaluation.self_test)
    return document


def certificate(evaluation: LogEvaluation, identity: PolicyIdentity, *, seed: int) -> dict[str, object]:
    """The evaluation with all that says what was evaluated on what. The same log and policy give the same bytes."""
    result, log = evaluation.result, evaluation.log
    last = log.profile.last
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        # From the log, not from the clock: the same evaluation is the same certificate on any day.
        "date": None if last is None else moment_text(last),
        **{key: value for key, value in evaluation_json(evaluation).items() if key not in ("policy", "estimand")},
        "policy": {"name": identity.name, "kind": identity.kind, "sha256": identity.sha256},
        "estimand": {"name": result.estimand, "meaning": " ".join(estimand_words(evaluation))},
        "log": {
            "sha256": log.data_hash(),
            "rows": log.profile.rows,
            "first": None if log.profile.first is None else moment_text(log.profile.first),
            "last": None if last is None else moment_text(last),
            "logging_policies": list(log.logging_policies),
            "actions": list(evaluation.action_labels),
            "reward_unit": log.reward_unit,
            "rules": list(evaluation.rules),
        },
        "scenario_hash": log.scenario_hash,
        "seed": seed,
        "versions": {name: version(name) for name in _LIBRARIES},
    }


def _support(support: SupportDiagnostics) -> dict[str, float | None]:
    names = ("ess", "max_weight", "top_weight_share", "pareto_k", "min_propensity", "unsupported_mass", "mean_weight")
    return {name: _number(getattr(support, name)) for name in names}


def _estimate(estimate: Estimate) -> Mapping[str, float | None]:
    return {name: _number(getattr(estimate, name)) for name in ("value", "se", "low", "high")}


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity; null says that a figure has no meaning."""
    return float(value) if math.isfinite(value) else None
