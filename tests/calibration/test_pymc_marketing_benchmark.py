"""What the comparison with pymc-marketing counts, and the weekly table that it hands over."""

import numpy as np
import pytest

from benchmarks.bench_pymc_marketing import Found, Scores, weekly_table
from tests.worlds import document, scenario_of
from xbopt.calibration.fit.recovery import known_market, planned_panel, varied_spend


def test_scores_count_errors_intervals_and_forecasts_by_hand() -> None:
    found = Found(
        returns=np.array([[0.5, 2.0, 4.0], [2.0, 3.0, 8.0]]),
        forecast=np.array([[90.0], [120.0]]),
        low=np.array([[80.0], [115.0]]),
        high=np.array([[105.0], [130.0]]),
        seconds=7.0,
    )
    scores = Scores()
    scores.add(found, np.array([1.0, 1.0]), np.array([[100.0], [100.0]]))
    # Medians are 2 and 3 times the truth of 1; intervals span factors of 8 and 4, and only the first holds 1.
    assert np.exp(scores.errors) == pytest.approx([2.0, 3.0])
    assert np.exp(scores.widths) == pytest.approx([8.0, 4.0])
    assert scores.covered == [True, False]
    # (10 + 20) / 200, and one of two weeks inside the band.
    assert scores.wmape == [pytest.approx(0.15)]
    assert scores.in_band == [0.5]


def test_a_weekly_table_holds_the_money_of_the_panel() -> None:
    scenario = scenario_of(document())
    planned = planned_panel(scenario.start, varied_spend(scenario, 28, seed=3))
    panel = known_market(scenario, planned, seed=3).panel
    table = weekly_table(scenario, panel)
    assert len(table) == 4 * len(scenario.regions)
    assert table["y"].sum() == pytest.approx(panel.net_revenue.sum())
    paid = [table[channel].sum() for channel in scenario.channels]
    assert paid == pytest.approx(panel.spend.sum(axis=(0, 1, 2)).tolist())
