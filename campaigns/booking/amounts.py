"""Budgets in whole smallest units of a currency: never more in all than the plan, within what a platform takes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray

Held = Literal["as_planned", "rounded", "raised_to_minimum", "lowered_for_others"]
"""What became of an amount."""
# Sums of amounts are right to some 1e-16 of themselves; what is so near to a whole unit is meant to be it. Of large
# amounts that part is many units, which the plan does not have: so it is no more than a little of one.
_NEAR, _MOST_UNITS = 1e-12, 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAmounts:
    """Budgets of a day, smallest units.

    Attributes:
        units: ``(K,)``; None where even the least budgets cost more than the plan has.
        held: What became of each.
    """

    units: IntArray | None
    held: tuple[Held, ...]


def groups_of(share: FloatArray) -> IntArray:
    """Which lines draw on the very same cells ``(K,)``: rounding moves money between these alone.

    Args:
        share: Part of each cell through each line ``(K, R, S, C)``.
    """
    touched = (share > 0.0).reshape(len(share), -1)
    return np.unique(touched, axis=0, return_inverse=True)[1].reshape(-1)


def whole_units(asked: FloatArray, least: IntArray, group: IntArray) -> DayAmounts:
    """Round budgets, and raise those that are too small out of the others.

    Within a group the largest remainders are rounded up as long as the group's sum, rounded down, has room (Hamilton's
    method). No cap on cells can break by it, and neither does a budget. What a least budget takes is taken from all
    others in proportion to what they have above their own.

    Args:
        asked: Smallest units ``(K,)``.
        least: Least budgets ``(K,)``.
        group: Lines of one group may pass units to each other ``(K,)``.
    """
    near = asked + np.minimum(_NEAR * asked, _MOST_UNITS)
    units = np.floor(near).astype(np.int64)
    for g in np.unique(group):
        own = np.flatnonzero(group == g)
        room = int(np.floor(near[own].sum())) - int(units[own].sum())
        rest = near[own] - units[own]
        units[own[np.argsort(-rest, kind="stable")[:room]]] += 1
    total = int(np.floor(near.sum()))
    raised = units < least
    short = int((least - units)[raised].sum()) - (total - int(units.sum()))
    units = np.where(raised, least, units)
    lowered = np.zeros(len(units), dtype=bool)
    if short > 0:
        above = np.where(raised, 0, units - least)
        if int(above.sum()) < short:
            return DayAmounts(units=None, held=("raised_to_minimum",) * len(units))
        cut = _shared_out(short, above)
        units, lowered = units - cut, cut > 0
    return DayAmounts(units=units, held=_held(asked, units, raised, lowered))


def _shared_out(amount: int, weights: IntArray) -> IntArray:
    """A whole amount divided in proportion to whole weights, none more than its weight."""
    exact = amount * weights / weights.sum()
    parts = np.minimum(np.floor(exact).astype(np.int64), weights)
    for k in np.argsort(parts - exact, kind="stable"):
        if parts.sum() < amount and parts[k] < weights[k]:
            parts[k] += 1
    return parts


def _held(asked: FloatArray, units: IntArray, raised: BoolArray, lowered: BoolArray) -> tuple[Held, ...]:
    exact = np.abs(units - asked) <= np.minimum(_NEAR * np.maximum(asked, 1.0), _MOST_UNITS)
    return tuple(
        "raised_to_minimum" if raised[k] else "lowered_for_others" if lowered[k] else "as_planned" if exact[k]
        else "rounded"
        for k in range(len(units))
    )  # fmt: skip
