"""Every sample file to its canonical table, with sums worked by hand from the files."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.imports.conftest import Imported
from xbopt.imports.engine.run import import_files
from xbopt.imports.refusals import RefusedFileError

pytestmark = pytest.mark.realdata
Samples = Callable[..., Imported]
THIRD, FOURTH = date(2026, 9, 3), date(2026, 9, 4)


@pytest.fixture
def sample(data_folder: Path, tmp_path: Path) -> Samples:
    """Import sample files by name."""

    def run(*names: str, **options: Any) -> Imported:
        files = [data_folder / name for name in names]
        import_files(files, into=tmp_path / "data", key=tmp_path / "customer.key", **options)
        return Imported(folder=tmp_path / "data")

    return run


def test_shopify_orders(sample: Samples) -> None:
    made = sample("platform_samples/shopify_orders_export.csv")
    assert made.rows("transactions", "order_id", "status", "country", "quantity", "unit_price", "currency") == [
        ("#9001", "sold", "DE", 2.0, 20.0, "EUR"),
        ("#9001", "sold", "DE", 1.0, 20.0, "EUR"),
        ("#9002", "cancelled", "US", 1.0, 31.0, "USD"),
    ]
    # 6.00 off and 9.40 tax inside 58.90, by 40 : 20.
    assert made.table("transactions")["net_revenue"].to_list() == pytest.approx([30.2546, 15.1273, 31.0], abs=1e-3)
    assert made.table("transactions")["customer"].n_unique() == 2
    assert made.rows("refunds", "order_id", "amount", "dated_by", "date") == [("#9001", 20.0, "order", THIRD)]
    assert made.says("refunds_by_order")
    assert made.says("cancelled_refunds")
    assert not made.says("buyer.a@example.test")


def test_shopify_sales_by_day(sample: Samples) -> None:
    made = sample("platform_samples/shopify_analytics_sales_by_day.csv", currency="EUR", zone="Europe/Berlin")
    assert made.rows("sessions", "date", "orders", "revenue") == [(THIRD, 41, 1744.0), (FOURTH, 38, 1514.4)]
    # Returns are without tax there: 310.20 on 1,724.00 and 120.40 of shipping.
    back = 20.0 * (1.0 + 310.2 / 1844.4)
    assert made.rows("refunds", "date", "amount", "dated_by") == [(THIRD, pytest.approx(back), "refund")]


def test_woocommerce_orders(sample: Samples) -> None:
    made = sample("platform_samples/woocommerce_analytics_orders.csv", currency="EUR", zone="Europe/Berlin")
    assert made.rows("transactions", "order_id", "status", "quantity", "net_revenue", "is_new", "customer") == [
        ("3101", "sold", 3.0, 54.0, True, None),
        ("3102", "sold", 1.0, 31.0, False, None),
    ]
    assert made.rows("refunds", "order_id", "amount") == [("3102", 31.0)]
    assert made.says("counts_only")


def test_amazon_orders(sample: Samples) -> None:
    made = sample("platform_samples/amazon_all_orders.txt", k=0)
    assert made.rows("transactions", "place", "status", "quantity", "unit_price", "discount", "country") == [
        ("Amazon.de", "sold", 2.0, 20.0, 4.0, "DE"),
        ("Amazon.de", "sold", 1.0, 20.0, None, "DE"),
        ("Amazon.fr", "cancelled", 0.0, None, None, "FR"),
    ]
    # 19 % is inside: 40 less 4, and 20.
    assert made.table("transactions")["net_revenue"].to_list() == [
        pytest.approx(36 / 1.19, abs=0.01), pytest.approx(20 / 1.19, abs=0.01), None
    ]  # fmt: skip
    assert made.table("transactions")["product"].to_list()[1] == "Schirm für Lampe"
    assert made.says("several_marketplaces")


def test_ebay_orders(sample: Samples) -> None:
    made = sample("platform_samples/ebay_orders.csv", currency="USD", zone="America/Los_Angeles")
    assert made.rows("transactions", "order_id", "sku", "quantity", "unit_price", "net_revenue", "country", "date") == [
        ("11-00001-00001", "LMP-1", 2.0, 20.0, 40.0, "US", THIRD),
        ("11-00002-00002", "LMP-2", 1.0, 1031.0, 1031.0, "CA", FOURTH),
    ]
    assert made.says("tax_not_in_file")


def test_tiktok_shop_orders(sample: Samples) -> None:
    made = sample("platform_samples/tiktok_shop_orders.csv", currency="GBP", zone="Europe/London", dates="MDY")
    assert made.rows(
        "transactions", "order_id", "sku", "quantity", "discount", "platform_discount", "country", "date"
    ) == [
        ("576000000000000001", "LMP-1", 2.0, 4.0, 2.0, "GB", THIRD),
        ("576000000000000001", "SHD-7", 1.0, 0.0, 0.0, "GB", THIRD),
    ]
    assert "refunds" not in made.names


def test_lazada_units_are_counted(sample: Samples) -> None:
    made = sample("platform_samples/lazada_orders.xlsx", currency="SGD", zone="Asia/Singapore")
    assert made.rows("transactions", "order_id", "quantity", "unit_price", "discount", "net_revenue", "shipping") == [
        ("66000000000001", 2.0, 20.0, 4.0, 36.0, 1.49)
    ]


@pytest.mark.parametrize(
    ("name", "options", "spend", "clicks", "margin"),
    [
        ("google_ads_campaign_day.csv", {"zone": "Europe/Berlin"}, 2184.5, 3532, "campaign"),
        ("google_ads_campaign_day_country.csv", {"zone": "Europe/Berlin"}, 1204.5, 1930, "country"),
        ("google_ads_campaign_day_hour.csv", {"zone": "Europe/Berlin"}, 161.5, 271, "hour"),
        ("google_ads_api_rows.jsonl", {}, 238.15, 410, "hour"),
        ("meta_ads_day_country.csv", {"zone": "Europe/Berlin"}, 612.4, 1220, "country"),
        ("meta_ads_de.csv", {"zone": "Europe/Berlin"}, 301.2, 600, "country"),
        ("meta_ads_hour.csv", {"zone": "Europe/Berlin"}, 34.65, 77, "hour"),
        ("meta_insights_api.jsonl", {"zone": "Europe/Berlin"}, 301.2, 600, "country"),
        ("amazon_ads_sp_campaign.csv", {"zone": "America/Los_Angeles"}, 286.2, 560, "campaign"),
        ("amazon_ads_api_v3.csv", {"zone": "America/Los_Angeles"}, 161.2, 310, "campaign"),
        ("criteo_statistics.csv", {"zone": "UTC"}, 219.65, 651, "campaign"),
        ("dbt_ad_reporting_campaign.csv", {"zone": "Europe/Berlin", "currency": "EUR"}, 1505.7, 2530, "campaign"),
    ],
)
def test_media(sample: Samples, name: str, options: dict[str, Any], spend: float, clicks: int, margin: str) -> None:
    media = sample(f"platform_samples/{name}", **options).table("media")
    assert media["spend"].sum() == pytest.approx(spend)
    assert media["clicks"].sum() == clicks
    assert set(media["margin"]) == {margin}
    assert media["date"].is_between(THIRD, FOURTH).all()
    assert not media["currency"].has_nulls()


def test_mailings_and_sessions(sample: Samples) -> None:
    made = sample("platform_samples/klaviyo_campaigns.csv", currency="EUR", zone="Europe/Berlin")
    assert made.rows("sends", "date", "recipients", "delivered", "clicks", "orders", "revenue") == [
        (THIRD, 12000, 11970, 210, 31, 2410.5)
    ]
    made = sample("platform_samples/ga4_bigquery_events.jsonl", zone="Europe/Berlin")
    assert made.table("sessions")["sessions"].sum() == 1
    assert made.table("sessions")["orders"].sum() == 1
    assert made.table("sessions")["revenue"].sum() == pytest.approx(54.0)


def test_exchange_rates_are_the_same_from_the_archive_and_from_parquet(sample: Samples, data_folder: Path) -> None:
    made = sample("ecb_fx/eurofxref-hist.zip")
    rates = made.table("rates")
    wide = pl.read_parquet(data_folder / "ecb_fx" / "eurofxref-hist.parquet")
    assert rates.filter(currency="USD", date=date(2026, 10, 30))["per_euro"].to_list() == [1.1172]
    codes = [name for name in wide.columns if name.isupper() and len(name) == 3]
    assert rates.height == sum(wide[name].cast(pl.Float64, strict=False).count() for name in codes)


@pytest.mark.parametrize(
    ("name", "options", "rows", "margin"),
    [
        ("google_ads_campaign_stats_data.csv", {"currency": "USD", "zone": "UTC"}, 16, "campaign"),
        ("facebook_ads_basic_ad_data.csv", {"currency": "USD", "zone": "UTC"}, 10, "campaign"),
        ("facebook_ads_demographics_country_data.csv", {"currency": "USD", "zone": "UTC"}, 10, "country"),
        ("facebook_ads_demographics_region_data.csv", {"currency": "USD", "zone": "UTC"}, 10, "country"),
        ("tiktok_campaign_country_report_data.csv", {"currency": "USD", "zone": "UTC"}, 10, "country"),
        ("tiktok_campaign_report_hourly_data.csv", {"currency": "USD", "zone": "UTC"}, 4, "hour"),
        ("microsoft_ads_campaign_performance_daily_report_data.csv", {"zone": "UTC"}, 2630, "campaign"),
        (
            "microsoft_ads_geographic_performance_daily_report_data.csv",
            {"zone": "UTC", "accept": ["mixed_currencies"]},
            10,
            "country",
        ),
        ("amazon_ads_campaign_level_report_data.csv", {"zone": "UTC"}, 10, "campaign"),
    ],
)
def test_connector_tables(
    sample: Samples, data_folder: Path, name: str, options: dict[str, Any], rows: int, margin: str
) -> None:
    made = sample(f"ad_connector_seeds/{name}", **options)
    raw = pl.read_csv(data_folder / "ad_connector_seeds" / name, infer_schema=False, truncate_ragged_lines=True)
    raw = raw.rename({column: column.lower() for column in raw.columns})
    column, factor = next((c, f) for c, f in (("spend", 1.0), ("cost", 1.0), ("cost_micros", 1e-6)) if c in raw.columns)
    assert made.table("media")["spend"].sum() == pytest.approx(
        (raw[column].cast(pl.Float64, strict=False) * factor).sum()
    )
    assert set(made.table("media")["margin"]) == {margin}
    assert made.provenance["files"][0]["rows_read"] == rows


@pytest.mark.parametrize(
    "name",
    [
        "facebook_ads_basic_ad_actions_data.csv",
        "facebook_ads_basic_ad_action_values_data.csv",
        "google_ads_account_history_data.csv",
        "google_ads_campaign_history_data.csv",
        "microsoft_ads_campaign_history_data.csv",
        "amazon_ads_campaign_history_data.csv",
        "amazon_ads_profile_data.csv",
    ],
)
def test_tables_that_hold_no_money_are_refused_and_say_which_does(sample: Samples, name: str) -> None:
    with pytest.raises(RefusedFileError, match=r"[Ii]mport|--currency"):
        sample(f"ad_connector_seeds/{name}")
