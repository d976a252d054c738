"""Weekly orders of a region: what came, what was expected, and the band."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import altair as alt
import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.reports.kit import charts
from xbopt.reports.kit.numbers import NumberFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekSeries:
    """One region's weeks ``(W,)``; weeks without a forecast hold NaN in ``expected``, ``low`` and ``high``."""

    starts: Sequence[date]
    actual: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray


def week_chart(series: WeekSeries, numbers: NumberFormat, description: str) -> charts.Spec:
    """A band and a line of what was expected, with dots for what came; orange dots lie outside the band."""

    def plain(value: float) -> float | None:
        return round(float(value), 2) if np.isfinite(value) else None

    records: list[charts.Record] = [
        {
            "week": charts.local_midnight(start),
            "actual": plain(series.actual[w]),
            "expected": plain(series.expected[w]),
            "low": plain(series.low[w]),
            "high": plain(series.high[w]),
            "colour": charts.LOSS
            if series.actual[w] > series.high[w] or series.actual[w] < series.low[w]
            else charts.INK,
            "Week from": numbers.day(start),
            "Actual": numbers.count(float(series.actual[w])),
            "Expected": numbers.count(float(series.expected[w])),
            "90% band": f"{numbers.count(float(series.low[w]))} to {numbers.count(float(series.high[w]))}",
        }
        for w, start in enumerate(series.starts)
    ]
    x = alt.X("week:T", title=None, axis=alt.Axis(format="%d.%m.", grid=False, tickCount=6, labelBound=True))
    y = alt.Y("low:Q", title=None, axis=alt.Axis(tickCount=4), scale=alt.Scale(zero=True))
    forecast = charts.chart_of([record for record in records if record["expected"] is not None]).encode(x=x)
    area = forecast.mark_area(color=charts.ACCENT, opacity=0.16).encode(y=y, y2="high:Q")
    line = forecast.mark_line(color=charts.ACCENT, strokeWidth=2).encode(y="expected:Q")
    base = charts.chart_of(records).encode(x=x)
    dots = base.mark_point(filled=True, size=34, opacity=1.0).encode(
        y="actual:Q", color=alt.Color("colour:N", scale=None)
    )
    tips = base.mark_rule(strokeWidth=10, opacity=0).encode(
        tooltip=[alt.Tooltip(f"{name}:N") for name in ("Week from", "Actual", "Expected", "90% band")]
    )
    return charts.finished(alt.layer(area, line, dots, tips).properties(width="container", height=180), description)
