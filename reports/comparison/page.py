"""The comparison report laid out in sections."""

import math

from xbopt.reports.comparison.report import ComparisonReport
from xbopt.reports.comparison.words import MEASURE_WORDS
from xbopt.reports.kit.chart_heat import heat_map_chart
from xbopt.reports.kit.chart_intervals import ROW_HEIGHT, SHARE_AXIS, IntervalRow, interval_chart, spread_chart
from xbopt.reports.kit.page_parts import ChartPart, PageContent, Section, heat_table, table_text
from xbopt.reports.simulation.assumptions import sheet_text
from xbopt.reports.simulation.tiles import tile_text
from xbopt.studies.compare import MEASURES, ComparedPolicy


def comparison_content(report: ComparisonReport) -> PageContent:
    """The whole page."""
    numbers, best, first = report.numbers, report.order[0], report.result.first
    changes = "" if best.name == first.name else f" Changes are against {first.name}, world by world."
    return PageContent(
        kind="Comparison of policies",
        title=report.title,
        description=report.description,
        facts=report.facts,
        verdict=report.verdict,
        below_verdict=report.below_verdict,
        tiles=tuple(tile_text(tile, numbers) for tile in report.tiles),
        tiles_legend=f"Large figures are those of {best.name}: means over {numbers.count(report.result.runs)} worlds; "
        f"below them the 5\N{EN DASH}95% range over worlds.{changes}",
        sections=tuple(
            filter(None, (_differences(report), _gap(report), _spread(report), _beats(report), _kpis(report)))
        ),
        sheet=sheet_text(report.assumptions, numbers),
        notes=report.notes,
        numbers=numbers,
    )


def _differences(report: ComparisonReport) -> Section:
    first = report.result.first
    share = report.numbers.level(report.result.confidence)
    shown = [policy for policy in report.order if policy.difference["contribution_margin"].verdict != "not shown"]
    better = sum(policy.difference["contribution_margin"].verdict == "better" for policy in shown)
    others = len(report.order) - 1
    return Section(
        key="differences",
        title=f"Differences to {first.name}",
        takeaway=f"{better} of {others} policies earn more than {first.name}, {len(shown) - better} earn less"
        + (f"; for {others - len(shown)} neither is shown." if others > len(shown) else "."),
        charts=tuple(_difference_chart(report, measure) for measure in MEASURES),
        legend=f"Dot: mean difference over worlds. Line: its {share} confidence interval. Grey: after correction for "
        "the number of comparisons, no difference is shown.",
    )


def _difference_chart(report: ComparisonReport, measure: str) -> ChartPart:
    first = report.result.first
    words = MEASURE_WORDS[measure]

    def signed(amount: float) -> str:
        return report.numbers.signed(amount, "money", short=True)

    description = f"Mean paired difference in {words} to {first.name}, with its confidence interval."
    rows = [
        IntervalRow(
            name=policy.name,
            value=own.mean,
            low=own.low,
            high=own.high,
            label=f"{signed(own.mean)}  ({signed(own.low)} to {signed(own.high)})",
            is_strong=own.verdict != "not shown",
        )
        for policy in report.order
        if policy.name != first.name
        for own in [policy.difference[measure]]
    ]
    return ChartPart(
        key=f"chart-difference-{measure}",
        title=f"{words[0].upper()}{words[1:]}",
        description=description,
        spec=interval_chart(rows, reference=0.0, reference_name=first.name, description=description),
        table=table_text(report.differences[measure], report.numbers),
        height=ROW_HEIGHT * len(rows) + 30,
    )


def _gap(report: ComparisonReport) -> Section | None:
    oracle = report.result.oracle
    rows = [row for policy in report.order for row in _gap_row(report, policy)]
    if oracle is None or not rows:
        return None
    description = "Share of the way from the uniform plan to the planner that knows each world's own parameters."
    chart = ChartPart(
        key="chart-gap",
        title="Gap closed",
        description=description,
        spec=interval_chart(
            rows, reference=1.0, reference_name="knows each world", description=description, axis_labels=SHARE_AXIS
        ),
        table=table_text(report.differences["contribution_margin"], report.numbers),
        height=ROW_HEIGHT * len(rows) + 30,
    )
    return Section(
        key="gap",
        title="How near to the best",
        takeaway=report.below_verdict[-1],
        charts=(chart,),
        legend=f"Contribution margin in the first {oracle.worlds} worlds: 0% is the uniform plan, 100% the planner "
        "that knows each world's own parameters.",
    )


def _gap_row(report: ComparisonReport, policy: ComparedPolicy) -> list[IntervalRow]:
    if policy.gap_closed is None or math.isnan(policy.gap_closed["contribution_margin"].low):
        return []
    gap, share = policy.gap_closed["contribution_margin"], report.numbers.share
    value, low, high = (share(x) for x in (gap.value, gap.low, gap.high))
    label = f"{value}  ({low} to {high})"
    return [
        IntervalRow(name=policy.name, value=gap.value, low=gap.low, high=gap.high, label=label, is_strong=gap.low > 0.0)
    ]


def _spread(report: ComparisonReport) -> Section:
    lowest = {policy.name: policy.spread["contribution_margin"]["min"] for policy in report.order}
    worst, losses = min(lowest, key=lambda name: lowest[name]), sum(margin < 0.0 for margin in lowest.values())
    takeaway = (
        "No policy loses money in any world."
        if losses == 0
        else f"{losses} of {len(report.order)} policies lose money in some worlds; the deepest loss is that of {worst}."
    )
    return Section(
        key="spread",
        title="Spread over worlds",
        takeaway=takeaway,
        charts=tuple(_spread_chart(report, measure) for measure in MEASURES),
        legend="Line: nine of ten worlds. Bar: half of the worlds. Tick: the median world.",
    )


def _spread_chart(report: ComparisonReport, measure: str) -> ChartPart:
    words = MEASURE_WORDS[measure]

    def money(amount: float) -> str:
        return report.numbers.short(amount, "money")

    rows = [
        (policy.name, own, f"{money(own['p50'])}  ({money(own['p05'])} to {money(own['p95'])})")
        for policy in report.order
        for own in [policy.spread[measure]]
    ]
    description = f"Quantiles of {words} over worlds, policy by policy."
    return ChartPart(
        key=f"chart-spread-{measure}",
        title=f"{words[0].upper()}{words[1:]}",
        description=description,
        spec=spread_chart(rows, description),
        table=table_text(report.spreads[measure], report.numbers),
        height=ROW_HEIGHT * len(rows) + 30,
    )


def _beats(report: ComparisonReport) -> Section:
    heat = report.beats
    return Section(
        key="beats",
        title=heat.title,
        takeaway="How often each policy is ahead of each other one in the same world with the same luck.",
        charts=(
            ChartPart(
                key="chart-beats",
                title=heat.title,
                description=heat.description,
                spec=heat_map_chart(heat, report.numbers, wide=True),
                table=heat_table(heat, report.numbers),
                height=30 * (len(heat.rows) + 2),
            ),
        ),
        legend=heat.description,
    )


def _kpis(report: ComparisonReport) -> Section:
    return Section(
        key="kpis",
        title="All policies",
        tables=(table_text(report.kpis, report.numbers),),
    )
