"""What the market is: every parameter as an array, built once from a scenario (``build.py``).

The market's state (where it stands) is another type, in ``state.py``.
"""

from dataclasses import dataclass

from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.calendar import CalendarArrays
from xbopt.simulator.curves.adstock import AdstockBank
from xbopt.simulator.curves.fatigue import FatigueBank
from xbopt.simulator.curves.saturation import SaturationBank
from xbopt.simulator.rules import TradeRules
from xbopt.simulator.shocks import ShockArrays


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideParameters:
    """How the world outside moves. ``keep`` is the share of a deviation left after a day.

    Attributes:
        fx_keep: ``(K,)``.
        fx_sd: Standard deviation of a day's log change ``(K,)``.
        jump_chance: Chance of a jump on a day ``(K,)``.
        jump_log: Size of a jump ``(K,)``.
        fx_centre: Mean log rate by day that keeps the mean rate where it was ``(T + 1, K)``.
        region_currency: Position of each region's currency ``(R,)``.
        competitor_keep: ``(R,)``.
        competitor_sd: Stationary standard deviation of the log price index ``(R,)``.
        congestion_keep: ``(R,)``.
        congestion_sd: Stationary standard deviation of log congestion ``(R,)``.
        sentiment_keep: ``(R,)``.
        sentiment_sd: Stationary standard deviation ``(R,)``.
        sentiment_start: ``(R,)``.
        media_price_keep: One number.
        media_price_sd: Stationary standard deviation of the log price of reach.
    """

    fx_keep: FloatArray
    fx_sd: FloatArray
    jump_chance: FloatArray
    jump_log: FloatArray
    fx_centre: FloatArray
    region_currency: tuple[int, ...]
    competitor_keep: FloatArray
    competitor_sd: FloatArray
    congestion_keep: FloatArray
    congestion_sd: FloatArray
    sentiment_keep: FloatArray
    sentiment_sd: FloatArray
    sentiment_start: FloatArray
    media_price_keep: float
    media_price_sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaParameters:
    """Channels.

    Attributes:
        price_base: Price of 1,000 impressions at reference spend ``(R, C)``.
        bid_up: Exponent of price to own spend ``(C,)``.
        reference_base: Reference spend a day ``(R, S, C)``.
        ceiling: Visits a reachable head and day at full saturation ``(R, S, C)``.
        quality: Conversion of its visits relative to organic ones ``(C,)``.
        reach: Share of each bucket that can be reached ``(C, L)``.
        contact: Weight in keeping contact ``(C,)``.
        daypart_effect: Effect per impression by daypart ``(R, C, H)``; mean 1 under the audience's day.
        daypart_supply: Impressions per money by daypart ``(R, C, H)``; mean 1 under the audience's day.
        adstock: Carry-over.
        saturation: Saturation.
        fatigue: Fatigue.
        synergies: Pairs of channel positions.
        synergy: Strength of each pair ``(P,)``.
    """

    price_base: FloatArray
    bid_up: FloatArray
    reference_base: FloatArray
    ceiling: FloatArray
    quality: FloatArray
    reach: FloatArray
    contact: FloatArray
    daypart_effect: FloatArray
    daypart_supply: FloatArray
    adstock: AdstockBank
    saturation: SaturationBank
    fatigue: FatigueBank
    synergies: tuple[tuple[int, int], ...]
    synergy: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandParameters:
    """Visits, funnel and price response; ``(R, S)`` unless said.

    Attributes:
        visits_per_head: Organic visits a day of a prospect.
        cart_rate: Carts per organic visit of a prospect.
        checkout_rate: Orders per cart.
        elasticity: Own-price elasticity to a lasting change of the goods' price, negative.
        landed_elasticity: The same to the landed price.
        competitor_elasticity: Elasticity to the competitors' price index.
        deal_gain: What a price below the remembered one adds to the elasticity, as a share of it.
        reference_keep: Share of the memory left after a day.
        delay_sensitivity: Loss of conversion per day beyond the accepted days.
        sentiment_sensitivity: Log points of conversion per point of sentiment.
        repurchase_effect: Log points of known customers' conversion per unit of satisfaction.
        surprise_duty: Conversion multiplier where the customer meets a duty at the door ``(R,)``.
        customer_pays_duty: ``(R,)``, 0 or 1.
        shock_cv: Coefficient of variation of the daily demand shock.
    """

    visits_per_head: FloatArray
    cart_rate: FloatArray
    checkout_rate: FloatArray
    elasticity: FloatArray
    landed_elasticity: FloatArray
    competitor_elasticity: FloatArray
    deal_gain: FloatArray
    reference_keep: FloatArray
    delay_sensitivity: FloatArray
    sentiment_sensitivity: FloatArray
    repurchase_effect: FloatArray
    surprise_duty: FloatArray
    customer_pays_duty: FloatArray
    shock_cv: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionParameters:
    """Promotion mechanics (one entry a mechanic) and where extra orders come from.

    Attributes:
        uptake, appeal, basket, borrowing, prospects: What mechanics do.
        borrowed_frac: Share of the bump that is missing in the weeks after.
        switched_frac: Share that is switched from elsewhere.
        own_frac: Part of the latter that comes from the seller's other segments.
        payback: Share of what is owed that is paid back in a day.
        largest_cut: Most that a day's undiscounted orders lose.
        paid_in_time: Share of a debt that is paid back in the weeks after.
        comes_again: Chance that a customer whom a discount wins orders again in the weeks after, less a prospect's
            chance to order ``(R, S)``.
    """

    uptake: FloatArray
    appeal: FloatArray
    basket: FloatArray
    borrowing: FloatArray
    prospects: FloatArray
    borrowed_frac: float
    switched_frac: float
    own_frac: float
    payback: float
    largest_cut: float
    paid_in_time: float
    comes_again: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderParameters:
    """What an order is worth and what it costs; ``(R, S)`` unless said, money in base currency.

    Attributes:
        price_base: List price of the goods, net of tax.
        usual_price_base: The same at price level 1; conversion rates hold at this price.
        cost_base: Cost of these goods.
        basket_cv: Coefficient of variation of order values.
        log_sd: Standard deviation of the log order value, for the share below a duty threshold.
        return_rate: Share that comes back.
        return_days: Mean days from delivery to return.
        charged_base: Shipping that the customer pays ``(R,)``, net of tax.
        shipping_base: Shipping cost ``(R,)``.
        handling_base: Cost of a return ``(R,)``.
        resale_frac: Share of the goods' cost recovered from a return ``(R,)``.
        pass_through: Share of a currency move that local prices follow ``(R,)``.
    """

    price_base: FloatArray
    usual_price_base: FloatArray
    cost_base: FloatArray
    basket_cv: FloatArray
    log_sd: FloatArray
    return_rate: FloatArray
    return_days: FloatArray
    charged_base: FloatArray
    shipping_base: FloatArray
    handling_base: FloatArray
    resale_frac: FloatArray
    pass_through: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceParameters:
    """A place of sale: the own shop, or a marketplace.

    Attributes:
        id: Its id.
        channels: Positions of the channels whose visits go there.
        organic_frac: Share of a cell's organic orders that is taken there; 1 over all places.
        basket: Multiplier on order value.
        platform_frac: Referral or platform fee ``(R,)``.
        fee_on_gross: 1 where it is taken on what customers paid with tax, 0 where on net revenue ``(R,)``.
        platform_fixed_base: Fixed fee of the platform an order ``(R,)``.
        payment_frac: Payment fee on what customers paid ``(R,)``.
        payment_fixed_base: Fixed payment fee an order ``(R,)``.
    """

    id: str
    channels: tuple[int, ...]
    organic_frac: float
    basket: float
    platform_frac: FloatArray
    fee_on_gross: FloatArray
    platform_fixed_base: FloatArray
    payment_frac: FloatArray
    payment_fixed_base: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerParameters:
    """Customer types, lifecycle and satisfaction; ``(S,)`` unless said. ``K`` is the largest number of types.

    Attributes:
        type_share: Share of each type among newly won customers ``(S, K)``; 0 beyond a segment's own types.
        promotion_share: The same among customers whom only a discount won ``(S, K)``.
        type_visits_per_head: Organic visits a day of a customer of each type ``(R, S, K)``.
        conversion: Cart rate of customers against prospects.
        dropout: Daily chance to drop out ``(S, K)``.
        ageing: Daily chances of new, active and at-risk customers to pass to the next quieter bucket, and of lapsed
            ones to be forgotten ``(S, 4)``.
        first_living: Customers on the first morning who have not dropped out, by type and known bucket
            ``(R, S, K, 4)``.
        satisfaction_start: Level on the first day, and the neutral one.
        satisfaction_keep: Share of a deviation left after a day.
        late_day_penalty: Loss of satisfaction a day late.
        stock_out_penalty: Loss of satisfaction at a full stock-out.
        churn_effect: Log points of drop-out per unit of satisfaction, downwards.
        contact_effect: Largest relative cut of drop-out by contact.
        births: Daily growth of the number of prospects.
        daily_discount: Weight of tomorrow's money against today's.
    """

    type_share: FloatArray
    promotion_share: FloatArray
    type_visits_per_head: FloatArray
    conversion: FloatArray
    dropout: FloatArray
    ageing: FloatArray
    first_living: FloatArray
    satisfaction_start: FloatArray
    satisfaction_keep: FloatArray
    late_day_penalty: FloatArray
    stock_out_penalty: FloatArray
    churn_effect: FloatArray
    contact_effect: FloatArray
    births: float
    daily_discount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfilmentParameters:
    """Delivery and stock by region ``(R,)``.

    Attributes:
        usual_days: Usual delivery days.
        accepted_days: Days that shoppers accept.
        limited: Whether stock can run short.
        initial_orders: First stock, in orders.
        lead_days: Days from reordering to arrival, whole numbers.
        cover_days: Days of demand that the target holds beyond the lead time.
    """

    usual_days: FloatArray
    accepted_days: FloatArray
    limited: tuple[bool, ...]
    initial_orders: FloatArray
    lead_days: tuple[int, ...]
    cover_days: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketParameters:
    """A market as arrays: what it is, for all worlds. ``shape`` is ``(R, S, C, H)``.

    ``usual_rules`` are the table's trade rules of the first day; conversion rates hold at these. ``places`` begin with
    the own shop. ``before`` is the market whose own plan and steady past hold: that of the scenario as it was before a
    what-if question changed the days to come; None for the market itself.
    """

    scenario: Scenario
    shape: tuple[int, int, int, int]
    calendar: CalendarArrays
    rules: TradeRules
    usual_rules: TradeRules
    shocks: ShockArrays
    outside: OutsideParameters
    media: MediaParameters
    demand: DemandParameters
    promotion: PromotionParameters
    orders: OrderParameters
    places: tuple[PlaceParameters, ...]
    customers: CustomerParameters
    fulfilment: FulfilmentParameters
    before: "MarketParameters | None" = None
