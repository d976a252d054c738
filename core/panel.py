"""The panel: one table of media and orders by day, region and segment, as a seller's own records would hold it.

Media rows name a channel; order rows have none. Simulated panels say which world a row comes from.
"""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xbopt.core.errors import UsageError
from xbopt.core.files import replace_file

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

PANEL_COLUMNS: Mapping[str, str] = {
    "date": "date",
    "region": "text",
    "segment": "text",
    "channel": "text",
    "spend": "money",
    "currency": "text",
    "impressions": "count",
    "clicks": "count",
    "visits": "count",
    "orders": "count",
    "new_customers": "count",
    "units": "count",
    "net_revenue": "money",
    "discount_frac": "share",
    "price_index": "index",
    "stock_out": "share",
    "refunds": "money",
    "world": "number",
}
"""Columns of a panel in their order, with the kind of each; ``docs/semantics.md`` says what they mean."""
_ROWS_PER_GROUP = 131_072

PanelColumn = Sequence[object] | NDArray[np.generic] | None
"""One column of some rows; None where the rows have no value in it."""


class PanelWriter:
    """Appends rows to an open panel; made by `open_panel`."""

    def __init__(self, path: Path, writer: "parquet.ParquetWriter") -> None:
        self._path, self._writer = path, writer
        self._pending: list[pa.Table] = []
        self._pending_rows = 0

    def append(self, rows: int, columns: Mapping[str, PanelColumn]) -> None:
        """Append ``rows`` rows; columns that are left out are empty in them.

        Raises:
            UsageError: The disk refuses to take the rows.
        """
        import pyarrow as pa

        schema = panel_schema()
        arrays = [
            pa.nulls(rows, field.type) if (column := columns.get(field.name)) is None else pa.array(column, field.type)
            for field in schema
        ]
        self._pending.append(pa.Table.from_arrays(arrays, schema=schema))
        self._pending_rows += rows
        if self._pending_rows >= _ROWS_PER_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what is pending."""
        import pyarrow as pa

        if not self._pending:
            return
        try:
            self._writer.write_table(pa.concat_tables(self._pending), row_group_size=_ROWS_PER_GROUP)
        except OSError as error:
            raise UsageError(f"The panel {self._path} cannot be written: {error}.") from error
        self._pending, self._pending_rows = [], 0


@contextmanager
def open_panel(path: Path) -> Generator[PanelWriter]:
    """Open a panel file (Parquet, zstd); it appears under its name only when the block ends without an exception.

    Raises:
        UsageError: The file cannot be written there.
    """
    from pyarrow import parquet

    with (
        replace_file(path) as temporary,
        parquet.ParquetWriter(temporary, panel_schema(), compression="zstd") as writer,
    ):
        panel = PanelWriter(path, writer)
        yield panel
        panel.flush()


def panel_schema() -> "pa.Schema":
    """The Arrow schema of a panel; each field's metadata holds its kind."""
    import pyarrow as pa

    types = {"date": pa.date32(), "text": pa.string(), "number": pa.int64()}
    return pa.schema(
        [pa.field(name, types.get(kind, pa.float64()), metadata={"kind": kind}) for name, kind in PANEL_COLUMNS.items()]
    )
