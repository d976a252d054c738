"""Facts as parts of a scenario, worked by hand, and with a source for each number."""

from datetime import date

import pytest

from xbopt.core.defaults.market import market_defaults
from xbopt.core.defaults.regions import duty_of, route_of
from xbopt.core.errors import TableError
from xbopt.core.tables.market_names import trades

START = date(2026, 12, 1)


@pytest.fixture(scope="module")
def home():
    return market_defaults(trade="Home goods", countries=["DE", "usa"], base_currency="EUR", start=START, origin="CN")


def test_the_numbers_are_those_of_the_tables_in_the_base_currency(home):
    """1 USD is 1 / 1.1568 EUR. A parcel from East Asia to Europe: USD 3.8 and 4.8 a kg, 1.2 kg; customers pay 41 %."""
    usd = 1 / 1.1568
    germany = home.regions["DE"]
    assert germany["shipping"]["cost_base"] == pytest.approx((3.8 + 4.8 * 1.2) * usd, rel=5e-3)  # EUR 8.26
    assert germany["shipping"]["charged_base"] == pytest.approx(0.41 * 8.26, rel=5e-3)
    assert home.regions["US"]["shipping"]["cost_base"] == pytest.approx((4.5 + 5.5 * 1.2) * usd, rel=5e-3)
    assert home.product["price_base"] == pytest.approx(75 * usd / 1.8, rel=5e-3)  # 1.8 items an order of USD 75
    assert home.product["unit_cost_base"] == pytest.approx(0.55 * home.product["price_base"], rel=1e-3)  # margin 45 %
    assert home.segments["bargain_hunters"]["elasticity"] == pytest.approx(-1.9 * 1.5)
    assert home.segments["value_buyers"]["cart_rate"] == pytest.approx(0.016 / 0.33, rel=5e-3)
    # The United States are America's zone of the dollar; half of both variances is taken to be common.
    assert home.market["currencies"]["USD"] == {"rate": 0.8645, "volatility": 0.076}


def test_what_the_seller_states_goes_before_the_facts_and_is_sure():
    stated = market_defaults(
        trade="home",
        countries=["DE"],
        base_currency="EUR",
        start=START,
        order_value_base=90.0,
        gross_margin_frac=0.6,
        return_rate=0.02,
        known=("order_value", "unit_cost", "return_rate"),
    )
    assert stated.product["price_base"] == pytest.approx(50.0)
    assert stated.product["unit_cost_base"] == pytest.approx(20.0)
    assert stated.product["return_rate"] == 0.02
    assert not {"order_value", "unit_cost", "return_rate"} & set(stated.uncertainty)
    sources = {source.path: source for source in stated.sources}
    assert sources["products.goods.price_base"].evidence == "stated"
    assert sources["products.goods.unit_cost_base"].source == "Stated"


def test_a_plan_of_the_channels_buys_the_usual_contacts(home):
    """Spend by channel a day and 1,000 people over its price of 1,000 impressions: 0.4 contacts a head and week."""
    weekly = 0.0
    for channel in home.channels.values():
        price = channel["price"]
        clicks = channel["visits_per_1000_impressions"] if price["model"] == "cpc" else 1.0
        weekly += 7 * price["reference_per_1000"] / (price["amount_base"] * clicks)
    assert weekly == pytest.approx(0.4, rel=0.01)


@pytest.mark.parametrize(
    ("origin", "country", "duty"),
    [
        ("CN", "DE", "eu_import"),
        ("FR", "DE", "none"),
        ("EU", "DE", "none"),
        ("DE", "DE", "none"),
        ("CN", "US", "us_import"),
        ("DE", "GB", "gb_import"),
        ("CN", "HK", "none"),
        ("CN", "TR", None),
        ("TR", "TR", "none"),
        ("any", "DE", "eu_import"),
    ],
)
def test_a_border_has_the_duty_of_its_country(origin, country, duty):
    assert duty_of(origin, country) == duty


def test_a_country_without_a_duty_rule_is_told():
    market = market_defaults(trade="toys", countries=["TR", "DE"], base_currency="EUR", start=START, origin="CN")
    assert market.unknown_duties == ("TR",)
    assert market.regions["TR"]["duty"] == "none"


@pytest.mark.parametrize(
    ("origin", "country", "route"),
    [
        ("DE", "DE", "domestic"),
        ("CN", "DE", "EA-EU"),
        ("US", "CN", "EA-NA"),
        ("EU", "FR", "EU-EU"),
        ("any", "DE", "any"),
    ],
)
def test_a_parcel_takes_the_route_between_the_zones(origin, country, route):
    assert route_of(origin, country) == route


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trade": "electronic"}, "Did you mean"),
        ({"countries": ["Germny"]}, "Did you mean Germany"),
        ({"channels": ["serch"]}, "Did you mean"),
        ({"base_currency": "XAG"}, "No rate of the currency 'XAG'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(changes, words):
    asked = {"trade": "toys", "countries": ["DE"], "base_currency": "EUR", "start": START, **changes}
    with pytest.raises(TableError, match=words):
        market_defaults(**asked)


@pytest.mark.parametrize("trade", list(trades()))
def test_goods_of_every_trade_from_china_stand_on_a_tariff_list_of_the_united_states(trade):
    market = market_defaults(trade=trade, countries=["US"], base_currency="CNY", start=START, origin="CN")
    assert market.product["tariff_list"] == trades()[trade].us_tariff_list
    elsewhere = market_defaults(trade=trade, countries=["US"], base_currency="CNY", start=START, origin="VN")
    assert "tariff_list" not in elsewhere.product
