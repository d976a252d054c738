"""From tactics to decisions inside a graph, relative to what a plan wishes or has left.

As ``decode`` of the menus: what does not depend on the request stands in tables.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.anchored_menu import AnchoredMenu, PolicyMenu, RelativeMenu
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Menu
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.exporting.graph import Graph, as_float
from xbopt.service.exporting.inputs import Inputs
from xbopt.service.exporting.projection import normalise_dayparts


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
    if isinstance(menu, AnchoredMenu):
        anchor = menu.anchor
        money = graph.unsqueeze(day_money(graph, inputs, anchor), 1, 2, 3)
        spend = graph.add("Mul", money, graph.rows_of(as_float(anchor.split), inputs.day))
        return decode_around(graph, scenario, tactic, menu, _wished(graph, scenario, inputs, anchor, spend))
    if isinstance(menu, PolicyMenu) and isinstance(menu.policy, ScheduledPolicy):
        plan = menu.policy
        spend = graph.rows_of(as_float(plan.spend_base), inputs.day)
        found = decode_around(graph, scenario, tactic, menu, _wished(graph, scenario, inputs, plan, spend))
        # A plan's own weights may need what the projection does to them.
        return replace(found, dayparts=normalise_dayparts(graph, found.dayparts, scenario.limits.audience))
    raise PolicyError(f"There is no graph for a {type(menu).__name__} yet, so its policy cannot be exported.")


def _wished(graph: Graph, scenario: Scenario, inputs: Inputs, plan: Anchor | ScheduledPolicy, spend: str) -> Decoded:
    """What a plan wishes on the day, given its spend ``(B, R, S, C)``."""
    depth = np.clip(plan.discount_frac, 0.0, scenario.limits.discount_ceiling)
    return Decoded(
        spend=spend,
        dayparts=graph.expand(graph.constant(as_float(plan.daypart_weights)), inputs.day, *plan.daypart_weights.shape),
        discount=graph.rows_of(as_float(depth), inputs.day),
        mechanic=graph.rows_of(_whole(plan.mechanic), inputs.day),
    )


def decode_around(graph: Graph, scenario: Scenario, tactic: str, menu: RelativeMenu, wished: Decoded) -> Decoded:
    """The decision of tactics ``(B, R, S)`` relative to a decision that is wished; as ``RelativeMenu.around``."""
    base = menu.base
    regions, segments = base.cell_share.shape
    tactics, mixes = len(base), len(base.mixes)
    # Where a cell's entries begin in tables that have one row a cell and tactic, or a cell and mix.
    of_tactics = graph.constant(_offsets(regions * segments, tactics).reshape(regions, segments))
    of_mixes = graph.constant(_offsets(regions * segments, mixes).reshape(regions, segments))

    def is_own(flags: BoolArray) -> str:
        return graph.add("Greater", graph.rows_of(as_float(flags), tactic), graph.constant(0.5))

    intensity = graph.unsqueeze(graph.rows_of(as_float(base.intensity), tactic), 3)
    by_mix = np.moveaxis(base.mixes, 0, 2).reshape(regions * segments * mixes, -1)
    split = graph.rows_of(as_float(by_mix), graph.add("Add", of_mixes, graph.rows_of(_whole(base.mix), tactic)))
    cell = graph.add("Mul", graph.total(wished.spend, 3, keep=True), intensity)
    spend = graph.add(
        "Where",
        graph.unsqueeze(is_own(base.mix == menu.own_mix), 3),
        graph.add("Mul", wished.spend, intensity),
        graph.add("Mul", cell, split),
    )
    depth = np.clip(base.discount_frac, 0.0, scenario.limits.discount_ceiling[..., None])  # (R, S, K)
    own_discount = is_own(base.discount_frac == menu.smallest_discount)
    tier = graph.rows_of(as_float(depth.reshape(-1)), graph.add("Add", of_tactics, tactic))
    return Decoded(
        spend=spend,
        dayparts=_dayparts_around(graph, spend, tactic, menu, wished.dayparts),
        discount=graph.add("Where", own_discount, wished.discount, tier),
        mechanic=graph.add("Where", own_discount, wished.mechanic, graph.rows_of(_whole(base.mechanic), tactic)),
    )


def day_money(graph: Graph, inputs: Inputs, anchor: Anchor) -> str:
    """The money of the day of a plan that is followed ``(B,)``; as ``Anchor.day_daily_base``."""
    left = inputs.budget
    if anchor.has_reserve:
        # Summed as the plan itself does, day by day: rounding is the same.
        rest = np.array([float(anchor.spend_base[day:].sum()) for day in range(len(anchor.spend_base))])
        left = graph.add("Min", left, graph.rows_of(rest, inputs.day))
    return graph.add("Mul", left, graph.rows_of(as_float(anchor.rest_share), inputs.day))


def _dayparts_around(graph: Graph, spend: str, tactic: str, menu: RelativeMenu, wished: str) -> str:
    """Daypart weights ``(B, R, C, H)``: those of the segments' timings, weighted by their spend."""
    base = menu.base
    regions, tactics = len(base.cell_share), len(base)
    by_region = base.timings.swapaxes(0, 1)[:, base.timing].reshape(regions * tactics, -1)
    region = graph.add("Add", tactic, graph.constant(_offsets(regions, tactics)[:, None]))
    timing = graph.unsqueeze(graph.rows_of(as_float(by_region), region), 3)  # (B, R, S, 1, H)
    moved = graph.unsqueeze(graph.rows_of(as_float(base.timing != menu.own_timing), tactic), 3, 4)
    is_moved = graph.add("Greater", moved, graph.constant(0.5))
    rows = graph.add("Where", is_moved, timing, graph.unsqueeze(wished, 2))  # (B, R, S, C, H)
    weighted = graph.total(graph.add("Mul", graph.unsqueeze(spend, 4), rows), 2)
    # Divided by the spend, not by the sum of the products: rows of a timing may sum to 1 but for rounding.
    total = graph.unsqueeze(graph.total(spend, 2), 3)
    some = graph.add("Greater", total, graph.constant(0.0))
    safe = graph.add("Where", some, total, graph.constant(1.0))
    return graph.add("Where", some, graph.add("Div", weighted, safe), wished)


def _offsets(rows: int, width: int) -> IntArray:
    return np.arange(rows, dtype=np.int64) * width


def _whole(array: "FloatArray | IntArray") -> IntArray:
    return array.astype(np.int64)
