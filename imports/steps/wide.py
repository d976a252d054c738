"""Tables with one column for each of many things, turned to one row each."""

import polars as pl

from xbopt.imports.steps.step import StepContext


def unpivot_currencies(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Turn columns named by currencies into rows with ``rate_currency`` and ``per_euro``; empty cells make none."""
    codes = [name for name in frame.columns if len(name) == 3 and name.isalpha() and name.isupper()]
    rows = frame.unpivot(on=codes, index=["date"], variable_name="rate_currency", value_name="per_euro")
    kept = rows.drop_nulls("per_euro").sort("date", "rate_currency")
    context.note_trap("no_rate", rows.height - kept.height)
    return kept
