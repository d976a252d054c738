"""``planner``: the plan of a strong planner for the average market, as a policy."""

from typing import TYPE_CHECKING

from xbopt.agents.planner.blocks import Resolution
from xbopt.agents.planner.goals import GOALS, Goal
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.simulator.once import once_a_market
from xbopt.simulator.parameters import MarketParameters

if TYPE_CHECKING:
    from xbopt.agents.planner.campaign import CampaignPlan

# Plan cells beyond which weeks take longer than people wait; four weeks lose little on such long horizons.
_MANY_CELLS = 2500


@once_a_market
def average_plan(market: MarketParameters) -> "CampaignPlan":
    """The plan for the average market, by weeks; by four weeks where that would be many cells. It is searched once."""
    # The solver takes a moment to load, and only those who plan should wait for it.
    from xbopt.agents.planner.campaign import plan_campaign

    return plan_campaign(market, resolution=usual_resolution(market))


def plan_freely(market: MarketParameters, goal: Goal, resolution: Resolution) -> "CampaignPlan":
    """The plan for the average market by a goal and a length of cells; the usual one is searched once."""
    if goal is GOALS["reward"] and resolution == usual_resolution(market):
        return average_plan(market)
    from xbopt.agents.planner.campaign import plan_campaign

    return plan_campaign(market, goal=goal, resolution=resolution)


def planner_policy(market: MarketParameters) -> ScheduledPolicy:
    """The plan for the average market as a policy."""
    return average_plan(market).schedule


def usual_resolution(market: MarketParameters) -> Resolution:
    """The length of plan cells that is used where nobody asks for another."""
    regions, segments, channels, _ = market.shape
    weeks = -(-market.scenario.days // 7)
    return "week" if weeks * regions * segments * channels <= _MANY_CELLS else "four_weeks"
