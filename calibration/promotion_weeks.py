"""Weekly sales and discounts of series, from lines of orders or from a panel, and where promotions begin in them."""

# polars declares many results as unions that no checker narrows.
# pyright: reportUnknownMemberType=false

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from xbopt.calibration.price_cells import price_cells
from xbopt.calibration.price_lines import price_lines
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import SupportError, UsageError

if TYPE_CHECKING:
    import polars as pl

LEAST_DISCOUNT = 0.02
"""Discounts below are noise: rounding, single vouchers."""
_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionWeeks:
    """Whole weeks ``(N,)`` of series, sorted by series and week.

    Attributes:
        sales: Orders or pieces.
        depth: Discount as a fraction; 0 where below `LEAST_DISCOUNT`.
        week: Number of the week.
        series: Number of the series.
    """

    sales: FloatArray = field(repr=False)
    depth: FloatArray = field(repr=False)
    week: IntArray = field(repr=False)
    series: IntArray = field(repr=False)

    @property
    def starts(self) -> IntArray:
        """Rows in which a promotion begins after a week without one."""
        before = np.concatenate([[0.0], self.depth[:-1]])
        follows = np.concatenate([[False], (np.diff(self.series) == 0) & (np.diff(self.week) == 1)])
        return np.flatnonzero((self.depth > 0.0) & (before == 0.0) & follows)


def weeks_of_lines(transactions: "pl.DataFrame", stock: "pl.DataFrame | None" = None) -> PromotionWeeks:
    """Weeks of each product in each region: pieces, and what was paid off the price.

    Raises:
        UsageError: A column is missing.
        SupportError: No line can be used.
    """
    import polars as pl

    lines = price_lines(transactions).lines.with_columns(pl.col("date").dt.truncate("1w").alias("week"))
    cells = price_cells(lines, lines, stock)
    whole = cells.days == _WEEK
    return _sorted(cells.units[whole], 1.0 - np.exp(cells.log_off[whole]), cells.week[whole], cells.series[whole])


def weeks_of_panel(panel: "pl.DataFrame") -> PromotionWeeks:
    """Weeks of each region (and segment) of a panel: orders, and the mean discount of the week's days.

    Raises:
        UsageError: The panel lacks dates, regions, orders or discounts, or holds several worlds.
        SupportError: It holds no row of orders.
    """
    import polars as pl

    missing = [name for name in ("date", "region", "orders", "discount_frac") if name not in panel.columns]
    if missing:
        raise UsageError(f"The panel lacks {', '.join(missing)}.")
    if "world" in panel.columns and panel["world"].drop_nulls().n_unique() > 1:
        raise UsageError("The panel holds several worlds; keep the rows of one.")
    frame = panel.filter(pl.col("orders").is_not_null())
    if frame.is_empty():
        raise SupportError("The panel has no row of orders.")
    own = [name for name in ("region", "segment") if name in frame.columns]
    weekly = (
        frame.group_by(*own, pl.col("date").cast(pl.Date).dt.truncate("1w").alias("week"))
        .agg(
            pl.col("date").n_unique().alias("days"),
            pl.col("orders").sum().cast(pl.Float64),
            pl.col("discount_frac").fill_null(0.0).mean().alias("depth"),
        )
        .filter(pl.col("days") == _WEEK)
        .sort(*own, "week", nulls_last=True)
    )
    first = weekly["week"].min()
    return _sorted(
        weekly["orders"].to_numpy().astype(np.float64),
        weekly["depth"].to_numpy().astype(np.float64),
        weekly.select((pl.col("week") - pl.lit(first)).dt.total_days() // _WEEK)
        .to_series()
        .to_numpy()
        .astype(np.int64),
        weekly.select(pl.struct(own).rank("dense") - 1).to_series().to_numpy().astype(np.int64),
    )


def _sorted(sales: FloatArray, depth: FloatArray, week: IntArray, series: IntArray) -> PromotionWeeks:
    order = np.lexsort((week, series))
    deep = np.where(depth >= LEAST_DISCOUNT, depth, 0.0)
    return PromotionWeeks(sales=sales[order], depth=deep[order], week=week[order], series=series[order])
