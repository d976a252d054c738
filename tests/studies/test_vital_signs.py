"""Vital signs: each one measured on a market whose days can be worked by hand, and each kind of wrong input seen.

The plain market: 10,000 people, 10 visits a day per 1,000, 20 % carts, half of them orders, so 10 organic orders a day,
at 100 each with goods for 55. Media at 100 a day buy 10,000 impressions, one a head; with half saturation at one they
bring 20/1000 * 1 * 1/2 visits a head, 100 visits, and 10 orders more. Every bucket visits and orders alike.
"""

import math
from datetime import timedelta
from typing import Any

import pytest

import xbopt
from tests.worlds import PLAIN, Doc, document, scenario_of
from xbopt.simulator.build import build_market
from xbopt.studies.sign_values import Sign, VitalSigns
from xbopt.studies.stated_signs import stated_signs
from xbopt.studies.vital_signs import check, vital_signs


def plain(**changes: object) -> Doc:
    """The plain market with 100 a day of media; a dot of a path is written as two underscores."""
    usual: dict[str, object] = {"budget.total_base": 2000.0}
    return document(usual | {path.replace("__", "."): value for path, value in changes.items()}, text=PLAIN)


def signs_of(doc: Doc) -> dict[str, Sign]:
    """By code; of a market with one region, segment, channel and product there is one of each."""
    return {sign.code: sign for sign in check(scenario_of(doc)).signs}


def stated(doc: Doc) -> dict[str, Sign]:
    """The signs that need no playing, by code."""
    return {sign.code: sign for sign in stated_signs(scenario_of(doc))}


@pytest.fixture(scope="module")
def signs() -> dict[str, Sign]:
    return signs_of(plain())


def test_half_of_the_orders_come_from_media(signs: dict[str, Sign]) -> None:
    """20 orders a day with media, 10 without."""
    assert signs["media_share"].figure == pytest.approx(0.5, rel=1e-9)
    assert signs["media_share"].verdict == "inside"


def test_the_advertising_elasticity_is_a_quarter(signs: dict[str, Sign]) -> None:
    """Orders 10 + 20 x/(1 + x) at x = 1: 20/4 = 5 a unit of log spend, of 20. At 0.95 and 1.05 of the spend they are
    19.7436 and 20.2439: ln 1.02534 / ln (1.05/0.95) = 0.25004."""
    assert signs["advertising_elasticity"].figure == pytest.approx(0.25004, abs=1e-5)


def test_returns_of_the_channel(signs: dict[str, Sign]) -> None:
    """10 orders of 100 for 100 of spend; 45 of each are left. The next unit: 45 * (20.2439 - 19.7436) / 10."""
    assert signs["incremental_roas"].figure == pytest.approx(10.0, rel=1e-9)
    assert signs["incremental_roas"].verdict == "outside"
    assert signs["average_return"].figure == pytest.approx(4.5, rel=1e-9)
    assert signs["marginal_return"].figure == pytest.approx(2.2514, abs=1e-4)
    assert signs["incremental_roas"].where == "ads"


def test_a_new_customer_costs_spend_over_new_customers_won() -> None:
    """On the first day 10 people order for the first time who would not have: 100 of spend. The range is in orders."""
    sign = signs_of(plain(horizon__days=1, budget__total_base=100.0))["cost_per_new_customer"]
    assert sign.figure == pytest.approx(10.0, rel=1e-9)
    assert (sign.low, sign.high) == pytest.approx((20.0, 200.0))
    assert sign.verdict == "outside"


def test_a_list_of_customers_has_a_range_of_its_own() -> None:
    """Ads that reach no prospects: the same figures, measured against what e-mail brings."""
    doc = plain(
        channels__0__reach={"prospect": 0, "new": 1, "active": 1, "at_risk": 1, "lapsed": 1},
        market__regions__0__customers={"people": {"active": 5000}},
    )
    signs = signs_of(doc)
    assert "incremental_roas" not in signs
    assert signs["owned_roas"].high > 10.0


def test_margins_of_product_and_order(signs: dict[str, Sign]) -> None:
    assert signs["gross_margin"].figure == pytest.approx(0.45)
    assert signs["unit_margin"].figure == pytest.approx(0.45)
    assert signs["unit_margin"].where == "home/people"


