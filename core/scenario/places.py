"""The ``places`` section: where orders are taken beside the own shop, as on a marketplace, and on which terms."""

from typing import Literal

from pydantic import Field

from xbopt.core.scenario.fields import Frac, Identifier, Level, Money, Rate, Section, Text

FeeBase = Literal["net", "gross"]
OWN_SHOP = "own_shop"
"""Id of the seller's own shop, whose terms stand with each region."""


class RegionFees(Section):
    """Fees of a place that differ in one region; what is left out is as elsewhere."""

    platform_frac: Rate | None = Field(default=None, description="referral fee")
    fixed_base: Money | None = Field(default=None, description="fixed fee an order")


class PlaceFees(Section):
    """What a place keeps of an order."""

    platform_frac: Rate = Field(default=0.0, description="referral fee, as a share of what `fee_on` says")
    fee_on: FeeBase = Field(
        default="gross",
        description="base of the referral fee: gross is what customers paid, tax included; net leaves tax out",
    )
    fixed_base: Money = Field(default=0.0, description="fixed fee an order, as for closing or fulfilment")
    payment_frac: Rate = Field(
        default=0.0, description="payment fee beside the referral fee; most marketplaces hold it in that"
    )
    by_region: dict[Identifier, RegionFees] = Field(default_factory=dict, description="fees that differ, by region")


class Place(Section):
    """A place of sale beside the own shop. A channel that names it sends its visits there."""

    id: Identifier = Field(description="short name of the place, as channels name it")
    name: Text = Field(default="", description="name for people; the id where empty")
    fees: PlaceFees = Field(default=PlaceFees(), description="what the place keeps of an order")
    conversion: Level = Field(
        default=1.0, description="multiplier on the conversion of the visits that channels send there"
    )
    basket: Level = Field(default=1.0, description="multiplier on order value, cost of goods included")
    organic_frac: Frac = Field(
        default=0.0, description="share of the organic orders that is taken there; the rest in the own shop"
    )
