"""Moments in a zone that the format fixes move to the zone that is asked for, as those with an offset do."""

import json
from datetime import date

from tests.imports.conftest import Importing

WEST = "America/Los_Angeles"
EVENING = date(2026, 9, 3)
"""The day in California when it is the fourth in UTC already."""


def _woocommerce(moment: str) -> str:
    line = {"name": "Lamp", "sku": "L", "quantity": 1, "subtotal": "40", "total": "40", "total_tax": "0"}
    order = {"id": 7, "status": "completed", "currency": "USD", "date_created_gmt": moment, "line_items": [line]}
    return json.dumps([{**order, "shipping": {"country": "US"}, "refunds": [{"id": 1, "total": "-10.00"}]}])


def test_orders_in_utc_move_to_the_day_of_the_zone_that_is_asked_for(importing: Importing) -> None:
    text = _woocommerce("2026-09-04T03:30:00")
    made = importing(text, name="orders.json", zone=WEST)
    assert made.rows("transactions", "date", "zone") == [(EVENING, WEST)]
    assert made.table("transactions")["time"].to_list()[0].hour == 20
    assert made.rows("refunds", "date") == [(EVENING,)]


def test_orders_in_utc_stay_there_where_no_zone_is_asked_for(importing: Importing) -> None:
    made = importing(_woocommerce("2026-09-04T03:30:00"), name="orders.json")
    assert made.rows("transactions", "date", "zone") == [(date(2026, 9, 4), "UTC")]


def test_refunds_of_connectors_and_settlements_move_too(importing: Importing) -> None:
    text = "refund_id,order_id,refund_created_at,sku,refunded_quantity,total_refunded\n1,7,2026-09-04 03:30:00,L,1,40\n"
    made = importing(text, zone=WEST, currency="USD")
    assert made.rows("refunds", "date") == [(EVENING,)]
    text = (
        "settlement-id\ttotal-amount\tcurrency\ttransaction-type\torder-id\tmarketplace-name\tamount-type\t"
        "amount-description\tamount\tposted-date\tposted-date-time\tsku\tquantity-purchased\n"
        "1\t-40.00\tUSD\t\t\t\t\t\t\t\t\t\t\n"
        "1\t\t\tRefund\t302-1\tAmazon.com\tItemPrice\tPrincipal\t-40.00\t2026-09-04\t2026-09-04 03:30:00 UTC\tL\t\n"
    )
    made = importing(text, name="settlement.txt", zone=WEST)
    assert made.table("refunds").filter(order_id="302-1")["date"].to_list() == [EVENING]


def test_moments_of_another_fixed_zone_move_from_there(importing: Importing) -> None:
    text = (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "536365,85123A,LAMP,6,2010-12-01 00:26:00,2.55,17850,United Kingdom\n"
    )
    made = importing(text, zone="America/New_York")
    assert made.rows("transactions", "date", "zone") == [(date(2010, 11, 30), "America/New_York")]


def test_days_without_a_time_cannot_be_moved_and_that_is_told(importing: Importing) -> None:
    made = importing(_woocommerce("2026-09-04"), name="orders.json", zone=WEST)
    assert made.rows("transactions", "date", "zone") == [(date(2026, 9, 4), "UTC")]
    assert made.says("days_not_moved")
