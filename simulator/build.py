"""From a checked scenario to the market's parameters."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import MECHANICS
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.market import CustomerType
from xbopt.core.scenario.places import OWN_SHOP
from xbopt.core.scenario.plan import Mechanic
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.curves.adstock import adstock_bank
from xbopt.simulator.curves.fatigue import fatigue_bank
from xbopt.simulator.curves.saturation import saturation_bank
from xbopt.simulator.customer_types import first_living
from xbopt.simulator.lifetime import won_by_discount_again
from xbopt.simulator.outside import fx_centre
from xbopt.simulator.parameters import (
    CustomerParameters,
    DemandParameters,
    FulfilmentParameters,
    MarketParameters,
    MediaParameters,
    OrderParameters,
    OutsideParameters,
    PlaceParameters,
    PromotionParameters,
)
from xbopt.simulator.pricing import goods_share
from xbopt.simulator.promotion import WEEKS_AFTER_DAYS
from xbopt.simulator.rules import build_trade_rules, build_usual_rules
from xbopt.simulator.seasons import scenario_calendar
from xbopt.simulator.shocks import build_shocks

DAYS_PER_YEAR = 365.0


def keep(half_life_days: float | FloatArray) -> FloatArray:
    """Share left after a day of something that halves in ``half_life_days``."""
    return np.asarray(0.5 ** (1.0 / np.asarray(half_life_days, dtype=np.float64)))


def build_market(scenario: Scenario) -> MarketParameters:
    """Build the market of a scenario.

    Raises:
        TableError: A tax or duty table has no row for a region and day.
    """
    market = MarketParameters(
        scenario=scenario,
        shape=scenario.shape,
        calendar=scenario_calendar(scenario),
        rules=build_trade_rules(scenario),
        usual_rules=build_usual_rules(scenario),
        shocks=build_shocks(scenario),
        outside=_outside(scenario),
        media=_media(scenario),
        demand=_demand(scenario),
        promotion=_promotion(scenario),
        orders=_orders(scenario),
        places=_places(scenario),
        customers=_customers(scenario),
        fulfilment=_fulfilment(scenario),
    )
    elasticity = market.demand.elasticity / goods_share(market)
    market = replace(market, demand=replace(market.demand, landed_elasticity=elasticity))
    market = replace(market, customers=replace(market.customers, first_living=first_living(market)))
    again = won_by_discount_again(market, WEEKS_AFTER_DAYS)
    return replace(market, promotion=replace(market.promotion, comes_again=again))


def _outside(scenario: Scenario) -> OutsideParameters:
    market, noise = scenario.document.market, scenario.document.noise
    currencies, regions = list(market.currencies.values()), market.regions
    names = list(market.currencies)
    fx_keep = keep(np.array([c.half_life_days for c in currencies]))
    fx_sd = np.array([c.volatility for c in currencies]) / np.sqrt(DAYS_PER_YEAR)
    jump_chance = np.array([c.jumps_per_year for c in currencies]) / DAYS_PER_YEAR
    jump_log = np.array([c.jump_size for c in currencies])
    return OutsideParameters(
        fx_keep=fx_keep,
        fx_sd=fx_sd,
        jump_chance=jump_chance,
        jump_log=jump_log,
        fx_centre=fx_centre(fx_keep, fx_sd, jump_chance, jump_log, scenario.days),
        region_currency=tuple(names.index(region.currency) for region in regions),
        competitor_keep=keep(np.array([r.competitor.half_life_days for r in regions])),
        competitor_sd=np.array([r.competitor.volatility for r in regions]),
        congestion_keep=keep(np.array([r.shipping.half_life_days for r in regions])),
        congestion_sd=np.array([r.shipping.volatility for r in regions]),
        sentiment_keep=keep(np.array([r.sentiment.half_life_days for r in regions])),
        sentiment_sd=np.array([r.sentiment.volatility for r in regions]),
        sentiment_start=np.array([r.sentiment.start for r in regions]),
        media_price_keep=float(keep(noise.media_price_half_life_days)),
        media_price_sd=float(np.sqrt(np.log1p(noise.media_price_cv**2))),
    )


def _media(scenario: Scenario) -> MediaParameters:
    document = scenario.document
    channels, parts = document.channels, scenario.dayparts
    click = np.array([c.visits_per_1000_impressions for c in channels]) / 1000.0
    cpm = np.array(
        [c.price.amount_base * (c.visits_per_1000_impressions if c.price.model == "cpc" else 1.0) for c in channels]
    )
    reach = np.array([list(c.reach.model_dump().values()) for c in channels])
    # Reference spend follows the audience of the first day; one head at least, so that it is never zero.
    heads = np.maximum(np.einsum("rsl,cl->rsc", scenario.customers, reach), 1.0)
    saturation = saturation_bank([c.saturation for c in channels])
    response = np.array(
        [
            [
                [c.region_response.get(r, 1.0) * c.segment_response.get(s, 1.0) for c in channels]
                for s in scenario.segments
            ]
            for r in scenario.regions
        ]
    )
    activity = scenario.audience[:, None, :]
    conversion = {place.id: place.conversion for place in document.places}
    effect = np.array([[c.daypart_response.get(p, 1.0) for p in parts] for c in channels])
    supply = 1.0 / np.array([[c.daypart_price.get(p, 1.0) for p in parts] for c in channels])
    supply = supply / (activity * supply).sum(axis=2, keepdims=True)
    effect = effect / np.maximum((activity * supply * effect).sum(axis=2, keepdims=True), 1e-12)
    return MediaParameters(
        price_base=cpm * _media_price_level(document),
        bid_up=np.array([c.price.bid_up for c in channels]),
        reference_base=heads / 1000.0 * np.array([c.price.reference_per_1000 for c in channels]),
        ceiling=response * (click * saturation.half / saturation.first_slope),
        quality=np.array([c.visit_quality * conversion.get(c.place or "", 1.0) for c in channels]),
        reach=reach,
        contact=np.array([c.keeps_contact for c in channels]),
        daypart_effect=effect,
        daypart_supply=supply,
        adstock=adstock_bank([c.adstock for c in channels]),
        saturation=saturation,
        fatigue=fatigue_bank([c.fatigue for c in channels], saturation),
        synergies=tuple(
            (scenario.channels.index(s.channels[0]), scenario.channels.index(s.channels[1])) for s in document.synergies
        ),
        synergy=np.array([s.strength for s in document.synergies]),
    )


def _media_price_level(document: ScenarioDocument) -> FloatArray:
    """Multiplier on the price of reach ``(R, C)``: the region's, times the channel's own there."""
    return np.array(
        [
            [region.media_price_level * c.price.by_region.get(region.id, 1.0) for c in document.channels]
            for region in document.market.regions
        ]
    )


def _demand(scenario: Scenario) -> DemandParameters:
    document = scenario.document
    segments, regions = document.segments, document.market.regions
    shape = (len(regions), len(segments))

    def rows(values: list[float]) -> FloatArray:
        return np.broadcast_to(np.array(values), shape)

    elasticity = np.array([[s.elasticity * r.elasticity_level for s in segments] for r in regions])
    memory_days = rows([s.price_memory.half_life_days for s in segments])
    return DemandParameters(
        visits_per_head=np.array([[s.visits_per_1000 / 1000.0 * r.traffic_level for s in segments] for r in regions]),
        cart_rate=np.array([[s.cart_rate * r.conversion_level for s in segments] for r in regions]),
        checkout_rate=rows([s.checkout_rate for s in segments]),
        elasticity=elasticity,
        landed_elasticity=elasticity,  # until the landed price is known
        competitor_elasticity=rows([s.competitor_elasticity for s in segments]),
        deal_gain=rows([s.price_memory.deal_gain for s in segments]),
        reference_keep=keep(memory_days),
        delay_sensitivity=rows([s.delay_sensitivity for s in segments]),
        sentiment_sensitivity=rows([s.sentiment_sensitivity for s in segments]),
        repurchase_effect=rows([s.satisfaction.repurchase for s in segments]),
        surprise_duty=np.array([r.surprise_duty_conversion for r in regions]),
        customer_pays_duty=np.array([float(r.duty_paid_by == "customer") for r in regions]),
        shock_cv=document.noise.demand_cv,
    )


def _promotion(scenario: Scenario) -> PromotionParameters:
    discounts = scenario.document.discounts
    named: dict[str, Mechanic] = {str(name): mechanic for name, mechanic in discounts.mechanics.items()}
    mechanics = [named.get(name, Mechanic()) for name in MECHANICS]
    pull = discounts.pull_forward
    return PromotionParameters(
        uptake=np.array([m.uptake for m in mechanics]),
        appeal=np.array([m.appeal for m in mechanics]),
        basket=np.array([m.basket for m in mechanics]),
        borrowing=np.array([m.borrowing for m in mechanics]),
        prospects=np.array([m.prospects for m in mechanics]),
        borrowed_frac=pull.borrowed_frac,
        switched_frac=pull.switched_frac,
        own_frac=pull.own_frac,
        payback=1.0 - float(keep(pull.half_life_days)),
        largest_cut=pull.largest_cut,
        paid_in_time=1.0 - float(keep(pull.half_life_days)) ** WEEKS_AFTER_DAYS,
        comes_again=np.zeros(scenario.shape[:2]),  # until customers are known
    )


def _orders(scenario: Scenario) -> OrderParameters:
    document, assortment = scenario.document, scenario.assortment
    regions, shape = document.market.regions, assortment.price_base.shape
    cv = np.broadcast_to(np.array([s.basket_cv for s in document.segments]), shape)
    return OrderParameters(
        price_base=assortment.price_base,
        usual_price_base=assortment.usual_price_base,
        cost_base=assortment.cost_base,
        basket_cv=cv,
        log_sd=np.sqrt(np.log1p(cv**2)),
        return_rate=assortment.return_rate,
        return_days=assortment.return_days,
        charged_base=np.array([r.shipping.charged_base for r in regions]),
        shipping_base=np.array([r.shipping.cost_base for r in regions]),
        handling_base=np.array([r.fees.return_handling_base for r in regions]),
        resale_frac=np.array([r.fees.resale_frac for r in regions]),
        pass_through=np.array([r.fx_pass_through for r in regions]),
    )


def _places(scenario: Scenario) -> tuple[PlaceParameters, ...]:
    """The own shop first, then the scenario's places in their order."""
    document = scenario.document
    regions = document.market.regions
    own = PlaceParameters(
        id=OWN_SHOP,
        channels=tuple(c for c, channel in enumerate(document.channels) if channel.place is None),
        organic_frac=1.0 - sum(place.organic_frac for place in document.places),
        basket=1.0,
        platform_frac=np.array([r.fees.platform_frac for r in regions]),
        fee_on_gross=np.array([float(r.fees.fee_on == "gross") for r in regions]),
        platform_fixed_base=np.zeros(len(regions)),
        payment_frac=np.array([r.fees.payment_frac for r in regions]),
        payment_fixed_base=np.array([r.fees.payment_fixed_base for r in regions]),
    )
    made = [own]
    for place in document.places:
        fees, by_region = place.fees, [place.fees.by_region.get(region.id) for region in regions]
        rates = [None if one is None else one.platform_frac for one in by_region]
        fixed = [None if one is None else one.fixed_base for one in by_region]
        made.append(
            PlaceParameters(
                id=place.id,
                channels=tuple(c for c, channel in enumerate(document.channels) if channel.place == place.id),
                organic_frac=place.organic_frac,
                basket=place.basket,
                platform_frac=np.array([fees.platform_frac if rate is None else rate for rate in rates]),
                fee_on_gross=np.full(len(regions), float(fees.fee_on == "gross")),
                platform_fixed_base=np.array([fees.fixed_base if amount is None else amount for amount in fixed]),
                payment_frac=np.full(len(regions), fees.payment_frac),
                payment_fixed_base=np.zeros(len(regions)),
            )
        )
    return tuple(made)


