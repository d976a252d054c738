"""The ``market``, ``segments`` and ``products`` sections: who buys what, where, at which price."""

from typing import Annotated, Literal

from pydantic import Field

from xbopt.core.scenario.fields import (
    CurrencyCode,
    Days,
    Frac,
    Identifier,
    Level,
    Money,
    People,
    PositiveMoney,
    Rate,
    Section,
    Text,
)
from xbopt.core.scenario.places import FeeBase

# Trade buyers look in several times a day.
Visits = Annotated[float, Field(ge=0.0, le=5000.0)]

Origin = Annotated[str, Field(pattern=r"^([A-Z]{2}|any)$")]


class Currency(Section):
    """A currency: its rate against the base currency and how that rate moves."""

    rate: PositiveMoney = Field(description="base currency for 1 unit of this currency, on the first day")
    volatility: Annotated[float, Field(ge=0, le=1.0)] = Field(
        default=0.0, description="annualised standard deviation of daily log changes"
    )
    half_life_days: Days = Field(default=180.0, description="half-life of the rate's way back to its first-day level")
    jumps_per_year: Annotated[float, Field(ge=0, le=24)] = Field(
        default=0.0, description="expected sudden moves a year"
    )
    jump_size: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.0, description="size of a sudden move, in log points"
    )


class Customers(Section):
    """How many people of a cell are in each lifecycle bucket on the first day; the rest are prospects."""

    new: People = Field(default=0.0, description="bought once, lately")
    active: People = Field(default=0.0, description="bought at least twice, lately")
    at_risk: People = Field(default=0.0, description="have not bought for a while")
    lapsed: People = Field(default=0.0, description="have not bought for long: churned until won back")


class Shipping(Section):
    """Delivery to a region."""

    days: Days = Field(description="usual days from order to door")
    expected_days: Days = Field(default=6.0, description="days that shoppers there accept without a second thought")
    charged_base: Money = Field(default=0.0, description="shipping fee that the customer pays per order, net of tax")
    cost_base: Money = Field(description="what a parcel costs the seller")
    volatility: Frac = Field(default=0.1, description="standard deviation of log congestion")
    half_life_days: Days = Field(default=7.0, description="half-life of congestion")


class Competitor(Section):
    """The price level of competing sellers in a region, relative to its first day."""

    volatility: Frac = Field(default=0.0, description="standard deviation of the log price index")
    half_life_days: Days = Field(default=20.0, description="half-life of a deviation")


class Sentiment(Section):
    """What reviews and social posts say of the brand in a region; 0 is neutral."""

    start: Annotated[float, Field(ge=-2, le=2)] = Field(default=0.0, description="index on the first day")
    volatility: Frac = Field(default=0.0, description="standard deviation of the index")
    half_life_days: Days = Field(default=15.0, description="half-life of a mood")


class Stock(Section):
    """Stock of a region, replenished to a target after a lead time."""

    initial_orders: Annotated[float, Field(ge=0, le=1e9)] = Field(description="orders that the first stock can fill")
    lead_time_days: Annotated[int, Field(ge=1, le=120)] = Field(description="days from reordering to arrival")
    cover_days: Annotated[float, Field(ge=1, le=365)] = Field(
        description="days of expected demand that the target holds beyond the lead time"
    )


class Fees(Section):
    """What payment, platform and returns cost in a region."""

    payment_frac: Rate = Field(default=0.025, description="share of the paid amount that the payment provider keeps")
    payment_fixed_base: Money = Field(default=0.0, description="fixed payment fee an order")
    platform_frac: Rate = Field(default=0.0, description="share of sales that the shop's platform keeps")
    fee_on: FeeBase = Field(
        default="net",
        description="base of the platform fee: gross is what customers paid, tax included; net leaves tax out",
    )
    return_handling_base: Money = Field(default=0.0, description="cost of one return: parcel, check, restocking")
    resale_frac: Frac = Field(default=0.8, description="share of the goods' cost recovered from a return")


