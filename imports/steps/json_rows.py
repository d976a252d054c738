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


def sessions_of_events(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Give all Analytics events of a session its day, place and source, and count each order once.

    Opening the page of an order again reports it again. Added are ``visit`` (visitor and session), ``counted_order`` on
    the first purchase of each ``order_id``, and ``order_revenue`` on such rows and on those of purchases without one.
    """
    rows = frame.sort("date", "micros", maintain_order=True)
    rows = rows.with_columns(visit=pl.col("visitor") + "." + pl.col("session"))
    # A session belongs to its first day, also where it passes midnight.
    of_visit = [pl.col(name).drop_nulls().first().over("visit") for name in ("date", "country", "source", "medium")]
    rows = rows.with_columns(*of_visit, pl.col("order_currency").str.to_uppercase())
    paid_in = rows["order_currency"].drop_nulls().unique()
    if len(paid_in) == 1:
        rows = rows.with_columns(order_currency=pl.lit(paid_in.item()))
    bought = (pl.col("event") == "purchase").fill_null(value=False)
    numbered = pl.when(bought).then(pl.col("order_id"))
    counted = pl.when(numbered.is_first_distinct()).then(numbered)
    is_again = numbered.is_not_null() & counted.is_null()
    context.note_trap("order_twice", rows.filter(is_again).height)
    return rows.with_columns(counted_order=counted, order_revenue=pl.when(bought & ~is_again).then(pl.col("revenue")))
