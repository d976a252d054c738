"""Days whose month and day were turned round, as a spreadsheet does with some: order numbers rise with time."""

import numpy as np
import polars as pl

_APART = 25.0
"""Days from where an order should lie: more than lies between the 12th of a month and its 13th of the one before."""
_FEWEST, _SHARE = 3, 0.01
_MENDED, _RISING = 0.8, 0.98
_ANCHORS = 10


def turned_days(orders: pl.DataFrame) -> int:
    """How many orders lie months off their numbers, and right where day and month change places; 0 where few do.

    A day after the 12th can be read in one way only. Such orders say when the numbers between theirs were given; where
    their own days do not rise with the numbers, nothing is told.

    Args:
        orders: Columns order_id, date.
    """
    told = (
        orders.drop_nulls()
        .unique("order_id", keep="first", maintain_order=True)
        .with_columns(pl.col("order_id").str.extract(r"(\d{1,15})\D*$", 1).cast(pl.Int64).alias("number"))
        .drop_nulls("number")
        .sort("number")
    )
    day, month = pl.col("date").dt.day(), pl.col("date").dt.month()
    read = told.select(
        at=pl.col("date").cast(pl.Int32).cast(pl.Float64),
        turned=pl.when(day <= 12)
        .then(pl.date(pl.col("date").dt.year(), day.clip(1, 12), month))
        .cast(pl.Int32)
        .cast(pl.Float64),
        is_sure=day > 12,
    )
    at, turned, is_sure = (read[name].to_numpy() for name in ("at", "turned", "is_sure"))
    place = np.arange(len(at), dtype=np.float64)
    sure = at[is_sure]
    if len(sure) < _ANCHORS or (sure >= np.maximum.accumulate(sure) - _APART).mean() < _RISING:
        return 0
    where = np.interp(place, place[is_sure], sure)
    off = ~is_sure & (np.abs(at - where) > _APART)
    mended = off & (np.abs(turned - where) <= _APART)
    found = int(off.sum())
    return found if found >= max(_FEWEST, _SHARE * len(at)) and mended.sum() >= _MENDED * found else 0
