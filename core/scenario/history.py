"""The ``history`` section: what went before the first day."""

from typing import Annotated, Literal

from pydantic import Field

from xbopt.core.scenario.fields import Day, Identifier, MechanicName, Money, Section, Text
from xbopt.core.scenario.plan import DiscountFrac, Weight

MAX_PAST_ROWS = 200_000
MAX_PAST_DAYS = 1100


class PastRow(Section):
    """Spend of a region, segment and channel on one day, or the same on each of several days."""

    date: Day = Field(description="the day")
    to: Day | None = Field(default=None, description="last of several days that were alike; only date where empty")
    region: Identifier = Field(description="the region")
    segment: Identifier = Field(description="the segment")
    channel: Identifier = Field(description="the channel")
    spend_base: Money = Field(description="spend a day, base currency")
    discount_frac: DiscountFrac | None = Field(
        default=None, description="discount of the region and segment; one row of theirs says it, 0 where none does"
    )
    mechanic: MechanicName | None = Field(default=None, description="form of that discount; percent_off where empty")


class PastTable(Section):
    """What was done on the days before the first one: rows here, or a file with such rows beside the scenario."""

    rows: list[PastRow] = Field(
        default_factory=list,
        max_length=MAX_PAST_ROWS,
        description="one row a day, region, segment and channel; what is left out spent nothing",
    )
    file: Text | None = Field(
        default=None,
        description="CSV or Parquet file with the same columns, beside the scenario; loading turns it into rows",
    )


class History(Section):
    """What went before the first day, and past results that the ``proportional`` policy follows."""

    before: Literal["steady", "none"] | PastTable = Field(
        default="steady",
        description=(
            "what media, prices and promotions have left behind on the first morning: steady is a running business at "
            "the own plan's average level, none is a launch, a table says what was done day by day"
        ),
    )
    steady_spend_per_day_base: Money | None = Field(
        default=None,
        description=(
            "media spend a day, base currency, of the own plan's average level, before the first day where that is "
            "steady and after the last one; budget.total_base times plan.spend_frac over the days where left out"
        ),
    )
    revenue_by_region: dict[Identifier, Weight] = Field(
        default_factory=dict, description="past revenue by region; only proportions count"
    )
    revenue_by_segment: dict[Identifier, Weight] = Field(
        default_factory=dict, description="past revenue by segment; only proportions count"
    )
    spend_by_channel: dict[Identifier, Weight] = Field(
        default_factory=dict, description="past media spend by channel; only proportions count"
    )


class After(Section):
    """How the days after the last one go on, for what the plan leaves behind."""

    media: Literal["same", "stop"] = Field(
        default="same", description="same: media at the own plan's average level as far as they pay; stop: no media"
    )
    days: Literal["auto"] | Annotated[int, Field(ge=0, le=365)] = Field(
        default="auto",
        description="days that are counted; auto: until 99 % of the longest memory has faded, 60 at most; 0: none",
    )
