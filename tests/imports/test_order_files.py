"""Exports of orders from shops and marketplaces, as they are written in other countries."""

from datetime import date

import pytest

from tests.imports.conftest import Importing
from xbopt.imports.refusals import RefusedFileError

DAY = date(2026, 9, 3)
SHOPIFY_HEAD = (
    "Name,Email,Financial Status,Currency,Subtotal,Shipping,Taxes,Total,Discount Amount,Created at,Lineitem quantity,"
    "Lineitem name,Lineitem price,Lineitem sku,Shipping Country,Cancelled at,Refunded Amount,Billing Name\n"
)


def _shopify(*lines: str) -> str:
    return SHOPIFY_HEAD + "".join(f"{line}\n" for line in lines)


def test_shopify_states_that_are_no_sale_stay_apart(importing: Importing) -> None:
    text = _shopify(
        "#1,a@x.test,paid,EUR,20.00,0.00,0.00,20.00,0,2026-09-03 10:00:00 +0200,1,Lamp,20.00,L,DE,,0.00,A Person",
        "#2,b@x.test,pending,EUR,20.00,0.00,0.00,20.00,0,2026-09-03 10:00:00 +0200,1,Lamp,20.00,L,DE,,0.00,B Person",
        "#3,a@x.test,voided,EUR,20.00,0.00,0.00,20.00,0,2026-09-03 10:00:00 +0200,1,Lamp,20.00,L,DE,,0.00,A Person",
    )
    made = importing(text)
    assert made.rows("transactions", "order_id", "status") == [("#1", "sold"), ("#2", "pending"), ("#3", "cancelled")]
    customers = made.table("transactions")["customer"].to_list()
    assert customers[0] == customers[2] != customers[1]
    written = b"".join(path.read_bytes() for path in made.folder.iterdir())
    assert b"x.test" not in written
    assert b"Person" not in written


def test_shopify_asks_about_the_tax_where_totals_do_not_tell(importing: Importing) -> None:
    text = _shopify("#1,a@x.test,paid,EUR,20.00,0.00,3.19,99.00,0,2026-09-03 10:00:00 +0200,1,Lamp,20.00,L,DE,,0.00,A")
    with pytest.raises(RefusedFileError, match="--prices"):
        importing(text)
    made = importing(text, prices="with-tax")
    assert made.table("transactions")["net_revenue"].to_list() == pytest.approx([20 - 3.19])


def test_shopify_columns_may_stand_in_any_order_and_older_files_have_fewer(importing: Importing) -> None:
    text = (
        "Lineitem sku,Lineitem price,Lineitem quantity,Created at,Financial Status,Name,Currency\n"
        "L,20.00,2,2012-09-03 10:00:00 -0400,paid,#1,USD\nS,5.00,1,,,#1,\n"
    )
    made = importing(text)
    assert made.rows("transactions", "order_id", "sku", "status", "currency", "net_revenue") == [
        ("#1", "L", "sold", "USD", 40.0),
        ("#1", "S", "sold", "USD", 5.0),
    ]


def test_a_shopify_day_is_the_shops(importing: Importing) -> None:
    text = _shopify("#1,,paid,EUR,20.00,0.00,0.00,20.00,0,2026-09-03 23:58:10 +0200,1,Lamp,20.00,L,DE,,0.00,")
    assert importing(text).rows("transactions", "date", "zone") == [(DAY, "UTC+02:00")]


def test_a_shopify_order_moves_to_the_day_of_the_zone_that_is_asked_for(importing: Importing) -> None:
    text = _shopify("#1,,paid,EUR,20.00,0.00,0.00,20.00,0,2026-09-03 23:58:10 +0200,1,Lamp,20.00,L,DE,,0.00,")
    made = importing(text, zone="Asia/Shanghai")
    assert made.rows("transactions", "date", "zone") == [(date(2026, 9, 4), "Asia/Shanghai")]


AMAZON = (
    "amazon-order-id\tpurchase-date\torder-status\tsales-channel\tproduct-name\tsku\tquantity\tcurrency\titem-price\titem-tax"
    "\titem-promotion-discount\tship-country\r\n"
)


def test_an_amazon_price_is_of_the_line_and_other_shops_orders_are_left_out(importing: Importing) -> None:
    text = AMAZON + (
        "302-1\t2026-09-03T08:14:00+00:00\tShipped\tAmazon.de\tLampe für Küche\tL\t2\tEUR\t119.00\t19.00\t\tDE\r\n"
        "302-2\t2026-09-03T08:14:00+00:00\tShipped\tNon-Amazon\tLampe\tL\t1\tEUR\t50.00\t\t\tDE\r\n"
        "302-3\t2026-09-03T08:14:00+00:00\tShipped - Delivered to Buyer\tAmazon.com\tLamp\t"
        "L\t1\tUSD\t100.00\t8.00\t\tUS\r\n"
    )
    with pytest.raises(RefusedFileError, match="EUR, USD"):
        importing(text, name="orders.txt", encoding="cp1252")
    made = importing(text, name="orders.txt", encoding="cp1252", k=0, accept=["mixed_currencies"])
    assert made.rows("transactions", "order_id", "place", "product", "unit_price", "net_revenue", "currency") == [
        ("302-1", "Amazon.de", "Lampe für Küche", 59.5, pytest.approx(100.0), "EUR"),
        ("302-3", "Amazon.com", "Lamp", 100.0, 100.0, "USD"),
    ]
    assert made.says("not_amazon")
    assert made.says("mixed_currencies")


