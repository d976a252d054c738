"""The evaluation as JSON: what ``--json`` prints, and the certificate that a policy bundle embeds."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from xbopt.core.documents.seal import sealed
from xbopt.core.files import replace_file
from xbopt.ope.logs.evaluation import LogEvaluation
from xbopt.ope.logs.rows import moment_text
from xbopt.ope.results.confounding import Bounds, HiddenConfounding
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import SupportDiagnostics
from xbopt.ope.results.findings import Finding
from xbopt.reports.evaluation.words import estimand_words

FORMAT = "xbopt.evaluation"
FORMAT_VERSION = 2
_MOST_UNSEEN = 20
_LIBRARIES = ("xbopt", "numpy", "scipy", "pyarrow")


def evaluation_json(evaluation: LogEvaluation) -> dict[str, object]:
    """The evaluation as one JSON document. Figures that have no meaning, or are withheld, are null."""
    result = evaluation.result
    document: dict[str, object] = {
        "verdict": result.verdict,
        "reasons": list(result.reasons),
        "next_steps": list(result.next_steps),
        "findings": [_finding(finding, evaluation) for finding in result.findings],
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
    if result.anytime is not None and result.recommended is not None:
        document["sequence"] = {
            "units": result.anytime.units,
            **_interval(result.anytime.values[result.recommended]),
            "difference": _interval(result.anytime.differences[result.recommended]),
        }
    if result.factors:
        document["factors"] = [{"factor": name, **_support(one)} for name, one in result.factors.items()]
    if result.budget:
        document["budget"] = {name: _estimate(one) for name, one in result.budget.items()}
    if result.period is not None:
        document["period"] = asdict(result.period)
    if result.hidden_confounding is not None:
        document["hidden_confounding"] = _confounding(result.hidden_confounding)
    if evaluation.self_test is not None:
        document["self_test"] = asdict(evaluation.self_test)
    return document


def write_certificate(evaluation: LogEvaluation, path: Path) -> None:
    """Write the certificate as JSON."""
    with replace_file(path) as temporary:
        text = json.dumps(certificate(evaluation), indent=2, allow_nan=False, ensure_ascii=False)
        temporary.write_text(text + "\n", "utf-8")


def certificate(evaluation: LogEvaluation) -> dict[str, object]:
    """The evaluation with all that says what was evaluated on what. The same log and policy give the same bytes."""
    result, log = evaluation.result, evaluation.log
    last = log.profile.last
    return sealed(
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            # From the log, not from the clock: the same evaluation is the same certificate on any day.
            "date": None if last is None else moment_text(last),
            **{key: value for key, value in evaluation_json(evaluation).items() if key not in ("policy", "estimand")},
            "value": None if result.recommended is None else _estimate(result.values[result.recommended]),
            "policy": asdict(evaluation.identity),
            "estimand": {"name": result.estimand, "meaning": " ".join(estimand_words(evaluation))},
            "log": {
                "sha256": log.data_hash(),
                "rows": log.profile.rows,
                "held_out": None if log.judges is None else log.judges.share,
                "first": None if log.profile.first is None else moment_text(log.profile.first),
                "last": None if last is None else moment_text(last),
                "logging_policies": list(log.logging_policies),
                "actions": list(evaluation.action_labels),
                "reward_unit": log.reward_unit,
                "rules": list(evaluation.rules),
            },
            "scenario_hash": log.scenario_hash,
            "seed": evaluation.seed,
            "versions": {name: version(name) for name in _LIBRARIES},
        }
    )


def _finding(finding: Finding, evaluation: LogEvaluation) -> dict[str, object]:
    """A finding by its code: actions and segments by their names, the row counted from 1 in its file."""
    labels, names = evaluation.action_labels, evaluation.result.names
    figures = {
        name: figure if isinstance(figure, str | int) else _number(figure) for name, figure in finding.figures.items()
    }
    return {
        "code": finding.code,
        "level": finding.level,
        **({"factor": finding.factor} if finding.factor else {}),
        "action": None if finding.action is None else labels[finding.action],
        "unseen_actions": [
            {"action": labels[action], "share": share} for action, share in finding.unseen[:_MOST_UNSEEN]
        ],
        "file": finding.file or None,
        "row": None if finding.row is None else finding.row + 1,
        "segment": None if finding.segment is None else names.segment(finding.segment),
        "columns": [names.column(column) for column in finding.columns],
        "figures": figures,
    }


def _confounding(found: HiddenConfounding) -> dict[str, object]:
    def bounds(one: Bounds) -> dict[str, float | None]:
        return {name: _number(value) for name, value in asdict(one).items()}

    return {
        "sign_lost_at": found.sign_lost_at,
        "strongest": found.strongest,
        "bounds": [
            {"strength": one.strength, "value": bounds(one.value), "difference": bounds(one.difference)}
            for one in found.bounds
        ],
    }


def _support(support: SupportDiagnostics) -> dict[str, float | None]:
    names = ("ess", "max_weight", "top_weight_share", "pareto_k", "min_propensity", "unsupported_mass", "mean_weight")
    return {name: _number(getattr(support, name)) for name in names}


def _estimate(estimate: Estimate) -> Mapping[str, float | None]:
    return {name: _number(getattr(estimate, name)) for name in ("value", "se", "low", "high")}


def _interval(estimate: Estimate) -> dict[str, float | None]:
    return {"low": _number(estimate.low), "high": _number(estimate.high)}


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity; null says that a figure has no meaning."""
    return float(value) if math.isfinite(value) else None
