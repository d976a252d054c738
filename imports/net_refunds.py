"""What refunds take from net revenue: their part that was paid for goods, without tax, shipping and duties.

A refund is what the buyer got back (``refunds.amount``), and a sale counts net of tax: one over the other is no share.
"""

import polars as pl

_PAID = ("tax", "shipping", "duty")


def with_net_amount(refunds: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Refunds with ``net_amount``, the net revenue that goes with them; 0 where the goods of their order were free.

    Where the source states it, it stays: what is net already is not netted again.
    A refund without an article pays back the goods of its order first, and shipping and duties only beyond them. Tax
    goes off at the order's own rate. Where the order or what it paid is not known, the whole shop's shares hold.

    Args:
        refunds: Canonical refunds.
        lines: Canonical lines of sold orders; money may be in other currencies than that of the refunds, since only
            shares are taken.
    """
    asked = pl.col("unit_price") * pl.col("quantity") - pl.col("discount").fill_null(0.0)
    money = lines.select(
        "order_id",
        pl.coalesce("net_revenue", asked).fill_null(0.0).alias("_net"),
        *(pl.col(name).fill_null(0.0).alias(f"_{name}") for name in _PAID),
    )
    sums = [pl.col("_net").sum(), *(pl.col(f"_{name}").sum() for name in _PAID)]
    shop = _paid(money.select(sums))
    orders = _paid(money.drop_nulls("order_id").group_by("order_id").agg(sums)).filter(pl.col("_paid") > 0.0)
    goods, paid, net = shop.row(0) if shop["_paid"].item() > 0.0 else (1.0, 1.0, 1.0)
    stated = pl.col("net_amount") if "net_amount" in refunds.columns else pl.lit(None, dtype=pl.Float64)
    back = pl.when(stated.is_null()).then("amount").sum().over("order_id")
    # Up to the price of the goods all is for goods; of more than was paid, as much as of the whole order.
    of_order = pl.max_horizontal(pl.min_horizontal(back, "_goods"), back * pl.col("_goods") / pl.col("_paid")) / back
    part_of_goods = pl.when(pl.col("sku").is_not_null()).then(1.0)
    known, whole = pl.col("_paid").is_not_null() & (back > 0.0), goods / paid
    share = part_of_goods.when(known).then(of_order).otherwise(whole)
    untaxed = pl.when(pl.col("_goods") > 0.0).then(pl.col("_net") / pl.col("_goods"))
    rate = untaxed.when(pl.col("_goods") == 0.0).then(0.0).otherwise(net / goods if goods > 0.0 else 1.0)
    return (
        refunds.join(orders, on="order_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce(stated, pl.col("amount") * share * rate).alias("net_amount"))
        .drop("_goods", "_paid", "_net")
    )


def _paid(sums: pl.DataFrame) -> pl.DataFrame:
    """What was paid for goods with their tax, what was paid in all, and net revenue."""
    untaxed = pl.col("_net") + pl.col("_shipping")
    tax = pl.when(untaxed > 0.0).then(pl.col("_tax") / untaxed).otherwise(0.0)
    names = [name for name in ("order_id",) if name in sums.columns]
    return sums.select(
        *names,
        (pl.col("_net") * (1.0 + tax)).alias("_goods"),
        (untaxed + pl.col("_tax") + pl.col("_duty")).alias("_paid"),
        "_net",
    )
