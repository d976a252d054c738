"""Offers that only a part of the orders takes, and what the law takes of these orders.

Taxes and duties have steps. Where a part of the orders takes a discount and the others pay the list price, each part
stands on its own side of a step; a mean price that nobody pays would stand on the wrong one.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray, some
from xbopt.simulator.levies import Duty, charged_shipping, goods_tax, order_duty
from xbopt.simulator.parameters import MarketParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a group of customers is offered ``(B, R, S)``.

    Attributes:
        off_frac: Discount on the orders that take it.
        taken_frac: Share of the orders that do.
        paid_frac: Average discount of all orders.
    """

    off_frac: FloatArray
    taken_frac: FloatArray
    paid_frac: FloatArray

    @classmethod
    def of(cls, market: MarketParameters, discount_frac: FloatArray, mechanic: IntArray) -> "Offer":
        """The offer of a discount by a mechanic ``(B, R, S)``."""
        taken = market.promotion.uptake[mechanic]
        return cls(off_frac=discount_frac, taken_frac=taken, paid_frac=discount_frac * taken)

    def times(self, share: FloatArray) -> "Offer":
        """The same with a share of the discount."""
        return replace(self, off_frac=self.off_frac * share, paid_frac=self.paid_frac * share)

    @property
    def is_partly_taken(self) -> BoolArray:
        """Where some orders take a discount and others do not ``(B, R, S)``."""
        return (self.off_frac > 0.0) & (self.taken_frac > 0.0) & (self.taken_frac < 1.0)


def duty_and_tax(
    market: MarketParameters, list_value: FloatArray, offer: Offer, fx: FloatArray, day: int
) -> tuple[Duty, FloatArray]:
    """Expected duty of an order, and consumption tax as a fraction of what orders pay for goods and shipping.

    Args:
        market: Parameters.
        list_value: Mean order value at list price ``(B, R, S)``, base currency.
        offer: The offer.
        fx: Rate multiplier by currency ``(B, K)``.
        day: Day of the horizon.
    """
    value = list_value * (1.0 - offer.paid_frac)
    duty, tax = order_duty(market, value, fx, day), goods_tax(market, value, fx, day)
    if not market.rules.has_limits(day):
        return duty, tax
    partly = offer.is_partly_taken
    if not some(partly):
        return duty, tax
    lower = list_value * (1.0 - offer.off_frac)
    taking, staying = order_duty(market, lower, fx, day), order_duty(market, list_value, fx, day)

    def mixed(of_takers: FloatArray, of_others: FloatArray, of_mean: FloatArray) -> FloatArray:
        return np.where(partly, offer.taken_frac * of_takers + (1.0 - offer.taken_frac) * of_others, of_mean)

    duty = Duty(
        amount_base=mixed(taking.amount_base, staying.amount_base, duty.amount_base),
        tax_base=mixed(taking.tax_base, staying.tax_base, duty.tax_base),
        share_dutiable=mixed(taking.share_dutiable, staying.share_dutiable, duty.share_dutiable),
    )
    shipping = charged_shipping(market, fx)
    paid_by_takers, paid_by_others, paid = lower + shipping, list_value + shipping, value + shipping
    of_takers = goods_tax(market, lower, fx, day) * paid_by_takers
    of_others = goods_tax(market, list_value, fx, day) * paid_by_others
    return duty, np.where(partly, mixed(of_takers, of_others, paid) / paid, tax)
