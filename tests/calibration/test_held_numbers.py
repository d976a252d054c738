"""What the data say and a scenario cannot hold: told with both numbers, or refused where it would turn the advice."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from tests.calibration.canonical_tables import table
from tests.calibration.simulated_shop import shop_tables, simulated_panel
from xbopt.calibration.scenario.assortment import Costs
from xbopt.calibration.scenario.calibrate import calibrate_tables
from xbopt.calibration.scenario.calibration import Options
from xbopt.calibration.scenario.draft import Draft, Held, Source
from xbopt.calibration.scenario.order_value import check_local_amounts
from xbopt.calibration.scenario.regions import put_order_levels
from xbopt.calibration.scenario.shop import Country, Shop
from xbopt.core.errors import CalibrationError
from xbopt.reports.calibration.words import finding_sentence
from xbopt.reports.kit.numbers import NumberFormat

Tables = dict[str, pl.DataFrame]
OPTIONS = Options(name="shop", like="quickstart", costs=Costs(by_sku={}, gross_margin=0.5), days=30, fits_media=False)
MEASURED = Source(evidence="M", source="Orders")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Five months of a small shop in two countries."""
    panel = simulated_panel(tmp_path_factory.mktemp("panel") / "panel.parquet", days=150, budget=150_000.0)
    return shop_tables(panel, thinned=0.02)


def draft() -> Draft:
    return Draft(data={"segments": [{"id": "all", "cart_rate": 0.1}], "noise": {"demand_cv": 0.1}})


def test_a_number_within_its_bounds_is_put_and_nothing_is_held() -> None:
    made = draft()
    made.put_within(("noise", "demand_cv"), 0.2, (0.0, 3.0), MEASURED)
    assert made.data["noise"] == {"demand_cv": 0.2}
    assert made.held == {}
    assert made.sources["noise.demand_cv"] == MEASURED


def test_a_number_beyond_its_bounds_is_held_with_both_numbers_and_is_no_measurement() -> None:
    made = draft()
    made.put_within(("segments", 0, "cart_rate"), 1.4, (0.0, 0.9), MEASURED)
    assert made.held == {"segments.all.cart_rate": Held(found=1.4, taken=0.9)}
    said = made.sources["segments.all.cart_rate"]
    assert said.evidence == "E"
    assert "1.4" in said.note
    assert "0.9" in said.note


def test_a_number_that_is_put_again_within_its_bounds_is_held_no_more() -> None:
    made = draft()
    for value in (1.4, 0.5):
        made.put_within(("segments", 0, "cart_rate"), value, (0.0, 0.9), MEASURED)
    assert made.held == {}


def test_sessions_that_cannot_have_brought_the_orders_tell_nothing_of_conversion_and_that_is_said(
    tables: Tables,
) -> None:
    few = tables["sessions"].with_columns(pl.lit(1).cast(tables["sessions"].schema["sessions"]).alias("sessions"))
    found = calibrate_tables({**tables, "sessions": few}, options=OPTIONS)
    (held,) = [one for one in found.findings if one.code == "held" and one.is_loud]
    (segment,) = found.scenario.document.segments
    n = held.subjects.index("segments.all.cart_rate")
    assert held.figures[f"found_{n}"] > 0.9
    assert held.figures[f"taken_{n}"] == segment.cart_rate
    sentence = finding_sentence(held, NumberFormat(locale="en", currency="EUR"))
    assert "segments.all.cart_rate" in sentence


def test_refunds_of_more_than_was_sold_leave_no_market(tables: Tables) -> None:
    sold = tables["transactions"].group_by("order_id", "country", "date", "currency").agg(pl.col("net_revenue").sum())
    back = sold.with_columns((2.0 * pl.col("net_revenue")).alias("amount"), pl.lit("refund").alias("dated_by"))
    names = ("order_id", "country", "date", "currency", "amount", "dated_by")
    refunds = table("refunds", back.select(names).to_dicts())
    with pytest.raises(CalibrationError, match="those of these orders"):
        calibrate_tables({**tables, "refunds": refunds}, options=OPTIONS)


