"""A waterfall from one amount to another, step by step."""

from collections.abc import Sequence

import altair as alt

from xbopt.reports.kit import charts
from xbopt.reports.kit.figures import BridgeStep
from xbopt.reports.kit.numbers import NumberFormat

_AMOUNT_AT, _SHARE_AT = 0.21, 0.36
"""Right edges of the two columns of text, in lengths of the longest bar beyond its end."""


def bridge_chart(
    steps: Sequence[BridgeStep],
    numbers: NumberFormat,
    description: str,
    *,
    whole: str = "net revenue",
    head: str = "of net",
) -> charts.Spec:
    """A waterfall that reads downwards; amounts stand in a column of their own.

    Args:
        steps: Its bars.
        numbers: How numbers are written.
        description: What the chart shows.
        whole: What the shares are shares of.
        head: The same, above their column.
    """
    kinds = {"subtotal": charts.NEUTRAL, "total": charts.ACCENT}
    records: list[charts.Record] = [
        {
            "name": step.name,
            "from": min(step.start, step.end),
            "to": max(step.start, step.end),
            "colour": kinds.get(step.kind) or (charts.GAIN if step.amount >= 0.0 else charts.LOSS),
            "label": numbers.money(step.amount),
            "share": numbers.share(step.of_revenue),
            "bold": step.kind != "amount",
            "tip": f"{step.name}: {numbers.money(step.amount)}, {numbers.share(step.of_revenue)} of {whole}",
        }
        for step in steps
    ]
    if records and steps[-1].amount < 0.0:
        records[-1]["colour"] = charts.LOSS
    order = [step.name for step in steps]
    high = max((max(step.start, step.end) for step in steps), default=0.0)
    low = min(0.0, min((min(step.start, step.end) for step in steps), default=0.0))
    reach = (high - low) or 1.0
    base = charts.chart_of(records).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelColor=charts.INK, labelLimit=260, domain=False))
    )
    scale = alt.Scale(domain=[low, high + 0.38 * reach], nice=False)
    axis = alt.Axis(labelExpr=charts.MONEY_AXIS, grid=True, tickCount=6, values=charts.round_ticks(low, high))
    bars = base.mark_bar(height=16, cornerRadius=1).encode(
        x=alt.X("from:Q", scale=scale, title=None, axis=axis),
        x2="to:Q",
        color=alt.Color("colour:N", scale=None),
        tooltip=alt.Tooltip("tip:N"),
    )
    labels = [
        text.encode(x=alt.XDatum(high + at * reach), text=field)
        for text in (
            base.transform_filter("datum.bold == true").mark_text(align="right", fontWeight="bold", fill=charts.INK),
            base.transform_filter("datum.bold == false").mark_text(align="right", fill=charts.INK),
        )
        for at, field in ((_AMOUNT_AT, "label:N"), (_SHARE_AT, "share:N"))
    ]
    heads = [
        charts.chart_of([{"text": text}])
        .mark_text(align="right", fill=charts.SOFT_INK, baseline="bottom")
        .encode(x=alt.XDatum(high + at * reach), y=alt.value(-4), text="text:N")
        for at, text in ((_AMOUNT_AT, "Amount"), (_SHARE_AT, head))
    ]
    chart = alt.layer(bars, *labels, *heads).properties(width="container", height=26 * len(steps))
    return charts.finished(chart, description)
