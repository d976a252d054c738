"""The ``horizon``, ``calendar``, ``shocks``, and ``noise`` sections: what happens when."""

from typing import Annotated, Literal

from pydantic import Field

from xbopt.core.scenario.fields import (
    CurrencyCode,
    Day,
    Days,
    Evidence,
    Frac,
    Identifier,
    Index,
    Level,
    Money,
    Section,
    Text,
)
from xbopt.core.scenario.history import After


class Horizon(Section):
    """The days that are played."""

    start: Day = Field(description="first day")
    days: Annotated[int, Field(ge=1, le=1100)] = Field(description="number of days")
    after: After = Field(default=After(), description="the days after the last one: what is left behind is worth")


class Daypart(Section):
    """A part of the day, in the region's own time. ``to_hour`` may be 24."""

    id: Identifier = Field(description="short name of the daypart")
    from_hour: Annotated[int, Field(ge=0, le=23)] = Field(description="first hour of the daypart")
    to_hour: Annotated[int, Field(ge=1, le=24)] = Field(description="hour at which it ends; 24 is midnight")
    activity: Annotated[float, Field(ge=1e-6, le=1e6)] = Field(description="weight of the audience's day; normalised")


class CustomEvent(Section):
    """A campaign or season of the scenario's own, beside the retail-event table."""

    id: Identifier = Field(description="short name of the event")
    name: Text = Field(default="", description="name for people; the id where empty")
    start: Day = Field(description="first day of the event itself")
    end: Day = Field(description="last day of the event itself")
    regions: list[Identifier] = Field(default_factory=list, description="all regions where empty")
    lead_in_days: Annotated[int, Field(ge=0, le=60)] = Field(
        default=0, description="days before the event on which demand climbs towards it"
    )
    lead_in_demand: Level = Field(
        default=1.0, description="multiplier on visits on the last day before the event; 1 for none"
    )
    demand: Level = Field(default=1.0, description="multiplier on visits on the days of the event; 1 for none")
    dip_days: Annotated[int, Field(ge=0, le=60)] = Field(
        default=0, description="days after the event on which demand is lower"
    )
    dip_demand: Level = Field(
        default=1.0, description="multiplier on visits on the first day after the event; 1 for none"
    )
    cpm: Level = Field(
        default=1.0, description="multiplier on the price of reach during the event; half of the change in the lead-in"
    )
    price_sensitivity: Annotated[float, Field(ge=1, le=5)] = Field(
        default=1.0, description="multiplier on price elasticity during lead-in and event; 1 for none"
    )
    usual_deal_frac: Annotated[float, Field(ge=0, le=0.9)] = Field(
        default=0.0,
        description="discount that sellers usually give on the days of the event; half of it in the lead-in. The "
        "event's demand is that of a seller who gives it, and holds the response to it",
    )
    deal_seekers_frac: Frac = Field(
        default=0.0,
        description="share of the event's extra visits that come for such a discount, and for none below it",
    )


class RegionSeason(Section):
    """Seasonal indices that differ in one region."""

    weekday: list[Index] | None = Field(
        default=None,
        min_length=7,
        max_length=7,
        description="index of visits by weekday, Monday first; the calendar's where left out",
    )
    month: list[Index] | None = Field(
        default=None,
        min_length=12,
        max_length=12,
        description="index of visits by month, January first; the calendar's where left out",
    )
    cpm_month: list[Level] | None = Field(
        default=None,
        min_length=12,
        max_length=12,
        description="index of the price of reach by month, January first; the calendar's where left out",
    )
    activity: dict[Identifier, Annotated[float, Field(ge=1e-6, le=1e6)]] | None = Field(
        default=None, description="weight of the audience's day by daypart; the calendar's where left out"
    )


class Calendar(Section):
    """Season, clock, holidays and events."""

    dayparts: list[Daypart] = Field(
        min_length=1, max_length=24, description="parts of the day, in the region's own time"
    )
    weekday: list[Index] = Field(
        default_factory=lambda: [1.0] * 7, min_length=7, max_length=7, description="Monday first"
    )
    month: list[Index] = Field(
        default_factory=lambda: [1.0] * 12,
        min_length=12,
        max_length=12,
        description="index of visits by month, January first; interpolated between mid-months",
    )
    cpm_month: list[Level] = Field(
        default_factory=lambda: [1.0] * 12,
        min_length=12,
        max_length=12,
        description="index of the price of reach by month, January first; interpolated between mid-months",
    )
    holiday_demand: Index = Field(default=1.0, description="multiplier on visits on public holidays")
    events: list[Text] = Field(default_factory=list, max_length=100, description="ids in the retail-event table")
    custom_events: list[CustomEvent] = Field(
        default_factory=list, max_length=100, description="events of the scenario's own"
    )
    event_lift: Level | None = Field(
        default=None, description="multiplier on what events add to demand, or take from it; 1 where left out"
    )
    regions: dict[Identifier, RegionSeason] = Field(
        default_factory=dict, description="indices of single regions, by region"
    )


class _Dated(Section):
    day: Day = Field(description="first day of the shock")


