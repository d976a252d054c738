"""How far a figure swings when one assumption after the other is moved: a tornado."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from xbopt.reports.kit.charts import ACCENT, INK, MONEY_AXIS, SOFT_INK, Record, Spec, chart_data, finished, round_ticks

_SMALLER, _LARGER = "#8fb8d4", ACCENT
ROW_HEIGHT = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class TornadoRow:
    """One assumption.

    Attributes:
        name: Its name.
        smaller: Change of the figure where the assumption is smaller.
        larger: Change where it is larger.
        smaller_text: The same, written.
        larger_text: The same, written.
    """

    name: str
    smaller: float
    larger: float
    smaller_text: str
    larger_text: str


def tornado_chart(rows: Sequence[TornadoRow], smaller: str, larger: str, description: str) -> Spec:
    """Two bars a row from the plan's own figure; pale where the assumption is smaller, dark where it is larger.

    Args:
        rows: The assumptions, in reading order.
        smaller: What pale bars stand for.
        larger: What dark bars stand for.
        description: What the chart shows.
    """
    records: list[Record] = []
    for row in rows:
        for value, text, colour, word in (
            (row.smaller, row.smaller_text, _SMALLER, smaller),
            (row.larger, row.larger_text, _LARGER, larger),
        ):
            records.append(
                {
                    "name": row.name,
                    "from": 0.0,
                    "to": value,
                    "colour": colour,
                    "label": text,
                    "right": value >= 0.0,
                    "tip": f"{row.name} {word}: {text}",
                }
            )
    # Where both bars lie on one side, the longer one must not hide the shorter one or its figure.
    order = sorted(records, key=lambda record: -abs(float(record["to"] or 0.0)))
    ends = [float(record["to"] or 0.0) for record in records] + [0.0]
    low, high = min(ends), max(ends)
    reach = (high - low) or 1.0
    scale = alt.Scale(domain=[low - 0.16 * reach, high + 0.16 * reach], nice=False)
    axis = alt.Axis(labelExpr=MONEY_AXIS, grid=True, values=round_ticks(low, high))
    names = [row.name for row in rows]
    base = alt.Chart(chart_data(order)).encode(
        y=alt.Y(
            "name:N",
            sort=names,
            title=None,
            scale=alt.Scale(paddingInner=0.3),
            axis=alt.Axis(labelColor=INK, labelLimit=230, domain=False),
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
        .mark_text(align="left" if right else "right", dx=5 if right else -5, fill=INK, fontSize=11)
        .encode(
            x=alt.X("to:Q", scale=scale),
            yOffset=alt.YOffset("colour:N", scale=alt.Scale(domain=[_SMALLER, _LARGER], paddingInner=0.1)),
            text="label:N",
        )
        for right in (True, False)
    ]
    zero = alt.Chart(chart_data([{"zero": 0.0}])).mark_rule(color=SOFT_INK, strokeWidth=1).encode(x="zero:Q")
    chart = alt.layer(bars, zero, *texts).properties(width="container", height=ROW_HEIGHT * max(len(rows), 1))
    return finished(chart, description)
