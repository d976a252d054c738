"""From tactics to decisions inside a graph: the scenario's menu, and a menu relative to a plan.

As ``Menu.decode`` of both: what does not depend on the request stands in tables.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.anchored_menu import AnchoredMenu
from xbopt.core.decisions.menu import TacticMenu
from xbopt.core.decisions.policy import Menu
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.exporting.graph import Graph, as_float
from xbopt.service.exporting.inputs import Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Names of the tensors of a decision before its spend is projected; discounts keep their ceiling already.

    Attributes:
        spend: ``(B, R, S, C)``.
        dayparts: ``(B, R, C, H)``.
        discount: ``(B, R, S)``.
        mechanic: ``(B, R, S)``.
    """

    spend: str
    dayparts: str
    discount: str
    mechanic: str


def decode(graph: Graph, scenario: Scenario, inputs: Inputs, tactic: str, menu: Menu) -> Decoded:
    """The decision of tactics ``(B, R, S)`` of a menu.

    Raises:
        PolicyError: There is no graph for this kind of menu.
    """
    if isinstance(menu, TacticMenu):
        return _decode_menu(graph, scenario, inputs, tactic, menu)
    if isinstance(menu, AnchoredMenu):
        return _decode_anchored(graph, scenario, inputs, tactic, menu)
    raise PolicyError(f"There is no graph for a {type(menu).__name__} yet, so its policy cannot be exported.")


def _decode_menu(graph: Graph, scenario: Scenario, inputs: Inputs, tactic: str, menu: TacticMenu) -> Decoded:
    """The decision of tactics ``(B, R, S)`` of the scenario's own menu."""
    regions, segments = menu.cell_share.shape
    tactics = len(menu)
    cell = graph.add("Add", tactic, graph.constant(_offsets(regions * segments, tactics).reshape(regions, segments)))
    shares = menu.cell_share[:, :, None] * menu.intensity  # (R, S, K)
    mixes = np.moveaxis(menu.mixes[menu.mix], 0, 2)  # (R, S, K, C)
    table = (shares[..., None] * mixes).reshape(-1, mixes.shape[3])
    spend = graph.add("Mul", graph.rows_of(table, cell), graph.unsqueeze(inputs.day_budget, 1, 2, 3))
    region = graph.add("Add", tactic, graph.constant(_offsets(regions, tactics)[:, None]))
    timings = menu.timings[menu.timing].swapaxes(0, 1).reshape(regions * tactics, -1)
    depths = np.clip(menu.discount_frac, 0.0, scenario.limits.discount_ceiling[:, :, None])
    return Decoded(
        spend=spend,
        dayparts=_spread(graph, spend, graph.rows_of(as_float(timings), region)),
        discount=graph.rows_of(as_float(depths.reshape(-1)), cell),
        mechanic=graph.rows_of(menu.mechanic.astype(np.int64), tactic),
    )


def _spread(graph: Graph, spend: str, timing: str) -> str:
    """Daypart weights of a channel ``(B, R, C, H)``: its segments' timings ``(B, R, S, H)``, weighted by spend."""
    weighted = graph.add("MatMul", graph.add("Transpose", spend, perm=[0, 1, 3, 2]), timing)
    even = graph.add("ReduceMean", timing, graph.constant([2]), keepdims=1)
    return _shares(graph, weighted, even)


def _shares(graph: Graph, weighted: str, otherwise: str) -> str:
    """Rows along the last axis, divided by their sums; ``otherwise`` where the sum is zero."""
    totals = graph.total(weighted, 3, keep=True)
    some = graph.add("Greater", totals, graph.constant(0.0))
    safe = graph.add("Where", some, totals, graph.constant(1.0))
    return graph.add("Where", some, graph.add("Div", weighted, safe), otherwise)


