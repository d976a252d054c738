"""Figures with their intervals, one a line, and how figures are spread over worlds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt

from xbopt.reports.kit import charts

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
    axis_labels: str = charts.MONEY_AXIS,
    text_room: float = _TEXT_ROOM,
) -> charts.Spec:
    """A line from low to high with a dot at the value; a dashed rule at the reference.

    Args:
        rows: The figures; those that are not strong are grey.
        reference: What the figures are compared with.
        reference_name: What it is.
        description: What the chart shows.
        axis_labels: Vega expression for the labels of the axis.
        text_room: Room for the labels on the right, in lengths of the axis.
    """
    records: list[charts.Record] = [
        {
            **{name: getattr(row, name) for name in ("name", "value", "low", "high", "label")},
            "colour": charts.ACCENT if row.is_strong else charts.NEUTRAL,
            "size": 110.0 if row.is_strong else 55.0,
            "tip": f"{row.name}: {row.label}",
        }
        for row in rows
    ]
    mark = charts.chart_of([{"at": reference, "text": reference_name}]).encode(x="at:Q")
    rule = mark.mark_rule(color=charts.LOSS, strokeDash=[5, 4], strokeWidth=1.5)
    name = mark.mark_text(align="center", baseline="bottom", fill=charts.SOFT_INK).encode(
        y=alt.value(-5), text="text:N"
    )
    base, lines, labels = _lines(records, 2.5, reference, axis_labels, text_room)
    dots = base.mark_point(filled=True, opacity=1.0).encode(x="value:Q", size=alt.Size("size:Q", scale=None))
    return _finished(alt.layer(rule, lines, dots, labels, name), rows, description)


def spread_chart(rows: Sequence[tuple[str, Mapping[str, float], str]], description: str) -> charts.Spec:
    """A thin line over nine of ten worlds, a bar over half of them, a tick at the median.

    Args:
        rows: What a figure belongs to, its quantiles over worlds ``p05``, ``p25``, ``p50``, ``p75`` and ``p95``, and
            median and range, written.
        description: What the chart shows.
    """
    records: list[charts.Record] = [
        {
            "name": name,
            "low": spread["p05"],
            "quarter": spread["p25"],
            "half": spread["p50"],
            "most": spread["p75"],
            "high": spread["p95"],
            "colour": charts.ACCENT,
            "label": label,
            "tip": f"{name}: {label}",
        }
        for name, spread, label in rows
    ]
    base, lines, labels = _lines(records, 1.5, 0.0, charts.MONEY_AXIS, _TEXT_ROOM)
    boxes = base.mark_bar(height=12, opacity=0.45, cornerRadius=1).encode(x="quarter:Q", x2="most:Q")
    ticks = base.mark_tick(thickness=2.5, size=16).encode(x="half:Q")
    zero = charts.zero_line("x")
    return _finished(alt.layer(zero, lines, boxes, ticks, labels), rows, description)


def _lines(
    records: list[charts.Record], width: float, reference: float, axis_labels: str, text_room: float
) -> tuple[alt.Chart, alt.Chart, alt.Chart]:
    """One line a name from low to high with its label on the right, and the chart that they belong to."""
    ends = [float(record[end] or 0.0) for record in records for end in ("low", "high")] + [reference]
    low, high = min(ends), max(ends)
    reach = (high - low) or max(abs(high), 1.0)
    scale = alt.Scale(domain=[low - 0.04 * reach, high + text_room * reach], nice=False, zero=False)
    axis = alt.Axis(labelExpr=axis_labels, values=charts.round_ticks(low, high), gridColor=charts.HAIRLINE)
    names = [str(record["name"]) for record in records]
    base = charts.chart_of(records).encode(
        y=alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelColor=charts.INK, labelLimit=230)),
        color=alt.Color("colour:N", scale=None),
        tooltip=alt.Tooltip("tip:N"),
    )
    lines = base.mark_rule(strokeWidth=width).encode(x=alt.X("low:Q", scale=scale, title=None, axis=axis), x2="high:Q")
    # A chart that is coloured by its records colours its words too, unless they have a colour of their own.
    labels = base.mark_text(align="right").encode(
        x=alt.XDatum(high + (text_room - 0.01) * reach), text="label:N", color=alt.value(charts.INK)
    )
    return base, lines, labels


def _finished(chart: alt.LayerChart | alt.FacetChart, rows: Sequence[object], description: str) -> charts.Spec:
    return charts.finished(chart.properties(width="container", height=ROW_HEIGHT * max(len(rows), 1)), description)
