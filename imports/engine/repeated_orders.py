"""Orders that one file holds twice, as where exports that overlap were joined."""

import polars as pl


def without_repeated(rows: pl.DataFrame, order: str, columns: list[str], *, file: str) -> pl.DataFrame:
    """Leave out an order's lines that stand elsewhere in the file once more, alike in every column.

    Exports keep the lines of an order together, so that a run of them further down that repeats the first one line by
    line is the same order again. Where two exports were joined, one run ends at the seam and another begins, though
    both are of one order. Lines that are alike within a run are lines of their own. Where orders come back with other
    lines more often than with the same ones, the file does not keep orders together, and nothing is left out.

    Args:
        rows: Rows of whole orders, as texts.
        order: Column of the order's id; an empty cell belongs to the order above.
        columns: Columns that are read.
        file: Column of the number of the file joined into this one.
    """
    runs = rows.select(pl.col(order).forward_fill().alias("__order"), *(name for name in columns if name != order))
    runs = runs.with_columns(pl.struct("__order", rows[file]).rle_id().alias("__run"))
    if runs["__run"].n_unique() == runs["__order"].n_unique():
        return rows
    runs = runs.with_columns(pl.int_range(pl.len()).over("__run").alias("__place"))
    # Over the whole file, and only then by run.
    runs = runs.with_columns(__seen=~pl.struct(pl.exclude("__run")).is_first_distinct())
    runs = runs.select(
        "__run",
        __first=pl.col("__run") == pl.col("__run").min().over("__order"),
        __again=(pl.col("__order").is_not_null() & pl.col("__seen")).all().over("__run"),
    )
    further = runs.filter(~pl.col("__first")).unique("__run")["__again"]
    return rows if further.sum() <= 0.5 * further.len() else rows.filter(~runs["__again"])
