"""Heights of months and days: shrunk by their own noise, measured only where they are known."""

from datetime import date, timedelta

import numpy as np
import pytest

from xbopt.calibration.scenario.season import fit_season, shrunk
from xbopt.core.randomness import named_generator
from xbopt.simulator.calendar import seasonal_index

FIRST = date(2024, 1, 1)
FLAT = [1.0] * 12
SEASON = np.array([0.8, 0.8, 0.9, 0.9, 1.0, 1.0, 0.9, 0.9, 1.0, 1.1, 1.5, 1.2])


def test_heights_are_shrunk_as_worked_by_hand() -> None:
    """Logs -1, 0, 1 with error variance v each: the spread is 1 - v, and they shrink by 1 - v.

    Paule and Mandel: 2 / (v + spread) = 2 degrees of freedom.
    """
    logs = np.array([-1.0, 0.0, 1.0])
    found, measured = shrunk(np.exp(logs), np.ones(3), np.diag([0.25] * 3))
    np.testing.assert_allclose(np.log(found), 0.75 * logs, atol=1e-9)
    assert not measured.any()  # an error of 0.5 against a spread of 0.61
    found, measured = shrunk(np.exp(logs), np.ones(3), np.diag([0.01] * 3))
    np.testing.assert_allclose(np.log(found), 0.99 * logs, atol=1e-9)
    assert measured.all()
    # Less scatter than the errors alone would make: the prior's shape, at the level found.
    found, measured = shrunk(np.exp(logs), np.array([1.0, 2.0, 1.0]), np.diag([4.0] * 3))
    np.testing.assert_allclose(found / found[0], [1.0, 2.0, 1.0], atol=1e-9)
    assert not measured.any()


@pytest.mark.statistical
def test_a_flat_market_of_few_orders_has_no_season() -> None:
    """A hundred orders a month: twelve logs with an error of 0.1 and more each, of which nothing is measured.

    Without a season, the sum of squares over its 11 degrees of freedom is above 1 in about half of the markets, and
    then leaves on average less than a third of the scatter; 40 markets bound the mean square of the logs to a third of
    the noise, 0.01.
    """
    squares: list[float] = []
    for seed in range(40):
        orders = named_generator(seed, "flat shop").poisson(100.0 / 30.4, 365).astype(np.float64)
        season = fit_season(orders, FIRST, prior_month=FLAT)
        assert not season.measured.any()
        assert season.seen.all()
        squares.append(float((np.log(season.month) ** 2).mean()))
    assert np.mean(squares) < 0.01 / 3.0


@pytest.mark.statistical
def test_a_season_of_many_orders_is_measured_and_hardlyshrunk() -> None:
    """A hundred orders a day: errors of the logs are near 0.02 each, and four of them hold for twelve heights."""
    dates = [FIRST + timedelta(days=n) for n in range(365)]
    mean = 100.0 * seasonal_index(SEASON, dates)
    orders = named_generator(1, "season").poisson(mean).astype(np.float64)
    season = fit_season(orders, FIRST, prior_month=FLAT)
    assert season.measured.all()
    np.testing.assert_allclose(np.log(season.month / (SEASON / SEASON.mean())), 0.0, atol=4 * 0.025)


def test_months_that_no_file_covers_are_neither_zero_nor_measured() -> None:
    """March and April are missing, and keep the height taken over; the same days said to be closed ones do not."""
    orders = np.full(366, 100.0)
    orders[60:121] = 0.0
    told = np.ones(366, dtype=np.bool_)
    told[60:121] = False
    season = fit_season(orders, FIRST, prior_month=FLAT, told=told)
    assert np.flatnonzero(~season.seen).tolist() == [2, 3]
    np.testing.assert_allclose(season.month, 1.0, atol=1e-6)
    assert season.measured[[0, 1, 4, 5]].all()
    assert season.closed == 0
    assert season.demand_cv == 0.0
    assert not season.measured[[2, 3]].any()


def test_a_month_without_an_order_is_never_a_height_of_zero() -> None:
    orders = np.full(366, 0.0)
    orders[::3] = 1.0
    orders[60:91] = 0.0
    season = fit_season(orders, FIRST, prior_month=FLAT)
    assert not season.seen[2]
    np.testing.assert_allclose(season.month, 1.0, atol=0.02)  # ten or eleven orders in each of the others
