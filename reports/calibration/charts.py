"""Charts of a fit: fitted against actual, the response of channels over their spend; and the coming weeks."""

from datetime import timedelta

import altair as alt

from xbopt.calibration.customers.demand import DemandForecast
from xbopt.calibration.fit.decomposition import ResponseCurve
from xbopt.calibration.scenario.review import RevenueWeeks
from xbopt.reports.kit import charts

FIT_HEIGHT, CURVE_HEIGHT, DEMAND_HEIGHT = 220, 170, 200
_WEEK, _WEEKS_SHOWN = 7, 52


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


def curve_chart(curve: ResponseCurve, description: str) -> charts.Spec:
    """Line: what a channel adds over its spend, its band beside it; grey: the range of spend of the weeks seen."""
    records: list[charts.Record] = [
        {"spend": float(x), "revenue": float(y), "low": float(low), "high": float(high)}
        for x, y, low, high in zip(curve.spend, curve.revenue, curve.low, curve.high, strict=True)
    ]
    x = alt.X("spend:Q", title="Spend a week", axis=alt.Axis(labelExpr=charts.MONEY_AXIS, tickCount=4, grid=False))
    y = alt.Y("low:Q", title=None, axis=alt.Axis(labelExpr=charts.MONEY_AXIS, tickCount=4))
    low, high = curve.seen
    # A channel that always spent the same was seen at one level: the mark stays wide enough to be found.
    wide = max(high, low + 0.01 * float(curve.spend[-1]))
    seen = charts.chart_of([{"from": low, "to": wide}]).mark_rect(color=charts.HAIRLINE).encode(x="from:Q", x2="to:Q")
    base = charts.chart_of(records).encode(x=x)
    band = base.mark_area(color=charts.SHADES[2], opacity=0.6).encode(y=y, y2="high:Q")
    line = base.mark_line(color=charts.ACCENT, strokeWidth=2).encode(y="revenue:Q")
    chart = alt.layer(seen, band, line).properties(width="container", height=CURVE_HEIGHT)
    return charts.finished(chart, description)


def demand_chart(model: DemandForecast, description: str) -> charts.Spec:
    """Dots are orders of the last whole weeks, the line is what is expected of the coming ones, the band its error."""
    end = model.first_day + timedelta(days=len(model.orders))
    weeks = min(len(model.orders) // _WEEK, _WEEKS_SHOWN)
    seen = model.orders[len(model.orders) - _WEEK * weeks :].reshape(weeks, _WEEK).sum(axis=1)
    past: list[charts.Record] = [
        {"week": charts.local_midnight(end - timedelta(days=_WEEK * (weeks - n))), "orders": float(sum_)}
        for n, sum_ in enumerate(seen)
    ]
    coming: list[charts.Record] = [
        {
            "week": charts.local_midnight(end + timedelta(days=_WEEK * n)),
            "orders": week.value,
            "low": week.low,
            "high": week.high,
        }
        for n, week in enumerate(model.weeks)
    ]
    x = alt.X("week:T", title=None)
    count = alt.Axis(title="Orders a week", tickCount=4)
    base = charts.chart_of(coming).encode(x=x)
    band = base.mark_area(color=charts.SHADES[1]).encode(y=alt.Y("low:Q", axis=count), y2="high:Q")
    line = base.mark_line(color=charts.ACCENT, strokeWidth=2).encode(y="orders:Q")
    dots = charts.chart_of(past).mark_circle(color=charts.INK, size=28).encode(x=x, y="orders:Q")
    return charts.finished(alt.layer(band, line, dots).properties(width="container", height=DEMAND_HEIGHT), description)
