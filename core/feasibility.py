"""The one projection onto what may be done. Everything that spends money goes through it."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.axes import FloatArray
from xbopt.core.decision import Decision
from xbopt.core.limits import Limits, Remaining

# When a sum is scaled down to a cap, rounding could leave it one bit above. A relative shave of 1e-12 (a
# hundred-thousandth of a cent in a million) keeps "never exceeds the budget" exact, and makes a second
# projection change nothing.
_SHAVE = 1.0 - 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustments:
    """What the projection changed, one entry a world ``(B,)``.

    Attributes:
        cut_base: Spend taken away, base currency.
        raised_base: Spend added for minimums and locks, base currency.
        unmet_base: Minimums and locks that could not be paid from what is left, base currency.
        discounts_cut: Number of cells whose discount was too deep or negative.
        dayparts_mended: Number of daypart rows that were empty or held negative weights.
    """

    cut_base: FloatArray
    raised_base: FloatArray
    unmet_base: FloatArray
    discounts_cut: FloatArray
    dayparts_mended: FloatArray


def project(decision: Decision, limits: Limits, remaining: Remaining) -> tuple[Decision, Adjustments]:
    """Bring a decision within the limits, changing as little as needed, and say what was changed.

    Spend: negative amounts become zero; locks replace, minimums lift; then what exceeds a region's cap, a
    channel's cap, the day's cap or the budget is scaled down in proportion, sparing locks and minimums. Each
    scaling only takes away, so a later one never breaks an earlier one. Where even locks and minimums exceed
    what is left, they are scaled down too, and the rest is reported as unmet.

    Args:
        decision: Any finite decision of the scenario's shape.
        limits: The scenario's limits.
        remaining: What may still be spent.

    Returns:
        The feasible decision, and what was changed.

    Raises:
        DecisionError: A wrong shape, or a value that is no number.
    """
    regions, segments, channels = limits.locked.shape
    decision.check(regions=regions, segments=segments, channels=channels, dayparts=limits.audience.shape[1])

    wanted = np.maximum(decision.spend_base, 0.0)
    floor = np.where(limits.locked, limits.lock_base, limits.minimum_base)
    spend = np.where(limits.locked, limits.lock_base, np.maximum(wanted, floor))
    day_left = np.minimum(remaining.budget_base, limits.daily_base)
    has_floor = bool(floor.any())
    if has_floor:
        paid_floor = _scaled(np.broadcast_to(floor, spend.shape), remaining, day_left)
        unmet = (floor - paid_floor).sum(axis=(1, 2, 3))
        extra = _scaled(
            spend - floor,
            Remaining(
                budget_base=remaining.budget_base,
                region_base=np.maximum(remaining.region_base - paid_floor.sum(axis=(2, 3)), 0.0),
                channel_base=np.maximum(remaining.channel_base - paid_floor.sum(axis=(1, 2)), 0.0),
            ),
            np.maximum(day_left - paid_floor.sum(axis=(1, 2, 3)), 0.0),
        )
        # A floor that could not be paid in full leaves no room for anything else in that cell.
        feasible = paid_floor + np.where(paid_floor < floor * _SHAVE, 0.0, extra)
    else:
        unmet = np.zeros(decision.worlds)
        feasible = _scaled(spend, remaining, day_left)

    discount = np.clip(decision.discount_frac, 0.0, limits.discount_ceiling)
    weights, mended = _normalised(decision.daypart_weights, limits.audience)
    change = feasible - decision.spend_base
    adjustments = Adjustments(
        cut_base=-np.minimum(change, 0.0).sum(axis=(1, 2, 3)),
        raised_base=np.maximum(change, 0.0).sum(axis=(1, 2, 3)),
        unmet_base=unmet,
        discounts_cut=(discount != decision.discount_frac).sum(axis=(1, 2)).astype(np.float64),
        dayparts_mended=mended,
    )
    projected = Decision(
        spend_base=feasible, daypart_weights=weights, discount_frac=discount, mechanic=decision.mechanic
    )
    return projected, adjustments


def _scaled(spend: FloatArray, remaining: Remaining, day_left: FloatArray) -> FloatArray:
    """Scale spend ``(B, R, S, C)`` down to the region, channel and day caps, in that order."""
    if np.isfinite(remaining.region_base).any():
        spend = spend * _factor(spend.sum(axis=(2, 3)), remaining.region_base)[:, :, None, None]
    if np.isfinite(remaining.channel_base).any():
        spend = spend * _factor(spend.sum(axis=(1, 2)), remaining.channel_base)[:, None, None, :]
    return spend * _factor(spend.sum(axis=(1, 2, 3)), day_left)[:, None, None, None]


def _factor(total: FloatArray, cap: FloatArray) -> FloatArray:
    over = total > cap
    return np.where(over, cap / np.where(over, total, 1.0) * _SHAVE, 1.0)


def _normalised(weights: FloatArray, audience: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Daypart weights that are non-negative and sum to 1; empty rows follow the audience's day."""
    totals = weights.sum(axis=3, keepdims=True)
    if weights.min(initial=0.0) >= 0.0 and bool((np.abs(totals - 1.0) <= 1e-12).all()):
        return weights, np.zeros(weights.shape[0])
    positive = np.maximum(weights, 0.0)
    totals = positive.sum(axis=3, keepdims=True)
    empty = totals <= 0.0
    normalised = np.where(empty, audience[:, None, :], positive / np.where(empty, 1.0, totals))
    mended = (empty[..., 0] | (weights < 0.0).any(axis=3)).sum(axis=(1, 2)).astype(np.float64)
    return normalised, mended
