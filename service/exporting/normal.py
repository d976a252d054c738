"""The normal distribution function in a graph: onnxruntime has no error function in float64."""

from xbopt.service.exporting.graph import Graph

# West 2005, "Better approximations to cumulative normal functions" (Wilmott Magazine), after Hart 1968, 5666: a ratio
# of polynomials, highest power first, to 1e-15.
_UPPER = (
    3.52624965998911e-02, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871, 221.213596169931,
    220.206867912376,
)  # fmt: skip
_LOWER = (
    8.83883476483184e-02, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674, 637.333633378831,
    793.826512519948, 440.413735824752,
)  # fmt: skip
_FARTHEST = 7.07
"""Beyond this the function counts as constant: 7.8e-13 from its end."""


def normal_cdf(graph: Graph, t: str) -> str:
    """The probability that a standard normal number lies below ``t``; never below 7e-13."""
    x = graph.at_most(graph.add("Abs", t), _FARTHEST)
    bell = graph.add("Exp", graph.add("Mul", graph.add("Mul", x, x), graph.constant(-0.5)))
    tail = graph.add("Div", graph.add("Mul", bell, _polynomial(graph, x, _UPPER)), _polynomial(graph, x, _LOWER))
    above = graph.add("Greater", t, graph.constant(0.0))
    return graph.add("Where", above, graph.add("Sub", graph.constant(1.0), tail), tail)


def _polynomial(graph: Graph, x: str, coefficients: tuple[float, ...]) -> str:
    value = graph.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        value = graph.add("Add", graph.add("Mul", value, x), graph.constant(coefficient))
    return value
