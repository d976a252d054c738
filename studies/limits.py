"""What the limits changed in a simulation, and how near the plan came to each."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.studies.kpis import WorldRange
from xbopt.studies.labels import axis_names
from xbopt.studies.simulate import SimulationResult
from xbopt.studies.totals import ADJUSTMENTS, CELL_COUNTS

_SMALLEST_MONEY = 0.005
"""Half a cent over the horizon: what rounding does, and nothing that a planner could see."""
_FULL = 0.9995


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChange:
    """Something that a limit or a stock-out changed.

    Attributes:
        key: One of ``ADJUSTMENTS``, ``capped_cell_days`` or ``lost_orders``.
        unit: Whether it is an amount of money or a number of things.
        figure: How much, over worlds.
        worlds_frac: Share of worlds in which it happened.
    """

    key: str
    unit: Literal["money", "count"]
    figure: WorldRange
    worlds_frac: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """A limit and how much of it is used; base currency.

    Attributes:
        key: ``budget``, ``day``, ``region``, ``channel`` or ``maximum`` (of a channel in a region).
        name: Readable name of what it is about; empty for budget and day.
        allowed: What it allows.
        used: Mean over worlds; of day and maximum on the largest day.
    """

    key: Literal["budget", "day", "region", "channel", "maximum"]
    name: str = ""
    allowed: float
    used: float

    @property
    def share(self) -> float:
        """Used over allowed; NaN where nothing is allowed."""
        return self.used / self.allowed if self.allowed > 0.0 else float("nan")

    @property
    def is_full(self) -> bool:
        """Whether nothing is left of it, but for rounding."""
        return self.share >= _FULL


def limit_changes(result: SimulationResult) -> tuple[LimitChange, ...]:
    """What the projection changed, where a cart rate met its cap, and what stock-outs lost; also what is 0."""
    totals = result.totals
    values = {
        **{name: totals.adjustments[:, i] for i, name in enumerate(ADJUSTMENTS)},
        "capped_cell_days": totals.capped_cell_days,
        "lost_orders": totals.cells[..., CELL_COUNTS.index("lost_orders")].sum(axis=(1, 2)),
    }
    return tuple(_change(key, array) for key, array in values.items())


def _change(key: str, values: FloatArray) -> LimitChange:
    is_money = key.endswith("_base")
    happened = values > (_SMALLEST_MONEY if is_money else 0.0)
    # Below the threshold stands rounding noise of sums, which would read as a cut of zero.
    figure = WorldRange.of(np.where(happened, values, 0.0))
    return LimitChange(
        key=key, unit="money" if is_money else "count", figure=figure, worlds_frac=float(happened.mean())
    )


def limit_use(result: SimulationResult) -> tuple[LimitUse, ...]:
    """Budget, the largest day, and every cap that the scenario sets."""
    limits, spend = result.scenario.limits, result.totals.spend_by_cell()
    regions, _, channels = axis_names(result.scenario)
    by_place = result.totals.mean_spend_by_day()
    by_day = by_place.sum(axis=(1, 2))
    caps: tuple[tuple[Literal["region", "channel"], tuple[str, ...], FloatArray, FloatArray], ...] = (
        ("region", regions, limits.region_cap_base, spend.sum(axis=(1, 2))),
        ("channel", channels, limits.channel_cap_base, spend.sum(axis=(0, 1))),
    )
    return (
        LimitUse(key="budget", allowed=limits.total_base, used=float(spend.sum())),
        LimitUse(key="day", allowed=limits.daily_base, used=float(by_day.max())),
        *(
            LimitUse(key=key, name=name, allowed=float(cap), used=float(used))
            for key, names, allowed, spent in caps
            for name, cap, used in zip(names, allowed, spent, strict=True)
            if np.isfinite(cap)
        ),
        *(
            LimitUse(
                key="maximum",
                name=f"{regions[r]} / {channels[c]}",
                allowed=float(limits.maximum_base[r, c]),
                used=float(by_place[:, r, c].max()),
            )
            for r, c in np.argwhere(np.isfinite(limits.maximum_base)).tolist()
        ),
    )