class FxShock(_Dated):
    """A sudden move of a currency against the base currency; fades with the currency's half-life."""

    kind: Literal["fx_move"] = Field(description="a currency moves")
    currency: CurrencyCode = Field(description="the currency that moves")
    log_size: Annotated[float, Field(ge=-1.5, le=1.5)] = Field(
        description="change of its log rate against the base currency, as in -0.1"
    )


class ChannelOutage(_Dated):
    """A channel cannot be bought for some days."""

    kind: Literal["channel_outage"] = Field(description="a channel cannot be bought")
    channel: Identifier = Field(description="the channel")
    regions: list[Identifier] = Field(default_factory=list, description="all regions where empty")
    days: Annotated[int, Field(ge=1, le=1100)] = Field(description="number of days")


class PriceWar(_Dated):
    """Competitors cut their prices for some days."""

    kind: Literal["price_war"] = Field(description="competitors change their prices")
    regions: list[Identifier] = Field(default_factory=list, description="all regions where empty")
    days: Annotated[int, Field(ge=1, le=1100)] = Field(description="number of days")
    log_size: Annotated[float, Field(ge=-1.5, le=1.5)] = Field(description="change of the log price index, as in -0.15")


class ViralSentiment(_Dated):
    """Word of mouth, good or bad; fades with the region's sentiment half-life."""

    kind: Literal["viral_sentiment"] = Field(description="word of mouth")
    regions: list[Identifier] = Field(default_factory=list, description="all regions where empty")
    size: Annotated[float, Field(ge=-5, le=5)] = Field(description="change of the sentiment index on the first day")


class StockDelay(_Dated):
    """Parcels and replenishment take longer for some days."""

    kind: Literal["stock_delay"] = Field(description="deliveries take longer")
    regions: list[Identifier] = Field(default_factory=list, description="all regions where empty")
    days: Annotated[int, Field(ge=1, le=1100)] = Field(description="number of days")
    extra_days: Annotated[float, Field(ge=0, le=120)] = Field(description="days that a delivery takes longer")


class RuleChange(_Dated):
    """A trade rule that replaces the dated table's from this day on."""

    kind: Literal["rule_change"] = Field(description="a trade rule changes")
    regions: list[Identifier] = Field(default_factory=list, description="all regions where empty")
    threshold_base: Money | None = Field(default=None, description="new low-value threshold of a consignment")
    line_duty_base: Money | None = Field(default=None, description="new flat duty per tariff line below the threshold")
    ad_valorem_frac: Annotated[float, Field(ge=0, le=3)] | None = Field(
        default=None, description="new duty above the threshold"
    )
    ad_valorem_added_frac: Annotated[float, Field(ge=-3, le=3)] | None = Field(
        default=None,
        description="points on top of the duty above the threshold that holds, whatever it is; below 0 for less",
    )
    surcharge_frac: Annotated[float, Field(ge=0, le=3)] | None = Field(
        default=None, description="new surcharge on any value"
    )
    surcharge_added_frac: Annotated[float, Field(ge=-3, le=3)] | None = Field(
        default=None, description="points on top of the surcharge that holds, whatever it is; below 0 for less"
    )
    parcel_fee_base: Money | None = Field(
        default=None, description="new fee on every parcel, in place of the table's import fees"
    )
    tax_threshold_base: Money | None = Field(
        default=None, description="new order value up to which nobody owes consumption tax"
    )
    tax_frac: Annotated[float, Field(ge=0, le=1)] | None = Field(default=None, description="new consumption-tax rate")


Shock = Annotated[
    FxShock | ChannelOutage | PriceWar | ViralSentiment | StockDelay | RuleChange, Field(discriminator="kind")
]


class Noise(Section):
    """Day-to-day randomness beyond counting noise."""

    demand_cv: Annotated[float, Field(ge=0, le=3)] = Field(
        default=0.2, description="coefficient of variation of a cell's daily demand shock: the over-dispersion"
    )
    media_price_cv: Annotated[float, Field(ge=0, le=2)] = Field(
        default=0.1, description="coefficient of variation of the price of reach, by region"
    )
    media_price_half_life_days: Days = Field(
        default=5.0, description="half-life in days of a deviation of the price of reach"
    )


class Provenance(Section):
    """Where numbers come from. ``path`` may hold ``*`` for one step and ``**`` for any."""

    path: Text = Field(
        description="path of the numbers that the entry speaks for; * is any one step, ** any number of steps"
    )
    evidence: Evidence = Field(
        description="how solid they are: S primary source, W web source, M measured, E estimate, mem from memory, "
        "src read in program source, stated by the seller, set by choice or definition; + and - shade it"
    )
    source: Text = Field(description="where they come from")
    note: Text = Field(default="", description="anything a reader should know")


class AcceptedSigns(Section):
    """What ``xbopt scenario check`` finds outside its published range, and why the scenario wants it so."""

    accepted: dict[Identifier, Text] = Field(
        default_factory=dict, description="reason by sign, as in {media_share: a launch without any traffic of its own}"
    )
