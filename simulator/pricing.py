"""What the customer pays at the door, and how orders respond to it."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, every, outer, some, worlds_innermost
from xbopt.simulator.levies import Duty, goods_tax, order_duty
from xbopt.simulator.once import once_a_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.rules import TradeRules
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters, is_certain

# e^200 times any market is more than the largest cart rate allows, and e^-200 is nobody; beyond, products of factors
# would leave the range of floats.
_LARGEST_LOG = 200.0
_LEAST_GOODS_SHARE = 0.2
DEAL_HALF_LIVES = 2.0
"""Half-lives of the memory for which a discount is wholly a deal: four weeks of the usual fourteen days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDay:
    """Prices of a day ``(B, R, S)``.

    Attributes:
        paid_known: Average discount that orders of known customers take, as a fraction.
        paid_prospect: The same for prospects.
        factor_known: Multiplier on known customers' carts from price, duty left out.
        factor_prospect: The same for prospects.
        factor_none: The multiplier that no discount would have given.
        turnout_known: Share of the day's visits by known customers that come at this offer; below 1 on an event whose
            usual deal the offer does not reach.
        turnout_prospect: The same for prospects.
        landed_log: Log of the landed price as known customers see it, against the usual one.
        borrowed_frac: Share of the orders that the discount adds which is brought forward from the coming weeks.
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
    turnout_known: FloatArray
    turnout_prospect: FloatArray
    landed_log: FloatArray
    borrowed_frac: FloatArray
    basket: FloatArray
    duty_known: Duty
    duty_prospect: Duty
    tax_known: FloatArray
    tax_prospect: FloatArray


def bounded_exp(log: FloatArray) -> FloatArray:
    """``e^log`` of the log of a demand multiplier, held where products of several stay within the range of floats."""
    return np.exp(np.minimum(np.maximum(log, -_LARGEST_LOG), _LARGEST_LOG))


def price_day(
    market: MarketParameters,
    world: WorldParameters,
    state: MarketState,
    discount_frac: FloatArray,
    mechanic: IntArray,
) -> PriceDay:
    """Prices of the day and the response to them.

    Orders respond to ``x``, the log of the landed price that people see (goods after discount, shipping, tax, and duty
    where the customer pays it) against the usual one, and to how far it lies below the remembered price ``r``:

        ``ln factor = e [x + d min(x - r, 0)]``

    ``e`` is the elasticity to a lasting change, ``d`` the gain of a deal. Memory follows ``x`` whatever moved it:
    discount, list price, currency or tax. A new deal has the elasticity ``e (1 + d)``; a price that lasts has ``e``,
    called a discount or not; a price above the remembered one has no effect beyond ``e`` (of the reference effects of
    Popescu, Wu 2007 the gain alone; losses are small once people differ, Bell, Lattin 2000).

    The usual landed price is that of the first day at price level 1, full price, first-day currency rates and the
    table's rules: the one at which the scenario's conversion rates hold.

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
    elasticity = demand.landed_elasticity * world.elasticity * market.calendar.price_sensitivity[day][:, None]
    landed = _LandedPrice.of(market, world, fx, day)
    remembered = state.reference_log

    def factor(log_price: FloatArray) -> FloatArray:
        gain = demand.deal_gain * world.deal_gain * np.minimum(log_price - remembered, 0.0)
        return bounded_exp(elasticity * (log_price + gain))

    full_price = every(offered == 1.0)
    log_none = landed.log_ratio(np.zeros_like(seen))
    log_known = landed.log_ratio(seen) if some(seen) else log_none
    none = factor(log_none)
    known = none if log_known is log_none else factor(log_known)
    prospect = known if full_price else factor(landed.log_ratio(seen * offered))
    paid_prospect = paid if full_price else paid * offered
    turnout = market.calendar.turnout(day, seen)
    list_value = market.orders.price_base * world.order_value * basket * landed.fx_seller[..., None]
    value_known = list_value * (1.0 - paid)
    value_prospect = value_known if full_price else list_value * (1.0 - paid_prospect)
    duty_known, tax_known = order_duty(market, value_known, fx, day), goods_tax(market, value_known, fx, day)
    duty_prospect = duty_known if full_price else order_duty(market, value_prospect, fx, day)
    tax_prospect = tax_known if full_price else goods_tax(market, value_prospect, fx, day)
    # A mechanic may borrow more than its share, but never more than what switching leaves.
    share = promotion.borrowed_frac * world.pull_forward[:, None, None] * promotion.borrowing[mechanic]
    borrowed = np.minimum(share, 1.0 - promotion.switched_frac)
    return PriceDay(
        paid_known=paid,
        paid_prospect=paid_prospect,
        factor_known=known,
        factor_prospect=prospect,
        factor_none=none,
        turnout_known=turnout,
        turnout_prospect=turnout if full_price else market.calendar.turnout(day, seen * offered),
        landed_log=log_known,
        borrowed_frac=borrowed * _still_a_deal(log_none, log_known, remembered),
        basket=basket,
        duty_known=duty_known,
        duty_prospect=duty_prospect,
        tax_known=tax_known,
        tax_prospect=tax_prospect,
    )


