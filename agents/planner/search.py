"""The search for a plan: from several starts uphill, then in large moves, until nothing that is tried brings more.

In a market without S-curves all starts end on nearly the same hill, so one ascent from the best of them is enough.
Otherwise the best few starts are followed a short way, and the best of these to the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.planner.ascent import Ascent, allocate
from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.constraints import Constraints
from xbopt.agents.planner.deal_runs import improve_deal_runs
from xbopt.agents.planner.envelope import tangent_point
from xbopt.agents.planner.expected import Course, ExpectedMarket
from xbopt.agents.planner.kept_limits import within_limits
from xbopt.agents.planner.moves import better, move
from xbopt.agents.planner.promotions import best_dayparts, improve_promotions
from xbopt.core.arrays import BoolArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import BudgetError

# Shares of a plan's spend from which a search sets out as well: a smaller plan may stand on another hill.
_SCALES = (0.5, 0.25)
# Plan cells times short ascents: small markets follow every start, large ones the best few.
_FOLLOWED, _MOST = 600, 10
_SHORT_ROUNDS = 2
# A channel counts as used from this share of the spend on.
_ON = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to look.

    Attributes:
        alternations: Most rounds of spend, then promotions.
        rounds: Most steps of spend in each.
        tolerance: Relative gain of a step at which spend counts as settled.
        moves: Most rounds of large moves; 0 leaves them out.
        wide: Whether to begin from nothing, from every built-in plan and from the coarser plan as well, and never to
            end below them. Left out, a search sees only what is uphill from its start.
        rival: Whether the best plan of other channels is followed to the end as well, in small markets with S-curves.
        promotions: Whether discounts are looked for as well; else those of the plan that the search was given stay.
    """

    alternations: int = 3
    rounds: int = 3
    tolerance: float = 5e-4
    moves: int = 4
    wide: bool = True
    rival: bool = True
    promotions: bool = True

    def before_finer(self, market: ExpectedMarket) -> "Effort":
        """The effort where a search by shorter cells follows: where nothing is S-shaped, that one makes the moves."""
        return replace(self, alternations=1, moves=self.moves if is_curved(market) else 0, rival=False)

    @classmethod
    def local(cls, *, alternations: int = 3, rounds: int = 3, tolerance: float = 5e-4) -> "Effort":
        """Uphill from the start alone."""
        return cls(alternations=alternations, rounds=rounds, tolerance=tolerance, moves=0, wide=False)


