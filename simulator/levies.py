"""What the law takes of an order: duty, import fees and consumption tax, as expectations over order values.

The value of an order is log-normal with the cell's spread. With ``z = (ln x - mu)/sigma`` the share of orders up to
a threshold ``x`` is ``Phi(z)``, their share of the value ``Phi(z - sigma)`` (the partial expectation of a log-normal).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from xbopt.core.arrays import FloatArray, some, worlds_innermost
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.rules import TradeRules

_TINY = 1e-300
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Expected duty of one order ``(B, R, S)``, base currency.

    Attributes:
        amount_base: Duty and import fees, consumption tax on them left out.
        tax_base: Consumption tax on the duty.
        share_dutiable: How likely an order owes any.
    """

    amount_base: FloatArray
    tax_base: FloatArray
    share_dutiable: FloatArray

    @property
    def with_tax_base(self) -> FloatArray:
        """Duty, fees and the tax on duty."""
        return self.amount_base + self.tax_base


@dataclass(frozen=True, slots=True, kw_only=True)
class _Above:
    """Share of orders above a threshold, and their share of the value ``(B, R, S)``; both 1 where there is none.

    Where the threshold holds for each item, these are shares of the items: one dear thing does not make a cheap one
    dutiable. An item's price is its product's, and spreads like the value of its order.
    """

    orders: FloatArray
    value: FloatArray

    @classmethod
    def of(
        cls, market: MarketParameters, rules: TradeRules, day: int, fx: FloatArray, value: FloatArray, limit: FloatArray
    ) -> "_Above":
        """Args: market, its rules, the day, rates ``(B, K)``; mean order value and threshold in base currency."""
        is_there = limit > 0.0
        if some(rules.shipping_counts[day]):
            limit = np.maximum(limit - rules.shipping_counts[day][:, None] * charged_shipping(market, fx), 0.0)
        orders, worth = _shares_above(market, value, limit)
        if some(rules.by_item[day]) and len(rules.items) > 1:
            items, items_worth = np.zeros(orders.shape), np.zeros(worth.shape)
            for kind in rules.items:
                own, own_worth = _shares_above(market, value, limit / kind.price_ratio)
                items += kind.share * own
                items_worth += kind.share * kind.price_ratio * own_worth
            each = rules.by_item[day][:, None]
            orders, worth = np.where(each, items, orders), np.where(each, items_worth, worth)
        return cls(orders=np.where(is_there, orders, 1.0), value=np.where(is_there, worth, 1.0))


