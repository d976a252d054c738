"""Results by region, segment and channel."""

from collections.abc import Sequence

from xbopt.agents.simulation import SimulationResult
from xbopt.env.kpis import Row
from xbopt.reports.figures import Column, Table, Unit

_CELL_COLUMNS: tuple[tuple[str, str, Unit], ...] = (
    ("contribution_margin", "Contribution margin", "money"),
    ("net_revenue", "Net revenue", "money"),
    ("media_spend", "Media spend", "money"),
    ("roas", "ROAS", "ratio"),
    ("orders", "Orders", "count"),
    ("conversion_rate", "Conversion", "share"),
    ("average_order_value", "Order value", "unit_money"),
    ("new_customers", "New customers", "count"),
)
_CHANNEL_COLUMNS: tuple[tuple[str, str, Unit], ...] = (
    ("media_spend", "Media spend", "money"),
    ("spend_share", "Share of spend", "share"),
    ("visits", "Visits", "count"),
    ("cost_per_visit", "Cost per visit", "unit_money"),
    ("orders", "Orders", "count"),
    ("cost_per_order", "Cost per order", "unit_money"),
    ("net_revenue", "Net revenue", "money"),
    ("roas", "ROAS", "ratio"),
)


def result_tables(result: SimulationResult) -> tuple[Table, ...]:
    """Three tables, each figure with its range; regions and segments by margin, channels by spend, largest first."""
    total = Row(id="", name="All", figures=result.kpis)
    rule = "Channels get their orders in proportion to expected orders; organic orders belong to no channel."
    return (
        _table("by_region", "By region", "Region", result.by_region, _CELL_COLUMNS, total=total),
        _table("by_segment", "By segment", "Segment", result.by_segment, _CELL_COLUMNS, total=total),
        _table("by_channel", "By channel", "Channel", result.by_channel, _CHANNEL_COLUMNS, note=rule),
    )


def _table(
    key: str,
    title: str,
    first: str,
    rows: Sequence[Row],
    columns: tuple[tuple[str, str, Unit], ...],
    *,
    total: Row | None = None,
    note: str = "",
) -> Table:
    ranked = sorted(rows, key=lambda row: -row.figures[columns[0][0]].mean)
    shown = [*ranked, total] if total is not None and len(ranked) > 1 else ranked
    return Table(
        key=key,
        title=title,
        columns=(
            Column(key="name", name=first, unit="text"),
            *(
                Column(key=name, name=label, unit=unit, meaning="Mean and range over worlds")
                for name, label, unit in columns
            ),
        ),
        rows=tuple((row.name, *(row.figures[name] for name, _, _ in columns)) for row in shown),
        note=note,
        last_is_total=len(shown) > len(ranked),
    )
