"""Actions as notches around a policy: every channel of every cell a little more or less than the policy wishes.

The policy that decisions are relative to, the anchor, is usually the re-planner. It reacts every day; the notches are
chosen once a decision period and held.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.factors import FactorKind, Factors
from xbopt.core.decisions.policy import DirectPolicy, Observation
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import Actions, check_choices
from xbopt.simulator.parameters import MarketParameters

SPEND_LEVELS, SPEND_STEP = 9, 2.0**0.25
"""Levels of a channel's spend in a cell, and the factor between two of them: a half to the double of the anchor's."""
PACE_LEVELS, PACE_STEP = 5, 2.0**0.25
TIMING_LEVELS, TIMING_STEP = 3, 2.0
DISCOUNT_LEVELS, DISCOUNT_STEP = 5, 0.025
"""Discount levels, and the difference between two of them, a share of the price."""
_LEAST_WEIGHT = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualActions:
    """A MultiDiscrete of ordinal levels: pace, timing by region, discount by cell, spend by cell and channel.

    The middle level of every factor changes nothing: all in the middle are the anchor itself, to the last bit.

    - Pace multiplies all spend of the day, a spend level that of its channel and cell. An anchor's zero stays zero.
    - Timing tilts the dayparts of a region towards (above the middle) or away from those in which its channels work
      best per money in the scenario's model.
    - Discount is the anchor's, so many steps deeper or less deep, within what the scenario allows.

    Attributes:
        anchor: The policy that decisions are relative to.
        factors: The factors.
        tilt: Direction of a daypart tilt ``(R, C, H)``, log weights, largest size 1.
        ceiling: Deepest discount ``(R, S)``.
    """

    anchor: DirectPolicy
    factors: Factors
    tilt: FloatArray
    ceiling: FloatArray

    @classmethod
    def of(cls, market: MarketParameters, anchor: DirectPolicy) -> "ResidualActions":
        """The notches of a market around a policy."""
        scenario, media = market.scenario, market.media
        log_value = np.log(np.maximum(media.daypart_effect * media.daypart_supply, _LEAST_WEIGHT))
        tilt = log_value - log_value.mean(axis=2, keepdims=True)
        size = np.abs(tilt).max(axis=2, keepdims=True)
        return cls(
            anchor=anchor,
            factors=_factors(scenario),
            tilt=tilt / np.where(size > 1e-9, size, 1.0),
            ceiling=scenario.limits.discount_ceiling,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """A readable name for each entry ``(A,)``."""
        return self.factors.names

    @property
    def choices(self) -> IntArray:
        """Number of levels of each entry ``(A,)``."""
        return self.factors.levels

    @property
    def neutral(self) -> IntArray:
        """The anchor itself ``(A,)``."""
        return self.factors.neutral

    def check(self, actions: Actions) -> IntArray:
        """Whole numbers that name levels ``(B, A)``.

        Raises:
            DecisionError: They are not.
        """
        return check_choices(actions, self.factors.levels, self.factors.names)

    def decode(self, actions: Actions, morning: Observation) -> Decision:
        """The day's decision, before projection."""
        wished = self.anchor.decide(morning)
        regions, segments, channels = wished.spend_base.shape[1:]
        notch = np.asarray(actions, dtype=np.int64) - self.factors.neutral
        pace, timing, discount, spend = np.split(
            notch, np.cumsum([1, regions, regions * segments], dtype=np.int64), axis=1
        )
        multiple = PACE_STEP ** pace[:, :, None, None].astype(np.float64)
        multiple = multiple * SPEND_STEP ** spend.reshape(-1, regions, segments, channels).astype(np.float64)
        weights = wished.daypart_weights * TIMING_STEP ** (timing[:, :, None, None] * self.tilt)
        deeper = discount.reshape(-1, regions, segments)
        moved = np.clip(wished.discount_frac + DISCOUNT_STEP * deeper, 0.0, self.ceiling)
        tilted = (timing != 0)[:, :, None, None]
        return Decision(
            spend_base=wished.spend_base * multiple,
            daypart_weights=np.where(tilted, weights / weights.sum(axis=3, keepdims=True), wished.daypart_weights),
            discount_frac=np.where(deeper == 0, wished.discount_frac, moved),
            mechanic=wished.mechanic,
        )


def _factors(scenario: Scenario) -> Factors:
    regions, segments, channels = scenario.regions, scenario.segments, scenario.channels
    kinds: list[FactorKind] = ["pace"]
    names, places = ["pace"], [(-1, -1, -1)]
    for r, region in enumerate(regions):
        kinds.append("timing")
        names.append(f"timing/{region}")
        places.append((r, -1, -1))
    for r, region in enumerate(regions):
        for s, segment in enumerate(segments):
            kinds.append("discount")
            names.append(f"discount/{region}/{segment}")
            places.append((r, s, -1))
    for r, region in enumerate(regions):
        for s, segment in enumerate(segments):
            for c, channel in enumerate(channels):
                kinds.append("spend")
                names.append(f"spend/{region}/{segment}/{channel}")
                places.append((r, s, c))
    offered = {"pace": PACE_LEVELS, "timing": TIMING_LEVELS, "discount": DISCOUNT_LEVELS, "spend": SPEND_LEVELS}
    levels = np.array([offered[kind] for kind in kinds], dtype=np.int64)
    labels = {kind: tuple(_label(kind, k - count // 2) for k in range(count)) for kind, count in offered.items()}
    return Factors(
        names=tuple(names),
        kinds=tuple(kinds),
        levels=levels,
        neutral=levels // 2,
        labels=tuple(labels[kind] for kind in kinds),
        places=np.array(places, dtype=np.int64),
    )


def _label(kind: str, notch: int) -> str:
    if kind == "discount":
        return f"{100.0 * DISCOUNT_STEP * notch:+g} points"
    step = {"pace": PACE_STEP, "timing": TIMING_STEP, "spend": SPEND_STEP}[kind]
    return f"x{step**notch:.3g}"
