"""Figures as a table for data-frame libraries."""

# pyarrow ships without complete type information.
# pyright: reportUnknownVariableType=false

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from xbopt.core.frames import Frame
from xbopt.studies.kpis import WorldRange


def frame_of(rows: Iterable[Mapping[str, object]]) -> Frame:
    """Rows as a pyarrow table."""
    import pyarrow as pa  # slow to load

    return pa.Table.from_pylist(list(rows))


def kpi_rows(kpis: Mapping[str, WorldRange], **labels: str) -> list[dict[str, object]]:
    """One row a KPI: the labels, then ``kpi``, ``mean``, ``se``, ``low``, ``high``."""
    return [{**labels, "kpi": name, **asdict(figure)} for name, figure in kpis.items()]
