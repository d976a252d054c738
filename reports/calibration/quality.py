"""Data quality as tables: what a reader has to know first, then what became of every row."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from xbopt.calibration.customers.cleaning import Cleaned
from xbopt.calibration.scenario.calibration import Calibration
from xbopt.reports.calibration.quality_words import (
    RULE_WORDS,
    SESSION_RULE_WORDS,
    SEVERITY_WORDS,
    quality_sentence,
)
from xbopt.reports.kit.figures import Column, Table, Value
from xbopt.reports.kit.numbers import NumberFormat

_CODES_SHOWN = 6
_SAMPLE = (
    Column("date", "Day", "date"),
    Column("country", "Country", "text"),
    Column("sku", "Article", "text"),
    Column("status", "Status", "text"),
    Column("quantity", "Pieces", "number"),
    Column("unit_price", "Price", "number"),
    Column("currency", "Currency", "text"),
)
"""What is shown of a line that was taken out: columns of a rule's samples, none of which names a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """What a planner reads about the quality of the data.

    Attributes:
        findings: What follows from it, the gravest first.
        rules: Lines of orders by what became of them: read is the sum of all others.
        samples: Lines that were taken out, some of each rule.
        sessions: Rows of sessions by what became of them.
    """

    findings: Table
    rules: Table
    samples: Table
    sessions: Table

    @property
    def first_samples(self) -> Table:
        """One line of each rule, for a page."""
        firsts = {row[0]: row for row in reversed(self.samples.rows)}
        return replace(self.samples, rows=tuple(reversed(firsts.values())))

    def tables(self) -> dict[str, Table]:
        """All of them by the name of their sheet."""
        return {
            "Data findings": self.findings,
            "Quality": self.rules,
            "Taken out": self.samples,
            "Sessions": self.sessions,
        }


def quality_report(calibration: Calibration, numbers: NumberFormat) -> QualityReport:
    """Tables of a calibration; all without rows where a panel was all there was."""
    regions = () if calibration.shop is None else calibration.shop.regions
    return QualityReport(
        findings=_findings(calibration, numbers),
        rules=_rules(calibration.cleaned, numbers),
        samples=_samples(calibration.cleaned, regions),
        sessions=_sessions(calibration),
    )


def _findings(calibration: Calibration, numbers: NumberFormat) -> Table:
    found = () if calibration.insights is None else calibration.insights.quality.findings
    return Table(
        key="quality_findings",
        title="What to know about the data",
        columns=(Column("severity", "Weight", "text"), Column("finding", "Finding", "text")),
        rows=tuple((SEVERITY_WORDS[one.severity], quality_sentence(one, numbers)) for one in found),
    )


def _rules(cleaned: Cleaned | None, numbers: NumberFormat) -> Table:
    rows: list[tuple[Value, ...]] = []
    notes = ["Sales without a customer count for demand, prices and regions, not for customers."]
    if cleaned is not None:
        known = cleaned.transactions
        rows.append(("Kept: sales to known customers", known.height, float(known["net_revenue"].sum())))
        rows += [(RULE_WORDS[count.rule], count.rows, count.value) for count in cleaned.counts if count.rows]
        rows.append(("Read", cleaned.rows_in, None))
        if codes := _codes(cleaned):
            listed = ", ".join(f"{code} {numbers.count(rows)}" for code, rows in list(codes.items())[:_CODES_SHOWN])
            notes.append(f"Most of what is no goods: {listed}.")
        if cleaned.refunds_in:
            left = numbers.count(cleaned.refunds_dropped)
            notes.append(
                f"Of {numbers.count(cleaned.refunds_in)} refunds {left} were left out: they repeat another one, or "
                "have no amount or day."
            )
    return Table(
        key="quality",
        title="What became of the lines of orders",
        columns=(
            Column("what", "Lines", "text"),
            Column("rows", "Rows", "count"),
            Column("value", "Value", "money", "Quantity times price"),
        ),
        rows=tuple(rows),
        last_is_total=bool(rows),
        note=" ".join(notes),
    )


def _codes(cleaned: Cleaned) -> Mapping[str, int]:
    return next((count.codes for count in cleaned.counts if count.codes), dict[str, int]())


def _samples(cleaned: Cleaned | None, regions: tuple[str, ...]) -> Table:
    """Some lines of each rule. A country that is no region is not named: it may be that of one person."""
    counts = () if cleaned is None else (count for count in cleaned.counts if count.rule != "missing_customer")
    rows: list[tuple[Value, ...]] = []
    for count in counts:
        for sample in count.samples:
            cells = dict(sample)
            cells["country"] = cells["country"] if cells["country"] in regions else None
            rows.append((RULE_WORDS[count.rule], *(cast("Value", cells[column.key]) for column in _SAMPLE)))
    return Table(
        key="samples",
        title="Some of the lines that were taken out",
        columns=(Column("rule", "Rule", "text"), *_SAMPLE),
        rows=tuple(rows),
        note="Look whether the rules took what they should. Countries that are no region are not named.",
    )


def _sessions(calibration: Calibration) -> Table:
    cleaned = None if calibration.insights is None else calibration.insights.sessions
    rows: list[tuple[Value, ...]] = []
    if cleaned is not None:
        kept = float(cleaned.sessions["sessions"].sum())
        rows.append(("Kept", cleaned.sessions.height, kept))
        rows += [
            (SESSION_RULE_WORDS[rule], taken, cleaned.sessions_of[rule])
            for rule, taken in cleaned.rows.items()
            if taken
        ]
        rows.append(("Read", cleaned.rows_in, kept + sum(cleaned.sessions_of.values())))
    return Table(
        key="sessions",
        title="What became of the rows of sessions",
        columns=(
            Column("what", "Rows of sessions", "text"),
            Column("rows", "Rows", "count"),
            Column("sessions", "Sessions", "count"),
        ),
        rows=tuple(rows),
        last_is_total=bool(rows),
    )
