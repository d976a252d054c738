"""Tables of connectors and warehouses, and exports of a few columns."""

from datetime import date
from typing import Any

import pytest

from tests.calibration.canonical_tables import table
from tests.imports.conftest import Importing
from xbopt.imports.panel import build_panel
from xbopt.imports.refusals import RefusedFileError

DAY = date(2026, 9, 3)
SAID: dict[str, Any] = {"currency": "USD", "zone": "UTC"}


TABLES_OF_MEDIA: dict[str, tuple[str, tuple[Any, ...]]] = {
    "Google by Fivetran, in micros": (
        (
            "customer_id,date,ad_network_type,id,cost_micros,clicks,impressions,conversions\n"
            "1,2026-09-03,SEARCH,77,36150000,49,166,0\n"
        ),
        ("google_ads", "google_ads_search", "77", 36.15, 49, None, None, "campaign"),
    ),
    "TikTok by hour, a dash unknown": (
        (
            "CAMPAIGN_ID,STAT_TIME_HOUR,SPEND,IMPRESSIONS,CLICKS,TOTAL_PURCHASE_VALUE\n"
            "5,2026-09-03 7:00:00,22.22,2222,-,0\n"
        ),
        ("tiktok_ads", "tiktok_ads", "5", 22.22, None, 7, None, "hour"),
    ),
    "TikTok by country": (
        "campaign_id,clicks,country_code,impressions,spend,stat_time_day\n5,220,GB,10000,154.60,2026-09-03 00:00:00\n",
        ("tiktok_ads", "tiktok_ads", "5", 154.6, 220, None, "GB", "country"),
    ),
    "Meta by country, of an account": (
        (
            "account_id,country,date,frequency,impressions,inline_link_clicks,reach,spend\n"
            "1,US,2026-09-03,1.5,1500,120,1000,45.3\n"
        ),
        ("facebook_ads", "facebook_ads", None, 45.3, 120, None, "US", "country"),
    ),
    "Meta by ad": (
        "ad_id,date,account_id,impressions,inline_link_clicks,spend\n62,2026-09-03,17,4233,10,76.53\n",
        ("facebook_ads", "facebook_ads", "62", 76.53, 10, None, None, "campaign"),
    ),
    "Microsoft by country": (
        (
            "date,account_id,campaign_id,currency_code,device_type,country,clicks,impressions,spend,revenue\n"
            "2026-09-03,1,9,USD,Desktop,United States,50,500,12.5,10.25\n"
        ),
        ("microsoft_ads", "microsoft_ads", "9", 12.5, 50, None, "US", "country"),
    ),
    "Amazon, thirty days": (
        (
            "campaign_id,date,campaign_budget_currency_code,clicks,cost,impressions,purchases_30_d\n"
            "9,2026-09-03,USD,50,12.5,500,4\n"
        ),
        ("amazon_ads", "amazon_ads", "9", 12.5, 50, None, None, "campaign"),
    ),
    "dbt_ad_reporting": (
        (
            "date_day,platform,account_id,campaign_id,campaign_name,clicks,impressions,spend\n"
            "2026-09-03,pinterest_ads,1,9,A,50,500,12.5\n"
        ),
        ("pinterest_ads", "pinterest_ads", "9", 12.5, 50, None, None, "campaign"),
    ),
    "Criteo": (
        "AdsetId;Day;Currency;AdvertiserCost;Displays;Clicks;SalesAllPc30d\n9;2026/9/3;USD;120.55;25340;50;9\n",
        ("criteo", "criteo", "9", 120.55, 50, None, None, "campaign"),
    ),
}


@pytest.mark.parametrize("table", TABLES_OF_MEDIA)
def test_a_table_of_media_goes_to_its_platform(importing: Importing, table: str) -> None:
    text, expected = TABLES_OF_MEDIA[table]
    made = importing(text, **SAID)
    columns = ("platform", "channel", "campaign_id", "spend", "clicks", "hour", "country", "margin")
    assert made.rows("media", *columns) == [expected]
    assert made.rows("media", "date", "currency", "zone") == [(DAY, "USD", "UTC")]