def test_orders_paid_back_with_tax_and_shipping_are_returned_by_their_net_value(tables: Tables) -> None:
    value, shipping = pl.col("net_revenue"), pl.lit(2.0)
    sold = tables["transactions"].with_columns(shipping.alias("shipping"), (0.19 * (value + shipping)).alias("tax"))
    numbers = sold["order_id"].unique().sort().gather_every(5).implode()
    again = sold.filter(pl.col("order_id").is_in(numbers))
    paid = again.group_by("order_id", "country", "date", "currency").agg(
        (1.19 * (value + shipping)).sum().alias("amount")
    )
    refunds = table("refunds", paid.with_columns(pl.lit("refund").alias("dated_by")).to_dicts())
    found = calibrate_tables({**tables, "transactions": sold, "refunds": refunds}, options=OPTIONS)
    wanted = again["net_revenue"].sum() / sold["net_revenue"].sum()
    assert [product.return_rate for product in found.scenario.document.products] == pytest.approx(
        [wanted] * len(found.scenario.document.products), rel=1e-3
    )


def in_money(tables: Tables, currency: str, factor: float = 1.0) -> Tables:
    """The same figures under another currency, or other figures under the same."""
    scaled = (pl.col(name) * factor for name in ("net_revenue", "unit_price"))
    tables = {**tables, "transactions": tables["transactions"].with_columns(scaled)}
    return {
        name: frame.with_columns(pl.lit(currency).alias("currency")) if "currency" in frame.columns else frame
        for name, frame in tables.items()
    }


@pytest.mark.parametrize(
    ("currency", "factor", "options"),
    [
        ("JPY", 1.0, {"like": None}),
        ("HUF", 1.0, {"like": None, "trade": "home"}),
        ("VND", 1.0, {}),
        ("EUR", 160.0, {"like": None, "trade": "home"}),
    ],
)
def test_all_orders_in_another_money_than_they_name_are_refused(
    tables: Tables, currency: str, factor: float, options: dict[str, str | None]
) -> None:
    with pytest.raises(CalibrationError, match="--currency"):
        calibrate_tables(in_money(tables, currency, factor), options=replace(OPTIONS, **options))  # pyright: ignore[reportArgumentType]


def test_an_unusual_order_value_is_told_before_everything_else(tables: Tables) -> None:
    found = calibrate_tables(in_money(tables, "EUR", 0.1), options=replace(OPTIONS, like=None, trade="home"))
    first = found.findings[0]
    assert (first.code, first.is_loud) == ("order_value_unusual", True)
    sentence = finding_sentence(first, NumberFormat(locale="en", currency="EUR"))
    assert "EUR" in sentence
    assert "--currency" in sentence
    usual = calibrate_tables(tables, options=OPTIONS)
    assert "order_value_unusual" not in {one.code for one in usual.findings}


def shop_in_poland(factor: float, *, country: str = "PL", articles: int = 4) -> Shop:
    """Articles at 10, 20, .. in Germany, at so many times as much and a tenth less in another country."""
    lines = [
        {"country": place, "sku": f"a{n}", "quantity": 2.0, "value": 1.8 * price, "list_value": 2.0 * price}
        for place, times in (("DE", 1.0), (country, 0.9 * factor))
        for n in range(articles)
        for price in [10.0 * (n + 1) * times] * 10
    ]
    known = [
        Country(code=code, orders=100, customers=50, revenue=1.0, largest_share=0.1, reason=None)
        for code in ("DE", country)
    ]
    empty = pl.DataFrame()
    last = date(2025, 6, 30)
    return Shop(
        currency="EUR", lines=pl.DataFrame(lines), orders=empty, refunds=empty, countries=tuple(known),
        first=date(2025, 1, 1), last=last,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("country", "factor", "likely"),
    [
        ("PL", 4.24, "PLN"),  # zloty marked as euro: 4.24 are one euro
        ("JP", 165.0, "JPY"),
        ("PL", 1 / 4.24, "EUR"),  # euro marked as zloty, and converted once more
    ],
)
def test_prices_of_a_country_that_are_a_rate_away_from_home_are_told_before_everything(
    country: str, factor: float, likely: str
) -> None:
    (found,) = check_local_amounts(shop_in_poland(factor, country=country))
    assert found.is_loud
    assert found.figures["times"] == pytest.approx(0.9 * factor)
    assert found.figures["articles"] == 4.0
    said = finding_sentence(found, NumberFormat(locale="en", currency="EUR"))
    assert f"most likely in {likely}" in said
    assert f"--currency {likely}" in said
    assert "--columns currency=NAME" in said


