"""Which rows of several files are about one campaign: an id says so; its name, which platforms rewrite, does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from xbopt.imports.engine.canonical import KEYS
from xbopt.imports.engine.privacy import HASHED
from xbopt.imports.profile import TableKey

_OWNER: Mapping[TableKey, Sequence[str]] = {"media": ("platform", "account"), "sends": ("platform",)}
"""Within whom ids and names of campaigns are told apart."""
_LABELS = ("channel", "attribution")
"""What follows from a campaign's name and settings, and changes with them."""


@dataclass(frozen=True, slots=True)
class Identified:
    """Rows with the columns that identify them.

    Attributes:
        rows: The rows, with further columns whose names begin with two underscores.
        keys: What makes a row the same fact in two files.
    """

    rows: pl.LazyFrame
    keys: tuple[str, ...]


def identified(table: TableKey, rows: pl.LazyFrame) -> Identified:
    """Tell campaigns by their id where they have one; a name without an id is that of the id which others give it.

    Channel and window follow from a campaign's name or settings, and so does a country that no column told, so that
    they identify nothing where an id does.
    """
    owner = _OWNER.get(table)
    if table == "refunds":
        rows = rows.with_columns(told_sku("order_id", "date").alias("__sku"))
        return Identified(rows, tuple(f"__{name}" if name == "sku" else name for name in KEYS[table]))
    if owner is None:
        return Identified(rows, tuple(KEYS[table]))
    known = rows.select(*owner, "campaign_id", "campaign").unique().collect(engine="streaming")
    bare = known.filter(pl.col("campaign_id").is_null() & pl.col("campaign").is_not_null())
    with_id = known.filter(pl.col("campaign_id").is_not_null())
    common = with_id.join(bare, on=[*owner, "campaign"], how="semi", nulls_equal=True)
    by_id = common.group_by(*owner, "campaign_id").agg(pl.col("campaign").min().alias("__as"))
    by_name = common.select(*owner, "campaign").unique().with_columns(__has_id=pl.lit(value=True))
    told = rows.join(by_id.lazy(), on=[*owner, "campaign_id"], how="left", nulls_equal=True, maintain_order="left")
    told = told.join(by_name.lazy(), on=[*owner, "campaign"], how="left", nulls_equal=True, maintain_order="left")
    own = pl.col("campaign_id").is_not_null()
    by_id_only = own & pl.col("__as").is_null()
    has_id = own | pl.col("__has_id").fill_null(value=False)
    instead = {
        "campaign_id": pl.when(by_id_only).then(pl.col("campaign_id")),
        "campaign": pl.when(~own).then(pl.col("campaign")).otherwise(pl.col("__as")),
        **{name: pl.when(~has_id).then(pl.col(name)) for name in _LABELS if name in KEYS[table]},
    }
    if table == "media":
        from_name = has_id & (pl.col("margin") == "campaign").fill_null(value=False)
        instead["country"] = pl.when(~from_name).then(pl.col("country"))
    told = told.with_columns(expr.alias(f"__{name}") for name, expr in instead.items()).drop("__as", "__has_id")
    return Identified(told, tuple(f"__{name}" if name in instead else name for name in KEYS[table]))


def told_sku(*keys: str) -> pl.Expr:
    """The article of rows, unless one of those that share the keys has a pseudonym, which others may not have."""
    hidden = pl.col("sku").str.contains(HASHED).fill_null(value=False).any().over(keys)
    return pl.when(~hidden).then(pl.col("sku"))


def latest_names(
    table: TableKey, rows: pl.LazyFrame, kept: pl.LazyFrame, order: Sequence[str]
) -> tuple[pl.LazyFrame, int]:
    """The kept rows, whose campaigns have one name for each id, the latest; and how many had several.

    Args:
        table: The table.
        rows: All its rows.
        kept: Those that count.
        order: Sources, the latest last.
    """
    owner = _OWNER.get(table)
    if owner is None:
        return kept, 0
    rank = pl.LazyFrame({"source": list(order), "__rank": range(len(order))})
    by_id = [*owner, "campaign_id"]
    names = (
        rows.filter(pl.col("campaign_id").is_not_null() & pl.col("campaign").is_not_null())
        .join(rank, on="source", how="left")
        .group_by(by_id)
        .agg(__n=pl.col("campaign").n_unique(), __to=pl.col("campaign").sort_by("__rank", "date").last())
        .filter(pl.col("__n") > 1)
        .drop("__n")
        .collect(engine="streaming")
    )
    if names.is_empty():
        return kept, 0
    renamed = kept.join(names.lazy(), on=by_id, how="left", nulls_equal=True, maintain_order="left")
    return renamed.with_columns(pl.coalesce("__to", "campaign").alias("campaign")).drop("__to"), names.height
