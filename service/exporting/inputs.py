"""The inputs of every graph: what each one is, and where the simulator shows it.

**Adding an input of requests is one entry in ``request_inputs``.** The schema lists it from then on; the graph declares
it and golden vectors hold it; the service reads it from JSON, bytes and inferences, checks its shape and range, stores
it, replays it and writes it into the log. A graph builder reads it as the tensor of its name; what it does there is the
builder's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.policy import Observation
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.bundle.formats import PolicyShape
from xbopt.service.bundle.graph_session import Arrays, joined
from xbopt.service.bundle.schema import INPUTS, INTEGERS, OUTPUTS, SHAPES, Field, Missing, Schema, shape_of
from xbopt.service.exporting.graph import Graph

Observed = Callable[[Observation], "FloatArray | IntArray"]


def describe(
    name: str,
    unit: str,
    about: str,
    *,
    low: float | None = None,
    high: float | None = None,
    axes: str = "",
    whole: bool = False,
    missing: Missing | None = None,
) -> Field:
    """An input or output.

    Args:
        name: Its name in the graph.
        unit: Its unit; empty for a plain number.
        about: What it is, in one sentence.
        low: Least value allowed; None for none.
        high: Greatest value allowed; None for none.
        axes: One letter an axis; left out for inputs and outputs that every shape of policies has.
        whole: Whether it holds whole numbers; left out where the service knows the array by name.
        missing: What is done where a value is missing; a request is refused where None.
    """
    return Field(
        name=name,
        dtype="int64" if whole or name in INTEGERS else "float64",
        axes=list(axes or {**INPUTS, **OUTPUTS}[name]),
        unit=unit,
        about=about,
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        missing=missing or Missing(rule="refuse"),
    )


def request_inputs(scenario: Scenario, *, channels: bool) -> list[tuple[Field, Observed]]:
    """The inputs that a request gives, each with how the simulator shows it ``(B, ...)``.

    Args:
        scenario: The scenario.
        channels: Whether the policy reads features of channels.
    """
    money, total, no_cap = scenario.base_currency, scenario.limits.total_base, "infinity for no cap"
    every: list[tuple[Field, Observed]] = [
        (describe("regions", "", "features of regions; names and ranges under features.F"),
         lambda seen: seen.regions),
        (describe("cells", "", "features of cells; names and ranges under features.G"),
         lambda seen: seen.cells),
        (describe("channels", "", "features of channels in cells; names and ranges under features.E"),
         lambda seen: seen.channels),
        (describe("day", "days", "day of the horizon, from 0", low=0, high=scenario.days - 1),
         lambda seen: np.full(seen.worlds, seen.day, dtype=np.int64)),
        (describe("budget_base", money, "money left for the rest of the horizon", low=0.0, high=total),
         lambda seen: seen.remaining.budget_base),
        (describe("region_base", money, f"money left by region; {no_cap}", low=0.0),
         lambda seen: seen.remaining.region_base),
        (describe("channel_base", money, f"money left by channel; {no_cap}", low=0.0),
         lambda seen: seen.remaining.channel_base),
    ]  # fmt: skip
    return [one for one in every if channels or one[0].name != "channels"]


def input_fields(scenario: Scenario, shape: PolicyShape, *, channels: bool, choices: int) -> list[Field]:
    """All inputs in the order of the schema.

    Args:
        scenario: The scenario.
        shape: Shape of the policy.
        channels: Whether the policy reads features of channels.
        choices: Number of tactics, or the largest number of levels of a factor.
    """
    what = "tactic" if shape == "tactic" else "level"
    drawn = {
        "uniform": (f"a uniform number, which draws the {what}", 0, 1),
        "forced": (f"a {what} that must be taken, or -1", -1, choices - 1),
        "allowed": ("1 where the guardrails allow a tactic, else 0", 0, 1),
        "default": ("1 at the tactic to take where nothing else is allowed", 0, 1),
    }
    fields = [field for field, _ in request_inputs(scenario, channels=channels)]
    for name, axes in SHAPES[shape].draws.items():
        about, low, high = drawn[name]
        fields.append(describe(name, "", about, low=low, high=high, axes=axes))
    return fields


def inputs_of(observations: Sequence[Observation], scenario: Scenario, *, channels: bool) -> Arrays:
    """Observations as inputs of a graph, one row a world and day."""
    return {
        field.name: joined([observed(seen) for seen in observations])
        for field, observed in request_inputs(scenario, channels=channels)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Names of the tensors that a policy may read.

    Attributes:
        regions: Features of regions ``(B, R, F)``.
        cells: Features of cells ``(B, R, S, G)``.
        channels: Features of channels in cells ``(B, R, S, C, E)``; only where the policy reads them.
        day: Day of the horizon ``(B,)``, int64, within the horizon.
        budget: Money left ``(B,)``.
        region: Money left by region ``(B, R)``.
        channel: Money left by channel ``(B, C)``.
        day_budget: The money left, spread evenly over the days left ``(B,)``.
        days: Length of the horizon, ``T``.
        schema: The schema, for the outputs.
    """

    regions: str = "regions"
    cells: str = "cells"
    channels: str = "channels"
    day: str
    budget: str = "budget_base"
    region: str = "region_base"
    channel: str = "channel_base"
    day_budget: str
    days: int
    schema: Schema


def declare_inputs(graph: Graph, schema: Schema) -> Inputs:
    """Declare the inputs of the schema in a graph."""
    for field in schema.inputs:
        graph.input(field.name, field.dtype, shape_of(field, schema, "B"))
    # A day outside the horizon would read past a table's end.
    inside = graph.add("Clip", "day", graph.whole(0), graph.whole(schema.days - 1))
    left = graph.add("Cast", graph.add("Sub", graph.whole(schema.days), inside), to=11)
    budget = graph.add("Div", "budget_base", left)
    return Inputs(day=inside, day_budget=budget, days=schema.days, schema=schema)
