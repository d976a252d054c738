"""Landed price, elasticity, remembered prices, mechanics and duty, worked by hand."""

import math

import numpy as np
import pytest

from tests.worlds import decision, market_of, plain_market, play, steady
from xbopt.core.decisions.decision import MECHANICS
from xbopt.simulator.history import initial_state
from xbopt.simulator.levies import order_duty
from xbopt.simulator.pricing import own_reference, price_day
from xbopt.simulator.worlds import average_world

NO_FX = np.ones((1, 1))


def orders_by_day(changes: dict[str, object], discounts: list[float], mechanic: int = 0) -> list[float]:
    market = plain_market(changes)
    choices = [decision(market.scenario, 1, discount=discount, mechanic=mechanic) for discount in discounts]
    outcomes, _ = play(market, lambda day: choices[day], days=len(discounts))
    return [float(outcome.orders.sum()) for outcome in outcomes]


def test_elasticity_is_constant() -> None:
    assert orders_by_day({}, [0.2]) == pytest.approx([10 * 0.8**-2])
    assert orders_by_day({"segments.0.elasticity": -3.0}, [0.25]) == pytest.approx([10 * 0.75**-3])


def test_a_discount_on_goods_does_not_discount_shipping() -> None:
    changes = {"market.regions.0.shipping.charged_base": 20}
    # -2 is the elasticity of the goods' price. 5 % of it either way moves what customers pay from 115 to 125.
    landed = -2 * math.log(105 / 95) / math.log(125 / 115)
    assert orders_by_day(changes, [0.3]) == pytest.approx([10 * (90 / 120) ** landed])


def test_a_higher_price_level_lowers_demand() -> None:
    assert orders_by_day({"market.regions.0.price_level": 1.25}, [0.0]) == pytest.approx([10 * 1.25**-2])


def test_a_tax_change_moves_demand_from_its_day_on_even_on_the_first_day() -> None:
    for day, expected in (("2026-09-07", [6.4, 6.4]), ("2026-09-08", [10.0, 6.4])):
        shocks = [{"kind": "rule_change", "day": day, "tax_frac": 0.25}]
        assert orders_by_day({"shocks": shocks}, [0.0, 0.0]) == pytest.approx(expected)


def test_a_cheap_currency_with_pass_through_raises_local_prices() -> None:
    # The region's currency falls to e^-0.2; local prices follow half of it, e^0.1: orders fall by e^-0.2.
    changes = {
        "market.currencies": {"EUR": {"rate": 1.0}, "NOK": {"rate": 0.1}},
        "market.regions.0.currency": "NOK",
        "market.regions.0.fx_pass_through": 0.5,
        "shocks": [{"kind": "fx_move", "day": "2026-09-07", "currency": "NOK", "log_size": -0.2}],
    }
    assert orders_by_day(changes, [0.0]) == pytest.approx([10 * math.exp(-0.2)])


MEMORY = {"segments.0.price_memory": {"deal_gain": 0.5, "half_life_days": 1.0}}


def test_a_new_deal_gains_what_the_memory_of_it_takes_away_and_its_end_is_no_loss() -> None:
    # Day 0: nothing is remembered, -2 (1 + 0.5) holds. Day 1: half of ln 0.8 is remembered, half of the gain is left.
    # Day 2: three quarters are remembered, and a price above them is the usual price and no more.
    assert orders_by_day(MEMORY, [0.2, 0.2, 0.0]) == pytest.approx([10 * 0.8**-3, 10 * 0.8**-2.5, 10.0])


def test_a_price_below_the_remembered_one_is_a_deal_whatever_made_it() -> None:
    tax_cut = {
        **MEMORY,
        "market.regions.0.country": "DE",
        "market.regions.0.tax": "DE",
        "shocks": [{"kind": "rule_change", "day": "2026-09-08", "tax_frac": 0.0}],
    }
    cut = {**MEMORY, "products.0.price_base": 80, "products.0.usual_price_base": 100}
    # German VAT is 19 %; without it people pay 1/1.19 of the usual price.
    assert orders_by_day(tax_cut, [0.0, 0.0, 0.0]) == pytest.approx([10, 10 * 1.19**3, 10 * 1.19**2.5])
    assert orders_by_day(cut, [0.0, 0.0]) == pytest.approx([10 * 0.8**-3, 10 * 0.8**-2.5])


def test_memory_follows_the_paid_price() -> None:
    """The island's prices are a tenth above the usual ones, and known customers take 20 % off them."""
    market = market_of({"horizon.days": 300})
    outcomes, state = play(market, steady(market.scenario, 1, spend=50.0, discount=0.2, mechanic=3))
    discount, mechanic = np.full((1, 2, 2), 0.2), np.full((1, 2, 2), 3)
    steady_offer = own_reference(market, average_world(), discount, mechanic)
    np.testing.assert_allclose(state.reference_log, steady_offer, atol=1e-6)
    assert (state.reference_log[0, 0] < 0.0).all()
    # A steady offer is no deal: it borrows next to nothing, and what was borrowed at first has been paid back.
    assert outcomes[-1].ledger.borrowed.max() < 1e-6 * outcomes[-1].orders.sum()
    assert state.borrowed.max() < 1e-3


