"""What follows the scores in every graph: guardrail mask, draw, decoding, projection, and the outputs by name."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.axes import FloatArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.exporting.graph import Graph
from xbopt.service.exporting.projection import Caps, clip_discount, normalise_dayparts, project_spend

CELL_AXES = ("B", "R", "S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Names of the tensors that a policy may read.

    Attributes:
        regions: Features of regions ``(B, R, F)``.
        cells: Features of cells ``(B, R, S, G)``.
        day: Day of the horizon ``(B,)``, int64, within the horizon.
        budget: Money left ``(B,)``.
        region: Money left by region ``(B, R)``.
        channel: Money left by channel ``(B, C)``.
        day_budget: The money left, spread evenly over the days left ``(B,)``.
        days: Length of the horizon, ``T``.
    """

    regions: str
    cells: str
    day: str
    budget: str
    region: str
    channel: str
    day_budget: str
    days: int


def declare_inputs(graph: Graph, scenario: Scenario, *, region_features: int, cell_features: int) -> Inputs:
    """Declare the inputs that every graph has, in the order of the schema."""
    regions, segments, channels, _ = scenario.shape
    inputs = {
        "regions": graph.input("regions", "float64", ("B", regions, region_features)),
        "cells": graph.input("cells", "float64", ("B", regions, segments, cell_features)),
        "day": graph.input("day", "int64", ("B",)),
        "budget": graph.input("budget_base", "float64", ("B",)),
        "region": graph.input("region_base", "float64", ("B", regions)),
        "channel": graph.input("channel_base", "float64", ("B", channels)),
    }
    # A day outside the horizon would read past a table's end.
    inside = graph.add("Clip", inputs["day"], graph.whole(0), graph.whole(scenario.days - 1))
    left = graph.add("Cast", graph.add("Sub", graph.whole(scenario.days), inside), to=11)
    inputs |= {"day": inside, "day_budget": graph.add("Div", inputs["budget"], left)}
    return Inputs(**inputs, days=scenario.days)


def finish_tactics(graph: Graph, scenario: Scenario, inputs: Inputs, probabilities: str) -> None:
    """From probabilities ``(B, R, S, K)`` to the drawn decision.

    Further inputs: ``uniform`` ``(B, R, S)`` draws; ``forced`` ``(B, R, S)`` names a tactic that must be taken, or is
    -1; ``allowed`` and ``default`` ``(R, S, K)`` are the guardrails' mask and what is done where it leaves nothing.
    """
    regions, segments, _, _ = scenario.shape
    menu = scenario.menu
    tactics = len(menu)
    uniform = graph.input("uniform", "float64", ("B", regions, segments))
    forced = graph.input("forced", "int64", ("B", regions, segments))
    allowed = graph.input("allowed", "float64", (regions, segments, tactics))
    default = graph.input("default", "float64", (regions, segments, tactics))

    masked = graph.add("Mul", probabilities, allowed)
    mass = graph.total(masked, 3, keep=True)
    left = graph.add("Greater", mass, graph.constant(0.0))
    free = graph.add(
        "Where", left, graph.add("Div", masked, graph.add("Where", left, mass, graph.constant(1.0))), default
    )
    must = graph.unsqueeze(forced, 3)
    is_free = graph.add("Less", must, graph.whole(0))
    own = graph.add("Cast", graph.add("Equal", must, graph.constant(np.arange(tactics, dtype=np.int64))), to=11)
    final = graph.add("Where", is_free, free, own)
    tactic = _draw(graph, final, uniform, tactics)
    propensity = graph.add("Squeeze", graph.add("GatherElements", final, graph.unsqueeze(tactic, 3), axis=3),
                           graph.constant([3]))  # fmt: skip

    cell = graph.add("Add", tactic, graph.constant(_offsets(regions * segments, tactics).reshape(regions, segments)))
    spend = graph.add("Mul", graph.rows_of(_spend_table(scenario), cell), graph.unsqueeze(inputs.day_budget, 1, 2, 3))
    region = graph.add("Add", tactic, graph.constant(_offsets(regions, tactics)[:, None]))
    timing = graph.rows_of(menu.timings[menu.timing].swapaxes(0, 1).reshape(regions * tactics, -1), region)
    dayparts = _dayparts(graph, spend, timing)
    ceiling = scenario.limits.discount_ceiling[:, :, None]
    discount = graph.rows_of(np.clip(menu.discount_frac, 0.0, ceiling).reshape(-1), cell)
    caps = Caps(graph, scenario.limits, budget=inputs.budget, region=inputs.region, channel=inputs.channel)
    _outputs(
        graph,
        scenario,
        spend=project_spend(graph, spend, scenario.limits, caps),
        dayparts=dayparts,
        discount=discount,
        mechanic=graph.rows_of(menu.mechanic.astype(np.int64), tactic),
    )
    graph.output(tactic, "tactic", "int64", ("B", regions, segments))
    graph.output(propensity, "propensity", "float64", ("B", regions, segments))
    graph.output(final, "probabilities", "float64", ("B", regions, segments, tactics))
    graph.output(mass, "allowed_mass", "float64", ("B", regions, segments, 1))


