"""Discounts and their form: coordinate ascent in expected mode, every accepted change a proven gain.

Each block, region and segment tries every depth and mechanic by itself, all of them side by side as a batch of worlds;
then each block and region tries them for all its segments at once, because a deal for one takes orders from the others.
The changes that help are made together, region by region, in the largest number that expected mode confirms: two
promotions in one month take each other's customers.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.expected import Branch, Course, ExpectedMarket
from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.decision import MECHANICS, Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.scenario import Scenario

# Shares of the helpful changes that are tried together, the best ones first.
_ROUNDS, _SETTLED = 3, 2e-4
_SHARES = (1.0, 0.6, 0.35, 0.2, 0.1, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One way to promote: a depth and a mechanic."""

    discount_frac: float
    mechanic: int


def offers(scenario: Scenario) -> tuple[Offer, ...]:
    """What may be offered: the scenario's levels, in each mechanic of its tactics."""
    depths = sorted(set(scenario.document.discounts.levels) | {0.0})
    mechanics = [MECHANICS.index(name) for name in scenario.document.tactics.mechanics]
    deep = [Offer(discount_frac=depth, mechanic=m) for depth in depths if depth > 0.0 for m in mechanics]
    return (Offer(discount_frac=0.0, mechanic=0), *deep)


def improve_promotions(market: ExpectedMarket, blocks: Blocks, course: Course) -> Course:
    """A round of ascent over all promotions, segment by segment, then over those of whole regions.

    Returns:
        The course of the better plan, or the same course where no change helps.
    """
    for _ in range(_ROUNDS):
        before = course.total
        course = _round(market, blocks, course, together=False)
        if market.market.shape[1] > 1:
            course = _round(market, blocks, course, together=True)
        if course.total - before <= _SETTLED * abs(before):
            break
    return course


def _round(market: ExpectedMarket, blocks: Blocks, course: Course, *, together: bool) -> Course:
    menu = offers(market.market.scenario)
    gains = _gains(market, blocks, course, menu, together=together)  # (O, K, R, S)
    best = np.argmax(gains, axis=0)
    gain = np.take_along_axis(gains, best[None], axis=0)[0]
    if not (gain > 0.0).any():
        return course
    ceiling = market.market.scenario.limits.discount_ceiling
    candidates = [_changed(course.plan, blocks, menu, best, chosen, ceiling) for chosen in _chosen(gain)]
    totals = market.totals(candidates)  # (N, R)
    # The last candidate changes nothing, so the best of each region is never below the plan.
    winner = np.argmax(totals, axis=0)
    if (totals[-1] >= totals.max(axis=0)).all():
        return course
    merged = _merged(course.plan, candidates, winner)
    better = market.play(merged)
    return better if better.total > course.total else course


def _gains(
    market: ExpectedMarket, blocks: Blocks, course: Course, menu: tuple[Offer, ...], *, together: bool
) -> FloatArray:
    """Gain of each offer in each block, region and segment ``(O, K, R, S)``; 0 for what is offered now.

    By itself, or ``together`` with the region's other segments; then these have the same gain.
    """
    segments = market.market.shape[1]
    groups = [slice(None)] if together else list(range(segments))
    ceiling = market.market.scenario.limits.discount_ceiling
    branches: list[Branch] = []
    for k in range(blocks.count):

        def decide(day: int, own: Decision) -> Decision:
            del day
            copies = len(menu) * len(groups)
            discount = np.repeat(own.discount_frac, copies, axis=0)
            mechanic = np.repeat(own.mechanic, copies, axis=0)
            for o, offer in enumerate(menu):
                for g, group in enumerate(groups):
                    row = o * len(groups) + g
                    discount[row, :, group] = np.minimum(offer.discount_frac, ceiling[:, group])
                    mechanic[row, :, group] = offer.mechanic
            return replace(own, discount_frac=discount, mechanic=mechanic)

        first, end = int(blocks.starts[k]), int(blocks.ends[k])
        branches.append(Branch(first_day=first, end_day=end, worlds=len(menu) * len(groups), decide=decide))
    gains = np.stack(market.gains(course, branches))  # (K, O * groups, R)
    by_group = gains.reshape(blocks.count, len(menu), len(groups), -1).transpose(1, 0, 3, 2)
    return np.broadcast_to(by_group, (*by_group.shape[:3], segments))


def _chosen(gain: FloatArray) -> list[BoolArray]:
    """Which changes are made ``(K, R, S)``: the most helpful of each region, in falling numbers."""
    regions = gain.shape[1]
    masks: list[BoolArray] = []
    for share in _SHARES:
        mask = np.zeros(gain.shape, dtype=np.bool_)
        for r in range(regions):
            own = gain[:, r]
            count = int(np.ceil(share * (own > 0.0).sum()))
            if count:
                threshold = np.sort(own.ravel())[-count]
                mask[:, r] = (own >= threshold) & (own > 0.0)
        masks.append(mask)
    return masks


def _changed(
    plan: ScheduledPolicy,
    blocks: Blocks,
    menu: tuple[Offer, ...],
    best: IntArray,
    chosen: BoolArray,
    ceiling: FloatArray,
) -> ScheduledPolicy:
    depth = np.array([offer.discount_frac for offer in menu])[best]
    form = np.array([offer.mechanic for offer in menu], dtype=np.int64)[best]
    where = chosen[blocks.of_day]
    return replace(
        plan,
        discount_frac=np.where(where, np.minimum(depth[blocks.of_day], ceiling), plan.discount_frac),
        mechanic=np.where(where, form[blocks.of_day], plan.mechanic),
    )


def _merged(plan: ScheduledPolicy, candidates: list[ScheduledPolicy], winner: IntArray) -> ScheduledPolicy:
    discount, mechanic = plan.discount_frac.copy(), plan.mechanic.copy()
    for region, candidate in enumerate(winner):
        discount[:, region] = candidates[int(candidate)].discount_frac[:, region]
        mechanic[:, region] = candidates[int(candidate)].mechanic[:, region]
    return replace(plan, discount_frac=discount, mechanic=mechanic)


def best_dayparts(market: ExpectedMarket, course: Course) -> Course:
    """Daypart weights that deliver the most effective exposure for the money; kept where expected mode confirms.

    Weights ``w`` against the audience's activity ``a`` deliver ``sum_h b_h w_h^(1-g)`` with
    ``b_h = a_h^g supply_h effect_h`` (``daypart_factor``). For ``0 < g < 1`` the maximum over the simplex is
    ``w_h = b_h^(1/g) / sum b^(1/g)``, by its first-order condition; without a rising price everything goes to the best
    daypart.
    """
    media, calendar = market.market.media, market.market.calendar
    activity = calendar.daypart_activity.mean(axis=0)[:, None, :]  # (R, 1, H)
    useful = media.daypart_supply * media.daypart_effect
    rise = np.maximum(media.bid_up, 1e-3)[None, :, None]
    log_weight = np.log(np.maximum(activity, 1e-12)) + np.log(np.maximum(useful, 1e-12)) / rise
    weight = np.exp(log_weight - log_weight.max(axis=2, keepdims=True))
    weight = weight / weight.sum(axis=2, keepdims=True)
    if np.array_equal(weight, course.plan.daypart_weights):
        return course
    better = replace(course.plan, daypart_weights=weight)
    totals = market.totals([course.plan, better])
    keep = (totals[1] <= totals[0])[:, None, None]
    if keep.all():
        return course
    played = market.play(replace(better, daypart_weights=np.where(keep, course.plan.daypart_weights, weight)))
    return played if played.total > course.total else course
