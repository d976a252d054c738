"""The Online Retail transactions as a canonical table, and the shop's own rules of cleaning."""

from pathlib import Path

import polars as pl

from xbopt.calibration.customers.cleaning_rules import CleaningRules

SHOP_RULES = CleaningRules(
    goods_pattern=r"^([0-9]{5}[A-Z]{0,2}|DCGS.*|PADS)$", off=frozenset({"price_outlier", "quantity_outlier"})
)
"""Goods have five digits and a colour, or are the shop's own DCGS and PADS; trade orders are as large as they are."""


def online_retail(data: Path) -> pl.DataFrame:
    """All 541,909 rows."""
    raw = pl.read_parquet(data / "online_retail" / "online_retail.parquet")
    is_undoing = pl.col("InvoiceNo").str.starts_with("C")
    return raw.select(
        pl.col("InvoiceDate").cast(pl.Date).alias("date"),
        pl.col("InvoiceDate").alias("time"),
        pl.col("InvoiceNo").alias("order_id"),
        pl.col("CustomerID").cast(pl.String).alias("customer"),
        pl.when(is_undoing).then(pl.lit("cancelled")).otherwise(pl.lit("sold")).alias("status"),
        pl.col("Country").alias("country"),
        pl.col("StockCode").alias("sku"),
        pl.col("Description").alias("product"),
        pl.col("Quantity").alias("quantity"),
        pl.col("UnitPrice").alias("unit_price"),
        pl.lit("GBP").alias("currency"),
    )
