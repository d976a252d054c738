"""Tables of a back-test: what its page, its document and the terminal show."""

from datetime import timedelta

import numpy as np

from xbopt.calibration.backtest.backtest import Backtest
from xbopt.calibration.backtest.forecast_scores import ErrorDifference, ForecastScores
from xbopt.calibration.backtest.held_out_days import MEASURES, WEEK, HeldOutDays, Measure
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.backtest.words import MEASURE_WORDS, cause_name
from xbopt.reports.kit.figures import Column, Table, Value
from xbopt.reports.simulation.tables import known
from xbopt.studies.labels import Unit

_UNITS: dict[Measure, Unit] = {"orders": "count", "net_revenue": "money", "visits": "count", "new_customers": "count"}
_BAND_NOTE = "Low and high are the ends of 90% bands: parameters from the scenario's draws, luck on top."


def total_table(scenario: Scenario, held: HeldOutDays) -> Table:
    """Each region and measure: planned, expected given what was done, and what came."""
    rows: list[tuple[Value, ...]] = []
    units: list[Unit] = []
    for name in MEASURES:
        one = held.total[name]
        if not np.isfinite(one.actual).any():
            continue
        for r, region in enumerate(scenario.regions):
            figures = (held.planned[name][r], one.expected[r], one.low[r], one.high[r], one.actual[r])
            place = {1.0: "above", -1.0: "below", 0.0: "inside"}[float(one.outside[r])]
            rows.append((region, MEASURE_WORDS[name], *(known(float(figure)) for figure in figures), place))
            units.append(_UNITS[name])
    return Table(
        key="totals",
        title="Expected and actual",
        columns=(
            Column("region", "Region", "text"),
            Column("measure", "Measure", "text"),
            Column("planned", "Plan", "number", "Expected had the plan been carried out"),
            Column("expected", "Expected", "number", "Expected given what was spent, asked and in stock"),
            Column("low", "Low", "number"),
            Column("high", "High", "number"),
            Column("actual", "Actual", "number", "What came"),
            Column("place", "Band", "text", "Where the actual figure lies"),
        ),
        rows=tuple(rows),
        row_units=tuple(units),
        note=_BAND_NOTE,
    )


def cause_table(scenario: Scenario, held: HeldOutDays, measure: Measure = "net_revenue") -> Table:
    """From the plan's expectation to what came, step by step, by region."""
    regions = range(len(scenario.regions))

    def row(name: str, values: np.ndarray) -> tuple[Value, ...]:
        return (name, known(float(np.nansum(values))), *(known(float(values[r])) for r in regions))

    rows = [row(f"Plan {held.plan}", held.planned[measure])]
    for cause in held.causes:
        values = cause.orders if measure == "orders" else cause.net_revenue
        if np.nan_to_num(values).any():
            rows.append(row(cause_name(cause.code, held), values))
    rows.append(row("Actual", held.total[measure].actual))
    unit = _UNITS[measure]
    return Table(
        key=f"causes_{measure}",
        title=f"{MEASURE_WORDS[measure]}: from plan to actual",
        columns=(
            Column("step", "Step", "text"),
            Column("all", "All", unit),
            *(Column(region, region, unit) for region in scenario.regions),
        ),
        rows=tuple(rows),
        last_is_total=True,
        note="What was done otherwise than planned is taken step by step, in this order; the rest is told by where in "
        "the funnel it arises.",
    )


