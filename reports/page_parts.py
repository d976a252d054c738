"""The parts of a page: what the template shows, formatted but without any HTML."""

from dataclasses import dataclass

from xbopt.env.kpis import Estimate
from xbopt.reports.chart_spec import Spec
from xbopt.reports.figures import Column, HeatMap, Table, Value
from xbopt.reports.numbers import NumberFormat

_WORDS = {"text", "date"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellText:
    """A cell of a table: the figure, and its range in small type below."""

    text: str
    range: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableText:
    """A table, formatted."""

    title: str
    heads: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[CellText, ...], ...]
    note: str = ""
    last_is_total: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPart:
    """A chart with all that stands in for it where it cannot be seen.

    Attributes:
        key: Id on the page.
        title: Heading.
        description: What it shows, for the caption and for screen readers.
        spec: Vega-Lite spec.
        table: The same figures.
        wide: Whether it takes the whole width.
        height: Height in pixels kept free while it is drawn.
        is_open: Whether the table shows from the start.
    """

    key: str
    title: str
    description: str
    spec: Spec
    table: TableText
    wide: bool = True
    height: int = 200
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of a page.

    Attributes:
        key: Anchor.
        title: What it is about.
        takeaway: What it says, in a sentence.
        charts: Its charts.
        legend: How to read the charts.
        tables: Tables that always show.
        lines: Sentences below the charts.
    """

    key: str
    title: str
    takeaway: str = ""
    charts: tuple[ChartPart, ...] = ()
    legend: str = ""
    tables: tuple[TableText, ...] = ()
    lines: tuple[str, ...] = ()


def table_text(table: Table, numbers: NumberFormat) -> TableText:
    """Format a table; columns without a single value are left out."""
    kept = [i for i in range(len(table.columns)) if i == 0 or any(row[i] not in (None, "") for row in table.rows)]
    return TableText(
        title=table.title,
        heads=tuple(table.columns[i].name for i in kept),
        numeric=tuple(table.columns[i].unit not in _WORDS for i in kept),
        rows=tuple(tuple(_cell(row[i], table.columns[i], numbers) for i in kept) for row in table.rows),
        note=table.note,
        last_is_total=table.last_is_total,
    )


def heat_table(heat: HeatMap, numbers: NumberFormat) -> TableText:
    """The values of a heat map as a table; the longer side runs down the page."""
    rows, columns, values = heat.rows, heat.columns, heat.values
    first = heat.row_title
    if len(columns) > len(rows):
        rows, columns, values = columns, rows, tuple(zip(*values, strict=True))
        first = heat.column_title
    return TableText(
        title=heat.title,
        heads=(first, *columns),
        numeric=(False, *(True for _ in columns)),
        rows=tuple(
            (CellText(text=name), *(CellText(text=numbers.number(value, heat.unit)) for value in row))
            for name, row in zip(rows, values, strict=True)
        ),
    )


def _cell(value: Value, column: Column, numbers: NumberFormat) -> CellText:
    spread = numbers.range(value, column.unit) if isinstance(value, Estimate) else ""
    return CellText(text=numbers.value(value, column.unit), range=spread)
