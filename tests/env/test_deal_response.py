"""What days with a deal tell of how orders answer to prices, apart from days without."""

import numpy as np
import pytest

from xbopt.agents.policies import built_in_policy
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.deal_response import DealTally, deal_lift
from xbopt.env.market_run import MarketRun
from xbopt.env.observation import CELL_FEATURES
from xbopt.simulator.build import build_market


def tally(*days: tuple[float, float, float]) -> float:
    """The response after days of (lift, orders, expected orders)."""
    found = DealTally.empty((1, 1, 1))
    for day in days:
        lift, orders, expected = (np.full((1, 1, 1), one) for one in day)
        found = found.plus(lift=lift, orders=orders, expected=expected)
    return float(found.response[0, 0, 0])


def test_the_response_by_hand() -> None:
    """Lift 0.2, 1,000 orders where 800 are expected: log(200.5 / 160.5) * 160 / (32 + 4)."""
    assert tally((0.2, 1000.0, 800.0)) == pytest.approx(np.log(200.5 / 160.5) * 160.0 / 36.0)
    assert tally() == 0.0
    assert tally((0.2, 800.0, 800.0)) == 0.0


def test_a_shop_that_converts_better_on_all_days_does_not_answer_more_to_deals() -> None:
    """A fifth more orders on all days: 2,500 / 2,100 of it is conversion, so next to nothing is left."""
    everywhere = tally((0.0, 2400.0, 2000.0), (0.2, 960.0, 800.0))
    on_deals = tally((0.0, 2000.0, 2000.0), (0.2, 960.0, 800.0))
    assert everywhere == pytest.approx(0.0, abs=0.05)
    assert on_deals > 0.7


def test_a_deal_that_the_calendar_holds_already_is_none() -> None:
    market = build_market(load_scenario("outlet_deals"))
    usual = market.calendar.deal_in_lift
    day = int(usual.max(axis=1).argmax())
    assert usual[day].min() > 0.0
    cells = np.broadcast_to(usual[day][:, None], (1, *market.shape[:2]))
    assert not deal_lift(market, day, cells).any()
    # On a day without an event a discount of a tenth is worth e log(0.9) to families: -1.9 * -0.10536.
    quiet = int(usual.max(axis=1).argmin())
    assert deal_lift(market, quiet, np.full((1, 2, 2), 0.1))[0, 0, 0] == pytest.approx(1.9 * 0.1053605, rel=1e-6)


@pytest.mark.statistical
def test_two_weeks_of_deals_tell_the_elasticity_of_a_market() -> None:
    """128 worlds and four cells; by chance 512 pairs correlate by 0.04 (a standard error)."""
    market = build_market(load_scenario("outlet_deals"))
    plan = built_in_policy("baseline", market)
    run = MarketRun(market, worlds=np.arange(128), seed=0)
    for _ in range(21):  # the plan's deals begin after a week
        run.play(plan.decide(run.morning()))
    found = run.observe().cells[..., CELL_FEATURES.index("deal_response")]
    truth = np.broadcast_to(np.log(run.world.elasticity), found.shape)
    assert np.corrcoef(truth.ravel(), found.ravel())[0, 1] > 0.6
