"""The ``channels`` and ``synergies`` sections: what media cost and what they bring."""

from typing import Annotated, Literal

from pydantic import Field

from xbopt.core.scenario.fields import Days, Frac, Identifier, Index, Level, PositiveMoney, Section, Text


class MediaPrice(Section):
    """What reach costs, and how it rises with the seller's own spend."""

    model: Literal["cpm", "cpc"] = Field(description="pay per 1,000 impressions, or per click")
    amount_base: PositiveMoney = Field(description="price of 1,000 impressions or of a click at reference spend")
    bid_up: Annotated[float, Field(ge=0, le=0.8)] = Field(
        default=0.15, description="exponent g of price ~ (spend/reference)^g"
    )
    reference_per_1000: PositiveMoney = Field(
        description="reference spend a day per 1,000 reachable people, at which the price holds"
    )
    by_region: dict[Identifier, Level] = Field(
        default_factory=dict, description="multiplier on the price by region, beside its media_price_level; else 1"
    )


class GeometricAdstock(Section):
    """Carry-over that fades by a constant share a day."""

    curve: Literal["geometric"] = Field(description="carry-over that fades by a constant share a day")
    half_life_days: Annotated[float, Field(ge=0.05, le=120)] = Field(
        description="days until half of an exposure's effect is left"
    )


class DelayedAdstock(Section):
    """Carry-over that peaks some days after the exposure (Jin et al. 2017, eq. 3)."""

    curve: Literal["delayed"] = Field(description="carry-over that peaks some days later")
    half_life_days: Annotated[float, Field(ge=0.05, le=120)] = Field(
        description="days after the peak at which half of the peak's effect is left"
    )
    peak_days: Annotated[float, Field(ge=0, le=30)] = Field(
        description="days from the exposure to its strongest effect"
    )
    window_days: Annotated[int, Field(ge=2, le=60)] = Field(
        default=28, description="days over which the effect is spread; beyond, there is none"
    )


class WeibullAdstock(Section):
    """Carry-over with the shape of a Weibull density over the days after the exposure."""

    curve: Literal["weibull"] = Field(description="carry-over with the shape of a Weibull density")
    shape: Annotated[float, Field(ge=0.3, le=10)] = Field(
        description="Weibull shape: up to 1 it fades from the first day, above 1 it can peak later"
    )
    scale_days: Annotated[float, Field(ge=0.2, le=60)] = Field(
        description="Weibull scale in days: the larger, the longer the effect lasts"
    )
    window_days: Annotated[int, Field(ge=2, le=60)] = Field(
        default=28, description="days over which the effect is spread; beyond, there is none"
    )


class NoAdstock(Section):
    """No carry-over: an exposure works on its own day only."""

    curve: Literal["none"] = Field(description="no carry-over")


class HillSaturation(Section):
    """``x^k / (x^k + K^k)``: concave for slope 1 and below, S-shaped above."""

    curve: Literal["hill"] = Field(description="Hill curve")
    half_saturation: Annotated[float, Field(ge=1e-4, le=100)] = Field(
        description="impressions a head and day at which half of the ceiling is reached"
    )
    slope: Annotated[float, Field(ge=0.3, le=4)] = Field(
        default=1.0, description="exponent k of the curve: concave up to 1, S-shaped above"
    )


class ExponentialSaturation(Section):
    """``1 - 2^(-x/K)``: concave, reaches its ceiling faster than Hill."""

    curve: Literal["exponential"] = Field(description="exponential curve")
    half_saturation: Annotated[float, Field(ge=1e-4, le=100)] = Field(
        description="impressions a head and day at which half of the ceiling is reached"
    )


class Fatigue(Section):
    """The marginal effect of an exposure falls once weekly frequency passes a limit."""

    weekly_frequency: Annotated[float, Field(ge=0.1, le=100)] = Field(
        default=3.5, description="exposures a head and week up to which nobody tires"
    )
    exponent: Frac = Field(default=0.6, description="marginal effect ~ (limit/frequency)^exponent beyond the limit")
    half_life_days: Days = Field(default=14.0, description="half-life of the memory of exposures")


class Reach(Section):
    """Share of each lifecycle bucket that the channel can reach."""

    prospect: Frac = Field(default=1.0, description="share of prospects that the channel can reach")
    new: Frac = Field(default=1.0, description="share of new customers that the channel can reach")
    active: Frac = Field(default=1.0, description="share of active customers that the channel can reach")
    at_risk: Frac = Field(default=1.0, description="share of at-risk customers that the channel can reach")
    lapsed: Frac = Field(default=1.0, description="share of lapsed customers that the channel can reach")


Adstock = Annotated[GeometricAdstock | DelayedAdstock | WeibullAdstock | NoAdstock, Field(discriminator="curve")]
Saturation = Annotated[HillSaturation | ExponentialSaturation, Field(discriminator="curve")]


class Channel(Section):
    """One media channel."""

    id: Identifier = Field(description="short name of the channel, used wherever the file names a channel")
    name: Text = Field(default="", description="name for people; the id where empty")
    price: MediaPrice = Field(description="price of reach")
    visits_per_1000_impressions: Annotated[float, Field(ge=1e-4, le=900)] = Field(
        description="visits that the first 1,000 impressions bring, before saturation"
    )
    place: Identifier | None = Field(
        default=None, description="place of sale that its visits go to, one of places; the own shop where left out"
    )
    visit_quality: Level = Field(default=1.0, description="conversion of its visits relative to organic ones")
    adstock: Adstock = Field(description="carry-over of exposures to later days")
    saturation: Saturation = Field(description="diminishing returns of exposures")
    fatigue: Fatigue = Field(default=Fatigue(), description="tiring of frequent exposures")
    reach: Reach = Field(default=Reach(), description="share of each lifecycle bucket that the channel can reach")
    keeps_contact: Frac = Field(default=0.0, description="weight with which it keeps customers from drifting away")
    segment_response: dict[Identifier, Index] = Field(default_factory=dict, description="multiplier on visits; else 1")
    region_response: dict[Identifier, Index] = Field(default_factory=dict, description="multiplier on visits; else 1")
    daypart_response: dict[Identifier, Index] = Field(default_factory=dict, description="multiplier on effect; else 1")
    daypart_price: dict[Identifier, Level] = Field(default_factory=dict, description="multiplier on price; else 1")


class Synergy(Section):
    """Two channels that work better together."""

    channels: list[Identifier] = Field(min_length=2, max_length=2, description="the two channels, by id")
    strength: Annotated[float, Field(ge=0, le=2)] = Field(
        description="relative gain in visits when both bring as many visits a head"
    )
