"""Actions as numbers from -1 to 1 around a plan: spend, pace, dayparts and discounts. Zero carries the plan on."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import Morning
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import Actions, Form, check_numbers

LARGEST_SPEND_MULTIPLE = 8.0
"""An entry of 1 gives this multiple of the plan's share, -1 its inverse; shares are then scaled to the day's money."""
LARGEST_PACE_MULTIPLE = 2.0
LARGEST_DAYPART_MULTIPLE = 4.0
_LEAST_WEIGHT = 1e-9
_TURNS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuousActions:
    """A Box around a plan.

    =========  ==============================  ==============================
    block      factored                        full
    =========  ==============================  ==============================
    pace       1                               1
    spend      region and channel, then cell   cell and channel
    dayparts   region                          region, channel and daypart
    discount   cell                            cell
    =========  ==============================  ==============================

    - Pace multiplies the day's money. What is not spent stays in the budget.
    - Spend entries multiply the plan's shares. Where the plan uses the whole budget, shares are then scaled to sum to
      1; where it leaves money unspent, they stay as they are. A plan's zero stays zero.
    - Dayparts: factored entries tilt all channels of a region towards (1) or away from (-1) the dayparts in which they
      work best per money in the scenario's model; full entries multiply the plan's weights.
    - Discount: 0 is the plan's own, 1 the deepest allowed, -1 none; linear in between.

    Attributes:
        anchor: The plan.
        form: Factored or full.
        shape: ``(R, S, C, H)``.
        tilt: Direction of a daypart tilt ``(R, C, H)``, log weights, largest size 1.
        ceiling: Deepest discount ``(R, S)``.
        names: ``(A,)``.
    """

    anchor: Anchor
    form: Form
    shape: tuple[int, int, int, int]
    tilt: FloatArray
    ceiling: FloatArray
    names: tuple[str, ...]

    @classmethod
    def of(cls, scenario: Scenario, anchor: Anchor, form: Form, daypart_value: FloatArray) -> "ContinuousActions":
        """The encoding of a scenario.

        Args:
            scenario: Names the axes.
            anchor: The plan.
            form: Factored or full.
            daypart_value: Effect per money by daypart in the scenario's model ``(R, C, H)``.
        """
        regions, segments, channels = scenario.regions, scenario.segments, scenario.channels
        spend = [f"spend/{r}/{s}/{c}" for r in regions for s in segments for c in channels]
        dayparts = [f"daypart/{r}/{c}/{h}" for r in regions for c in channels for h in scenario.dayparts]
        if form == "factored":
            spend = [f"spend/{r}/*/{c}" for r in regions for c in channels]
            spend += [f"spend/{r}/{s}" for r in regions for s in segments]
            dayparts = [f"daypart/{r}" for r in regions]
        discounts = [f"discount/{r}/{s}" for r in regions for s in segments]
        log_value = np.log(np.maximum(daypart_value, _LEAST_WEIGHT))
        tilt = log_value - log_value.mean(axis=2, keepdims=True)
        size = np.abs(tilt).max(axis=2, keepdims=True)
        return cls(
            anchor=anchor,
            form=form,
            shape=scenario.shape,
            tilt=tilt / np.where(size > 1e-9, size, 1.0),
            ceiling=scenario.limits.discount_ceiling,
            names=("pace", *spend, *dayparts, *discounts),
        )

    @property
    def choices(self) -> None:
        """Entries are numbers."""
        return

    @property
    def neutral(self) -> FloatArray:
        """Zeros ``(A,)``."""
        return np.zeros(len(self.names))

    def check(self, actions: Actions) -> FloatArray:
        """Numbers from -1 to 1 ``(B, A)``.

        Raises:
            DecisionError: They are not.
        """
        return check_numbers(actions, self.names)

    def decode(self, actions: Actions, morning: Morning) -> Decision:
        """The day's decision, before projection."""
        anchor, day = self.anchor, morning.day
        pace, spend, dayparts, discount = self.blocks(np.asarray(actions, dtype=np.float64))
        share = anchor.split[day] * np.exp(spend * np.log(LARGEST_SPEND_MULTIPLE))
        # Where the budget is not what holds the plan, a better channel takes nothing from the others.
        total = np.ones((len(share), 1, 1, 1)) if anchor.has_reserve else share.sum(axis=(1, 2, 3), keepdims=True)
        money = anchor.day_money_base(morning) * np.exp(pace * np.log(LARGEST_PACE_MULTIPLE))
        weights = anchor.daypart_weights * np.exp(dayparts * np.log(LARGEST_DAYPART_MULTIPLE))
        planned = np.minimum(anchor.discount_frac[day], self.ceiling)
        room = np.where(discount > 0.0, self.ceiling - planned, planned)
        return Decision(
            spend_base=share / np.where(total > 0.0, total, 1.0) * money[:, None, None, None],
            daypart_weights=weights / weights.sum(axis=3, keepdims=True),
            discount_frac=np.clip(planned + discount * room, 0.0, self.ceiling),
            mechanic=np.broadcast_to(anchor.mechanic[day], discount.shape),
        )

    def nearest(self, spend_base: FloatArray, morning: Morning) -> FloatArray:
        """The actions ``(B, A)`` whose spend is nearest to ``spend_base`` ``(B, R, S, C)``; all else as in the plan.

        Full entries can say any multiple within their range. Factored ones say the sum of a region's channel and a
        cell that fits the log multiples best, weighted by the plan's money.
        """
        anchor = self.anchor
        share, money = anchor.split[morning.day], anchor.day_money_base(morning)
        total = spend_base.sum(axis=(1, 2, 3))
        # Where the budget binds, money is moved between days by so little that a pace learnt from it is mostly noise.
        pace = np.zeros(len(total))
        if not anchor.has_reserve:
            money = np.where(total > 0.0, total, money)
        multiple = _log_ratio(spend_base, money[:, None, None, None] * share) / np.log(LARGEST_SPEND_MULTIPLE)
        if self.form == "full":
            spend = multiple.reshape(len(total), -1)
        else:
            by_channel, by_cell = _in_two_parts(multiple, share)
            spend = np.concatenate([by_channel.reshape(len(total), -1), by_cell.reshape(len(total), -1)], axis=1)
        rest = np.zeros((len(total), len(self.names) - 1 - spend.shape[1]))
        return np.clip(np.concatenate([pace[:, None], spend, rest], axis=1), -1.0, 1.0)

    def blocks(self, actions: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Pace ``(B,)``, spend ``(B, R, S, C)``, dayparts ``(B, R, C, H)`` and discount ``(B, R, S)``, each -1..1."""
        regions, segments, channels, hours = self.shape
        worlds, cells = len(actions), regions * segments
        pace, rest = actions[:, 0], actions[:, 1:]
        discount = rest[:, -cells:].reshape(worlds, regions, segments)
        if self.form == "full":
            spend = rest[:, : cells * channels].reshape(worlds, regions, segments, channels)
            dayparts = rest[:, cells * channels : -cells].reshape(worlds, regions, channels, hours)
            return pace, spend, dayparts, discount
        pairs = regions * channels
        by_channel = rest[:, :pairs].reshape(worlds, regions, 1, channels)
        by_cell = rest[:, pairs : pairs + cells].reshape(worlds, regions, segments, 1)
        tilts = rest[:, pairs + cells : -cells]
        spend = np.clip(by_channel + by_cell, -1.0, 1.0)
        return pace, spend, tilts[:, :, None, None] * self.tilt, discount


def _log_ratio(wanted: FloatArray, planned: FloatArray) -> FloatArray:
    """Log of a ratio; 0 where nothing was planned, far down where nothing is wanted."""
    has = planned > 0.0
    ratio = np.where(has, wanted / np.where(has, planned, 1.0), 1.0)
    return np.log(np.maximum(ratio, _LEAST_WEIGHT))


def _in_two_parts(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The weighted least-squares fit of ``values`` ``(B, R, S, C)`` by ``(B, R, C)`` plus ``(B, R, S)``, in turns."""
    by_cell = np.zeros(values.shape[:3])
    by_channel = np.zeros((*values.shape[:2], values.shape[3]))
    for _ in range(_TURNS):
        by_channel = _weighted_mean(values - by_cell[..., None], weights, axis=1)
        by_cell = _weighted_mean(values - by_channel[:, :, None], weights, axis=2)
    return by_channel, by_cell


def _weighted_mean(values: FloatArray, weights: FloatArray, *, axis: int) -> FloatArray:
    """Mean over one of the axes ``(R, S, C)`` of ``values`` ``(B, R, S, C)``; 0 where there is no weight."""
    total = weights.sum(axis=axis)
    return (values * weights).sum(axis=axis + 1) / np.where(total > 0.0, total, 1.0)
