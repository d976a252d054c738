"""Deals that run over several weeks: changes that no single week shows to pay.

A deal changes what people remember and borrows from the weeks after it, so a deeper deal in one week alone may lose
where the same step in all weeks gains. Here whole courses of deals are tried: every sequence of offers over a few
stretches of the horizon for a whole region, and every run of weeks with another depth, for a segment or for all.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.expected import Branch, Course, ExpectedMarket
from xbopt.agents.planner.promotions import Offer, offers
from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.decision import Decision

# Most sequences of a region, and so the number of stretches; a round plays as many whole plans.
_SEQUENCES = 700
_MOST_STRETCHES = 4
_NOTCHES = (-2, -1, 1, 2)
_ROUNDS = 4
_BATCH = 256

Deals = tuple[FloatArray, IntArray]  # depth and mechanic by block, region and segment ``(K, R, S)``


def improve_deal_runs(market: ExpectedMarket, blocks: Blocks, course: Course) -> Course:
    """Try deals over runs of weeks, region by region, until none pays.

    Returns:
        The course of the better plan, or the same course where no change helps.
    """
    menu = offers(market.market.scenario)
    stretches = _stretches(blocks.count, len(menu))
    for turn in range(_ROUNDS):
        tried = list(_runs(blocks, course, menu, stretches))
        if turn == 0:
            tried += list(_sequences(blocks, course, menu, stretches))
        found = _best(market, blocks, course, tried)
        if found.total <= course.total + 1e-6 * abs(course.total):
            break
        course = found
    return course


def _stretches(count: int, offered: int) -> IntArray:
    """Stretch of each block ``(K,)``: at most four of nearly equal length, so few that all sequences can be played."""
    most = int(np.log(_SEQUENCES) / np.log(max(offered, 2)))
    return np.arange(count) * min(count, max(most, 1), _MOST_STRETCHES) // count


def _now(blocks: Blocks, course: Course) -> Deals:
    return course.plan.discount_frac[blocks.starts], course.plan.mechanic[blocks.starts]


def _sequences(blocks: Blocks, course: Course, menu: tuple[Offer, ...], stretches: IntArray) -> Iterator[Deals]:
    depth, mechanic = _now(blocks, course)
    depths = np.array([offer.discount_frac for offer in menu])
    forms = np.array([offer.mechanic for offer in menu], dtype=np.int64)
    for sequence in product(range(len(menu)), repeat=int(stretches[-1]) + 1):
        chosen = np.array(sequence)[stretches][:, None, None]
        yield np.broadcast_to(depths[chosen], depth.shape), np.broadcast_to(forms[chosen], mechanic.shape)


def _runs(blocks: Blocks, course: Course, menu: tuple[Offer, ...], stretches: IntArray) -> Iterator[Deals]:
    depth, mechanic = _now(blocks, course)
    levels = np.array(sorted({offer.discount_frac for offer in menu}))
    at = np.abs(levels - depth[..., None]).argmin(axis=3)
    segments = depth.shape[2]
    groups = [slice(None), *(slice(s, s + 1) for s in range(segments))] if segments > 1 else [slice(None)]
    for weeks, group in product(_windows(stretches), groups):
        where: BoolArray = np.zeros(depth.shape, dtype=np.bool_)
        where[weeks, :, group] = True
        for notch in _NOTCHES:
            moved = levels[np.clip(at + notch, 0, len(levels) - 1)]
            yield np.where(where, moved, depth), mechanic
        for offer in menu:
            yield np.where(where, offer.discount_frac, depth), np.where(where, offer.mechanic, mechanic)


def _windows(stretches: IntArray) -> list[BoolArray]:
    """Runs of stretches, as blocks ``(K,)`` each."""
    count = int(stretches[-1]) + 1
    return [(stretches >= first) & (stretches < end) for first in range(count) for end in range(first + 1, count + 1)]


def _best(market: ExpectedMarket, blocks: Blocks, course: Course, tried: list[Deals]) -> Course:
    """The plan in which each region has its best deals."""
    ceiling = market.market.scenario.limits.discount_ceiling
    depth = np.minimum(np.stack([deals[0] for deals in tried]), ceiling)
    mechanic = np.stack([deals[1] for deals in tried])
    # Depths end at the ceiling and at no discount, so that some come more than once; the first of them stays.
    known = {depth[i].tobytes() + mechanic[i].tobytes(): i for i in reversed(range(len(tried)))}
    once = sorted(known.values())
    depth, mechanic = depth[once], mechanic[once]
    gains = np.concatenate(
        [
            deal_gains(market, blocks, course, depth[i : i + _BATCH], mechanic[i : i + _BATCH])
            for i in range(0, len(once), _BATCH)
        ]
    )
    best = gains.argmax(axis=0)
    better = gains.max(axis=0) > 0.0
    discount, form = course.plan.discount_frac.copy(), course.plan.mechanic.copy()
    for r in np.flatnonzero(better):
        discount[:, r] = depth[best[r], :, r][blocks.of_day]
        form[:, r] = mechanic[best[r], :, r][blocks.of_day]
    return market.play(replace(course.plan, discount_frac=discount, mechanic=form))


def deal_gains(
    market: ExpectedMarket, blocks: Blocks, course: Course, depth: FloatArray, mechanic: IntArray
) -> FloatArray:
    """What courses of deals bring more than the plan's, by region ``(N, R)``.

    Args:
        market: The market in expected mode.
        blocks: The plan's cells.
        course: The plan's course.
        depth: Discounts ``(N, K, R, S)``, fractions.
        mechanic: Their mechanics ``(N, K, R, S)``.
    """
    plan, days = course.plan, market.market.scenario.days
    differs = (depth[:, blocks.of_day] != plan.discount_frac) | (mechanic[:, blocks.of_day] != plan.mechanic)
    first = np.where(differs.any(axis=(1, 2, 3)), differs.any(axis=(2, 3)).argmax(axis=1), days)
    branches: list[Branch] = []
    order: list[IntArray] = []
    for day in np.unique(first[first < days]).tolist():
        rows = np.flatnonzero(first == day)

        def decide(day: int, own: Decision, rows: IntArray = rows) -> Decision:
            block = blocks.of_day[day]
            return replace(own, discount_frac=depth[rows, block], mechanic=mechanic[rows, block])

        branches.append(Branch(first_day=day, end_day=days, worlds=len(rows), decide=decide))
        order.append(rows)
    gains = np.zeros((len(depth), market.market.shape[0]))
    if branches:
        gains[np.concatenate(order)] = np.concatenate(market.gains(course, branches))
    return gains
