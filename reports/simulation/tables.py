"""The tables of a simulation report, from results to values in columns: one list for page, workbook and terminal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xbopt.reports.kit.figures import Column, Table
from xbopt.studies.kpis import Row
from xbopt.studies.labels import CHANNEL_LABELS, KPI_LABELS
from xbopt.studies.limits import limit_changes, limit_use
from xbopt.studies.promotion import PromotionLedger
from xbopt.studies.response import ResponseCurve
from xbopt.studies.simulate import SimulationResult
from xbopt.studies.timeline import Timeline

_CELL_COLUMNS = (
    "contribution_margin",
    "net_revenue",
    "media_spend",
    "roas",
    "orders",
    "conversion_rate",
    "average_order_value",
    "new_customers",
)
_CHANNEL_COLUMNS = (
    "media_spend",
    "spend_share",
    "visits",
    "cost_per_visit",
    "orders",
    "cost_per_order",
    "net_revenue",
    "roas",
)


def result_tables(result: SimulationResult) -> tuple[Table, ...]:
    """Three tables, each figure with its range; regions and segments by margin, channels by spend, largest first."""
    total = Row(id="", name="All", figures=result.kpis)
    rule = "Channels get their orders in proportion to expected orders; organic orders belong to no channel."
    return (
        _result_table("Region", result.by_region, _CELL_COLUMNS, total=total),
        _result_table("Segment", result.by_segment, _CELL_COLUMNS, total=total),
        _result_table("Channel", result.by_channel, _CHANNEL_COLUMNS, words=CHANNEL_LABELS, note=rule),
    )


def _result_table(
    first: str,
    rows: Sequence[Row],
    columns: Sequence[str],
    *,
    words: Mapping[str, str] | None = None,
    total: Row | None = None,
    note: str = "",
) -> Table:
    ranked = sorted(rows, key=lambda row: -row.figures[columns[0]].mean)
    shown = [*ranked, total] if total is not None and len(ranked) > 1 else ranked
    return Table(
        key=f"by_{first.lower()}",
        title=f"By {first.lower()}, {'organic orders included' if total else 'without organic orders'}",
        columns=(
            Column("name", first, "text"),
            *(
                Column(name, (words or {}).get(name, label), unit, "Mean and range over worlds")
                for name in columns
                for label, unit in [KPI_LABELS[name]]
            ),
        ),
        rows=tuple((row.name, *(row.figures[name] for name in columns)) for row in shown),
        note=note,
        last_is_total=len(shown) > len(ranked),
    )


def each_table(timeline: Timeline) -> Table:
    """Spend and margin of every period."""
    name = timeline.period.capitalize()
    return Table(
        key="timeline",
        title=f"Contribution margin by {timeline.period}",
        columns=(
            Column("start", name, "date", "First day of the period"),
            Column("spend", KPI_LABELS["media_spend"][0], "money", "Mean over worlds"),
            *_band_columns("margin", KPI_LABELS["contribution_margin"][0], f"Margin of the {timeline.period}"),
        ),
        rows=tuple(
            zip(
                timeline.starts,
                timeline.spend,
                timeline.each.mean,
                timeline.each.low,
                timeline.each.high,
                strict=True,
            )
        ),
    )


def added_up_table(timeline: Timeline) -> Table:
    """Margin from the first day to the end of every period."""
    band = timeline.added_up
    return Table(
        key="timeline_added_up",
        title="Contribution margin, added up",
        columns=(
            Column("start", timeline.period.capitalize(), "date", "First day of the period"),
            *_band_columns("added_up", "Added up", "Margin from the first day to the end of the period"),
        ),
        rows=tuple(zip(timeline.starts, band.mean, band.low, band.high, strict=True)),
    )


def _band_columns(key: str, name: str, meaning: str) -> tuple[Column, ...]:
    return (
        Column(key, name, "money", f"{meaning}, mean over worlds"),
        Column(f"{key}_low", "Low", "money", f"{meaning}, 5th percentile over worlds"),
        Column(f"{key}_high", "High", "money", f"{meaning}, 95th percentile over worlds"),
    )


def ledger_table(ledger: PromotionLedger) -> Table:
    """The ledger as a table."""
    rows = (
        ("New demand", ledger.new, "would not have been bought elsewhere, or later"),
        ("Switched", ledger.switched, "won from competitors and from the seller's other segments"),
        ("Brought forward", ledger.borrowed, "borrowed from the coming weeks"),
        ("Bump in all", ledger.bump, "extra orders while discounts run"),
        ("Paid back", ledger.repaid, "orders lost within the horizon to what was brought forward"),
        ("Still owed", ledger.owed, "orders that the weeks after the horizon will miss"),
        ("Taken from own segments", ledger.taken, "orders that other segments lost to the better offer"),
    )
    return Table(
        key="pull_forward",
        title="Pull-forward ledger",
        columns=(
            Column("item", "Orders", "text"),
            Column("orders", "Expected", "count", "Expected orders, mean and range over worlds"),
            Column("meaning", "Meaning", "text"),
        ),
        rows=rows,
    )


def response_table(curves: tuple[ResponseCurve, ...]) -> Table:
    """What each channel brings at each daily spend."""
    return Table(
        key="response",
        title="Response curves",
        columns=(
            Column("channel", "Channel", "text"),
            Column("spend", "Spend a day", "money", "Steady daily spend, all cells"),
            Column("margin", "Margin before media", "money", "Long-run margin a day"),
            Column("part", "Part", "text", "planned, or beyond the plan's largest daily spend"),
        ),
        rows=tuple(
            (curve.name, x, y, "planned" if x <= curve.largest_spend else "beyond")
            for curve in curves
            for x, y in zip(curve.spend, curve.margin, strict=True)
        ),
    )


def known(number: float) -> float | None:
    """The number, or None where it has no meaning."""
    return None if math.isnan(number) else number


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsReport:
    """Limits.

    Attributes:
        changes: What the projection changed, where a cart rate met its cap, and what stock-outs lost.
        use: Each limit and how much of it is used.
        anything_changed: Whether anything was changed at all.
        at_limit: Names of the limits that are used in full.
    """

    changes: Table
    use: Table
    anything_changed: bool
    at_limit: tuple[str, ...]

    @property
    def changes_that_happened(self) -> Table:
        """The changes without those that happened in no world."""
        at = [column.key for column in self.changes.columns].index("worlds")
        return replace(self.changes, rows=tuple(row for row in self.changes.rows if row[at] != 0.0))


_CELL = "a cell is one segment in one region"
_CHANGE_WORDS: dict[str, tuple[str, str]] = {
    "cut_base": ("Spend cut", "wanted by the policy, beyond a budget, cap or daily limit"),
    "raised_base": ("Spend raised", "added for minimums and locks"),
    "unmet_base": ("Minimums and locks not paid", "because too little was left"),
    "discounts_cut": (
        "Discounts cut",
        f"cells and days on which a discount was deeper than the ceiling or the margin floor allows; {_CELL}",
    ),
    "dayparts_mended": ("Daypart weights replaced", "empty or negative ones; the audience's own day was used"),
    "capped_cell_days": (
        "Cart rate at its cap",
        "cells and days on which more shoppers wanted to buy than the model allows",
    ),
    "lost_orders": (KPI_LABELS["lost_orders"][0], "shoppers wanted to buy, and nothing was left"),
}
_USE_WORDS = {
    "budget": "Budget",
    "day": "Spend on one day (largest day)",
    "maximum": "Maximum of {} (largest day)",
}


def limits_report(result: SimulationResult) -> LimitsReport:
    """All limits of a result."""
    changes = limit_changes(result)
    use = [(_USE_WORDS.get(limit.key, "Cap on {}").format(limit.name), limit) for limit in limit_use(result)]
    return LimitsReport(
        changes=Table(
            key="limit_changes",
            title="What limits and stock-outs changed",
            columns=(
                Column("change", "Change", "text"),
                Column("money", "Money", "money", "Base currency, mean and range over worlds"),
                Column("number", "Number", "count", "Cells and days, rows, or orders"),
                Column("worlds", "In worlds", "share", "Share of worlds in which it happened"),
                Column("meaning", "Meaning", "text"),
            ),
            rows=tuple(
                (
                    label,
                    change.figure if change.unit == "money" else None,
                    change.figure if change.unit == "count" else None,
                    change.worlds_frac,
                    meaning,
                )
                for change in changes
                for label, meaning in [_CHANGE_WORDS[change.key]]
            ),
        ),
        use=Table(
            key="limit_use",
            title="How much of each limit is used",
            columns=(
                Column("limit", "Limit", "text"),
                Column("allowed", "Allowed", "money"),
                Column("used", "Used", "money", "Mean over worlds"),
                Column("share", "Share", "share", "Used over allowed"),
            ),
            rows=tuple((name, limit.allowed, limit.used, known(limit.share)) for name, limit in use),
        ),
        anything_changed=any(change.worlds_frac > 0.0 for change in changes),
        at_limit=tuple(name for name, limit in use if limit.is_full),
    )
