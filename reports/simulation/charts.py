"""Charts of a simulation: contribution over time, response curves, and what a promotion's extra orders are made of."""

import json
import math
from collections.abc import Sequence

import altair as alt

from xbopt.reports.kit import charts
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.studies.promotion import PromotionLedger
from xbopt.studies.response import ResponseCurve
from xbopt.studies.timeline import Band, Timeline

_MOST_DAY_LABELS = 5


def timeline_chart(
    timeline: Timeline, band: Band, baseline: Sequence[float] | None, numbers: NumberFormat, description: str
) -> charts.Spec:
    """Mean with its range over worlds, and the baseline's mean as a dashed line."""
    days = [charts.local_midnight(day) for day in timeline.starts]
    records: list[charts.Record] = [
        {
            "day": day,
            "mean": round(mean, 2),
            "low": round(low, 2),
            "high": round(high, 2),
            "baseline": None if baseline is None else round(baseline[i], 2),
            "Day": numbers.day(timeline.starts[i]),
            "Mean": numbers.money(mean),
            "5 %": numbers.money(low),
            "95 %": numbers.money(high),
        }
        for i, (day, mean, low, high) in enumerate(zip(days, band.mean, band.low, band.high, strict=True))
    ]
    marked = timeline.starts[:: max(1, math.ceil(len(timeline.starts) / _MOST_DAY_LABELS))]
    words = {day.isoformat(): numbers.short_day(day) for day in marked}
    x = alt.X(
        "day:T",
        title=None,
        axis=alt.Axis(
            values=[charts.local_midnight(day) for day in marked],
            labelExpr=f"({json.dumps(words, ensure_ascii=False)})[timeFormat(datum.value, '%Y-%m-%d')] || ''",
            labelBound=True,
            labelFlush=True,
            grid=False,
        ),
    )
    money = alt.Axis(labelExpr=charts.MONEY_AXIS, tickCount=5)
    base = charts.chart_of(records).encode(x=x)
    area = base.mark_area(color=charts.ACCENT, opacity=0.16).encode(
        y=alt.Y("low:Q", title=None, axis=money), y2="high:Q"
    )
    line = base.mark_line(color=charts.ACCENT, strokeWidth=2).encode(y="mean:Q")
    zero = charts.zero_line("y")
    tips = base.mark_rule(strokeWidth=10, opacity=0).encode(
        tooltip=[
            alt.Tooltip("Day:N"),
            alt.Tooltip("Mean:N"),
            alt.Tooltip("5 %:N"),
            alt.Tooltip("95 %:N"),
        ]
    )
    layers: list[alt.Chart] = [area, zero, line]
    if baseline is not None:
        layers.append(base.mark_line(color=charts.LOSS, strokeWidth=1.5, strokeDash=[5, 4]).encode(y="baseline:Q"))
    return charts.finished(alt.layer(*layers, tips).properties(width="container", height=210), description)


def response_chart(curve: ResponseCurve, numbers: NumberFormat, top: float, description: str) -> charts.Spec:
    """Margin before media against daily spend: solid where planned, dashed beyond, with the break-even line.

    Args:
        curve: The curve.
        numbers: How numbers are written.
        top: Largest margin of all curves, so that all panels share one height.
        description: What the chart shows.
    """
    reach = max(curve.spend[-1], 1e-9)
    pairs = list(zip(curve.spend, curve.margin, strict=True))
    planned: list[charts.Record] = [
        {"spend": x, "margin": y, "part": "planned"} for x, y in pairs if x <= curve.largest_spend
    ]
    beyond: list[charts.Record] = [
        {"spend": x, "margin": y, "part": "beyond"} for x, y in pairs if x >= curve.largest_spend
    ]
    low = min(0.0, *curve.margin)
    x = alt.X(
        "spend:Q",
        title="Spend a day",
        scale=alt.Scale(domain=[0.0, reach], nice=False),
        axis=alt.Axis(labelExpr=charts.MONEY_AXIS, tickCount=4, grid=False),
    )
    y = alt.Y(
        "margin:Q",
        title=None,
        scale=alt.Scale(domain=[low, top * 1.12], nice=False),
        axis=alt.Axis(labelExpr=charts.MONEY_AXIS, tickCount=4),
    )
    lines = (
        charts.chart_of(planned + beyond)
        .mark_line(color=charts.ACCENT, strokeWidth=2.25)
        .encode(
            x=x,
            y=y,
            detail="part:N",
            strokeDash=alt.StrokeDash(
                "part:N", scale=alt.Scale(domain=["planned", "beyond"], range=[[1, 0], [5, 4]]), legend=None
            ),
        )
    )
    end = min(reach, top * 1.12)
    even = (
        charts.chart_of([{"spend": 0.0, "margin": 0.0}, {"spend": end, "margin": end}])
        .mark_line(color=charts.NEUTRAL, strokeWidth=1, strokeDash=[2, 3], clip=True)
        .encode(x=x, y=y)
    )
    layers: list[alt.Chart] = [even, lines]
    compared = not math.isnan(curve.other_spend)
    if compared:
        layers += _mark(curve, numbers, (x, y), words="before", spend=curve.other_spend, margin=curve.other_margin)
    if curve.current_spend > 0.0:
        words = "plan" if compared else "now"
        layers += _mark(curve, numbers, (x, y), words=words, spend=curve.current_spend, margin=curve.current_margin)
    return charts.finished(alt.layer(*layers).properties(width="container", height=190), description)


