"""A back-test as one JSON document, for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from xbopt.calibration.backtest.backtest import Backtest
from xbopt.calibration.backtest.forecast_scores import ErrorDifference, ForecastScores
from xbopt.calibration.backtest.held_out_days import MEASURES, WEEK, Compared, HeldOutDays
from xbopt.calibration.backtest.rolling_origin import RollingForecasts
from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.backtest.words import backtest_sentences, finding_sentence
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.document import number_or_none, scenario_json


def backtest_json(result: Backtest) -> dict[str, object]:
    """What ``xbopt backtest --json`` prints; figures that have no meaning are null."""
    numbers = NumberFormat(locale="en", currency=result.scenario.base_currency, is_for_terminal=True)
    return {
        "scenario": scenario_json(result.scenario),
        "records": {"start": result.start, "days": result.days},
        "verdict": result.verdict,
        "sentences": list(backtest_sentences(result, numbers)),
        "findings": [
            {
                "code": finding.code,
                "about": finding.about,
                "figures": {name: number_or_none(value) for name, value in finding.figures.items()},
                "text": finding.text,
                "sentence": finding_sentence(finding, numbers),
            }
            for finding in result.findings
        ],
        "held_out": None
        if result.held_out is None
        else _held_out(result.scenario, result.held_out, result.held_out_scores),
        "rolling": None
        if result.rolling is None or result.rolling_scores is None
        else _rolling(result.scenario, result.rolling, result.rolling_scores),
        "tests": [
            {
                "channel": one.test.channel,
                "regions": list(one.test.regions),
                "start": one.test.start.isoformat(),
                "end": one.test.end.isoformat(),
                "metric": one.test.metric,
                "measured": one.test.lift,
                "se": one.test.se,
                "predicted": number_or_none(one.predicted),
                "low": number_or_none(one.low),
                "high": number_or_none(one.high),
                "refit": one.refit,
            }
            for one in result.tests
        ],
        "runs": result.runs,
        "seed": result.seed,
    }


def _held_out(scenario: Scenario, held: HeldOutDays, scores: ForecastScores | None) -> dict[str, object]:
    regions = scenario.regions
    return {
        "start": held.start.isoformat(),
        "days": held.days,
        "plan": held.plan,
        "planned": {name: _by(regions, held.planned[name]) for name in MEASURES},
        "total": {name: _compared(regions, held.total[name]) for name in MEASURES},
        "weeks": [
            {
                "start": (held.start + timedelta(days=WEEK * week)).isoformat(),
                **{
                    name: _compared(
                        regions,
                        Compared(**{part: getattr(held.weekly[name], part)[week] for part in _PARTS}),
                    )
                    for name in MEASURES
                },
            }
            for week in range(len(held.weekly["orders"].expected))
        ],
        "causes": [
            {
                "code": cause.code,
                "orders": _by(regions, cause.orders),
                "net_revenue": _by(regions, cause.net_revenue),
            }
            for cause in held.causes
        ],
        "channels": [
            {
                "region": region,
                "channel": channel,
                "spend_planned": number_or_none(float(held.spend_planned[r, c])),
                "spend_actual": number_or_none(float(held.spend_actual[r, c])),
                "clicks": {part: number_or_none(float(getattr(held.clicks, part)[r, c])) for part in _PARTS},
            }
            for r, region in enumerate(regions)
            for c, channel in enumerate(scenario.channels)
        ],
        "scores": None if scores is None else _scores(scenario, scores),
    }


_PARTS = ("actual", "expected", "low", "high")


def _rolling(scenario: Scenario, rolling: RollingForecasts, scores: ForecastScores) -> dict[str, object]:
    figures = {"actual": "actual", "expected": "forecast", "low": "low", "high": "high", "naive": "recent"}
    return {
        "refit": rolling.refit,
        "reason": rolling.reason,
        "windows": [
            {
                "first_week": window.first_week,
                "weeks": [
                    {
                        region: {
                            **{
                                name: number_or_none(float(getattr(window, part)[w, r]))
                                for name, part in figures.items()
                            },
                            "seasonal_naive": number_or_none(float(window.year_before[w, r])),
                        }
                        for r, region in enumerate(scenario.regions)
                    }
                    for w in range(len(window.actual))
                ],
            }
            for window in rolling.windows
        ],
        "scores": _scores(scenario, scores),
    }


def _scores(scenario: Scenario, scores: ForecastScores) -> dict[str, object]:
    return {
        "wmape": number_or_none(scores.wmape),
        "bias": number_or_none(scores.bias),
        "covered": number_or_none(scores.covered),
        "width": number_or_none(scores.width),
        "naive_width": number_or_none(scores.naive_width),
        "by_region": {
            region: number_or_none(error) for region, error in zip(scenario.regions, scores.by_region, strict=True)
        },
        "naive": _difference(scores.naive),
        "seasonal_naive": None if scores.seasonal_naive is None else _difference(scores.seasonal_naive),
        "windows": scores.windows,
        "weeks": scores.weeks,
    }


def _difference(difference: ErrorDifference) -> Mapping[str, object]:
    return {name: number_or_none(value) for name, value in asdict(difference).items()}


def _by(regions: Sequence[str], values: FloatArray) -> dict[str, float | None]:
    return {region: number_or_none(float(value)) for region, value in zip(regions, values, strict=True)}


def _compared(regions: Sequence[str], one: Compared) -> dict[str, dict[str, float | None]]:
    return {
        region: {part: number_or_none(float(getattr(one, part)[r])) for part in _PARTS}
        for r, region in enumerate(regions)
    }
