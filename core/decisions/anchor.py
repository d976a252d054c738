"""A plan as the starting point of decisions: the neutral choice carries the plan on, others move away from it."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.limits import Limits
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Morning


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A plan, made ready for decisions relative to it.

    A plan that uses the whole budget: the money of a day is what is left, times the day's share of what the plan still
    has to spend. So the plan comes out where it is followed, and what was left over or spent too early is made up for
    on the days to come. A plan that leaves money unspent is not held by the budget: its days keep the money that it
    gave them for as long as the budget lasts, and its reserve is there for whoever wants more.

    Attributes:
        name: Name of the plan.
        rest_share: The day's share of the plan's spend from that day on ``(T,)``; 0 where nothing is left to spend.
        split: The day's spend by cell and channel, as shares ``(T, R, S, C)``; sums to 1. Days without spend take the
            plan's mean split.
        spend_base: The plan's spend ``(T, R, S, C)``, base currency.
        daypart_weights: ``(R, C, H)``.
        discount_frac: ``(T, R, S)``.
        mechanic: ``(T, R, S)``.
        reserve_base: Money of the budget that the plan does not spend.
        even_base: An even share of the budget for a day, cell and channel, base currency.
    """

    name: str
    rest_share: FloatArray
    split: FloatArray
    spend_base: FloatArray
    daypart_weights: FloatArray
    discount_frac: FloatArray
    mechanic: IntArray
    reserve_base: float
    even_base: float

    @classmethod
    def of(cls, plan: ScheduledPolicy, limits: Limits) -> "Anchor":
        """Make a plan ready."""
        spend = np.maximum(plan.spend_base, 0.0)
        days = len(spend)
        by_day = spend.sum(axis=(1, 2, 3))
        rest = np.cumsum(by_day[::-1])[::-1]
        total = spend.sum(axis=0)
        mean = total / total.sum() if total.sum() > 0.0 else np.full(total.shape, 1.0 / total.size)
        safe = np.where(by_day > 0.0, by_day, 1.0)[:, None, None, None]
        return cls(
            name=plan.name,
            rest_share=np.where(rest > 0.0, by_day / np.where(rest > 0.0, rest, 1.0), 0.0),
            split=np.where(by_day[:, None, None, None] > 0.0, spend / safe, mean),
            spend_base=spend,
            daypart_weights=plan.daypart_weights,
            discount_frac=plan.discount_frac,
            mechanic=plan.mechanic,
            reserve_base=max(limits.total_base - float(by_day.sum()), 0.0),
            even_base=limits.total_base / days / total.size,
        )

    @property
    def has_reserve(self) -> bool:
        """Whether the plan leaves a thousandth of the budget or more unspent."""
        return self.reserve_base > 1e-3 * (self.reserve_base + float(self.spend_base.sum()))

    def day_money_base(self, morning: Morning) -> FloatArray:
        """The money of the day ``(B,)``, base currency."""
        left, share = morning.remaining.budget_base, self.rest_share[morning.day]
        if not self.has_reserve:
            return left * share
        planned = float(self.spend_base[morning.day :].sum())
        return np.minimum(left, planned) * share

    def decide(self, morning: Morning) -> Decision:
        """The plan carried on: the money of the day, split as the plan splits it."""
        day, worlds = morning.day, morning.worlds

        def everywhere(array: FloatArray) -> FloatArray:
            return np.broadcast_to(array, (worlds, *array.shape))

        return Decision(
            spend_base=self.day_money_base(morning)[:, None, None, None] * self.split[day],
            daypart_weights=everywhere(self.daypart_weights),
            discount_frac=everywhere(self.discount_frac[day]),
            mechanic=np.broadcast_to(self.mechanic[day], (worlds, *self.mechanic[day].shape)),
        )

    def planned(self, day: int, *, days: int) -> FloatArray:
        """The plan's mean daily spend from ``day`` on, over an even share of the budget ``(R, S, C)``."""
        end = min(day + days, len(self.spend_base))
        return self.spend_base[day:end].mean(axis=0) / max(self.even_base, 1e-12)
