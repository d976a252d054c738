"""The scenario file as a whole: the strict edge model that every YAML scenario must fit."""

from typing import Literal

from pydantic import Field

from xbopt.core.scenario.fields import Identifier, Section, Text
from xbopt.core.scenario.history import History
from xbopt.core.scenario.market import Market, Product, Segment
from xbopt.core.scenario.media import Channel, Synergy
from xbopt.core.scenario.places import Place
from xbopt.core.scenario.plan import Budget, Discounts, Plan, Tactics
from xbopt.core.scenario.schedule import (
    AcceptedSigns,
    Calendar,
    Horizon,
    Noise,
    Provenance,
    Shock,
)
from xbopt.core.scenario.uncertainty import Uncertainty


class ScenarioDocument(Section):
    """A market, a horizon, a budget, and what may be decided."""

    version: Literal[1] = Field(description="version of the scenario format; 1")
    name: Identifier = Field(description="short name, also used for files")
    title: Text = Field(default="", description="one line for people")
    description: Text = Field(default="", description="what the scenario is about, for people")
    horizon: Horizon = Field(description="first day and number of days")
    market: Market = Field(description="currencies and regions")
    segments: list[Segment] = Field(min_length=1, max_length=20, description="customer segments")
    products: list[Product] = Field(min_length=1, max_length=100, description="what is sold")
    channels: list[Channel] = Field(min_length=1, max_length=30, description="media channels")
    places: list[Place] = Field(
        default_factory=list, max_length=20, description="places of sale beside the own shop, such as marketplaces"
    )
    synergies: list[Synergy] = Field(
        default_factory=list, max_length=100, description="pairs of channels that work better together"
    )
    calendar: Calendar = Field(description="dayparts, seasons, holidays and events")
    budget: Budget = Field(description="media money and its limits")
    discounts: Discounts = Field(default=Discounts(), description="discounts that may be given, and what they set off")
    plan: Plan = Field(default=Plan(), description="the campaign plan as it stands")
    history: History = Field(default=History(), description="what went before the first day; past results")
    tactics: Tactics = Field(default=Tactics(), description="the menu that logged exploration chooses from")
    shocks: list[Shock] = Field(
        default_factory=list,
        max_length=200,
        description="dated surprises: currencies, outages, price wars, mood, delays and trade rules",
    )
    noise: Noise = Field(default=Noise(), description="day-to-day randomness beyond counting noise")
    uncertainty: Uncertainty = Field(
        default=Uncertainty(), description="how unsure each parameter group is; a group left out is certain"
    )
    provenance: list[Provenance] = Field(
        default_factory=list, max_length=1000, description="where the numbers come from"
    )
    vital_signs: AcceptedSigns = Field(
        default=AcceptedSigns(), description="vital signs outside their published range that are meant so"
    )


def scenario_schema() -> dict[str, object]:
    """The JSON Schema of scenario files."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ScenarioDocument.model_json_schema()}
