"""The one projection onto what may be done. Everything that spends money goes through it."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, add_up, check_shape, every, some
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.limits import Limits, Remaining

# When a sum is scaled down to a cap, rounding could leave it above. Summing the largest market that is allowed
# (20,000 numbers) loses at most 20,000 * 2**-53 < 3e-12 of the sum, so caps are aimed at with a relative shave of
# 1e-11, a thousandth of a cent in a million: "never exceeds the budget" is exact, and a second projection changes
# nothing.
_SHAVE = 1.0 - 1e-11
# Near the smallest floats a share of an amount has no precision left; so little money counts as none.
_LEAST = 1e-200


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustments:
    """What the projection changed, one entry a world ``(B,)``.

    Attributes:
        cut_base: Spend taken away, base currency.
        raised_base: Spend added, for minimums and locks and to lift negative amounts to zero, base currency.
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

    Spend: negative amounts become zero; locks replace, minimums lift; then what exceeds the maximum of a channel in
    a region, a region's cap, a channel's cap, the day's cap or the budget is scaled down in proportion, sparing locks
    and minimums. Each
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

    _check_remaining(remaining, decision.worlds, regions, channels)

    asked = decision.spend_base
    wanted = asked if asked.min(initial=0.0) >= 0.0 else np.maximum(asked, 0.0)
    day_left = np.minimum(remaining.budget_base, limits.daily_base)
    floor = np.where(limits.locked, limits.lock_base, limits.minimum_base)
    if some(floor) or some(limits.locked):
        # Floors are paid first. One that cannot be paid in full leaves no room for anything else in that cell.
        caps = _Caps.of(limits, remaining, day_left)
        paid = _scaled(np.broadcast_to(floor, wanted.shape), caps)
        spend = np.where(limits.locked | (paid < floor), paid, np.maximum(wanted, paid))
        unmet = add_up(floor - paid, 1, 2, 3)
        feasible = _scaled_above(paid, spend, caps)
    else:
        unmet = np.zeros(decision.worlds)
        feasible = _scaled(wanted, _Caps.of(limits, remaining, day_left))

    discount = np.minimum(np.maximum(decision.discount_frac, 0.0), limits.discount_ceiling)
    weights, mended = _normalised(decision.daypart_weights, limits.audience)
    cut, raised = _changes(asked, feasible)
    adjustments = Adjustments(
        cut_base=cut,
        raised_base=raised,
        unmet_base=unmet,
        discounts_cut=add_up(discount != decision.discount_frac, 1, 2),
        dayparts_mended=mended,
    )
    projected = Decision(
        spend_base=feasible, daypart_weights=weights, discount_frac=discount, mechanic=decision.mechanic
    )
    return projected, adjustments


