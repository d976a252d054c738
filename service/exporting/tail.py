"""What follows the scores in every graph: guardrail mask, draw, decoding, projection, and the outputs by name."""

from collections.abc import Callable

import numpy as np

from xbopt.core.arrays import IntArray
from xbopt.core.decisions.factors import Factors
from xbopt.core.decisions.policy import Menu
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.bundle.schema import Schema, shape_of
from xbopt.service.exporting.decoding import Decoded, decode
from xbopt.service.exporting.graph import Graph
from xbopt.service.exporting.inputs import Inputs
from xbopt.service.exporting.projection import Caps, clip_discount, normalise_dayparts, project_spend


def finish_tactics(graph: Graph, scenario: Scenario, inputs: Inputs, probabilities: str, menu: Menu) -> None:
    """From probabilities ``(B, R, S, K)`` over a menu to the drawn decision.

    Further inputs: ``uniform`` ``(B, R, S)`` draws; ``forced`` ``(B, R, S)`` names a tactic that must be taken, or is
    -1; ``allowed`` and ``default`` ``(R, S, K)`` are the guardrails' mask and what is done where it leaves nothing.
    """
    tactics = len(menu)
    masked = graph.add("Mul", probabilities, "allowed")
    mass = graph.total(masked, 3, keep=True)
    left = graph.add("Greater", mass, graph.constant(0.0))
    free = graph.add(
        "Where", left, graph.add("Div", masked, graph.add("Where", left, mass, graph.constant(1.0))), "default"
    )
    must = graph.unsqueeze("forced", 3)
    is_free = graph.add("Less", must, graph.whole(0))
    own = graph.add("Cast", graph.add("Equal", must, graph.constant(np.arange(tactics, dtype=np.int64))), to=11)
    final = graph.add("Where", is_free, free, own)
    tactic, propensity = _draw(graph, final, tactics, axis=3)

    decoded = decode(graph, scenario, inputs, tactic, menu)
    caps = Caps(graph, scenario.limits, budget=inputs.budget, region=inputs.region, channel=inputs.channel)
    _declare_outputs(
        graph,
        inputs.schema,
        spend_base=project_spend(graph, decoded.spend, scenario.limits, caps),
        daypart_weights=decoded.dayparts,
        discount_frac=decoded.discount,
        mechanic=decoded.mechanic,
        tactic=tactic,
        propensity=propensity,
        probabilities=final,
        allowed_mass=mass,
    )


def finish_factors(
    graph: Graph,
    scenario: Scenario,
    inputs: Inputs,
    probabilities: str,
    factors: Factors,
    decoded_by: Callable[[str], Decoded],
) -> None:
    """From probabilities of levels ``(B, A, L)`` to the drawn decision.

    Further inputs: ``uniform`` ``(B, A)`` draws; ``forced`` ``(B, A)`` names a level that must be taken, or is -1.

    Args:
        graph: The graph.
        scenario: The scenario.
        inputs: The inputs.
        probabilities: Of every level.
        factors: The factors.
        decoded_by: The decision of levels ``(B, A)``.
    """
    every: IntArray = np.arange(factors.most_levels, dtype=np.int64)
    must = graph.unsqueeze("forced", 2)
    is_free = graph.add("Less", must, graph.whole(0))
    own = graph.add("Cast", graph.add("Equal", must, graph.constant(every)), to=11)
    final = graph.add("Where", is_free, probabilities, own)
    levels, propensity = _draw(graph, final, factors.most_levels, axis=2)
    decoded = decoded_by(levels)
    finish_direct(
        graph,
        scenario,
        inputs,
        spend=decoded.spend,
        dayparts=decoded.dayparts,
        discount=decoded.discount,
        mechanic=decoded.mechanic,
        levels=levels,
        propensity=propensity,
        probabilities=final,
    )


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
    **drawn: str,
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
        drawn: Further outputs of the schema, of a policy that draws.
    """
    limits = scenario.limits
    caps = Caps(graph, limits, budget=inputs.budget, region=inputs.region, channel=inputs.channel)
    _declare_outputs(
        graph,
        inputs.schema,
        spend_base=project_spend(graph, graph.at_least(spend, 0.0), limits, caps),
        daypart_weights=dayparts if dayparts_fine else normalise_dayparts(graph, dayparts, limits.audience),
        discount_frac=clip_discount(graph, discount, limits.discount_ceiling),
        mechanic=mechanic,
        **drawn,
    )


def _declare_outputs(graph: Graph, schema: Schema, **tensors: str) -> None:
    """Give tensors to the outside, in the order of the schema."""
    for field in schema.outputs:
        graph.output(tensors[field.name], field.name, field.dtype, shape_of(field, schema, "B"))


def _draw(graph: Graph, probabilities: str, choices: int, *, axis: int) -> tuple[str, str]:
    """The choice whose interval of the probabilities cumulated along the last axis holds ``uniform``; its probability.

    The number is compared with shares of the cumulated sum itself, so that the last choice with any probability
    catches what rounding leaves of the sum.
    """
    cumulative = graph.add("CumSum", probabilities, graph.whole(axis))
    whole = graph.add("Gather", cumulative, graph.constant([choices - 1]), axis=axis)
    passed = graph.add("Less", cumulative, graph.add("Mul", graph.unsqueeze("uniform", axis), whole))
    chosen = graph.total(graph.add("Cast", passed, to=7), axis)
    own = graph.add("GatherElements", probabilities, graph.unsqueeze(chosen, axis), axis=axis)
    return chosen, graph.add("Squeeze", own, graph.constant([axis]))
