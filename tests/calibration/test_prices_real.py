"""The price elasticity of Online Retail, whose quantity breaks mislead every spreadsheet."""

from pathlib import Path

import polars as pl
import pytest

from xbopt.calibration.prices import estimate_elasticity


@pytest.mark.realdata
def test_online_retail_is_inelastic_once_quantity_breaks_are_out(data_folder: Path) -> None:
    raw = pl.read_parquet(data_folder / "online_retail" / "online_retail.parquet")
    lines = raw.filter(pl.col("CustomerID").is_not_null()).select(
        date=pl.col("InvoiceDate").dt.date(),
        order_id="InvoiceNo",
        sku="StockCode",
        country="Country",
        quantity="Quantity",
        unit_price="UnitPrice",
        status=pl.when(pl.col("InvoiceNo").str.starts_with("C")).then(pl.lit("cancelled")).otherwise(pl.lit("sold")),
    )
    estimate = estimate_elasticity(lines)
    assert estimate.breaks.found
    assert estimate.status == "measured"
    assert -2.0 < estimate.low < estimate.high < -1.0
    assert estimate.naive < estimate.elasticity
    assert estimate.left_out["not_sold"] == 8905
