"""The ``budget``, ``discounts``, ``plan`` and ``tactics`` sections: what may be decided."""

from typing import Annotated, Literal

from pydantic import Field

from xbopt.core.scenario.fields import (
    Day,
    Days,
    Frac,
    Identifier,
    Level,
    MechanicName,
    Money,
    PositiveMoney,
    Section,
)

Weight = Annotated[float, Field(ge=0, le=1e9)]
DiscountFrac = Annotated[float, Field(ge=0, le=0.9)]


class Lock(Section):
    """Spend a day that no policy may change."""

    region: Identifier = Field(description="the region")
    segment: Identifier | None = Field(
        default=None, description="the segment; where left out the whole region, shared over its segments by people"
    )
    channel: Identifier = Field(description="the channel")
    spend_per_day_base: Money = Field(description="spend a day, base currency")


class Minimum(Section):
    """Spend a day that a channel of a region needs at least, shared over its segments by people."""

    region: Identifier = Field(description="the region")
    channel: Identifier = Field(description="the channel")
    spend_per_day_base: Money = Field(description="least spend a day, base currency")


class Maximum(Section):
    """Spend a day that a channel of a region may have at most, over all segments together."""

    region: Identifier = Field(description="the region")
    channel: Identifier = Field(description="the channel")
    spend_per_day_base: Money = Field(description="most spend a day, base currency")


class Bookable(Section):
    """What amounts can be booked: ``xbopt plan --bookable`` makes plans of such amounts. Simulations do not ask."""

    least_per_day_base: Money = Field(
        default=0.0, description="a channel of a region spends so much a day, over its segments together, or nothing"
    )
    largest_weekly_change_frac: Annotated[float, Field(gt=0, le=100)] | None = Field(
        default=None,
        description="most by which a running channel of a region may change from week to week, of the week before; "
        "starting from nothing and stopping are free",
    )
    round_to: PositiveMoney = Field(
        default=1.0, description="amounts a day are multiples of so many units of the region's currency"
    )


class Budget(Section):
    """Money for media over the whole horizon, and its limits."""

    total_base: PositiveMoney = Field(description="media money for the whole horizon, base currency")
    region_caps_base: dict[Identifier, Money] = Field(
        default_factory=dict, description="most spend of a region over the horizon; no cap where left out"
    )
    channel_caps_base: dict[Identifier, Money] = Field(
        default_factory=dict, description="most spend of a channel over the horizon; no cap where left out"
    )
    max_daily_multiple: Annotated[float, Field(ge=1, le=1100)] = Field(
        default=4.0, description="pacing: a day may spend at most this many times total/days"
    )
    minimums: list[Minimum] = Field(
        default_factory=list, max_length=400, description="least spend a day by region and channel"
    )
    maximums: list[Maximum] = Field(
        default_factory=list, max_length=400, description="most spend a day by region and channel"
    )
    locks: list[Lock] = Field(default_factory=list, max_length=400, description="fixed spend a day by cell and channel")
    bookable: Bookable = Field(default=Bookable(), description="amounts that can be booked")
    roi_floor: Annotated[float, Field(ge=-1, le=100)] | None = Field(
        default=None,
        description="least contribution margin that media add, media paid, per unit of media spend, against the same "
        "plan without media: 0 pays for media. For planners; simulations do not enforce it",
    )


class Mechanic(Section):
    """What a promotion mechanic does to a discount of the same depth."""

    uptake: Frac = Field(default=1.0, description="share of the orders that take the discount")
    appeal: Annotated[float, Field(ge=0, le=3)] = Field(
        default=1.0, description="perceived depth relative to percent off"
    )
    basket: Annotated[float, Field(ge=0.2, le=5)] = Field(
        default=1.0, description="order value relative to percent off, while the discount runs"
    )
    borrowing: Annotated[float, Field(ge=0, le=3)] = Field(default=1.0, description="multiplier on pull-forward")
    prospects: Frac = Field(default=1.0, description="share of the discount that prospects are offered")


def _default_mechanics() -> dict[MechanicName, Mechanic]:
    return {
        "percent_off": Mechanic(),
        "threshold": Mechanic(uptake=0.6, appeal=0.7, basket=1.08),
        "bundle": Mechanic(uptake=0.5, appeal=0.6, basket=1.12, borrowing=1.2),
        "member_only": Mechanic(prospects=0.0),
        "limited_time": Mechanic(appeal=1.2, borrowing=1.3),
    }


class PullForward(Section):
    """Where a promotion's extra orders come from (van Heerde, Leeflang, Wittink 2004: about a third each)."""

    borrowed_frac: Frac = Field(default=1 / 3, description="brought forward from the coming weeks")
    switched_frac: Frac = Field(default=1 / 3, description="switched from elsewhere")
    own_frac: Frac = Field(
        default=0.5, description="part of the switched orders that come from the seller's other segments"
    )
    half_life_days: Days = Field(default=10.0, description="half-life of the pay-back")
    largest_cut: Annotated[float, Field(ge=0, le=0.95)] = Field(
        default=0.8, description="most that pay-back and switching may take from a day's undiscounted orders"
    )


