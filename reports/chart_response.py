"""Response curves."""

import altair as alt

from xbopt.reports.chart_spec import Record, Spec, chart_data, finished
from xbopt.reports.chart_style import ACCENT, INK, MONEY_AXIS, NEUTRAL
from xbopt.reports.numbers import NumberFormat
from xbopt.reports.response_curves import ResponseCurve


def response_chart(curve: ResponseCurve, numbers: NumberFormat, top: float, description: str) -> Spec:
    """Margin before media against daily spend: solid where planned, dashed beyond, with the break-even line.

    Args:
        curve: The curve.
        numbers: How numbers are written.
        top: Largest margin of all curves, so that all panels share one height.
        description: What the chart shows.
    """
    reach = max(curve.spend[-1], 1e-9)
    pairs = list(zip(curve.spend, curve.margin, strict=True))
    planned: list[Record] = [{"spend": x, "margin": y, "part": "planned"} for x, y in pairs if x <= curve.largest_spend]
    beyond: list[Record] = [{"spend": x, "margin": y, "part": "beyond"} for x, y in pairs if x >= curve.largest_spend]
    low = min(0.0, *curve.margin)
    x = alt.X(
        "spend:Q",
        title="Spend a day",
        scale=alt.Scale(domain=[0.0, reach], nice=False),
        axis=alt.Axis(labelExpr=MONEY_AXIS, tickCount=4, grid=False),
    )
    y = alt.Y(
        "margin:Q",
        title=None,
        scale=alt.Scale(domain=[low, top * 1.12], nice=False),
        axis=alt.Axis(labelExpr=MONEY_AXIS, tickCount=4),
    )
    lines = (
        alt.Chart(chart_data(planned + beyond))
        .mark_line(color=ACCENT, strokeWidth=2.25)
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
        alt.Chart(chart_data([{"spend": 0.0, "margin": 0.0}, {"spend": end, "margin": end}]))
        .mark_line(color=NEUTRAL, strokeWidth=1, strokeDash=[2, 3], clip=True)
        .encode(x=x, y=y)
    )
    layers: list[alt.Chart] = [even, lines]
    if curve.current_spend > 0.0:
        here: Record = {
            "spend": curve.current_spend,
            "margin": curve.current_margin,
            "label": f"now {numbers.short_money(curve.current_spend)}",
            "tip": f"{curve.name}: {numbers.money(curve.current_spend)} a day brings "
            f"{numbers.money(curve.current_margin)} margin before media",
        }
        point = alt.Chart(chart_data([here])).encode(x=x, y=y)
        layers += [
            point.mark_point(filled=True, size=70, fill=ACCENT, stroke="#ffffff", strokeWidth=1.5, opacity=1).encode(
                tooltip=alt.Tooltip("tip:N")
            ),
            point.mark_text(align="right", dx=-6, dy=-12, fill=INK, fontWeight="bold").encode(text="label:N"),
        ]
    return finished(alt.layer(*layers).properties(width="container", height=190), description)
