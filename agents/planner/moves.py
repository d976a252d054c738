"""Large changes of a plan that no slope shows: spend that is switched off, gathered, pulsed, or begun in earnest.

Where response has a threshold (an S-curve), the next unit of spend says nothing about the next thousand, and an ascent
stays on the hill on which it began. So whole lumps are tried, side by side in expected mode: a channel off in a cell or
in all cells, in all weeks or in some; its money gathered in one cell, or in some of the weeks; and a lump that carries
a cell beyond its tangent point, the point from which on its concave envelope is the curve itself.

Regions share nothing but limits, so one world tries the same lump in every region at once. What a lump takes from the
limits is charged at their price in the last convex program; the best lumps are then made together, brought within the
limits, and played as whole plans. Only what expected mode confirms is kept.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.planner.ascent import Ascent, allocate
from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.constraints import Constraints
from xbopt.agents.planner.envelope import tangent_point
from xbopt.agents.planner.expected import Branch, Course, ExpectedMarket
from xbopt.agents.planner.kept_limits import filled, within_limits
from xbopt.agents.planner.response_model import model_form
from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.decision import Decision

# Exposures of a lump, relative to the tangent point.
_BEYOND = (0.9, 1.3, 2.2)
_COUNTS = (1, 2, 3, 5, 8, 13, 21, 34, 55)
# A lump that seems to bring nothing may do so once the rest of the plan has made room for it.
_CHANCES = 6
_ROUNDS, _TOLERANCE = 2, 1e-4
# Cells times lumps that are played by themselves as whole plans.
_TRIED, _FEWEST, _MOST_SINGLE = 10_000, 12, 250
_MOST_PLANS = 512
_FEW_WEEKS = 5
_LARGEST_LEVEL = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Lumps:
    """Changed levels, the same change in every region.

    Attributes:
        level: ``(N, K, R, S, C)``.
        touched: Segments and channels that a lump changes ``(N, S, C)``.
    """

    level: FloatArray
    touched: BoolArray


def move(
    market: ExpectedMarket,
    blocks: Blocks,
    constraints: Constraints,
    at: Ascent,
    *,
    rounds: int,
    tolerance: float,
    chances: int = _CHANCES,
) -> Ascent:
    """Make the lumps that pay, climb again, and so on, until none pays or ``rounds`` are over.

    Args:
        market: The market in expected mode.
        blocks: The plan's cells.
        constraints: Limits.
        at: A plan that no ascent improves.
        rounds: Most rounds.
        tolerance: Relative gain of a round at which it is the last one.
        chances: So many lumps that do not pay at once are given an ascent in which to do so, in markets with S-curves.

    Raises:
        BudgetError: No plan keeps the return floor.
    """
    curved = tangent_point(market.market.media.saturation) > 0.0
    for _ in range(rounds):
        before = at.course.total
        candidates = _candidates(market, blocks, constraints, at, curved)
        if not len(candidates):
            break
        order, best = _played(market, blocks, constraints, at, candidates)
        if best is not None:
            at = allocate(market, blocks, constraints, best, rounds=_ROUNDS, tolerance=_TOLERANCE)
        elif curved.any():
            at = _with_patience(market, blocks, constraints, at, candidates[order[:chances]])
        if at.course.total - before <= tolerance * abs(before):
            break
    return at


def _with_patience(
    market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, candidates: FloatArray
) -> Ascent:
    """The best of what some candidates become after a short ascent, where it is better than the plan."""
    best = at
    for level in candidates:
        course = market.play(replace(at.course.plan, spend_base=blocks.spend(level)))
        tried = replace(at, level=level, course=course, history=(course.total,))
        tried = allocate(market, blocks, constraints, tried, rounds=_ROUNDS, tolerance=_TOLERANCE)
        best = better(best, tried, constraints)
    return best if best is at else replace(best, history=(*at.history, best.course.total))


def better(one: Ascent, other: Ascent, constraints: Constraints) -> Ascent:
    """The better of two plans, the first where they are equal."""
    pair = (one, other)
    totals = np.array([each.course.total for each in pair])
    margins = np.array([each.course.by_days for each in pair])
    return pair[constraints.best(totals, margins, np.array([each.spend_base for each in pair]))]


def _played(
    market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, levels: FloatArray
) -> tuple[IntArray, Ascent | None]:
    """The order of some plans, best first, and the best of them where it is better than the plan at hand."""
    plans = [replace(at.course.plan, spend_base=blocks.spend(level)) for level in levels]
    by_days, evening = (each.sum(axis=1) for each in market.parts(plans))
    totals = by_days + evening
    spends = np.array([plan.spend_base.sum() for plan in plans])
    order = constraints.ranked(totals, by_days, spends)
    first = int(order[0])
    chosen = constraints.best(
        np.array([at.course.total, totals[first]]),
        np.array([at.course.by_days, by_days[first]]),
        np.array([at.spend_base, spends[first]]),
    )
    if chosen == 0:
        return order, None
    course = market.play(plans[first])
    return order, replace(at, level=levels[first], course=course, history=(*at.history, course.total))


def _candidates(
    market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, curved: BoolArray
) -> FloatArray:
    """Whole plans worth playing ``(N, K, R, S, C)``, within all limits: the best lumps by themselves and together."""
    lumps = _lumps(market, blocks, constraints, at, curved)
    if not len(lumps.level):
        return lumps.level
    gain = level_gains(market, blocks, at.course, lumps.level)
    score = gain - _charged(constraints, at, lumps.level)  # (N, R)
    ranked = np.dstack(np.unravel_index(np.argsort(-score, axis=None, kind="stable"), score.shape))[0]
    singles: list[FloatArray] = []
    most = int(np.clip(_TRIED // at.level.size, _FEWEST, _MOST_SINGLE)) if curved.any() else _FEWEST
    chain, made = at.level.copy(), np.zeros(at.level.shape[1:], dtype=np.bool_)
    together: list[FloatArray] = []
    count = 0
    for n, r in ranked:
        touched = lumps.touched[n]
        if len(singles) < most:
            single = at.level.copy()
            single[:, r] = lumps.level[n, :, r]
            singles.append(single)
        if score[n, r] <= 0.0 and len(singles) >= most:
            break
        if score[n, r] > 0.0 and not (made[r] & touched).any():
            chain[:, r][:, touched] = lumps.level[n, :, r][:, touched]
            made[r] |= touched
            count += 1
            if count in _COUNTS:
                together.append(chain.copy())
    together.append(chain)
    raw = np.stack([*singles, *together]).reshape(len(singles) + len(together), -1)
    kept = [within_limits(level, constraints) for level in raw]
    kept += [filled(level, constraints) for level in kept]
    return np.unique(np.stack(kept), axis=0).reshape(-1, *at.level.shape)


def _charged(constraints: Constraints, at: Ascent, levels: FloatArray) -> FloatArray:
    """What the limits' room that lumps take is worth, by region ``(N, R)``."""
    if at.price is None:
        return np.zeros((len(levels), levels.shape[2]))
    matrix = constraints.matrix
    each = np.bincount(matrix.column, weights=matrix.value * at.price[matrix.row], minlength=matrix.width)
    price = constraints.whole_base * each.reshape(at.level.shape)
    return ((levels - at.level) * price).sum(axis=(1, 3, 4))


