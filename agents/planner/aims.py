"""What a target asks for, as a goal that has to be at least so much.

A ratio ``top / bottom >= v`` is kept where ``top - v bottom >= 0`` (Dinkelbach 1967, Management Science 13, 492-498),
which is a sum over days and cells as every goal is. *Incremental* ratios take from the top what the same discounts
bring in the same market without media.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.agents.planner.constraints import floor_shortfall
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import (
    ALIASES,
    COST,
    GOALS,
    RATIOS,
    TARGETS,
    Goal,
    discounts_of,
    goal_named,
    media_of,
    net_revenue_of,
    new_customers_of,
)
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.simulator.parameters import MarketParameters

# Plans that are played side by side.
_BATCH = 64
# What only makes sense above some value: a campaign may be meant to lose no more than so much, or all of its media.
_LEAST = {"reward": -np.inf, "contribution_margin": -np.inf, "roi": -1.0}
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a plan has to reach.

    Attributes:
        kpi: Name of a goal or a ratio; see ``TARGETS``.
        value: At least so much of it, in expected mode; of ``cpa``, at most.
    """

    kpi: str
    value: float

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read ``KPI=VALUE``; a margin, a reward or a return may be a loss, everything else is above 0.

        Raises:
            UsageError: It is not of that form, there is no such KPI, or the value makes no sense for it.
        """
        kpi, sign, number = (part.strip() for part in text.partition("="))
        if not sign or not kpi:
            raise UsageError(f"--target {text}: this is not of the form KPI=VALUE, as in orders=500.")
        kpi = ALIASES.get(kpi, kpi)
        if kpi not in TARGETS:
            hint = suggest(kpi, TARGETS)
            raise UsageError(f"--target {text}: there is no goal {kpi!r}.{hint} Targets: {', '.join(TARGETS)}.")
        try:
            value = float(number)
        except ValueError:
            raise UsageError(f"--target {text}: {number!r} is no number.") from None
        if not np.isfinite(value):
            raise UsageError(f"--target {text}: {number!r} is no amount that a plan could reach.")
        least = _LEAST.get(kpi, 0.0)
        if value <= least:
            raise UsageError(f"--target {text}: {kpi} has to be above {least:g}.")
        return cls(kpi=kpi, value=value)

    @property
    def is_ratio(self) -> bool:
        """Whether it is one sum over another."""
        return self.kpi in RATIOS


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A target as a goal.

    Attributes:
        goal: This much has to be brought of it ...
        least: ... at least; what the same promotions bring without media is taken off first where it is incremental.
        organic: What is taken off; None where nothing is.
    """

    goal: Goal
    least: float
    organic: Goal | None = None


def aim_of(target: Target) -> Aim:
    """The goal behind a target."""
    value = target.value
    match target.kpi:
        case "roas" | "incremental_roas":
            top, weight = net_revenue_of, value
            organic = GOALS["net_revenue"] if target.kpi == "incremental_roas" else None
        case "roi":
            top, weight = GOALS["contribution_margin"].of_cell, value
            organic = GOALS["contribution_margin"]
        case "cpa":
            goal = Goal(
                name="room below cpa",
                of_cell=lambda outcome: value * new_customers_of(outcome) - media_of(outcome) - discounts_of(outcome),
                media_cost=1.0,
                counts_customers=False,
                in_money=True,
            )
            return Aim(goal=goal, least=0.0)
        case _:
            return Aim(goal=goal_named(target.kpi), least=value)
    goal = Goal(
        name=f"room above {target.kpi}",
        of_cell=lambda outcome: top(outcome) - weight * media_of(outcome),
        media_cost=weight + (1.0 if target.kpi == "roi" else 0.0),
        counts_customers=False,
        in_money=True,
    )
    return Aim(goal=goal, least=0.0, organic=organic)


@dataclass(slots=True)
class Yardstick:
    """Measures plans by what is given up and by what is aimed at, in expected mode.

    Attributes:
        market: The market.
        value: What is to stay as large as it can.
        aim: What has to be reached.
    """

    market: MarketParameters
    value: Goal
    aim: Aim
    _organic: dict[bytes, float] = field(default_factory=dict[bytes, float])

    def measure(self, plans: Sequence[ScheduledPolicy]) -> tuple[FloatArray, FloatArray]:
        """Value, and what is reached of the aim, of each plan ``(N,)`` each; nothing below the return floor."""
        values, reached = _played(self.market, [self.value, self.aim.goal], plans)
        if self.aim.organic is not None:
            reached = reached - np.array([self._without_media(plan) for plan in plans])
        return values, np.where(self._below_floor(plans), -np.inf, reached)

    def reaches(self, reached: FloatArray) -> BoolArray:
        """Whether so much of the aim is enough ``(N,)``, but for rounding."""
        return reached >= self.aim.least - _ROUNDING * abs(self.aim.least)

    def _below_floor(self, plans: Sequence[ScheduledPolicy]) -> BoolArray:
        floor = self.market.scenario.document.budget.roi_floor
        if floor is None:
            return np.zeros(len(plans), dtype=np.bool_)
        expected = ExpectedMarket(self.market, GOALS["contribution_margin"])
        added = np.concatenate([expected.parts(plans[i : i + _BATCH])[0] for i in range(0, len(plans), _BATCH)])
        spends = np.array([plan.spend_base.sum() for plan in plans])
        return floor_shortfall(floor, added.sum(axis=1), spends) > 0.0

    def _without_media(self, plan: ScheduledPolicy) -> float:
        assert self.aim.organic is not None, "asked where something is incremental only"
        key = plan.discount_frac.tobytes() + plan.mechanic.tobytes()
        if key not in self._organic:
            self._organic[key] = float(played(self.market, self.aim.organic, [without_media(plan)])[0])
        return self._organic[key]


def played(market: MarketParameters, goal: Goal, plans: Sequence[ScheduledPolicy]) -> FloatArray:
    """What each plan brings of a goal in expected mode ``(N,)``; the limits are the plans' own affair."""
    return _played(market, [goal], plans)[0]


def _played(market: MarketParameters, goals: Sequence[Goal], plans: Sequence[ScheduledPolicy]) -> FloatArray:
    """The same of several goals ``(G, N)``, from one play of each plan."""
    expected = ExpectedMarket(market, goals[0])
    parts = [expected.by_goal(plans[i : i + _BATCH], goals).sum(axis=2) for i in range(0, len(plans), _BATCH)]
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(goals), 0))


def without_media(plan: ScheduledPolicy) -> ScheduledPolicy:
    """The same plan without spend."""
    return replace(plan, spend_base=np.zeros_like(plan.spend_base))


def ratio_reached(market: MarketParameters, kpi: str, plan: ScheduledPolicy) -> float:
    """The ratio of a plan in expected mode; NaN where nothing stands below the line."""
    media = float(plan.spend_base.sum())
    if kpi == "cpa":
        top, bottom = -float(played(market, COST, [plan])[0]), float(played(market, GOALS["new_customers"], [plan])[0])
        return top / bottom if bottom > 0.0 else float("nan")
    if media <= 0.0:
        return float("nan")
    goal = GOALS["contribution_margin" if kpi == "roi" else "net_revenue"]
    top, organic = played(market, goal, [plan, without_media(plan)])
    return float(top if kpi == "roas" else top - organic) / media
