"""The scenario file as a whole: the strict edge model that every YAML scenario must fit."""

from typing import Literal

from pydantic import Field

from xbopt.core.scenario.fields import Identifier, Section, Text
from xbopt.core.scenario.market import Market, Product, Segment
from xbopt.core.scenario.media import Channel, Synergy
from xbopt.core.scenario.plan import Budget, Discounts, History, Plan, Tactics
from xbopt.core.scenario.schedule import (
    Calendar,
    Horizon,
    Noise,
    ParameterGroup,
    Provenance,
    Shock,
    Uncertainty,
)


class ScenarioDocument(Section):
    """A market, a horizon, a budget, and what may be decided."""

    version: Literal[1] = Field(description="version of the scenario format; 1")
    name: Identifier = Field(description="short name, also used for files")
    title: Text = Field(default="", description="one line for people")
    description: Text = ""
    horizon: Horizon = Field(description="first day and number of days")
    market: Market = Field(description="currencies and regions")
    segments: list[Segment] = Field(min_length=1, max_length=20, description="customer segments")
    products: list[Product] = Field(min_length=1, max_length=100, description="what is sold")
    channels: list[Channel] = Field(min_length=1, max_length=30, description="media channels")
    synergies: list[Synergy] = Field(default_factory=list, max_length=100)
    calendar: Calendar = Field(description="dayparts, seasons, holidays and events")
    budget: Budget = Field(description="media money and its limits")
    discounts: Discounts = Discounts()
    plan: Plan = Plan()
    history: History = History()
    tactics: Tactics = Tactics()
    shocks: list[Shock] = Field(default_factory=list, max_length=200)
    noise: Noise = Noise()
    uncertainty: dict[ParameterGroup, Uncertainty] = Field(default_factory=dict)
    provenance: list[Provenance] = Field(default_factory=list, max_length=1000)
