"""The plain values that reports are made of: columns, tables, heat maps, bridges. No formatting, no drawing."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from xbopt.studies.kpis import WorldRange
from xbopt.studies.labels import Unit

Value: TypeAlias = float | str | dt.date | WorldRange | None
"""One cell of a table; None where a figure has no meaning."""


Spec: TypeAlias = dict[str, Any]
"""A Vega-Lite spec of a chart without schema and configuration, which stand once on the page."""

StepKind: TypeAlias = Literal["amount", "subtotal", "total"]
"""A signed amount, a running sum, or the end."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        key: Name for machines.
        name: Heading.
        unit: What its values are.
        meaning: One sentence for the data dictionary.
    """

    key: str
    name: str
    unit: Unit
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        key: Name for machines.
        title: Heading.
        columns: Its columns; the first names the row.
        rows: One tuple of values a row.
        note: What to know when reading it.
        last_is_total: Whether the last row sums the others.
        row_units: What the numbers of each row are, where that differs from row to row.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""
    last_is_total: bool = False
    row_units: tuple[Unit, ...] = ()

    def unit(self, row: int, column: int) -> Unit:
        """What a cell is."""
        own = self.columns[column].unit
        return self.row_units[row] if self.row_units and own == "number" else own


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """A grid of values.

    Attributes:
        key: Name for machines.
        title: Heading.
        description: What it shows, in a sentence.
        row_title: What a row is.
        column_title: What a column is.
        rows: Names of the rows.
        columns: Names of the columns.
        values: One tuple a row; NaN where there is no value.
        unit: What the values are.
        sums: Whether rows and columns may be summed; the sums then stand at the edges.
        top: Value of the darkest colour, so that several maps can share one scale; None for the largest value.
        reference_row: Whether the first row is a yardstick for the others rather than one of them.
        columns_are_days: Whether the names of the columns are days, as YYYY-MM-DD.
    """

    key: str
    title: str
    description: str
    row_title: str
    column_title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    unit: Unit
    sums: bool = False
    top: float | None = None
    reference_row: bool = False
    columns_are_days: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and a text, for the head of a page."""

    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeStep:
    """One bar of the bridge.

    Attributes:
        key: Name of the money term or sum.
        name: Readable name.
        kind: A signed amount, a running sum, or the end.
        amount: Signed amount in base currency, mean over worlds; of a sum its value.
        start: Where its bar begins.
        end: Where its bar ends.
        of_revenue: Amount over net revenue; NaN without revenue.
    """

    key: str
    name: str
    kind: StepKind
    amount: float
    start: float
    end: float
    of_revenue: float