def test_an_amazon_order_without_a_country_takes_that_of_its_marketplace(importing: Importing) -> None:
    line = "302-{}\t2026-09-03T08:14:00+00:00\tShipped\t{}\tLamp\tL\t1\tEUR\t119.00\t19.00\t\t{}\r\n"
    shops = (("Amazon.de", "AT"), ("Amazon.fr", ""), ("SI Prod Marketplace", ""))
    text = AMAZON + "".join(line.format(n, *shop) for n, shop in enumerate(shops))
    made = importing(text, name="orders.txt", encoding="cp1252", k=0)
    assert made.rows("transactions", "place", "country") == [
        ("Amazon.de", "AT"), ("Amazon.fr", "FR"), ("SI Prod Marketplace", None)
    ]  # fmt: skip
    notes = {note["code"]: note for note in made.provenance["files"][0]["notes"]}
    assert notes["taken_instead"]["rows"] == 1
    assert "'sales-channel'" in notes["taken_instead"]["message"]


def test_a_japanese_amazon_file_is_read_as_it_is_written(importing: Importing) -> None:
    line = "250-1\t2026-09-03T08:14:00+00:00\tShipped\tAmazon.co.jp\tランプ、木\tL\t1\tJPY\t1100\t100\t\tJP\r\n"
    made = importing(AMAZON + line, name="orders.txt", encoding="cp932", k=0)
    assert made.rows("transactions", "product", "net_revenue") == [("ランプ、木", pytest.approx(1000.0))]


def test_a_settlement_gives_refunds_by_their_own_day_with_a_decimal_comma(importing: Importing) -> None:
    head = (
        "settlement-id\ttotal-amount\tcurrency\ttransaction-type\torder-id\tmarketplace-name\tamount-type\t"
        "amount-description\tamount\tposted-date\tsku\tquantity-purchased\n"
    )
    rows = (
        "77\t-22,00\tEUR\t\t\t\t\t\t\t\t\t\n"
        "77\t\t\tOrder\t302-1\tAmazon.de\tItemPrice\tPrincipal\t100,00\t03.09.2026\tL\t1\n"
        "77\t\t\tOrder\t302-1\tAmazon.de\tItemFees\tCommission\t-15,00\t03.09.2026\tL\t1\n"
        "77\t\t\tRefund\t302-1\tAmazon.de\tItemPrice\tPrincipal\t-100,00\t14.09.2026\tL\t\n"
        "77\t\t\tRefund\t302-1\tAmazon.de\tItemPrice\tTax\t-19,00\t14.09.2026\tL\t\n"
        "77\t\t\tRefund\t302-1\tAmazon.de\tItemFees\tCommission\t12,00\t14.09.2026\tL\t\n"
    )
    made = importing(head + rows, name="settlement.txt")
    assert made.names == {"refunds"}
    assert made.rows("refunds", "order_id", "date", "amount", "dated_by", "currency") == [
        ("302-1", date(2026, 9, 14), 119.0, "refund", "EUR")
    ]
    assert made.says("no_ad_spend")


def test_a_british_ebay_report_is_read_and_its_tax_taken_off_on_demand(importing: Importing) -> None:
    text = (
        ",,,,,,,\n"
        "Sales record number,Order number,Buyer username,Post to country,Item number,Custom label,Quantity,Sold for,"
        "Postage and packaging,Sale date\n,,,,,,,,,\n"
        "501,11-1,buyer_a,United Kingdom,318,LMP,2,£60.00,£5.97,Sep-03-26\n,,,,,,,,,\n1 record(s) downloaded,,,,,,,,,\n"
        "Seller ID : test,,,,,,,,,\n"
    )
    made = importing(text, zone="Europe/London", prices="with-tax")
    assert made.rows("transactions", "order_id", "date", "net_revenue", "currency") == [
        ("11-1", DAY, pytest.approx(100.0), "GBP")
    ]


TIKTOK_HEAD = [
    "Order ID", "Order Status", "Order Substatus", "Seller SKU", "Quantity", "SKU Unit Original Price",
    "SKU Subtotal Before Discount", "SKU Platform Discount", "SKU Seller Discount", "Taxes", "Order Amount",
    "Order Refund Amount", "Created Time", "Country",
]  # fmt: skip


