"""What follows the scores in every graph: guardrail mask, draw, decoding, projection, and the outputs by name."""

import numpy as np

from xbopt.core.decisions.policy import Menu
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.bundle.schema import Schema, shape_of
from xbopt.service.exporting.decoding import decode
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
    tactic = _draw(graph, final, "uniform", tactics)
    propensity = graph.add("Squeeze", graph.add("GatherElements", final, graph.unsqueeze(tactic, 3), axis=3),
                           graph.constant([3]))  # fmt: skip

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
    _declare_outputs(
        graph,
        inputs.schema,
        spend_base=project_spend(graph, graph.at_least(spend, 0.0), limits, caps),
        daypart_weights=dayparts if dayparts_fine else normalise_dayparts(graph, dayparts, limits.audience),
        discount_frac=clip_discount(graph, discount, limits.discount_ceiling),
        mechanic=mechanic,
    )


def _declare_outputs(graph: Graph, schema: Schema, **tensors: str) -> None:
    """Give tensors to the outside, in the order of the schema."""
    for field in schema.outputs:
        graph.output(tensors[field.name], field.name, field.dtype, shape_of(field, schema, "B"))


def _draw(graph: Graph, probabilities: str, uniform: str, tactics: int) -> str:
    """The tactic whose interval of the cumulated probabilities holds the uniform number ``(B, R, S)``.

    The number is compared with shares of the cumulated sum itself, so that the last tactic with any probability
    catches what rounding leaves of the sum.
    """
    cumulative = graph.add("CumSum", probabilities, graph.whole(3))
    whole = graph.add("Gather", cumulative, graph.constant([tactics - 1]), axis=3)
    passed = graph.add("Less", cumulative, graph.add("Mul", graph.unsqueeze(uniform, 3), whole))
    return graph.total(graph.add("Cast", passed, to=7), 3)
