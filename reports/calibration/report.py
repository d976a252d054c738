"""The calibration report as plain values: everything that its page and its workbook show."""

from dataclasses import dataclass

import numpy as np

from xbopt.calibration.scenario.calibration import Calibration
from xbopt.calibration.scenario.review import FitReview
from xbopt.calibration.scenario.shop import LEAST_SHOWN, Country
from xbopt.reports.calibration.fit_tables import causes_table, curves_table, next_tests_table, weeks_table
from xbopt.reports.calibration.fit_words import VERDICT_WORDS, fit_sentences
from xbopt.reports.calibration.insights import InsightReport, insight_report
from xbopt.reports.calibration.self_test import self_test_sentences, self_test_table
from xbopt.reports.calibration.words import EVIDENCE_WORDS, finding_sentence, reason_words, verdict_sentence
from xbopt.reports.kit.figures import Column, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.price_words import price_sentences
from xbopt.reports.simulation.vital_signs import signs_table, warning_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport:
    """What a planner reads about a calibration.

    Attributes:
        calibration: The calibration.
        numbers: How figures are written.
        verdict: What was made of what.
        loud: What stands before everything else.
        lines: Further findings.
        warnings: Vital signs outside their range, in sentences.
        insights: Quality of the data, deals, coming weeks, buyers and order values.
        regions: What each country bought.
        segments: Groups of customers and how they repeat.
        channels: Media bought and what reach cost.
        told: How far the data told what channels bring, and how one compares with another.
        parameters: The same of each number that was fitted.
        next_tests: Lift tests that would tell most.
        price_lines: What orders say of prices.
        fit_lines: What the fit told, and what would tell more.
        review: The fit played for the page; None without one.
        causes: Sales by cause.
        weeks: Fitted against actual.
        curves: Response of channels over spend.
        self_test: How often the fit's intervals hold what is true of markets like it.
        self_test_lines: What to make of it.
        evidence: Numbers of the scenario by how solid they are.
        signs: Vital signs.
        sources: Every number with its source.
    """

    calibration: Calibration
    numbers: NumberFormat
    verdict: str
    loud: tuple[str, ...]
    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    insights: InsightReport
    regions: Table
    segments: Table
    channels: Table
    told: Table
    parameters: Table
    next_tests: Table
    price_lines: tuple[str, ...]
    fit_lines: tuple[str, ...]
    review: FitReview | None
    causes: Table
    weeks: Table
    curves: Table
    self_test: Table
    self_test_lines: tuple[str, ...]
    evidence: Table
    signs: Table
    sources: Table

    def tables(self) -> dict[str, Table]:
        """All tables by the name of their sheet."""
        return {
            **self.insights.quality.tables(),
            "Countries": self.regions,
            "Segments": self.segments,
            "Media": self.channels,
            "Told": self.told,
            "Fitted": self.parameters,
            "Tests": self.next_tests,
            **self.insights.tables(),
            "Causes": self.causes,
            "Weeks": self.weeks,
            "Response": self.curves,
            "Self-test": self.self_test,
            "Evidence": self.evidence,
            "Vital signs": self.signs,
            "Numbers": self.sources,
        }


def build_calibration_report(
    calibration: Calibration, review: FitReview | None = None, *, locale: str = "en"
) -> CalibrationReport:
    """Gather everything that the report shows.

    Args:
        calibration: The calibration.
        review: Its fit, played for a page; without it the charts of the fit are left out.
        locale: How numbers are written.
    """
    numbers = NumberFormat(locale=locale, currency=calibration.currency)
    said = [(finding.is_loud, finding_sentence(finding, numbers)) for finding in calibration.findings]
    return CalibrationReport(
        calibration=calibration,
        numbers=numbers,
        verdict=verdict_sentence(calibration, numbers),
        loud=tuple(text for is_loud, text in said if is_loud),
        lines=tuple(text for is_loud, text in said if not is_loud),
        warnings=warning_lines(calibration.signs),
        insights=insight_report(calibration, numbers),
        regions=_regions(calibration),
        segments=_segments(calibration),
        channels=_channels(calibration),
        told=_told(calibration),
        parameters=_parameters(calibration),
        next_tests=next_tests_table(calibration.next_tests),
        price_lines=() if calibration.price is None else price_sentences(calibration.price, numbers),
        fit_lines=() if calibration.fit is None else fit_sentences(calibration.fit, numbers),
        review=review,
        causes=causes_table(review),
        weeks=weeks_table(review),
        curves=curves_table(review),
        self_test=self_test_table(calibration.self_test),
        self_test_lines=() if calibration.self_test is None else self_test_sentences(calibration.self_test, numbers),
        evidence=_evidence(calibration),
        signs=signs_table(calibration.signs, numbers),
        sources=_sources(calibration),
    )


def _regions(calibration: Calibration) -> Table:
    countries = () if calibration.shop is None else calibration.shop.countries
    small = [country for country in countries if country.is_small]
    rows = [
        (
            country.code,
            country.orders,
            country.customers,
            country.revenue,
            None if country.customers is None else country.largest_share,
            "region" if country.reason is None else f"left out: {reason_words(country.reason)}",
        )
        for country in countries
        if not country.is_small
    ]
    return Table(
        key="countries",
        title="Countries",
        columns=(
            Column("country", "Country", "text"),
            Column("orders", "Orders", "count"),
            Column("customers", "Customers", "count"),
            Column("revenue", "Revenue", "money", "Net of tax and discount"),
            Column("largest", "Largest customer", "share", "Share of the revenue of known customers"),
            Column("use", "In the scenario", "text"),
        ),
        rows=(*rows, *([] if not small else [_together(small)])),
        note=f"Countries of fewer than {LEAST_SHOWN} customers stand together." if small else "",
    )


