"""Results by region, segment and channel."""

from collections.abc import Mapping, Sequence

from xbopt.reports.kit.figures import Column, Table, labelled
from xbopt.studies.kpis import Row
from xbopt.studies.labels import CHANNEL_LABELS
from xbopt.studies.simulate import SimulationResult

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
        _table("by_region", "By region", "Region", result.by_region, _CELL_COLUMNS, total=total),
        _table("by_segment", "By segment", "Segment", result.by_segment, _CELL_COLUMNS, total=total),
        _table(
            "by_channel", "By channel", "Channel", result.by_channel, _CHANNEL_COLUMNS, words=CHANNEL_LABELS, note=rule
        ),
    )


def _table(
    key: str,
    title: str,
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
        key=key,
        title=title,
        columns=(
            Column(key="name", name=first, unit="text"),
            *(
                Column(key=name, name=(words or {}).get(name, label), unit=unit, meaning="Mean and range over worlds")
                for name in columns
                for label, unit in [labelled(name)]
            ),
        ),
        rows=tuple((row.name, *(row.figures[name] for name in columns)) for row in shown),
        note=note,
        last_is_total=len(shown) > len(ranked),
    )
