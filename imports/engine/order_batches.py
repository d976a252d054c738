"""Batches of rows in which every order is whole."""

from collections.abc import Generator, Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray


class OutOfOrderError(Exception):
    """Raised where rows of an order stand apart, so that the whole file has to be one batch."""


def in_orders(batches: Iterable[pl.DataFrame], order: str, *, whole: bool) -> Generator[pl.DataFrame]:
    """The same rows, in batches that end between two orders; in one where ``whole``.

    Raises:
        OutOfOrderError: An order goes on after another one has begun, over the bounds of a batch.
    """
    if whole:
        parts = list(batches)
        if parts:
            yield pl.concat(parts)
        return
    pending: pl.DataFrame | None = None
    seen = np.empty(0, dtype=np.uint64)
    for batch in batches:
        rows = batch if pending is None else pl.concat([pending, batch])
        pending = None
        if order in rows.columns and rows.height:
            # An order's further lines may leave its id out.
            known = rows[order].str.strip_chars().forward_fill()
            goes_on: NDArray[np.bool_] = (known == known[-1]).fill_null(value=known[-1] is None).to_numpy()
            others = np.flatnonzero(~goes_on)
            cut = int(others[-1]) + 1 if others.size else 0
            rows, pending = rows[:cut], rows[cut:]
        if rows.height:
            seen = _with(seen, rows, order)
            yield rows
    if pending is not None and pending.height:
        _with(seen, pending, order)
        yield pending


def _with(seen: NDArray[np.uint64], rows: pl.DataFrame, order: str) -> NDArray[np.uint64]:
    if order not in rows.columns:
        return seen
    new = np.unique(rows[order].drop_nulls().str.strip_chars().hash(seed=0).to_numpy())
    if np.isin(new, seen, assume_unique=True).any():
        raise OutOfOrderError
    return np.concatenate([seen, new])