class Region(Section):
    """One sales region."""

    id: Identifier = Field(description="short name of the region, used wherever the file names a region")
    name: Text = Field(default="", description="name for people; the id where empty")
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = Field(description="ISO code; decides the public holidays")
    currency: CurrencyCode = Field(description="currency of the region's prices, one of market.currencies")
    timezone: Text = Field(default="UTC", description="IANA name, as in Europe/Berlin")
    tax: Text = Field(description="id in the consumption-tax table, or none")
    duty: Text = Field(default="none", description="id in the duty table; none within one customs area")
    duty_paid_by: Literal["seller", "customer"] = Field(default="seller", description="DDP or DAP in trade terms")
    low_value_tax: Literal["at_sale", "at_import"] = Field(
        default="at_sale",
        description="how the seller pays consumption tax on low-value imports where the law lets him collect it in the "
        "price (IOSS and the like): at_sale owes none on duty that he pays himself, at_import does",
    )
    import_fees: dict[Identifier, bool] = Field(
        default_factory=dict, description="import fees of the table to switch on (true) or off (false) here"
    )
    surprise_duty_conversion: Annotated[float, Field(ge=0.1, le=1)] = Field(
        default=0.7, description="conversion multiplier where the customer has to pay duty at the door"
    )
    price_level: Level = Field(default=1.0, description="multiplier on product prices")
    fx_pass_through: Frac = Field(default=0.0, description="share of a currency move that local prices follow")
    traffic_level: Level = Field(default=1.0, description="multiplier on organic visits")
    conversion_level: Level = Field(default=1.0, description="multiplier on the cart rate")
    elasticity_level: Level = Field(default=1.0, description="multiplier on price elasticity")
    media_price_level: Level = Field(default=1.0, description="multiplier on the price of reach")
    population: dict[Identifier, People] = Field(description="people by segment, customers included")
    customers: dict[Identifier, Customers] = Field(default_factory=dict, description="customers by segment")
    shipping: Shipping = Field(description="delivery to the region: days and money")
    competitor: Competitor = Field(
        default=Competitor(), description="price level of competing sellers; steady where left out"
    )
    sentiment: Sentiment = Field(
        default=Sentiment(), description="what reviews and posts say of the brand; neutral and steady where left out"
    )
    stock: Stock | None = Field(default=None, description="leave out for stock that never runs short")
    fees: Fees = Field(default=Fees(), description="payment, platform and return costs")


class Market(Section):
    """Regions, and the currencies they trade in."""

    base_currency: CurrencyCode = Field(description="currency of all money in the file")
    origin: Origin = Field(
        default="any",
        description="where the goods come from, as in CN or EU; duty by origin is left out where it is any",
    )
    currencies: dict[CurrencyCode, Currency] = Field(
        min_length=1, max_length=30, description="currencies by ISO code; the base currency has rate 1"
    )
    regions: list[Region] = Field(min_length=1, max_length=40, description="sales regions")
    discount_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.1, description="yearly rate at which customer value and logged rewards are discounted"
    )
    population_growth: Annotated[float, Field(ge=-0.5, le=1)] = Field(
        default=0.0, description="yearly growth of the number of prospects"
    )


class CustomerType(Section):
    """One kind of customer of a segment: how often it comes, and how long it stays a customer."""

    id: Identifier = Field(description="short name of the type, unique in its segment")
    share: Frac = Field(description="share among newly won customers; the shares of a segment sum to 1")
    promotion_share: Frac | None = Field(
        default=None,
        description="share among customers whom only a discount won; sums to 1 too; as share where no type states it",
    )
    visits_per_1000: Visits = Field(description="organic visits a day per 1,000 of these customers")
    daily_dropout: Frac = Field(
        description="chance a day to leave for good; who has left behaves like a prospect, and nobody sees it"
    )


class Ageing(Section):
    """Daily chances of moving to the next quieter bucket when a customer does not buy: how the seller sees recency."""

    new_to_at_risk: Frac = Field(default=0.011, description="daily chance of a new customer to become at risk")
    active_to_at_risk: Frac = Field(default=0.008, description="daily chance of an active customer to become at risk")
    at_risk_to_lapsed: Frac = Field(default=0.011, description="daily chance of an at-risk customer to lapse")
    lapsed_to_prospect: Frac = Field(default=0.001, description="forgotten: counts as a prospect again")


class PriceMemory(Section):
    """How long a price is remembered, and what a price below the remembered one adds."""

    deal_gain: Annotated[float, Field(ge=0, le=5)] = Field(
        default=0.4, description="what a price below the remembered one adds to the elasticity; 0 for nothing"
    )
    half_life_days: Days = Field(default=14.0, description="half-life of the memory of paid prices")