def finish_direct(
    graph: Graph,
    scenario: Scenario,
    inputs: Inputs,
    *,
    spend: str,
    dayparts: str,
    discount: str,
    mechanic: str,
    dayparts_fine: bool = False,
) -> None:
    """From a decision as the policy names it to one within the limits.

    Args:
        graph: The graph.
        scenario: The scenario.
        inputs: The inputs.
        spend: ``(B, R, S, C)``.
        dayparts: ``(B, R, C, H)``.
        discount: ``(B, R, S)``.
        mechanic: ``(B, R, S)``, int64.
        dayparts_fine: Whether the weights are known to be normalised.
    """
    limits = scenario.limits
    caps = Caps(graph, limits, budget=inputs.budget, region=inputs.region, channel=inputs.channel)
    _outputs(
        graph,
        scenario,
        spend=project_spend(graph, graph.at_least(spend, 0.0), limits, caps),
        dayparts=dayparts if dayparts_fine else normalise_dayparts(graph, dayparts, limits.audience),
        discount=clip_discount(graph, discount, limits.discount_ceiling),
        mechanic=mechanic,
    )


def _outputs(graph: Graph, scenario: Scenario, *, spend: str, dayparts: str, discount: str, mechanic: str) -> None:
    regions, segments, channels, parts = scenario.shape
    graph.output(spend, "spend_base", "float64", ("B", regions, segments, channels))
    graph.output(dayparts, "daypart_weights", "float64", ("B", regions, channels, parts))
    graph.output(discount, "discount_frac", "float64", ("B", regions, segments))
    graph.output(mechanic, "mechanic", "int64", ("B", regions, segments))


def _offsets(rows: int, width: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.arange(rows, dtype=np.int64) * width


def _draw(graph: Graph, probabilities: str, uniform: str, tactics: int) -> str:
    """The tactic whose interval of the cumulated probabilities holds the uniform number ``(B, R, S)``.

    The number is compared with shares of the cumulated sum itself, so that the last tactic with any probability
    catches what rounding leaves of the sum.
    """
    cumulative = graph.add("CumSum", probabilities, graph.whole(3))
    whole = graph.add("Gather", cumulative, graph.constant([tactics - 1]), axis=3)
    passed = graph.add("Less", cumulative, graph.add("Mul", graph.unsqueeze(uniform, 3), whole))
    return graph.total(graph.add("Cast", passed, to=7), 3)


def _spend_table(scenario: Scenario) -> FloatArray:
    """Spend of a cell with a tactic, as shares of the day's budget ``(R * S * K, C)``; as ``TacticMenu.decode``."""
    menu = scenario.menu
    shares = menu.cell_share[:, :, None] * menu.intensity  # (R, S, K)
    mixes = np.moveaxis(menu.mixes[menu.mix], 0, 2)  # (R, S, K, C)
    return (shares[..., None] * mixes).reshape(-1, mixes.shape[3])


def _dayparts(graph: Graph, spend: str, timing: str) -> str:
    """Daypart weights of a channel ``(B, R, C, H)``: its segments' timings ``(B, R, S, H)``, weighted by spend."""
    weighted = graph.add("MatMul", graph.add("Transpose", spend, perm=[0, 1, 3, 2]), timing)
    totals = graph.total(weighted, 3, keep=True)
    some = graph.add("Greater", totals, graph.constant(0.0))
    even = graph.add("ReduceMean", timing, graph.constant([2]), keepdims=1)
    safe = graph.add("Where", some, totals, graph.constant(1.0))
    return graph.add("Where", some, graph.add("Div", weighted, safe), even)
