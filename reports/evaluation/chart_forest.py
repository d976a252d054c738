"""Estimates with their intervals, one a line: a forest plot."""

from collections.abc import Sequence

import altair as alt

from xbopt.ope.results.evaluation import Estimate
from xbopt.reports.evaluation.reward_numbers import RewardNumbers
from xbopt.reports.kit.chart_spec import Record, Spec, chart_data, finished, round_ticks
from xbopt.reports.kit.chart_style import ACCENT, HAIRLINE, INK, LOSS, NEUTRAL, SOFT_INK

ROW_HEIGHT = 30


def forest_chart(
    rows: Sequence[tuple[str, Estimate, bool]],
    reference: float,
    reference_name: str,
    numbers: RewardNumbers,
    description: str,
    *,
    signed: bool = False,
) -> Spec:
    """A line from low to high with a dot at the value; a dashed rule at the reference.

    Args:
        rows: Name, estimate, and whether it is the one to quote.
        reference: What the values are compared with.
        reference_name: What it is.
        numbers: How rewards are written.
        description: What the chart shows.
        signed: Whether the values are differences.
    """
    write = numbers.signed if signed else numbers.reward
    records: list[Record] = [
        {
            "name": name,
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "colour": ACCENT if quoted else NEUTRAL,
            "size": 110.0 if quoted else 55.0,
            "label": f"{write(estimate.value)}  ({numbers.range(estimate, signed=signed)})",
            "tip": f"{name}: {write(estimate.value)}, {numbers.range(estimate, signed=signed)}",
        }
        for name, estimate, quoted in rows
    ]
    ends = [end for _, estimate, _ in rows for end in (estimate.low, estimate.high)] + [reference]
    low, high = min(ends), max(ends)
    reach = (high - low) or max(abs(high), 1.0)
    scale = alt.Scale(domain=[low - 0.04 * reach, high + 0.62 * reach], nice=False, zero=False)
    pattern = "$,.2f" if numbers.is_money and reach < 10.0 else "$,.0f" if numbers.is_money else "~g"
    axis = alt.Axis(format=pattern, values=round_ticks(low, high), gridColor=HAIRLINE)
    base = alt.Chart(chart_data(records)).encode(
        y=alt.Y(
            "name:N", sort=[name for name, _, _ in rows], title=None, axis=alt.Axis(labelColor=INK, labelLimit=230)
        ),
        color=alt.Color("colour:N", scale=None),
        tooltip=alt.Tooltip("tip:N"),
    )
    lines = base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", scale=scale, title=None, axis=axis), x2="high:Q")
    dots = base.mark_point(filled=True, opacity=1.0).encode(x="value:Q", size=alt.Size("size:Q", scale=None))
    words = (
        alt.Chart(chart_data(records))
        .mark_text(align="right", fill=INK)
        .encode(y=alt.Y("name:N", sort=[name for name, _, _ in rows]), x=alt.XDatum(high + 0.6 * reach), text="label:N")
    )
    mark = alt.Chart(chart_data([{"at": reference, "text": reference_name}])).encode(x="at:Q")
    rule = mark.mark_rule(color=LOSS, strokeDash=[5, 4], strokeWidth=1.5)
    name = mark.mark_text(align="center", baseline="bottom", fill=SOFT_INK).encode(y=alt.value(-5), text="text:N")
    chart = alt.layer(rule, lines, dots, words, name).properties(width="container", height=ROW_HEIGHT * len(rows))
    return finished(chart, description)
