"""The tactic menu: the finite set of choices per cell that exploration and learning policies draw from."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, check_shape, contract
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import Morning
from xbopt.core.errors import DecisionError

PLAN_MIX = "plan"
"""Name of the mix that is the plan's own split over channels, where a scenario does not spell it out."""
AUDIENCE_TIMING = "audience"
"""Name of the timing that follows the audience's day, where a scenario does not spell it out."""


TIE = 1e-9
"""Distances ``a`` and ``b`` of tactics count as equal where ``a <= b + TIE * (1 + b)``.

A decision half-way between two tactics is as far from either, and rounding alone would tell them apart: one way in
numpy, another in the graph of a bundle. With ``u = 2^-53``, the logarithm of an intensity is known to 14u (four
roundings of its ratio, and two of a logarithm below 4.7); over ``INTENSITY_STEP``, that is ``x`` to 50u and a few u of
``x`` itself, so ``x^2`` to ``2 |x| 50u + 5u x^2 <= 55u (1 + x^2)``. All other terms are the same constants on both
sides, and their sum rounds by 5u of itself: a distance ``d`` is known to ``60u (1 + d)``, the difference of two on two
machines to ``240u (1 + d) < 3e-14 (1 + d)``. The tolerance lies far above that, and far below any difference that means
something: half-way between two discounts, it is three billionths of a point.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TacticMenu:
    """``K`` tactics; a tactic says what to do with a cell's share of the budget.

    Attributes:
        labels: A readable name for each tactic ``(K,)``.
        discount_frac: ``(K,)``.
        intensity: Multiple of the cell's share of the budget ``(K,)``.
        mix: Position in ``mixes`` ``(K,)``.
        timing: Position in ``timings`` ``(K,)``.
        mechanic: Position in ``MECHANICS`` ``(K,)``.
        mixes: Channel weights by mix and cell ``(M, R, S, C)``; each row sums to 1.
        timings: Daypart weights by timing and region ``(N, R, H)``; each row sums to 1.
        mix_names: Names of the mixes ``(M,)``.
        timing_names: Names of the timings ``(N,)``.
        cell_share: The cell's share of a day's budget at intensity 1 ``(R, S)``; sums to 1.
    """

    # Differences that count one each when decisions are compared: points of discount, per cent of intensity, and the
    # share of spend in other channels or dayparts.
    DISCOUNT_STEP: ClassVar[float] = 0.05
    INTENSITY_STEP: ClassVar[float] = 0.3
    SHARE_STEP: ClassVar[float] = 0.2

    labels: tuple[str, ...]
    discount_frac: FloatArray
    intensity: FloatArray
    mix: IntArray
    timing: IntArray
    mechanic: IntArray
    mixes: FloatArray
    timings: FloatArray
    mix_names: tuple[str, ...]
    timing_names: tuple[str, ...]
    cell_share: FloatArray

    def __len__(self) -> int:
        """Number of tactics, ``K``."""
        return len(self.labels)

    def check(self, tactic: IntArray, worlds: int) -> None:
        """Refuse anything but positions in the menu ``(B, R, S)``.

        Raises:
            DecisionError: A wrong shape, or a position that is not in the menu.
        """
        check_shape("tactic", tactic, (worlds, *self.cell_share.shape), "B, R, S")
        if tactic.dtype.kind not in "iu" or (tactic.size and not (tactic.min() >= 0 and tactic.max() < len(self))):
            raise DecisionError(f"tactic must hold positions 0..{len(self) - 1} of the menu.")

    def decode(self, tactic: IntArray, morning: Morning) -> Decision:
        """Turn tactics into a decision; their money is shares of the money left, spread evenly over the days left.

        Args:
            tactic: Positions in the menu ``(B, R, S)``.
            morning: The morning; the day and the money left count.

        Returns:
            The decision before projection. A channel's daypart weights are those of its segments' timings,
            weighted by spend, because timing belongs to region and channel.

        Raises:
            DecisionError: A wrong shape, or a position that is not in the menu.
        """
        self.check(tactic, morning.worlds)
        regions, segments = self.cell_share.shape
        region = np.arange(regions, dtype=np.int64)[:, None]
        segment = np.arange(segments, dtype=np.int64)
        cell_budget = morning.day_budget_base[:, None, None] * self.cell_share * self.intensity[tactic]
        spend = cell_budget[..., None] * self.mixes[self.mix[tactic], region, segment]
        timing = self.timings[self.timing[tactic], region]  # (B, R, S, H)
        weights = contract("brsc,brsh->brch", spend, timing)
        totals = weights.sum(axis=3, keepdims=True)
        even = timing.mean(axis=2)[:, :, None, :]
        weights = np.where(totals > 0.0, weights / np.where(totals > 0.0, totals, 1.0), even)
        return Decision(
            spend_base=spend,
            daypart_weights=weights,
            discount_frac=self.discount_frac[tactic],
            mechanic=self.mechanic[tactic],
        )

    def nearest(self, decision: Decision, day_budget_base: FloatArray) -> IntArray:
        """The tactic that is closest to each cell's decision ``(B, R, S)``.

        Distance is a sum of squares in units that planners think in: 5 points of discount, 30 % of intensity,
        20 % of the spend in other channels or dayparts, or another mechanic count one each. Ties go to the
        earlier tactic, as ``earliest_nearest`` says. Intensity counts between a hundredth and a hundredfold; where the
        cell has no money to compare with, it counts as 1.

        Raises:
            DecisionError: A wrong shape.
        """
        regions, segments = self.cell_share.shape
        spend = decision.spend_base
        check_shape("spend_base", spend, (None, regions, segments, self.mixes.shape[3]), "B, R, S, C")
        check_shape("day_budget_base", day_budget_base, (spend.shape[0],), "B")
        cell_spend = spend.sum(axis=3)
        even = day_budget_base[:, None, None] * self.cell_share
        # Below a billionth of a currency unit there is nothing to divide by.
        intensity = np.where(even > 1e-9, cell_spend / np.maximum(even, 1e-9), 1.0)
        log_intensity = np.log(np.clip(intensity, 0.01, 100.0))
        distance = ((decision.discount_frac[..., None] - self.discount_frac) / self.DISCOUNT_STEP) ** 2
        distance += ((log_intensity[..., None] - np.log(self.intensity)) / self.INTENSITY_STEP) ** 2
        distance += (self.mix_distance(spend) / self.SHARE_STEP) ** 2
        distance += (self.timing_distance(spend, decision.daypart_weights) / self.SHARE_STEP) ** 2
        distance += decision.mechanic[..., None] != self.mechanic
        return earliest_nearest(distance)

    def mix_distance(self, spend_base: FloatArray) -> FloatArray:
        """Share of a cell's spend ``(B, R, S, C)`` that each tactic puts into other channels ``(B, R, S, K)``."""
        by_mix = 0.5 * np.abs(_shares(spend_base)[:, None] - self.mixes).sum(axis=4)  # (B, M, R, S)
        return np.moveaxis(by_mix, 1, 3)[..., self.mix]

    def timing_distance(self, spend_base: FloatArray, daypart_weights: FloatArray) -> FloatArray:
        """Share of a cell's spend that each tactic puts into other dayparts ``(B, R, S, K)``.

        Args:
            spend_base: ``(B, R, S, C)``.
            daypart_weights: How a channel's spend is spread over the day ``(B, R, C, H)``.
        """
        weights = contract("brsc,brch->brsh", _shares(spend_base), daypart_weights)
        by_timing = 0.5 * np.abs(weights[:, None] - self.timings[:, :, None, :]).sum(axis=4)
        return np.moveaxis(by_timing, 1, 3)[..., self.timing]


def earliest_nearest(distance: FloatArray) -> IntArray:
    """The first of the tactics that are as near as any, within ``TIE``: ``(..., K)`` to ``(...)``."""
    least = distance.min(axis=-1, keepdims=True)
    return np.argmax(distance <= least + TIE * (1.0 + least), axis=-1)


def _shares(spend_base: FloatArray) -> FloatArray:
    """Channel shares of each cell's spend ``(B, R, S, C)``; zero where nothing is spent."""
    return spend_base / np.maximum(spend_base.sum(axis=3), 1e-300)[..., None]