def test_the_stated_elasticity_is_measured(signs: dict[str, Sign]) -> None:
    """Elasticity -2, no memory: a lasting price and a week's deal move orders alike."""
    assert signs["price_elasticity"].figure == pytest.approx(-2.0, rel=1e-6)
    assert signs["deal_elasticity"].figure == pytest.approx(-2.0, rel=1e-6)


def test_a_deal_that_borrows_nothing_is_all_new(signs: dict[str, Sign]) -> None:
    assert signs["deal_brought_forward"].figure == pytest.approx(0.0, abs=1e-9)
    assert signs["deal_switched"].figure == 0.0
    assert signs["deal_new"].figure == pytest.approx(1.0)


def test_a_deal_needs_what_the_margin_says(signs: dict[str, Sign]) -> None:
    """d / (margin - d) = 0.1 / (0.45 - 0.1)."""
    assert signs["deal_break_even"].figure == pytest.approx(0.1 / 0.35, rel=1e-9)


def test_the_promotion_split_is_measured_over_eight_weeks() -> None:
    """What a reader of the weeks sees is the third that is stated.

    Hardly anybody pays back while the deal runs: in a week a millionth. Afterwards 255/256 of a debt come back in eight
    half-lives, and as much more than the third was borrowed.
    """
    pull = {"borrowed_frac": 1 / 3, "switched_frac": 1 / 3, "half_life_days": 7, "largest_cut": 0.9}
    signs = signs_of(plain(discounts__pull_forward=pull))
    assert signs["deal_brought_forward"].figure == pytest.approx(1 / 3, rel=2e-6)
    assert signs["deal_switched"].figure == pytest.approx(1 / 3, rel=2e-6)
    assert signs["deal_new"].figure == pytest.approx(1 / 3, rel=2e-6)


def test_a_pay_back_that_eight_weeks_cannot_see_is_told() -> None:
    """A half-life of ten years: next to nothing of the stated third is missed within the weeks that anybody watches."""
    pull = {"borrowed_frac": 1 / 3, "switched_frac": 1 / 3, "half_life_days": 7, "largest_cut": 0.9}
    assert signs_of(plain(discounts__pull_forward=pull))["deal_forward_stated"].figure == pytest.approx(1.0, rel=2e-6)
    sign = signs_of(plain(discounts__pull_forward=pull | {"half_life_days": 3650}))["deal_forward_stated"]
    assert sign.figure < 0.5
    assert sign.is_warning


def test_second_orders_of_who_never_leaves() -> None:
    """A chance of 0.01 * 0.2 * 0.5 a day: 1 - 0.999^365 = 0.3059."""
    never = [{"id": "all", "share": 1, "visits_per_1000": 10, "daily_dropout": 0}]
    signs = signs_of(plain(segments__0__customer_types=never, segments__0__customer_conversion=1))
    assert signs["second_order_365"].figure == pytest.approx(1.0 - 0.999**365, rel=1e-9)
    assert signs["second_order_90"].figure == pytest.approx(1.0 - 0.999**90, rel=1e-9)


def test_the_first_stock_covers_so_many_days() -> None:
    """500 orders at 20 a day; 30 days of lead time are longer than that."""
    stock = {"initial_orders": 500, "lead_time_days": 30, "cover_days": 10}
    sign = signs_of(plain(market__regions__0__stock=stock))["stock_cover"]
    assert sign.figure == pytest.approx(25.0, rel=1e-9)
    assert sign.low == 30.0
    assert sign.verdict == "outside"


@pytest.mark.parametrize(("spend", "verdict"), [(200.0, "inside"), (1e12, "outside")])
def test_media_before_the_first_day_are_held_against_sales(spend: float, verdict: str) -> None:
    """20 orders of 100 a day: 200 of media a day before are a tenth of the plan's sales."""
    row = {"region": "home", "segment": "people", "channel": "ads", "spend_base": spend}
    start = scenario_of(plain()).start
    before = {"rows": [{**row, "date": str(start - timedelta(days=5)), "to": str(start - timedelta(days=1))}]}
    sign = signs_of(plain(history__before=before))["past_spend"]
    assert sign.figure == pytest.approx(spend / 2000.0, rel=0.01 if spend < 1e6 else 1.0)
    assert sign.verdict == verdict
    assert "past_spend" not in signs_of(plain())


