"""How far a figure swings when one assumption after the other is moved: a tornado."""

from collections.abc import Callable, Sequence

import altair as alt

from xbopt.reports.kit import charts

_SMALLER, _LARGER = "#8fb8d4", charts.ACCENT
ROW_HEIGHT = 36


def tornado_chart(
    rows: Sequence[tuple[str, float, float]],
    written: Callable[[float], str],
    smaller: str,
    larger: str,
    description: str,
) -> charts.Spec:
    """Two bars a row from the plan's own figure; pale where the assumption is smaller, dark where it is larger.

    Args:
        rows: An assumption, and the change of the figure where it is smaller and where it is larger; in reading order.
        written: How a change is written.
        smaller: What pale bars stand for.
        larger: What dark bars stand for.
        description: What the chart shows.
    """
    records: list[charts.Record] = [
        {
            "name": name,
            "from": 0.0,
            "to": value,
            "colour": colour,
            "label": written(value),
            "right": value >= 0.0,
            "tip": f"{name} {word}: {written(value)}",
        }
        for name, low, high in rows
        for value, colour, word in ((low, _SMALLER, smaller), (high, _LARGER, larger))
    ]
    # Where both bars lie on one side, the longer one must not hide the shorter one or its figure.
    order = sorted(records, key=lambda record: -abs(float(record["to"] or 0.0)))
    ends = [float(record["to"] or 0.0) for record in records] + [0.0]
    low, high = min(ends), max(ends)
    reach = (high - low) or 1.0
    scale = alt.Scale(domain=[low - 0.16 * reach, high + 0.16 * reach], nice=False)
    axis = alt.Axis(labelExpr=charts.MONEY_AXIS, grid=True, values=charts.round_ticks(low, high))
    names = [name for name, _, _ in rows]
    base = charts.chart_of(order).encode(
        y=alt.Y(
            "name:N",
            sort=names,
            title=None,
            scale=alt.Scale(paddingInner=0.3),
            axis=alt.Axis(labelColor=charts.INK, labelLimit=230, domain=False),
        )
    )
    bars = base.mark_bar(cornerRadius=1).encode(
        x=alt.X("from:Q", scale=scale, title=None, axis=axis),
        x2="to:Q",
        yOffset=alt.YOffset("colour:N", scale=alt.Scale(domain=[_SMALLER, _LARGER], paddingInner=0.1)),
        color=alt.Color("colour:N", scale=None),
        tooltip=alt.Tooltip("tip:N"),
    )
    texts = [
        base.transform_filter(f"datum.right == {str(right).lower()}")
        .mark_text(align="left" if right else "right", dx=5 if right else -5, fill=charts.INK, fontSize=11)
        .encode(
            x=alt.X("to:Q", scale=scale),
            yOffset=alt.YOffset("colour:N", scale=alt.Scale(domain=[_SMALLER, _LARGER], paddingInner=0.1)),
            text="label:N",
        )
        for right in (True, False)
    ]
    zero = charts.zero_line("x")
    chart = alt.layer(bars, zero, *texts).properties(width="container", height=ROW_HEIGHT * max(len(rows), 1))
    return charts.finished(chart, description)
