"""What ``xbopt calibrate --json`` prints."""

from collections.abc import Mapping
from pathlib import Path

from xbopt.calibration.scenario.calibrate import Calibration
from xbopt.reports.calibration.words import finding_sentence
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.document import scenario_json
from xbopt.reports.simulation.vital_signs import warnings_json


def calibration_json(calibration: Calibration, files: Mapping[str, Path]) -> dict[str, object]:
    """The whole document; see docs/semantics.md."""
    shop, cleaned = calibration.shop, calibration.cleaned
    numbers = NumberFormat(locale="en", currency=shop.currency, is_for_terminal=True)
    base = calibration.base
    return {
        "scenario": scenario_json(calibration.scenario),
        "files": {name: str(path) for name, path in files.items()},
        "period": {"first": shop.first.isoformat(), "last": shop.last.isoformat(), "days": shop.days},
        "quality": {
            "rows_in": cleaned.rows_in,
            "rows_by_rule": {count.rule: count.rows for count in cleaned.counts},
            "rows_kept": cleaned.transactions.height,
            "rows_without_customer": cleaned.anonymous.height,
            "refunds": shop.refunds.height,
        },
        "countries": [
            {
                "country": country.code,
                "orders": country.orders,
                "customers": country.customers,
                "revenue": country.revenue,
                "left_out": country.reason,
            }
            for country in shop.countries
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
                "second_order_90": own.fit.second_order(90).value,
                "second_order_365": own.fit.second_order(365).value,
                "customers": own.fit.customers,
            }
            for own in base.market.segments
        ],
        "channels": [
            {"id": one.id, "name": one.channel, "spend": one.spend, "days": one.days}
            for one in calibration.skeleton.bought
        ],
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
