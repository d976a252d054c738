"""Planning for the worst worlds: nothing changes without aversion, and with it the worst tenth gains."""

import numpy as np
import pytest

from xbopt.agents.planner.campaign import plan_campaign
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import GOALS
from xbopt.agents.planner.risk import Spread, plan_for_risk, tail_mean
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.worlds import draw_worlds, select_worlds

SHORT = ["horizon.days=8", "plan.discounts=[]"]


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart", overrides=SHORT))


@pytest.fixture(scope="module")
def campaign(market):
    return plan_campaign(market)


def test_the_worst_tenth_is_worked_by_hand():
    """Of 25 worlds a tenth is two and a half: 1, 2 and half of 3 are 4.5, over 2.5."""
    values = np.arange(25.0, 0.0, -1.0)
    assert tail_mean(values, 0.1) == pytest.approx(4.5 / 2.5)
    assert tail_mean(values, 1.0) == pytest.approx(values.mean())
    assert tail_mean(np.array([4.0]), 0.1) == 4.0
    spread = Spread(values=np.array([10.0, *[20.0] * 9]))
    assert (spread.mean, spread.worst_decile) == (pytest.approx(19.0), pytest.approx(10.0))
    assert spread.worth(0.5) == pytest.approx(19.0 - 0.5 * 9.0)


def test_no_aversion_changes_nothing(market, campaign):
    assert plan_for_risk(market, campaign, 0.0).plan is campaign


def test_aversion_trades_the_mean_for_the_worst_tenth(market, campaign):
    found = plan_for_risk(market, campaign, 0.8, worlds=32)
    assert found.spread.worth(0.8) > found.neutral.worth(0.8)
    assert found.spread.worst_decile > found.neutral.worst_decile
    assert found.plan.total_spend_base == pytest.approx(found.plan.schedule.spend_base.sum())
    assert found.plan.total_spend_base <= market.scenario.limits.total_base * (1.0 + 1e-9)
    # Every world for itself gives the same values as all of them side by side.
    parameters = draw_worlds(market.scenario, seed=0, worlds=np.arange(32))
    for world in (0, 7):
        alone = ExpectedMarket(market, GOALS["reward"], select_worlds(parameters, np.array([world])))
        assert found.spread.values[world] == pytest.approx(float(alone.totals([found.plan.schedule]).sum()))


def test_a_certain_market_has_no_worse_worlds():
    certain = build_market(load_scenario("quickstart", overrides=[*SHORT, "uncertainty={}"]))
    plan = plan_campaign(certain)
    assert plan_for_risk(certain, plan, 1.0, worlds=8).plan is plan


@pytest.mark.parametrize("aversion", [-0.1, 11.0, float("nan")])
def test_aversions_that_make_no_sense(aversion, market, campaign):
    with pytest.raises(UsageError, match="from 0 to 10"):
        plan_for_risk(market, campaign, aversion)