def _together(small: list[Country]) -> tuple[str | float | None, ...]:
    """One row for countries so small that a figure would be somebody's."""
    orders, revenue = sum(country.orders for country in small), sum(country.revenue for country in small)
    return (f"{len(small)} small countries", orders, None, revenue, None, "left out")


def _segments(calibration: Calibration) -> Table:
    segments, base = calibration.segments, calibration.base
    rows: list[tuple[str | float | None, ...]] = []
    if segments is not None and base is not None:
        for s, one in enumerate(segments.segments):
            own = None if base.market is None else base.market.segments[s]
            rows.append(
                (
                    base.names[s],
                    one.customers,
                    one.share,
                    one.revenue_share,
                    one.medians.get("order_value"),
                    None if own is None else own.repeat.second_order(90).value,
                    None if own is None else own.repeat.second_order(365).value,
                    one.stability,
                )
            )
    return Table(
        key="segments",
        title="Segments of customers",
        columns=(
            Column("segment", "Segment", "text"),
            Column("customers", "Customers", "count"),
            Column("share", "Of customers", "share"),
            Column("revenue", "Of revenue", "share"),
            Column("order_value", "Median first order", "price"),
            Column("second_90", "Second order in 90 days", "share", "By the repeat model"),
            Column("second_365", "In 365 days", "share", "By the repeat model; beyond the data it is a forecast"),
            Column("stability", "Stability", "ratio", "Mean Jaccard similarity over bootstrap samples; 1 is the same"),
        ),
        rows=tuple(rows),
    )


def _channels(calibration: Calibration) -> Table:
    rows: list[tuple[str | float | None, ...]] = []
    for one in calibration.bought:
        per_click = None if not one.clicks else one.spend / one.clicks
        per_1000 = None if not one.impressions else 1000.0 * one.spend / one.impressions
        rows.append((one.channel, one.days, one.spend, one.impressions, one.clicks, per_1000, per_click))
    return Table(
        key="media",
        title="Media bought in the regions",
        columns=(
            Column("channel", "Channel", "text"),
            Column("days", "Days with spend", "count"),
            Column("spend", "Spend", "money"),
            Column("impressions", "Impressions", "count"),
            Column("clicks", "Clicks", "count"),
            Column("cpm", "1,000 impressions", "price"),
            Column("cpc", "A click", "price"),
        ),
        rows=tuple(rows),
    )


def _told(calibration: Calibration) -> Table:
    fit = calibration.fit
    rows: list[tuple[str | float | None, ...]] = []
    if fit is not None:
        ends = fit.returns.interval(fit.covariance)
        for one, at, (low, high) in zip(fit.identification.returns, fit.returns.log, ends, strict=True):
            rows.append((one.name, float(np.exp(at)), float(low), float(high), one.ratio, VERDICT_WORDS[one.verdict]))
        rows += [
            (one.name, None, None, None, one.ratio, VERDICT_WORDS[one.verdict]) for one in fit.identification.contrasts
        ]
    return Table(
        key="told",
        title="What media bring, and how far the data tell it",
        columns=(
            Column("of", "Channel", "text"),
            Column("return", "Revenue per unit of spend", "ratio", "Net revenue with the channel less without it"),
            Column("low", "95 % from", "ratio"),
            Column("high", "to", "ratio"),
            Column("ratio", "Left of the prior", "ratio", "Posterior over prior standard deviation: 1 told nothing"),
            Column("verdict", "Told", "text"),
        ),
        rows=tuple(rows),
        note="Pairs say whether the data tell two channels apart.",
    )


def _parameters(calibration: Calibration) -> Table:
    fit = calibration.fit
    judged = () if fit is None else zip(fit.identification.parameters, fit.mode, fit.intervals, strict=True)
    return Table(
        key="parameters",
        title="Fitted numbers against where they started",
        columns=(
            Column("parameter", "Number", "text"),
            Column("factor", "Times", "ratio", "Fitted over what the scenario started from"),
            Column("low", "95 % from", "ratio"),
            Column("high", "to", "ratio"),
            Column("ratio", "Left of the prior", "ratio"),
            Column("verdict", "Told", "text"),
        ),
        rows=tuple(
            (
                one.name,
                float(np.exp(at)),
                float(low),
                float(high),
                one.ratio,
                VERDICT_WORDS[one.verdict],
            )
            for one, at, (low, high) in judged
        ),
    )


def _evidence(calibration: Calibration) -> Table:
    counts = calibration.by_evidence()
    order = [mark for mark in EVIDENCE_WORDS if mark in counts]
    return Table(
        key="evidence",
        title="How solid the numbers of the scenario are",
        columns=(
            Column("mark", "Mark", "text"),
            Column("means", "Means", "text"),
            Column("numbers", "Numbers", "count"),
        ),
        rows=tuple((mark, EVIDENCE_WORDS[mark], counts[mark]) for mark in order),
    )


def _sources(calibration: Calibration) -> Table:
    return Table(
        key="sources",
        title="Every number and where it comes from",
        columns=(
            Column("path", "Number", "text", "Path in the scenario"),
            Column("value", "Value", "number"),
            Column("evidence", "Evidence", "text"),
            Column("source", "Source", "text"),
            Column("note", "Note", "text"),
        ),
        rows=tuple(
            (
                str(row["path"]),
                float(str(row["value"])),
                str(row["evidence"]),
                str(row["source"]),
                str(row["note"]),
            )
            for row in calibration.sources()
        ),
    )
