"""Graphs of bandits over notches around the re-planner: the levels that they take without exploring."""

import numpy as np

from xbopt.agents.bandits.gap_weighting import FastCb
from xbopt.agents.bandits.market_settings import CLOSED
from xbopt.agents.bandits.residual_bandits import RATE_SPREAD
from xbopt.agents.bandits.residual_context import BY_CELL, LARGEST_MOVE, LEARNT_KINDS
from xbopt.agents.bandits.residual_policy import ResidualBanditPolicy
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.factors import FactorKind
from xbopt.core.decisions.policy import Observation
from xbopt.service.exporting.bandits import bandit_predictions
from xbopt.service.exporting.features import FeatureTensors, feature_tensors
from xbopt.service.exporting.graph import Graph, as_float
from xbopt.service.exporting.inputs import Inputs
from xbopt.service.exporting.residual import neutral_levels


def bandit_levels(graph: Graph, inputs: Inputs, policy: ResidualBanditPolicy, wish: str, sample: Observation) -> str:
    """The best level of every factor ``(B, A)``, given what the anchor wants to spend ``(B, R, S, C)``.

    As ``ResidualBandits.best``; a kind that is closed is a constant.
    """
    factors, bandits = policy.factors, policy.bandits
    if all(policy.caution[kind] >= CLOSED for kind in LEARNT_KINDS):
        return neutral_levels(graph, inputs, factors)
    features = feature_tensors(graph, inputs, policy.context.layout, sample)
    levels: list[str] = []
    for kind in LEARNT_KINDS:
        at = bandits.at(kind)
        if policy.caution[kind] >= CLOSED:
            levels.append(graph.expand(graph.constant(factors.neutral[at][None]), inputs.budget, len(at)))
            continue
        rows = _rows(graph, inputs, policy, kind, features, wish)
        levels.append(graph.reshape(_best(graph, policy, kind, rows), -1, len(at)))
    # In the order of the factors.
    order: IntArray = np.argsort(np.concatenate([bandits.at(kind) for kind in LEARNT_KINDS]))
    return graph.add("Gather", graph.add("Concat", *levels, axis=1), graph.constant(order), axis=1)


def _best(graph: Graph, policy: ResidualBanditPolicy, kind: FactorKind, rows: str) -> str:
    """The level of each row ``(n, 1)``: the one with the highest score, neutral where none is above 0."""
    bandit, smooth = policy.bandits.bandits[kind], policy.bandits.smoothing(kind)
    caution, neutral = policy.caution[kind], len(smooth) // 2
    means, deviations = bandit_predictions(graph, bandit, rows, doubted=caution > 0.0)
    if isinstance(bandit, FastCb):
        means = graph.add("Mul", graph.add("Sub", means, graph.constant(0.5)), graph.constant(RATE_SPREAD))
    # Row and column of the neutral level are 0 here, so that its score is 0 too, exactly.
    score = graph.add("MatMul", means, graph.constant(as_float(smooth.T)))
    if caution > 0.0:
        variances = graph.add("Mul", deviations, deviations)
        doubts = graph.add("Sqrt", graph.add("MatMul", variances, graph.constant(as_float(smooth.T**2))))
        score = graph.add("Sub", score, graph.add("Mul", doubts, graph.constant(caution)))
    best = graph.add("ArgMax", score, axis=1, keepdims=1)
    above = graph.add("Greater", graph.add("GatherElements", score, best, axis=1), graph.constant(0.0))
    return graph.add("Where", above, best, graph.whole(neutral))


