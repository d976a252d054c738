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


class GeometricAdstock(Section):
    """Carry-over that fades by a constant share a day."""

    curve: Literal["geometric"]
    half_life_days: Annotated[float, Field(ge=0.05, le=120)]


class DelayedAdstock(Section):
    """Carry-over that peaks some days after the exposure (Jin et al. 2017, eq. 3)."""

    curve: Literal["delayed"]
    half_life_days: Annotated[float, Field(ge=0.05, le=120)] = Field(
        description="days after the peak at which half of the peak's effect is left"
    )
    peak_days: Annotated[float, Field(ge=0, le=30)]
    window_days: Annotated[int, Field(ge=2, le=60)] = 28


class WeibullAdstock(Section):
    """Carry-over with the shape of a Weibull density over the days after the exposure."""

    curve: Literal["weibull"]
    shape: Annotated[float, Field(ge=0.3, le=10)]
    scale_days: Annotated[float, Field(ge=0.2, le=60)]
    window_days: Annotated[int, Field(ge=2, le=60)] = 28


class NoAdstock(Section):
    """No carry-over: an exposure works on its own day only."""

    curve: Literal["none"]


class HillSaturation(Section):
    """``x^k / (x^k + K^k)``: concave for slope 1 and below, S-shaped above."""

    curve: Literal["hill"]
    half_saturation: Annotated[float, Field(ge=1e-4, le=100)] = Field(
        description="impressions a head and day at which half of the ceiling is reached"
    )
    slope: Annotated[float, Field(ge=0.3, le=4)] = 1.0


class ExponentialSaturation(Section):
    """``1 - 2^(-x/K)``: concave, reaches its ceiling faster than Hill."""

    curve: Literal["exponential"]
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

    prospect: Frac = 1.0
    new: Frac = 1.0
    active: Frac = 1.0
    at_risk: Frac = 1.0
    lapsed: Frac = 1.0


Adstock = Annotated[GeometricAdstock | DelayedAdstock | WeibullAdstock | NoAdstock, Field(discriminator="curve")]
Saturation = Annotated[HillSaturation | ExponentialSaturation, Field(discriminator="curve")]


class Channel(Section):
    """One media channel."""

    id: Identifier
    name: Text = ""
    price: MediaPrice
    visits_per_1000_impressions: Annotated[float, Field(ge=1e-4, le=900)] = Field(
        description="visits that the first 1,000 impressions bring, before saturation"
    )
    visit_quality: Level = Field(default=1.0, description="conversion of its visits relative to organic ones")
    adstock: Adstock
    saturation: Saturation
    fatigue: Fatigue = Fatigue()
    reach: Reach = Reach()
    keeps_contact: Frac = Field(default=0.0, description="weight with which it keeps customers from drifting away")
    segment_response: dict[Identifier, Index] = Field(default_factory=dict, description="multiplier on visits; else 1")
    region_response: dict[Identifier, Index] = Field(default_factory=dict, description="multiplier on visits; else 1")
    daypart_response: dict[Identifier, Index] = Field(default_factory=dict, description="multiplier on effect; else 1")
    daypart_price: dict[Identifier, Level] = Field(default_factory=dict, description="multiplier on price; else 1")


class Synergy(Section):
    """Two channels that work better together."""

    channels: list[Identifier] = Field(min_length=2, max_length=2)
    strength: Annotated[float, Field(ge=0, le=2)] = Field(
        description="relative gain in visits when both bring as many visits a head"
    )
