"""Orders of Shopify: amounts of the order shared out over its lines."""

import polars as pl

from xbopt.imports.steps.step import StepContext
from xbopt.imports.steps.taxes import CENT, with_missing

_MONEY = ("line_discount", "subtotal", "shipping", "taxes", "total", "order_discount", "duties")


def shopify_order_money(frame: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Share discount, taxes, shipping and duties of an order out over its lines, in proportion to what lines cost.

    ``Subtotal`` is what lines cost after every discount, so the discount of the order is what is missing to it. Whether
    prices contain the taxes is solved order by order: Total = Subtotal + Shipping + Duties, or that + Taxes.
    Orders that leave it open follow the user's word; without it their net revenue stays empty. Shipping is taken to be
    taxed like the goods. Per order, net revenue + shipping + duties + tax = Total.

    Added are ``discount``, ``net_revenue``, ``tax``, ``shipping_net``, ``duty`` of each line, and ``tax_inside``.
    """
    rows = with_missing(frame, *_MONEY)
    rows = rows.with_columns(
        _gross=(pl.col("quantity") * pl.col("unit_price")).fill_null(0.0), _line=pl.col("line_discount").fill_null(0.0)
    )
    rows = rows.with_columns(
        pl.col("_gross").sum().over("order_id").alias("_whole"),
        pl.col("_line").sum().over("order_id").alias("_off_lines"),
        pl.len().over("order_id").alias("_lines"),
    )
    # Evenly where nothing in the order has a price.
    rows = rows.with_columns(
        _part=pl.when(pl.col("_whole").abs() > 0)
        .then(pl.col("_gross") / pl.col("_whole"))
        .otherwise(1 / pl.col("_lines"))
    )
    stated = pl.col("order_discount").fill_null(0.0)
    missing = pl.col("_whole") - pl.col("_off_lines") - pl.col("subtotal")
    agrees = ((missing - stated).abs() <= CENT) | ((missing - stated + pl.col("_off_lines")).abs() <= CENT)
    rows = rows.with_columns(_agrees=agrees.fill_null(value=True), _off=pl.when(agrees).then(missing).otherwise(stated))
    context.note_trap("order_changed", rows.filter(~pl.col("_agrees"))["order_id"].n_unique())
    rows = rows.with_columns(
        _after=pl.col("_gross") - pl.col("_line") - pl.col("_off") * pl.col("_part"), tax_inside=_tax_inside()
    )
    if context.prices is not None and rows["tax_inside"].null_count():
        context.used_prices = True
        rows = rows.with_columns(pl.col("tax_inside").fill_null(context.prices == "with-tax"))
    base = pl.sum_horizontal("subtotal", "shipping")
    within = (
        pl.when(pl.col("tax_inside") & (base > 0))
        .then(pl.col("taxes") / base)
        .when(pl.col("tax_inside").is_not_null())
        .then(0.0)
    )
    return rows.with_columns(
        discount=pl.col("_gross") - pl.col("_after"),
        net_revenue=pl.col("_after") * (1 - within),
        tax=pl.col("taxes") * pl.col("_part"),
        shipping_net=pl.col("shipping") * pl.col("_part") * (1 - within),
        duty=pl.col("duties") * pl.col("_part"),
    ).drop("_gross", "_line", "_whole", "_off_lines", "_lines", "_part", "_agrees", "_off", "_after")


def _tax_inside() -> pl.Expr:
    """Whether prices contain the taxes: False where there are none, empty where the total leaves it open."""
    base = pl.sum_horizontal("subtotal", "shipping", "duties")
    inside, on_top = (pl.col("total") - base).abs() <= CENT, (pl.col("total") - base - pl.col("taxes")).abs() <= CENT
    return pl.when(pl.col("taxes").fill_null(0.0) <= CENT).then(pl.lit(value=False)).when(inside != on_top).then(inside)