def channel_table(scenario: Scenario, held: HeldOutDays) -> Table:
    """Spend and clicks by region and channel."""
    rows: list[tuple[Value, ...]] = []
    for r, region in enumerate(scenario.regions):
        for c, channel in enumerate(scenario.channels):
            figures = (
                held.spend_planned[r, c],
                held.spend_actual[r, c],
                held.clicks.expected[r, c],
                held.clicks.low[r, c],
                held.clicks.high[r, c],
                held.clicks.actual[r, c],
            )
            rows.append((f"{region}, {channel}", *(known(float(figure)) for figure in figures)))
    return Table(
        key="channels",
        title="Spend and clicks by channel",
        columns=(
            Column("channel", "Channel", "text"),
            Column("spend_planned", "Spend, plan", "money"),
            Column("spend_actual", "Spend, actual", "money"),
            Column("clicks_expected", "Clicks expected", "count"),
            Column("low", "Low", "count"),
            Column("high", "High", "count"),
            Column("clicks_actual", "Clicks, actual", "count"),
        ),
        rows=tuple(rows),
        note="Clicks as the platform counts them; a platform may count more or less than visits by one and the same "
        "factor.",
    )


def week_table(scenario: Scenario, held: HeldOutDays) -> Table:
    """Orders by week and region."""
    one = held.weekly["orders"]
    return Table(
        key="weeks",
        title="Orders by week",
        columns=(
            Column("week", "Week from", "date"),
            Column("region", "Region", "text"),
            Column("expected", "Expected", "count"),
            Column("low", "Low", "count"),
            Column("high", "High", "count"),
            Column("actual", "Actual", "count"),
        ),
        rows=tuple(
            (
                held.start + timedelta(days=WEEK * w),
                region,
                *(float(part[w, r]) for part in (one.expected, one.low, one.high)),
                known(float(one.actual[w, r])),
            )
            for w in range(len(one.expected))
            for r, region in enumerate(scenario.regions)
        ),
        note=_BAND_NOTE,
    )


def test_table(result: Backtest) -> Table:
    """Lift tests and what was predicted of each without it."""
    units: tuple[Unit, ...] = tuple("count" if one.test.metric == "orders" else "money" for one in result.tests)
    return Table(
        key="tests",
        title="Lift tests, each predicted without itself",
        columns=(
            Column("test", "Test", "text"),
            Column("metric", "Counted", "text"),
            Column("measured", "Measured", "number"),
            Column("se", "Standard error", "number"),
            Column("predicted", "Predicted", "number"),
            Column("low", "Low", "number"),
            Column("high", "High", "number"),
        ),
        rows=tuple(
            (one.test.name, one.test.metric, one.test.lift, one.test.se, one.predicted, one.low, one.high)
            for one in result.tests
        ),
        row_units=units,
        note="Low and high are the ends of 90% bands of the test's result: the market's parameters and its own error.",
    )


def score_table(result: Backtest) -> Table:
    """Errors of the model and of forecasts without one, and how many weeks the bands hold."""
    parts = (("Days of the horizon", result.held_out_scores), ("Rolling origins", result.rolling_scores))
    return Table(
        key="scores",
        title="Forecasts of weekly orders",
        columns=(
            Column("part", "Forecast", "text"),
            Column("weeks", "Weeks", "count", "Weeks of regions"),
            Column("wmape", "Error, model", "share", "Sum of absolute errors over the sum of orders"),
            Column("naive", "Last four weeks", "share", "Error of their mean"),
            Column("seasonal_naive", "Year before", "share", "Error of the same weeks of the year before"),
            Column("model_there", "Model, same weeks", "share", "Its error over the weeks known the year before"),
            Column("covered", "In 90% band", "share", "Share of the weeks"),
            Column("width", "Band width", "share", "Of the bands, over the orders"),
            Column("naive_width", "Needed without", "share", "Width around the last four weeks that holds as many"),
            Column("bias", "Bias", "share", "Expected less actual, over actual"),
        ),
        rows=tuple((name, *_scores(scores)) for name, scores in parts if scores is not None),
    )


def _scores(scores: ForecastScores) -> tuple[Value, ...]:
    yearly: ErrorDifference | None = scores.seasonal_naive
    return (
        float(scores.weeks),
        known(scores.wmape),
        known(scores.naive.other),
        None if yearly is None else known(yearly.other),
        None if yearly is None else known(yearly.model),
        known(scores.covered),
        known(scores.width),
        known(scores.naive_width),
        known(scores.bias),
    )