def _still_a_deal(log_none: FloatArray, log_known: FloatArray, remembered: FloatArray) -> FloatArray:
    """How much of a discount is still a deal and not yet the price ``(B, R, S)``, 0..1.

    The share of the discount that memory has not caught up with falls to ``2^-DEAL_HALF_LIVES`` in ``DEAL_HALF_LIVES``
    half-lives of a discount that lasts. So long it is wholly a deal; then each further half-life leaves a quarter, so
    that it has become the price by the time that its debts are paid back.
    """
    discount = log_none - log_known
    new = np.maximum(remembered - log_known, 0.0) / np.where(discount > 0.0, discount, 1.0)
    return np.where(discount > 0.0, np.minimum(2.0**DEAL_HALF_LIVES * new, 1.0) ** 2, 0.0)


def own_reference(
    market: MarketParameters, world: WorldParameters, discount_frac: FloatArray, mechanic: IntArray
) -> FloatArray:
    """What is remembered of a steady offer: its log landed price against the usual one ``(B, R, S)``.

    First-day rules and currency rates. A steady offer is no deal: it borrows nothing, and nothing is owed.

    Args:
        market: Parameters.
        world: What differs by world.
        discount_frac: ``(B, R, S)``.
        mechanic: ``(B, R, S)``.
    """
    fx = np.ones((1, market.outside.fx_sd.size))
    return _LandedPrice.of(market, world, fx, 0).log_ratio(discount_frac * market.promotion.appeal[mechanic])


def usual_log_ratio(market: MarketParameters, world: WorldParameters) -> FloatArray:
    """Log landed price of the first day at full price and first-day rates, against the usual one ``(B, R, S)``.

    It is 0 unless a price level or a rule change of the first day moves it.
    """
    cells = (1, *market.shape[:2])
    return own_reference(market, world, np.zeros(cells), np.zeros(cells, dtype=np.int64))


def goods_share(market: MarketParameters) -> FloatArray:
    """``d ln landed price / d ln goods' price`` around the usual price ``(R, S)``.

    By this the elasticity of the goods' price, which shops state and studies measure, becomes that of the landed price.
    A secant over 5 % either way, since duty has steps. Where goods are a small part of the landed price, the elasticity
    of the landed price is held to a multiple of the stated one.
    """
    step = 0.05
    usual = market.orders.usual_price_base[None]
    above, below = (_usual_landed(market, usual * factor) for factor in (1.0 + step, 1.0 - step))
    slope = np.log(above / below)[0] / np.log((1.0 + step) / (1.0 - step))
    return np.maximum(slope, _LEAST_GOODS_SHARE)


def _usual_price(market: MarketParameters, world: WorldParameters) -> FloatArray:
    """Usual landed price of a world's orders ``(B, R, S)``; worked out once where all worlds have the same."""
    if is_certain(world.order_value):
        return _average_usual_price(market)
    return _usual_landed(market, market.orders.usual_price_base * world.order_value)


@once_a_market
def _average_usual_price(market: MarketParameters) -> FloatArray:
    return _usual_landed(market, market.orders.usual_price_base[None])


def _usual_landed(market: MarketParameters, goods_base: FloatArray) -> FloatArray:
    """Landed price of goods ``(B, R, S)`` in local money at first-day rates, by the table's rules of the first day."""
    rules, at_first = market.usual_rules, np.ones((1, market.outside.fx_sd.size))
    tax = goods_tax(market, goods_base, at_first, 0, rules)
    duty = _customers_duty(market, goods_base, at_first, 0, rules)
    return (goods_base + market.orders.charged_base[:, None]) * (1.0 + tax) + duty


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
        orders = market.orders
        region_fx = worlds_innermost(fx[:, list(market.outside.region_currency)])  # (B, R)
        # Local prices follow the share psi of a move: local ~ fx^-psi, and the seller gets local * fx = fx^(1-psi).
        local = region_fx**-orders.pass_through
        return cls(
            market=market,
            goods=outer(local[..., None], orders.price_base) * world.order_value,
            charged=(orders.charged_base * local)[..., None],
            usual=_usual_price(market, world),
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
    if not some(pays):
        return np.zeros((1, 1, 1))
    return pays * order_duty(market, value_base, fx, day, rules).with_tax_base
