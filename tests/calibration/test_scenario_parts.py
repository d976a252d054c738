"""Parts of a calibrated scenario, on small arrays worked by hand."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from tests.calibration.canonical_tables import table
from xbopt.calibration.scenario.assortment import price_bands
from xbopt.calibration.scenario.channels import bought_media, identifier, kinds_of
from xbopt.calibration.scenario.draft import rounded, scaled_money, shares
from xbopt.calibration.scenario.media_fit import fit_days
from xbopt.calibration.scenario.season import fit_season
from xbopt.calibration.scenario.shop import read_shop
from xbopt.core.errors import CalibrationError, UsageError
from xbopt.imports.panel import build_panel

FIRST = date(2024, 1, 1)  # a Monday


def test_shares_sum_to_one_as_they_are_written() -> None:
    parts = shares({"a": 1.0, "b": 1.0, "c": 1.0})
    assert sum(parts.values()) == pytest.approx(1.0, abs=1e-12)
    assert shares({"a": 0.0, "b": 0.0}) == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize(("value", "written"), [(0.0, 0.0), (1234.56, 1235.0), (-0.00123456, -0.001235)])
def test_numbers_keep_four_significant_digits(value: float, written: float) -> None:
    assert rounded(value) == written


def test_money_is_scaled_by_its_name_and_nothing_else() -> None:
    plain = {
        "price_base": 10.0,
        "region_caps_base": {"DE": 100.0},
        "price": {"reference_per_1000": 2.0, "bid_up": 0.2},
        "weekday": [1.0, 2.0],
        "round_to": 5,
    }
    assert scaled_money(plain, 2.0) == {
        "price_base": 20.0,
        "region_caps_base": {"DE": 200.0},
        "price": {"reference_per_1000": 4.0, "bid_up": 0.2},
        "weekday": [1.0, 2.0],
        "round_to": 5,
    }


def test_a_season_is_told_apart_from_growth() -> None:
    """Twice the customers in the second half, alike on all days: no season, but twice the orders."""
    days = 364
    base = np.where(np.arange(days) < days / 2, 50.0, 100.0)
    season = fit_season(base, FIRST, prior_month=[1.0] * 12, expected=base)
    np.testing.assert_allclose(season.month, 1.0, atol=1e-9)
    assert season.demand_cv == 0.0
    taken = fit_season(base, FIRST, prior_month=[1.0] * 12)
    assert taken.month[10] > 1.2


def test_weekdays_and_closed_days_are_measured() -> None:
    """A thousand orders a day, two thousand on Mondays, none on Sundays, over their mean of a thousand."""
    week = np.array([2000.0, 1000.0, 1000.0, 1000.0, 1000.0, 1000.0, 0.0])
    season = fit_season(np.tile(week, 52), FIRST, prior_month=[1.0] * 12)
    assert season.weekday is not None
    np.testing.assert_allclose(season.weekday, week / 1000.0, atol=2e-4)  # counting noise shrinks them a little
    assert season.weekday_measured.all()
    assert season.closed == 52


def test_months_that_were_not_seen_keep_their_height_against_those_that_were() -> None:
    prior = [1.0] * 11 + [2.0]
    season = fit_season(np.full(181, 100.0), FIRST, prior_month=prior)  # January to June 2024
    assert season.measured.tolist() == [True] * 6 + [False] * 6
    assert season.month[11] / season.month[2] == pytest.approx(2.0, rel=0.05)


def test_price_bands_have_round_edges_and_hold_a_tenth_of_revenue_each() -> None:
    prices = np.geomspace(1.0, 100.0, 200)
    lines = pl.DataFrame({"quantity": np.ones(200), "list_value": prices})
    edges = price_bands(lines)
    assert len(edges) == 2
    part = np.bincount(np.digitize(prices, edges), prices) / prices.sum()
    assert part.min() >= 0.1
    assert all(
        f"{edge:g}".rstrip("0").replace(".", "").strip("0") in {"1", "15", "2", "25", "3", "4", "5", "6", "8"}
        for edge in edges
    )


def test_one_price_is_one_band() -> None:
    assert price_bands(pl.DataFrame({"quantity": [1.0, 2.0], "list_value": [9.0, 18.0]})) == ()


def _orders(country: str, customers: int, orders: int, value: float = 10.0) -> list[dict[str, object]]:
    return [
        {
            "date": FIRST + timedelta(days=n % 90),
            "order_id": f"{country}{n}",
            "customer": f"{country}-{n % customers}",
            "country": country,
            "net_revenue": value,
            "quantity": 1.0,
            "status": "sold",
            "currency": "EUR",
        }
        for n in range(orders)
    ]


def test_countries_without_a_market_are_left_out_with_the_reason() -> None:
    whale = [{**row, "net_revenue": 1e5 if n == 0 else 10.0} for n, row in enumerate(_orders("IE", 30, 150))]
    sales = table("transactions", [*_orders("DE", 50, 200), *_orders("FR", 50, 60), *_orders("IT", 5, 150), *whale])
    refunds = table("refunds", [])
    shop = read_shop(sales, refunds, currency="EUR")
    assert shop.regions == ("DE",)
    assert {country.code: country.reason for country in shop.countries} == {
        "DE": None,
        "FR": "few_orders",
        "IT": "few_customers",
        "IE": "one_customer",
    }
    assert read_shop(sales, refunds, currency="EUR", regions=["FR"]).regions == ("FR",)
    with pytest.raises(UsageError, match="XX"):
        read_shop(sales, refunds, currency="EUR", regions=["XX"])
    with pytest.raises(CalibrationError, match="No country"):
        read_shop(sales.filter(pl.col("country") == "FR"), refunds, currency="EUR")


def test_channels_are_ids_kinds_and_prices_of_reach() -> None:
    assert identifier("Google Ads: Brand") == "google_ads_brand"
    assert identifier("2024 test", ["c_2024_test"]) == "c_2024_test_2"
    assert kinds_of(["google_ads", "meta_ads", "billboards"]) == ("search", "social")
    sold = table("transactions", _orders("DE", 50, 200))
    days = [FIRST + timedelta(days=n) for n in range(20)]
    paid = [
        {"date": day, "platform": "meta_ads", "country": "DE", "spend": 20.0, "currency": "EUR", "impressions": 4000}
        for day in days
    ]
    rare = [{"date": days[0], "platform": "billboards", "country": "DE", "spend": 5.0, "currency": "EUR"}]
    panel = build_panel({"transactions": sold, "media": table("media", [*paid, *rare])}).frame
    bought, left = bought_media(panel, ["DE"])
    assert [one.id for one in bought] == ["meta_ads"]
    assert left == ("billboards",)
    assert bought[0].cost_by_region == {"DE": pytest.approx(20.0 / 4000)}
    assert not bought[0].by_click


@pytest.mark.parametrize(
    ("given", "burn_in", "played"),
    [
        (120, 30, 90),
        (365, 91, 274),  # a year of data: no year can be played, and the whole burn-in stays
        (425, 106, 364),  # fourteen months: a year is played, after 61 days
        (700, 175, 525),
        (1100, 180, 730),
    ],
)
def test_a_year_is_played_where_the_data_have_one_to_spare(given: int, burn_in: int, played: int) -> None:
    last = FIRST + timedelta(days=given - 1)
    first, days = fit_days(FIRST, last, burn_in)
    assert days == played
    assert first + timedelta(days=days - 1) == last
    assert first >= FIRST + timedelta(days=burn_in // 2)


def test_revenue_that_names_no_country_is_a_share_of_the_whole() -> None:
    nowhere = [{**row, "order_id": f"n{n}", "country": None} for n, row in enumerate(_orders("DE", 50, 100))]
    sales, refunds = table("transactions", [*_orders("DE", 50, 300), *nowhere]), table("refunds", [])
    assert read_shop(sales, refunds, currency="EUR").without_country == pytest.approx(0.25)
    assert read_shop(sales.filter(pl.col("country") == "DE"), refunds, currency="EUR").without_country == 0.0
    with pytest.raises(CalibrationError, match="100 orders name no country"):
        read_shop(sales.filter(pl.col("country").is_null()), refunds, currency="EUR")
