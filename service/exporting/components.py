"""Choices of components in a graph, put together to probabilities over the menu."""

from xbopt.env.components import MenuComponents
from xbopt.service.exporting.graph import Graph


def joint_choice(graph: Graph, components: MenuComponents, best: list[str], exploration: float) -> str:
    """Probabilities ``(B, R, S, K)``: the tactic made of the best choices, and a share of any.

    Args:
        graph: The graph.
        components: The menu taken apart.
        best: The best choice of each component ``(B, R, S, 1)``.
        exploration: Share drawn uniformly from the menu.
    """
    joint = ""
    for position, choice in enumerate(best):
        fits = graph.add("Equal", choice, graph.constant(components.choice[:, position].astype("int64")))
        joint = fits if not joint else graph.add("And", joint, fits)
    rest = exploration / len(components.choice)
    return graph.add("Where", joint, graph.constant((1.0 - exploration) + rest), graph.constant(rest))
