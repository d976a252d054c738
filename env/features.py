"""An observation as numbers for a network: named, of ordinary size, bounded, float32.

Two views of the same numbers: one flat row a world, and blocks by region, cell and channel for networks that read
every cell alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.policy import Observation
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.observation import CELL_FEATURES, CHANNEL_FEATURES, REGION_FEATURES

Float32Array = NDArray[np.float32]

LARGEST_FEATURE = 5.0
"""Features are held within this. Scaled as below they hardly ever come near it."""

GLOBAL_FEATURES: tuple[str, ...] = ("budget_left", "time_left", "pace", "plan_today", "plan_rest")
"""Features of the whole: shares of budget and days left, their ratio, the plan's spend of the coming decision period
against an even share, and the share of the plan's own spend that is still to come."""
PLAN_CELL_FEATURES: tuple[str, ...] = ("planned_discount", "planned_spend")
PLAN_CHANNEL_FEATURES: tuple[str, ...] = ("planned_spend",)

_SCALES: dict[str, float] = {
    "pace": 0.5,
    "recent_visits_log": 0.2,
    "recent_orders_log": 0.2,
    "planned_discount": 5.0,
    "recent_discount": 5.0,
    "fx_log": 10.0,
    "competitor_log": 10.0,
    "congestion_log": 5.0,
    "demand_index": 0.5,
    "demand_index_next_week": 0.5,
    "recent_spend": 0.3,
    "planned_spend": 0.3,
}
# ``recent_visits_log`` of a cell is the log of a count, that of a channel a log ratio.
_CHANNEL_SCALES: dict[str, float] = {"recent_spend": 0.3, "planned_spend": 0.3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """The features by block, float32.

    Attributes:
        whole: ``(B, G)``.
        regions: ``(B, R, F)``.
        cells: ``(B, R, S, E)``.
        channels: ``(B, R, S, C, D)``.
    """

    whole: Float32Array
    regions: Float32Array
    cells: Float32Array
    channels: Float32Array

    def flat(self) -> Float32Array:
        """One row a world ``(B, N)``: whole, regions, cells, channels."""
        worlds = len(self.whole)
        parts = (self.whole, self.regions, self.cells, self.channels)
        return np.concatenate([part.reshape(worlds, -1) for part in parts], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFeatures:
    """What the plan has in mind on a day, unscaled.

    Attributes:
        whole: Time left, spend of the coming period, and spend still to come ``(3,)``.
        cells: Planned discount and spend ``(R, S, 2)``.
        channels: Planned spend ``(R, S, C, 1)``.
    """

    whole: FloatArray
    cells: FloatArray
    channels: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureLayout:
    """Which features there are, and where they stand in a flat row.

    Attributes:
        anchor: The plan that decisions are relative to; what it has in mind is seen too.
        hold_days: Days of the scenario's decision period.
        shape: ``(R, S, C)``.
        whole_names: ``(G,)``.
        region_names: ``(F,)``.
        cell_names: ``(E,)``.
        channel_names: ``(D,)``.
        names: Names in a flat row ``(N,)``.
    """

    anchor: Anchor
    hold_days: int
    shape: tuple[int, int, int]
    whole_names: tuple[str, ...]
    region_names: tuple[str, ...]
    cell_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, scenario: Scenario, anchor: Anchor, hold_days: int) -> "FeatureLayout":
        """The layout for a scenario."""
        cells = (*CELL_FEATURES, *PLAN_CELL_FEATURES)
        channels = (*CHANNEL_FEATURES, *PLAN_CHANNEL_FEATURES)
        names = list(GLOBAL_FEATURES)
        names += [f"{r}/{name}" for r in scenario.regions for name in REGION_FEATURES]
        names += [f"{r}/{s}/{name}" for r in scenario.regions for s in scenario.segments for name in cells]
        names += [
            f"{r}/{s}/{c}/{name}"
            for r in scenario.regions
            for s in scenario.segments
            for c in scenario.channels
            for name in channels
        ]
        return cls(
            anchor=anchor,
            hold_days=hold_days,
            shape=(len(scenario.regions), len(scenario.segments), len(scenario.channels)),
            whole_names=GLOBAL_FEATURES,
            region_names=REGION_FEATURES,
            cell_names=cells,
            channel_names=channels,
            names=tuple(names),
        )

    def plan_features(self, day: int, *, days: int) -> PlanFeatures:
        """What is known of a day without any observation; after the last day, the plan's part is that of the last day.

        Args:
            day: The day, from 0.
            days: Length of the horizon.
        """
        anchor = self.anchor
        at = min(day, len(anchor.rest_share) - 1)
        planned = anchor.planned(at, days=self.hold_days)
        total = max(float(anchor.spend_base.sum()), 1e-12)
        whole = (1.0 - day / days, 0.5 * planned.mean(), anchor.spend_base[at:].sum() / total)
        return PlanFeatures(
            whole=np.array(whole),
            cells=np.stack([anchor.discount_frac[at], planned.mean(axis=2)], axis=2),
            channels=planned[..., None],
        )

    def scales(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """What each feature is multiplied by: whole ``(G,)``, regions ``(F,)``, cells ``(E,)``, channels ``(D,)``."""
        return (
            _scale_of(self.whole_names, _SCALES),
            _scale_of(self.region_names, _SCALES),
            _scale_of(self.cell_names, _SCALES),
            _scale_of(self.channel_names, _CHANNEL_SCALES),
        )

    def blocks(self, observation: Observation) -> Blocks:
        """The features of an observation."""
        plan = self.plan_features(observation.day, days=observation.days)
        worlds = observation.worlds
        budget_left = observation.regions[:, 0, observation.region_names.index("budget_left")]
        pace = observation.regions[:, 0, observation.region_names.index("pace")]
        time_left, period, rest = plan.whole.tolist()
        whole = np.empty((worlds, len(GLOBAL_FEATURES)))
        for i, column in enumerate((budget_left, time_left, pace, period, rest)):
            whole[:, i] = column
        cells = np.concatenate([observation.cells, np.broadcast_to(plan.cells, (worlds, *plan.cells.shape))], axis=3)
        by_channel = np.broadcast_to(plan.channels, (worlds, *plan.channels.shape))
        channels = np.concatenate([observation.channels, by_channel], axis=4)
        parts = zip((whole, observation.regions, cells, channels), self.scales(), strict=True)
        bounded = [_bounded(values, scale) for values, scale in parts]
        return Blocks(whole=bounded[0], regions=bounded[1], cells=bounded[2], channels=bounded[3])

    def flat(self, observation: Observation) -> Float32Array:
        """One row a world ``(B, N)``."""
        return self.blocks(observation).flat()


def _scale_of(names: tuple[str, ...], scales: dict[str, float]) -> FloatArray:
    return np.array([scales.get(name, 1.0) for name in names])


def _bounded(values: FloatArray, scale: FloatArray) -> Float32Array:
    return np.clip(values * scale, -LARGEST_FEATURE, LARGEST_FEATURE).astype(np.float32)
