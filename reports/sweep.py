"""A sweep for people and for other programs: its page, its tables and its sentences."""

import json
import math
from collections.abc import Mapping

from xbopt.reports.kit.chart_intervals import ROW_HEIGHT, SHARE_AXIS, IntervalRow, interval_chart
from xbopt.reports.kit.charts import MONEY_AXIS
from xbopt.reports.kit.figures import Column, Fact, Table, Value
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page_parts import ChartPart, PageContent, Section, table_text
from xbopt.studies.labels import KPI_LABELS
from xbopt.studies.sweep_rows import SweepResult, SweepRow, effects

SHOWN_ROWS = 200
"""Rows of the tables for people; the Parquet file has all."""
_CHARTED = 20
_PAIRED = (
    "Points with one seed play the same worlds with the same luck, so their differences are surer than their standard "
    "errors say; xbopt compare tests differences of policies."
)


def sweep_json(result: SweepResult, files: Mapping[str, object]) -> dict[str, object]:
    """What ``xbopt sweep --json`` prints: what was asked for, the files, and one entry a point and seed."""
    document = result.sweep.document
    return {
        "scenario": {"name": result.scenario.name, "hash": result.scenario.hash},
        "run": document.run.model_dump(),
        "parameters": list(document.design.parameters),
        "seeds": document.seeds,
        "figures": document.figures,
        "points": len(result.rows),
        "done_before": result.done_before,
        "files": {name: str(path) for name, path in files.items()},
        "rows": [
            {
                "point": row.point,
                "seed": row.seed,
                "parameters": dict(row.parameters),
                "figures": {name: {"mean": row.mean[name], "se": row.se[name]} for name in row.mean},
                "scenario_hash": row.scenario_hash,
                "error": row.error or None,
            }
            for row in result.rows
        ],
    }


def sweep_sentences(result: SweepResult, numbers: NumberFormat) -> tuple[str, ...]:
    """Which point is ahead by the first figure, and how many points have no figures."""
    failed = result.failed
    without = (
        [f"{len(failed)} of {len(result.rows)} points have no figures; the first says: {failed[0].error}"]
        if failed
        else []
    )
    if not result.ranked:
        return tuple(without)
    first = result.sweep.document.figures[0]
    name, unit = KPI_LABELS[first]
    best = result.ranked[0]
    mean, se, seeds = result.over_seeds(best)
    around = "" if math.isnan(se) else f" (standard error {numbers.number(se, unit)})"
    of_seeds = f", the mean of {seeds} seeds" if seeds > 1 else ""
    verdict = (
        f"{name} is largest at point {best.point} of {numbers.count(len(result.rows))}: "
        f"{numbers.number(mean, unit)}{around}{of_seeds}, with {setting(best)}."
    )
    return (verdict, *without)


def setting(row: SweepRow) -> str:
    """What was set at a point, in a line."""
    return ", ".join(f"{name} {_plain(value)}" for name, value in row.parameters.items())


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def points_table(result: SweepResult) -> Table:
    """The points by the first figure that was asked for, and their parameters; those without it last."""
    document = result.sweep.document
    seeds = len(document.seeds) > 1
    placed = {row.point for row in result.ranked}
    rows = [*result.ranked, *(row for row in result.rows if row.point not in placed)]
    heads = [(name, *KPI_LABELS[name]) for name in document.figures]

    def cells(row: SweepRow) -> tuple[Value, ...]:
        values = (_plain(row.parameters[name]) if name in row.parameters else None for name in names)
        figures = (cell for name in document.figures for cell in (row.mean.get(name), row.se.get(name)))
        return (
            str(row.point),
            *([str(row.seed)] if seeds else []),
            *values,
            *figures,
            row.error.partition("\n")[0] or None,
        )

    names = document.design.parameters
    left = len(rows) - SHOWN_ROWS
    return Table(
        key="points",
        title=f"Points by {KPI_LABELS[document.figures[0]][0]}",
        columns=(
            Column("point", "Point", "text"),
            *([Column("seed", "Seed", "text")] if seeds else []),
            *(Column(name, name, "text") for name in names),
            *(
                column
                for name, head, unit in heads
                for column in (Column(name, head, unit), Column(f"{name}_se", "Standard error", unit))
            ),
            Column("error", "Why there are no figures", "text"),
        ),
        rows=tuple(cells(row) for row in rows[:SHOWN_ROWS]),
        note=f"{left} more points stand in the Parquet file." if left > 0 else "",
    )