@pytest.mark.parametrize(
    "customs",
    [
        {},
        {"market.regions.0.shipping.charged_base": 12},
        {
            "market.regions.0.duty": "eu_import",
            "market.regions.0.duty_paid_by": "customer",
            "products.0.duty_frac": 0.1,
        },
        {
            "market.regions.0.duty": "eu_import",
            "market.regions.0.duty_paid_by": "customer",
            "segments.0.basket_cv": 1.0,
        },
    ],
    ids=["goods alone", "shipping", "duty by the line", "duty on both sides of the threshold"],
)
@pytest.mark.parametrize("level", [0.9, 0.97, 1.03, 1.1])
def test_the_stated_elasticity_is_that_of_the_goods_price(customs: dict[str, object], level: float) -> None:
    """By playing price levels, long after the change, with as many customers as before: within 2 %."""
    changes = {
        **customs,
        "market.regions.0.surprise_duty_conversion": 1.0,
        "horizon.days": 200,
        "segments.0.elasticity": -2.6,
        "segments.0.price_memory": {},
        "discounts.pull_forward": {},
    }
    usual, other = (orders_by_day({**changes, "market.regions.0.price_level": x}, [0.0] * 200)[-1] for x in (1, level))
    assert math.log(other / usual) / math.log(level) == pytest.approx(-2.6, rel=0.02)


def test_mechanics_change_who_takes_what() -> None:
    market = plain_market()
    found = {}
    for number, name in enumerate(MECHANICS):
        choice = decision(market.scenario, 1, discount=0.2, mechanic=number)
        found[name] = price_day(
            market, average_world(), initial_state(market, 1), choice.discount_frac, choice.mechanic
        )
    assert found["percent_off"].paid_known.item() == pytest.approx(0.2)
    assert found["percent_off"].factor_known.item() == pytest.approx(0.8**-2)
    # A threshold: 60 % take it, it is felt as 14 %, and baskets grow by 8 %.
    assert found["threshold"].paid_known.item() == pytest.approx(0.12)
    assert found["threshold"].factor_known.item() == pytest.approx(0.86**-2)
    assert found["threshold"].basket.item() == pytest.approx(1.08)
    assert found["bundle"].paid_known.item() == pytest.approx(0.1)
    assert found["bundle"].basket.item() == pytest.approx(1.12)
    assert found["limited_time"].factor_known.item() == pytest.approx(0.76**-2)
    # Members only: prospects neither see nor take it.
    assert found["member_only"].factor_known.item() == pytest.approx(0.8**-2)
    assert found["member_only"].factor_prospect.item() == pytest.approx(1.0)
    assert found["member_only"].paid_prospect.item() == 0.0
    assert all(prices.factor_price.item() == pytest.approx(1.0) for prices in found.values())


def test_a_mechanic_without_a_discount_changes_nothing() -> None:
    market = plain_market()
    choice = decision(market.scenario, 1, mechanic=2)
    prices = price_day(market, average_world(), initial_state(market, 1), choice.discount_frac, choice.mechanic)
    assert prices.basket.item() == 1.0
    assert prices.factor_known.item() == prices.factor_price.item()


EU = {"market.regions.0.duty": "eu_import"}
US = {
    "horizon.start": "2026-03-02",
    "market.regions.0.duty": "us_import",
    "market.currencies": {"EUR": {"rate": 1.0}, "USD": {"rate": 0.9}},
}


def duty_of(changes: dict[str, object], value: float) -> tuple[float, float]:
    market = plain_market(changes)
    fx = np.ones((1, market.outside.fx_sd.size))
    duty = order_duty(market, np.full((1, 1, 1), value), fx, 0)
    return duty.amount_base.item(), duty.share_dutiable.item()


def test_eu_parcels_up_to_150_pay_3_a_line_and_6_percent_above() -> None:
    assert duty_of(EU, 100.0) == pytest.approx((3.0, 1.0))
    assert duty_of({**EU, "segments.0.lines_per_order": 2.5}, 100.0) == pytest.approx((7.5, 1.0))
    assert duty_of(EU, 200.0) == pytest.approx((12.0, 1.0))
    assert duty_of({**EU, "products.0.duty_frac": 0.12}, 200.0) == pytest.approx((24.0, 1.0))


def test_us_parcels_pay_rate_and_surcharge_from_the_first_dollar() -> None:
    assert duty_of(US, 100.0) == pytest.approx((6.0 + 10.0, 1.0))
    assert duty_of({**US, "products.0.duty_frac": 0.0}, 100.0) == pytest.approx((10.0, 1.0))


