"""Figures with their intervals, one a line, and how figures are spread over worlds."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from xbopt.reports.kit.charts import (
    ACCENT,
    HAIRLINE,
    INK,
    LOSS,
    MONEY_AXIS,
    NEUTRAL,
    SOFT_INK,
    Record,
    Spec,
    chart_data,
    finished,
    round_ticks,
)

SHARE_AXIS = "format(datum.value, '.0%')"
ROW_HEIGHT = 30
_TEXT_ROOM = 0.48


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRow:
    """One figure.

    Attributes:
        name: What it belongs to.
        value: The figure.
        low: Lower end of its interval.
        high: Upper end.
        label: Figure and interval, written.
        is_strong: Whether the interval keeps clear of the reference.
    """

    name: str
    value: float
    low: float
    high: float
    label: str
    is_strong: bool


def interval_chart(
    rows: Sequence[IntervalRow],
    *,
    reference: float,
    reference_name: str,
    description: str,
    axis_labels: str = MONEY_AXIS,
) -> Spec:
    """A line from low to high with a dot at the value, grey where nothing is shown; a dashed rule at the reference."""
    records: list[Record] = [
        {
            "name": row.name,
            "value": row.value,
            "low": row.low,
            "high": row.high,
            "colour": ACCENT if row.is_strong else NEUTRAL,
            "label": row.label,
            "tip": f"{row.name}: {row.label}",
        }
        for row in rows
    ]
    low = min([reference, *(row.low for row in rows)])
    high = max([reference, *(row.high for row in rows)])
    reach = (high - low) or max(abs(high), 1.0)
    base, scale, axis = _lines(records, [row.name for row in rows], low, high, reach, axis_labels)
    lines = base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", scale=scale, title=None, axis=axis), x2="high:Q")
    dots = base.mark_point(filled=True, opacity=1.0, size=70).encode(x="value:Q")
    mark = alt.Chart(chart_data([{"at": reference, "text": reference_name}])).encode(x="at:Q")
    rule = mark.mark_rule(color=LOSS, strokeDash=[5, 4], strokeWidth=1.5)
    name = mark.mark_text(align="center", baseline="bottom", fill=SOFT_INK).encode(y=alt.value(-5), text="text:N")
    chart = alt.layer(rule, lines, dots, _labels(base, high, reach), name)
    return finished(chart.properties(width="container", height=ROW_HEIGHT * max(len(rows), 1)), description)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRow:
    """How one figure is spread over worlds.

    Attributes:
        name: What it belongs to.
        p05: 5th percentile.
        p25: 25th percentile.
        p50: Median.
        p75: 75th percentile.
        p95: 95th percentile.
        label: Median and range, written.
    """

    name: str
    p05: float
    p25: float
    p50: float
    p75: float
    p95: float
    label: str


def spread_chart(rows: Sequence[SpreadRow], description: str) -> Spec:
    """A thin line over nine of ten worlds, a bar over half of them, a tick at the median."""
    records: list[Record] = [
        {
            "name": row.name,
            "low": row.p05,
            "quarter": row.p25,
            "half": row.p50,
            "most": row.p75,
            "high": row.p95,
            "colour": ACCENT,
            "label": row.label,
            "tip": f"{row.name}: {row.label}",
        }
        for row in rows
    ]
    low = min([0.0, *(row.p05 for row in rows)])
    high = max([0.0, *(row.p95 for row in rows)])
    reach = (high - low) or 1.0
    base, scale, axis = _lines(records, [row.name for row in rows], low, high, reach, MONEY_AXIS)
    lines = base.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q", scale=scale, title=None, axis=axis), x2="high:Q")
    boxes = base.mark_bar(height=12, opacity=0.45, cornerRadius=1).encode(x="quarter:Q", x2="most:Q")
    ticks = base.mark_tick(thickness=2.5, size=16).encode(x="half:Q")
    zero = alt.Chart(chart_data([{"zero": 0.0}])).mark_rule(color=SOFT_INK, strokeWidth=1).encode(x="zero:Q")
    chart = alt.layer(zero, lines, boxes, ticks, _labels(base, high, reach))
    return finished(chart.properties(width="container", height=ROW_HEIGHT * max(len(rows), 1)), description)


def _lines(
    records: list[Record], names: list[str], low: float, high: float, reach: float, axis_labels: str
) -> tuple[alt.Chart, alt.Scale, alt.Axis]:
    """One line a name, with room for words on the right."""
    scale = alt.Scale(domain=[low - 0.04 * reach, high + _TEXT_ROOM * reach], nice=False, zero=False)
    axis = alt.Axis(labelExpr=axis_labels, values=round_ticks(low, high), gridColor=HAIRLINE)
    base = alt.Chart(chart_data(records)).encode(
        y=alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelColor=INK, labelLimit=230)),
        color=alt.Color("colour:N", scale=None),
        tooltip=alt.Tooltip("tip:N"),
    )
    return base, scale, axis


def _labels(base: alt.Chart, high: float, reach: float) -> alt.Chart:
    # A chart that is coloured by its records colours its words too, unless they have a colour of their own.
    return base.mark_text(align="right").encode(
        x=alt.XDatum(high + (_TEXT_ROOM - 0.01) * reach), text="label:N", color=alt.value(INK)
    )