@pytest.mark.parametrize(
    ("country", "factor", "articles"),
    [
        ("PL", 1.0, 4),
        ("PL", 1.6, 4),  # dear, and not by a rate
        ("PL", 12.0, 4),
        ("FR", 4.24, 4),  # pays in euro itself
        ("US", 1.1, 4),  # a rate that prices differ by anyway
        ("PL", 4.24, 2),  # two articles tell nothing
    ],
)
def test_prices_that_differ_otherwise_are_no_other_money(country: str, factor: float, articles: int) -> None:
    assert check_local_amounts(shop_in_poland(factor, country=country, articles=articles)) == ()


def test_a_calibration_tells_a_country_in_other_money_first(tables: Tables) -> None:
    orders = tables["transactions"]
    first = orders["country"].unique().sort()
    assert first.to_list() == ["DE", "GB"]
    # The shop's British orders as if Poles had placed them, paid in zloty and marked as euro.
    abroad = pl.col("country") == "GB"
    money = ("list_price", "unit_price", "discount", "net_revenue", "tax", "shipping")
    sold = orders.with_columns(
        *(pl.when(abroad).then(pl.col(name) * 4.24).otherwise(pl.col(name)).alias(name) for name in money),
        pl.when(abroad).then(pl.lit("PL")).otherwise("country").alias("country"),
    )
    rest = {name: frame for name, frame in tables.items() if name == "rates"}
    found = calibrate_tables({**rest, "transactions": sold}, options=OPTIONS)
    assert found.findings[0].code == "amounts_in_other_money"
    assert found.findings[0].subjects[:3] == ("PL", "EUR", "PLN")


def test_a_country_in_another_money_is_refused_and_not_bounded() -> None:
    """Its order is worth 1 / 0.995 times the mean of all, and that of the other country 1 / 200 of it."""
    orders = pl.DataFrame(
        {"country": ["DE", "JP"], "customer": ["a", "b"], "list_value": [50.0, 20_000.0]},
    )
    countries = tuple(
        Country(code=code, orders=1, customers=1, revenue=1.0, largest_share=0.0, reason=None) for code in ("DE", "JP")
    )
    day, empty = date(2026, 1, 1), pl.DataFrame()
    shop = Shop(currency="EUR", lines=empty, orders=orders, refunds=empty, countries=countries, first=day, last=day)
    one = pl.DataFrame({"customer": ["a", "b"], "segment": [0, 0]})
    made = Draft(data={"market": {"regions": [{"id": "DE"}, {"id": "JP"}]}})
    with pytest.raises(CalibrationError, match=r"An order of DE is worth 0\.00499 times .* another currency"):
        put_order_levels(made, shop, one)


def test_reach_of_another_money_is_refused_and_not_bounded(tables: Tables) -> None:
    dear = pl.when(pl.col("country") == "GB").then(pl.col("spend") * 1e6).otherwise(pl.col("spend"))
    media = tables["media"].with_columns(dear.alias("spend"))
    with pytest.raises(CalibrationError, match="do not belong together"):
        calibrate_tables({**tables, "media": media}, options=replace(OPTIONS, regions=("DE", "GB")))
