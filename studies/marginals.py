"""What one per cent more or less of a plan's money brings: the plan itself, played again in expected mode.

The whole horizon counts, with carry-over, fatigue, synergy, stock and returning customers, and everything else stays as
planned. Limits are left aside: the question is what the money brings, not whether it may be spent.
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xbopt.agents.planner.expected import Branch, ExpectedMarket, plan_decision
from xbopt.agents.planner.goals import Goal, goal_named
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import DirectPolicy, Policy
from xbopt.env.market_run import MarketRun
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.labels import axis_names

CHANGE = 0.01
"""Money is raised and lowered by this share."""
_WEEK = 7

Part = Literal["channel", "region", "week", "region_channel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginal:
    """What one per cent more and less of some of the plan's money brings.

    Attributes:
        part: What it is the money of.
        place: Readable names of the region and channel, as far as it is about any.
        first_day: First day of the week that it is about; None where it is about all days.
        spend_base: The money.
        more: Change of the goal with one per cent more of it.
        less: Change of the goal with one per cent less of it.
        media_is_counted: Whether the goal has media spend taken off.
    """

    part: Part
    place: tuple[str, ...]
    first_day: dt.date | None = None
    spend_base: float
    more: float
    less: float
    media_is_counted: bool

    @property
    def return_of_more(self) -> float:
        """Goal before media per unit of the next one per cent; above 1, money pays for itself. NaN without spend."""
        return self._per_unit(self.more)

    @property
    def return_of_last(self) -> float:
        """Goal before media per unit of the last one per cent; NaN without spend."""
        return self._per_unit(-self.less)

    def _per_unit(self, gain: float) -> float:
        step = CHANGE * self.spend_base
        return gain / step + float(self.media_is_counted) if step > 0.0 else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginals:
    """The marginals of a plan.

    Attributes:
        goal: Name of the goal.
        in_money: Whether it is money.
        by_channel: One each channel.
        by_region: One each region.
        by_week: One each week, counted from the first day.
        by_region_and_channel: One each pair, regions first.
    """

    goal: str
    in_money: bool
    by_channel: tuple[Marginal, ...]
    by_region: tuple[Marginal, ...]
    by_week: tuple[Marginal, ...]
    by_region_and_channel: tuple[Marginal, ...]

    @property
    def rows(self) -> tuple[Marginal, ...]:
        """All of them."""
        return (*self.by_channel, *self.by_region, *self.by_week, *self.by_region_and_channel)


def plan_marginals(market: MarketParameters, policy: Policy, *, goal: str = "reward") -> Marginals | None:
    """What one per cent more or less brings of the plan that a policy carries out in expected mode.

    Args:
        market: The market.
        policy: A plan, or another policy that names its decisions; what it decides in expected mode is taken as a plan.
        goal: What is measured; see ``GOALS``.

    Returns:
        The marginals; None of a policy that draws its decisions, which no change of one per cent leaves as it was.
    """
    if not isinstance(policy, DirectPolicy):
        return None
    return marginals_of(market, _carried_out(market, policy), goal_named(goal))


def marginals_of(market: MarketParameters, plan: ScheduledPolicy, goal: Goal) -> Marginals:
    """The marginals of a plan that keeps the limits."""
    expected, scenario = ExpectedMarket(market, goal), market.scenario
    course = expected.play(plan)
    _, _, channels = plan.spend_base.shape[1:]
    starts = range(0, scenario.days, _WEEK)
    branches = [_branch(0, scenario.days, np.eye(channels)), _branch(0, scenario.days, np.ones((1, channels)))]
    branches += [_branch(day, min(day + _WEEK, scenario.days), np.ones((1, channels))) for day in starts]
    # Regions share nothing but limits, so one world changes all regions at once: (2 n, R) a branch.
    of_channels, of_regions, *of_weeks = expected.gains(course, branches)
    regions, _, names = axis_names(scenario)
    spend = plan.spend_base.sum(axis=2)  # (T, R, C)

    def marginal(part: Part, place: tuple[str, ...], money: FloatArray, more: FloatArray, less: FloatArray) -> Marginal:
        return Marginal(
            part=part,
            place=place,
            spend_base=float(money.sum()),
            more=float(more.sum()),
            less=float(less.sum()),
            media_is_counted=goal.counts_media,
        )

    def of_channel(c: int, r: slice | int) -> tuple[FloatArray, FloatArray, FloatArray]:
        return spend[:, r, c], np.asarray(of_channels[c, r]), np.asarray(of_channels[channels + c, r])

    return Marginals(
        goal=goal.name,
        in_money=goal.in_money,
        by_channel=tuple(marginal("channel", (name,), *of_channel(c, slice(None))) for c, name in enumerate(names)),
        by_region=tuple(
            marginal("region", (name,), spend[:, r], of_regions[:1, r], of_regions[1:, r])
            for r, name in enumerate(regions)
        ),
        by_week=tuple(
            replace(
                marginal("week", (), spend[day : day + _WEEK], gains[:1], gains[1:]), first_day=scenario.date_of(day)
            )
            for day, gains in zip(starts, of_weeks, strict=True)
        ),
        by_region_and_channel=tuple(
            marginal("region_channel", (region, name), *of_channel(c, r))
            for r, region in enumerate(regions)
            for c, name in enumerate(names)
        ),
    )


def _branch(first: int, end: int, chosen: FloatArray) -> Branch:
    """Copies with one per cent more, then with one per cent less, of some channels' money ``(n, C)`` on some days."""
    factor = 1.0 + CHANGE * np.concatenate([chosen, -chosen])

    def decide(day: int, own: Decision) -> Decision:
        del day
        return replace(own, spend_base=own.spend_base * factor[:, None, None, :])

    return Branch(first_day=first, end_day=end, worlds=len(factor), decide=decide)


def _carried_out(market: MarketParameters, policy: DirectPolicy) -> ScheduledPolicy:
    """What a policy does within the limits in expected mode, as a plan."""
    fixed = isinstance(policy, ScheduledPolicy)
    run = MarketRun(market, worlds=np.zeros(1, dtype=np.int64), seed=0, expected=True, compared=not fixed)
    decisions: list[Decision] = []
    for day in range(market.scenario.days):
        # A fixed plan looks at nothing, and features take longer than the day.
        wanted = plan_decision(policy, day, 1) if fixed else policy.decide(run.observe())
        decisions.append(run.play(wanted).decision)
    return ScheduledPolicy(
        name="carried out",
        spend_base=np.stack([one.spend_base[0] for one in decisions]),
        daypart_weights=np.mean([one.daypart_weights[0] for one in decisions], axis=0),
        discount_frac=np.stack([one.discount_frac[0] for one in decisions]),
        mechanic=np.stack([one.mechanic[0] for one in decisions]),
    )
