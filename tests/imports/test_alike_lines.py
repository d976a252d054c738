"""Lines that are alike are sales, unless the file holds their order twice or its format is known for copies."""

from pathlib import Path

import pytest

from tests.imports.conftest import Imported, Importing
from xbopt.calibration.customers.cleaning import clean
from xbopt.imports.data_folder import read_data_folder
from xbopt.imports.engine.run import import_files

SHOPIFY = """\
Name,Email,Financial Status,Created at,Currency,Subtotal,Shipping,Taxes,Total,Lineitem quantity,Lineitem name,\
Lineitem price,Lineitem sku,Shipping Country
#1,ann@example.test,paid,2026-09-01 10:00:00 +0200,EUR,30.00,5.00,0.00,35.00,1,Mug,10.00,MUG,DE
#1,ann@example.test,,,,,,,,1,Mug,10.00,MUG,
#1,ann@example.test,,,,,,,,1,Mug,10.00,MUG,
#2,bob@example.test,paid,2026-09-02 10:00:00 +0200,EUR,8.00,5.00,0.00,13.00,1,Plate,8.00,PLATE,DE
"""
TWICE = SHOPIFY + "\n".join(SHOPIFY.splitlines()[1:4]) + "\n"
SCATTERED = """\
Order,Day,Sku,Pieces,Price
A,2026-09-01,MUG,1,10.00
B,2026-09-01,MUG,1,10.00
A,2026-09-01,MUG,1,10.00
B,2026-09-01,PLATE,1,10.00
C,2026-09-01,PLATE,1,10.00
A,2026-09-01,PLATE,1,10.00
"""
UCI = """\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,85123A,LAMP,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
1,71053,LANTERN,2,2010-12-01 08:26:00,3.39,17850,United Kingdom
1,85123A,LAMP,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
"""


def test_every_line_of_a_shop_is_a_sale_and_is_told(importing: Importing) -> None:
    done = importing(SHOPIFY)
    cleaned = clean(done.table("transactions"))
    assert cleaned.rows_of("exact_duplicate") == 0
    assert cleaned.transactions["net_revenue"].sum() == 38.0
    assert cleaned.alike_sales == 2
    assert next(note for note in done.provenance["files"][0]["notes"] if note["code"] == "alike_lines")["rows"] == 2


def test_an_order_that_a_file_holds_twice_counts_once_with_all_its_money(importing: Importing) -> None:
    done = importing(TWICE)
    cleaned = clean(done.table("transactions"))
    assert cleaned.transactions["net_revenue"].sum() == 38.0
    assert cleaned.transactions["shipping"].sum() == 10.0
    record = done.provenance["files"][0]
    assert record["dropped"] == {"an order that the file holds twice": 3}
    assert record["rows_read"] == record["rows_kept"] + 3


@pytest.mark.parametrize("files", ["one after the other", "together", "joined with their heads"])
def test_an_order_at_the_seam_of_two_exports_counts_once_with_its_alike_lines(files: str, tmp_path: Path) -> None:
    head = "Order,When,Article,Pieces,Price,Land"
    seam = [f"#3,2026-01-31 23:59:10,{line},DE" for line in ("MUG,1,10.00", "MUG,1,10.00", "POT,2,5.00")]
    january = "\n".join([head, "#1,2026-01-05 10:00:00,MUG,1,10.00,DE", *seam, ""])
    february = "\n".join([head, *seam, "#4,2026-02-05 10:00:00,MUG,1,10.00,DE", ""])
    texts = [january + february] if files == "joined with their heads" else [january, february]
    paths = [tmp_path / f"export{n}.csv" for n in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    roles = {"order_id": "Order", "time": "When", "sku": "Article", "quantity": "Pieces", "unit_price": "Price"}
    for batch in [paths] if files == "together" else [[path] for path in paths]:
        import_files(
            batch, into=tmp_path / "data", key=tmp_path / "k", columns=roles, zone="UTC", currency="EUR", k=0
        )  # fmt: skip
    made = Imported(folder=tmp_path / "data")
    assert sorted(made.rows("transactions", "order_id", "sku", "quantity")) == [
        ("#1", "MUG", 1.0), ("#3", "MUG", 1.0), ("#3", "MUG", 1.0), ("#3", "POT", 2.0), ("#4", "MUG", 1.0),
    ]  # fmt: skip
    assert made.says("the same rows in two files") or made.says("an order that the file holds twice")


def test_a_file_that_does_not_keep_orders_together_loses_nothing(importing: Importing) -> None:
    roles = {"order_id": "Order", "date": "Day", "sku": "Sku", "quantity": "Pieces", "unit_price": "Price"}
    done = importing(SCATTERED, columns=roles, currency="EUR", zone="UTC")
    assert clean(done.table("transactions")).sales["net_revenue"].sum() == 60.0


def test_copies_that_a_format_is_known_for_are_counted_once_when_cleaned(importing: Importing) -> None:
    done = importing(UCI)
    assert done.rows("transactions", "line", "sku") == [(1, "85123A"), (2, "71053"), (1, "85123A")]
    cleaned = clean(done.table("transactions"))
    assert cleaned.rows_of("exact_duplicate") == 1
    assert cleaned.transactions.height == 2
    assert done.says("alike_lines_once")


def test_two_pieces_that_came_back_alike_are_two_refunds(importing: Importing) -> None:
    text = SCATTERED.replace("MUG,1", "MUG,-1").replace("B,2026", "A,2026")
    roles = {"order_id": "Order", "date": "Day", "sku": "Sku", "quantity": "Pieces", "unit_price": "Price"}
    done = importing(text, columns=roles, currency="EUR", zone="UTC")
    refunds = done.table("refunds")
    assert clean(done.table("transactions"), refunds).refunds["amount"].sum() == 30.0
    # The same refunds from a second file are the first ones again.
    twice = refunds.vstack(refunds.with_columns(source=refunds["source"] + "x"))
    assert clean(done.table("transactions"), twice).refunds["amount"].sum() == 30.0


@pytest.mark.realdata
def test_online_retail_is_imported_and_cleaned_to_the_row(data_folder: Path, tmp_path: Path) -> None:
    file = data_folder / "online_retail" / "online_retail.parquet"
    result = import_files([file], into=tmp_path / "data", key=tmp_path / "key")
    record = result.files[0]
    assert (record.rows_read, record.rows_kept, dict(record.dropped)) == (541_909, 541_909, {})
    orders = read_data_folder(tmp_path / "data").table("transactions")
    assert orders is not None
    cleaned = clean(orders)
    assert cleaned.transactions.height + sum(count.rows for count in cleaned.counts) == 541_909
    assert cleaned.rows_of("exact_duplicate") == 5268
