"""The simulation report laid out in sections."""

import math

from xbopt.reports.kit.chart_bridge import bridge_chart
from xbopt.reports.kit.chart_heat import heat_map_chart
from xbopt.reports.kit.figures import HeatMap
from xbopt.reports.kit.page_parts import ChartPart, PageContent, Section, heat_table, table_text
from xbopt.reports.simulation.assumptions import sheet_text
from xbopt.reports.simulation.bridge import bridge_table
from xbopt.reports.simulation.charts import ledger_chart, response_chart, timeline_chart
from xbopt.reports.simulation.marginals import marginals_table, marginals_takeaway
from xbopt.reports.simulation.report import SimulationReport
from xbopt.reports.simulation.tables import added_up_table, each_table, ledger_table, response_table
from xbopt.reports.simulation.tiles import tile_text
from xbopt.reports.simulation.words import (
    allocation_takeaway,
    bridge_takeaway,
    discount_takeaway,
    ledger_takeaway,
    limits_takeaway,
    response_takeaway,
    timeline_takeaway,
)
from xbopt.studies.marginals import Marginals

_MOST_REGION_MAPS = 12


def simulation_content(report: SimulationReport) -> PageContent:
    """The whole page."""
    numbers = report.numbers
    paired = any(tile.change is not None and tile.change.ahead is not None for tile in report.tiles)
    changes = " Changes are against the baseline, world by world." if paired else ""
    return PageContent(
        kind="Simulation report",
        title=report.title,
        description=report.description,
        facts=report.facts,
        verdict=" ".join((*report.warnings, report.verdict)),
        below_verdict=(report.comparison,) if report.comparison else (),
        tiles=tuple(tile_text(tile, numbers) for tile in report.tiles),
        tiles_legend=f"Large figures are means over {numbers.count(report.worlds)} worlds; below them the "
        f"5\N{EN DASH}95% range over worlds.{changes}",
        sections=simulation_sections(report),
        sheet=sheet_text(report.assumptions, numbers),
        notes=report.notes,
        numbers=numbers,
    )


def simulation_sections(report: SimulationReport) -> tuple[Section, ...]:
    """All sections but the assumption sheet, in reading order."""
    return (
        _bridge(report),
        _timeline(report),
        _allocation(report),
        _flighting(report),
        _discounts(report),
        _dayparts(report),
        *(() if report.marginals is None else (_marginals(report, report.marginals),)),
        _response(report),
        _results(report),
        _ledger(report),
        _limits(report),
    )


def _bridge(report: SimulationReport) -> Section:
    numbers, table = report.numbers, bridge_table(report.bridge)
    description = "Each bar starts where the one above it ends. Right: the amount, and its share of net revenue."
    return Section(
        key="bridge",
        title="From revenue to margin",
        takeaway=bridge_takeaway(report),
        charts=(
            ChartPart(
                key="chart-bridge",
                title="Revenue-to-margin bridge",
                description=description,
                spec=bridge_chart(report.bridge, numbers, description),
                table=table_text(table, numbers),
                height=26 * len(report.bridge) + 30,
            ),
        ),
        legend="Means over worlds. Amounts are rounded for reading; the unrounded ones sum exactly.",
        lines=report.beside_margin,
    )


def _timeline(report: SimulationReport) -> Section:
    timeline, numbers = report.timeline, report.numbers
    line = "Line: mean over worlds. Band: 5\N{EN DASH}95% of worlds."
    if timeline.baseline:
        line += f" Dashed: mean of the baseline, {timeline.baseline}."
    if timeline.last_is_short:
        line += " The last week is cut short by the end of the horizon, which is why it brings less."
    each = f"Contribution margin a {timeline.period}"
    panels = (
        ("each", each, timeline.each, timeline.baseline_each, each_table(timeline)),
        (
            "added-up",
            "Contribution margin, added up",
            timeline.added_up,
            timeline.baseline_added_up,
            added_up_table(timeline),
        ),
    )
    return Section(
        key="time",
        title="Contribution over time",
        takeaway=timeline_takeaway(report),
        charts=tuple(
            ChartPart(
                key=f"chart-{key}",
                title=title,
                description=(words := f"{title}, mean and 5 to 95 percent range over worlds."),
                spec=timeline_chart(timeline, band, baseline, numbers, words),
                table=table_text(table, numbers),
                wide=False,
                height=240,
            )
            for key, title, band, baseline, table in panels
        ),
        legend=line,
    )