def effects_table(result: SweepResult) -> Table:
    """The figures that were asked for by value of each parameter, averaged over all others."""
    figures = result.sweep.document.figures
    found = [effects(result, name) for name in figures]
    return Table(
        key="effects",
        title="Means by value",
        columns=(
            Column("parameter", "Parameter", "text"),
            Column("value", "Value", "text"),
            Column("points", "Points", "count"),
            *(Column(name, *KPI_LABELS[name]) for name in figures),
        ),
        rows=tuple(
            (
                own[0].parameter,
                _plain(own[0].first) + ("" if own[0].first == own[0].last else f" to {_plain(own[0].last)}"),
                float(own[0].points),
                *(one.mean for one in own),
            )
            for own in zip(*found, strict=True)
        ),
        note="Means over the points with that value, whatever the other parameters are.",
    )


def sweep_content(result: SweepResult, *, locale: str = "en") -> PageContent:
    """The whole page."""
    scenario, document = result.scenario, result.sweep.document
    numbers = NumberFormat(locale=locale, currency=scenario.base_currency)
    run = {name: value for name, value in document.run.model_dump(exclude_none=True).items() if value != {}}
    verdict, *below = sweep_sentences(result, numbers)
    design = document.design
    kinds = {"grid": bool(design.grid), "list": bool(design.listed), "Sobol": design.sobol is not None}
    return PageContent(
        kind="Sweep",
        title=document.title or scenario.title or scenario.name,
        description=scenario.document.description.strip(),
        facts=(
            Fact("Scenario", f"{scenario.name}, {scenario.hash}"),
            Fact("Done at each point", ", ".join(f"{name} {_plain(value)}" for name, value in run.items())),
            Fact("Design", ", ".join(kind for kind, used in kinds.items() if used)),
            Fact("Points", numbers.count(len(result.rows))),
            Fact("Seeds", ", ".join(map(str, document.seeds))),
            Fact("Currency", scenario.base_currency),
        ),
        verdict=verdict,
        below_verdict=tuple(below),
        sections=(*_best(result, numbers), _by_parameter(result, numbers), _all(result, numbers)),
        notes=(
            _PAIRED,
            "The best of many points flatters itself: play it anew with another seed before it is relied on.",
            "Every figure of every point stands in results.parquet.",
        ),
        numbers=numbers,
    )


def _best(result: SweepResult, numbers: NumberFormat) -> tuple[Section, ...]:
    first = result.sweep.document.figures[0]
    name, unit = KPI_LABELS[first]
    shown = result.ranked[:_CHARTED]
    if not shown:
        return ()
    middle = result.middle

    def charted(row: SweepRow) -> IntervalRow:
        mean, (low, high) = row.mean[first], row.interval(first)
        written = [numbers.number(value, unit, symbol=False) for value in (mean, low, high)]
        return IntervalRow(
            name=f"Point {row.point}" + (f", seed {row.seed}" if len(result.sweep.document.seeds) > 1 else ""),
            value=mean,
            low=low,
            high=high,
            label=f"{written[0]}  ({written[1]} to {written[2]})",
            is_strong=low > middle,
        )

    description = f"{name} of the points that have most of it, with 95% intervals."
    rows = [charted(row) for row in shown]
    axis = SHARE_AXIS if unit == "share" else MONEY_AXIS
    chart = ChartPart(
        key="chart-best",
        title=name,
        description=description,
        spec=interval_chart(
            rows, reference=middle, reference_name="middle point", description=description, axis_labels=axis
        ),
        table=table_text(points_table(result), numbers),
        height=ROW_HEIGHT * len(rows) + 30,
    )
    above = sum(row.is_strong for row in rows)
    return (
        Section(
            key="best",
            title="Points that are ahead",
            takeaway=f"{above} of the {len(rows)} points that are shown are clearly above the middle point.",
            charts=(chart,),
            legend="Dot: mean over worlds. Line: its 95% interval. Grey: not clearly above the middle point.",
        ),
    )


def _by_parameter(result: SweepResult, numbers: NumberFormat) -> Section:
    return Section(key="parameters", title="By parameter", tables=(table_text(effects_table(result), numbers),))


def _all(result: SweepResult, numbers: NumberFormat) -> Section:
    return Section(key="points", title="All points", tables=(table_text(points_table(result), numbers),))
