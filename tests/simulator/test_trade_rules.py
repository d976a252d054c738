"""Every trade rule worked by hand on one order, the day before a change and on the day, through the bridge of a run."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import PLAIN, decision, document, plain_market, play, scenario_of, steady
from xbopt.core.tables.duties import Consignment, duty_ids, duty_rule
from xbopt.core.tables.taxes import tax_rate
from xbopt.simulator.levies import goods_tax, order_duty
from xbopt.simulator.response import order_margin
from xbopt.studies.simulate import simulate


def shop(country: str, tax: str, duty: str, currency: str, price: float, **more: Any) -> dict[str, Any]:
    """One cell that sells one thing at ``price``, told in the currency of the rule."""
    return {
        "market.base_currency": currency,
        "market.currencies": {currency: {"rate": 1.0}},
        "market.regions.0.country": country,
        "market.regions.0.currency": currency,
        "market.regions.0.tax": tax,
        "market.regions.0.duty": duty,
        "products.0.price_base": price,
        "horizon.days": 1,
        **more,
    }


def owed(changes: dict[str, Any], day: str) -> tuple[float, float]:
    """Duty (with the tax on it) that the seller pays, and tax on goods and shipping: an order's, from the bridge."""
    result = simulate(scenario_of(document({**changes, "horizon.start": day}, text=PLAIN)), runs=1)
    orders = result.kpis["orders"].mean
    return -result.bridge["duty"] / orders, -result.bridge["tax"] / orders


def with_shipping(charged: float) -> dict[str, Any]:
    return {"market.regions.0.shipping": {"days": 2, "charged_base": charged, "cost_base": 0, "volatility": 0}}


def of_segment(**changes: Any) -> dict[str, Any]:
    return {f"segments.0.{name}": value for name, value in changes.items()}


FIVE_ITEMS = of_segment(items_per_order=5.0)
US = shop("US", "US", "us_import", "USD", 80.0)
FROM_CHINA = {**US, "market.origin": "CN"}
DE = shop("DE", "DE", "eu_import", "EUR", 40.0, **of_segment(lines_per_order=2.0))
FR, IT = (shop(country, country, "eu_import", "EUR", 40.0) for country in ("FR", "IT"))
RO = {
    **shop("RO", "RO", "eu_import", "EUR", 40.0),
    "market.currencies": {"EUR": {"rate": 1.0}, "RON": {"rate": 0.2}},
}
HANDLING = {"market.regions.0.import_fees": {"eu_handling_fee": True}}
FIVE_THINGS = {**DE, **HANDLING, **FIVE_ITEMS, "products.0.price_base": 8.0}
NO_ITALIAN_FEE = {"market.regions.0.import_fees": {"it_low_value_fee": False}}
GB = shop("GB", "GB", "gb_import", "GBP", 100.0)
CH = shop("CH", "CH", "ch_import", "CHF", 50.0)
NO = shop("NO", "NO", "no_import", "NOK", 900.0, **FIVE_ITEMS)
JP = shop("JP", "JP", "jp_import", "JPY", 8000.0)
KR = {
    **shop("KR", "KR", "kr_import", "KRW", 160_000.0),
    "market.currencies": {"KRW": {"rate": 1.0}, "USD": {"rate": 1000.0}},
}
PH = shop("PH", "PH", "ph_import", "PHP", 5000.0)
AU = shop("AU", "AU", "au_import", "AUD", 800.0)

