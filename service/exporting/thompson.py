"""Exact propensities of Thompson sampling in a graph: the integrals of ``agents/bandits/thompson.py``.

Gauss-Legendre panels run from the highest score downward, each as wide as the narrowest score at hand allows, until
nothing is left; all rows take their own panels side by side.
"""

from xbopt.agents.bandits.compiled_thompson import NODES, NOTHING_LEFT, RELEVANT_SD, WEIGHTS, ZONE_EDGE, ZONE_STEP
from xbopt.service.exporting.graph import Graph
from xbopt.service.exporting.normal import normal_cdf

_CERTAIN = 1e-12
_NOWHERE = -1e300
_PANELS_A_SCORE = 9
_DENSITY = 0.3989422804014327  # 1 / sqrt(2 pi)


def thompson_probabilities(graph: Graph, mean: str, sd: str, actions: int) -> str:
    """Probability that an action's Gaussian score is the highest ``(n, K)``; means and deviations ``(n, K)``."""
    nowhere = graph.constant(_NOWHERE)

    def best(tensor: str) -> str:
        return graph.add("ReduceMax", tensor, graph.constant([1]), keepdims=1)

    size = graph.add("Add", graph.add("Abs", mean), best(sd))
    certain = graph.add("LessOrEqual", sd, graph.add("Mul", size, graph.constant(_CERTAIN)))
    known = best(graph.add("Where", certain, mean, nowhere))
    reach = graph.add("Mul", sd, graph.constant(RELEVANT_SD))
    lower = graph.add("Where", certain, nowhere, graph.add("Sub", mean, reach))
    upper = graph.add("Where", certain, nowhere, graph.add("Add", mean, reach))
    low = graph.add("Max", best(lower), known)
    live = graph.add("Greater", upper, low)
    high = graph.add("Max", best(graph.add("Where", live, upper, nowhere)), low)
    # A score that cannot be the highest lies far below: its distribution function is 1 and its density 0.
    centre = graph.add("Where", live, mean, nowhere)
    spread = graph.add("Where", live, sd, graph.constant(1.0))
    edge = graph.add("Mul", spread, graph.constant(ZONE_EDGE))
    top, bottom = graph.add("Add", centre, edge), graph.add("Sub", centre, edge)

    body = _panel(centre=centre, spread=spread, top=top, bottom=bottom, low=low, actions=actions)
    nothing = graph.add("Mul", graph.add("Where", live, sd, graph.constant(0.0)), graph.constant(0.0))
    going = _any(graph, graph.add("Greater", high, low))
    _, total = graph.loop(body, _PANELS_A_SCORE * actions + 20, going, high, nothing)

    tied = graph.add("Cast", graph.add("And", certain, graph.add("Equal", mean, known)), to=11)
    below = normal_cdf(graph, graph.add("Div", graph.add("Sub", known, centre), spread))
    alone = graph.add("Exp", graph.total(graph.add("Log", below), 1, keep=True))
    shared = graph.add("Div", alone, graph.at_least(graph.total(tied, 1, keep=True), 1.0))
    total = graph.add("Add", total, graph.add("Mul", tied, shared))
    return graph.add("Div", total, graph.total(total, 1, keep=True))


def _any(graph: Graph, flags: str) -> str:
    """Whether any of the flags ``(n, 1)`` is set; a scalar."""
    number = graph.add("Cast", flags, to=7)
    most = graph.add("ReduceMax", number, keepdims=0)
    return graph.add("Greater", most, graph.whole(0))


def _panel(*, centre: str, spread: str, top: str, bottom: str, low: str, actions: int) -> Graph:
    """The body of the loop: one panel of every row, from ``z`` ``(n, 1)`` down to its edge."""
    graph = Graph("panel_")
    graph.input("panel_number", "int64", ())
    graph.input("panel_going", "bool", ())
    z = graph.input("panel_z", "float64", ("n", 1))
    total = graph.input("panel_total", "float64", ("n", actions))
    step = graph.add("Sub", z, graph.add("Mul", spread, graph.constant(ZONE_STEP)))
    inside = graph.add("Where", graph.add("Greater", z, bottom), step, low)
    edges = graph.add("Where", graph.add("Greater", z, top), graph.add("Sub", top, spread), inside)
    edge = graph.add("Max", graph.add("ReduceMax", edges, graph.constant([1]), keepdims=1), low)
    half = graph.add("Mul", graph.add("Sub", z, edge), graph.constant(0.5))
    points = graph.add("Add", edge, graph.add("Mul", half, graph.constant(1.0 + NODES)))  # (n, nodes)
    weights = graph.add("Mul", half, graph.constant(WEIGHTS))
    t = graph.add(
        "Div", graph.add("Sub", graph.unsqueeze(points, 2), graph.unsqueeze(centre, 1)), graph.unsqueeze(spread, 1)
    )  # (n, nodes, K)
    below = normal_cdf(graph, t)
    # The product of all, divided by one's own: none is ever 0.
    all_below = graph.add("Exp", graph.total(graph.add("Log", below), 2, keep=True))  # (n, nodes, 1)
    bell = graph.add("Exp", graph.add("Mul", graph.add("Mul", t, t), graph.constant(-0.5)))
    density = graph.add("Div", graph.add("Mul", bell, graph.constant(_DENSITY)), graph.unsqueeze(spread, 1))
    part = graph.add("Mul", graph.add("Div", density, below), all_below)
    part = graph.total(graph.add("Mul", part, graph.unsqueeze(weights, 2)), 1)
    lowest = graph.add("Squeeze", graph.add("Gather", all_below, graph.constant([len(NODES) - 1]), axis=1),
                       graph.constant([2]))  # fmt: skip
    spent = graph.add("Less", lowest, graph.constant(NOTHING_LEFT))
    after = graph.add("Where", spent, low, edge)
    graph.output(_any(graph, graph.add("Greater", after, low)), "panel_go_on", "bool", ())
    graph.output(after, "panel_z_out", "float64", ("n", 1))
    graph.output(graph.add("Add", total, part), "panel_total_out", "float64", ("n", actions))
    return graph