def _heat_part(heat: HeatMap, report: SimulationReport, *, wide: bool) -> ChartPart:
    return ChartPart(
        key=f"chart-{heat.key}",
        title=heat.title,
        description=heat.description,
        spec=heat_map_chart(heat, report.numbers, wide=wide),
        table=heat_table(heat, report.numbers),
        wide=wide,
        height=30 * (len(heat.rows) + 2),
    )


def _allocation(report: SimulationReport) -> Section:
    narrow = 4
    return Section(
        key="allocation",
        title="Budget allocation",
        takeaway=allocation_takeaway(report),
        charts=tuple(_heat_part(heat, report, wide=len(heat.columns) > narrow) for heat in report.allocation),
        legend="Media spend over the whole horizon; darker is more. The maps of single segments share one scale.",
    )


def _flighting(report: SimulationReport) -> Section:
    narrow = 5
    ranked = sorted(report.flighting, key=lambda heat: -math.fsum(value for row in heat.values for value in row))
    kept = {heat.key for heat in ranked[:_MOST_REGION_MAPS]}
    shown = [heat for heat in report.flighting if heat.key in kept]
    left = len(report.flighting) - len(shown)
    missing = f" The {left} regions with the least spend are left out here; the workbook has them." if left else ""
    return Section(
        key="flighting",
        title="Flighting",
        takeaway="When the money is spent, channel by channel. All regions share one scale.",
        charts=tuple(_heat_part(heat, report, wide=len(heat.columns) > narrow) for heat in shown),
        legend=f"Darker is more; all figures are in {report.numbers.currency}.{missing}",
    )


def _discounts(report: SimulationReport) -> Section:
    return Section(
        key="discounts",
        title="Discount calendar",
        takeaway=discount_takeaway(report),
        legend=f"{report.discounts.description} Darker is deeper; the palest cells have no discount.",
        charts=(_heat_part(report.discounts, report, wide=True),),
    )


def _dayparts(report: SimulationReport) -> Section:
    return Section(
        key="dayparts",
        title="Dayparts",
        takeaway="When each channel's money is spent, beside the day of the audience itself.",
        charts=(_heat_part(report.dayparts, report, wide=True),),
    )


def _marginals(report: SimulationReport, marginals: Marginals) -> Section:
    return Section(
        key="marginals",
        title="What a little more or less brings",
        takeaway=marginals_takeaway(marginals),
        legend="What is counted is the goal of a plan, over this horizon in expected mode, carry-over included.",
        tables=(table_text(marginals_table(marginals, report.numbers), report.numbers),),
    )


def _response(report: SimulationReport) -> Section:
    numbers = report.numbers
    top = max((max(curve.margin) for curve in report.response), default=1.0) or 1.0
    return Section(
        key="response",
        title="Response to steady spend",
        takeaway=response_takeaway(report),
        charts=tuple(
            ChartPart(
                key=f"chart-response-{curve.channel}",
                title=curve.name,
                description=(words := f"Margin before media a day against spend a day on {curve.name}."),
                spec=response_chart(curve, numbers, top, words),
                table=table_text(response_table((curve,)), numbers),
                wide=False,
                height=240,
            )
            for curve in report.response
        ),
        legend="Long-run margin before media a day, the same spend every day in the average market; all panels share "
        "one scale upwards. Solid: up to the plan's largest daily spend. Dashed: beyond it. Dotted: "
        "break-even, where the margin equals the spend.",
    )


def _results(report: SimulationReport) -> Section:
    return Section(
        key="results",
        title="Results by region, segment and channel",
        takeaway="Mean over worlds; below it, in small type, the range that holds nine of ten worlds.",
        tables=tuple(table_text(table, report.numbers) for table in report.results),
    )


def _ledger(report: SimulationReport) -> Section:
    table = table_text(ledger_table(report.ledger), report.numbers)
    description = "Extra orders of discounts, split into new demand, orders switched and orders brought forward."
    chart = ChartPart(
        key="chart-ledger",
        title="What the extra orders are made of",
        description=description,
        spec=ledger_chart(report.ledger, report.numbers, description),
        table=table,
        height=44,
        is_open=True,
    )
    return Section(
        key="pull-forward",
        title="Pull-forward ledger",
        takeaway=ledger_takeaway(report),
        charts=() if report.ledger.is_empty else (chart,),
    )


def _limits(report: SimulationReport) -> Section:
    limits = report.limits
    return Section(
        key="limits",
        title="Limits",
        takeaway=limits_takeaway(report),
        tables=(table_text(limits.use, report.numbers), table_text(limits.changes, report.numbers)),
    )
