"""Contribution over time."""

import json
import math
from collections.abc import Sequence

import altair as alt

from xbopt.reports.kit.chart_spec import Record, Spec, chart_data, finished, local_midnight
from xbopt.reports.kit.chart_style import ACCENT, LOSS, MONEY_AXIS, SOFT_INK
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.timeline import Band, Timeline

_MOST_DAY_LABELS = 5


def timeline_chart(
    timeline: Timeline, band: Band, baseline: Sequence[float] | None, numbers: NumberFormat, description: str
) -> Spec:
    """Mean with its range over worlds, and the baseline's mean as a dashed line."""
    days = [local_midnight(day) for day in timeline.starts]
    records: list[Record] = [
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
            values=[local_midnight(day) for day in marked],
            labelExpr=f"({json.dumps(words, ensure_ascii=False)})[timeFormat(datum.value, '%Y-%m-%d')] || ''",
            labelBound=True,
            labelFlush=True,
            grid=False,
        ),
    )
    money = alt.Axis(labelExpr=MONEY_AXIS, tickCount=5)
    base = alt.Chart(chart_data(records)).encode(x=x)
    area = base.mark_area(color=ACCENT, opacity=0.16).encode(y=alt.Y("low:Q", title=None, axis=money), y2="high:Q")
    line = base.mark_line(color=ACCENT, strokeWidth=2).encode(y="mean:Q")
    zero = alt.Chart(chart_data([{"zero": 0.0}])).mark_rule(color=SOFT_INK, strokeWidth=1).encode(y="zero:Q")
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
        layers.append(base.mark_line(color=LOSS, strokeWidth=1.5, strokeDash=[5, 4]).encode(y="baseline:Q"))
    return finished(alt.layer(*layers, tips).properties(width="container", height=210), description)
