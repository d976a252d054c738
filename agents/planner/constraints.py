"""The scenario's limits as named linear constraints on a plan's levels."""

from dataclasses import dataclass

import numpy as np

from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.triplets import Triplets, stacked
from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.scenario.scenario import Scenario

_FLOOR_TOLERANCE = 1e-6


def floor_shortfall(roi_floor: float | None, margins: FloatArray, spends: FloatArray) -> FloatArray:
    """How far plans are below a return floor ``(N,)``; see ``Constraints.floor_shortfall``."""
    if roi_floor is None:
        return np.zeros(len(margins))
    wanted = roi_floor * spends
    # A plan without media adds nothing but rounding, which grows with the currency's numbers.
    size = np.where(spends > 0.0, np.maximum(np.abs(margins), np.abs(wanted)), np.inf)
    missing = (wanted - margins) / np.where(size > 0.0, size, 1.0)
    return np.where(missing > _FLOOR_TOLERANCE, missing, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """``matrix @ level <= bound``, ``level >= least``, and ``level == least`` where fixed.

    Levels are flattened in the order ``(K, R, S, C)``.

    Attributes:
        names: One name a row ``(m,)``, as planners say it: ``budget``, ``day 2026-09-01``, ``region US``. A maximum of
            a channel in a region has a row a block, all of one name.
        matrix: ``(m, n)``, levels to share of the budget.
        bound: ``(m,)``, share of the budget.
        least: ``(n,)``: minimums and locks, as levels.
        fixed: Locks, and cells that cannot be bought at all or where nobody lives ``(n,)``.
        roi_floor: Least contribution margin that media add per unit of media spend; None where there is none.
        whole_base: Base currency that a share of 1 stands for.
    """

    names: tuple[str, ...]
    matrix: Triplets
    bound: FloatArray
    least: FloatArray
    fixed: BoolArray
    roi_floor: float | None
    whole_base: float

    def floor_shortfall(self, margins: FloatArray, spends: FloatArray) -> FloatArray:
        """How far plans are below the return floor ``(N,)``, relative to their margin; 0 where they keep it.

        Args:
            margins: Contribution margin that media add to each plan ``(N,)``, base currency.
            spends: Its media spend ``(N,)``.
        """
        return floor_shortfall(self.roi_floor, margins, spends)

    def best(self, totals: FloatArray, margins: FloatArray, spends: FloatArray) -> int:
        """Position of the best plan, the first of equals: first of those that keep the floor, then by goal ``(N,)``."""
        return int(self.ranked(totals, margins, spends)[0])

    def ranked(self, totals: FloatArray, margins: FloatArray, spends: FloatArray) -> IntArray:
        """Positions of all plans ``(N,)``, the best first; see ``best``."""
        return np.lexsort((-totals, self.floor_shortfall(margins, spends))).astype(np.int64)


def scenario_constraints(scenario: Scenario, blocks: Blocks, *, budget_base: float | None = None) -> Constraints:
    """The limits of a scenario: budget, pacing, caps, maximums, minimums, locks and the return floor.

    Args:
        scenario: The scenario.
        blocks: The plan's cells.
        budget_base: Another budget than the scenario's.
    """
    limits = scenario.limits
    total = limits.total_base if budget_base is None else budget_base
    cost = blocks.unit_base * blocks.level_days / limits.total_base  # (K, R, S, C), share of the scenario's budget
    names: list[str] = ["budget"]
    rows: list[FloatArray] = [cost.ravel()]
    bounds: list[float] = [total / limits.total_base]

    def part(name: str, where: tuple[slice | int, ...], bound_base: float) -> None:
        if np.isfinite(bound_base):
            row = np.zeros_like(cost)
            row[where] = cost[where]
            names.append(name)
            rows.append(row.ravel())
            bounds.append(bound_base / limits.total_base)

    for r, region in enumerate(scenario.regions):
        part(f"region {region}", np.s_[:, r], float(limits.region_cap_base[r]))
    for c, channel in enumerate(scenario.channels):
        part(f"channel {channel}", np.s_[:, :, :, c], float(limits.channel_cap_base[c]))
    horizon = Triplets.dense(np.stack(rows))
    # Cells of a maximum spend the same on each day on which they can be bought, so a block's sum bounds every day.
    days_on = blocks.level_days.max(axis=2)  # (K, R, C)
    k, r, c = np.nonzero(np.isfinite(limits.maximum_base) & (days_on > 0.0))
    by_block = _spend_of_places(cost, (k, r, c))
    names += [f"maximum {scenario.regions[i]}/{scenario.channels[j]}" for i, j in zip(r, c, strict=True)]
    bounds += (limits.maximum_base[r, c] * days_on[k, r, c] / limits.total_base).tolist()
    days = _days_that_bind(blocks)
    names += [f"day {scenario.date_of(day)}" for day in days]
    bounds += [limits.daily_base / limits.total_base] * len(days)
    floor = np.where(limits.locked, limits.lock_base, limits.minimum_base) / blocks.unit_base
    bought = blocks.level_days > 0.0
    empty = (scenario.population <= 0.0)[:, :, None]
    return Constraints(
        names=tuple(names),
        matrix=stacked([horizon, by_block, _spend_of_days(blocks, days, limits.total_base)]),
        bound=np.array(bounds),
        least=np.where(bought, floor, 0.0).ravel(),
        fixed=(~bought | empty | limits.locked).ravel(),
        roi_floor=scenario.document.budget.roi_floor,
        whole_base=limits.total_base,
    )


def _days_that_bind(blocks: Blocks) -> list[int]:
    """Days whose pacing limit can bind: those that no other day of their block outspends in every cell."""
    flat = blocks.profile.reshape(len(blocks.profile), -1)
    kept: list[int] = []
    for first, end in zip(blocks.starts, blocks.ends, strict=True):
        # Largest days first; of equal days the first stays.
        order = sorted(range(int(first), int(end)), key=lambda day: -flat[day].sum())
        block: list[int] = []
        for day in order:
            if not any(bool((flat[other] >= flat[day]).all()) for other in block):
                block.append(day)
        kept += sorted(block)
    return kept


def _spend_of_places(cost: FloatArray, places: tuple[IntArray, IntArray, IntArray]) -> Triplets:
    """Share of the budget that blocks, regions and channels spend over their segments, one row a place."""
    k, r, c = places
    segments = cost.shape[2]
    column = np.arange(cost.size).reshape(cost.shape)[k, r, :, c]  # (m, S)
    row = np.repeat(np.arange(len(k)), segments)
    value = cost[k, r, :, c].ravel()
    return Triplets(row=row, column=column.ravel(), value=value, height=len(k), width=cost.size)


def _spend_of_days(blocks: Blocks, days: list[int], whole_base: float) -> Triplets:
    """Share of the budget that each of some days spends, one row a day."""
    size = int(np.prod(blocks.profile.shape[1:]))
    share = blocks.unit_base * blocks.profile[days].reshape(len(days), size) / whole_base
    first = blocks.of_day[days] * size
    return Triplets(
        row=np.repeat(np.arange(len(days)), size),
        column=(first[:, None] + np.arange(size)).ravel(),
        value=share.ravel(),
        height=len(days),
        width=blocks.count * size,
    )
