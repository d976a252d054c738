"""Canonical tables for tests: rows with only the columns that matter."""

from collections.abc import Mapping, Sequence

import polars as pl

from xbopt.imports.tables import TABLES, ColumnKind, TableName

_TYPES: Mapping[ColumnKind, pl.DataType] = {
    "date": pl.Date(),
    "time": pl.Datetime(),
    "hour": pl.Int64(),
    "text": pl.String(),
    "money": pl.Float64(),
    "number": pl.Float64(),
    "count": pl.Int64(),
    "flag": pl.Boolean(),
    "share": pl.Float64(),
}


def table(name: TableName, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """A canonical table; columns that no row names are null."""
    schema = {column: _TYPES[kind] for column, kind in TABLES[name].items()}
    return pl.DataFrame([{column: row.get(column) for column in schema} for row in rows], schema=schema)
