"""Time and segment become columns for reward models, by hand."""

import numpy as np
import pytest

from xbopt.core.errors import DecisionLogError
from xbopt.ope import LoggedBanditData, compare_policies, evaluate_policy, fit_reward_model
from xbopt.ope.data.covariates import Covariates, with_covariates


def log_of(rows: int, *, seed: int = 1, **more: object) -> LoggedBanditData:
    random = np.random.default_rng(seed)
    arrays = {"context": random.normal(size=(rows, 1)), "reward": random.normal(size=rows)} | more
    return LoggedBanditData(action=random.integers(0, 2, rows), propensity=np.full(rows, 0.5), n_actions=2, **arrays)


def test_hat_functions_follow_the_time_between_knots() -> None:
    """Knots at 0, 50 and 100 days: day 25 lies half-way between the first two."""
    made = Covariates.of(199, span=(0.0, 100.0), segments={})
    assert made is not None
    assert (made.knots, made.by_day, made.weekdays) == (3, False, False)
    np.testing.assert_allclose(made.columns(np.array([0.0, 25.0, 100.0]), None), [[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1]])


def test_a_log_of_few_days_has_a_column_a_day_and_a_long_one_weekdays() -> None:
    days = Covariates.of(1000, span=(10.0, 12.0), segments={})
    assert days is not None
    np.testing.assert_array_equal(days.columns(np.array([10.9, 11.0, 12.5]), None), np.eye(3))
    months = Covariates.of(5000, span=(0.0, 90.0), segments={})
    assert months is not None
    assert months.weekdays
    assert months.columns(np.array([0.0, 8.0]), None).shape == (2, months.width)


def test_four_hours_share_a_column_where_times_differ_within_days() -> None:
    """03:00, 04:00 and 21:36: the first, second and last sixth of a day, beside three days."""
    made = Covariates.of(1000, span=(10.125, 12.9), segments={})
    assert made is not None
    columns = made.columns(np.array([10.125, 11.0 + 4.0 / 24.0, 12.9]), None)
    np.testing.assert_array_equal(columns, np.hstack([np.eye(3), np.eye(6)[[0, 1, 5]]]))


def test_all_but_the_greatest_segment_have_a_column() -> None:
    made = Covariates.of(1000, span=None, segments={0: 100, 1: 700, 2: 200})
    assert made is not None
    np.testing.assert_array_equal(made.columns(None, np.array([2, 0, 1])), [[1, 0], [0, 1], [0, 0]])


def test_a_short_log_or_one_that_knows_neither_has_none() -> None:
    assert Covariates.of(80, span=(0.0, 30.0), segments={0: 40, 1: 40}) is None
    assert Covariates.of(1000, span=(5.0, 5.0), segments={0: 1000}) is None
    plain = log_of(1000)
    assert with_covariates(plain) is plain


def test_the_context_stays_what_policies_are_asked_about() -> None:
    data = with_covariates(log_of(1000, time=np.arange(1000) / 100.0, segment=np.arange(1000) % 3))
    assert data.covariates is not None
    assert data.context.shape == (1000, 1)
    assert data.features.shape == (1000, 1 + data.covariates.shape[1])
    assert data.rows(slice(0, 10)).features.shape == (10, data.features.shape[1])


@pytest.mark.statistical
@pytest.mark.parametrize("model", ["linear", "trees"])
def test_a_season_that_the_model_knows_narrows_the_interval(model: str) -> None:
    """The difference is the mean of (w - 1)(r - q) with w = 0 or 2: residuals of deviation 1, or of sqrt(1 + 4)
    where the season of deviation 2 is not known; sqrt(5) = 2.2."""
    time = np.arange(1000) / 50.0
    season = 2.0 * np.sqrt(2.0) * np.sin(2.0 * np.pi * time / 20.0)
    ratios = []
    for seed in range(5):
        reward = season + np.random.default_rng(seed).normal(size=1000)
        widths = []
        for known in (True, False):
            data = log_of(1000, seed=seed, reward=reward, time=time if known else None, context=np.zeros((1000, 0)))
            found = evaluate_policy(data, np.tile([0.0, 1.0], (1000, 1)), reward_model=model).difference
            assert found is not None
            widths.append(found.high - found.low)
        ratios.append(widths[1] / widths[0])
    assert np.median(ratios) > 1.8


def test_moments_as_dates_are_days_and_nan_is_refused() -> None:
    moments = np.datetime64("2026-03-01T12:00", "us") + np.arange(200).astype("timedelta64[h]")
    np.testing.assert_allclose(log_of(200, time=moments).time[:2], [20513.5, 20513.5 + 1 / 24])
    with pytest.raises(DecisionLogError, match="days since 1970, or datetime64, are wanted"):
        log_of(200, time=np.full(200, 1.7e9))
    with pytest.raises(DecisionLogError, match="time, row 0"):
        log_of(200, time=np.full(200, np.datetime64("NaT", "us")))


def test_comparisons_and_fitted_models_see_the_same_columns() -> None:
    data = with_covariates(log_of(1000, time=np.arange(1000) / 100.0))
    evaluation = np.tile([0.3, 0.7], (1000, 1))
    model = fit_reward_model("linear", data, seed=0)
    assert (
        evaluate_policy(data, evaluation, reward_model=model).estimates["dr"]
        == (evaluate_policy(log_of(1000, time=np.arange(1000) / 100.0), evaluation).estimates["dr"])
    )
    assert compare_policies(data, {"b": evaluation}).evaluations["b"].verdict == "ANSWER"
