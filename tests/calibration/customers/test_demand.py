"""Demand and purchase chances: known truths are found, and what does not beat the naive forecast says so."""

from datetime import date, timedelta

import numpy as np
import pytest

from tests.calibration.customers.orders import FIRST, line, simulated_orders, table
from xbopt.calibration.customers.calendar_terms import calendar_terms, fit_calendar
from xbopt.calibration.customers.cleaning import clean
from xbopt.calibration.customers.demand import daily_orders, demand_model, summed
from xbopt.calibration.customers.purchase_chance import purchase_chance
from xbopt.core.errors import CalibrationError

WEEK = np.array([1.2, 1.1, 1.0, 1.0, 1.1, 0.9, 0.7])


def series(days: int, seed: int, level: float = 60.0) -> np.ndarray:
    """Orders of a shop in Germany with a week, a season, a closed holiday and growth of a fifth a year."""
    generator = np.random.default_rng(seed)
    dates = [FIRST + timedelta(days=n) for n in range(days)]
    holiday = calendar_terms(dates, {"DE": 1.0})["holiday"]
    season = np.exp(0.2 * np.cos(2.0 * np.pi * np.arange(days) / 365.25))
    mean = level * WEEK[[day.weekday() for day in dates]] * season * 0.5**holiday * 1.2 ** (np.arange(days) / 365.25)
    return generator.poisson(mean).astype(np.float64)


@pytest.mark.statistical
def test_week_season_holiday_and_growth_are_found():
    orders = series(800, 1)
    terms = calendar_terms([FIRST + timedelta(days=n) for n in range(800)], {"DE": 1.0})
    fit = fit_calendar(orders, terms)
    # About 6,500 orders on each weekday: four standard errors of an index are about 0.06.
    assert fit.weekday == pytest.approx(WEEK / WEEK.mean(), abs=0.06)
    assert abs(fit.effects["holiday"] - np.log(0.5)) < 4.0 * fit.sd["holiday"]
    assert fit.trend == pytest.approx(np.log(1.2), abs=0.06)
    assert fit.season == "fitted"
    assert fit.month[0] / fit.month[6] == pytest.approx(np.exp(0.4), abs=0.12)
    assert fit.demand_cv < 0.06


def test_a_shop_with_a_calendar_is_forecast_better_than_naively():
    model = demand_model(FIRST, series(500, 2), {"DE": 1.0})
    assert model.beats_naive
    assert model.forecast.shape == (28,)
    assert model.calendar.season == "not_told_from_growth"
    # Poisson noise alone leaves sqrt(2 / pi / 60) of the orders: 10 percent.
    assert 0.08 < model.score("ensemble").wmape < 0.14


def test_orders_that_repeat_by_the_week_leave_nothing_to_beat():
    orders = np.tile(np.array([5.0, 9.0, 3.0, 7.0, 20.0, 2.0, 11.0]), 30)
    model = demand_model(FIRST, orders, {})
    assert not model.beats_naive
    assert model.forecast == pytest.approx(orders[:28])


def test_last_week_is_not_repeated_into_a_season_that_no_days_held_out_had():
    """A year of orders that doubled in December, forecast from the quiet November after it."""
    days = [date(2025, 11, 3) + timedelta(days=n) for n in range(385)]
    assert days[-1] == date(2026, 11, 22)
    busy = np.array([day.month == 12 for day in days])
    quiet = np.tile(np.array([50.0, 90.0, 30.0, 70.0, 120.0, 40.0, 60.0]), 55)
    model = demand_model(days[0], np.where(busy, 2.0 * quiet, quiet), {"DE": 1.0})
    # Weeks that repeat are forecast best by repeating them, which says nothing of a December.
    assert not model.beats_naive
    assert model.ahead > 1.1
    assert model.stands == "models"
    assert model.forecast.sum() > 1.1 * 4.0 * quiet[:7].sum()


def test_a_sum_is_what_stands_for_its_parts_with_the_errors_of_that_sum():
    repeated = np.tile(np.array([5.0, 9.0, 3.0, 7.0, 20.0, 2.0, 11.0]), 60)
    parts = [demand_model(FIRST, orders, {}) for orders in (repeated, series(420, 2), series(420, 3))]
    assert {part.stands for part in parts} == {"last_week", "models"}
    whole = summed(parts)
    assert whole.total.value == pytest.approx(sum(part.total.value for part in parts))
    assert whole.came == pytest.approx(np.sum([part.came for part in parts], axis=0))
    assert whole.error == pytest.approx(
        np.abs(np.sum([part.stood for part in parts], axis=0) - whole.came).sum() / whole.came.sum()
    )
    # Errors of parts that have luck of their own partly cancel.
    assert whole.error < max(part.error for part in parts)


def test_nothing_of_the_days_held_out_is_known_when_they_are_forecast():
    orders = series(300, 3)
    other = orders.copy()
    other[-28:] = 0.0
    # The last origin is 28 days before the end: only its errors may differ, through what is held against it.
    usual, changed = (demand_model(FIRST, values, {"DE": 1.0}) for values in (orders, other))
    total, less = orders[-84:].sum(), other[-84:].sum()
    forecast = [(model.score("calendar").bias + 1.0) for model in (usual, changed)]
    assert forecast[0] * total == pytest.approx(forecast[1] * less, rel=1e-9)


def test_short_series_are_refused():
    with pytest.raises(CalibrationError, match="longer period"):
        demand_model(FIRST, np.ones(60), {})


def test_an_order_of_two_lines_is_one_order_of_its_day():
    first, orders = daily_orders(clean(table(line("1", "a", 0), line("1", "a", 0, sku="x"), line("2", "b", 2))).sales)
    assert first == date(2025, 1, 1)
    assert orders.tolist() == [1.0, 0.0, 1.0]


def test_chances_beat_the_bucket_are_honest_and_do_not_depend_on_row_order():
    orders = simulated_orders(700, 420, 5)
    chance = purchase_chance(clean(orders), horizon_days=60)
    assert len(chance.now) == 700
    assert chance.score("ensemble").auc > 0.55
    # Calibrated: mean chance within four binomial standard errors of what was bought, and drift of the young shop.
    assert chance.score("logistic").expected == pytest.approx(chance.bought, abs=0.12)
    assert 0.0 < chance.disagreement < 0.2
    again = purchase_chance(clean(orders.sample(fraction=1.0, shuffle=True, seed=2)), horizon_days=60)
    assert again.now == pytest.approx(chance.now, abs=1e-9)


def test_short_data_do_not_tell_who_buys():
    with pytest.raises(CalibrationError, match="to learn from one part and to judge on another"):
        purchase_chance(clean(simulated_orders(300, 100, 1)))
