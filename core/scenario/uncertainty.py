"""The ``uncertainty`` section: which parameters differ from world to world, by how much, or by joint draws."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from xbopt.core.scenario.fields import Section, Spread, Text

ParameterGroup = Literal[
    "elasticity",
    "conversion",
    "customer_conversion",
    "organic_traffic",
    "order_value",
    "media_response",
    "half_saturation",
    "media_price",
    "bid_up",
    "visit_quality",
    "carry_over",
    "fatigue",
    "synergy",
    "event_lift",
    "deal_gain",
    "price_memory",
    "pull_forward",
    "dropout",
    "return_rate",
    "unit_cost",
    "shipping_cost",
    "delivery_days",
]
Axis = Literal["region", "segment", "channel"]

_CELL: tuple[Axis, ...] = ("region", "segment")
_MEDIA: tuple[Axis, ...] = ("region", "segment", "channel")
GROUP_AXES: Mapping[ParameterGroup, tuple[Axis, ...]] = {
    "elasticity": _CELL,
    "conversion": _CELL,
    "customer_conversion": _CELL,
    "organic_traffic": _CELL,
    "order_value": _CELL,
    "media_response": _MEDIA,
    "half_saturation": _MEDIA,
    "media_price": _MEDIA,
    "bid_up": ("channel",),
    "visit_quality": ("channel",),
    "carry_over": _MEDIA,
    "fatigue": _MEDIA,
    "synergy": (),
    "event_lift": ("region",),
    "deal_gain": _CELL,
    "price_memory": _CELL,
    "pull_forward": (),
    "dropout": _CELL,
    "return_rate": _CELL,
    "unit_cost": _CELL,
    "shipping_cost": ("region",),
    "delivery_days": ("region",),
}
"""The axes along which a group's parameters can differ; none: one number a world."""


class GroupSpread(Section):
    """How unsure we are of a parameter group: each world draws its own values."""

    spread: Spread = Field(description="relative standard deviation between worlds")
    by: list[Axis] = Field(
        default_factory=lambda: ["region", "segment", "channel"],
        min_length=0,
        max_length=3,
        description="axes along which the draws differ; axes that the group does not have are ignored",
    )


class Uncertainty(Section):
    """What we are unsure of. Each group is a multiplier on the scenario's own values; one left out is certain."""

    draws: Text | None = Field(
        default=None,
        description="Parquet file of joint draws beside the scenario: one row a world, one column a parameter path or "
        "group, log_weight if the rows do not weigh alike",
    )
    elasticity: GroupSpread | None = Field(default=None, description="own-price elasticity")
    conversion: GroupSpread | None = Field(default=None, description="carts per visit")
    customer_conversion: GroupSpread | None = Field(
        default=None, description="cart rate of customers against prospects: how often they buy again"
    )
    organic_traffic: GroupSpread | None = Field(default=None, description="organic visits")
    order_value: GroupSpread | None = Field(default=None, description="value of an order, its cost of goods too")
    media_response: GroupSpread | None = Field(default=None, description="visits per impression")
    half_saturation: GroupSpread | None = Field(
        default=None, description="exposure at half of the ceiling; the ceiling moves with it"
    )
    media_price: GroupSpread | None = Field(default=None, description="price of reach")
    bid_up: GroupSpread | None = Field(
        default=None, description="exponent by which own spend raises the price of reach"
    )
    visit_quality: GroupSpread | None = Field(default=None, description="conversion of the visits that media bring")
    carry_over: GroupSpread | None = Field(default=None, description="how long exposures work: half-life or time scale")
    fatigue: GroupSpread | None = Field(default=None, description="contact that people bear before they tire")
    synergy: GroupSpread | None = Field(default=None, description="strength of all synergies")
    event_lift: GroupSpread | None = Field(default=None, description="what events add to demand, or take from it")
    deal_gain: GroupSpread | None = Field(
        default=None, description="weight of the remembered price in the response to a deal"
    )
    price_memory: GroupSpread | None = Field(default=None, description="half-life of the remembered price")
    pull_forward: GroupSpread | None = Field(
        default=None, description="share of a promotion's extra orders that is borrowed from the coming weeks"
    )
    dropout: GroupSpread | None = Field(default=None, description="chances by which customers drop out")
    return_rate: GroupSpread | None = Field(default=None, description="share of orders that come back")
    unit_cost: GroupSpread | None = Field(default=None, description="cost of goods")
    shipping_cost: GroupSpread | None = Field(default=None, description="what a parcel costs the seller")
    delivery_days: GroupSpread | None = Field(default=None, description="usual delivery days")

    @property
    def spreads(self) -> dict[ParameterGroup, GroupSpread]:
        """The groups that are drawn independently, in the order of `GROUP_AXES`."""
        stated: dict[ParameterGroup, GroupSpread | None] = {group: getattr(self, group) for group in GROUP_AXES}
        return {group: spread for group, spread in stated.items() if spread is not None}

    def __bool__(self) -> bool:
        """Whether anything at all is stated as uncertain."""
        return self.draws is not None or bool(self.spreads)