def _customers(scenario: Scenario) -> CustomerParameters:
    market, segments = scenario.document.market, scenario.document.segments
    kinds = [segment.customer_types for segment in segments]
    most = max(len(one) for one in kinds)

    def by_type(read: Callable[[CustomerType], float]) -> FloatArray:
        """Numbers of the types ``(S, K)``; a segment with fewer types has 0 beyond them."""
        return np.array([[read(kind) for kind in one] + [0.0] * (most - len(one)) for one in kinds])

    visits = by_type(lambda kind: kind.visits_per_1000 / 1000.0)
    traffic = np.array([region.traffic_level for region in market.regions])
    return CustomerParameters(
        type_share=by_type(lambda kind: kind.share),
        promotion_share=by_type(lambda k: k.share if k.promotion_share is None else k.promotion_share),
        type_visits_per_head=traffic[:, None, None] * visits,
        conversion=np.array([s.customer_conversion for s in segments]),
        dropout=by_type(lambda kind: kind.daily_dropout),
        ageing=np.array([list(s.ageing.model_dump().values()) for s in segments]),
        first_living=np.zeros((len(market.regions), len(segments), most, 4)),  # follows from all the others
        satisfaction_start=np.array([s.satisfaction.start for s in segments]),
        satisfaction_keep=keep(np.array([s.satisfaction.memory_days for s in segments])),
        late_day_penalty=np.array([s.satisfaction.late_day_penalty for s in segments]),
        stock_out_penalty=np.array([s.satisfaction.stock_out_penalty for s in segments]),
        churn_effect=np.array([s.satisfaction.churn for s in segments]),
        contact_effect=np.array([s.satisfaction.contact for s in segments]),
        births=float(np.log1p(market.population_growth) / DAYS_PER_YEAR),
        daily_discount=float((1.0 + market.discount_rate) ** (-1.0 / DAYS_PER_YEAR)),
    )


def _fulfilment(scenario: Scenario) -> FulfilmentParameters:
    regions = scenario.document.market.regions
    stocks = [region.stock for region in regions]
    return FulfilmentParameters(
        usual_days=np.array([r.shipping.days for r in regions]),
        accepted_days=np.array([r.shipping.expected_days for r in regions]),
        limited=tuple(stock is not None for stock in stocks),
        initial_orders=np.array([np.inf if stock is None else stock.initial_orders for stock in stocks]),
        lead_days=tuple(1 if stock is None else stock.lead_time_days for stock in stocks),
        cover_days=np.array([1.0 if stock is None else stock.cover_days for stock in stocks]),
    )
