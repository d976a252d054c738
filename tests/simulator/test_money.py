"""Every money term of a day worked by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.worlds import decision, plain_market
from xbopt.simulator.history import initial_state
from xbopt.simulator.money import TERMS, MoneyBridge, basket_noise, book_money
from xbopt.simulator.pricing import price_day
from xbopt.simulator.worlds import average_world

SHOP: dict[str, object] = {
    "market.regions.0.tax": "DK",  # 25 %
    "market.regions.0.shipping": {"days": 2, "charged_base": 8, "cost_base": 5},
    "market.regions.0.fees": {
        "payment_frac": 0.02,
        "payment_fixed_base": 0.3,
        "platform_frac": 0.1,
        "return_handling_base": 6,
        "resale_frac": 0.8,
    },
    "products.0.return_rate": 0.1,
}
MEMBER_ONLY = 3


def bridge(changes: dict[str, Any], *, discount: float = 0.2, basket: float = 1.0, fx_log: float = 0.0) -> MoneyBridge:
    """Four first orders and six repeat orders of a good of 100 that costs 55, and 30 for media."""
    market = plain_market(changes)
    state = initial_state(market, 1)
    rates = np.zeros((1, market.outside.fx_sd.size))
    rates[0, -1] = fx_log
    state = replace(state, outside=replace(state.outside, fx_log=rates))
    choice = decision(market.scenario, 1, discount=discount, mechanic=MEMBER_ONLY)
    price = price_day(market, average_world(), state, choice.discount_frac, choice.mechanic)
    orders = np.array([4.0, 1.0, 3.0, 1.0, 1.0]).reshape(1, 1, 1, 5)
    spread = np.full((1, 1, 1), basket)
    return book_money(market, average_world(), state, price, orders, spread, np.full((1, 1, 1), 30.0))


def terms(money: MoneyBridge) -> dict[str, float]:
    return {name: getattr(money, name).item() for name in TERMS}


def test_every_term_of_a_day() -> None:
    # 1,000 of goods and 80 of shipping; six members take 20 % off, 120; a tenth of 880 is refunded.
    money = bridge(SHOP)
    assert terms(money) == pytest.approx(
        {
            "gross_revenue": 1080 * 1.25,
            "discount": -120 * 1.25,
            "tax": -960 * 0.25,
            "returns": -88,
            "fx_effect": 0,
            "goods": -55 * (10 - 1 * 0.8),
            "shipping": -50,
            "duty": 0,
            "payment_fees": -(0.02 * 960 * 1.25 + 0.3 * 10),
            "platform_fees": -0.1 * 872,
            "return_handling": -6,
            "media": -30,
        }
    )
    assert money.net_revenue.item() == pytest.approx(872)
    assert money.contribution_margin.item() == pytest.approx(872 - 506 - 50 - 27 - 87.2 - 6 - 30)


def test_larger_baskets_sell_and_cost_more() -> None:
    money, plain = terms(bridge(SHOP, basket=1.5)), terms(bridge(SHOP))
    assert money["goods"] == pytest.approx(1.5 * plain["goods"])
    assert money["discount"] == pytest.approx(1.5 * plain["discount"])
    assert money["gross_revenue"] == pytest.approx((1500 + 80) * 1.25)
    assert money["shipping"] == plain["shipping"]


def test_a_currency_move_has_a_term_of_its_own() -> None:
    foreign = {
        **SHOP,
        "market.currencies": {"EUR": {"rate": 1.0}, "DKK": {"rate": 0.134}},
        "market.regions.0.currency": "DKK",
        "market.regions.0.fx_pass_through": 0.5,
    }
    # The krone gains 21 %; local prices fall by the root of it, and the seller keeps the other root: 10 %.
    money = bridge(foreign, fx_log=float(np.log(1.21)))
    assert money.fx_effect.item() == pytest.approx(0.1 * 872)
    assert money.payment_fees.item() == pytest.approx(-(0.02 * 1200 * 1.1 + 3))
    assert money.net_revenue.item() == pytest.approx(1.1 * 872)
    assert money.goods.item() == pytest.approx(-506)


def test_the_seller_pays_duty_with_the_tax_on_it_and_the_customer_s_duty_is_no_cost() -> None:
    border = {**SHOP, "market.regions.0.duty": "eu_import", "segments.0.lines_per_order": 2.0}
    # Sold through IOSS, the price holds the tax, and duty that is not charged on owes none; at import it does.
    assert bridge(border).duty.item() == pytest.approx(-3 * 2 * 10)
    at_import = {**border, "market.regions.0.low_value_tax": "at_import"}
    assert bridge(at_import).duty.item() == pytest.approx(-3 * 2 * 10 * 1.25)
    assert bridge({**border, "market.regions.0.duty_paid_by": "customer"}).duty.item() == 0.0


def test_break_even_of_a_tenth_off_at_45_percent_needs_29_percent_more_units() -> None:
    # Nothing but goods: 45 a unit at full price, 35 at a tenth off. 45/35 = 1.2857.
    full, cut = (
        bridge({}, discount=0.0),
        bridge({"discounts.mechanics": {"member_only": {"prospects": 1.0}}}, discount=0.1),
    )
    media = 30.0
    per_unit_full = (full.contribution_margin.item() + media) / 10
    per_unit_cut = (cut.contribution_margin.item() + media) / 10
    assert per_unit_full == pytest.approx(45)
    assert per_unit_cut == pytest.approx(35)
    assert per_unit_full / per_unit_cut - 1 == pytest.approx(0.2857, abs=1e-4)


def test_basket_noise_has_the_variance_of_a_mean() -> None:
    market = plain_market({"segments.0.basket_cv": 0.6})
    one = basket_noise(market, np.full((1, 1, 1), 9.0), np.ones((1, 1, 1))).item()
    variance = np.log(1 + 0.36 / 9)
    assert one == pytest.approx(np.exp(np.sqrt(variance) - variance / 2))
    assert np.isfinite(basket_noise(market, np.zeros((1, 1, 1)), np.ones((1, 1, 1)))).all()
