"""What would change a plan: the same plan, and the plan one would make instead, in markets with other parameters.

Groups that channels have each for itself are moved channel by channel.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.planner.campaign import plan_campaign
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.search import Effort
from xbopt.core.scenario.uncertainty import GROUP_AXES
from xbopt.simulator.worlds import WorldParameters, average_world
from xbopt.studies.plan import PlanningResult
from xbopt.studies.simulate import Progress

CHANGE = 0.2
"""Parameters are made smaller and larger by this share."""
# From a plan for the average market one alternation shows where money would go.
_EFFORT = Effort.local(alternations=1, rounds=2, tolerance=1e-3)
_SMALLEST = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Replanned:
    """The plan that one would make if one knew.

    Attributes:
        value: The goal that it brings in that market.
        spend_base: What it spends.
        moved_frac: Share of the money that lies elsewhere than in the plan: ``sum |new - old| / sum (new + old)`` over
            days, cells and channels.
    """

    value: float
    spend_base: float
    moved_frac: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A plan in a market whose parameters are all smaller, or all larger, in one group.

    Attributes:
        factor: What they are multiplied by.
        plan: The goal that the plan brings there.
        baseline: The goal that the scenario's own plan brings there.
        replanned: The plan made for that market; None where nobody asked.
    """

    factor: float
    plan: float
    baseline: float
    replanned: Replanned | None = None

    @property
    def regret(self) -> float:
        """What knowing would have brought more; NaN where nobody asked."""
        return np.nan if self.replanned is None else max(self.replanned.value - self.plan, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """What one group of parameters does to a plan.

    Attributes:
        group: The group, as the scenario's ``uncertainty`` names it.
        channel: Id of the channel whose parameters alone are moved; None where the group has none of its own.
        low: With smaller parameters.
        high: With larger ones.
    """

    group: str
    channel: str | None
    low: Outcome
    high: Outcome

    @property
    def width(self) -> float:
        """How far the goal swings."""
        return abs(self.high.plan - self.low.plan)

    @property
    def lead_width(self) -> float:
        """How far the plan's lead over the scenario's own plan swings: where it does, money might lie elsewhere."""
        return abs((self.high.plan - self.high.baseline) - (self.low.plan - self.low.baseline))


def plan_swings(
    result: PlanningResult, *, replanned: int = 4, on_progress: Progress | None = None
) -> tuple[Swing, ...]:
    """Play a plan with each group of parameters 20 % smaller and larger, by channel, the widest swing first.

    Moved together, all channels ask for more or less money; one alone asks for another split.

    Args:
        result: The plan.
        replanned: For so many groups a new plan is made for both markets: those in which the lead over the scenario's
            own plan swings most.
        on_progress: Called with the group that is moved, groups done and groups in all.
    """
    market, campaign = result.market, result.campaign
    goal = goal_named(campaign.goal)
    plans = [campaign.schedule, result.baseline.plan]

    def outcome(group: str, channel: str | None, factor: float) -> Outcome:
        values = ExpectedMarket(market, goal, _changed(result, group, channel, factor)).totals(plans).sum(axis=1)
        return Outcome(factor=factor, plan=float(values[0]), baseline=float(values[1]))

    swings = [
        Swing(
            group=group,
            channel=channel,
            low=outcome(group, channel, 1.0 - CHANGE),
            high=outcome(group, channel, 1.0 + CHANGE),
        )
        for group, axes in GROUP_AXES.items()
        for channel in (result.scenario.channels if "channel" in axes else (None,))
    ]
    moving = [swing for swing in swings if swing.width > _SMALLEST * abs(campaign.expected)]
    moving.sort(key=lambda swing: -swing.width)
    count = min(replanned, len(moving))
    deciding = sorted(range(len(moving)), key=lambda i: -moving[i].lead_width)[:count]
    for done, i in enumerate(deciding):
        swing = moving[i]
        if on_progress is not None:
            on_progress(f"other {swing.group.replace('_', ' ')}", done, count)
        low, high = (_replanned(result, swing, side) for side in (swing.low, swing.high))
        moving[i] = replace(swing, low=low, high=high)
    return tuple(moving)


def _changed(result: PlanningResult, group: str, channel: str | None, factor: float) -> WorldParameters:
    world = average_world()
    factors = getattr(world, group) * factor
    if channel is not None:
        channels = result.scenario.channels
        where = np.where(np.arange(len(channels)) == channels.index(channel), factor, 1.0)
        factors = getattr(world, group) * where  # channels are the last axis of every group that has them
    return replace(world, **{group: factors})


def _replanned(result: PlanningResult, swing: Swing, outcome: Outcome) -> Outcome:
    plan = plan_campaign(
        result.market,
        goal=result.campaign.goal,
        resolution=result.campaign.resolution,
        world=_changed(result, swing.group, swing.channel, outcome.factor),
        budget_base=result.campaign.budget_base,
        start=result.campaign.schedule,
        effort=_EFFORT,
    )
    new, old = plan.schedule.spend_base, result.campaign.schedule.spend_base
    moved = float(np.abs(new - old).sum() / max(float((new + old).sum()), 1e-300))
    made = Replanned(value=plan.expected, spend_base=plan.total_spend_base, moved_frac=moved)
    return replace(outcome, replanned=made)
