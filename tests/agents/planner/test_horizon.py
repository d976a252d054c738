"""The last week of a plan looks like the same week of a longer plan."""

import numpy as np

from xbopt.agents.planner.campaign import plan_campaign
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market

FLAT = (
    "calendar.events=[]",
    "calendar.weekday=[1, 1, 1, 1, 1, 1, 1]",
    "calendar.month=[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
    "calendar.cpm_month=[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
    "calendar.holiday_demand=1",
    "plan.discounts=[]",
    "discounts.levels=[0]",
)


def weekly_spend(days, *changes):
    """Spend by week and channel of the plan of quickstart without seasons, money in proportion to the days."""
    lengths = (f"horizon.days={days}", f"budget.total_base={1000 * days}", "history.steady_spend_per_day_base=1000")
    plan = plan_campaign(build_market(load_scenario("quickstart", overrides=[*FLAT, *lengths, *changes])))
    return plan.schedule.spend_base.reshape(days // 7, 7, -1, plan.schedule.spend_base.shape[-1]).sum(axis=(1, 2))


def test_week_4_of_a_plan_of_4_weeks_is_week_4_of_a_plan_of_8():
    short, long = weekly_spend(28)[3], weekly_spend(56)[3]
    assert (long > 20.0).all(), "every channel is used"
    np.testing.assert_allclose(short, long, rtol=0.15)


def test_without_days_after_the_last_week_falls_to_nothing():
    """What the term is for: with nothing after the last day, social media are dropped in the last week."""
    weeks = weekly_spend(28, "horizon.after.days=0")
    assert weeks[3, 1] < 0.2 * weeks[1, 1]
