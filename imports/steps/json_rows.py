"""Rows of programming interfaces whose cells hold lists: actions of Meta, parameters of Analytics events."""

import polars as pl

from xbopt.imports.refusals import UnreadFileError
from xbopt.imports.steps.step import StepContext

PURCHASES = (
    "omni_purchase",
    "purchase",
    "offsite_conversion.fb_pixel_purchase",
    "onsite_web_purchase",
    "web_in_store_purchase",
)
"""Meta's names of purchases. They count the same orders: one of them is taken, the first that a row has."""

_ACTIONS = pl.List(pl.Struct({"action_type": pl.String, "value": pl.String}))
_REFUNDS = pl.List(pl.Struct({"total": pl.String}))
_VALUE = pl.Struct({"string_value": pl.String, "int_value": pl.String})
_PARAMETERS = pl.List(pl.Struct({"key": pl.String, "value": _VALUE}))


def purchases_of_actions(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Take purchases and their value out of the lists ``actions`` and ``action_values`` (JSON); others are not read.

    Added are ``purchases`` and ``purchases_value``; empty where a row has none.
    """
    for source, name in (("actions", "purchases"), ("action_values", "purchases_value")):
        if source not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(source))
        frame = _decoded(frame, source, _ACTIONS)
        of_type = [
            pl.col(source)
            .list.eval(
                pl.when(pl.element().struct.field("action_type") == kind).then(pl.element().struct.field("value"))
            )
            .list.drop_nulls()
            .list.first()
            for kind in PURCHASES
        ]
        frame = frame.with_columns(pl.coalesce(of_type).cast(pl.Float64, strict=False).alias(name))
    context.note_trap("one_purchase_type", frame["purchases"].count())
    return frame


def one_purchase_type(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Keep one purchase type of each ad and day in a table of actions, one row each; other actions are taken out."""
    rank = {kind: i for i, kind in enumerate(PURCHASES)}
    rows = frame.with_columns(_rank=pl.col("action_type").replace_strict(rank, default=None, return_dtype=pl.Int64))
    kept = rows.filter(
        pl.col("_rank").is_not_null() & (pl.col("_rank") == pl.col("_rank").min().over("campaign_id", "date"))
    )
    context.drop("an action that is no purchase, or the same purchase under another name", rows.height - kept.height)
    return kept.drop("_rank")


def sum_of_refunds(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Sum the list ``refunds`` (JSON, negative totals) of an order in ``refunded``, positive; empty without any."""
    if "refunds" not in frame.columns:
        return frame.with_columns(refunded=pl.lit(None, dtype=pl.Float64))
    rows = _decoded(frame, "refunds", _REFUNDS)
    amounts = pl.element().struct.field("total").cast(pl.Float64, strict=False).abs()
    refunded = pl.when(pl.col("refunds").list.len() > 0).then(pl.col("refunds").list.eval(amounts).list.sum())
    return rows.with_columns(refunded=refunded).drop("refunds")


def parameters_of_events(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Take session and currency out of ``event_params`` (JSON) of Analytics events, and count each order once.

    Added are ``session`` (visitor and session id; empty without one), ``order_currency``, ``counted_order`` on the first
    row of each order, and ``order_revenue``, the revenue on such rows and on those of orders without a number.
    """
    rows = _decoded(frame, "event_params", _PARAMETERS).sort("date", "micros", maintain_order=True)
    value = pl.element().struct.field("value").struct
    text = pl.coalesce(value.field("string_value"), value.field("int_value"))

    def parameter(key: str) -> pl.Expr:
        found = pl.when(pl.element().struct.field("key") == key).then(text)
        return pl.col("event_params").list.eval(found).list.drop_nulls().list.first()

    rows = rows.with_columns(
        session=pl.col("visitor") + "." + parameter("ga_session_id"),
        order_currency=parameter("currency").str.to_uppercase(),
    )
    bought = (pl.col("event") == "purchase").fill_null(value=False)
    numbered = pl.when(bought).then(pl.col("order_id"))
    counted = pl.when(numbered.is_first_distinct()).then(numbered)
    is_again = numbered.is_not_null() & counted.is_null()
    context.note_trap("order_twice", rows.filter(is_again).height)
    return rows.with_columns(
        counted_order=counted, order_revenue=pl.when(bought & ~is_again).then(pl.col("revenue"))
    ).drop("event_params")


def _decoded(frame: pl.DataFrame, column: str, kind: pl.DataType) -> pl.DataFrame:
    try:
        return frame.with_columns(pl.col(column).str.json_decode(kind))
    except pl.exceptions.ComputeError:
        raise UnreadFileError(
            "", "broken_list", f"{column}: a cell is no list in JSON. Export the file again."
        ) from None
