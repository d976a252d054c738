"""What the customer pays at the door, and how orders respond to it."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, every, outer, some, worlds_innermost
from xbopt.simulator.levies import Duty, goods_tax, order_duty
from xbopt.simulator.offers import Offer, duty_and_tax
from xbopt.simulator.once import once_whatever_the_price
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.rules import TradeRules
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters, is_certain

# e^200 times any market is more than the largest cart rate allows, and e^-200 is nobody; beyond, products of factors
# would leave the range of floats.
_LARGEST_LOG = 200.0
_LEAST_GOODS_SHARE = 0.2
BECOMES_PRICE, DEAL_STAGES = 5, 8
"""The stage of the memory of discounts that is part of the price, and the number of stages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDay:
    """Prices of a day ``(B, R, S)``.

    Attributes:
        offer_known: What known customers are offered.
        offer_prospect: What prospects are offered.
        factor_known: Multiplier on known customers' carts from price, duty left out.
        factor_prospect: The same for prospects.
        factor_price: The multiplier of what is no deal: of the part of the discount that has become the price.
        turnout_known: Share of the day's visits by known customers that come at this offer; below 1 on an event whose
            usual deal the offer does not reach.
        turnout_prospect: The same for prospects.
        landed_log: Log of the landed price as known customers see it, against the usual one.
        seen_frac: The discount as people see it.
        still_a_deal: Share of it, or of a deeper one of the days before, that is a deal and not yet the price, 0..1.
        borrowed_frac: Share of the orders that the discount adds which is brought forward from the coming weeks.
        basket: Multiplier on order value from the promotion mechanic.
        duty_known: Duty of an order of a known customer.
        duty_prospect: Duty of an order of a prospect, who may be offered another price.
        tax_known: Consumption tax of a known customer's order, as a fraction of the goods and shipping paid for.
        tax_prospect: The same of a prospect's.
    """

    offer_known: Offer
    offer_prospect: Offer
    factor_known: FloatArray
    factor_prospect: FloatArray
    factor_price: FloatArray
    turnout_known: FloatArray
    turnout_prospect: FloatArray
    landed_log: FloatArray
    seen_frac: FloatArray
    still_a_deal: FloatArray
    borrowed_frac: FloatArray
    basket: FloatArray
    duty_known: Duty
    duty_prospect: Duty
    tax_known: FloatArray
    tax_prospect: FloatArray

    @property
    def paid_known(self) -> FloatArray:
        """Average discount that orders of known customers take, as a fraction ``(B, R, S)``."""
        return self.offer_known.paid_frac

    @property
    def paid_prospect(self) -> FloatArray:
        """The same for prospects ``(B, R, S)``."""
        return self.offer_prospect.paid_frac


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

    On an event the calendar's demand holds the response to a deal of the depth that is usual there, since everybody
    gives one. Of a discount ``x`` counts only what lies beyond that depth; memory follows the price that is paid.

    Args:
        market: Parameters.
        world: What differs by world.
        state: This morning's state.
        discount_frac: ``(B, R, S)``.
        mechanic: ``(B, R, S)``.
    """
    demand, promotion, day = market.demand, market.promotion, state.day
    seen = seen_discount(market, discount_frac, mechanic)
    known_offer = Offer.of(market, discount_frac, mechanic)
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
    prospect_offer = known_offer if full_price else known_offer.times(offered)
    log_none = landed.log_ratio(np.zeros_like(seen))
    log_known = landed.log_ratio(seen, known_offer) if some(seen) else log_none
    in_lift = market.calendar.deal_in_lift[day][:, None]

    def response(log_price: FloatArray, seen_frac: FloatArray, offer: Offer | None) -> FloatArray:
        if some(in_lift):
            usual = landed.log_ratio(np.minimum(seen_frac, in_lift), offer)
            log_price = np.where(in_lift > 0.0, log_none + (log_price - usual), log_price)
        return factor(log_price)

    price = np.minimum(seen, state.remembered_deal[..., BECOMES_PRICE])  # what of the discount has become the price
    factor_price = response(landed.log_ratio(price), price, None) if some(price) else factor(log_none)
    known = factor_price if log_known is log_none else response(log_known, seen, known_offer)
    prospect = known
    if not full_price:
        seen_by_prospects = seen * offered
        log_prospect = landed.log_ratio(seen_by_prospects, prospect_offer)
        prospect = response(log_prospect, seen_by_prospects, prospect_offer)
    turnout = market.calendar.turnout(day, seen)
    list_value = market.orders.price_base * world.order_value * basket * landed.fx_seller[..., None]
    duty_known, tax_known = duty_and_tax(market, list_value, known_offer, fx, day)
    duty_prospect, tax_prospect = duty_known, tax_known
    if not full_price:
        duty_prospect, tax_prospect = duty_and_tax(market, list_value, prospect_offer, fx, day)
    # A mechanic may borrow more than its share, but never more than what switching leaves.
    share = promotion.borrowed_frac * world.pull_forward[:, None, None] * promotion.borrowing[mechanic]
    borrowed = np.minimum(share, 1.0 - promotion.switched_frac)
    return PriceDay(
        offer_known=known_offer,
        offer_prospect=prospect_offer,
        factor_known=known,
        factor_prospect=prospect,
        factor_price=factor_price,
        turnout_known=turnout,
        turnout_prospect=turnout if full_price else market.calendar.turnout(day, seen * offered),
        landed_log=log_known,
        seen_frac=seen,
        still_a_deal=_still_a_deal(seen, price, state.remembered_deal),
        borrowed_frac=borrowed,
        basket=basket,
        duty_known=duty_known,
        duty_prospect=duty_prospect,
        tax_known=tax_known,
        tax_prospect=tax_prospect,
    )


def seen_discount(market: MarketParameters, discount_frac: FloatArray, mechanic: IntArray) -> FloatArray:
    """Discounts as people see them, by the appeal of their mechanics ``(B, R, S)``."""
    return discount_frac * market.promotion.appeal[mechanic]


def _still_a_deal(seen: FloatArray, price: FloatArray, remembered: FloatArray) -> FloatArray:
    """Share of today's deal, or of a deeper one of the days before, that is a deal still ``(B, R, S)``, 0..1.

    What was the price before the deal began is no part of it: the last stage of the memory says what that was. To the
    power of 1.5 debts are held back for four weeks and paid back by the time that the deal has become the price.
    """
    whole = np.maximum(seen, remembered[..., 0]) - np.minimum(price, remembered[..., -1])
    share = (seen - price) / np.where(whole > 0.0, whole, 1.0)
    return share * np.sqrt(share)


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
    seen, offer = seen_discount(market, discount_frac, mechanic), Offer.of(market, discount_frac, mechanic)
    return _LandedPrice.of(market, world, fx, 0).log_ratio(seen, offer)


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


def usual_price(market: MarketParameters, world: WorldParameters) -> FloatArray:
    """Usual landed price of a world's orders ``(B, R, S)``; worked out once where all worlds have the same."""
    if is_certain(world.order_value):
        return _average_usual_price(market)
    return _usual_landed(market, market.orders.usual_price_base * world.order_value)