class Discounts(Section):
    """Discounts that may be given, and what they set off."""

    levels: list[DiscountFrac] = Field(
        default_factory=lambda: [0.0, 0.05, 0.1, 0.15, 0.2],
        min_length=1,
        max_length=20,
        description="depths to choose from; the calendar policy takes the middle one",
    )
    ceiling_frac: DiscountFrac = Field(default=0.5, description="deepest discount")
    margin_floor_frac: Annotated[float, Field(ge=-1, le=0.95)] = Field(
        default=0.0, description="least (price - cost of goods)/price after discount"
    )
    mechanics: dict[MechanicName, Mechanic] = Field(
        default_factory=_default_mechanics,
        description="effects by promotion mechanic; where given, a mechanic left out acts like plain percent off",
    )
    pull_forward: PullForward = Field(
        default=PullForward(), description="where the extra orders of a promotion come from"
    )


class PlannedDiscount(Section):
    """A discount of the baseline plan."""

    discount_frac: DiscountFrac = Field(description="depth of the discount, 0..1")
    mechanic: MechanicName = Field(default="percent_off", description="form of the promotion")
    start: Day | None = Field(default=None, description="first day; from the first day of the horizon where empty")
    end: Day | None = Field(default=None, description="last day; to the end of the horizon where empty")
    regions: list[Identifier] = Field(default_factory=list, description="all regions where empty")
    segments: list[Identifier] = Field(default_factory=list, description="all segments where empty")


class CellMix(Section):
    """Channel weights that differ in some cells."""

    regions: list[Identifier] = Field(default_factory=list, description="all regions where empty")
    segments: list[Identifier] = Field(default_factory=list, description="all segments where empty")
    channels: dict[Identifier, Weight] = Field(min_length=1, description="channel weights in these cells; normalised")


class Plan(Section):
    """The campaign plan as it stands: what the ``baseline`` policy does. Weights are normalised."""

    spend_frac: Frac = Field(default=1.0, description="share of the budget that the plan spends")
    regions: dict[Identifier, Weight] = Field(default_factory=dict, description="weight by region; equal where empty")
    segments: dict[Identifier, Weight] = Field(default_factory=dict, description="weight by segment; equal where empty")
    channels: dict[Identifier, Weight] = Field(default_factory=dict, description="weight by channel; equal where empty")
    channel_overrides: list[CellMix] = Field(
        default_factory=list, max_length=400, description="channel weights of single cells; the later entry wins"
    )
    pacing: Literal["even", "demand"] = Field(
        default="even", description="the same every day, or with the demand index"
    )
    dayparts: dict[Identifier, dict[Identifier, Weight]] = Field(
        default_factory=dict, description="daypart weights by channel; the audience's own day where empty"
    )
    discounts: list[PlannedDiscount] = Field(default_factory=list, max_length=400, description="dated discounts")


class Tactic(Section):
    """One line of a tactic list: a choice for each component."""

    discount_frac: DiscountFrac = Field(description="depth of the discount, 0..1")
    mix: Identifier = Field(description="name of a channel mix in tactics.mixes, or plan")
    intensity: Level = Field(description="multiple of the cell's share of the budget")
    timing: Identifier = Field(description="name of a timing in tactics.timings, or audience")
    mechanic: MechanicName = Field(default="percent_off", description="form of the promotion")


class Tactics(Section):
    """The finite menu per cell that tactic policies and logged exploration choose from."""

    decide_every_days: Annotated[int, Field(ge=1, le=90)] = Field(
        default=7, description="days between two decisions of a cell"
    )
    window_days: Annotated[int, Field(ge=1, le=90)] = Field(
        default=7, description="attribution window of a decision's reward"
    )
    exploration: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.2, description="share of decisions that a logging policy draws uniformly from the menu"
    )
    discount_frac: list[DiscountFrac] = Field(
        default_factory=lambda: [0.0], min_length=1, max_length=20, description="discount depths of the grid"
    )
    intensity: list[Level] = Field(
        default_factory=lambda: [1.0],
        min_length=1,
        max_length=20,
        description="multiple of the cell's share of the budget",
    )
    mixes: dict[Identifier, dict[Identifier, Weight]] = Field(
        default_factory=dict,
        max_length=20,
        description="channel weights by name; the name plan is the plan's own mix",
    )
    timings: dict[Identifier, dict[Identifier, Weight]] = Field(
        default_factory=dict,
        max_length=20,
        description="daypart weights by name; the name audience is the audience's day",
    )
    mechanics: list[MechanicName] = Field(
        default_factory=lambda: ["percent_off"],
        min_length=1,
        max_length=5,
        description="promotion mechanics of the grid",
    )
    menu: list[Tactic] = Field(
        default_factory=list,
        max_length=2000,
        description="the tactics one by one; the grid of all components where empty",
    )
