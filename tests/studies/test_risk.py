"""A plan in sampled worlds: mean, worst tenth and how often money is lost."""

import numpy as np
import pytest

from tests.worlds import market_of, plain_market
from xbopt.env.baseline_plan import scenario_plan
from xbopt.studies.risk import Played, played
from xbopt.studies.simulate import simulate


def test_a_plan_is_played_in_the_worlds_of_simulate() -> None:
    market = market_of()
    shown = played(market, scenario_plan(market), worlds=5, seed=3)
    simulated = simulate(market, runs=5, seed=3)
    assert shown.margins == pytest.approx(simulated.margins)
    assert shown.values == pytest.approx(simulated.margins + simulated.totals.customer_value)
    orders = played(market, scenario_plan(market), goal="orders", worlds=5, seed=3)
    assert orders.range.mean == pytest.approx(simulated.kpis["orders"].mean)


def test_without_chance_all_worlds_are_the_expected_path_but_for_counting() -> None:
    market = plain_market({"horizon.days": 2, "plan.spend_frac": 0.0})
    shown = played(market, scenario_plan(market), worlds=64)
    # Two days of Poisson orders with mean 10, each worth 45.
    assert shown.margins.mean() == pytest.approx(900, abs=5 * 45 * (20 / 64) ** 0.5)


def test_losing_worlds_are_counted_by_margin_not_by_goal() -> None:
    values, margins = np.array([1.0, 2.0, 3.0, 4.0]), np.array([-1.0, 2.0, -0.5, 0.0])
    assert Played(goal="orders", seed=0, values=values, margins=margins).loss_probability == 0.5
