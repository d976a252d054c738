"""Weekly cells of product and region: how many orders, how many pieces, at which price, on how many days on sale."""

# polars declares many results as unions that no checker narrows.
# pyright: reportUnknownMemberType=false

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from xbopt.calibration.price_lines import SERIES
from xbopt.core.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    import polars as pl

_WEEK = 7
_MIN_WEEKS, _MIN_SHARE = 8, 0.6
_UNLIKELY = 1e-3
_USUAL = 0.99
_TURNS = 20
_SAME_PRICE = 0.005
_TICKS = (1000.0, 500.0, 100.0, 50.0, 10.0, 5.0, 1.0, 0.5, 0.1, 0.05, 0.01)
_ON_TICKS = 0.95
"""Share of lines whose price is on a step of a list before prices count as rounded to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCells:
    """Cells ``(N,)`` of product x region x week, from a product's first sale in a region to its last.

    Attributes:
        orders: Orders.
        units: Pieces; a line counts at most as its product's 99 of 100 smaller lines do, unless lines are sums already.
        log_price: Log price, net of quantity breaks where those were taken out; in weeks without a sale as it
            moved in other regions, else the last one.
        log_off: Log of price paid over price asked, at most 0.
        log_average: Log of revenue over pieces, quantity breaks and all; NaN in weeks without a sale.
        days: Days of the week on which data exist and the product was in stock.
        week: Number of the week, 0 for the first.
        series: Number of the product in a region, guests and known customers apart.
        product: Number of the product of each cell.
        region: Number of the region of each cell.
        products: Names of the products.
        regions: Names of the regions.
        tick: Step of the price list of its region, in the money of the lines; 0 where prices are on none.
        one_line_a_day: Whether lines are sums already, one a product, region and day, so that orders are unknown.
        left_out: Cells and series that were left out, by rule.
        price_changes: How often the price differs from that of the week before.
    """

    orders: FloatArray = field(repr=False)
    units: FloatArray = field(repr=False)
    log_price: FloatArray = field(repr=False)
    log_off: FloatArray = field(repr=False)
    log_average: FloatArray = field(repr=False)
    days: FloatArray = field(repr=False)
    week: IntArray = field(repr=False)
    series: IntArray = field(repr=False)
    product: IntArray = field(repr=False)
    region: IntArray = field(repr=False)
    tick: FloatArray = field(repr=False)
    products: tuple[str, ...] = field(repr=False)
    regions: tuple[str, ...]
    one_line_a_day: bool
    left_out: Mapping[str, int]
    price_changes: int

    def __len__(self) -> int:
        """Number of cells."""
        return len(self.orders)


def price_cells(lines: "pl.DataFrame", asked: "pl.DataFrame", stock: "pl.DataFrame | None" = None) -> PriceCells:
    """Gather lines in cells.

    Args:
        lines: Lines with ``week`` and log prices to be used.
        asked: The same lines before quantity breaks were taken out; they say what was paid off the price.
        stock: ``date``, ``sku``, ``on_hand`` and perhaps ``country``: days with nothing on hand are out.
    """
    import polars as pl

    own = list(SERIES)
    a_day = lines.group_by(*own, "date").len()
    summed = bool(
        (a_day["len"] == 1).sum() > 0.98 * a_day.height and (lines["quantity"] > 1.0).sum() > 0.5 * lines.height
    )
    if not summed:
        most = pl.col("quantity").quantile(_USUAL).over(own)
        lines = lines.with_columns(pl.min_horizontal("quantity", most).alias("quantity"))
    paid = (pl.col("log_paid").exp() * pl.col("quantity")).sum() / pl.col("quantity").sum()
    sold = (
        lines.group_by(*own, "week")
        .agg(
            pl.col("order_id").n_unique().alias("orders"),
            pl.col("order_id").is_null().any().alias("unnamed"),
            pl.len().alias("lines"),
            pl.col("quantity").sum().alias("units"),
            pl.col("log_paid").median().alias("log_price"),
        )
        .join(
            asked.group_by(*own, "week").agg(
                (pl.col("log_paid") - pl.col("log_list")).mean().alias("log_off"), paid.log().alias("log_average")
            ),
            on=[*own, "week"],
        )
        .with_columns(pl.when("unnamed").then("lines").otherwise("orders").alias("orders"))
        .drop("unnamed", "lines")
    )
    life = sold.group_by(own).agg(
        pl.col("week").min().alias("from"), pl.col("week").max().alias("to"), pl.len().alias("weeks_sold")
    )
    life = life.with_columns(((pl.col("to") - pl.col("from")).dt.total_days() // _WEEK + 1).alias("weeks"))
    thick = life.filter((pl.col("weeks_sold") >= _MIN_WEEKS) & (pl.col("weeks_sold") >= _MIN_SHARE * pl.col("weeks")))
    left_out = {"sold_too_rarely": life.height - thick.height}
    grid = (
        thick.sort(own)
        .with_columns(pl.date_ranges("from", "to", interval="1w").alias("week"))
        .explode("week")
        .select(*own, "week")
        .join(sold, on=[*own, "week"], how="left")
        .sort(*own, "week")
        .pipe(_with_price_elsewhere)
        .with_columns(
            pl.col("orders").fill_null(0),
            pl.col("units").fill_null(0.0),
            pl.coalesce("log_price", "elsewhere", pl.col("log_price").forward_fill().over(own)).alias("log_price"),
            pl.col("log_off").fill_null(0.0),
        )
    )
    changes = grid.select((pl.col("log_price").diff().over(own).abs() > _SAME_PRICE).sum()).item()
    grid = _with_days(grid, lines, stock)
    with_days = grid.filter(pl.col("days") > 0)
    left_out["out_of_stock_weeks"] = grid.height - with_days.height
    kept = _without_empty_runs(with_days)
    left_out["suspected_out_of_stock_weeks"] = with_days.height - kept.height
    products, regions = kept["product"].unique().sort(), kept["region"].unique().sort()
    first = lines["week"].min()
    return PriceCells(
        orders=_floats(kept["orders"]),
        units=_floats(kept["units"]),
        log_price=_floats(kept["log_price"]),
        log_off=_floats(kept["log_off"]),
        log_average=_floats(kept["log_average"].fill_null(float("nan"))),
        days=_floats(kept["days"]),
        week=_whole(kept.select((pl.col("week") - pl.lit(first)).dt.total_days() // _WEEK).to_series()),
        series=_whole(kept.select(pl.struct(own).rank("dense") - 1).to_series()),
        product=_whole(kept.select(pl.col("product").rank("dense") - 1).to_series()),
        region=_whole(kept.select(pl.col("region").rank("dense") - 1).to_series()),
        tick=_floats(kept.join(_price_ticks(asked), on="region", how="left", maintain_order="left")["tick"]),
        products=tuple(products.to_list()),
        regions=tuple(regions.to_list()),
        one_line_a_day=summed,
        left_out={rule: count for rule, count in left_out.items() if count},
        price_changes=int(changes or 0),
    )


def _price_ticks(asked: "pl.DataFrame") -> "pl.DataFrame":
    """``region`` and ``tick``: the widest usual step on which its list prices lie, whatever they end with."""
    import polars as pl

    price = pl.col("log_list").exp()
    found = pl.lit(0.0)
    for step in reversed(_TICKS):
        # In thousandths of a step, so that 2.99 and 3.99 end alike whatever a logarithm did to their last bits.
        ending = (price / step * 1000.0).round().cast(pl.Int64) % 1000
        most = ending.filter(ending == ending.mode().min()).len() / pl.len()
        found = pl.when(most >= _ON_TICKS).then(step).otherwise(found)
    return asked.group_by("region").agg(found.alias("tick"))


def _with_price_elsewhere(grid: "pl.DataFrame") -> "pl.DataFrame":
    """Add ``elsewhere``: the log price that a week would have had by what the product cost in other regions.

    ``log price = series + product x week``, by turns: levels of regions are compared over weeks that both know.
    """
    import polars as pl

    level = grid.select(pl.col("log_price").mean().over(SERIES)).to_series()
    for _ in range(_TURNS):
        grid = grid.with_columns(level.alias("level"))
        moved = (pl.col("log_price") - pl.col("level")).mean().over("product", "guest", "week")
        grid = grid.with_columns(moved.alias("moved"))
        level = grid.select((pl.col("log_price") - pl.col("moved")).mean().over(SERIES)).to_series()
    return grid.with_columns((level + grid["moved"]).alias("elsewhere")).drop("level", "moved")


def _with_days(grid: "pl.DataFrame", lines: "pl.DataFrame", stock: "pl.DataFrame | None") -> "pl.DataFrame":
    """Add ``days``: of the week, as far as the data reach, less days without stock."""
    import polars as pl

    first, last = lines["date"].min(), lines["date"].max()
    begin = pl.max_horizontal(pl.col("week"), pl.lit(first))
    end = pl.min_horizontal(pl.col("week") + timedelta(days=_WEEK - 1), pl.lit(last))
    grid = grid.with_columns(((end - begin).dt.total_days() + 1).alias("days"))
    if stock is None or stock.is_empty():
        return grid
    places = ["country"] if "country" in stock.columns and stock["country"].is_not_null().any() else []
    empty = (
        stock.group_by("date", "sku", *places)
        .agg((pl.col("on_hand").sum() <= 0.0).alias("empty"))
        .filter("empty")
        .rename({"sku": "product", **({"country": "region"} if places else {})})
        .with_columns(pl.col("date").dt.truncate("1w").alias("week"))
    )
    on = ["product", *(["region"] if places else []), "week"]
    # A day on which something was sold was no day without stock, whatever the evening's count says.
    sold = lines.select(*on[:-1], "date").unique()
    empty = empty.join(sold, on=[*on[:-1], "date"], how="anti").group_by(on).agg(pl.len().alias("out"))
    return (
        grid.join(empty, on=on, how="left")
        .with_columns((pl.col("days") - pl.col("out").fill_null(0)).alias("days"))
        .drop("out")
    )


def _without_empty_runs(grid: "pl.DataFrame") -> "pl.DataFrame":
    """Leave out runs of two or more weeks without a sale that are too long for the product's usual pace.

    A product that sells five times a week and not once in three was not for sale, whatever it cost: chance
    ``e^-15``. Without a stock table nothing else can say so.
    """
    import polars as pl

    own = list(SERIES)
    pace = pl.col("orders").sum() / (pl.col("orders") > 0).sum()
    empty = pl.col("orders") == 0
    run = (empty != empty.shift(1, fill_value=False)).cum_sum()
    marked = grid.with_columns(run.over(own).alias("run"), pace.over(own).alias("pace"))
    long = pl.len().over(*own, "run")
    share = (pl.col("orders") > 0).mean().over(own)
    is_gap = empty & (long >= 2) & ((-pl.col("pace") * share * long).exp() < _UNLIKELY)
    return marked.filter(~is_gap).drop("run", "pace")


def _floats(column: "pl.Series") -> FloatArray:
    return column.cast(float).to_numpy().astype(np.float64)


def _whole(column: "pl.Series") -> IntArray:
    return column.cast(int).to_numpy().astype(np.int64)