@once_whatever_the_price
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
            usual=usual_price(market, world),
            fx=fx,
            region_fx=region_fx,
            fx_seller=local * region_fx,
            day=day,
        )

    def log_ratio(self, seen_frac: FloatArray, offer: Offer | None = None) -> FloatArray:
        """Of a discount as people see it ``(B, R, S)``; taxes and duties are those that the offer's orders pay."""
        goods, to_base = self.goods * (1.0 - seen_frac), self.region_fx[..., None]
        duty = _customers_duty(self.market, goods * to_base, self.fx, self.day, self.market.rules) / to_base
        tax = goods_tax(self.market, goods * to_base, self.fx, self.day)
        if offer is not None and self.market.rules.has_limits(self.day):
            partly = offer.is_partly_taken
            if some(partly):
                of_offer, tax_of_offer = duty_and_tax(self.market, self.goods * to_base, offer, self.fx, self.day)
                pays = self.market.demand.customer_pays_duty[:, None] / to_base
                duty, tax = np.where(partly, pays * of_offer.with_tax_base, duty), np.where(partly, tax_of_offer, tax)
        return np.log(((goods + self.charged) * (1.0 + tax) + duty) / self.usual)


def _customers_duty(
    market: MarketParameters, value_base: FloatArray, fx: FloatArray, day: int, rules: TradeRules
) -> FloatArray:
    """Duty that the customer pays on an order, tax on it included; it broadcasts to ``(B, R, S)``."""
    pays = market.demand.customer_pays_duty[:, None]
    if not some(pays):
        return np.zeros((1, 1, 1))
    return pays * order_duty(market, value_base, fx, day, rules).with_tax_base
