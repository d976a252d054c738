"""Tables with one column for each of many things, turned to one row each."""

from collections.abc import Mapping

import polars as pl

from xbopt.imports.steps.step import StepContext

_FEEDBACK: Mapping[str, str] = {"rating": "review", "returns": "return", "contacts": "contact"}


def unpivot_currencies(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Turn columns named by currencies into rows with ``rate_currency`` and ``per_euro``; empty cells make none."""
    codes = [name for name in frame.columns if len(name) == 3 and name.isalpha() and name.isupper()]
    rows = frame.unpivot(on=codes, index=["date"], variable_name="rate_currency", value_name="per_euro")
    kept = rows.drop_nulls("per_euro").sort("date", "rate_currency")
    context.note_trap("no_rate", rows.height - kept.height)
    return kept


def unpivot_feedback(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Turn ratings, returns and contacts of a row into rows of their own; empty cells make none.

    Added are ``kind``, ``score`` (stars from 1 to 5 as -1 to 1) and ``number``: how many reviews the stars are the mean
    of, one where ``reviews`` is empty, and how many returns or contacts there were.
    """
    del context
    rows = frame.with_row_index("_row").unpivot(
        on=list(_FEEDBACK), index=["_row", "date", "country", "reviews"], variable_name="kind", value_name="value"
    )
    is_review = pl.col("kind") == "rating"
    return (
        rows.drop_nulls("value")
        .sort("_row", "kind")
        .with_columns(
            pl.col("kind").replace_strict(_FEEDBACK),
            score=pl.when(is_review).then((pl.col("value") - 3.0) / 2.0),
            number=pl.when(is_review).then(pl.col("reviews").fill_null(1.0)).otherwise("value"),
        )
        .filter(pl.col("number") > 0.0)
    )
