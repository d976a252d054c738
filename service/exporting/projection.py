"""The projection of ``core.feasibility`` as part of a graph: floors, maximums, region, channel and day caps, in order.

Where a scenario has no floors or no maximums, they get no node. A sum that comes within
1e-11 of its cap is scaled down by that much where core leaves it: a thousandth of a cent in a million.
"""

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.limits import Limits
from xbopt.service.exporting.graph import Graph

# The same numbers as in core.feasibility: caps are aimed at with a margin for rounding, and so little money is none.
_MARGIN = 1e-11
_LEAST = 1e-200
# Infinity less a share of infinity is no number.
_MOST = 1e300
_EVEN_SUM = 1e-12

_MAXIMUM, _REGION, _CHANNEL, _DAY = (2,), (2, 3), (1, 2), (1, 2, 3)


class Caps:
    """What one day may spend; tensors with the axes of spend ``(B, R, S, C)``, length 1 where summed.

    Args:
        graph: The graph.
        limits: The scenario's limits.
        budget: Money left ``(B,)``.
        region: Money left by region ``(B, R)``.
        channel: Money left by channel ``(B, C)``.
    """

    def __init__(self, graph: Graph, limits: Limits, *, budget: str, region: str, channel: str) -> None:
        day = graph.at_most(budget, limits.daily_base)
        # A request may name caps that the scenario has not, so all of them are looked at.
        caps: list[tuple[tuple[int, ...], str]] = [
            (_REGION, graph.unsqueeze(region, 2, 3)),
            (_CHANNEL, graph.unsqueeze(channel, 1, 2)),
            (_DAY, graph.unsqueeze(day, 1, 2, 3)),
        ]
        if np.isfinite(limits.maximum_base).any():
            caps.insert(0, (_MAXIMUM, graph.constant(limits.maximum_base[None, :, None, :])))
        # A market may have run over before it came here; less than nothing cannot be spent. The margin covers sums
        # that are added in another order than core adds them, so that a cap holds whoever adds up.
        self.caps = [(axes, _aim(graph, cap)) for axes, cap in caps]


def _aim(graph: Graph, cap: str) -> str:
    """The cap but for its margin; zero where it is too little to be money.

    A product with ``1 - 1e-11`` would say the same, but onnxruntime takes that factor for 1 and leaves it out.
    """
    less = graph.add("Sub", cap, graph.add("Mul", graph.at_most(cap, _MOST), graph.constant(_MARGIN)))
    return graph.add("Where", graph.add("Less", cap, graph.constant(_LEAST)), graph.constant(0.0), less)


def project_spend(graph: Graph, spend: str, limits: Limits, caps: Caps) -> str:
    """Spend ``(B, R, S, C)`` within floors and caps; a spend that keeps them comes out as it went in."""
    floor: FloatArray = np.where(limits.locked, limits.lock_base, limits.minimum_base)
    if not (floor.any() or limits.locked.any()):
        return _scaled(graph, spend, caps.caps)
    # The floors of one day, for every world of the batch.
    zero = graph.add("Mul", _slim(graph, caps), graph.constant(0.0))
    floors = graph.add("Add", zero, graph.constant(floor))
    paid = _scaled(graph, floors, caps.caps)
    kept_as_paid = graph.add("Or", graph.constant(limits.locked), graph.add("Less", paid, floors))
    spend = graph.add("Where", kept_as_paid, paid, graph.add("Max", spend, paid))
    room = [
        (axes, graph.at_least(graph.add("Sub", cap, graph.total(paid, *axes, keep=True)), 0.0))
        for axes, cap in caps.caps
    ]
    above = graph.add("Add", paid, _scaled(graph, graph.add("Sub", spend, paid), room))
    return graph.add("Where", _kept(graph, spend, caps), spend, above)


def _slim(graph: Graph, caps: Caps) -> str:
    """A finite tensor ``(B, 1, 1, 1)``: it lends its length to constants."""
    _, day = caps.caps[-1]
    return graph.at_most(day, 1.0)


def _kept(graph: Graph, spend: str, caps: Caps) -> str:
    """Whether a world keeps all caps ``(B, 1, 1, 1)``."""
    kept = ""
    for axes, cap in caps.caps:
        fine = graph.add("LessOrEqual", graph.total(spend, *axes, keep=True), cap)
        if axes != _DAY:
            number = graph.add("Cast", fine, to=11)  # a double: it can be reduced
            rest = graph.constant([1, 2, 3])
            fine = graph.add("Cast", graph.add("ReduceMin", number, rest, keepdims=1), to=9)
        kept = fine if not kept else graph.add("And", kept, fine)
    return kept


def _scaled(graph: Graph, spend: str, caps: list[tuple[tuple[int, ...], str]]) -> str:
    """Scale spend down to the caps, one after the other."""
    for axes, cap in caps:
        total = graph.at_least(graph.total(spend, *axes, keep=True), _LEAST)
        factor = graph.at_most(graph.add("Div", cap, total), 1.0)
        spend = graph.add("Mul", spend, factor)
    return spend


def clip_discount(graph: Graph, discount: str, ceiling: FloatArray) -> str:
    """Discounts ``(B, R, S)`` between zero and the ceiling ``(R, S)``."""
    return graph.add("Min", graph.at_least(discount, 0.0), graph.constant(ceiling))


def normalise_dayparts(graph: Graph, weights: str, audience: FloatArray) -> str:
    """Daypart weights ``(B, R, C, H)``, non-negative, that sum to 1; empty rows follow the audience ``(R, H)``."""
    positive = graph.at_least(weights, 0.0)
    totals = graph.total(positive, 3, keep=True)
    some = graph.add("Greater", totals, graph.constant(0.0))
    safe = graph.add("Where", some, totals, graph.constant(1.0))
    shares = graph.add("Where", some, graph.add("Div", positive, safe), graph.constant(audience[:, None, :]))
    given = graph.total(weights, 3, keep=True)
    even = graph.add(
        "LessOrEqual",
        graph.add("Abs", graph.add("Sub", given, graph.constant(1.0))),
        graph.constant(_EVEN_SUM),
    )
    least = graph.add("ReduceMin", weights, graph.constant([3]), keepdims=1)
    fine = graph.add("And", even, graph.add("GreaterOrEqual", least, graph.constant(0.0)))
    return graph.add("Where", fine, weights, shares)