def _rows(
    graph: Graph, inputs: Inputs, policy: ResidualBanditPolicy, kind: FactorKind, features: FeatureTensors, wish: str
) -> str:
    """Contexts of a kind ``(n, d)``; as ``ResidualContext.rows``."""
    regions, segments, channels = policy.context.layout.shape
    cells = regions * segments
    which_cell: FloatArray = np.eye(cells).reshape(regions, segments, cells)

    def over(tensor: str, *lengths: int) -> str:
        """Repeated along axes of length 1."""
        return graph.add("Expand", tensor, graph.constant([1, *lengths, 1]))

    def known(*parts: FloatArray) -> str:
        """A constant 1 and what does not depend on the request."""
        shape = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
        wide = [np.broadcast_to(part, (*shape, part.shape[-1])) for part in (np.ones(1), *parts)]
        table = np.concatenate(wide, axis=-1)
        return graph.expand(graph.constant(as_float(table)), inputs.budget, *table.shape)

    if kind == "pace":
        means = (
            graph.add("ReduceMean", block, graph.constant(axes), keepdims=0)
            for block, axes in ((features.regions, [1]), (features.cells, [1, 2]))
        )
        parts = [graph.expand(graph.constant(np.ones((1, 1))), inputs.budget, 1), features.whole, *means]
    elif kind == "timing":
        parts = [known(np.eye(regions)), over(graph.unsqueeze(features.whole, 1), regions), features.regions]
    elif kind == "discount":
        parts = [
            known(which_cell),
            over(graph.unsqueeze(features.whole, 1, 2), regions, segments),
            over(graph.unsqueeze(features.regions, 2), 1, segments),
            features.cells,
            _told(graph, policy, features, which_cell),
        ]
    else:
        shown, trusted = _shown(graph, inputs, policy, features, wish)
        parts = [
            known(which_cell[:, :, None], np.eye(channels)),
            over(graph.unsqueeze(features.whole, 1, 2, 3), regions, segments, channels),
            over(graph.unsqueeze(features.regions, 2, 3), 1, segments, channels),
            over(graph.unsqueeze(features.cells, 3), 1, 1, channels),
            shown,
            trusted,
        ]
    return graph.reshape(graph.add("Concat", *parts, axis=-1), -1, len(policy.context.names[kind]))


def _told(graph: Graph, policy: ResidualBanditPolicy, features: FeatureTensors, which_cell: FloatArray) -> str:
    """What each cell is told apart on ``(B, R, S, R * S * k)``: its own entries, 0 for those of others."""
    context = policy.context
    names, own = context.layout.region_names, context.cell_seen
    columns: list[str] = []
    for name, scale in BY_CELL.items():
        at = own.index(name)
        in_region = at < len(names)
        block = graph.unsqueeze(features.regions, 2) if in_region else features.cells
        column = graph.add("Gather", block, graph.constant([at if in_region else at - len(names)]), axis=3)
        columns.append(graph.add("Mul", column, graph.constant(which_cell * scale)))
    # Cells outside, features inside: (B, R, S, R * S, k).
    apart = graph.add("Concat", *(graph.unsqueeze(column, 4) for column in columns), axis=4)
    return graph.reshape(apart, 0, 0, 0, -1)


def _shown(
    graph: Graph, inputs: Inputs, policy: ResidualBanditPolicy, features: FeatureTensors, wish: str
) -> tuple[str, str]:
    """What a channel shows and how far its wish is from the plan, alone and times how far to trust it."""
    layout = policy.context.layout
    planned = graph.rows_of(as_float(policy.context.plan.spend_base), inputs.day)
    zero, one = graph.constant(0.0), graph.constant(1.0)
    has = graph.add("And", graph.add("Greater", planned, zero), graph.add("Greater", wish, zero))
    multiple = graph.add("Div", graph.add("Where", has, wish, one), graph.add("Where", has, planned, one))
    move = graph.at_most(graph.at_least(graph.add("Log", multiple), -LARGEST_MOVE), LARGEST_MOVE)
    shown = graph.add("Concat", features.channels, graph.unsqueeze(move, 4), axis=4)
    trust = layout.channel_names.index("counted_log")
    others = [i for i in range(len(layout.channel_names) + 1) if i != trust]
    trusted = graph.add(
        "Mul",
        graph.add("Gather", shown, graph.constant(others), axis=4),
        graph.add("Gather", shown, graph.constant([trust]), axis=4),
    )
    return shown, trusted
