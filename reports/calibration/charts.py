"""Charts of a fit: fitted against actual, and the response of channels over their spend."""

from collections.abc import Sequence
from typing import cast

import altair as alt

from xbopt.calibration.fit.decomposition import ResponseCurve
from xbopt.calibration.scenario.review import RevenueWeeks
from xbopt.reports.kit import charts

FIT_HEIGHT, CURVE_HEIGHT = 220, 170
_CURVES_A_ROW = 3


def fit_chart(weeks: RevenueWeeks, description: str) -> charts.Spec:
    """Dots are the records, the line is what the fitted market expects, the band its weekly noise."""
    records: list[charts.Record] = [
        {
            "week": charts.local_midnight(week),
            "seen": float(weeks.observed[n]),
            "fitted": float(weeks.expected[n]),
            "low": float(weeks.low[n]),
            "high": float(weeks.high[n]),
        }
        for n, week in enumerate(weeks.weeks)
    ]
    base = charts.chart_of(records).encode(x=alt.X("week:T", title=None))
    money = alt.Axis(labelExpr=charts.MONEY_AXIS, title="Net revenue a week")
    band = base.mark_area(color=charts.SHADES[1]).encode(y=alt.Y("low:Q", axis=money), y2="high:Q")
    line = base.mark_line(color=charts.ACCENT, strokeWidth=2).encode(y="fitted:Q")
    dots = base.mark_circle(color=charts.INK, size=28).encode(y="seen:Q")
    chart = alt.layer(band, line, dots).properties(width="container", height=FIT_HEIGHT)
    return charts.finished(chart, description)


def curves_chart(curves: Sequence[ResponseCurve], description: str) -> charts.Spec:
    """One small chart a channel; the weeks' own range of spend is shaded."""
    records: list[charts.Record] = [
        {
            "channel": curve.channel,
            "spend": float(curve.spend[n]),
            "revenue": float(curve.revenue[n]),
            "low": float(curve.low[n]),
            "high": float(curve.high[n]),
            "from": curve.seen[0] if n == 0 else None,
            "to": curve.seen[1] if n == 0 else None,
        }
        for curve in curves
        for n in range(len(curve.spend))
    ]
    base = alt.Chart()
    money = alt.Axis(labelExpr=charts.MONEY_AXIS, title="Spend a week", tickCount=4)
    gain = alt.Axis(labelExpr=charts.MONEY_AXIS, title="Net revenue added", tickCount=4)
    seen = base.mark_rect(color=charts.HAIRLINE).encode(x=alt.X("from:Q", axis=money), x2="to:Q")
    band = base.mark_area(color=charts.SHADES[2], opacity=0.6).encode(
        x=alt.X("spend:Q", axis=money), y=alt.Y("low:Q", axis=gain), y2="high:Q"
    )
    line = base.mark_line(color=charts.ACCENT, strokeWidth=2).encode(x="spend:Q", y="revenue:Q")
    # A faceted chart looks for its data at the top, not in its layers.
    data = charts.chart_of(records).data
    layered = alt.layer(seen, band, line, data=data).properties(width=230, height=CURVE_HEIGHT)
    # The library says too little of what these calls give.
    faceted = cast("alt.FacetChart", layered.facet(facet=alt.Facet("channel:N", title=None), columns=_CURVES_A_ROW))
    apart = faceted.resolve_scale(x="independent", y="independent")
    return charts.finished(apart, description)