def _decode_anchored(graph: Graph, scenario: Scenario, inputs: Inputs, tactic: str, anchored: AnchoredMenu) -> Decoded:
    """The decision of tactics ``(B, R, S)`` of a menu relative to a plan."""
    menu, anchor = anchored.base, anchored.anchor
    days, regions, segments, channels = anchor.split.shape
    tactics, mixes = len(menu), len(menu.mixes)
    # Where a cell of the day stands in tables that have one row a day and cell.
    places = _offsets(regions * segments, 1).reshape(regions, segments)
    first = graph.unsqueeze(graph.add("Mul", inputs.day, graph.whole(regions * segments)), 1, 2)
    place = graph.add("Add", first, graph.constant(places))

    money = day_money(graph, inputs, anchor)
    cell = anchor.split.sum(axis=3)  # (T, R, S)
    planned = anchor.split / np.where(cell > 0.0, cell, 1.0)[..., None]
    table = np.broadcast_to(menu.mixes[None], (days, mixes, regions, segments, channels)).copy()
    own = anchored.own_mix
    table[:, own] = np.where(cell[..., None] > 0.0, planned, table[:, own])
    by_mix = np.moveaxis(table, 1, 3).reshape(days * regions * segments * mixes, channels)
    mix_row = graph.add("Add", graph.add("Mul", place, graph.whole(mixes)), graph.rows_of(_whole(menu.mix), tactic))
    amount = graph.add("Mul", graph.unsqueeze(money, 1, 2), graph.rows_of(as_float(cell), inputs.day))
    amount = graph.add("Mul", amount, graph.rows_of(as_float(menu.intensity), tactic))
    spend = graph.add("Mul", graph.unsqueeze(amount, 3), graph.rows_of(as_float(by_mix), mix_row))

    # The smallest discount stands for the plan's own of the day.
    is_own = menu.discount_frac == anchored.smallest_discount
    depth = np.where(is_own, anchor.discount_frac[..., None], menu.discount_frac)  # (T, R, S, K)
    depth = np.clip(depth, 0.0, scenario.limits.discount_ceiling[..., None])
    mechanic = np.where(is_own, anchor.mechanic[..., None], menu.mechanic)
    tactic_row = graph.add("Add", graph.add("Mul", place, graph.whole(tactics)), tactic)
    return Decoded(
        spend=spend,
        dayparts=_anchored_dayparts(graph, spend, tactic, anchored),
        discount=graph.rows_of(as_float(depth.reshape(-1)), tactic_row),
        mechanic=graph.rows_of(_whole(mechanic.reshape(-1)), tactic_row),
    )


def day_money(graph: Graph, inputs: Inputs, anchor: Anchor) -> str:
    """The money of the day of a plan that is followed ``(B,)``; as ``Anchor.day_daily_base``."""
    left = inputs.budget
    if anchor.has_reserve:
        # Summed as the plan itself does, day by day: rounding is the same.
        rest = np.array([float(anchor.spend_base[day:].sum()) for day in range(len(anchor.spend_base))])
        left = graph.add("Min", left, graph.rows_of(rest, inputs.day))
    return graph.add("Mul", left, graph.rows_of(as_float(anchor.rest_share), inputs.day))


def _anchored_dayparts(graph: Graph, spend: str, tactic: str, anchored: AnchoredMenu) -> str:
    """Daypart weights ``(B, R, C, H)``: those of the segments' timings, weighted by their spend."""
    menu, planned = anchored.base, anchored.anchor.daypart_weights
    regions, channels, dayparts = planned.shape
    rows = np.broadcast_to(menu.timings[:, :, None, :], (len(menu.timings), regions, channels, dayparts)).copy()
    rows[anchored.own_timing] = planned
    by_region = rows.swapaxes(0, 1)[:, menu.timing].reshape(regions * len(menu), channels, dayparts)
    region = graph.add("Add", tactic, graph.constant(_offsets(regions, len(menu))[:, None]))
    timing = graph.rows_of(as_float(by_region), region)  # (B, R, S, C, H)
    weighted = graph.total(graph.add("Mul", graph.unsqueeze(spend, 4), timing), 2)
    # Divided by the spend, not by the sum of the products: rows of a timing may sum to 1 but for rounding.
    total = graph.unsqueeze(graph.total(spend, 2), 3)
    some = graph.add("Greater", total, graph.constant(0.0))
    safe = graph.add("Where", some, total, graph.constant(1.0))
    return graph.add("Where", some, graph.add("Div", weighted, safe), graph.constant(as_float(planned)))


def _offsets(rows: int, width: int) -> IntArray:
    return np.arange(rows, dtype=np.int64) * width


def _whole(array: "FloatArray | IntArray") -> IntArray:
    return array.astype(np.int64)