def test_a_table_of_months_is_refused_and_names_the_one_of_days(importing: Importing) -> None:
    with pytest.raises(RefusedFileError, match="by day"):
        importing("date_month,platform,country,spend\n2026-09-01,google_ads,DE,12.5\n", **SAID)


def test_shopify_orders_of_a_warehouse_add_their_returns_back(importing: Importing) -> None:
    text = (
        "order_id,created_timestamp,email,financial_status,cancelled_timestamp,currency,shipping_address_country_code,"
        "gross_sales,discounts,returns,net_sales,total_tax,shipping_cost,new_vs_repeat,is_test_order\n"
        "1,2026-09-03 10:00:00,a@x.test,partially_refunded,,USD,DE,60,-6,-20,34,11.6,4,new,false\n"
        "2,2026-09-03 10:00:00,b@x.test,paid,,USD,DE,60,0,0,60,0,0,repeat,true\n"
    )
    made = importing(text)
    assert made.rows("transactions", "order_id", "net_revenue", "discount", "is_new", "country") == [
        ("1", 54.0, 6.0, True, "DE")
    ]
    # Returns are without tax there: 11.60 on 54 and 4 of shipping is 20 %.
    assert made.rows("refunds", "order_id", "amount", "dated_by") == [("1", pytest.approx(24.0), "order")]
    assert made.says("test_orders")


def test_refunds_of_a_warehouse_have_their_own_day(importing: Importing) -> None:
    text = (
        "refund_id,order_id,refund_created_at,sku,refunded_quantity,total_refunded\n7,1,2026-09-03 08:00:00,L,1,-20\n"
    )
    made = importing(text, **SAID)
    assert made.rows("refunds", "order_id", "date", "sku", "amount", "dated_by") == [("1", DAY, "L", 20.0, "refund")]


def test_line_items_of_a_warehouse_leave_the_order_row_out(importing: Importing) -> None:
    text = (
        "header_id,line_item_id,record_type,created_at,header_status,currency,product_id,quantity,unit_amount,"
        "discount_amount,refund_amount,customer_id\n"
        "1,,header,2026-09-03 10:00:00,paid,USD,,,,,,5\n1,11,line_item,2026-09-03 10:00:00,paid,USD,L,2,20,4,,5\n"
    )
    made = importing(text)
    assert made.rows("transactions", "order_id", "sku", "quantity", "net_revenue") == [("1", "L", 2.0, 36.0)]


def test_shop_totals_by_day_hold_what_was_sold_and_what_came_back(importing: Importing) -> None:
    text = "Day,Orders,Gross sales,Discounts,Returns,Net sales,Total sales\n01-08-2026,41,1840,-96,-20,1724,2154.60\n"
    made = importing(text, currency="EUR", zone="Europe/Berlin", dates="DMY")
    assert made.rows("sessions", "date", "orders", "revenue", "sessions") == [(date(2026, 8, 1), 41, 1744.0, None)]
    assert made.rows("refunds", "date", "amount", "dated_by") == [(date(2026, 8, 1), 20.0, "refund")]


def test_days_of_shop_totals_have_no_visits_in_the_panel(importing: Importing) -> None:
    importing(
        "Day,Orders,Gross sales,Net sales,Total sales\n2026-09-03,41,1840,1724,2154.60\n", currency="EUR", zone="UTC"
    )
    orders = (
        "Name,Financial Status,Created at,Lineitem quantity,Lineitem price,Lineitem sku,Currency,Shipping Country\n"
        "#1,paid,2026-09-03 10:00:00 +0000,1,20.00,L,EUR,DE\n"
    )
    made = importing(orders, name="orders.csv")
    panel = build_panel({name: made.table(name) for name in made.names if name != "panel"}).frame
    assert panel["visits"].to_list() == [None] * panel.height
    assert panel["orders"].sum() == 1


