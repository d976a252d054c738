"""The cells of a plan: blocks of days, and how a block's money is spread over its days."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.simulator.parameters import MarketParameters

Resolution = Literal["day", "week", "four_weeks"]
# In days of spend at which the channels' prices are quoted.
_LARGEST_UNIT = 30.0
_DAYS: dict[Resolution, int] = {"four_weeks": 28, "week": 7, "day": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """``K`` blocks of days over a horizon. A plan cell is a block, region, segment and channel.

    Attributes:
        starts: First day of each block ``(K,)``.
        ends: Day after the last one ``(K,)``.
        of_day: Block of each day ``(T,)``.
        profile: A day's spend relative to its block's level ``(T, R, S, C)``; 0 where a channel cannot be bought.
        unit_base: Money a day that a level of 1 stands for; it makes every plan of the same market look alike.
    """

    starts: IntArray
    ends: IntArray
    of_day: IntArray
    profile: FloatArray
    unit_base: float

    @property
    def count(self) -> int:
        """Number of blocks, ``K``."""
        return len(self.starts)

    @property
    def cells(self) -> int:
        """Number of plan cells, ``K * R * S * C``."""
        return self.count * int(np.prod(self.profile.shape[1:]))

    @property
    def level_days(self) -> FloatArray:
        """Spend over a block's days per unit of level ``(K, R, S, C)``."""
        return np.add.reduceat(self.profile, self.starts, axis=0)

    def spend(self, level: FloatArray) -> FloatArray:
        """Daily spend ``(T, R, S, C)``, base currency, of levels ``(K, R, S, C)``."""
        return self.unit_base * level[self.of_day] * self.profile

    def level(self, spend_base: FloatArray) -> FloatArray:
        """Levels ``(K, R, S, C)`` that spend as much in each block as daily spend ``(T, R, S, C)`` does."""
        totals = np.add.reduceat(spend_base, self.starts, axis=0) / self.unit_base
        days = self.level_days
        return np.where(days > 0.0, totals / np.where(days > 0.0, days, 1.0), 0.0)


def split_horizon(market: MarketParameters, resolution: Resolution) -> Blocks:
    """Blocks of four weeks, a week or a day, counted from the first day of the horizon.

    Within a block money follows the region's demand index. Minimums, maximums and locks are a day's amounts, so cells
    that have one spend the same every day.
    """
    scenario = market.scenario
    days, length = scenario.days, _DAYS[resolution]
    starts = np.arange(0, days, length)
    ends = np.minimum(starts + length, days)
    of_day = np.arange(days) // length
    demand = market.calendar.demand
    mean = np.add.reduceat(demand, starts, axis=0) / (ends - starts)[:, None]
    by_demand = np.where(mean[of_day] > 0.0, demand / np.where(mean > 0.0, mean, 1.0)[of_day], 1.0)
    limits = scenario.limits
    capped = np.isfinite(limits.maximum_base)[:, None, :]
    daily: BoolArray = limits.locked | (limits.minimum_base > 0.0) | capped
    profile = np.where(daily, 1.0, by_demand[:, :, None, None]) * market.shocks.available[:, :, None, :]
    return Blocks(
        starts=starts,
        ends=ends,
        of_day=of_day,
        profile=np.ascontiguousarray(profile),
        # A budget beyond all measure must not make the levels of sound plans too small for arithmetic.
        unit_base=min(
            limits.total_base / (days * daily.size), _LARGEST_UNIT * float(market.media.reference_base.mean())
        ),
    )
