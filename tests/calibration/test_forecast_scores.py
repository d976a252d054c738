"""Scores of forecasts, worked by hand."""

import numpy as np
import pytest

from xbopt.calibration.backtest.findings import BacktestCode, BacktestVerdict, about_forecasts, verdict_of
from xbopt.calibration.backtest.forecast_scores import ForecastWindow, rolling_origins, score, window_of
from xbopt.calibration.backtest.rolling_origin import level_forecast


def window(actual: list[float], forecast: list[float], history: list[float], reach: float = 1.0) -> ForecastWindow:
    """One region's weeks with a band of ``reach`` on both sides."""
    column = np.array(forecast)[:, None]
    return window_of(np.array(history)[:, None], np.array(actual)[:, None], column, column - reach, column + reach)


def test_errors_bias_and_cover_are_worked_by_hand() -> None:
    # Errors 1, 2, 0 of 30 orders; the forecast is 1 above in all; the second week lies outside its band.
    scores = score([window([10.0, 12.0, 8.0], [11.0, 10.0, 10.0], [8.0, 8.0, 12.0, 12.0], reach=2.0)])
    assert scores.wmape == pytest.approx((1.0 + 2.0 + 2.0) / 30.0)
    assert scores.bias == pytest.approx(1.0 / 30.0)
    assert scores.covered == 1.0
    assert scores.naive.other == pytest.approx((0.0 + 2.0 + 2.0) / 30.0)
    # Three bands of 4 over 30 orders. Around a mean of 10 the errors are 0, 2 and 2: 20 % reach holds all three.
    assert scores.width == pytest.approx(12.0 / 30.0)
    assert scores.naive_width == pytest.approx(2.0 * 0.2 * 30.0 / 30.0)
    narrow = score([window([10.0, 12.0, 8.0], [11.0, 10.0, 10.0], [8.0], reach=1.0)])
    assert narrow.covered == pytest.approx(1.0 / 3.0)


def test_the_year_before_is_52_weeks_back_and_unknown_where_the_records_end() -> None:
    history = np.arange(54, dtype=np.float64)
    one = window([0.0] * 3, [0.0] * 3, list(history))
    # Week 54 stands against week 2, week 55 against 3, week 56 against 4.
    assert one.year_before[:, 0].tolist() == [2.0, 3.0, 4.0]
    short = window([0.0] * 3, [0.0] * 3, list(history[:51]))
    # Week 51 would stand against week -1.
    assert np.isnan(short.year_before[0, 0])
    assert short.year_before[1:, 0].tolist() == [0.0, 1.0]
    assert score([window([1.0], [1.0], [1.0] * 8)]).seasonal_naive is None


def test_the_model_is_compared_over_weeks_that_both_forecast() -> None:
    # Of two windows only the second knows the year before, so that only its error of 1 of 10 counts there.
    known = [10.0] * 52
    scores = score([window([10.0], [20.0], [10.0]), window([10.0], [11.0], known)])
    assert scores.seasonal_naive is not None
    assert scores.seasonal_naive.model == pytest.approx(0.1)
    assert scores.seasonal_naive.other == 0.0
    assert scores.seasonal_naive.weeks == 1
    assert scores.naive.model == pytest.approx(11.0 / 20.0)


def test_weeks_that_nobody_recorded_are_left_out() -> None:
    scores = score([window([10.0, float("nan")], [12.0, 12.0], [10.0])])
    assert (scores.weeks, scores.wmape) == (1, pytest.approx(0.2))


def test_better_means_beyond_chance_and_worse_means_larger() -> None:
    rng = np.random.default_rng(1)
    windows = []
    for _ in range(6):
        actual = 100.0 + rng.normal(0.0, 3.0, (8, 2))
        drift = rng.normal(0.0, 30.0)
        forecast = np.full((8, 2), 100.0)
        history = np.full((4, 2), 100.0 + drift)
        windows.append(window_of(history, actual, forecast, forecast - 5.0, forecast + 5.0))
    good = score(windows)
    assert good.naive.is_better
    assert not good.naive.is_worse
    same = [window_of(one.recent[:4], one.actual, one.recent, one.low, one.high) for one in windows]
    even = score(same).naive
    assert (even.model, even.is_better, even.is_worse) == (even.other, False, False)
    bad = score([window_of(np.full((4, 2), 100.0), one.actual, one.recent, one.low, one.high) for one in windows])
    assert bad.naive.is_worse


def test_too_few_windows_give_no_interval() -> None:
    assert np.isnan(score([window([10.0], [10.0], [12.0])]).naive.low)


@pytest.mark.parametrize(("weeks", "starts"), [(60, [28, 36, 44, 52]), (44, [12, 20, 28, 36]), (22, [14]), (19, [])])
def test_origins_end_with_the_records_and_leave_twelve_weeks(weeks: int, starts: list[int]) -> None:
    assert rolling_origins(weeks) == starts


def test_a_level_carries_the_last_eight_weeks_on() -> None:
    """Ten weeks at half of what the market expects, then three that it expects at 20, 30 and 40."""
    expected = np.array([10.0, 20.0] * 5 + [20.0, 30.0, 40.0])[:, None]
    forecast, low, high = level_forecast(expected[:10] / 2.0, expected)
    np.testing.assert_allclose(forecast[:, 0], [10.0, 15.0, 20.0])
    # Without any error of known weeks only the luck of counts is left: 1.645 sqrt(10) about 10.
    np.testing.assert_allclose(high[:, 0] - forecast[:, 0], 1.645 * np.sqrt(forecast[:, 0]))
    np.testing.assert_allclose(low, np.maximum(2.0 * forecast - high, 0.0))


def test_a_band_that_covers_by_being_wide_is_no_success() -> None:
    """Forecasts that are never off, and beat the naive one beyond chance; only the width of their bands differs."""
    rng = np.random.default_rng(2)
    found: dict[float, tuple[BacktestVerdict, set[BacktestCode]]] = {}
    for reach in (5.0, 200.0):
        windows: list[ForecastWindow] = []
        for _ in range(6):
            actual = 100.0 + rng.normal(0.0, 3.0, (8, 2))
            history = np.full((4, 2), 100.0 + rng.normal(0.0, 30.0))
            windows.append(window_of(history, actual, actual + 0.1, actual - reach, actual + reach))
            # Some weeks lie outside whatever the width, so that cover alone says nothing against the wide ones.
            windows[-1].high[:1] = actual[:1] - 1.0
        scores = score(windows)
        findings = about_forecasts(None, scores, None, None)
        found[reach] = verdict_of(scores, None, None, findings), {one.code for one in findings}
    assert found[5.0][0] == "passes"
    assert "bands_hold" in found[5.0][1]
    assert found[200.0][0] == "undecided"
    assert "bands_no_sharper" in found[200.0][1]