def level_gains(market: ExpectedMarket, blocks: Blocks, course: Course, levels: FloatArray) -> FloatArray:
    """What plans of levels ``(N, K, R, S, C)`` bring more than the plan of a course, by region ``(N, R)``."""
    own = blocks.level(course.plan.spend_base)
    differs = np.abs(levels - own).max(axis=(2, 3, 4)) > 0.0  # (N, K)
    first = np.where(differs.any(axis=1), differs.argmax(axis=1), blocks.count - 1)
    gains = np.zeros((len(levels), levels.shape[2]))
    order = np.argsort(first, kind="stable")
    for part in np.array_split(order, -(-len(order) // _MOST_PLANS)):
        branches: list[Branch] = []
        for k in np.unique(first[part]):
            rows = levels[part[first[part] == k]]

            def decide(day: int, own: Decision, rows: FloatArray = rows) -> Decision:
                return replace(own, spend_base=blocks.unit_base * rows[:, blocks.of_day[day]] * blocks.profile[day])

            start, end = int(blocks.starts[k]), int(blocks.ends[-1])
            branches.append(Branch(first_day=start, end_day=end, worlds=len(rows), decide=decide))
        gains[part] = np.concatenate(market.gains(course, branches))
    return gains


def _lumps(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, curved: BoolArray) -> Lumps:
    count, _, segments, channels = at.level.shape
    least = constraints.least.reshape(at.level.shape)
    open_cells = ~constraints.fixed.reshape(at.level.shape)
    every = np.ones(count, dtype=np.bool_)
    levels: list[FloatArray] = []
    touched: list[BoolArray] = []

    def add(level: FloatArray, where: BoolArray) -> None:
        changed = np.where(open_cells, np.maximum(level, least), at.level)
        if (changed != at.level).any():
            levels.append(changed)
            touched.append(where)

    def cell(s: slice | int, c: slice | int) -> BoolArray:
        where = np.zeros((segments, channels), dtype=np.bool_)
        where[s, c] = True
        return where

    def off(where: BoolArray, weeks: BoolArray) -> FloatArray:
        return np.where(weeks[:, None, None, None] & where[None, None], least, at.level)

    for c in range(channels):
        add(off(cell(slice(None), c), every), cell(slice(None), c))
        for s in range(segments):
            if segments > 1:
                add(off(cell(s, c), every), cell(s, c))
    if curved.any():
        form = model_form(market, blocks, at.course)
        point = tangent_point(market.market.media.saturation)
        windows = _windows(count)
        for c in np.flatnonzero(curved).tolist():
            # Exposure in a window that a unit of powered level in each of its weeks gives ``(W, R, S)``.
            reach = np.stack([_reach(form.carry[:, :, c], weeks) for weeks in windows])
            money = (at.level * blocks.level_days)[..., c]  # (K, R, S)
            for w, weeks in enumerate(windows):
                days = (blocks.level_days[..., c] * weeks[:, None, None]).sum(axis=0)
                inside = weeks[:, None, None] & (days > 0.0)
                for s in range(segments):
                    one = cell(s, c)
                    if not weeks.all():
                        add(off(one, weeks), one)
                    for share in _BEYOND:
                        lump = np.power(share * point[c] / np.maximum(reach[w, :, s], 1e-300), 1.0 / form.power[c])
                        level = off(one, every)
                        level[..., s, c] += inside[..., s] * np.minimum(lump, _LARGEST_LEVEL)
                        add(level, one)
                    for gathered, where in ((money[:, :, s], one), (money.sum(axis=2), cell(slice(None), c))):
                        level = off(where, every)
                        evenly = gathered.sum(axis=0) / np.maximum(days[:, s], 1e-300)
                        level[..., s, c] += inside[..., s] * evenly
                        add(level, where)
    if not levels:
        return Lumps(level=np.zeros((0, *at.level.shape)), touched=np.zeros((0, segments, channels), dtype=np.bool_))
    return Lumps(level=np.stack(levels), touched=np.stack(touched))


def _reach(carry: FloatArray, weeks: BoolArray) -> FloatArray:
    """Mean exposure over some weeks when a powered level of 1 is bought in each of them ``(R, S)``."""
    return carry[:, :, weeks][..., weeks].sum(axis=3).mean(axis=2)


def _windows(count: int) -> list[BoolArray]:
    """Weeks of a lump ``(K,)`` each: all, every run of few weeks, runs of 1, 2, 4, ... of many, every other week."""
    windows = [np.ones(count, dtype=np.bool_)]
    few = count <= _FEW_WEEKS
    for length in range(1, count) if few else (1 << power for power in range((count - 1).bit_length())):
        for first in range(0, count - length + 1, 1 if few else length):
            window = np.zeros(count, dtype=np.bool_)
            window[first : first + length] = True
            windows.append(window)
    if count > 2:
        windows += [np.arange(count) % 2 == parity for parity in (0, 1)]
    return windows
