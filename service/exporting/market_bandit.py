"""Graphs of bandits that were trained in a market: the best choice of every component, with a share of exploration."""

import numpy as np

from xbopt.agents.bandits.market_policy import MarketBanditPolicy
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import Observation
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.exporting.bandits import bandit_predictions
from xbopt.service.exporting.components import joint_choice
from xbopt.service.exporting.features import FeatureTensors, feature_tensors
from xbopt.service.exporting.graph import Graph, as_float
from xbopt.service.exporting.inputs import Inputs
from xbopt.service.exporting.tail import finish_tactics

_LEAST_LEFT = 1e-3


def market_bandit_graph(
    graph: Graph, scenario: Scenario, inputs: Inputs, policy: MarketBanditPolicy, sample: Observation
) -> None:
    """The graph of a trained bandit."""
    regions, segments, _, _ = scenario.shape
    features = feature_tensors(graph, inputs, policy.context.layout, sample)
    rows = _rows(graph, features, regions, segments)
    shift = _shift(graph, inputs, policy)
    components = policy.bandit.components
    neutral = components.choice[policy.context.menu.neutral]
    best: list[str] = []
    for position, bandit in enumerate(policy.bandit.bandits):
        own = graph.constant([int(neutral[position])])
        caution = policy.caution[position]
        mean, spread = bandit_predictions(graph, bandit, rows, doubted=caution > 0.0)
        if shift:
            dearer = graph.add("Mul", graph.unsqueeze(shift, 1, 2, 3), _marginal(graph, inputs, policy, position))
            mean = graph.add("Sub", mean, graph.reshape(dearer, -1, components.sizes[position]))
        gain = graph.add("Sub", mean, graph.add("Gather", mean, own, axis=1))
        if caution > 0.0:
            of_own = graph.add("Gather", spread, own, axis=1)
            both = graph.add("Add", graph.add("Mul", spread, spread), graph.add("Mul", of_own, of_own))
            other = (np.arange(components.sizes[position]) != neutral[position]).astype(np.float64)
            doubt = graph.add("Mul", graph.add("Sqrt", both), graph.constant(caution * other))
            gain = graph.add("Sub", gain, doubt)
        chosen = graph.add("ArgMax", gain, axis=1, keepdims=1)
        best.append(graph.reshape(chosen, -1, regions, segments, 1))
    probabilities = joint_choice(graph, components, best, policy.exploration)
    finish_tactics(graph, scenario, inputs, probabilities, policy.menu)


def _rows(graph: Graph, features: FeatureTensors, regions: int, segments: int) -> str:
    """Contexts ``(B * R * S, d)``; as ``MarketContext.rows``."""
    cells = regions * segments
    which = np.concatenate([np.ones((cells, 1)), np.eye(cells)], axis=1).reshape(regions, segments, cells + 1)
    by_region = graph.add("Expand", graph.unsqueeze(features.regions, 2), graph.constant([1, 1, segments, 1]))
    whole = graph.add("Expand", graph.unsqueeze(features.whole, 1, 2), graph.constant([1, regions, segments, 1]))
    channels = graph.add("Reshape", features.channels, graph.constant([0, 0, 0, -1]))
    row = graph.add(
        "Concat",
        graph.expand(graph.constant(as_float(which)), features.cells, *which.shape),
        whole,
        by_region,
        features.cells,
        channels,
        axis=3,
    )
    width = graph.add("Shape", row, start=3, end=4)
    return graph.add("Reshape", row, graph.add("Concat", graph.constant([-1]), width, axis=0))


def _shift(graph: Graph, inputs: Inputs, policy: MarketBanditPolicy) -> str:
    """Price times pacing times how much dearer money has become ``(B,)``; empty text where it never does."""
    anchor = policy.context.layout.anchor
    factor = policy.price * policy.pacing
    if factor == 0.0 or anchor.has_reserve:
        return ""
    planned = np.array([float(anchor.spend_base[day:].sum()) for day in range(inputs.days)])
    some = planned > 0.0
    # Where the plan has nothing left to spend, the logarithm is of 1.
    to_come = graph.rows_of(np.where(some, planned, 1.0), inputs.day)
    left = graph.add("Max", inputs.budget, graph.rows_of(np.where(some, _LEAST_LEFT * planned, 1.0), inputs.day))
    left = graph.add("Where", graph.add("Greater", graph.rows_of(some.astype(np.float64), inputs.day),
                                        graph.constant(0.0)), left, graph.constant(1.0))  # fmt: skip
    return graph.add("Mul", graph.add("Log", graph.add("Div", to_come, left)), graph.constant(factor))


def _marginal(graph: Graph, inputs: Inputs, policy: MarketBanditPolicy, position: int) -> str:
    """What each choice of a component spends more than the plan on the day ``(B, R, S, size)``, in the cells' units."""
    components = policy.bandit.components
    choice, size = components.choice[:, position], components.sizes[position]
    table: FloatArray = (choice[:, None] == np.arange(size)).astype(np.float64)
    by_day = np.stack([policy.context.extra_cost(day) @ (table / table.sum(axis=0)) for day in range(inputs.days)])
    return graph.rows_of(as_float(by_day), inputs.day)