class SatisfactionEffects(Section):
    """Satisfaction (0..1) and what it does. Effects are log points per unit of satisfaction."""

    start: Frac = Field(default=0.8, description="level on the first day; also the neutral level")
    memory_days: Days = Field(default=20.0, description="half-life of an experience")
    late_day_penalty: Frac = Field(default=0.03, description="loss of satisfaction per day late")
    stock_out_penalty: Frac = Field(default=0.4, description="loss of satisfaction at a full stock-out")
    repurchase: Annotated[float, Field(ge=0, le=5)] = Field(default=1.0, description="on conversion of known customers")
    churn: Annotated[float, Field(ge=0, le=5)] = Field(default=1.5, description="on the drop-out chances, downwards")
    contact: Frac = Field(
        default=0.2, description="largest relative cut of the drop-out chances by channels that keep contact"
    )


class Segment(Section):
    """One customer segment."""

    id: Identifier = Field(description="short name of the segment, used wherever the file names a segment")
    name: Text = Field(default="", description="name for people; the id where empty")
    product_mix: dict[Identifier, Frac] = Field(min_length=1, description="share of each product; sums to 1")
    items_per_order: Annotated[float, Field(ge=0.01, le=10000)] = Field(
        default=1.0, description="items in an order, all products together"
    )
    basket_cv: Annotated[float, Field(ge=0, le=10)] = Field(
        default=0.5, description="coefficient of variation of order values"
    )
    lines_per_order: Annotated[float, Field(ge=1, le=500)] = Field(
        default=1.0, description="distinct tariff lines (HS6) in an order"
    )
    elasticity: Annotated[float, Field(ge=-12, le=-0.05)] = Field(
        description="own-price elasticity of orders to a lasting change of the goods' price; a new deal has "
        "elasticity * (1 + price_memory.deal_gain)"
    )
    competitor_elasticity: Annotated[float, Field(ge=0, le=8)] = Field(
        default=0.5, description="elasticity of orders to the competitors' price index"
    )
    visits_per_1000: Visits = Field(description="organic visits a day per 1,000 prospects")
    cart_rate: Annotated[float, Field(ge=1e-6, le=0.9)] = Field(description="carts per visit of a prospect")
    checkout_rate: Annotated[float, Field(ge=1e-4, le=0.99)] = Field(description="orders per cart")
    customer_conversion: Annotated[float, Field(ge=0.01, le=50)] = Field(
        default=1.5, description="multiplier on the cart rate of customers, against prospects"
    )
    customer_types: list[CustomerType] = Field(
        min_length=1, max_length=3, description="kinds of customers, which nobody can see; new ones are a mix of them"
    )
    ageing: Ageing = Field(default=Ageing(), description="daily chances of moving to a quieter bucket")
    price_memory: PriceMemory = Field(default=PriceMemory(), description="how paid prices are remembered")
    satisfaction: SatisfactionEffects = Field(
        default=SatisfactionEffects(), description="satisfaction, and what it does"
    )
    delay_sensitivity: Annotated[float, Field(ge=0, le=0.3)] = Field(
        default=0.02, description="loss of conversion per day of delivery beyond the accepted days"
    )
    sentiment_sensitivity: Annotated[float, Field(ge=0, le=3)] = Field(
        default=0.1, description="log points of conversion per point of sentiment"
    )


class Product(Section):
    """One product line."""

    id: Identifier = Field(description="short name of the product, used in product_mix")
    name: Text = Field(default="", description="name for people; the id where empty")
    price_base: PositiveMoney = Field(description="list price of an item in base currency, net of tax")
    usual_price_base: PositiveMoney | None = Field(
        default=None,
        description="price at which the conversion rates hold, net of tax; price_base where left out, and then another "
        "price_base moves no demand",
    )
    unit_cost_base: Money = Field(description="landed cost of goods of an item at the warehouse")
    return_rate: Rate = Field(default=0.0, description="share of orders that come back")
    return_days: Days = Field(default=14.0, description="mean days from delivery to return")
    duty_frac: Frac | None = Field(
        default=None,
        description="ordinary duty above the low-value threshold, wherever a rate is due; else the table's. Where the "
        "table's is 0 (abolished, or a preferred origin), nothing is due",
    )
    origin: Origin | None = Field(default=None, description="where it comes from, if not from market.origin")
    tariff_list: Identifier | None = Field(
        default=None,
        description="list of duties by origin that it stands on, which come on top of the ordinary duty; where left "
        "out, the list that the table assumes for its origin",
    )
