"""The quality report of a seller's data, as values: what was kept, what is missing, what follows from it.

Sentences stand in `xbopt.calibration.customers.words`; faces show both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

import numpy as np
import polars as pl

from xbopt.calibration.customers.cleaning import ON_OFFER, Cleaned, first_and_last_day
from xbopt.calibration.customers.cleaning_rules import Rule
from xbopt.core.arrays import IntArray

FindingCode = Literal[
    "no_sales",
    "one_day",
    "short_history",
    "days_missing",
    "one_day_holds_much",
    "future_dates",
    "much_left_out",
    "duplicates",
    "alike_lines",
    "no_customers",
    "many_without_customer",
    "few_customers",
    "one_customer_holds_much",
    "no_refunds",
    "refunds_dated_by_order",
    "no_discounts",
    "no_country",
    "revenue_computed",
    "price_outliers",
]
Severity = Literal["stops", "limits", "note"]
"""``stops``: no calibration is possible; ``limits``: a part of the scenario is not told; ``note``: good to know."""
SHORT_DAYS, FEW_CUSTOMERS = 180, 200
MUCH_LEFT_OUT, MANY_WITHOUT, LARGE_SHARE, DAY_SHARE = 0.3, 0.5, 0.25, 0.2
_CHECKED = ("customer", "country", "sku", "quantity", "unit_price", "discount", "tax", "shipping", "time")


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFinding:
    """One thing to know about the data.

    Attributes:
        code: What it is.
        severity: What follows.
        figures: Numbers of it, by name.
    """

    code: FindingCode
    severity: Severity
    figures: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class DataQuality:
    """Quality of orders and refunds.

    Attributes:
        cleaned: What the rules took and kept.
        first_day: First day of sales; None without any.
        last_day: Last one.
        days: From the first to the last.
        days_without_sales: Of these.
        longest_gap_days: Longest run of days without a sale.
        orders: Orders.
        customers: Known customers.
        repeaters: Of these, the ones who bought on two days or more.
        countries: Orders by country, the most first; ``""`` for unknown.
        missing: Share of the sales without a value, by column.
        findings: What follows, what stops first.
    """

    cleaned: Cleaned
    first_day: date | None
    last_day: date | None
    days: int
    days_without_sales: int
    longest_gap_days: int
    orders: int
    customers: int
    repeaters: int
    countries: Mapping[str, int]
    missing: Mapping[str, float]
    findings: tuple[QualityFinding, ...]

    @property
    def stops(self) -> bool:
        """Whether nothing can be calibrated from these data."""
        return any(finding.severity == "stops" for finding in self.findings)

    def to_frame(self) -> pl.DataFrame:
        """The ledger: one row a rule, and one for what was kept."""
        return self.cleaned.to_frame()


def data_quality(cleaned: Cleaned) -> DataQuality:
    """Look over clean sales and what was left out."""
    sales = cleaned.sales
    order_days = sales.group_by("order_id").agg(pl.col("date").min(), pl.col("country").first())
    by_country = (
        order_days.group_by(pl.col("country").fill_null("")).len().sort(["len", "country"], descending=[True, False])
    )
    known = cleaned.transactions
    bought = known.group_by("customer").agg(pl.col("date").n_unique(), pl.col("net_revenue").sum())
    gaps, span = _gaps(sales)
    first, last = first_and_last_day(sales) if sales.height else (None, None)
    quality = DataQuality(
        cleaned=cleaned,
        first_day=first,
        last_day=last,
        days=span,
        days_without_sales=int(gaps.sum()),
        longest_gap_days=int(gaps.max(initial=0)),
        orders=order_days.height,
        customers=bought.height,
        repeaters=int((bought["date"] > 1).sum()),
        countries={str(country): int(number) for country, number in by_country.iter_rows()},
        missing={name: sales[name].null_count() / max(sales.height, 1) for name in _CHECKED},
        findings=(),
    )
    found = _of_time(quality, sales) + _of_rules(cleaned) + _of_customers(quality, bought) + _of_columns(quality)
    order: tuple[Severity, ...] = ("stops", "limits", "note")
    findings = tuple(sorted(found, key=lambda finding: order.index(finding.severity)))
    return replace(quality, findings=findings)


def _of_time(quality: DataQuality, sales: pl.DataFrame) -> list[QualityFinding]:
    if quality.days == 0:
        return [QualityFinding(code="no_sales", severity="stops", figures={"rows": quality.cleaned.rows_in})]
    if quality.days == 1:
        return [QualityFinding(code="one_day", severity="stops", figures={"orders": quality.orders})]
    found: list[QualityFinding] = []
    if quality.days < SHORT_DAYS:
        found.append(QualityFinding(code="short_history", severity="limits", figures={"days": quality.days}))
    # One closed day a week is trade as usual; runs of days are holes in the file or closures.
    if quality.longest_gap_days > max(3, int(0.02 * quality.days)):
        figures = {"longest": quality.longest_gap_days, "days": quality.days_without_sales}
        found.append(QualityFinding(code="days_missing", severity="limits", figures=figures))
    by_day = sales.group_by("date").agg(pl.col("net_revenue").sum())["net_revenue"]
    top, total = float(by_day.to_numpy().max()), float(by_day.sum())
    if total > 0.0 and top / total > DAY_SHARE:
        found.append(QualityFinding(code="one_day_holds_much", severity="limits", figures={"share": top / total}))
    return found


def _of_rules(cleaned: Cleaned) -> list[QualityFinding]:
    found: list[QualityFinding] = []
    given = max(cleaned.rows_in, 1)
    out = sum(count.rows for count in cleaned.counts if count.rule not in ("reversal", "missing_customer"))
    if out / given > MUCH_LEFT_OUT:
        figures = {"rows": out, "share": out / given}
        found.append(QualityFinding(code="much_left_out", severity="limits", figures=figures))
    noted: tuple[tuple[Rule, FindingCode], ...] = (
        ("future_date", "future_dates"),
        ("exact_duplicate", "duplicates"),
        ("price_outlier", "price_outliers"),
    )
    for rule, code in noted:
        rows = cleaned.rows_of(rule)
        if rows:
            found.append(QualityFinding(code=code, severity="note", figures={"rows": rows}))
    if cleaned.alike_sales:
        found.append(QualityFinding(code="alike_lines", severity="note", figures={"rows": cleaned.alike_sales}))
    if cleaned.computed_revenue:
        figures = {"rows": cleaned.computed_revenue}
        found.append(QualityFinding(code="revenue_computed", severity="note", figures=figures))
    if cleaned.refunds.is_empty():
        found.append(QualityFinding(code="no_refunds", severity="limits"))
    by_order = int((cleaned.refunds["dated_by"] == "order").sum())
    if by_order:
        figures = {"rows": by_order, "share": by_order / cleaned.refunds.height}
        found.append(QualityFinding(code="refunds_dated_by_order", severity="note", figures=figures))
    return found


def _of_customers(quality: DataQuality, bought: pl.DataFrame) -> list[QualityFinding]:
    sales, known = quality.cleaned.sales.height, quality.cleaned.transactions.height
    if sales == 0:
        return []
    if known == 0:
        return [QualityFinding(code="no_customers", severity="limits")]
    found: list[QualityFinding] = []
    share = 1.0 - known / sales
    if share > MANY_WITHOUT:
        found.append(QualityFinding(code="many_without_customer", severity="limits", figures={"share": share}))
    if quality.customers < FEW_CUSTOMERS:
        figures = {"customers": quality.customers, "repeaters": quality.repeaters}
        found.append(QualityFinding(code="few_customers", severity="limits", figures=figures))
    top, total = float(bought["net_revenue"].to_numpy().max()), float(bought["net_revenue"].sum())
    if total > 0.0 and top / total > LARGE_SHARE:
        found.append(QualityFinding(code="one_customer_holds_much", severity="limits", figures={"share": top / total}))
    return found


def _of_columns(quality: DataQuality) -> list[QualityFinding]:
    if quality.orders == 0:
        return []
    found: list[QualityFinding] = []
    if quality.missing["country"] == 1.0:
        found.append(QualityFinding(code="no_country", severity="limits"))
    if not quality.cleaned.sales.select(ON_OFFER.any()).item():
        found.append(QualityFinding(code="no_discounts", severity="limits"))
    return found


def _gaps(sales: pl.DataFrame) -> tuple[IntArray, int]:
    """Lengths of the runs of days without a sale, and the days from the first sale to the last."""
    if sales.is_empty():
        return np.zeros(0, dtype=np.int64), 0
    days = sales["date"].unique().sort()
    steps = days.diff().dt.total_days().drop_nulls().to_numpy().astype(np.int64) - 1
    return steps[steps > 0], int(steps.sum()) + days.len()
