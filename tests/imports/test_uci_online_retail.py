"""The research data set behind ``gift_retailer``, read by its own format."""

from pathlib import Path

import polars as pl

from xbopt.imports.data_folder import read_data_folder
from xbopt.imports.engine.run import import_files

ROWS = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123a,WHITE LAMP,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
536365,71053,LANTERN,2,2010-12-01 08:26:00,3.39,17850,United Kingdom
C536379,85123A,WHITE LAMP,-1,2010-12-01 09:41:00,2.55,17850,United Kingdom
536370,22728,ALARM CLOCK,24,2010-12-01 08:45:00,3.75,,France
"""


def test_lines_cancellations_and_missing_customers_come_through(tmp_path: Path) -> None:
    file = tmp_path / "online_retail.csv"
    file.write_text(ROWS, encoding="utf-8")
    result = import_files([file], into=tmp_path / "data", key=tmp_path / "key")
    assert result.files[0].profile == "uci_online_retail"
    orders = read_data_folder(tmp_path / "data").table("transactions")
    assert orders is not None
    assert orders["sku"].unique().sort().to_list() == ["22728", "71053", "85123A"]
    assert orders.filter(pl.col("status") == "cancelled")["quantity"].to_list() == [-1.0]
    assert orders.filter(pl.col("status") == "sold")["net_revenue"].sum() == 6 * 2.55 + 2 * 3.39 + 24 * 3.75
    assert set(orders["country"]) == {"GB", "FR"}
    assert orders["customer"].null_count() == 1
    assert "17850" not in set(orders["customer"].drop_nulls())
    assert set(orders["currency"]) == {"GBP"}
