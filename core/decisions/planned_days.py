"""Decisions for some days of a campaign: a part of a plan."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDays:
    """What is to be done on ``N`` days in a row.

    Attributes:
        first_day: The first of them, from 0.
        spend_base: ``(N, R, S, C)``, base currency.
        daypart_weights: ``(R, C, H)``.
        discount_frac: ``(N, R, S)``.
        mechanic: ``(N, R, S)``.
    """

    first_day: int
    spend_base: FloatArray
    daypart_weights: FloatArray
    discount_frac: FloatArray
    mechanic: IntArray

    @classmethod
    def of(cls, plan: ScheduledPolicy, first_day: int = 0, end_day: int | None = None) -> "PlannedDays":
        """The days of a plan from one on, up to another that is left out."""
        days = slice(first_day, end_day)
        return cls(
            first_day=first_day,
            spend_base=plan.spend_base[days],
            daypart_weights=plan.daypart_weights,
            discount_frac=plan.discount_frac[days],
            mechanic=plan.mechanic[days],
        )

    @property
    def end_day(self) -> int:
        """The day after the last one."""
        return self.first_day + len(self.spend_base)

    def decision(self, day: int) -> Decision:
        """What is to be done on one of the days, one world, before projection."""
        row = day - self.first_day
        return Decision(
            spend_base=self.spend_base[[row]],
            daypart_weights=self.daypart_weights[None],
            discount_frac=self.discount_frac[[row]],
            mechanic=self.mechanic[[row]],
        )

    def put_into(self, plan: ScheduledPolicy) -> ScheduledPolicy:
        """A plan with these days in place of its own. Dayparts are those of these days."""
        days = slice(self.first_day, self.end_day)

        def changed(whole: np.ndarray, part: np.ndarray) -> np.ndarray:
            made = whole.copy()
            made[days] = part
            return made

        return replace(
            plan,
            spend_base=changed(plan.spend_base, self.spend_base),
            daypart_weights=self.daypart_weights,
            discount_frac=changed(plan.discount_frac, self.discount_frac),
            mechanic=changed(plan.mechanic, self.mechanic),
        )
