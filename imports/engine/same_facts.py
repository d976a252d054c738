"""Whether rows with one key are one fact: two accounts or two shops may have the same names and numbers."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import polars as pl

from xbopt.imports.engine.identity import Identified, told_sku
from xbopt.imports.profile import TableKey
from xbopt.imports.refusals import RefusedFileError

TWO_SOURCES = "two_sources"
"""Code of the refusal, for ``--accept``."""
_FIGURE: Mapping[TableKey, str] = {
    "media": "spend", "sessions": "sessions", "sends": "recipients", "stock": "on_hand", "feedback": "score",
    "refunds": "amount", "rates": "per_euro",
}  # fmt: skip
_CORRECTION, _FEWEST = 0.1, 2
"""So much of a figure a platform corrects later; fewer figures tell nothing."""
_DAYS_APART = timedelta(days=2)
"""Zones move an order by a day; more is another order."""
_MOST_CUT = 2
"""An export cuts an order at its beginning and at its end; more orders without a line in common are others."""
_WHAT = {
    True: "{count:,} order numbers stand in {a} and in {b}, and most with other customers, days, countries or lines: "
    "these are two shops that count alike. Import the files one by one, each with its shop's name (--account NAME).",
    False: "{count:,} figures of one day and name stand in {a} and in {b}, and most differ: these are two accounts, or "
    "one of the files is filtered. Export them with the account's column, or import them one by one, each with the "
    "name of its account (--account NAME).",
}


def check_same(
    table: TableKey,
    told: Identified,
    several: pl.DataFrame,
    order: Sequence[str],
    names: Mapping[str, str],
    *,
    same_customers: bool = True,
) -> None:
    """Refuse sources of which most rows with a common key disagree.

    Figures may be corrected later by a tenth, and the last day of the source that ends earlier may be incomplete.

    Args:
        table: The table.
        told: Its rows, and what identifies them.
        several: Keys that more than one source holds.
        order: Sources as they were read.
        names: File by source.
        same_customers: Whether a customer has one pseudonym in all parts.

    Raises:
        RefusedFileError: They disagree; ``code`` is `TWO_SOURCES`.
    """
    if table == "transactions":
        apart = _orders_apart(told.rows, several, same_customers=same_customers)
    elif table in _FIGURE:
        apart = _figures_apart(_FIGURE[table], told, several)
    else:
        return
    for one, another, count, other in apart.sort("source", "other").iter_rows():
        if 2 * other >= count:
            a, b = sorted((one, another), key=order.index)
            said = _WHAT[table == "transactions"].format(count=count, a=names.get(a, a), b=names.get(b, b))
            remedy = f" If it is one all the same, import both with --accept {TWO_SOURCES}; the later file counts."
            raise RefusedFileError("", TWO_SOURCES, said + remedy)


def _figures_apart(figure: str, told: Identified, several: pl.DataFrame) -> pl.DataFrame:
    """Columns source, other, figures in common and how many differ, of each pair of sources."""
    keys = list(told.keys)
    rows = told.rows.select(*keys, "source", figure)
    held = (
        rows.join(several.lazy(), on=keys, how="semi", nulls_equal=True)
        .group_by(*keys, "source")
        .agg(pl.col(figure).cast(pl.Float64).sum())
    )
    last = rows.group_by("source").agg(pl.col("date").max().alias("__last"))
    held = held.join(last, on="source")
    pairs = (
        held.join(held.rename({"source": "other"}), on=keys, nulls_equal=True, suffix="_b")
        .filter(pl.col("source") < pl.col("other"))
        .filter(pl.col("date") < pl.min_horizontal("__last", "__last_b"))
    )
    most = pl.max_horizontal(pl.col(figure).abs(), pl.col(f"{figure}_b").abs())
    differs = (pl.col(figure) - pl.col(f"{figure}_b")).abs() > _CORRECTION * most
    return (
        pairs.filter(most > 0.0)
        .group_by("source", "other")
        .agg(pl.len().alias("count"), differs.sum().alias("differ"))
        .filter(pl.col("count") >= _FEWEST)
        .collect(engine="streaming")
    )


def _orders_apart(rows: pl.LazyFrame, several: pl.DataFrame, *, same_customers: bool) -> pl.DataFrame:
    """Columns source, other, orders in common and how many of them are two, of each pair of sources."""
    columns = ("order_id", "source", "date", "customer", "country", "sku", "quantity", "unit_price")
    line = pl.struct("sku", "quantity", "unit_price").hash().unique().alias("__lines")
    held = (
        rows.select(columns)
        .join(several.lazy(), on="order_id", how="semi", nulls_equal=True)
        .with_columns(told_sku("order_id").alias("sku"))
        .group_by("order_id", "source")
        .agg(pl.col("date").min(), pl.col("customer", "country").drop_nulls().first(), line)
    )
    pairs = held.join(held.rename({"source": "other"}), on="order_id", nulls_equal=True, suffix="_b").filter(
        pl.col("source") < pl.col("other")
    )
    same_format = pl.col("source").str.extract(r"^([^:]*)") == pl.col("other").str.extract(r"^([^:]*)")
    far = (pl.col("date") - pl.col("date_b")).abs() > _DAYS_APART
    another = (same_format & same_customers & (pl.col("customer") != pl.col("customer_b"))).fill_null(value=False)
    abroad = (pl.col("country") != pl.col("country_b")).fill_null(value=False)
    hard = far.fill_null(value=False) | another | abroad
    no_line = same_format & (pl.col("__lines").list.set_intersection("__lines_b").list.len() == 0)
    return (
        pairs.select("source", "other", hard.alias("__hard"), (no_line & ~hard).alias("__soft"))
        .group_by("source", "other")
        .agg(pl.len().alias("count"), pl.col("__hard").sum(), pl.col("__soft").sum())
        .select(
            "source", "other", "count",
            differ=pl.col("__hard") + pl.when(pl.col("__soft") > _MOST_CUT).then("__soft").otherwise(0),
        )
        .collect(engine="streaming")
    )  # fmt: skip
