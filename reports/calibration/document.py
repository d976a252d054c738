"""What ``xbopt calibrate --json`` prints."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from xbopt.calibration.prices import PriceEstimate
from xbopt.calibration.scenario.calibration import Calibration
from xbopt.reports.calibration.fit_words import fit_sentences
from xbopt.reports.calibration.insight_json import insights_json, quality_json
from xbopt.reports.calibration.self_test import self_test_json
from xbopt.reports.calibration.words import finding_sentence
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.price_words import price_sentences
from xbopt.reports.simulation.document import scenario_json
from xbopt.reports.simulation.vital_signs import warnings_json


def calibration_json(calibration: Calibration, files: Mapping[str, Path]) -> dict[str, object]:
    """The whole document; see docs/semantics.md."""
    numbers = NumberFormat(locale="en", currency=calibration.currency, is_for_terminal=True)
    base = calibration.base
    return {
        "scenario": scenario_json(calibration.scenario),
        "files": {name: str(path) for name, path in files.items()},
        "period": {
            "first": calibration.first.isoformat(),
            "last": calibration.last.isoformat(),
            "days": calibration.days,
        },
        "quality": quality_json(calibration, numbers),
        "countries": []
        if calibration.shop is None
        else [
            {
                "country": country.code,
                "orders": country.orders,
                "customers": country.customers,
                "revenue": country.revenue,
                "left_out": country.reason,
            }
            for country in calibration.shop.countries
            if not country.is_small
        ],
        "segments": []
        if calibration.segments is None
        else [
            {"id": one.id, "customers": one.customers, "revenue_share": one.revenue_share, "stability": one.stability}
            for one in calibration.segments.segments
        ],
        "repeat": []
        if base is None or base.market is None
        else [
            {
                "segment": own.segment,
                "second_order_90": own.repeat.second_order(90).value,
                "second_order_365": own.repeat.second_order(365).value,
                "customers": own.fit.customers,
            }
            for own in base.market.segments
        ],
        "channels": [
            {"id": one.id, "name": one.channel, "spend": one.spend, "days": one.days} for one in calibration.bought
        ],
        "price": _price_json(calibration.price, numbers),
        **insights_json(calibration, numbers),
        "fit": _fit_json(calibration, numbers),
        "self_test": self_test_json(calibration.self_test),
        "next_tests": [asdict(test) for test in calibration.next_tests],
        "numbers_by_evidence": dict(calibration.by_evidence()),
        "findings": [
            {
                "code": finding.code,
                "loud": finding.is_loud,
                "subjects": list(finding.subjects),
                "figures": dict(finding.figures),
                "text": finding_sentence(finding, numbers),
            }
            for finding in calibration.findings
        ],
        "vital_signs": warnings_json(calibration.signs),
    }


def _price_json(price: PriceEstimate | None, numbers: NumberFormat) -> dict[str, object] | None:
    if price is None:
        return None
    return {
        "elasticity": price.elasticity,
        "low": price.low,
        "high": price.high,
        "status": price.status,
        "sentences": list(price_sentences(price, numbers)),
    }


def _fit_json(calibration: Calibration, numbers: NumberFormat) -> dict[str, object] | None:
    fit = calibration.fit
    if fit is None:
        return None
    told = fit.identification
    return {
        "chi_square": fit.chi_square,
        "returns": [
            {
                "channel": one.name,
                "value": float(np.exp(at)),
                "low": float(low),
                "high": float(high),
                "log_sd": float(sd),
                "verdict": one.verdict,
            }
            for one, at, (low, high), sd in zip(
                told.returns,
                fit.returns.log,
                fit.returns.interval(fit.covariance),
                fit.returns.sd(fit.covariance),
                strict=True,
            )
        ],
        "contrasts": [{"of": one.name, "ratio": one.ratio, "verdict": one.verdict} for one in told.contrasts],
        "parameters": [
            {
                "name": one.name,
                "log_factor": float(at),
                "low": float(low),
                "high": float(high),
                "log_sd": float(sd),
                "ratio": one.ratio,
                "verdict": one.verdict,
            }
            for one, at, (low, high), sd in zip(told.parameters, fit.mode, fit.intervals, fit.sd, strict=True)
        ],
        "findings": [asdict(one) for one in fit.findings],
        "sentences": list(fit_sentences(fit, numbers)),
    }
