"""Money: every term between gross revenue and contribution margin, each an output of its own."""

from dataclasses import dataclass, fields

import numpy as np

from xbopt.core.arrays import FloatArray, add_up, some, worlds_innermost
from xbopt.simulator.fulfilment import return_rate
from xbopt.simulator.parameters import MarketParameters, PlaceParameters
from xbopt.simulator.pricing import PriceDay
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyBridge:
    """Signed money terms ``(B, R, S)``, base currency. Their sum is the contribution margin.

    Attributes:
        gross_revenue: Orders at list price with tax and charged shipping, at first-day rates.
        discount: Discounts given, with tax; negative.
        tax: Consumption tax on what customers pay; negative.
        returns: Expected refunds, net of tax; negative.
        fx_effect: What currency moves since the first day do to net revenue; either sign.
        goods: Cost of goods, less what returns recover; negative.
        shipping: Parcels; negative.
        duty: Duty that the seller pays, with tax on it; negative.
        payment_fees: Negative.
        platform_fees: Negative.
        return_handling: Negative.
        media: Media spend; negative.
    """

    gross_revenue: FloatArray
    discount: FloatArray
    tax: FloatArray
    returns: FloatArray
    fx_effect: FloatArray
    goods: FloatArray
    shipping: FloatArray
    duty: FloatArray
    payment_fees: FloatArray
    platform_fees: FloatArray
    return_handling: FloatArray
    media: FloatArray

    @property
    def net_revenue(self) -> FloatArray:
        """Revenue after discount, tax, expected returns and currency moves ``(B, R, S)``."""
        return self.gross_revenue + self.discount + self.tax + self.returns + self.fx_effect

    @property
    def contribution_margin(self) -> FloatArray:
        """Net revenue less all costs ``(B, R, S)``."""
        costs = self.goods + self.shipping + self.duty + self.payment_fees + self.platform_fees
        return self.net_revenue + costs + self.return_handling + self.media

    def __add__(self, other: "MoneyBridge") -> "MoneyBridge":
        """The terms of two bridges together."""
        return MoneyBridge(**{name: getattr(self, name) + getattr(other, name) for name in TERMS})


TERMS: tuple[str, ...] = tuple(field.name for field in fields(MoneyBridge))


def basket_noise(market: MarketParameters, orders: FloatArray, normal: FloatArray) -> FloatArray:
    """Mean-one multiplier on the mean value of ``orders`` orders ``(B, R, S)``.

    Log-normal with the variance that a mean of that many independent order values has, ``cv^2/n``.
    """
    variance = np.log1p(market.orders.basket_cv**2 / np.maximum(orders, 1.0))
    return np.exp(np.sqrt(variance) * normal - 0.5 * variance)


def book_money(
    market: MarketParameters,
    world: WorldParameters,
    state: MarketState,
    price: PriceDay,
    orders: FloatArray,
    basket: FloatArray,
    spend_base: FloatArray,
    place: PlaceParameters | None = None,
) -> MoneyBridge:
    """Book a day at one place of sale.

    Args:
        market: Parameters.
        world: What differs by world.
        state: This morning's state.
        price: Today's prices.
        orders: Shipped orders ``(B, R, S, L)``.
        basket: Multiplier on order values ``(B, R, S)``: chance and promotion mechanic.
        spend_base: Media spend ``(B, R, S)``.
        place: Whose fees are paid; the own shop where left out.
    """
    p, rules, day = market.orders, market.rules, state.day
    fees = place or market.places[0]
    prospects, total = orders[..., 0], add_up(orders, 3)
    value = p.price_base * world.order_value * basket
    goods_value = value * total
    discount = value * (prospects * price.paid_prospect + (total - prospects) * price.paid_known)
    charged = p.charged_base[:, None] * total
    coming_back = return_rate(market, world)
    goods_paid = goods_value - discount
    refunds = coming_back * (goods_paid + rules.refunds_shipping[day][:, None] * charged)
    tax = _mean_tax(market, day, price, value, prospects, total)
    with_tax, paid = 1.0 + tax, goods_paid + charged
    region_fx = worlds_innermost(np.exp(state.outside.fx_log)[:, list(market.outside.region_currency)])
    # The seller's price in base currency moves with fx^(1 - psi) where local prices follow the share psi.
    seller_fx = (region_fx ** (1.0 - p.pass_through))[..., None] - 1.0
    net_at_start = goods_paid - refunds + charged
    fx_effect = seller_fx * net_at_start
    net = net_at_start + fx_effect
    paid_with_tax = paid * with_tax * (1.0 + seller_fx)
    duty = price.duty_prospect.with_tax_base * prospects + price.duty_known.with_tax_base * (total - prospects)
    seller_duty = (1.0 - market.demand.customer_pays_duty)[:, None] * duty
    returned = coming_back * total
    cost = p.cost_base * world.unit_cost * world.order_value * basket
    return MoneyBridge(
        gross_revenue=(goods_value + charged) * with_tax,
        discount=-discount * with_tax,
        tax=-paid * tax,
        returns=-refunds,
        fx_effect=fx_effect,
        goods=-cost * (total - returned * p.resale_frac[:, None]),
        shipping=-(p.shipping_base * world.shipping_cost)[..., None] * total,
        duty=-seller_duty,
        payment_fees=-(fees.payment_frac[:, None] * paid_with_tax + fees.payment_fixed_base[:, None] * total),
        platform_fees=-(
            fees.platform_frac[:, None] * net * (1.0 + fees.fee_on_gross[:, None] * tax)
            + fees.platform_fixed_base[:, None] * total
        ),
        return_handling=-p.handling_base[:, None] * returned,
        media=-spend_base,
    )


def _mean_tax(
    market: MarketParameters, day: int, price: PriceDay, value: FloatArray, prospects: FloatArray, total: FloatArray
) -> FloatArray:
    """Consumption tax on what all orders of a day pay, as a fraction of it; it broadcasts to ``(B, R, S)``."""
    if not some(market.rules.tax_free_base[day]):  # by the market and not by the batch, whose worlds may differ
        return price.tax_known
    charged = market.orders.charged_base[:, None]
    by_prospects = (value * (1.0 - price.paid_prospect) + charged) * prospects
    by_known = (value * (1.0 - price.paid_known) + charged) * (total - prospects)
    paid = by_prospects + by_known
    taxed = by_prospects * price.tax_prospect + by_known * price.tax_known
    return np.where(paid > 0.0, taxed / np.where(paid > 0.0, paid, 1.0), price.tax_known)
