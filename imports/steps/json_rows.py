"""Rows of programming interfaces: lists in a cell, and events that report an order again."""

import polars as pl

from xbopt.imports.refusals import UnreadFileError
from xbopt.imports.steps.step import StepContext

_REFUNDS = pl.List(pl.Struct({"total": pl.String}))


def sum_of_refunds(frame: pl.DataFrame, _context: StepContext) -> pl.DataFrame:
    """Sum the list ``refunds`` (JSON, negative totals) of an order in ``refunded``, positive; empty without any.

    Raises:
        UnreadFileError: A cell is no list.
    """
    if "refunds" not in frame.columns:
        return frame.with_columns(refunded=pl.lit(None, dtype=pl.Float64))
    try:
        listed = frame.with_columns(pl.col("refunds").str.json_decode(_REFUNDS))
    except pl.exceptions.ComputeError:
        message = "refunds: a cell is no list in JSON. Export the file again."
        raise UnreadFileError("", "broken_list", message) from None
    amounts = pl.element().struct.field("total").cast(pl.Float64, strict=False).abs()
    refunded = pl.when(pl.col("refunds").list.len() > 0).then(pl.col("refunds").list.eval(amounts).list.sum())
    return listed.with_columns(refunded=refunded).drop("refunds")


def count_orders_once(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Count each order of Analytics events once, though opening its page again reports it again.

    Added are ``counted_order`` on the first purchase of each ``order_id``, and ``order_revenue`` on such rows and on
    those of purchases without a number.
    """
    rows = frame.sort("date", "micros", maintain_order=True)
    bought = (pl.col("event") == "purchase").fill_null(value=False)
    numbered = pl.when(bought).then(pl.col("order_id"))
    counted = pl.when(numbered.is_first_distinct()).then(numbered)
    is_again = numbered.is_not_null() & counted.is_null()
    context.note_trap("order_twice", rows.filter(is_again).height)
    return rows.with_columns(counted_order=counted, order_revenue=pl.when(bought & ~is_again).then(pl.col("revenue")))
