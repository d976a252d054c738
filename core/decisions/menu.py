"""The tactic menu: the finite set of choices per cell that exploration and learning policies draw from.

Read by itself, as here, a tactic is a share of the money that is left. Exploration and what learns read the same
tactics relative to a policy or a plan: see ``anchored_menu``.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, check_shape, contract
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import Morning
from xbopt.core.errors import DecisionError

PLAN_MIX = "plan"
"""Name of the mix that is the plan's own split over channels, where a scenario does not spell it out."""
AUDIENCE_TIMING = "audience"
"""Name of the timing that follows the audience's day, where a scenario does not spell it out."""


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
