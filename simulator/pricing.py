"""What the customer pays at the door, and how orders respond to it."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, outer, worlds_innermost
from xbopt.simulator.levies import Duty, goods_tax, order_duty
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.rules import TradeRules
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters

# e^200 times any market is more than the largest cart rate allows, and e^-200 is nobody; beyond, products of factors
# would leave the range of floats.
_LARGEST_LOG = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDay:
    """Prices of a day ``(B, R, S)``.

    Attributes:
        paid_known: Average discount that orders of known customers take, as a fraction.
        paid_prospect: The same for prospects.
        factor_known: Multiplier on known customers' carts from price, duty left out.
        factor_prospect: The same for prospects.
        factor_none: The multiplier that no discount would have given.
        seen_log: Log of the offered price relative to list.
        basket: Multiplier on order value from the promotion mechanic.
        duty_known: Duty of an order of a known customer.
        duty_prospect: Duty of an order of a prospect, who may be offered another price.
        tax_known: Consumption tax of a known customer's order, as a fraction of the goods and shipping paid for.
        tax_prospect: The same of a prospect's.
    """

    paid_known: FloatArray
    paid_prospect: FloatArray
    factor_known: FloatArray
    factor_prospect: FloatArray
    factor_none: FloatArray
    seen_log: FloatArray
    basket: FloatArray
    duty_known: Duty
    duty_prospect: Duty
    tax_known: FloatArray
    tax_prospect: FloatArray


def bounded_exp(log: FloatArray) -> FloatArray:
    """``e^log`` of the log of a demand multiplier, held where products of several stay within the range of floats."""
    return np.exp(np.clip(log, -_LARGEST_LOG, _LARGEST_LOG))


def price_day(
    market: MarketParameters,
    world: WorldParameters,
    state: MarketState,
    discount_frac: FloatArray,
    mechanic: IntArray,
) -> PriceDay:
    """Prices of the day and the response to them.

    Orders respond to ``x``, the log of the landed price (goods after discount, shipping, tax, and duty where the
    customer pays it) against the usual one, with constant elasticity. The usual landed price is that of the first day
    at price level 1, full price, first-day currency rates and the table's rules: the one at which the scenario's
    conversion rates hold. A share ``w`` of the response to the offered discount ``y <= 0`` is relative to the
    remembered price ``r``:

        ``ln factor = e * [(x - y) + (1 - w) y + w g(y - r)]``,  ``g(u) = u`` for gains, ``lambda u`` for losses.

    At ``r = 0`` this is ``e x``: the short-run elasticity. A discount that lasts becomes the reference and loses the
    share ``w`` of its effect; its end is felt as a loss (Popescu, Wu 2007 for the form).

    Args:
        market: Parameters.
        world: What differs by world.
        state: This morning's state.
        discount_frac: ``(B, R, S)``.
        mechanic: ``(B, R, S)``.
    """
    demand, promotion, day = market.demand, market.promotion, state.day
    seen = discount_frac * promotion.appeal[mechanic]
    paid = discount_frac * promotion.uptake[mechanic]
    offered = promotion.prospects[mechanic]
    basket = np.where(discount_frac > 0.0, promotion.basket[mechanic], 1.0)

    fx = np.exp(state.outside.fx_log)
    elasticity = demand.elasticity * world.elasticity * market.calendar.price_sensitivity[day][:, None]
    weight = np.minimum(demand.reference_weight * world.deal_gain, 1.0)
    aversion = demand.loss_aversion
    landed = _LandedPrice.of(market, world, fx, day)

    def factor(seen_frac: FloatArray) -> FloatArray:
        log_offer = np.log1p(-seen_frac)
        distance = log_offer - state.reference_log
        remembered = np.where(distance > 0.0, aversion * distance, distance)
        log_factor = elasticity * (landed.log_ratio(seen_frac) - weight * (log_offer - remembered))
        return bounded_exp(log_factor)

    full_price = bool((offered == 1.0).all())
    known = factor(seen)
    prospect = known if full_price else factor(seen * offered)
    paid_prospect = paid if full_price else paid * offered
    list_value = market.orders.price_base * world.order_value * basket * landed.fx_seller[..., None]
    value_known = list_value * (1.0 - paid)
    value_prospect = value_known if full_price else list_value * (1.0 - paid_prospect)
    duty_known, tax_known = order_duty(market, value_known, fx, day), goods_tax(market, value_known, fx, day)
    duty_prospect = duty_known if full_price else order_duty(market, value_prospect, fx, day)
    tax_prospect = tax_known if full_price else goods_tax(market, value_prospect, fx, day)
    return PriceDay(
        paid_known=paid,
        paid_prospect=paid_prospect,
        factor_known=known,
        factor_prospect=prospect,
        factor_none=factor(np.zeros_like(seen)) if seen.any() else known,
        seen_log=np.log1p(-seen),
        basket=basket,
        duty_known=duty_known,
        duty_prospect=duty_prospect,
        tax_known=tax_known,
        tax_prospect=tax_prospect,
    )


def usual_log_ratio(market: MarketParameters, world: WorldParameters) -> FloatArray:
    """Log landed price of the first day at full price and first-day rates, against the usual one ``(B, R, S)``.

    It is 0 unless a price level or a rule change of the first day moves it.
    """
    fx = np.ones((1, market.outside.fx_sd.size))
    return _LandedPrice.of(market, world, fx, 0).log_ratio(np.zeros((1, *market.shape[:2])))


@dataclass(frozen=True, slots=True, kw_only=True)
class _LandedPrice:
    """The landed price of an order against the usual one, as a function of the discount.

    Attributes:
        market: Parameters.
        goods: List price in local money at first-day rates, tax left out ``(B, R, S)``.
        charged: The same of shipping ``(B, R, 1)``.
        usual: Usual landed price ``(B, R, S)``.
        fx: Rate multiplier by currency ``(B, K)``.
        region_fx: The same by region ``(B, R)``.
        fx_seller: What a currency move does to the seller's price in base currency ``(B, R)``.
        day: Day of the horizon.
    """

    market: MarketParameters
    goods: FloatArray
    charged: FloatArray
    usual: FloatArray
    fx: FloatArray
    region_fx: FloatArray
    fx_seller: FloatArray
    day: int

    @classmethod
    def of(cls, market: MarketParameters, world: WorldParameters, fx: FloatArray, day: int) -> "_LandedPrice":
        orders, rules = market.orders, market.usual_rules
        region_fx = worlds_innermost(fx[:, list(market.outside.region_currency)])  # (B, R)
        # Local prices follow the share psi of a move: local ~ fx^-psi, and the seller gets local * fx = fx^(1-psi).
        local = region_fx**-orders.pass_through
        usual = orders.usual_price_base * world.order_value
        at_first = np.ones((1, fx.shape[1]))
        duty = _customers_duty(market, usual, at_first, 0, rules)
        return cls(
            market=market,
            goods=outer(local[..., None], orders.price_base) * world.order_value,
            charged=(orders.charged_base * local)[..., None],
            usual=(usual + orders.charged_base[:, None]) * (1.0 + goods_tax(market, usual, at_first, 0, rules)) + duty,
            fx=fx,
            region_fx=region_fx,
            fx_seller=local * region_fx,
            day=day,
        )

    def log_ratio(self, seen_frac: FloatArray) -> FloatArray:
        goods, to_base = self.goods * (1.0 - seen_frac), self.region_fx[..., None]
        duty = _customers_duty(self.market, goods * to_base, self.fx, self.day, self.market.rules) / to_base
        tax = goods_tax(self.market, goods * to_base, self.fx, self.day)
        return np.log(((goods + self.charged) * (1.0 + tax) + duty) / self.usual)


def _customers_duty(
    market: MarketParameters, value_base: FloatArray, fx: FloatArray, day: int, rules: TradeRules
) -> FloatArray:
    """Duty that the customer pays on an order, tax on it included; it broadcasts to ``(B, R, S)``."""
    pays = market.demand.customer_pays_duty[:, None]
    if not pays.any():
        return np.zeros((1, 1, 1))
    return pays * order_duty(market, value_base, fx, day, rules).with_tax_base