def _shares_above(market: MarketParameters, value: FloatArray, limit: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of orders above a value of goods, and their share of the value ``(B, R, S)``."""
    sd = market.orders.log_sd
    # Where every order is worth the same, all are above or none; the threshold itself is not above.
    alike, spread = sd == 0.0, np.where(sd > 0.0, sd, 1.0)
    step = np.where(value > limit * (1.0 + _ROUNDING), 1.0, 0.0)
    z = (np.log(np.maximum(limit, _TINY)) - np.log(value)) / spread + spread / 2.0
    return np.where(alike, step, ndtr(-z)), np.where(alike, step, ndtr(spread - z))


def order_duty(
    market: MarketParameters, value_base: FloatArray, fx: FloatArray, day: int, rules: TradeRules | None = None
) -> Duty:
    """Expected duty of an order.

    Up to the threshold of the low-value scheme an order owes the flat duty, above it the rate on its dutiable value;
    the surcharge is owed on any dutiable value. Where customs count shipping (CIF), it is what the customer pays for
    it: shipping that nobody is charged for lies in the price of the goods already.

    Args:
        market: Parameters.
        value_base: Mean order value ``(B, R, S)``, base currency, after discount.
        fx: Rate multiplier by currency ``(B, K)``.
        day: Day of the horizon.
        rules: Rules that stand in for the market's.
    """
    rules = rules or market.rules
    if not some(rules.dutiable):
        zero = np.zeros(value_base.shape)
        return Duty(amount_base=zero, tax_base=zero, share_dutiable=zero)
    rate_fx = _rates(fx, rules.currency)
    threshold = rules.threshold_base[day] * rate_fx
    above = _Above.of(market, rules, day, fx, value_base, threshold)
    flat, rate, surcharge = rules.flat_duty_base[day] * rate_fx, rules.ad_valorem_frac[day], rules.surcharge_frac[day]
    shipping = rules.shipping_dutiable[day][:, None] * charged_shipping(market, fx)

    def duty_above(inside: FloatArray | float, outside: _Above, any_value: _Above | None) -> FloatArray:
        """Duty of the orders above a threshold: the share inside the scheme, what is outside it, and all of them."""
        by_value = rate * (value_base * outside.value + shipping * outside.orders)
        if any_value is None:
            return flat * inside + by_value + surcharge * (value_base + shipping)
        return flat * inside + by_value + surcharge * (value_base * any_value.value + shipping * any_value.orders)

    duty = duty_above(1.0 - above.orders, above, None)
    tax = rules.tax_frac[day][:, None] * rules.tax_on_duty[day][:, None]
    untaxed = rules.untaxed_duty_base[day]
    if not some(untaxed):
        tax_base = tax * duty
    elif np.array_equal(untaxed, rules.threshold_base[day]):  # the usual case: one limit for duty and tax
        tax_base = tax * duty_above(0.0, above, above)
    else:
        taxed = _Above.of(market, rules, day, fx, value_base, untaxed * rate_fx)
        outside = _Above.of(market, rules, day, fx, value_base, np.maximum(threshold, untaxed * rate_fx))
        tax_base = tax * duty_above(taxed.orders - outside.orders, outside, taxed)

    # Where a part of the rule asks for nothing, nobody is surprised by it.
    low, high = (flat > 0.0) | (surcharge > 0.0), (rate > 0.0) | (surcharge > 0.0)
    for fee in rules.fees:
        amount = fee.amount_base[day] * _rates(fx, fee.currency)
        duty = duty + amount * ((1.0 - above.orders) if fee.low_value_only else 1.0)
        low = low | (amount > 0.0)
        high = high | (False if fee.low_value_only else amount > 0.0)
    met = np.where(low, 1.0 - above.orders, 0.0) + np.where(high, above.orders, 0.0)
    dutiable = rules.dutiable[:, None]
    return Duty(
        amount_base=np.where(dutiable, duty, 0.0),
        tax_base=np.where(dutiable, tax_base, 0.0),
        share_dutiable=np.where(dutiable, met, 0.0),
    )


def goods_tax(
    market: MarketParameters, value_base: FloatArray, fx: FloatArray, day: int, rules: TradeRules | None = None
) -> FloatArray:
    """Consumption tax as a fraction of what is paid for goods and shipping; it broadcasts to ``(B, R, S)``.

    It is the rate of the law, less the share of the money in orders up to a threshold below which nobody owes it.

    Args:
        market: Parameters.
        value_base: Mean order value ``(B, R, S)``, base currency, after discount.
        fx: Rate multiplier by currency ``(B, K)``.
        day: Day of the horizon.
        rules: Rules that stand in for the market's.
    """
    rules = rules or market.rules
    rate, free = rules.tax_frac[day][:, None], rules.tax_free_base[day]
    if not some(free):
        return rate
    shipping = charged_shipping(market, fx)
    above = _Above.of(market, rules, day, fx, value_base, free * _rates(fx, rules.currency))
    return rate * (value_base * above.value + shipping * above.orders) / (value_base + shipping)


def _rates(fx: FloatArray, currency: tuple[int, ...]) -> FloatArray:
    return worlds_innermost(fx[:, list(currency)])[..., None]  # (B, R, 1)


def charged_shipping(market: MarketParameters, fx: FloatArray) -> FloatArray:
    """What customers pay for the shipping of an order, in base currency at today's rates ``(B, R, 1)``."""
    orders = market.orders
    to_seller = worlds_innermost(fx[:, list(market.outside.region_currency)]) ** (1.0 - orders.pass_through)
    return (orders.charged_base * to_seller)[..., None]