def search(
    market: ExpectedMarket,
    blocks: Blocks,
    constraints: Constraints,
    at: Ascent,
    starts: Sequence[ScheduledPolicy],
    how: Effort,
) -> Ascent:
    """Find the best plan that the effort reaches.

    Args:
        market: The market in expected mode.
        blocks: The plan's cells.
        constraints: Limits.
        at: The plan at hand; the result is never worse.
        starts: Other plans to begin from.
        how: How long to look.

    Raises:
        BudgetError: No plan keeps the return floor.
    """
    curved = is_curved(market)
    pool = _begun(market, blocks, constraints, at, starts, scaled=curved)
    if curved and starts:
        count = int(np.clip(_FOLLOWED // blocks.cells, 1, _MOST))
        followed = [_followed(market, blocks, constraints, one, how) for one in pool[:count]]
        pool = _ordered([*followed, *pool[count:]], constraints)
        if 2 * blocks.cells * at.level.shape[3] <= _FOLLOWED:
            pool = _ordered([*pool, *_by_channels(market, blocks, constraints, pool[0], how)], constraints)
    found = _improved(market, blocks, constraints, pool[0], how)
    if curved and how.rival and blocks.cells * 6 <= _FOLLOWED:
        unlike = [one for one in pool[1:] if (_channels_on(one) != _channels_on(pool[0])).any()]
        for other in unlike[:1] or pool[1:2]:
            found = better(found, _improved(market, blocks, constraints, other, how), constraints)
    return found if found.course is at.course else replace(found, history=_history(at, found))


def is_curved(market: ExpectedMarket) -> bool:
    """Whether any channel's response is S-shaped: then slopes do not show what a lump of spend brings."""
    return bool((tangent_point(market.market.media.saturation) > 0.0).any())


def _improved(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, how: Effort) -> Ascent:
    """Uphill, then in large moves, and once more with promotions where these have changed the plan."""
    if at.course.plan.kind != "planner":  # the plan of a search by longer cells has had its dayparts
        at = kept(at, best_dayparts(market, at.course), constraints)
    at = alternate(market, blocks, constraints, at, how)
    if not how.moves:
        return at
    before = at
    at = move(market, blocks, constraints, at, rounds=how.moves, tolerance=how.tolerance, chances=_chances(blocks))
    if how.alternations == 1 or at.course.total - before.course.total <= how.tolerance * abs(before.course.total):
        return at
    at = alternate(market, blocks, constraints, at, how)
    return move(market, blocks, constraints, at, rounds=1, tolerance=how.tolerance, chances=0)


def _chances(blocks: Blocks) -> int:
    return int(np.clip(_FOLLOWED // (2 * blocks.cells), 0, 5))


def _history(at: Ascent, found: Ascent) -> tuple[float, ...]:
    """The steps that brought more than the plan at hand, after its own."""
    return (*at.history, *(total for total in found.history if total > at.history[-1]))


def _begun(
    market: ExpectedMarket,
    blocks: Blocks,
    constraints: Constraints,
    at: Ascent,
    starts: Sequence[ScheduledPolicy],
    *,
    scaled: bool,
) -> list[Ascent]:
    """The plan at hand and all starts, brought within the limits, the best first."""
    if not starts:
        return [at]
    plans = list(starts)
    if scaled:
        plans += [replace(at.course.plan, spend_base=share * at.course.plan.spend_base) for share in _SCALES]
    levels = [within_limits(blocks.level(plan.spend_base).ravel(), constraints) for plan in plans]
    shaped = [level.reshape(at.level.shape) for level in levels]
    plans = [replace(plan, spend_base=blocks.spend(level)) for plan, level in zip(plans, shaped, strict=True)]
    by_days, evening = (each.sum(axis=1) for each in market.parts(plans))
    totals = np.array([at.course.total, *(by_days + evening)])
    margins = np.array([at.course.by_days, *by_days])
    spends = np.array([at.spend_base, *(plan.spend_base.sum() for plan in plans)])
    order = constraints.ranked(totals, margins, spends)
    wanted: list[int] = (order if scaled else order[:1]).tolist()
    begun: list[Ascent] = []
    for i in wanted:
        if i == 0:
            begun.append(at)
        else:
            course = market.play(plans[i - 1])
            begun.append(Ascent(level=shaped[i - 1], course=course, history=(course.total,)))
    return begun


def _by_channels(
    market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, how: Effort
) -> list[Ascent]:
    """What the plan becomes without each channel, and with each alone: no slope says which channels are worth a lump.

    A channel stays shut on the way, because the program would enter it again; later steps may.
    """
    channels = at.level.shape[3]
    choices = np.unique(np.concatenate([np.eye(channels), 1.0 - np.eye(channels)]), axis=0) > 0.0
    least = constraints.least.reshape(at.level.shape)
    found: list[Ascent] = []
    for is_open in choices[choices.any(axis=1) & ~choices.all(axis=1)]:
        shut = np.broadcast_to(~is_open, at.level.shape)
        limits = replace(constraints, fixed=constraints.fixed | shut.ravel())
        money = (at.level * blocks.level_days).sum(axis=3, keepdims=True) / max(int(is_open.sum()), 1)
        level = np.where(shut, least, money / np.maximum(blocks.level_days, 1e-300))
        level = within_limits(np.where(blocks.level_days > 0.0, level, 0.0).ravel(), limits).reshape(at.level.shape)
        course = market.play(replace(at.course.plan, spend_base=blocks.spend(level)))
        begun = replace(at, level=level, course=course, history=(course.total,))
        found.append(_followed(market, blocks, limits, begun, how))
    return found


def _followed(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, how: Effort) -> Ascent:
    """A start after a short ascent; as it is where no ascent from there keeps the return floor."""
    try:
        return allocate(market, blocks, constraints, at, rounds=_SHORT_ROUNDS, tolerance=how.tolerance, opening=True)
    except BudgetError:
        return at


def _channels_on(at: Ascent) -> BoolArray:
    spend = at.course.plan.spend_base.sum(axis=(0, 1, 2))
    return spend > _ON * spend.sum()


def _ordered(plans: Sequence[Ascent], constraints: Constraints) -> list[Ascent]:
    totals = np.array([one.course.total for one in plans])
    margins = np.array([one.course.by_days for one in plans])
    order: list[int] = constraints.ranked(totals, margins, np.array([one.spend_base for one in plans])).tolist()
    return [plans[i] for i in order]


def alternate(market: ExpectedMarket, blocks: Blocks, constraints: Constraints, at: Ascent, how: Effort) -> Ascent:
    """Improve spend, then promotions, in turns; every accepted step is better in expected mode.

    Raises:
        BudgetError: No plan keeps the return floor.
    """
    for turn in range(how.alternations):
        before = at.course.total
        # The first turn only needs to know roughly where money goes before promotions are weighed.
        rounds, tolerance = (2, 4.0 * how.tolerance) if turn == 0 else (how.rounds, how.tolerance)
        at = allocate(market, blocks, constraints, at, rounds=rounds, tolerance=tolerance, opening=turn == 0)
        if how.promotions:
            if turn == 0 and how.moves:
                at = kept(at, improve_deal_runs(market, blocks, at.course), constraints)
            at = kept(at, improve_promotions(market, blocks, at.course), constraints)
        if at.course.total - before <= how.tolerance * abs(at.course.total):
            break
    return at


def kept(at: Ascent, course: Course, constraints: Constraints) -> Ascent:
    """The better of a plan and another course of the same levels."""
    totals = np.array([at.course.total, course.total])
    spends = np.array([at.spend_base, float(course.plan.spend_base.sum())])
    margins = np.array([at.course.by_days, course.by_days])
    if constraints.best(totals, margins, spends) == 0:
        return at
    return replace(at, course=course, history=(*at.history, course.total))
