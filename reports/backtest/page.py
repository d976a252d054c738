"""The back-test's page, laid out in sections."""

from datetime import date, timedelta

import numpy as np

from xbopt.calibration.backtest.backtest import Backtest
from xbopt.calibration.backtest.held_out_days import WEEK, HeldOutDays
from xbopt.calibration.backtest.rolling_origin import RollingForecasts
from xbopt.reports.backtest.charts import WeekSeries, week_chart
from xbopt.reports.backtest.tables import cause_table, channel_table, score_table, test_table, total_table, week_table
from xbopt.reports.backtest.words import REFIT_WORDS, backtest_sentences, cause_name, held_out_sentence
from xbopt.reports.kit.chart_bridge import bridge_chart
from xbopt.reports.kit.figures import BridgeStep, Column, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page_parts import ChartPart, PageContent, Section, table_text
from xbopt.reports.simulation.report import facts_of
from xbopt.reports.simulation.tables import known

_TONES = {"passes": "good", "fails": "bad", "undecided": "even"}
_READING = "Dots: what came, orange outside the band. Line: what was expected. Band: nine of ten worlds."


def backtest_content(result: Backtest, *, locale: str = "en") -> PageContent:
    """The whole page.

    Args:
        result: The back-test.
        locale: How numbers and dates are written.
    """
    scenario = result.scenario
    numbers = NumberFormat(locale=locale, currency=scenario.base_currency)
    verdict, *below = backtest_sentences(result, numbers)
    first = date.fromisoformat(result.start)
    last = first + timedelta(days=result.days - 1)
    records = f"{numbers.day(first)} to {numbers.day(last)} ({result.days})"
    return PageContent(
        kind="Back-test",
        title=scenario.title,
        description=scenario.document.description.strip(),
        facts=facts_of(scenario, numbers, [("Records", records)], runs=result.runs, seed=result.seed),
        verdict=verdict,
        tone=_TONES[result.verdict],
        below_verdict=tuple(below),
        sections=tuple(
            filter(
                None,
                (
                    _why(result, result.held_out, numbers),
                    _weeks(result, result.held_out, numbers),
                    _rolling(result, result.rolling, numbers),
                    _scores(result, numbers),
                ),
            )
        ),
        notes=(
            (
                "Expected figures are given what was spent, asked and in stock on these days: the model is asked what "
                "the market makes of it, not what the seller would do."
            ),
            (
                "The error is the sum of absolute errors over the sum of orders, of weeks and regions. Whether it is "
                "smaller beyond chance is told by resampling runs of four weeks of a region, which hang together."
            ),
            (
                "A fit to days that were seen proves nothing, however good: the model passes only on weeks that it has "
                "not seen."
            ),
        ),
        numbers=numbers,
    )


def _why(result: Backtest, held: HeldOutDays | None, numbers: NumberFormat) -> Section | None:
    if held is None:
        return None
    scenario = result.scenario
    causes = cause_table(scenario, held)
    steps = _steps(held)
    description = "Net revenue, from what the plan expected to what came, step by step."
    return Section(
        key="why",
        title="Expected and actual",
        takeaway=held_out_sentence(held, numbers),
        charts=(
            ChartPart(
                key="causes",
                title="Net revenue: from plan to actual",
                description=description,
                spec=bridge_chart(steps, numbers, description, whole="what came", head="of actual"),
                table=table_text(causes, numbers),
                height=26 * len(steps),
            ),
        ),
        tables=(
            table_text(total_table(scenario, held), numbers),
            table_text(cause_table(scenario, held, "orders"), numbers),
            table_text(channel_table(scenario, held), numbers),
        ),
    )


