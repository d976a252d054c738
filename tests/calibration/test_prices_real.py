"""The price elasticity of Online Retail, whose quantity breaks mislead every spreadsheet."""

from pathlib import Path

import polars as pl
import pytest

from xbopt.calibration.prices import estimate_elasticity


@pytest.mark.realdata
def test_online_retail_is_hardly_told_as_demand_swings_more_than_its_prices(data_folder: Path) -> None:
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
    # Lasting prices say -2.2 with an error of 0.25; what swings of demand may do beside is four times as much.
    assert -2.8 < estimate.from_data < -1.6
    assert estimate.low < -2.8 < -1.4 < estimate.high
    assert estimate.ratio > 0.6
    assert {"demand_swings", "orders_differ"} <= {finding.code for finding in estimate.findings}
    assert estimate.left_out["not_sold"] == 8905
