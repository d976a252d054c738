"""Rows as canonical tables have them: columns in their order, kinds, defaults, one row for each key."""

from collections.abc import Mapping, Sequence

import polars as pl

from xbopt.imports.profile import TableKey
from xbopt.imports.tables import TABLES, ColumnKind

KINDS: Mapping[ColumnKind, pl.DataType] = {
    "date": pl.Date(),
    "time": pl.Datetime("us"),
    "hour": pl.Int8(),
    "text": pl.String(),
    "money": pl.Float64(),
    "number": pl.Float64(),
    "count": pl.Int64(),
    "flag": pl.Boolean(),
    "share": pl.Float64(),
}
KEYS: Mapping[TableKey, Sequence[str]] = {
    "transactions": ("order_id",),
    "refunds": ("order_id", "date", "sku"),
    "media": (
        "date", "hour", "platform", "account", "campaign_id", "campaign", "channel", "country", "region", "segment",
        "margin", "currency", "zone", "attribution",
    ),
    "sessions": ("date", "zone", "country", "channel", "currency"),
    "sends": ("date", "time", "platform", "campaign_id", "campaign"),
    "stock": ("date", "country", "place", "sku"),
    "rates": ("date", "currency"),
    "feedback": ("date", "country", "kind"),
}  # fmt: skip
"""What makes a row of a table the same fact in two files."""
SUMMED: Mapping[TableKey, Sequence[str]] = {
    "media": ("spend", "impressions", "clicks", "conversions", "conversions_value"),
    "sessions": ("sessions", "engaged", "carts", "orders", "revenue"),
    "stock": ("on_hand",),
}
"""Columns that add up where a file has several rows for a key, as by ad group or device."""


def schema(table: TableKey) -> dict[str, pl.DataType]:
    """Column types of a table."""
    return {name: KINDS[kind] for name, kind in TABLES[table].items()}


def money_columns(table: TableKey) -> list[str]:
    """The columns of a table that are amounts of money."""
    return [name for name, kind in TABLES[table].items() if kind == "money"]


def shaped(table: TableKey, rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of a table in their order and types; what is missing is null."""
    made: list[pl.Expr] = []
    for name, kind in schema(table).items():
        if name not in rows.columns:
            made.append(pl.lit(None, dtype=kind).alias(name))
        elif kind == pl.Int64() and rows.schema[name].is_float():
            made.append(pl.col(name).round().cast(kind, strict=False))
        else:
            made.append(pl.col(name).cast(kind, strict=False))
    return rows.select(made)


def summed(table: TableKey, rows: pl.DataFrame) -> pl.DataFrame:
    """One row for each key: amounts and counts added up; what does not add up, as reach, stays in single rows only."""
    columns = SUMMED.get(table)
    if columns is None or rows.is_empty():
        return rows
    keys = list(KEYS[table])
    others = [name for name in rows.columns if name not in (*keys, *columns)]
    single = pl.when(pl.len() == 1)
    return (
        rows.group_by(keys, maintain_order=True)
        .agg(
            *(pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name) for name in columns),
            *(
                (pl.col(name).first() if rows.schema[name] == pl.String() else single.then(pl.col(name).first())).alias(
                    name
                )
                for name in others
            ),
        )
        .select(rows.columns)
    )
