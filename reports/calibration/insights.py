"""What orders tell beside the scenario, as tables and sentences, and the sections of the page that show them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from xbopt.calibration.customers.demand import DemandForecast, Stands
from xbopt.calibration.customers.purchase_chance import HORIZON_DAYS, Model
from xbopt.calibration.customers.segments import CHANGED, SegmentDrift
from xbopt.calibration.intervals import Interval
from xbopt.calibration.promotions import LAGS, PromotionProfile
from xbopt.calibration.scenario.calibration import Calibration
from xbopt.calibration.scenario.insights import Buyers, CohortRepeat, RegionDemand, SegmentValue
from xbopt.reports.calibration.charts import DEMAND_HEIGHT, demand_chart
from xbopt.reports.calibration.insight_words import (
    ALL_REGIONS,
    ON_OFFER,
    buyer_lines,
    cohort_lines,
    deal_lines,
    demand_lines,
    value_lines,
)
from xbopt.reports.calibration.quality import QualityReport, quality_report
from xbopt.reports.kit.figures import Column, Table, Value
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page_parts import ChartPart, Section, table_text

_LOW, _HIGH = "95 % from", "to"
_STANDS: dict[Stands, str] = {"models": "models", "last_week": "last week, repeated", "regions": "sum of the regions"}
_MODELS: dict[Model, str] = {
    "ensemble": "All models together",
    "logistic": "Logistic regression",
    "trees": "Boosted trees",
    "bg_nbd": "BG/NBD",
    "naive": "Recency alone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightReport:
    """What a planner reads beside the scenario.

    Attributes:
        quality: Quality of the data.
        deal_lines: What promotions bring, or why it is not told.
        deals: Bump, dip and what is left.
        deal_weeks: The same week by week.
        demand_lines: What the coming weeks bring, and how well that is known.
        demand: Orders of the coming weeks by region, with errors held out.
        demand_weeks: The same by week.
        demand_first: The forecast of all regions, for its chart; None where there is none.
        buyer_lines: Who buys again.
        buyers: Expected buyers by segment.
        buyer_models: Scores of the models.
        value_lines: What is to be known of order values.
        values: What a purchase brings by segment.
        cohort_lines: Whether customers of later quarters come again as those before, and whether segments moved.
        cohorts: Second orders by quarter in which customers were won.
        drift: Shares of segments month by month.
    """

    quality: QualityReport
    deal_lines: tuple[str, ...]
    deals: Table
    deal_weeks: Table
    demand_lines: tuple[str, ...]
    demand: Table
    demand_weeks: Table
    demand_first: DemandForecast | None
    buyer_lines: tuple[str, ...]
    buyers: Table
    buyer_models: Table
    value_lines: tuple[str, ...]
    values: Table
    cohort_lines: tuple[str, ...]
    cohorts: Table
    drift: Table

    def tables(self) -> dict[str, Table]:
        """Tables but those of the quality, by the name of their sheet."""
        return {
            "Deals": self.deals,
            "Deal weeks": self.deal_weeks,
            "Coming weeks": self.demand,
            "By week": self.demand_weeks,
            "Buyers": self.buyers,
            "Buyer models": self.buyer_models,
            "Order values": self.values,
            "Cohorts": self.cohorts,
            "Segments by month": self.drift,
        }

    def lines(self) -> tuple[str, ...]:
        """All sentences, for a terminal or a sheet."""
        return (*self.deal_lines, *self.demand_lines, *self.buyer_lines, *self.value_lines, *self.cohort_lines)


def insight_report(calibration: Calibration, numbers: NumberFormat) -> InsightReport:
    """Tables and sentences; all empty where a panel was all there was."""
    insights, base = calibration.insights, calibration.base
    names = () if base is None else base.names
    demand = () if insights is None else insights.demand
    values = () if insights is None else insights.values
    buyers = None if insights is None else insights.buyers.value
    deals = None if insights is None else insights.deals.value
    return InsightReport(
        quality=quality_report(calibration, numbers),
        deal_lines=() if insights is None else deal_lines(insights, numbers),
        deals=_deals(deals, numbers),
        deal_weeks=_deal_weeks(deals),
        demand_lines=demand_lines(demand, numbers),
        demand=_demand(demand),
        demand_weeks=_demand_weeks(demand),
        demand_first=None if not demand else demand[0].model.value,
        buyer_lines=() if insights is None else buyer_lines(insights.buyers, numbers),
        buyers=_buyers(buyers, names),
        buyer_models=_buyer_models(buyers),
        value_lines=value_lines(values, names, numbers),
        values=_values(values, names),
        cohort_lines=() if insights is None else cohort_lines(insights, names, numbers),
        cohorts=_cohorts(() if insights is None else insights.cohorts),
        drift=_drift(None if insights is None else insights.drift, names),
    )


def insight_sections(report: InsightReport, numbers: NumberFormat) -> tuple[Section, ...]:
    """Deals, coming weeks, buyers and order values; none of a panel alone."""
    parts = (
        ("deals", "Deals", report.deal_lines, (report.deals, report.deal_weeks)),
        ("demand", "The coming four weeks", report.demand_lines, (report.demand,)),
        ("buyers", "Who buys again", report.buyer_lines, (report.buyers, report.buyer_models)),
        ("values", "What a purchase brings", ("", *report.value_lines), (report.values,)),
        ("cohorts", "Customers over time", report.cohort_lines, (report.cohorts, report.drift)),
    )
    return tuple(
        Section(
            key=key,
            title=title,
            takeaway=lines[0] if lines else "",
            charts=_demand_charts(report, numbers) if key == "demand" else (),
            lines=lines[1:],
            tables=tuple(table_text(table, numbers) for table in tables if table.rows),
        )
        for key, title, lines, tables in parts
        if any(lines) or any(table.rows for table in tables)
    )


def _demand_charts(report: InsightReport, numbers: NumberFormat) -> tuple[ChartPart, ...]:
    model = report.demand_first
    if model is None:
        return ()
    first = report.demand_weeks.rows[0][0]
    of_first = tuple(row for row in report.demand_weeks.rows if row[0] == first)
    said = "Dots: orders of whole weeks. Line: what is expected of the coming ones; band: 95 % by errors held out."
    return (
        ChartPart(
            key="chart-demand",
            title=f"Orders by week, {first}",
            description=said,
            spec=demand_chart(model, said),
            table=table_text(replace(report.demand_weeks, rows=of_first), numbers),
            height=DEMAND_HEIGHT + 40,
        ),
    )


def _bounds(interval: Interval | None) -> tuple[Value, ...]:
    return (None, None, None) if interval is None else (interval.value, interval.low, interval.high)


def _deals(profile: PromotionProfile | None, numbers: NumberFormat) -> Table:
    rows: list[tuple[Value, ...]] = []
    if profile is not None and profile.bump is not None:
        half = 1.96 * profile.pull_forward_sd
        borrowed = Interval(
            value=profile.pull_forward, low=profile.pull_forward - half, high=profile.pull_forward + half
        )
        source = "measured, with what is known elsewhere" if profile.status == "measured" else "prior only"
        rows = [
            ("Bump: in its own week", *_bounds(profile.bump), "measured"),
            ("In the two weeks before", *_bounds(profile.before), "measured"),
            ("Dip: in the eight weeks after", *_bounds(profile.dip), "measured"),
            ("Net: all of these weeks", *_bounds(profile.net), "measured"),
            ("Share of the bump that other weeks lose", *_bounds(borrowed), source),
        ]
    depth = "" if profile is None or not rows else f" of {numbers.share(profile.depth)}"
    return Table(
        key="deals",
        title=f"A promotion{depth}, in parts of a usual week's sales",
        columns=(
            Column("what", "What", "text"),
            Column("value", "Sales", "share", "Over the sales of a usual week; the last row is a share of the bump"),
            Column("low", _LOW, "share"),
            Column("high", _HIGH, "share"),
            Column("told", "Told", "text"),
        ),
        rows=tuple(rows),
        note="The scenario's own pull-forward of discounts is not changed by this; set discounts.pull_forward by it.",
    )


def _deal_weeks(profile: PromotionProfile | None) -> Table:
    weeks = () if profile is None else profile.lags
    return Table(
        key="deal_weeks",
        title="Additional sales week by week",
        columns=(
            Column("week", "Weeks after it began", "text"),
            Column("value", "Sales", "share", "Over the sales of a usual week"),
            Column("low", _LOW, "share"),
            Column("high", _HIGH, "share"),
        ),
        rows=tuple((str(lag), *_bounds(week)) for lag, week in zip(LAGS, weeks, strict=False)),
    )


def _demand(demand: Sequence[RegionDemand]) -> Table:
    rows: list[tuple[Value, ...]] = []
    for one in demand:
        if (model := one.model.value) is not None:
            errors = (model.score(name).wmape for name in ("ensemble", "naive"))
            rows.append((one.region or ALL_REGIONS, *_bounds(model.total), *errors, _STANDS[model.stands]))
    return Table(
        key="demand",
        title="Orders of the four weeks after the data",
        columns=(
            Column("region", "Region", "text"),
            Column("orders", "Orders", "count"),
            Column("low", _LOW, "count"),
            Column("high", _HIGH, "count"),
            Column("error", "Error of the models", "share", "Sum of absolute daily errors over orders, held out"),
            Column("naive", "Of last week", "share", "The same of the same weekday of the week before"),
            Column("used", "What stands here", "text"),
        ),
        rows=tuple(rows),
        note="Errors are those of single days on up to three times four weeks held out. All regions are the sum of "
        "what stands for each, with the errors of that sum.",
    )


def _demand_weeks(demand: Sequence[RegionDemand]) -> Table:
    rows: list[tuple[Value, ...]] = []
    for one in demand:
        if (model := one.model.value) is not None:
            begin = model.first_day + timedelta(days=len(model.orders))
            rows += [
                (one.region or ALL_REGIONS, begin + timedelta(days=7 * n), *_bounds(week))
                for n, week in enumerate(model.weeks)
            ]
    return Table(
        key="demand_weeks",
        title="The same by week",
        columns=(
            Column("region", "Region", "text"),
            Column("week", "Seven days from", "date"),
            Column("orders", "Orders", "count"),
            Column("low", _LOW, "count"),
            Column("high", _HIGH, "count"),
        ),
        rows=tuple(rows),
    )


def _buyers(buyers: Buyers | None, names: Sequence[str]) -> Table:
    rows = () if buyers is None else buyers.segments
    days = 0 if buyers is None else buyers.chance.horizon_days
    return Table(
        key="buyers",
        title=f"Customers expected to buy within {days} days, by segment",
        columns=(
            Column("segment", "Segment", "text"),
            Column("customers", "Customers", "count"),
            Column("share", "Buy", "share", "Expected share of the customers known today"),
            Column("low", _LOW, "share"),
            Column("high", _HIGH, "share"),
            Column("churn", "Do not", "share", "Churn: 1 less the share that buys"),
            Column("expected", "Held out: expected", "share", "On the judging morning, by the same forecaster"),
            Column("bought", "bought", "share"),
        ),
        rows=tuple(
            (names[one.segment], one.customers, *_bounds(one.share), 1.0 - one.share.value, one.expected, one.bought)
            for one in rows
        ),
        note="The interval allows for chance, and for as much error as segments had when held out.",
    )


def _buyer_models(buyers: Buyers | None) -> Table:
    scores = {} if buyers is None else {one.model: one for one in buyers.chance.scores}
    return Table(
        key="buyer_models",
        title="How well it was told, held out",
        columns=(
            Column("model", "By", "text"),
            Column("brier", "Brier score", "score", "Mean squared error of the chance; less is better"),
            Column("auc", "AUC", "score", "Chance that a buyer was given more than a non-buyer"),
            Column("expected", "Expected to buy", "share"),
        ),
        rows=tuple(
            (name, scores[model].brier, scores[model].auc, scores[model].expected)
            for model, name in _MODELS.items()
            if model in scores
        ),
    )


def _values(values: Sequence[SegmentValue], names: Sequence[str]) -> Table:
    rows: list[tuple[Value, ...]] = []
    for one in values:
        if (fit := one.fit.value) is not None:
            errors = (None, None) if one.score is None else (one.score.wmape, one.score.naive)
            rows.append(
                (names[one.segment], *_bounds(fit.mean_value), fit.customers, fit.frequency_correlation, *errors)
            )
    return Table(
        key="values",
        title="Net revenue of a purchase after the first, by segment",
        columns=(
            Column("segment", "Segment", "text"),
            Column(
                "value", "A purchase", "price", "Mean over customers by the gamma-gamma model; a day is one purchase"
            ),
            Column("low", _LOW, "price"),
            Column("high", _HIGH, "price"),
            Column("customers", "Customers", "count", "Who bought again, on whom it rests"),
            Column("correlation", "With frequency", "ratio", "Correlation of value and number of purchases, in logs"),
            Column("error", "Error held out", "share", "Absolute errors of customers' mean values in the last 90 days"),
            Column("naive", "Of their own mean", "share", "The same of what each spent a purchase before"),
        ),
        rows=tuple(rows),
        note="The mean is over customers who bought again, each counted once; orders of one day count as one purchase.",
    )


def _cohorts(cohorts: Sequence[CohortRepeat]) -> Table:
    return Table(
        key="cohorts",
        title="Second orders as they were seen, by quarter in which customers were won",
        columns=(
            Column("cohort", "Won from", "text"),
            Column("customers", "Customers", "count"),
            Column("repeaters", "Seen again", "count"),
            Column("days", "Within days", "count", f"For which half were followed, {HORIZON_DAYS} at most"),
            Column("second_order", "Second order", "share", "Share by Kaplan and Meier; no model, no forecast"),
            Column("low", _LOW, "share"),
            Column("high", _HIGH, "share"),
        ),
        rows=tuple(
            (one.first_month or ON_OFFER, one.customers, one.repeaters, one.days, *_bounds(one.second_order))
            for one in cohorts
        ),
        note="Small cohorts are left out. Those won on an offer are of all quarters. Rows of different days are no "
        "comparison.",
    )


def _drift(drift: SegmentDrift | None, names: Sequence[str]) -> Table:
    rows: tuple[tuple[Value, ...], ...] = ()
    if drift is not None:
        rows = tuple(
            (morning, *shares, float(index))
            for morning, shares, index in zip(
                drift.mornings, drift.shares.tolist(), drift.population_stability, strict=True
            )
        )
    return Table(
        key="drift",
        title="Shares of the segments, by month",
        columns=(
            Column("month", "On", "date"),
            *(Column(f"segment_{n}", name, "share") for n, name in enumerate(names)),
            Column("stability", "Index", "ratio", "Population stability index against the first of these months"),
        ),
        rows=rows,
        note=f"Of all customers so far. An index beyond {CHANGED:g} says that the customers are others than before.",
    )