def _steps(held: HeldOutDays) -> tuple[BridgeStep, ...]:
    """Bars from the plan's net revenue to the actual one, all regions together."""
    whole = float(held.total["net_revenue"].actual.sum())
    at = float(held.planned["net_revenue"].sum())

    def step(key: str, name: str, amount: float, start: float, end: float, *, is_sum: bool) -> BridgeStep:
        share = amount / whole if whole else float("nan")
        kind = "total" if is_sum else "amount"
        return BridgeStep(key=key, name=name, kind=kind, amount=amount, start=start, end=end, of_revenue=share)

    steps = [step("plan", f"Plan {held.plan}", at, 0.0, at, is_sum=True)]
    for cause in held.causes:
        amount = float(np.nansum(cause.net_revenue))
        if amount != 0.0:
            steps.append(step(cause.code, cause_name(cause.code, held), amount, at, at + amount, is_sum=False))
        at += amount
    return (*steps, step("actual", "Actual", whole, 0.0, whole, is_sum=True))


def _weeks(result: Backtest, held: HeldOutDays | None, numbers: NumberFormat) -> Section | None:
    if held is None or not len(held.weekly["orders"].expected):
        return None
    one = held.weekly["orders"]
    starts = [held.start + timedelta(days=WEEK * w) for w in range(len(one.expected))]
    table = week_table(result.scenario, held)
    return Section(
        key="weeks",
        title="Week by week",
        charts=tuple(
            _chart(
                f"week_{region}",
                region,
                WeekSeries(
                    starts=starts,
                    actual=one.actual[:, r],
                    expected=one.expected[:, r],
                    low=one.low[:, r],
                    high=one.high[:, r],
                ),
                Table(
                    key=f"week_{region}",
                    title=region,
                    columns=table.columns,
                    rows=tuple(row for row in table.rows if row[1] == region),
                ),
                numbers,
            )
            for r, region in enumerate(result.scenario.regions)
        ),
        legend=_READING,
    )


def _rolling(result: Backtest, rolling: RollingForecasts | None, numbers: NumberFormat) -> Section | None:
    if rolling is None:
        return None
    end = date.fromisoformat(result.start) + timedelta(days=result.days)
    weeks = sum(len(window.actual) for window in rolling.windows)
    starts = [end - timedelta(days=WEEK * (weeks - w)) for w in range(weeks)]
    actual, expected, low, high, recent, before = (
        np.concatenate([getattr(window, name) for window in rolling.windows])
        for name in ("actual", "forecast", "low", "high", "recent", "year_before")
    )
    columns = (
        Column("week", "Week from", "date"),
        *(Column(key, name, "count") for key, name in _ROLLING_COLUMNS.items()),
    )
    parts: list[ChartPart] = []
    for r, region in enumerate(result.scenario.regions):
        figures = (expected[:, r], low[:, r], high[:, r], actual[:, r], recent[:, r], before[:, r])
        rows = tuple((start, *(known(float(figure[w])) for figure in figures)) for w, start in enumerate(starts))
        table = Table(key=f"rolling_{region}", title=region, columns=columns, rows=rows)
        series = WeekSeries(starts=starts, actual=actual[:, r], expected=expected[:, r], low=low[:, r], high=high[:, r])
        parts.append(_chart(f"rolling_{region}", region, series, table, numbers))
    windows = f"{len(rolling.windows)} windows of {len(rolling.windows[0].actual)} weeks"
    return Section(
        key="rolling",
        title="Forecasts from rolling origins",
        takeaway=f"{windows}; {REFIT_WORDS[rolling.refit]}.",
        charts=tuple(parts),
        legend=_READING,
    )


_ROLLING_COLUMNS = {
    "expected": "Forecast",
    "low": "Low",
    "high": "High",
    "actual": "Actual",
    "recent": "Last four weeks",
    "year_before": "Year before",
}


def _chart(key: str, region: str, series: WeekSeries, table: Table, numbers: NumberFormat) -> ChartPart:
    description = f"Weekly orders in {region}: expected with a 90% band, and what came."
    return ChartPart(
        key=key,
        title=f"Orders a week in {region}",
        description=description,
        spec=week_chart(series, numbers, description),
        table=table_text(table, numbers),
        wide=False,
        height=180,
    )


def _scores(result: Backtest, numbers: NumberFormat) -> Section | None:
    tables = [table for table in (score_table(result), test_table(result)) if table.rows]
    if not tables:
        return None
    texts = tuple(table_text(table, numbers) for table in tables)
    return Section(key="scores", title="Against forecasts without a model, and against tests", tables=texts)