CASES = [
    # American sales tax of 7.52 % is levied on goods, not on duty: 4.80 and not 5.16.
    ("de minimis, last day", US, "2025-08-28", 0.0, 80 * 0.0752),
    ("de minimis suspended, IEEPA 10 %", US, "2025-08-29", 80 * 0.16, 80 * 0.0752),
    ("IEEPA, last day", US, "2026-02-23", 80 * 0.16, 80 * 0.0752),
    ("Section 122 at 10 %", US, "2026-02-24", 80 * 0.16, 80 * 0.0752),
    ("Section 122, last day", US, "2026-07-23", 12.80, 80 * 0.0752),
    ("successor not known", US, "2026-07-24", 4.80, 80 * 0.0752),
    ("shipping is not dutiable: FOB", {**US, **with_shipping(15)}, "2026-07-24", 4.80, 95 * 0.0752),
    ("Chinese goods, IEEPA 20 %, assumed list", FROM_CHINA, "2026-02-23", 80 * 0.51, 80 * 0.0752),
    ("Chinese goods, Section 122, assumed list", FROM_CHINA, "2026-02-24", 80 * 0.41, 80 * 0.0752),
    ("Chinese goods, assumed list", FROM_CHINA, "2026-07-24", 80 * 0.31, 80 * 0.0752),
    (
        "Chinese goods, list 4A",
        {**FROM_CHINA, "products.0.tariff_list": "us_301_list_4a"},
        "2026-07-24",
        80 * 0.135,
        80 * 0.0752,
    ),
    (
        "Chinese goods on no list",
        {**FROM_CHINA, "products.0.tariff_list": "us_301_none"},
        "2026-07-24",
        4.80,
        80 * 0.0752,
    ),
    (
        "a rate of the product's own, the list on top",
        {**FROM_CHINA, "products.0.duty_frac": 0.02},
        "2026-07-24",
        80 * 0.27,
        80 * 0.0752,
    ),
    ("a product's origin goes before the market's", {**US, "products.0.origin": "CN"}, "2026-07-24", 24.80, 6.016),
    ("China's de minimis, last day", FROM_CHINA, "2025-05-01", 0.0, 80 * 0.0749),
    ("China's de minimis ended", FROM_CHINA, "2025-05-02", 80 * (0.06 + 1.45 + 0.25), 80 * 0.0749),
    # European Union: 6 % of 200 and 15 of shipping, 12.90, with VAT of 19 % at import.
    (
        "CIF above EUR 150",
        {**DE, **with_shipping(15), "products.0.price_base": 200.0},
        "2026-07-01",
        12.90 * 1.19,
        215 * 0.19,
    ),
    ("before the EUR 3", DE, "2026-06-30", 0.0, 7.60),
    ("EUR 3 a line, no VAT on what is not charged on", DE, "2026-07-01", 6.0, 7.60),
    ("EUR 3 a line, imported", {**DE, "market.regions.0.low_value_tax": "at_import"}, "2026-07-01", 7.14, 7.60),
    ("EUR 3 a line, last day", DE, "2028-06-30", 6.0, 7.60),
    ("after the EUR 3", DE, "2028-07-01", 0.0, 7.60),
    ("preferential origin", {**DE, "market.regions.0.duty": "eu_import_preferential"}, "2026-07-01", 0.0, 7.60),
    ("VAT waived up to EUR 22", {**DE, "products.0.price_base": 20.0}, "2021-06-30", 0.0, 0.0),
    ("VAT from the first euro", {**DE, "products.0.price_base": 20.0}, "2021-07-01", 0.0, 3.80),
    ("handling fee off by default", DE, "2026-11-01", 6.0, 7.60),
    ("before the handling fee", FIVE_THINGS, "2026-10-31", 6.0, 7.60),
    ("handling fee an item", FIVE_THINGS, "2026-11-01", 16.0, 7.60),
    ("France, before", FR, "2026-02-28", 0.0, 8.0),
    ("France, EUR 2 a line", {**FR, **of_segment(lines_per_order=3.0)}, "2026-03-01", 6.0, 8.0),
    ("France, last day", FR, "2026-06-30", 2.0, 8.0),
    ("France, suspended, EUR 3", FR, "2026-07-01", 3.0, 8.0),
    ("France, above EUR 150", {**FR, "products.0.price_base": 200.0}, "2026-03-01", 12.0 * 1.2, 40.0),
    ("Italy, before", IT, "2026-09-30", 3.0, 8.80),
    ("Italy, EUR 2 a parcel", {**IT, **of_segment(lines_per_order=2.0)}, "2026-10-01", 6.0 + 2.0, 8.80),
    ("Italy, switched off", {**IT, **NO_ITALIAN_FEE}, "2026-10-01", 3.0, 8.8),
    ("Romania, before", RO, "2025-12-31", 0.0, 8.40),
    ("Romania, RON 25 a parcel", RO, "2026-01-01", 5.0, 8.40),
    ("Romania, with EUR 3", RO, "2026-07-01", 8.0, 8.40),
    # Great Britain
    ("GBP 100: no duty", GB, "2026-09-07", 0.0, 20.0),
    ("GBP 200: 6 % with VAT on it", {**GB, "products.0.price_base": 200.0}, "2026-09-07", 12.0 * 1.2, 40.0),
    (
        "GBP 200 of goods from Germany",
        {**GB, "products.0.price_base": 200.0, "market.origin": "DE"},
        "2026-09-07",
        0.0,
        40.0,
    ),
    ("VAT waived up to GBP 15", {**GB, "products.0.price_base": 14.0}, "2020-12-31", 0.0, 0.0),
    ("VAT from the first pound", {**GB, "products.0.price_base": 14.0}, "2021-01-01", 0.0, 2.80),
    ("relief, last day that is sure", GB, "2029-03-31", 0.0, 20.0),
    ("relief ended", GB, "2029-04-01", 6.0, 20.0),
    # Switzerland: CHF 5 at 8.1 % are CHF 61.72.
    ("registered", CH, "2026-09-07", 0.0, 4.05),
    ("not registered", {**CH, "market.regions.0.duty": "ch_import_unregistered"}, "2026-09-07", 0.0, 0.0),
    (
        "not registered, CHF 70",
        {**CH, "market.regions.0.duty": "ch_import_unregistered", "products.0.price_base": 70.0},
        "2026-09-07",
        0.0,
        5.67,
    ),
    (
        "not registered, CHF 60 and 5 of shipping: the tax is CHF 5.27",
        {**CH, **with_shipping(5), "market.regions.0.duty": "ch_import_unregistered", "products.0.price_base": 60.0},
        "2026-09-07",
        0.0,
        65 * 0.081,
    ),
    (
        "not registered, CHF 56 and 5 of shipping: it is CHF 4.94",
        {**CH, **with_shipping(5), "market.regions.0.duty": "ch_import_unregistered", "products.0.price_base": 56.0},
        "2026-09-07",
        0.0,
        0.0,
    ),
    # Until 2023 Switzerland took about 2 %; up to CHF 5 of it, CHF 250 with shipping, was waived.
    ("duty of CHF 4.90", {**CH, **with_shipping(5), "products.0.price_base": 240.0}, "2023-12-31", 0.0, 18.865),
    (
        "duty of CHF 5.10",
        {**CH, **with_shipping(15), "products.0.price_base": 240.0},
        "2023-12-31",
        5.10 * 1.077,
        255 * 0.077,
    ),
    # Europe's EUR 150 are of goods alone.
    ("EUR 149 and 10 to ship", {**DE, **with_shipping(10), "products.0.price_base": 149.0}, "2026-07-01", 6.0, 30.21),
    # Norway: five items of NOK 900.
    ("the NOK 350 hold for an order", NO, "2020-03-31", 225 * 1.25, 1125.0),
    ("the NOK 3,000 hold for an item", NO, "2020-04-01", 0.0, 1125.0),
    ("one item of NOK 4,500", {**NO, **of_segment(items_per_order=1.0), "products.0.price_base": 4500.0}, "2026-09-07",
     225 * 1.25, 1125.0),
    ("outside VOEC", {**NO, "market.regions.0.duty": "no_import_unregistered"}, "2026-09-07", 225 * 1.25, 1125.0),
    # Japan, Korea, Philippines, Australia
    ("JPY 8,000, last day", JP, "2028-03-31", 0.0, 0.0),
    ("JPY 8,000", JP, "2028-04-01", 0.0, 800.0),
    ("JPY 12,000", {**JP, "products.0.price_base": 12_000.0}, "2026-09-07", 660.0, 1200.0),
    ("USD 100", {**KR, "products.0.price_base": 100_000.0}, "2026-09-07", 0.0, 0.0),
    ("USD 160", KR, "2026-09-07", 12_800.0 * 1.1, 16_000.0),
    ("USD 160 from the United States", {**KR, "market.origin": "US"}, "2026-09-07", 0.0, 0.0),
    ("PHP 5,000", PH, "2026-09-07", 0.0, 0.0),
    ("PHP 12,000", {**PH, "products.0.price_base": 12_000.0}, "2026-09-07", 840 * 1.12, 1440.0),
    ("AUD 800 before GST at sale", AU, "2018-06-30", 0.0, 0.0),
    ("AUD 800", AU, "2018-07-01", 0.0, 80.0),
    ("AUD 1,200, FOB", {**AU, **with_shipping(20), "products.0.price_base": 1200.0}, "2026-09-07", 66.0, 122.0),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "day", "duty", "tax"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_an_order_by_hand(changes: dict[str, Any], day: str, duty: float, tax: float) -> None:
    assert owed(changes, day) == pytest.approx((duty, tax), abs=0.005)


@pytest.mark.parametrize(
    ("country", "day", "refunded"),
    [("DE", "2026-09-07", 21.5), ("GB", "2026-09-07", 21.5), ("US", "2026-09-07", 20.0), ("FR", "2014-06-12", 20.0),
     ("FR", "2014-06-13", 21.5)],
)  # fmt: skip
def test_a_withdrawal_refunds_shipping_where_the_law_says_so(country: str, day: str, refunded: float) -> None:
    """A tenth of orders of 200 and 15 of shipping come back (Directive 2011/83, article 13)."""
    changes = shop(country, "none", "none", "EUR", 200.0, **with_shipping(15), **{"products.0.return_rate": 0.1})
    scenario = scenario_of(document({**changes, "horizon.start": day}, text=PLAIN))
    result = simulate(scenario, runs=1)
    assert -result.bridge["returns"] / result.kpis["orders"].mean == pytest.approx(refunded)
    margin = order_margin(plain_market({**changes, "horizon.start": day})).item()
    assert margin == pytest.approx(215 - refunded - 55 * (1 - 0.1 * 0.8))


def test_the_end_of_a_tax_waiver_raises_the_landed_price() -> None:
    """Up to JPY 10,000 shoppers owe no tax until 2028-04-01, then 10 %; at an elasticity of -2 orders fall by 1.1^-2"""
    market = plain_market({**JP, "horizon.start": "2028-03-31", "horizon.days": 2})
    outcomes, _ = play(market, steady(market.scenario, 1))
    before, after = (float(outcome.orders.sum()) for outcome in outcomes)
    assert after / before == pytest.approx(1.1**-2)
    dear = plain_market({**JP, "horizon.start": "2028-03-31", "horizon.days": 2, "products.0.price_base": 12_000.0})
    outcomes, _ = play(dear, steady(dear.scenario, 1))
    assert float(outcomes[1].orders.sum()) == pytest.approx(float(outcomes[0].orders.sum()))


def test_a_discount_below_the_limit_saves_the_tax_too() -> None:
    """12,000 with 10 % tax are 13,200; a quarter off, 9,000 owe none. The discount is counted net of tax."""
    market = plain_market({**JP, "products.0.price_base": 12_000.0, "market.regions.0.duty_paid_by": "customer"})
    outcomes, _ = play(market, lambda _: decision(market.scenario, 1, discount=0.25))
    # At list price the customer pays the duty of 600, with tax, as well: 13,200 and 660.
    assert float(outcomes[0].orders.sum()) == pytest.approx(10 * (9000 / 13_860) ** -2)
    assert outcomes[0].money.tax.item() == 0.0
    text = {**JP, "products.0.price_base": 12_000.0, "plan.discounts": [{"discount_frac": 0.25}]}
    result = simulate(scenario_of(document(text, text=PLAIN)), runs=1)
    assert result.kpis["discount_cost"].mean == pytest.approx(3000 * result.kpis["orders"].mean)


def test_customers_pay_the_duty_with_the_tax_on_it_at_the_door() -> None:
    """40 and 19 %; from 2026-07-01 EUR 6 more, with VAT, since it is charged: 54.74 against 47.60."""
    door = {**DE, "market.regions.0.duty_paid_by": "customer", "market.regions.0.surprise_duty_conversion": 1.0}
    market = plain_market({**door, "horizon.start": "2026-06-30", "horizon.days": 2})
    outcomes, _ = play(market, steady(market.scenario, 1))
    before, after = (float(outcome.orders.sum()) for outcome in outcomes)
    assert after / before == pytest.approx((54.74 / 47.60) ** -2)
    assert outcomes[1].money.duty.item() == 0.0


def test_thresholds_move_with_the_currency_of_the_rule() -> None:
    """EUR 60 at 160 yen are JPY 9,600: no tax. The yen gains a tenth: JPY 8,727. It loses one: JPY 10,667, taxed."""
    changes = {
        **shop("JP", "JP", "jp_import", "EUR", 60.0),
        "market.currencies": {"EUR": {"rate": 1.0}, "JPY": {"rate": 1 / 160}},
    }
    market = plain_market(changes)
    for rate, tax in ((1.0, 0.0), (1.1, 0.0), (0.9, 0.1)):
        found = goods_tax(market, np.full((1, 1, 1), 60.0), np.array([[1.0, rate]]), 0)
        assert found.item() == pytest.approx(tax, abs=1e-9)


@pytest.mark.parametrize(("price", "duty"), [(149.99, 3.0), (150.0, 3.0), (150.01, 150.01 * 0.06 * 1.19)])
def test_a_limit_holds_up_to_and_with_its_value(price: float, duty: float) -> None:
    """EUR 3 a line up to EUR 150, the rate of 6 % and the tax on it above, in a shop where every order is alike."""
    one = shop("DE", "DE", "eu_import", "EUR", price, **of_segment(lines_per_order=1.0))
    assert owed(one, "2026-07-01")[0] == pytest.approx(duty, abs=1e-9)


def test_spread_order_values_are_taxed_above_the_limit_only() -> None:
    """The share of the money in taxed orders agrees with sampled orders; so does duty on goods and shipping."""
    rng = np.random.default_rng(3)
    market = plain_market({**JP, **with_shipping(500), **of_segment(basket_cv=0.7), "products.0.price_base": 9000.0})
    sigma = np.sqrt(np.log1p(0.7**2))
    values = np.exp(np.log(9000.0) - sigma**2 / 2 + sigma * rng.standard_normal(400_000))
    fx, mean = np.ones((1, 1)), np.full((1, 1, 1), 9000.0)
    taxes = np.where(values > 10_000, 0.1 * (values + 500), 0.0)
    # Four standard errors of the sample's mean, here and below.
    found = goods_tax(market, mean, fx, 0).item() * 9500
    assert abs(found - taxes.mean()) < 4 * taxes.std() / np.sqrt(values.size)
    duties = np.where(values > 10_000, 0.05 * (values + 500), 0.0)
    duty = order_duty(market, mean, fx, 0)
    assert abs(duty.amount_base.item() - duties.mean()) < 4 * duties.std() / np.sqrt(values.size)
    assert duty.tax_base.item() == pytest.approx(0.1 * duty.amount_base.item())


@settings(max_examples=60)
@given(
    st.sampled_from([name for name in duty_ids() if name != "none"]),
    st.sampled_from(["any", "CN", "EU", "US"]),
    st.dates(date(2025, 1, 1), date(2029, 12, 31)),
    st.floats(1.0, 1e5),
    st.integers(0, 50),
    st.integers(1, 4),
    st.integers(1, 6),
    st.booleans(),
)
def test_the_market_and_the_table_agree_on_every_rule(
    duty_id: str, origin: str, day: date, value: float, shipping: int, lines: int, items: int, seller_pays: bool
) -> None:
    """A market whose orders are all alike owes what the table says of one consignment, without fees and lists."""
    rule = duty_rule(duty_id, day, origin)
    for threshold in (rule.threshold, rule.tax_threshold):
        limit = threshold * (items if rule.threshold_unit == "item" else 1)
        measured = value + (shipping if rule.threshold_basis == "CIF" else 0)
        if abs(measured - limit) < 0.02 * limit:
            return  # the spread of a thousandth that stands for none blurs the limit itself
    changes = {
        **shop("US", "US", duty_id, rule.currency, value / items, **with_shipping(shipping)),
        **of_segment(lines_per_order=float(lines), items_per_order=float(items)),
        "market.origin": origin,
        "market.regions.0.duty_paid_by": "seller" if seller_pays else "customer",
        "horizon.start": day.isoformat(),
        **({"products.0.tariff_list": "us_301_none"} if origin == "CN" else {}),
    }
    market = plain_market(changes)
    goods = Consignment(value=value, shipping=float(shipping), lines=lines, items=float(items))
    fx, mean, rate = np.ones((1, 1)), np.full((1, 1, 1), value), tax_rate("US", day)
    duty = order_duty(market, mean, fx, 0)
    assert duty.amount_base.item() == pytest.approx(rule.duty_on(goods), rel=1e-9, abs=1e-9)
    tax = duty.tax_base.item() + goods_tax(market, mean, fx, 0).item() * (value + shipping)
    assert tax == pytest.approx(rate * rule.taxed_value(goods, seller_pays_duty=seller_pays), rel=1e-9, abs=1e-9)


def test_a_rule_change_sets_fees_and_tax_limits_from_its_day_on() -> None:
    fee = {"kind": "rule_change", "day": "2026-10-02", "parcel_fee_base": 4.0}
    waiver = {"kind": "rule_change", "day": "2026-10-02", "tax_threshold_base": 50.0}
    market = plain_market({**IT, "horizon.start": "2026-10-01", "horizon.days": 3, "shocks": [fee, waiver]})
    outcomes, _ = play(market, steady(market.scenario, 1))
    found = [
        (-o.money.duty.item() / float(o.orders.sum()), -o.money.tax.item() / float(o.orders.sum())) for o in outcomes
    ]
    # EUR 3 of duty and the Italian EUR 2, then the stated 4 in its place; VAT of 22 % on 40, then none.
    assert found == [pytest.approx(pair, abs=1e-9) for pair in ((5.0, 8.80), (7.0, 0.0), (7.0, 0.0))]


def test_a_surcharge_is_replaced_or_added_to_from_its_day_on() -> None:
    """Nothing; then 5 % in place of it; then 10 points on top; 20 points less are 0 and not below."""
    shocks = [
        {"kind": "rule_change", "day": "2026-10-02", "surcharge_frac": 0.05},
        {"kind": "rule_change", "day": "2026-10-03", "surcharge_added_frac": 0.1},
        {"kind": "rule_change", "day": "2026-10-04", "surcharge_added_frac": -0.2},
    ]
    market = plain_market({**IT, "horizon.start": "2026-10-01", "horizon.days": 4, "shocks": shocks})
    assert market.rules.surcharge_frac.ravel() == pytest.approx([0.0, 0.05, 0.15, 0.0])


def test_prime_day_of_2026_was_held_in_june() -> None:
    text = {"calendar.events": ["prime_day_july"], "market.regions.0.country": "US"}
    for start, on_event in (
        ("2026-06-22", [0, 1, 1, 1, 1, 0]),
        ("2026-07-13", [0] * 6),
        ("2027-07-12", [0, 1, 1, 1, 1, 0]),
    ):
        market = plain_market({**text, "horizon.start": start, "horizon.days": 6})
        days = [date.fromisoformat(start) + timedelta(days=day) for day in range(6)]
        assert [int(value == 0.0) for value in market.calendar.days_to_event[:, 0]] == on_event, days


def test_products_of_one_order_are_weighted_by_value() -> None:
    """Three quarters of the value owe 2 %, the product's own rate; a quarter owes the table's 6 %."""
    changes = {
        **shop("DE", "none", "eu_import", "EUR", 300.0),
        "products": [
            {"id": "thing", "price_base": 300.0, "unit_cost_base": 5, "duty_frac": 0.02},
            {"id": "other", "price_base": 100.0, "unit_cost_base": 5},
        ],
        "segments.0.product_mix": {"thing": 0.5, "other": 0.5},
        "segments.0.items_per_order": 2.0,
    }
    assert owed(changes, "2026-09-07")[0] == pytest.approx(400 * (0.75 * 0.02 + 0.25 * 0.06), abs=0.005)


def test_a_deal_that_a_part_takes_is_taxed_by_the_two_prices_that_are_paid() -> None:
    """60 % take a fifth off 11,000 and pay 8,800, tax-free; the others pay 11,000 and the tax on it."""
    shop_at = {**JP, **with_shipping(500), "products.0.price_base": 11_000.0, "products.0.duty_frac": 0.0}
    market = plain_market({**shop_at, "discounts.mechanics": {"threshold": {"uptake": 0.6, "appeal": 0.7}}})
    outcomes, _ = play(market, lambda _: decision(market.scenario, 1, discount=0.2, mechanic=1), days=1)
    orders = float(outcomes[0].orders.sum())
    assert -outcomes[0].money.tax.item() / orders == pytest.approx(0.4 * 11_500 * 0.1)
    # People see 14 % off the goods, and the mean tax of those who pay any: 4,600 of 46,720 for ten orders.
    rate = 0.4 * 1150 / (0.6 * 9300 + 0.4 * 11_500)
    landed = (0.86 * 11_000 + 500) * (1 + rate) / (11_500 * 1.1)
    share = np.log(11_550 * 1.1 + 550) - np.log(10_450 * 1.1 + 550)
    exponent = -2 * np.log(1.05 / 0.95) / share
    assert orders == pytest.approx(10 * landed**exponent)


def test_a_deal_that_a_part_takes_is_dutiable_by_the_two_prices_that_are_paid() -> None:
    """60 % take a fifth off EUR 180 and owe EUR 3; the others owe 6 % of 180, taxed. Nobody pays 158.4."""
    one = shop("DE", "DE", "eu_import", "EUR", 180.0, **{"discounts.mechanics": {"threshold": {"uptake": 0.6}}})
    market = plain_market({**one, "horizon.start": "2026-07-01"})
    outcomes, _ = play(market, lambda _: decision(market.scenario, 1, discount=0.2, mechanic=1), days=1)
    duty = -outcomes[0].money.duty.item() / float(outcomes[0].orders.sum())
    assert duty == pytest.approx(0.6 * 3 + 0.4 * 180 * 0.06 * 1.19)


def test_unlike_things_in_an_order_are_held_against_a_limit_by_themselves() -> None:
    """Norway: four things of NOK 500 and one of 5,000. Only the dear one is above NOK 3,000: 5 % of it, and the tax."""
    mixed = {
        **NO,
        "products": [
            {"id": "cheap", "price_base": 500, "unit_cost_base": 100},
            {"id": "dear", "price_base": 5000, "unit_cost_base": 1000},
        ],
        "segments.0.product_mix": {"cheap": 0.8, "dear": 0.2},
    }
    duty, tax = owed(mixed, "2026-09-07")
    assert duty == pytest.approx(5000 * 0.05 * 1.25)
    assert tax == pytest.approx(7000 * 0.25)
    # All alike, at the mean of 1,400, would owe nothing.
    assert owed({**NO, "products.0.price_base": 1400.0}, "2026-09-07")[0] == 0.0