def test_most_orders_from_media_are_seen() -> None:
    """123 visits per 1,000 impressions bring 61.5 orders a day beside 10 organic ones: 86 %."""
    signs = signs_of(plain(channels__0__visits_per_1000_impressions=123))
    assert signs["media_share"].figure == pytest.approx(61.5 / 71.5, rel=1e-9)
    assert signs["media_share"].is_warning
    assert signs["advertising_elasticity"].is_warning


def test_goods_that_cost_more_than_their_price_are_seen() -> None:
    signs = signs_of(plain(products__0__unit_cost_base=120))
    assert signs["gross_margin"].figure == pytest.approx(-0.2)
    assert signs["gross_margin"].hint == "cost_above_price"
    assert signs["unit_margin"].verdict == "outside"
    assert signs["deal_break_even"].verdict == "not applicable"
    assert stated(plain(market__regions__0__price_level=0.5))["gross_margin"].figure == pytest.approx(1.0 - 55 / 50)


def test_amounts_that_are_no_orders_of_magnitude_near_an_order_s_value_are_seen() -> None:
    """An order is worth 100 here; a parcel for more, and clicks for nothing, are slips of the pen."""
    changed = {
        "market__regions__0__shipping__cost_base": 1e12,
        "channels__0__price__amount_base": 1e-9,
    }
    found = stated(plain(**changed))
    assert found["order_charges"].figure == pytest.approx(1e10)
    assert found["order_charges"].is_warning
    assert found["visit_price"].is_warning
    cheap = stated(plain(products__0__price_base=1e-9))
    assert cheap["visit_price"].figure > cheap["visit_price"].high


def test_a_deal_that_eats_the_margin_needs_orders_without_end() -> None:
    """At a cost of 96, each order with 10 % off costs money: no number is enough. JSON has no infinity."""
    result = check(scenario_of(plain(products__0__unit_cost_base=96, discounts__margin_floor_frac=0)))
    sign = next(sign for sign in result.signs if sign.code == "deal_break_even")
    assert sign.figure == math.inf
    assert sign.verdict == "outside"
    row = next(row for row in result.to_frame().to_pylist() if row["sign"] == "deal_break_even")
    assert row["figure"] is None


@pytest.mark.parametrize(
    ("rate", "verdict", "hint"),
    [
        (1.161, "inside", ""),
        (1.4, "inside", ""),
        (0.861, "outside", "inverted_rate"),
        (11.6, "outside", "power_of_ten"),
        (0.0116, "outside", "power_of_ten"),
        (2.0, "outside", ""),
    ],
)
def test_a_currency_rate_is_held_against_the_ecb(rate: float, verdict: str, hint: str) -> None:
    """1 GBP was 1/0.86121 = 1.161 EUR in the mean of 2026."""
    sign = stated(plain(market__currencies={"EUR": {"rate": 1.0}, "GBP": {"rate": rate}}))["currency_rate"]
    assert (sign.verdict, sign.hint) == (verdict, hint)


def test_a_currency_that_the_table_lacks_is_not_judged() -> None:
    signs = stated(plain(market__currencies={"EUR": {"rate": 1.0}, "XAF": {"rate": 0.0015}}))
    assert signs["currency_rate"].verdict == "not applicable"


@pytest.mark.parametrize("unsure", [{}, {"elasticity": {"spread": 0.0}}])
def test_a_scenario_that_is_sure_of_everything_is_seen(unsure: dict[str, Any]) -> None:
    assert not check(scenario_of(plain(horizon__days=2, uncertainty=unsure))).states_uncertainty
    assert check(scenario_of(plain(horizon__days=2, uncertainty={"elasticity": {"spread": 0.2}}))).states_uncertainty


US = {"market__regions__0__duty": "us_import", "market__currencies": {"EUR": {"rate": 1.0}, "USD": {"rate": 0.86}}}


def test_days_with_a_duty_that_nobody_knows_are_counted() -> None:
    """What followed the surcharge that ended on 2026-07-23: three of five days, until a rule change states one."""
    days = {"horizon__start": "2026-07-22", "horizon__days": 5}
    sign = stated(plain(**US, **days))["duty_unknown"]
    assert (sign.figure, sign.where, sign.is_warning) == (pytest.approx(0.6), "home", True)
    rule = {"kind": "rule_change", "day": "2026-07-25", "surcharge_frac": 0.1}
    assert stated(plain(**US, **days, shocks=[rule]))["duty_unknown"].figure == pytest.approx(0.2)
    assert stated(plain(**US, horizon__start="2026-07-01", horizon__days=5))["duty_unknown"].verdict == "inside"
    assert stated(plain())["duty_unknown"].verdict == "not applicable"


