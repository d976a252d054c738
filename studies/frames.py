"""Figures as a table for data-frame libraries."""

# pyarrow ships without complete type information.
# pyright: reportUnknownVariableType=false

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Protocol

from xbopt.studies.kpis import WorldRange


class Frame(Protocol):
    """A table that every data-frame library reads: ``polars.from_arrow``, ``pandas`` by ``to_pandas()``, DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The table by the Arrow C stream interface."""
        ...

    def to_pylist(self) -> list[dict[str, object]]:
        """One dict a row."""
        ...


def frame_of(rows: Iterable[Mapping[str, object]]) -> Frame:
    """Rows as a pyarrow table."""
    import pyarrow as pa  # slow to load

    return pa.Table.from_pylist(list(rows))


def kpi_rows(kpis: Mapping[str, WorldRange], **labels: str) -> list[dict[str, object]]:
    """One row a KPI: the labels, then ``kpi``, ``mean``, ``se``, ``low``, ``high``."""
    return [{**labels, "kpi": name, **asdict(figure)} for name, figure in kpis.items()]