def test_tiktok_shop_amounts_of_the_order_count_once_and_its_own_discounts_do_not_cost(importing: Importing) -> None:
    line = [
        "576\t",
        "Completed",
        "Delivered",
        "L",
        "1",
        "60",
        "60",
        "10",
        "0",
        "0",
        "90",
        "30",
        "14/09/2026 10:14:00",
        "Germany",
    ]
    again = [*line[:3], "S", "1", "50", "50", "0", "5", *line[9:]]
    made = importing([TIKTOK_HEAD, line, again], name="orders.xlsx", currency="EUR", zone="Europe/Berlin")
    assert made.rows("transactions", "sku", "net_revenue", "platform_discount", "date") == [
        ("L", 60.0, 10.0, date(2026, 9, 14)),
        ("S", 45.0, 0.0, date(2026, 9, 14)),
    ]
    assert made.rows("refunds", "order_id", "amount") == [("576", 30.0)]
    assert made.says("amounts_repeat")


def test_money_of_a_cancelled_order_is_no_refund_of_a_sale(importing: Importing) -> None:
    line = [
        "576\t",
        "Cancelled",
        "-",
        "L",
        "1",
        "60",
        "60",
        "0",
        "0",
        "0",
        "60",
        "60",
        "14/09/2026 10:14:00",
        "Germany",
    ]
    sold = ["577\t", "Completed", "-", "L", "1", "60", "60", "0", "0", "0", "60", "0", "14/09/2026 10:14:00", "Germany"]
    made = importing([TIKTOK_HEAD, line, sold], name="orders.xlsx", currency="EUR", zone="Europe/Berlin")
    assert made.rows("transactions", "order_id", "status") == [("576", "cancelled"), ("577", "sold")]
    assert "refunds" not in made.names
    assert made.says("cancelled_refunds")


def test_ids_that_a_spreadsheet_shortened_are_refused(importing: Importing) -> None:
    text = ",".join(TIKTOK_HEAD) + "\n5.76E+17,Completed,Delivered,L,1,60,60,0,0,0,60,0,14/09/2026 10:14:00,Germany\n"
    with pytest.raises(RefusedFileError, match=r"5\.76E\+17"):
        importing(text, currency="EUR", zone="Europe/Berlin")


def test_shopee_vouchers_are_shared_out_and_its_rebate_is_paid_by_shopee(importing: Importing) -> None:
    head = ["No. Pesanan", "Status Pesanan", "Waktu Pesanan Dibuat", "Nomor Referensi SKU",
            "Harga Awal", "Harga Setelah Diskon", "Jumlah", "Shopee Rebate(IDR)", "Seller Voucher(IDR)"]  # fmt: skip
    rows = [
        ["A1", "Selesai", "2026-09-03 10:14", "L", 50000, 40000, 2, 5000, 12000],
        ["A1", "Selesai", "2026-09-03 10:14", "S", 40000, 40000, 1, 0, 12000],
    ]
    made = importing([head, *rows], name="orders.xlsx", zone="Asia/Jakarta")
    # The voucher of 12000 by 80000 : 40000.
    assert made.rows("transactions", "sku", "discount", "net_revenue", "currency") == [
        ("L", pytest.approx(8000.0), pytest.approx(77000.0), "IDR"),
        ("S", pytest.approx(4000.0), pytest.approx(36000.0), "IDR"),
    ]


def test_orders_of_woocommerce_in_german_and_from_its_interface(importing: Importing) -> None:
    text = (
        "Datum,Bestellung #,N. Revenue (formatted),Status,Kunde,Kundentyp,Produkt(e),"
        "Verkaufte Artikel,Gutschein(e),Nettoumsatz\n"
        '"2026-09-03 10:14:00",3101,"€54.00",abgeschlossen,"A Käufer",neu,"2\u00d7 Lampe",2,,54\n'
    )
    made = importing(text, currency="EUR", zone="Europe/Berlin", k=0)
    assert made.rows("transactions", "order_id", "status", "is_new", "product") == [
        ("3101", "sold", True, "2\u00d7 Lampe")
    ]
    order = (
        '[{"id":7,"status":"completed","currency":"EUR","date_created_gmt":"2026-09-03T08:14:00","customer_id":5,"billing":{"email":'
        '"a@x.test","country":"DE"},"shipping":{"country":"AT"},"shipping_total":"4.90","refunds":[{"id":1,"total":"-10.00"}],'
        '"line_items":[{"name":"Lamp","sku":"L","quantity":2,"subtotal":"40.00","total":"36.00","total_tax":"6.84"},'
        '{"name":"Shade","sku":"S","quantity":1,"subtotal":"12.00","total":"12.00","total_tax":"2.28"}]}]'
    )
    made = importing(order, name="orders.json")
    rest = made.table("transactions").filter(order_id="7")
    assert rest.select("sku", "unit_price", "discount", "net_revenue", "country").rows() == [
        ("L", 20.0, 4.0, 36.0, "AT"),
        ("S", 12.0, 0.0, 12.0, "AT"),
    ]
    assert rest["shipping"].sum() == pytest.approx(4.9)
    assert made.rows("refunds", "order_id", "amount") == [("7", 10.0)]