def _changes(asked: FloatArray, feasible: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Spend taken away and added, by world ``(B,)`` each."""
    if feasible is asked:  # nothing to do, which is the usual case
        return np.zeros(len(asked)), np.zeros(len(asked))
    change = feasible - asked
    return add_up(np.maximum(-change, 0.0), 1, 2, 3), add_up(np.maximum(change, 0.0), 1, 2, 3)


def _check_remaining(remaining: Remaining, worlds: int, regions: int, channels: int) -> None:
    check_shape("remaining.budget_base", remaining.budget_base, (worlds,), "B")
    check_shape("remaining.region_base", remaining.region_base, (worlds, regions), "B, R")
    check_shape("remaining.channel_base", remaining.channel_base, (worlds, channels), "B, C")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caps:
    """What one day may spend; None for no cap.

    By region and channel ``(R, C)`` or ``(B, R, C)``, by region ``(B, R)``, by channel ``(B, C)``, in all ``(B,)``.
    """

    maximum: FloatArray | None
    region: FloatArray | None
    channel: FloatArray | None
    day: FloatArray

    @classmethod
    def of(cls, limits: Limits, remaining: Remaining, day_left: FloatArray) -> "_Caps":
        return cls(
            maximum=limits.maximum_base if some(np.isfinite(limits.maximum_base)) else None,
            region=remaining.region_base if some(np.isfinite(remaining.region_base)) else None,
            channel=remaining.channel_base if some(np.isfinite(remaining.channel_base)) else None,
            day=day_left,
        )

    def kept(self, spend: FloatArray) -> BoolArray:
        """Whether all caps are kept, by world ``(B,)``."""
        kept = add_up(spend, 1, 2, 3) <= self.day
        if self.maximum is not None:
            kept &= (add_up(spend, 2) <= self.maximum).all(axis=(1, 2))
        if self.region is not None:
            kept &= (add_up(spend, 2, 3) <= self.region).all(axis=1)
        if self.channel is not None:
            kept &= (add_up(spend, 1, 2) <= self.channel).all(axis=1)
        return kept

    def above(self, floor: FloatArray) -> "_Caps":
        """The room that floors ``(B, R, S, C)`` leave."""

        def room(cap: FloatArray, used: FloatArray) -> FloatArray:
            return np.maximum(cap * _SHAVE - used, 0.0)

        return _Caps(
            maximum=None if self.maximum is None else room(self.maximum, add_up(floor, 2)),
            region=None if self.region is None else room(self.region, add_up(floor, 2, 3)),
            channel=None if self.channel is None else room(self.channel, add_up(floor, 1, 2)),
            day=room(self.day, add_up(floor, 1, 2, 3)),
        )


def _scaled(spend: FloatArray, caps: _Caps) -> FloatArray:
    """Scale spend ``(B, R, S, C)`` down to the maximums, then the region, channel and day caps, in that order.

    Scaling only takes away, in exact as in rounded arithmetic, so a later cap never breaks an earlier one.
    """
    for total_axes, cap, to_spend in (
        ((2,), caps.maximum, (slice(None), slice(None), None, slice(None))),
        ((2, 3), caps.region, (slice(None), slice(None), None, None)),
        ((1, 2), caps.channel, (slice(None), None, None, slice(None))),
        ((1, 2, 3), caps.day, (slice(None), None, None, None)),
    ):
        if cap is not None:
            factor = _factor(add_up(spend, *total_axes), cap)
            # Times 1 changes no bit, so skipping it changes no world.
            spend = spend if every(factor == 1.0) else spend * factor[to_spend]
    return spend


def _scaled_above(floor: FloatArray, spend: FloatArray, caps: _Caps) -> FloatArray:
    """Scale what spend has above its floor; worlds that keep every cap stay as they are, to the bit."""
    kept = caps.kept(spend)
    if kept.all():
        return spend
    above = floor + _scaled(spend - floor, caps.above(floor))
    return np.where(kept[:, None, None, None], spend, above)


def _factor(total: FloatArray, cap: FloatArray) -> FloatArray:
    over = total > cap
    share = np.where(cap < _LEAST, 0.0, cap / np.where(over, total, 1.0) * _SHAVE)
    return np.where(over, share, 1.0)


def _normalised(weights: FloatArray, audience: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Daypart weights that are non-negative and sum to 1, and the number of rows that were mended ``(B,)``.

    Empty rows follow the audience's day. A row that is fine stays as it is, to the bit, whatever the others hold.
    """
    totals = add_up(weights, 3)
    fine = np.abs(totals - 1.0) <= 1e-12
    if weights.min(initial=0.0) < 0.0:
        fine &= ~(weights < 0.0).any(axis=3)
    if every(fine):
        return weights, np.zeros(len(weights))
    positive = np.maximum(weights, 0.0)
    totals = add_up(positive, 3)
    empty = totals <= 0.0
    shares = positive / np.where(empty, 1.0, totals)[..., None]
    normalised = np.where(empty[..., None], audience[:, None, :], shares)
    bad: BoolArray = empty | (weights < 0.0).any(axis=3)
    mended = add_up(bad, 1, 2)
    result: FloatArray = np.where(fine[..., None], weights, normalised)
    return result, mended
