"""Canonical tables for tests: rows with only the columns that matter."""

from collections.abc import Mapping, Sequence

import polars as pl

from xbopt.imports.engine.canonical import schema
from xbopt.imports.profile import TableKey


def table(name: TableKey, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """A canonical table; columns that no row names are null."""
    types = schema(name)
    return pl.DataFrame([{column: row.get(column) for column in types} for row in rows], schema=types)
