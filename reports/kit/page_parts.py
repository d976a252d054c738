"""The parts of a page: what the template shows, formatted but without any HTML."""

from dataclasses import dataclass

from xbopt.reports.kit.figures import Fact, HeatMap, Spec, Table, Value
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.studies.kpis import WorldRange
from xbopt.studies.labels import Unit

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TileText:
    """A figure that stands large.

    Attributes:
        name: What it is.
        figure: The figure.
        range: Below it, in small type.
        change: Against something else.
        tone: ``good``, ``bad`` or ``even``: the colour of the change.
        meaning: What it means, in a few words.
    """

    name: str
    figure: str
    range: str = ""
    change: str = ""
    tone: str = "even"
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """Values of one place of a scenario that share their source."""

    group: str
    values: tuple[tuple[str, str], ...]
    evidence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRows:
    """A section of the assumption sheet."""

    count: int
    rows: tuple[SheetRow, ...]
    what: str = "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetText:
    """The assumption sheet: its sentence, the marks that it uses, and its sections."""

    takeaway: str
    marks: tuple[tuple[str, str], ...]
    sections: tuple[tuple[str, SheetRows], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """Everything that stands on a page, in reading order.

    Attributes:
        kind: What sort of report it is.
        title: Its title.
        description: What is reported on, in its own words.
        facts: Labels and texts at its head.
        verdict: What it says, in a sentence.
        tone: ``good``, ``bad`` or ``even``: the colour beside the verdict.
        below_verdict: Further sentences beside the verdict, smaller.
        tiles: Figures that stand large.
        tiles_legend: How to read them.
        sections: Charts, tables and sentences.
        sheet: The assumption sheet, where there is one.
        notes: How to read all this.
        numbers: How the numbers of the charts' axes are written.
    """

    kind: str
    title: str
    description: str = ""
    facts: tuple[Fact, ...] = ()
    verdict: str
    tone: str = "even"
    below_verdict: tuple[str, ...] = ()
    tiles: tuple[TileText, ...] = ()
    tiles_legend: str = ""
    sections: tuple[Section, ...] = ()
    sheet: SheetText | None = None
    notes: tuple[str, ...] = ()
    numbers: NumberFormat


def table_text(table: Table, numbers: NumberFormat) -> TableText:
    """Format a table; columns without a single value are left out."""
    kept = [i for i in range(len(table.columns)) if i == 0 or any(row[i] not in (None, "") for row in table.rows)]
    return TableText(
        title=table.title,
        heads=tuple(table.columns[i].name for i in kept),
        numeric=tuple(table.columns[i].unit not in _WORDS for i in kept),
        rows=tuple(tuple(_cell(row[i], table.unit(r, i), numbers) for i in kept) for r, row in enumerate(table.rows)),
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


def _cell(value: Value, unit: Unit, numbers: NumberFormat) -> CellText:
    spread = numbers.range(value, unit) if isinstance(value, WorldRange) else ""
    return CellText(text=numbers.value(value, unit), range=spread)