def test_days_under_a_rule_of_low_certainty_are_counted() -> None:
    """The rows for Chinese goods of 2025 are of low certainty, also where only one product is from there."""
    days = {"horizon__start": "2025-06-01", "horizon__days": 2}
    assert stated(plain(**US, **days))["duty_uncertain"].verdict == "inside"
    sign = stated(plain(**US, **days, products__0__origin="CN"))["duty_uncertain"]
    assert (sign.figure, sign.is_warning) == (1.0, True)


def test_numbers_without_a_source_are_counted() -> None:
    """Without provenance no number has one; with one entry for all, all have."""
    share = stated(plain())["sources"]
    assert (share.figure, share.verdict) == (0.0, "outside")
    everything = [{"path": "**", "evidence": "E", "source": "a guess"}]
    share = stated(plain(provenance=everything))["sources"]
    assert (share.figure, share.verdict) == (1.0, "inside")


def test_a_reason_in_the_file_ends_the_warning_but_not_the_verdict() -> None:
    reason = "a launch: nobody knows the shop yet"
    doc = plain(channels__0__visits_per_1000_impressions=123, vital_signs={"accepted": {"media_share": reason}})
    sign = signs_of(doc)["media_share"]
    assert (sign.verdict, sign.is_warning, sign.accepted) == ("outside", False, reason)


def test_a_plan_without_media_has_no_signs_of_media() -> None:
    result: VitalSigns = check(scenario_of(plain(plan__spend_frac=0.0)))
    signs = {sign.code: sign for sign in result.signs}
    for code in ("media_share", "advertising_elasticity", "cost_per_new_customer"):
        assert signs[code].verdict == "not applicable"
    assert "incremental_roas" not in signs
    assert all(not sign.is_warning for sign in result.signs if sign.verdict == "not applicable")


def test_a_plan_that_only_writes_to_customers_has_no_cost_of_new_ones() -> None:
    """Otherwise every plan of e-mails would pay for them without end."""
    doc = plain(
        channels__0__reach={"prospect": 0, "new": 1, "active": 1, "at_risk": 1, "lapsed": 1},
        market__regions__0__customers={"people": {"active": 5000}},
    )
    assert signs_of(doc)["cost_per_new_customer"].verdict == "not applicable"


def test_where_the_margin_allows_no_discount_there_are_no_signs_of_deals() -> None:
    signs = signs_of(plain(discounts__margin_floor_frac=0.5))
    deals = {code: sign for code, sign in signs.items() if code.startswith("deal_")}
    assert len(deals) == 6
    assert {sign.verdict for sign in deals.values()} == {"not applicable"}
    assert signs["price_elasticity"].figure == pytest.approx(-2.0, rel=1e-6)


def test_limits_do_not_stand_in_the_way_of_a_trial(signs: dict[str, Sign]) -> None:
    """A lock pays the channel whatever is decided; the trial without it is played all the same."""
    lock = [{"region": "home", "segment": "people", "channel": "ads", "spend_per_day_base": 100}]
    locked = signs_of(plain(budget__locks=lock))
    assert locked["media_share"].figure == pytest.approx(signs["media_share"].figure, rel=1e-9)
    assert locked["advertising_elasticity"].figure == pytest.approx(signs["advertising_elasticity"].figure, rel=1e-9)


def test_a_market_is_enough_and_gives_the_same() -> None:
    """Calibration has a market and no file."""
    scenario = scenario_of(plain(horizon__days=3))
    assert vital_signs(build_market(scenario)).signs == check(scenario).signs


def test_the_public_name_gives_a_table() -> None:
    rows = xbopt.check(scenario_of(plain(horizon__days=2))).to_frame().to_pylist()
    names = "sign name where figure low high unit verdict accepted hint evidence source"
    assert list(rows[0]) == names.split()
    assert {row["sign"] for row in rows} >= {"uncertainty", "media_share", "price_elasticity", "second_order_365"}