def test_lazada_rows_are_units(importing: Importing) -> None:
    head = ["orderItemId", "sellerSku", "lazadaSku", "createTime", "orderNumber", "shippingCountry", "paidPrice",
            "unitPrice", "sellerDiscountTotal", "platformDiscountTotal", "shippingFee", "itemName",
            "status"]  # fmt: skip
    unit = ["L", "L1", "03 Sep 2026 10:14", "660", "Singapore", "17", "20", "-2", "-1", "0", "Lamp", "delivered"]
    made = importing([head, ["1", *unit], ["2", *unit]], name="orders.xlsx", currency="SGD", zone="Asia/Singapore")
    columns = ("order_id", "quantity", "discount", "platform_discount", "net_revenue", "country", "date")
    assert made.rows("transactions", *columns) == [("660", 2.0, 4.0, 2.0, 36.0, "SG", DAY)]


def test_exchange_rates_stand_one_a_row(importing: Importing) -> None:
    made = importing("Date,USD,JPY,GBP,CYP,\n2026-09-03,1.1172,175.68,0.8338,N/A,\n")
    assert made.rows("rates", "currency", "per_euro") == [("GBP", 0.8338), ("JPY", 175.68), ("USD", 1.1172)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "open_bandit.csv",
            ",timestamp,item_id,position,click,propensity_score\n0,2026-03-01 00:00:01+00:00,7,1,0,0.25\n",
        ),
        ("open_bandit.psv", "|timestamp|item_id|position|click|propensity_score\n0|2026-03-01 00:00:01|7|1|0|0.25\n"),
        (
            "events.dsjson",
            '{"_label_cost":-1.0,"_label_probability":0.5,"EventId":"a","a":[1,2],"p":[0.5,0.5],"c":{}}\n',
        ),
    ],
)
def test_a_log_of_decisions_is_sent_to_evaluate(importing: Importing, name: str, text: str) -> None:
    with pytest.raises(RefusedFileError, match="xbopt evaluate"):
        importing(text, name=name)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        pytest.param(
            "date_day,shop_id,count_orders,net_sales,returns,currency,iana_timezone",
            "2026-09-03,1,1,50.00,50.00,EUR,Europe/Berlin",
            id="dbt daily shop",
        ),
        pytest.param(
            "Day,Orders,Gross sales,Discounts,Returns,Net sales,Shipping,Taxes,Total sales",
            "2026-09-03,1,100.00,0.00,-50.00,50.00,10.00,11.40,71.40",
            id="analytics by day",
        ),
    ],
)
def test_returns_that_are_net_of_tax_and_shipping_are_not_netted_again(
    importing: Importing, head: str, row: str
) -> None:
    made = importing(f"{head}\n{row}\n", currency="EUR", zone="Europe/Berlin")
    # Half of an order of 100 net, with 19 % tax on it and on 10 of shipping, comes back.
    order = {
        "date": DAY, "order_id": "1", "currency": "EUR", "status": "sold", "country": "DE", "sku": "a",
        "quantity": 1.0, "unit_price": 119.0, "net_revenue": 100.0, "tax": 20.9, "shipping": 10.0,
    }  # fmt: skip
    refunds = made.table("refunds")
    assert refunds["net_amount"].to_list() == [50.0]
    panel = build_panel({"transactions": table("transactions", [order]), "refunds": refunds}).frame
    assert panel["refunds"].sum() == pytest.approx(50.0)
    dollars = build_panel(
        {
            "transactions": table("transactions", [order]),
            "refunds": refunds,
            "rates": table("rates", [{"date": DAY, "currency": "USD", "per_euro": 1.2}]),
        },
        currency="USD",
    ).frame
    assert dollars["refunds"].sum() == pytest.approx(60.0)
