"""The market on days outside the horizon has their own calendar and rules."""

from datetime import date

import numpy as np
import pytest

from tests.worlds import market_of, plain_market
from xbopt.simulator.edges import average_day, average_decision, market_after, market_before
from xbopt.simulator.history import initial_state


def test_the_days_before_and_after_have_their_own_calendar():
    market = market_of({"calendar.month": [1.0] * 8 + [1.0, 2.0, 1.0, 1.0]})
    before, after = market_before(market, 14), market_after(market, 40)
    assert before.calendar.dates[0] == date(2026, 8, 24)
    assert before.calendar.dates[-1] == date(2026, 9, 6)
    assert after.calendar.dates[-1] == date(2026, 10, 26)
    np.testing.assert_array_equal(after.calendar.demand[:10], market.calendar.demand)
    assert after.calendar.demand[-5:].mean() > 1.5 * market.calendar.demand.mean()
    assert before.scenario.days == 14
    assert after.scenario.days == 50


def test_a_rule_change_of_the_horizon_holds_on_after_it_and_not_before():
    market = market_of({"shocks": [{"kind": "rule_change", "day": "2026-09-10", "tax_frac": 0.5}]})
    assert (market_after(market, 5).rules.tax_frac[10:] == 0.5).all()
    assert (market_before(market, 5).rules.tax_frac < 0.3).all()


def test_where_a_table_does_not_reach_back_its_first_day_holds():
    # The first rate of the German tax in the table is that of 2007.
    market = plain_market(
        {
            "horizon.start": "2007-01-01",
            "market.regions.0.country": "DE",
            "market.regions.0.tax": "DE",
            "history.before": "steady",
        }
    )
    assert market_before(market, 28).rules.tax_frac == pytest.approx(np.full((28, 1), 0.19))
    assert np.isfinite(initial_state(market, 1).carried).all()


def test_the_average_day_is_one_day_and_the_average_decision_spends_a_days_share():
    market = market_of({"plan.spend_frac": 0.5})
    usual = average_day(market_before(market, 28))
    assert usual.scenario.days == len(usual.calendar.demand) == len(usual.rules.tax_frac) == 1
    assert average_decision(market, 2).spend_base.sum(axis=(1, 2, 3)) == pytest.approx([1000.0, 1000.0])


def test_a_deal_on_every_day_of_the_plan_is_the_price_of_the_days_before():
    always = [{"discount_frac": 0.1}]
    dated = [{"discount_frac": 0.1, "start": "2026-09-08"}]
    one, other = (market_of({"plan.discounts": plan, "history.before": "steady"}) for plan in (always, dated))
    assert average_decision(one, 1).discount_frac == pytest.approx(np.full((1, 2, 2), 0.1))
    assert not average_decision(other, 1).discount_frac.any()
    assert (initial_state(one, 1).reference_log < initial_state(other, 1).reference_log).all()
