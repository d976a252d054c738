"""Lines of orders made ready for the estimate of the price elasticity, and quantity breaks found in them."""

# polars declares many results as unions that no checker narrows.
# pyright: reportUnknownMemberType=false

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from xbopt.core.errors import SupportError, UsageError
from xbopt.core.extras import need_extra

if TYPE_CHECKING:
    import polars as pl

SERIES = ("product", "region", "guest")
"""What has a price of its own: a product in a region, for guests and for known customers, whose price lists may differ
(with and without tax, retail and trade)."""
_WANTED = ("date", "quantity", "unit_price")
_SAME_PRICE = 0.005
"""Prices that differ by less, as a fraction, are one price."""
_MIN_PAIRS = 20
_MEAN_SWEEPS, _MEDIAN_SWEEPS, _SETTLED = 100, 6, 1e-4
"""Turns of least squares, of medians, and the change of a log price at which the former stop: a start is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityBreaks:
    """Whether larger quantities cost less a piece.

    Attributes:
        pairs: Products on a day in one region that were sold in several quantities.
        at_two_prices: Share of them that were sold at several prices too.
        falling: Share of those in which the larger quantity had the lower price.
        slope: Elasticity of the price to the quantity within a product, region and day.
    """

    pairs: int
    at_two_prices: float
    falling: float
    slope: float

    @property
    def found(self) -> bool:
        """Whether prices fall with quantity on one and the same day often enough to spoil a naive estimate."""
        return self.pairs >= _MIN_PAIRS and self.at_two_prices >= 0.05 and self.falling >= 0.7 and self.slope < -0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLines:
    """Usable lines.

    Attributes:
        lines: ``product``, ``region``, ``guest``, ``date``, ``quantity``, ``log_list``, ``log_paid``, ``order_id``.
        dropped: Rows that were left out, by rule.
        rows: Rows that came in.
    """

    lines: "pl.DataFrame" = field(repr=False)
    dropped: Mapping[str, int]
    rows: int


def price_lines(transactions: "pl.DataFrame") -> PriceLines:
    """Lines with a product, a positive quantity and a positive price, in one currency a region.

    Raises:
        UsageError: A column is missing.
        SupportError: No line is left.
    """
    need_extra("data", "polars")
    import polars as pl

    missing = [name for name in _WANTED if name not in transactions.columns]
    if missing:
        raise UsageError(
            f"The transactions lack {', '.join(missing)}; a price estimate needs date, quantity and price."
        )
    frame = transactions.with_columns(
        pl.lit(None).alias(name)
        for name in ("sku", "product", "country", "order_id", "customer", "status", "discount", "currency")
        if name not in transactions.columns
    )
    frame = frame.select(
        pl.coalesce(pl.col("sku").cast(pl.String), pl.col("product").cast(pl.String)).alias("product"),
        pl.col("country").cast(pl.String).fill_null("all").alias("region"),
        pl.col("date").cast(pl.Date),
        pl.col("order_id").cast(pl.String),
        (pl.col("customer").is_null() & pl.col("customer").is_not_null().any()).alias("guest"),
        pl.col("quantity").cast(pl.Float64),
        pl.col("unit_price").cast(pl.Float64).alias("price"),
        pl.col("discount").cast(pl.Float64).fill_null(0.0).alias("discount"),
        pl.col("status").cast(pl.String).fill_null("sold").alias("status"),
        pl.col("currency").cast(pl.String).fill_null("").alias("currency"),
    )
    usual = (
        frame.group_by("region", "currency")
        .len()
        .sort("len", "currency", descending=[True, False])
        .unique("region", keep="first", maintain_order=True)
        .select("region", pl.col("currency").alias("usual"))
    )
    frame = frame.join(usual, on="region", how="left")
    rules = {
        "not_sold": pl.col("status") != "sold",
        "no_date": pl.col("date").is_null(),
        "no_product": pl.col("product").is_null(),
        "no_positive_quantity": ~(pl.col("quantity") > 0.0).fill_null(value=False),
        "no_positive_price": ~(pl.col("price") > 0.0).fill_null(value=False),
        "discount_above_price": ~(pl.col("discount") < pl.col("price") * pl.col("quantity")).fill_null(value=False),
        "other_currency": pl.col("currency") != pl.col("usual"),
    }
    dropped: dict[str, int] = {}
    for name, rule in rules.items():
        kept = frame.filter(~rule)
        if kept.height < frame.height:
            dropped[name] = frame.height - kept.height
        frame = kept
    if frame.is_empty():
        raise SupportError("No line of the transactions has a product, a quantity and a price: no elasticity.")
    lines = frame.select(
        "product",
        "region",
        "guest",
        "date",
        "order_id",
        "quantity",
        pl.col("price").log().alias("log_list"),
        (pl.col("price") - pl.col("discount") / pl.col("quantity")).log().alias("log_paid"),
    )
    return PriceLines(lines=lines, dropped=dropped, rows=transactions.height)


def quantity_breaks(lines: "pl.DataFrame") -> QuantityBreaks:
    """Compare quantities and prices of one product in one region on one day.

    Args:
        lines: As in `PriceLines`.
    """
    import polars as pl

    day = [*SERIES, "date"]
    at_once = (
        lines.with_columns(pl.col("quantity").log().alias("log_quantity"))
        .with_columns(
            (pl.col("log_quantity") - pl.col("log_quantity").mean().over(day)).alias("q"),
            (pl.col("log_list") - pl.col("log_list").mean().over(day)).alias("p"),
        )
        .group_by(day)
        .agg(
            pl.col("quantity").n_unique().alias("quantities"),
            (pl.col("log_list").max() - pl.col("log_list").min()).alias("range"),
            (pl.col("q") * pl.col("p")).sum().alias("qp"),
            (pl.col("q") ** 2).sum().alias("qq"),
        )
        .filter(pl.col("quantities") > 1)
    )
    two = at_once.filter(pl.col("range") > _SAME_PRICE)
    pairs = at_once.height
    return QuantityBreaks(
        pairs=pairs,
        at_two_prices=two.height / pairs if pairs else 0.0,
        falling=_number(two.select((pl.col("qp") < 0.0).mean()).item()) if two.height else 0.0,
        slope=_number(at_once["qp"].sum()) / _number(at_once["qq"].sum()) if pairs else 0.0,
    )


def naive_elasticity(lines: "pl.DataFrame") -> float:
    """Slope of the log quantity of a line on its log price within products and regions; NaN where no price moved.

    Shown beside the estimate, because it is what a spreadsheet gives. It holds quantity breaks, and says nothing about
    how many orders a price brings.
    """
    import polars as pl

    own = list(SERIES)
    sums = lines.select(
        (pl.col("quantity").log() - pl.col("quantity").log().mean().over(own)).alias("q"),
        (pl.col("log_paid") - pl.col("log_paid").mean().over(own)).alias("p"),
    ).select((pl.col("q") * pl.col("p")).sum().alias("qp"), (pl.col("p") ** 2).sum().alias("pp"))
    below = _number(sums["pp"][0])
    return _number(sums["qp"][0]) / below if below > 1e-9 else float("nan")


def without_breaks(lines: "pl.DataFrame") -> "pl.DataFrame":
    """Log prices of lines with the effect of their quantity taken out, so that only list prices over time are left.

    ``log price = product x region x week + product x quantity``: first by least squares, then by medians in turn
    (Tukey 1977, median polish), since list prices are steps and single customers have prices of their own. A quantity
    of a product that was sold five times or more is a step of its own; rarer ones share a step with those up to twice
    as large.

    Args:
        lines: As in `PriceLines`, with ``week``.
    """
    import polars as pl

    often = pl.len().over("product", "guest", "quantity") >= 5
    band = pl.when(often).then(pl.col("quantity")).otherwise(-1.0 - pl.col("quantity").log(2.0).floor())
    steps = lines.select(
        pl.struct(*SERIES, "week").rank("dense").alias("cell"),
        pl.struct("product", "guest", band.alias("band")).rank("dense").alias("step"),
        pl.col("log_list").alias("price"),
    )
    of_step = _by_least_squares(steps)
    for _ in range(_MEDIAN_SWEEPS):
        steps = steps.with_columns(of_step)
        steps = steps.with_columns((pl.col("price") - pl.col("of_step")).median().over("cell").alias("of_cell"))
        of_step = steps.select((pl.col("price") - pl.col("of_cell")).median().over("step").alias("of_step")).to_series()
    taken = of_step.alias("taken")
    return (
        lines.with_columns(taken)
        .with_columns(pl.col("log_list") - pl.col("taken"), pl.col("log_paid") - pl.col("taken"))
        .drop("taken")
    )


def _by_least_squares(steps: "pl.DataFrame") -> "pl.Series":
    """The effect of each line's step by least squares, by turns; `without_breaks` polishes it."""
    import polars as pl

    cell, step = (steps[name].cast(pl.Int64).to_numpy() - 1 for name in ("cell", "step"))
    price = steps["price"].to_numpy()
    in_cell, in_step = np.bincount(cell), np.bincount(step)
    of_step = np.zeros(len(in_step))
    for _ in range(_MEAN_SWEEPS):
        of_cell = np.bincount(cell, price - of_step[step]) / in_cell
        moved = np.bincount(step, price - of_cell[cell]) / in_step
        change = float(np.max(np.abs(moved - of_step), initial=0.0))
        of_step = moved
        if change < _SETTLED:
            break
    return pl.Series("of_step", of_step[step])


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