def _mark(
    curve: ResponseCurve, numbers: NumberFormat, axes: tuple[alt.X, alt.Y], *, words: str, spend: float, margin: float
) -> list[alt.Chart]:
    """A dot on the curve with its spend; a plan that is only compared with is an open dot with words below it."""
    is_other = words == "before"
    here: charts.Record = {
        "spend": spend,
        "margin": margin,
        "label": f"{words} {numbers.short(spend, 'money')}",
        "tip": f"{curve.name}, {words}: {numbers.money(spend)} a day brings {numbers.money(margin)} margin before "
        "media",
    }
    # Words stand where the curve is not: above it on the left, below it on the right, as far as there is room.
    share = spend / max(curve.spend[-1], 1e-9)
    from_left = share < 0.7 if is_other else share < 0.2
    x, y = axes
    point = charts.chart_of([here]).encode(x=x, y=y)
    dot = point.mark_point(
        filled=True,
        size=70,
        fill="#ffffff" if is_other else charts.ACCENT,
        stroke=charts.ACCENT if is_other else "#ffffff",
        strokeWidth=1.5,
        opacity=1,
    )
    text = point.mark_text(
        align="left" if from_left else "right",
        dx=6 if from_left else -6,
        dy=16 if is_other else -12,
        fill=charts.SOFT_INK if is_other else charts.INK,
        fontWeight="normal" if is_other else "bold",
    )
    return [dot.encode(tooltip=alt.Tooltip("tip:N")), text.encode(text="label:N")]


def ledger_chart(ledger: PromotionLedger, numbers: NumberFormat, description: str) -> charts.Spec:
    """One bar: what the bump is made of."""
    parts = (
        ("New demand", ledger.new.mean, charts.ACCENT, "#ffffff"),
        ("Switched", ledger.switched.mean, "#8fb8d4", charts.INK),
        ("Brought forward", ledger.borrowed.mean, charts.LOSS, "#ffffff"),
    )
    records: list[charts.Record] = []
    start, total = 0.0, ledger.bump.mean or 1.0
    for name, amount, colour, ink in parts:
        text = f"{name} {numbers.count(amount)}"
        records.append(
            {
                "from": start,
                "to": start + amount,
                "middle": start + amount / 2.0,
                "colour": colour,
                "ink": ink,
                "label": text if amount / total > 0.14 else "",
                "tip": f"{text} orders, {numbers.share(amount / total)} of the bump",
            }
        )
        start += amount
    base = charts.chart_of(records)
    bars = base.mark_bar(height=34).encode(
        x=alt.X("from:Q", title=None, axis=None, scale=alt.Scale(domain=[0.0, start or 1.0], nice=False)),
        x2="to:Q",
        color=alt.Color("colour:N", scale=None),
        tooltip=alt.Tooltip("tip:N"),
    )
    words = base.mark_text().encode(x="middle:Q", text="label:N", color=alt.Color("ink:N", scale=None))
    return charts.finished(alt.layer(bars, words).properties(width="container", height=40), description)