def test_british_parcels_below_the_threshold_pay_nothing_and_surprise_nobody() -> None:
    british = {
        "market.regions.0.duty": "gb_import",
        "market.currencies": {"EUR": {"rate": 1.0}, "GBP": {"rate": 1.2}},
    }
    assert duty_of(british, 160.0) == pytest.approx((0.0, 0.0))  # GBP 135 are EUR 162
    assert duty_of(british, 164.0) == pytest.approx((0.06 * 164, 1.0))


def test_a_border_without_duty_surprises_nobody() -> None:
    swiss = {"market.regions.0.duty": "ch_import", "market.currencies": {"EUR": {"rate": 1.0}, "CHF": {"rate": 1.0}}}
    assert duty_of(swiss, 100.0) == (0.0, 0.0)


def test_spread_order_values_straddle_the_threshold() -> None:
    # Mean 150 at the threshold of 150, cv 1: sigma^2 = ln 2, z = sigma/2. A share Phi(z) of parcels lies below and
    # pays 3 a line; these hold the share Phi(-z) of the value, and the rest of the value pays 6 %.
    z = math.sqrt(math.log(2.0)) / 2.0
    below = 0.5 * (1.0 + math.erf(z / math.sqrt(2.0)))
    amount, met = duty_of({**EU, "segments.0.basket_cv": 1.0}, 150.0)
    assert amount == pytest.approx(3.0 * below + 0.06 * 150.0 * below)
    assert met == pytest.approx(1.0)


def test_the_partial_expectation_agrees_with_sampled_orders() -> None:
    sigma = math.sqrt(math.log1p(0.8**2))
    values = np.exp(math.log(120.0) - sigma**2 / 2 + sigma * np.random.default_rng(5).standard_normal(200_000))
    duties = np.where(values <= 150.0, 3.0, 0.06 * values)
    amount, _ = duty_of({**EU, "segments.0.basket_cv": 0.8}, 120.0)
    # Four standard errors of the sample's mean.
    assert abs(amount - duties.mean()) < 4 * duties.std() / math.sqrt(len(values))


def test_a_rule_change_of_the_rate_holds_for_goods_with_a_rate_of_their_own() -> None:
    shocks = [{"kind": "rule_change", "day": "2026-09-07", "ad_valorem_frac": 0.3}]
    assert duty_of({**EU, "products.0.duty_frac": 0.12, "shocks": shocks}, 200.0) == pytest.approx((60.0, 1.0))


def test_a_threshold_of_zero_charges_every_parcel() -> None:
    shocks = [{"kind": "rule_change", "day": "2026-09-07", "threshold_base": 0}]
    assert duty_of({**EU, "shocks": shocks}, 1e-6) == pytest.approx((0.06e-6, 1.0))


def test_customers_who_pay_duty_turn_away_at_the_door() -> None:
    customs = {**EU, "market.regions.0.duty_paid_by": "customer", "market.regions.0.surprise_duty_conversion": 0.7}
    assert orders_by_day(customs, [0.0]) == pytest.approx([7.0])
    assert orders_by_day({**EU}, [0.0]) == pytest.approx([10.0])  # the seller pays


def test_duty_that_customers_pay_is_part_of_the_landed_price() -> None:
    # 3 of duty on a good of 100; a surcharge of 20 % from the first day makes it 123, against the usual 103.
    customs = {
        **EU,
        "market.regions.0.duty_paid_by": "customer",
        "market.regions.0.surprise_duty_conversion": 1.0,
        "shocks": [{"kind": "rule_change", "day": "2026-09-07", "surcharge_frac": 0.2}],
    }
    # 5 % of the goods' price either way moves the usual landed price from 98 to 108.
    landed = -2 * math.log(105 / 95) / math.log(108 / 98)
    assert orders_by_day(customs, [0.0]) == pytest.approx([10 * (123 / 103) ** landed])
    # A discount lowers the value that the surcharge is taken of.
    assert orders_by_day(customs, [0.4]) == pytest.approx([10 * ((60 + 3 + 12) / 103) ** landed])


def test_competitors_sentiment_and_late_delivery_move_conversion() -> None:
    changes = {
        "segments.0.competitor_elasticity": 0.5,
        "segments.0.sentiment_sensitivity": 0.1,
        "segments.0.delay_sensitivity": 0.1,
        "shocks": [
            {"kind": "price_war", "day": "2026-09-08", "days": 1, "log_size": -0.2},
            {"kind": "viral_sentiment", "day": "2026-09-09", "size": 1.0},
            {"kind": "stock_delay", "day": "2026-09-07", "days": 1, "extra_days": 6},
        ],
        "segments.0.satisfaction": {"late_day_penalty": 0.0},
    }
    # 8 days against 6 accepted: 0.9^2. Prices of others 0.2 lower: e^-0.1. Sentiment 1: e^0.1.
    expected = [10 * 0.81, 10 * math.exp(-0.1), 10 * math.exp(0.1)]
    assert orders_by_day(changes, [0.0] * 3) == pytest.approx(expected)
