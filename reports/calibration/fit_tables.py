"""Tables of a fit: sales by cause, fitted against actual, response over spend."""

from collections.abc import Sequence

from xbopt.calibration.scenario.next_tests import NextTest
from xbopt.calibration.scenario.review import FitReview
from xbopt.reports.kit.figures import Column, Table

_CAUSES = {"base": "Base: what comes without media", "discounts": "Discounts", "season": "Season"}


def causes_table(review: FitReview | None) -> Table:
    """Net revenue by cause."""
    causes = () if review is None else review.causes
    whole = sum(cause.total for cause in causes)
    rows = [(_CAUSES.get(c.name, c.name), c.total, c.low, c.high, c.total / whole if whole else None) for c in causes]
    return Table(
        key="causes",
        title="Sales by cause",
        columns=(
            Column("cause", "Cause", "text"),
            Column("total", "Net revenue", "money", "What would be missing without it; the base is what is left"),
            Column("low", "95 % from", "money"),
            Column("high", "to", "money"),
            Column("share", "Of all", "share"),
        ),
        rows=(*rows, *([("All", whole, None, None, 1.0)] if rows else [])),
        last_is_total=bool(rows),
    )


def weeks_table(review: FitReview | None) -> Table:
    """Fitted against actual by week."""
    revenue = None if review is None else review.revenue
    return Table(
        key="weeks",
        title="Net revenue by week, fitted against actual",
        columns=(
            Column("week", "Week of", "date"),
            Column("observed", "Recorded", "money"),
            Column("expected", "Fitted", "money"),
            Column("low", "95 % from", "money"),
            Column("high", "to", "money"),
        ),
        rows=()
        if revenue is None
        else tuple(
            (week, *(float(series[n]) for series in (revenue.observed, revenue.expected, revenue.low, revenue.high)))
            for n, week in enumerate(revenue.weeks)
        ),
    )


def curves_table(review: FitReview | None, channel: str | None = None) -> Table:
    """What each channel, or one, adds at several levels of spend."""
    every = () if review is None else review.curves
    curves = [curve for curve in every if channel is None or curve.channel == channel]
    return Table(
        key="curves",
        title="Response of channels",
        columns=(
            Column("channel", "Channel", "text"),
            Column("spend", "Spend a week", "money"),
            Column("revenue", "Net revenue added", "money"),
            Column("low", "95 % from", "money"),
            Column("high", "to", "money"),
            Column("seen", "In the weeks' range", "text", "Whether weeks of so much spend were seen"),
        ),
        rows=tuple(
            (
                curve.channel,
                *(float(series[n]) for series in (curve.spend, curve.revenue, curve.low, curve.high)),
                "yes" if curve.seen[0] <= curve.spend[n] <= curve.seen[1] else "no",
            )
            for curve in curves
            for n in range(len(curve.spend))
        ),
    )


def next_tests_table(tests: Sequence[NextTest]) -> Table:
    """Lift tests that nobody has made yet, and what each would leave unknown."""
    return Table(
        key="next_tests",
        title="Which test would tell most",
        columns=(
            Column("channel", "Channel off", "text"),
            Column("region", "Region", "text"),
            Column("days", "Days", "count"),
            Column("spend", "Spend held back", "money", "Spend of the channel there on such days"),
            Column(
                "orders", "Orders at risk", "count", "What the channel brings there by the fit, and two weeks after"
            ),
            Column("now", "Width now", "ratio", "Of the 95 % interval of the channel's revenue per unit of spend"),
            Column("after", "Width after", "ratio", "The same once the test is read"),
        ),
        rows=tuple(
            (one.channel, one.region, float(one.days), one.spend, one.orders, one.width_now, one.width_after)
            for one in tests
        ),
        note="The first tells most about the split: how much less unknown the channel is against the others, times its "
        "spend. Worked out around the fit, whatever the test may find.",
    )
