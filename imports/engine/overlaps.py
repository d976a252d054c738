"""Rows that several files hold: an order or a day's figures in two exports is one fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from xbopt.imports.engine.identity import identified, latest_names, told_sku
from xbopt.imports.engine.same_facts import check_same
from xbopt.imports.profile import TableKey
from xbopt.imports.provenance import Overlap

_LINE: Mapping[TableKey, Sequence[str]] = {"transactions": ("sku", "quantity", "unit_price")}
"""What tells lines of an order apart; texts of goods do not, since those of an earlier import may be emptied."""


@dataclass(frozen=True, slots=True)
class Once:
    """A table in which every fact stands once.

    Attributes:
        rows: Its rows.
        overlaps: What was left out.
        renamed: How many campaigns had several names under one id, and now have the latest.
    """

    rows: pl.LazyFrame
    overlaps: tuple[Overlap, ...]
    renamed: int = 0


def counted_once(
    table: TableKey,
    parts: Sequence[tuple[str, pl.LazyFrame]],
    names: Mapping[str, str] | None = None,
    *,
    same_customers: bool = True,
    accepts_two: bool = False,
) -> Once:
    """Put the parts of a table together.

    Campaigns are known by their id where they have one, and get its latest name. A key that two files hold is taken
    from the later one: the one whose rows reach further, since platforms correct recent days; of two that reach as far,
    from the one that was read last. Lines of an order that was cut between two files are kept from both, as long as
    they have none in common. Orders in two formats are taken from the first one.

    Args:
        table: The table.
        parts: Name of the source and its rows, in the order in which they were read.
        names: File by source, for refusals.
        same_customers: Whether a customer has one pseudonym in all parts.
        accepts_two: Take rows with one key for one fact, whatever they say.

    Raises:
        RefusedFileError: Most rows with a common key disagree, as those of two accounts or shops do.
    """
    rows = pl.concat([part for _, part in parts], how="vertical")
    if len(parts) < 2:
        return Once(rows, ())
    rank = _ranks(table, parts)
    kept, overlaps = _without_overlaps(
        table, parts, rows, rank, names or {}, same_customers=same_customers, accepts_two=accepts_two
    )
    kept, renamed = latest_names(table, rows, kept, rank["source"].to_list())
    return Once(kept, overlaps, renamed)


def _without_overlaps(
    table: TableKey,
    parts: Sequence[tuple[str, pl.LazyFrame]],
    rows: pl.LazyFrame,
    rank: pl.DataFrame,
    names: Mapping[str, str],
    *,
    same_customers: bool,
    accepts_two: bool,
) -> tuple[pl.LazyFrame, tuple[Overlap, ...]]:
    columns = rows.collect_schema().names()
    told = identified(table, rows)
    rows, keys, lines = told.rows, list(told.keys), list(_LINE.get(table, ()))
    seen = rows.select(*keys, *(name for name in lines if name not in keys), "source")
    several = (
        seen.group_by(keys).agg(pl.col("source").n_unique().alias("__n")).filter(pl.col("__n") > 1).drop("__n")
    ).collect(engine="streaming")
    if several.is_empty():
        return rows.select(columns), ()
    if not accepts_two:
        order = [source for source, _ in parts]
        check_same(table, told, several, order, names, same_customers=same_customers)
    held = (
        seen.join(several.lazy(), on=keys, how="semi", nulls_equal=True)
        .join(rank.lazy(), on="source", how="left")
        .collect(engine="streaming")
    )
    if lines:
        held = held.with_columns(told_sku("order_id").alias("sku"))
        # Orders whose lines are spread over two files, none of them in both, were cut by the export.
        line = [*keys, *(name for name in lines if name not in keys)]
        common = held.group_by(line).agg(
            pl.col("source").n_unique().alias("__n"), pl.col("__format").n_unique().alias("__f")
        )
        doubled = common.filter(pl.col("__n") > 1).select(keys).unique()
        other_format = (
            held.group_by(keys).agg(pl.col("__format").n_unique().alias("__f")).filter(pl.col("__f") > 1).select(keys)
        )
        held = held.join(pl.concat([doubled, other_format]).unique(), on=keys, how="semi", nulls_equal=True)
    best = held.group_by(keys).agg(pl.col("source").sort_by("__rank").last().alias("__kept"))
    marked = held.join(best, on=keys, how="left", nulls_equal=True).filter(pl.col("source") != pl.col("__kept"))
    if marked.is_empty():
        return rows.select(columns), ()
    told = marked.group_by("__kept", "source").len().sort("__kept", "source")
    formats = {source: source.partition(":")[0] for source, _ in parts}
    overlaps = tuple(
        Overlap(
            table=table,
            rule="the same order in two formats" if formats[kept] != formats[left] else "the same rows in two files",
            rows=count,
            kept_from=kept,
            left_out_of=left,
        )
        for kept, left, count in told.iter_rows()
    )
    dropped = marked.select(*keys, "source").unique().lazy()
    once = rows.join(dropped, on=[*keys, "source"], how="anti", nulls_equal=True, maintain_order="left")
    return once.select(columns), overlaps


def _ranks(table: TableKey, parts: Sequence[tuple[str, pl.LazyFrame]]) -> pl.DataFrame:
    """Which source counts more: orders by the first format, then by how far the source reaches, then the last read."""
    formats = list(dict.fromkeys(source.partition(":")[0] for source, _ in parts))
    last = [part.select(pl.col("date").max()).collect().item() for _, part in parts]
    of_format = [-formats.index(source.partition(":")[0]) if table in _LINE else 0 for source, _ in parts]
    return (
        pl.DataFrame(
            {
                "source": [source for source, _ in parts],
                "__format": [source.partition(":")[0] for source, _ in parts],
                "__f": of_format,
                "__last": pl.Series(last, dtype=pl.Date),
                "__read": range(len(parts)),
            }
        )
        .sort("__f", "__last", "__read", nulls_last=False)
        .with_row_index("__rank")
        .select("source", "__format", "__rank")
    )
