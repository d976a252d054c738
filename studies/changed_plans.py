"""Plans with a share of spend moved, or with another discount."""

from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import DirectPolicy, Observation, PolicyKind
from xbopt.core.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A share of one channel's spend goes to another, day by day and cell by cell.

    Attributes:
        frac: The share.
        source: Position of the channel that gives.
        target: Position of the channel that takes.
        region: Position of the region; None for all.
        words: What happens, in words.
    """

    frac: float
    source: int
    target: int
    region: int | None
    words: str = field(repr=False)

    @classmethod
    def of(cls, scenario: Scenario, *, frac: float, source: str, target: str, region: str | None) -> "Move":
        """From names."""
        where = "everywhere" if region is None else f"in {region}"
        return cls(
            frac=frac,
            source=scenario.channels.index(source),
            target=scenario.channels.index(target),
            region=None if region is None else scenario.regions.index(region),
            words=f"{frac:.4g} of the spend on {source} goes to {target} {where}",
        )

    @property
    def holds_promotions(self) -> bool:
        """A plan that is made anew owes nothing to it."""
        return False

    def apply(self, decision: Decision, day: int) -> Decision:
        """The changed decision of a day."""
        del day
        spend = np.array(decision.spend_base)
        rows = slice(None) if self.region is None else slice(self.region, self.region + 1)
        moved = self.frac * spend[:, rows, :, self.source]
        spend[:, rows, :, self.source] -= moved
        spend[:, rows, :, self.target] += moved
        return replace(decision, spend_base=spend)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A percentage off in place of the plan's discounts, on some days.

    Attributes:
        frac: Its depth.
        region: Position of the region; None for all.
        first: First day.
        last: Last day.
        words: What happens, in words.
    """

    frac: float
    region: int | None
    first: int
    last: int
    words: str = field(repr=False)

    @classmethod
    def of(cls, scenario: Scenario, *, frac: float, region: str | None, first: date, last: date) -> "Discount":
        """From names and dates."""
        where = "everywhere" if region is None else f"in {region}"
        return cls(
            frac=frac,
            region=None if region is None else scenario.regions.index(region),
            first=(first - scenario.start).days,
            last=(last - scenario.start).days,
            words=f"discount of {frac:.4g} {where}, {first} to {last}",
        )

    @property
    def holds_promotions(self) -> bool:
        """A plan that is made anew keeps the discount, and chooses its spend around it."""
        return True

    def apply(self, decision: Decision, day: int) -> Decision:
        """The changed decision of a day."""
        if not self.first <= day <= self.last:
            return decision
        discount, mechanic = np.array(decision.discount_frac), np.array(decision.mechanic)
        rows = slice(None) if self.region is None else slice(self.region, self.region + 1)
        discount[:, rows], mechanic[:, rows] = self.frac, 0
        return replace(decision, discount_frac=discount, mechanic=mechanic)


PlanChange = Move | Discount


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedPolicy:
    """A policy whose decisions are changed.

    Attributes:
        plan: The policy.
        change: What is changed.
    """

    plan: DirectPolicy
    change: PlanChange

    @property
    def name(self) -> str:
        """Name in reports."""
        return f"{self.plan.name}, changed"

    @property
    def kind(self) -> PolicyKind:
        """The policy's kind."""
        return self.plan.kind

    def decide(self, observation: Observation) -> Decision:
        """The changed decision."""
        return self.change.apply(self.plan.decide(observation), observation.day)


def changed_schedule(plan: ScheduledPolicy, change: PlanChange) -> ScheduledPolicy:
    """A fixed plan, changed on every day."""
    days = len(plan.spend_base)
    decisions = [
        change.apply(
            Decision(
                spend_base=plan.spend_base[None, day],
                daypart_weights=plan.daypart_weights[None],
                discount_frac=plan.discount_frac[None, day],
                mechanic=plan.mechanic[None, day],
            ),
            day,
        )
        for day in range(days)
    ]
    return replace(
        plan,
        spend_base=np.concatenate([each.spend_base for each in decisions]),
        discount_frac=np.concatenate([each.discount_frac for each in decisions]),
        mechanic=np.concatenate([each.mechanic for each in decisions]),
    )
