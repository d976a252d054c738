"""Graphs of factored policies: probabilities of levels, and notches around the decision of an anchor policy.

As ``env/residual_actions.py``: powers of steps stand in tables, so that the graph multiplies by the same numbers.
"""

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.factors import FactorKind, Factors, one_notch_exploration
from xbopt.env.residual_actions import DISCOUNT_STEP, PACE_STEP, SPEND_STEP, TIMING_STEP, ResidualActions
from xbopt.service.exporting.decoding import Decoded
from xbopt.service.exporting.graph import Graph, as_float
from xbopt.service.exporting.inputs import Inputs


def neutral_levels(graph: Graph, inputs: Inputs, factors: Factors) -> str:
    """The anchor's own levels ``(B, A)``, for every row of a request."""
    return graph.expand(graph.constant(factors.neutral[None]), inputs.budget, len(factors))


def nearest_levels(graph: Graph, factors: Factors, locations: str) -> str:
    """The level of each factor that is nearest to a location ``(B, A)``, the lower of two as near.

    ``ceil(x - 1/2)`` within the factor's levels: the number of midpoints between levels that lie below the location.
    """
    midpoints = np.arange(factors.most_levels - 1) + 0.5
    within = np.where(midpoints < factors.levels[:, None] - 1, midpoints, np.inf)
    passed = graph.add("Greater", graph.unsqueeze(locations, 2), graph.constant(within))
    return graph.total(graph.add("Cast", passed, to=7), 2)


def one_notch(graph: Graph, factors: Factors, own: str, share: float) -> str:
    """Probability of every level ``(B, A, L)`` by own levels ``(B, A)``: rows of ``one_notch_exploration`` itself."""
    most = factors.most_levels
    table = np.stack(
        [one_notch_exploration(factors, np.minimum(level, factors.levels - 1)[None], share)[0] for level in range(most)]
    )
    first: IntArray = np.arange(len(factors), dtype=np.int64) * most
    rows = graph.add("Add", own, graph.constant(first))
    return graph.rows_of(as_float(table.swapaxes(0, 1).reshape(len(factors) * most, most)), rows)


def decode_levels(graph: Graph, actions: ResidualActions, anchor: Decoded, levels: str) -> Decoded:
    """The decision of levels ``(B, A)`` around an anchor's decision; as ``ResidualActions.decode``."""
    factors = actions.factors
    regions, channels, dayparts = actions.tilt.shape
    segments = actions.ceiling.shape[1]

    def part(kind: FactorKind, *shape: int) -> tuple[str, FloatArray]:
        """The levels of a kind ``(B, *shape)``, and how many notches each level is from the middle."""
        places = [i for i, one in enumerate(factors.kinds) if one == kind]
        own = graph.add("Gather", levels, graph.constant(places), axis=1)
        notches = np.arange(int(factors.levels[places[0]]), dtype=np.float64) - factors.neutral[places[0]]
        return graph.reshape(own, -1, *shape), notches

    pace, of_pace = part("pace", 1, 1, 1)
    spend, of_spend = part("spend", regions, segments, channels)
    multiple = graph.add("Mul", graph.rows_of(PACE_STEP**of_pace, pace), graph.rows_of(SPEND_STEP**of_spend, spend))

    timing, of_timing = part("timing", regions)
    tilts = TIMING_STEP ** (of_timing[:, None, None] * actions.tilt[:, None])  # (R, L, C, H)
    first: IntArray = np.arange(regions, dtype=np.int64) * len(of_timing)
    row = graph.add("Add", timing, graph.constant(first))
    weights = graph.add("Mul", anchor.dayparts, graph.rows_of(as_float(tilts.reshape(-1, channels, dayparts)), row))
    even = graph.add("Div", weights, graph.total(weights, 3, keep=True))
    untilted = graph.unsqueeze(graph.add("Equal", timing, graph.whole(int(np.argmin(np.abs(of_timing))))), 2, 3)

    discount, of_discount = part("discount", regions, segments)
    deeper = graph.add("Add", anchor.discount, graph.rows_of(DISCOUNT_STEP * of_discount, discount))
    moved = graph.add("Min", graph.at_least(deeper, 0.0), graph.constant(actions.ceiling))
    kept = graph.add("Equal", discount, graph.whole(int(np.argmin(np.abs(of_discount)))))
    return Decoded(
        spend=graph.add("Mul", anchor.spend, multiple),
        dayparts=graph.add("Where", untilted, anchor.dayparts, even),
        discount=graph.add("Where", kept, anchor.discount, moved),
        mechanic=anchor.mechanic,
    )
