"""Plans on the hull of what is worth most and what reaches most.

With ``f`` what must not be lost and ``k`` what must be reached, the plans that are best for ``f + weight * k`` lie on
the upper hull of all pairs ``(k, f)``. Two plans on both sides of a target name the next weight: that at which they
are worth the same. The best plan for it lies between them, or there is none (Everett 1963, Operations Research 11,
399-417). Nothing rests on value that rises with the budget.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.agents.planner.aims import Target, Yardstick, aim_of
from xbopt.agents.planner.blocks import Resolution, split_horizon
from xbopt.agents.planner.campaign import CampaignPlan, plan_campaign
from xbopt.agents.planner.constraints import scenario_constraints
from xbopt.agents.planner.goals import Goal
from xbopt.agents.planner.policy import plan_freely
from xbopt.agents.planner.search import Effort
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.parameters import MarketParameters

# From a plan for a weight nearby, one or two rounds settle the next one.
EFFORT = Effort.local(alternations=2, rounds=3, tolerance=1e-5)
_MOST_WEIGHTS, _MOST_OF_SPEND = 6, 3
# The hull counts as flat where a new weight gains less than this share of what is at stake, and the target as met where
# this share of the first distance is left: paring closes the rest.
_FLAT, _NEAR = 1e-3, 2e-2
_SCALES = (0.75, 0.5, 0.25, 0.0)


@dataclass(frozen=True, slots=True)
class Point:
    """A plan by what it is worth and what it reaches of the aim."""

    plan: CampaignPlan
    value: float
    reached: float

    def weighted(self, weight: float) -> float:
        """What it is worth, and ``weight`` times what it reaches."""
        return self.value + weight * self.reached


@dataclass(slots=True)
class Search:
    """Plans made on the way to a target, each from another that is at hand."""

    market: MarketParameters
    target: Target
    value: Goal
    resolution: Resolution
    on_progress: Callable[[int], None] | None
    yardstick: Yardstick = field(init=False)
    tried: int = 0

    def __post_init__(self) -> None:
        self.yardstick = Yardstick(self.market, self.value, aim_of(self.target))

    def freely(self, goal: Goal) -> Point:
        """The plan that is made where no target is named, measured."""
        return self._counted(plan_freely(self.market, goal, self.resolution))

    def plan(
        self,
        goal: Goal,
        start: ScheduledPolicy,
        effort: Effort | None = None,
        *,
        promotions: bool = True,
    ) -> Point:
        """The best plan for a goal, measured; without ``promotions`` those of the start stay."""
        # Of what is incremental, promotions count without media as well: they stay as they are in the best plan.
        is_incremental = self.yardstick.aim.organic is not None
        how = replace(effort or Effort(), promotions=promotions and not is_incremental)
        # Another goal may want other dayparts; a plan of the planner's own counts as having the best.
        begin = replace(start, kind="baseline")
        return self._counted(plan_campaign(self.market, goal=goal, resolution=self.resolution, start=begin, effort=how))

    def _counted(self, made: CampaignPlan) -> Point:
        self.tried += 1
        if self.on_progress is not None:
            self.on_progress(self.tried)
        return self.measured(made)

    def measured(self, plan: CampaignPlan) -> Point:
        """A plan and its measures."""
        values, reached = self.yardstick.measure([plan.schedule])
        return Point(plan, float(values[0]), float(reached[0]))

    def is_reached(self, point: Point) -> bool:
        """Whether a plan reaches the target."""
        return bool(self.yardstick.reaches(np.array([point.reached]))[0])

    def most(self, start: CampaignPlan) -> Point:
        """The plan that reaches most of the aim."""
        aim = self.yardstick.aim.goal
        found = self.plan(aim, start.schedule)
        # A market that is not concave may reach more with less; a search from one start need not see it.
        others = [
            *(self._scaled(found.plan.schedule, share) for share in _SCALES),
            self._scaled(start.schedule, 0.0),
            self.nothing,
        ]
        if self.yardstick.aim.organic is None:
            others.append(scenario_plan(self.market))
        reached = self.yardstick.measure(others)[1]
        if reached.max() > found.reached + abs(found.reached) * 1e-9:
            again = self.plan(aim, others[int(np.argmax(reached))], EFFORT)
            found = again if again.reached > found.reached else found
        return found

    @property
    def nothing(self) -> ScheduledPolicy:
        """No discounts, and no spend but minimums and locks."""
        own = scenario_plan(self.market)
        return self._scaled(replace(own, discount_frac=np.zeros_like(own.discount_frac)), 0.0)

    def _scaled(self, plan: ScheduledPolicy, share: float) -> ScheduledPolicy:
        """A plan with a share of the spend that it does not have to make."""
        blocks = split_horizon(self.market, self.resolution)
        constraints = scenario_constraints(self.market.scenario, blocks)
        least = blocks.spend(constraints.least.reshape(blocks.level_days.shape))
        return replace(plan, spend_base=least + share * np.maximum(plan.spend_base - least, 0.0))

    def weighted(self, weight: float) -> Goal:
        """What must not be lost and ``weight`` times the aim."""
        aim = self.yardstick.aim.goal
        # One goal of two counts customers at most; it comes first.
        return aim.plus(1.0 / weight, self.value) if aim.counts_customers else self.value.plus(weight, aim)

    def between(self, low: Point, high: Point, *, promotions: bool = True) -> tuple[Point, Point]:
        """Neighbours on the hull: the plan that misses the target and the one that reaches it.

        Without ``promotions`` those of ``high`` stay.
        """
        least = self.yardstick.aim.least
        near = _NEAR * (high.reached - low.reached)
        for _ in range(_MOST_WEIGHTS if promotions else _MOST_OF_SPEND):
            stake, rise = low.value - high.value, high.reached - low.reached
            if stake <= 0.0 or rise <= 0.0 or high.reached - least <= near:
                break
            # Chords alone, so that the way to one target is part of the way to others.
            weight = stake / rise
            begins = (high, low) if promotions and not same_deals(low, high) else (high,)
            points = [
                self.plan(self.weighted(weight), each.plan.schedule, EFFORT, promotions=promotions) for each in begins
            ]
            point = points[int(np.argmax([each.weighted(weight) for each in points]))]
            is_between = low.reached + _FLAT * rise < point.reached < high.reached - _FLAT * rise
            is_better = point.weighted(weight) > min(low.weighted(weight), high.weighted(weight))
            if not (is_between and is_better):  # nothing lies above the chord
                break
            low, high = (low, point) if self.is_reached(point) else (point, high)
        return low, high


def same_deals(one: Point, other: Point) -> bool:
    """Whether two plans give the same promotions."""
    mine, theirs = one.plan.schedule, other.plan.schedule
    return np.array_equal(mine.discount_frac, theirs.discount_frac) and np.array_equal(mine.mechanic, theirs.mechanic)
