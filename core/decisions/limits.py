"""The limits that every decision must keep, as arrays."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, add_up, worlds_innermost


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Hard limits of a scenario.

    Attributes:
        total_base: Budget of the whole horizon.
        daily_base: Most that one day may spend (pacing).
        region_cap_base: Most over the horizon by region ``(R,)``; infinite where there is no cap.
        channel_cap_base: Most over the horizon by channel ``(C,)``; infinite where there is no cap.
        minimum_base: Least spend a day by cell and channel ``(R, S, C)``.
        maximum_base: Most spend a day by region and channel, over its segments ``(R, C)``; infinite where there is
            none.
        locked: Cells and channels whose spend is fixed ``(R, S, C)``.
        lock_base: The fixed spend a day ``(R, S, C)``; 0 where not locked.
        discount_ceiling: Deepest discount ``(R, S)``: the scenario's ceiling and its margin floor together.
        audience: The audience's day by region ``(R, H)``; stands in for an empty daypart row.
    """

    total_base: float
    daily_base: float
    region_cap_base: FloatArray
    channel_cap_base: FloatArray
    minimum_base: FloatArray
    maximum_base: FloatArray
    locked: BoolArray
    lock_base: FloatArray
    discount_ceiling: FloatArray
    audience: FloatArray

    def without_limits_on_spend(self) -> "Limits":
        """The same with no limit on spend, neither above nor below; the ceiling on discounts stays."""
        return replace(
            self,
            total_base=1e300,
            daily_base=1e300,
            region_cap_base=np.full_like(self.region_cap_base, np.inf),
            channel_cap_base=np.full_like(self.channel_cap_base, np.inf),
            minimum_base=np.zeros_like(self.minimum_base),
            maximum_base=np.full_like(self.maximum_base, np.inf),
            locked=np.zeros_like(self.locked),
            lock_base=np.zeros_like(self.lock_base),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What may still be spent: budget ``(B,)``, by region ``(B, R)`` and by channel ``(B, C)``, base currency."""

    budget_base: FloatArray
    region_base: FloatArray
    channel_base: FloatArray

    @classmethod
    def at_start(cls, limits: Limits, worlds: int) -> "Remaining":
        """Everything is still there."""
        return cls(
            budget_base=np.full(worlds, limits.total_base),
            region_base=worlds_innermost(np.tile(limits.region_cap_base, (worlds, 1))),
            channel_base=worlds_innermost(np.tile(limits.channel_cap_base, (worlds, 1))),
        )

    def after(self, spend_base: FloatArray) -> "Remaining":
        """What is left after a day's spend ``(B, R, S, C)``; never below zero."""
        by_region = add_up(spend_base, 2, 3)
        by_channel = add_up(spend_base, 1, 2)
        return Remaining(
            budget_base=np.maximum(self.budget_base - add_up(by_region, 1), 0.0),
            region_base=np.maximum(self.region_base - by_region, 0.0),
            channel_base=np.maximum(self.channel_base - by_channel, 0.0),
        )
