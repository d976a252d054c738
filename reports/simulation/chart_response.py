"""Response curves."""

import math

import altair as alt

from xbopt.reports.kit.chart_spec import Record, Spec, chart_data, finished
from xbopt.reports.kit.chart_style import ACCENT, INK, MONEY_AXIS, NEUTRAL, SOFT_INK
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.response_curves import ResponseCurve


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
    compared = not math.isnan(curve.other_spend)
    if compared:
        layers += _mark(curve, numbers, (x, y), words="before", spend=curve.other_spend, margin=curve.other_margin)
    if curve.current_spend > 0.0:
        words = "plan" if compared else "now"
        layers += _mark(curve, numbers, (x, y), words=words, spend=curve.current_spend, margin=curve.current_margin)
    return finished(alt.layer(*layers).properties(width="container", height=190), description)


def _mark(
    curve: ResponseCurve, numbers: NumberFormat, axes: tuple[alt.X, alt.Y], *, words: str, spend: float, margin: float
) -> list[alt.Chart]:
    """A dot on the curve with its spend; a plan that is only compared with is an open dot with words below it."""
    is_other = words == "before"
    here: Record = {
        "spend": spend,
        "margin": margin,
        "label": f"{words} {numbers.short_money(spend)}",
        "tip": f"{curve.name}, {words}: {numbers.money(spend)} a day brings {numbers.money(margin)} margin before "
        "media",
    }
    # Words stand where the curve is not: above it on the left, below it on the right, as far as there is room.
    share = spend / max(curve.spend[-1], 1e-9)
    from_left = share < 0.7 if is_other else share < 0.2
    x, y = axes
    point = alt.Chart(chart_data([here])).encode(x=x, y=y)
    dot = point.mark_point(
        filled=True,
        size=70,
        fill="#ffffff" if is_other else ACCENT,
        stroke=ACCENT if is_other else "#ffffff",
        strokeWidth=1.5,
        opacity=1,
    )
    text = point.mark_text(
        align="left" if from_left else "right",
        dx=6 if from_left else -6,
        dy=16 if is_other else -12,
        fill=SOFT_INK if is_other else INK,
        fontWeight="normal" if is_other else "bold",
    )
    return [dot.encode(tooltip=alt.Tooltip("tip:N")), text.encode(text="label:N")]
