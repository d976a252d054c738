"""An order value that nobody has is told from one that is only dear or cheap."""

from datetime import date

import pytest

from xbopt.core.defaults.order_values import FAR, TOO_FAR, times_outside, usual_order_values
from xbopt.core.tables.market_facts import fact
from xbopt.core.tables.market_names import trades
from xbopt.core.tables.reference_rates import reference_rate

DAY = date(2026, 7, 1)


def test_a_range_is_that_of_the_facts_in_the_currency() -> None:
    known = fact("trade", "home", "order_value_usd", DAY)
    usual = usual_order_values("home goods", "JPY", DAY)
    rate = reference_rate("USD", "JPY", 2026)
    assert rate is not None
    assert usual == pytest.approx((known.low * rate, known.high * rate))
    assert times_outside(2.0 * usual[1], usual) == pytest.approx(2.0)
    assert times_outside(usual[0] / 4.0, usual) == pytest.approx(4.0)
    assert times_outside(usual[0], usual) == times_outside(usual[1], usual) == 1.0


def test_an_unknown_trade_has_the_widest_range() -> None:
    low, high = usual_order_values(None, "EUR", DAY) or (0.0, 0.0)
    assert usual_order_values("general", "EUR", DAY) == (low, high)
    for trade in trades():
        own = usual_order_values(trade, "EUR", DAY)
        assert own is not None
        assert low <= own[0] < own[1] <= high


def test_no_rate_tells_nothing() -> None:
    assert usual_order_values("home", "ZZZ", DAY) is None


@pytest.mark.parametrize("trade", list(trades()))
@pytest.mark.parametrize("currency", ["JPY", "KRW", "VND", "HUF"])
def test_the_usual_order_in_euro_under_a_light_currency_is_too_far_off_and_under_its_own_is_not(
    trade: str, currency: str
) -> None:
    rate = reference_rate("USD", "EUR", DAY.year)
    assert rate is not None
    value = rate * fact("trade", trade, "order_value_usd", DAY).value
    assert times_outside(value, usual_order_values(trade, currency, DAY) or (1.0, 1.0)) >= TOO_FAR
    assert times_outside(value, usual_order_values(trade, "EUR", DAY) or (0.0, 0.0)) == 1.0


@pytest.mark.parametrize(
    ("trade", "euro"),
    # Wholesale of gifts, phones, a fashion house's bags, weekly groceries, a bar of soap.
    [("home", 350.0), ("electronics", 900.0), ("jewellery", 750.0), ("consumables", 140.0), ("beauty", 8.0)],
)
def test_dear_and_cheap_shops_are_usual(trade: str, euro: float) -> None:
    assert times_outside(euro, usual_order_values(trade, "EUR", DAY) or (0.0, 0.0)) < FAR


def test_yen_marked_euro_are_too_far_off() -> None:
    assert times_outside(5_760.0, usual_order_values("home", "EUR", DAY) or (0.0, 0.0)) >= TOO_FAR
