"""The tactic menu relative to a plan: the neutral tactic of a cell carries the plan on."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, contract
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.menu import AUDIENCE_TIMING, PLAN_MIX, TacticMenu
from xbopt.core.decisions.policy import Morning


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredMenu:
    """The tactics of a menu, read relative to a plan.

    - Intensity is a multiple of what the plan has for the cell on that day.
    - The mix named ``plan`` is the plan's own split over channels, the timing named ``audience`` the plan's dayparts;
      in a menu without these names the first mix and the first timing stand for them.
    - The smallest discount is the plan's own discount and mechanic; other tiers are absolute.

    Attributes:
        base: The scenario's own menu.
        anchor: The plan.
    """

    base: TacticMenu
    anchor: Anchor

    def __len__(self) -> int:
        """Number of tactics, ``K``."""
        return len(self.base)

    @property
    def smallest_discount(self) -> float:
        """The discount tier that stands for the plan's own discount."""
        return float(self.base.discount_frac.min())

    @property
    def own_mix(self) -> int:
        """Position of the mix that stands for the plan's own."""
        return _position(self.base.mix_names, PLAN_MIX)

    @property
    def own_timing(self) -> int:
        """Position of the timing that stands for the plan's own dayparts."""
        return _position(self.base.timing_names, AUDIENCE_TIMING)

    @property
    def labels(self) -> tuple[str, ...]:
        """A readable name for each tactic ``(K,)``."""
        menu, smallest = self.base, self.smallest_discount
        names: list[str] = []
        for k in range(len(menu)):
            tier = float(menu.discount_frac[k])
            mechanic = menu.labels[k].split(" / ")[0]
            discount = f"discount as in {self.anchor.name}" if tier == smallest else mechanic
            own_mix, own_timing = int(menu.mix[k]) == self.own_mix, int(menu.timing[k]) == self.own_timing
            mix = "its channels" if own_mix else menu.mix_names[int(menu.mix[k])]
            timing = "its dayparts" if own_timing else menu.timing_names[int(menu.timing[k])]
            names.append(f"{discount} / {mix} x{menu.intensity[k]:g} / {timing}")
        return tuple(names)

    @property
    def neutral(self) -> int:
        """Position of the tactic nearest to the plan: its own discount, mix and timing, intensity nearest to 1."""
        menu = self.base
        distance = np.abs(np.log(np.maximum(menu.intensity, 1e-6)))
        distance = distance + 20.0 * (menu.mix != self.own_mix) + 20.0 * (menu.timing != self.own_timing)
        distance = distance + 100.0 * (menu.discount_frac != self.smallest_discount)
        return int(np.argmin(distance))

    def decode(self, tactic: IntArray, morning: Morning) -> Decision:
        """Turn tactics into the day's decision, before projection.

        Args:
            tactic: Positions in the menu ``(B, R, S)``.
            morning: The morning; its day and the money left count.

        Raises:
            DecisionError: A wrong shape, or a position that is not in the menu.
        """
        menu, anchor, day = self.base, self.anchor, morning.day
        menu.check(tactic, morning.worlds)
        regions, segments = menu.cell_share.shape
        split = anchor.split[day]
        cell = split.sum(axis=2)
        mixes = menu.mixes.copy()
        planned_mix = split / np.where(cell > 0.0, cell, 1.0)[..., None]
        mixes[self.own_mix] = np.where(cell[..., None] > 0.0, planned_mix, mixes[self.own_mix])
        region = np.arange(regions, dtype=np.int64)[:, None]
        segment = np.arange(segments, dtype=np.int64)
        money = anchor.day_money_base(morning)[:, None, None] * cell * menu.intensity[tactic]
        spend = money[..., None] * mixes[menu.mix[tactic], region, segment]
        discount = menu.discount_frac[tactic]
        own = discount == self.smallest_discount
        return Decision(
            spend_base=spend,
            daypart_weights=self._dayparts(spend, menu.timing[tactic]),
            discount_frac=np.where(own, anchor.discount_frac[day], discount),
            mechanic=np.where(own, anchor.mechanic[day], menu.mechanic[tactic]),
        )

    def _dayparts(self, spend: FloatArray, timing: IntArray) -> FloatArray:
        """Daypart weights ``(B, R, C, H)``: those of the segments' timings, weighted by their spend."""
        planned, timings = self.anchor.daypart_weights, self.base.timings
        weights = np.zeros((len(spend), *planned.shape))
        total = spend.sum(axis=2)
        for position in range(len(timings)):
            rows = planned if position == self.own_timing else timings[position][:, None, :]
            of_timing = contract("brsc,brs->brc", spend, (timing == position).astype(np.float64))
            share = np.where(
                total > 0.0, of_timing / np.where(total > 0.0, total, 1.0), float(position == self.own_timing)
            )
            weights += share[..., None] * rows
        return weights


def _position(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name in names else 0
