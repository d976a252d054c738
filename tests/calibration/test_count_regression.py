"""Counts with effects of groups absorbed, against arrays worked by hand."""

import numpy as np
import pytest

from xbopt.calibration.absorbed_effects import RegressionError, absorb
from xbopt.calibration.count_regression import clustered_covariance, fit_counts
from xbopt.core.randomness import named_generator

GROUP = np.array([0, 0, 1, 1])
X = np.array([[0.0], [1.0], [0.0], [1.0]])


def test_the_coefficient_is_the_log_odds_of_all_groups_together() -> None:
    # Given the totals 8 and 4, counts at x = 1 are binomial with odds e^b: 6 + 1 of 12, so b = ln(7 / 5).
    fit = fit_counts(np.array([2.0, 6.0, 3.0, 1.0]), X, [GROUP])
    assert fit.coefficients[0] == pytest.approx(np.log(7.0 / 5.0), abs=1e-7)
    np.testing.assert_allclose(fit.fitted, [8 * 5 / 12, 8 * 7 / 12, 4 * 5 / 12, 4 * 7 / 12], rtol=1e-6)


def test_a_count_of_zero_stays_in() -> None:
    # 6 + 0 of 12 lie at x = 1: even odds.
    fit = fit_counts(np.array([2.0, 6.0, 4.0, 0.0]), X, [GROUP])
    assert fit.coefficients[0] == pytest.approx(0.0, abs=1e-7)


def test_exposure_multiplies_the_expected_count() -> None:
    counts = np.array([2.0, 6.0, 3.0, 1.0])
    # Twice the days at x = 1 explain half of the odds.
    fit = fit_counts(counts, X, [GROUP], exposure=np.array([1.0, 2.0, 1.0, 2.0]))
    assert fit.coefficients[0] == pytest.approx(np.log(7.0 / 10.0), abs=1e-7)


def test_the_cluster_jackknife_is_worked_by_hand() -> None:
    # Information of the groups is 8 x 35/144 and 4 x 35/144, their scores 6 - 8 x 7/12 = 4/3 and -4/3. Without the
    # first the estimate moves by (4/3) / (35/36) = 48/35, without the second by -24/35: (48^2 + 24^2) / 2 / 35^2.
    fit = fit_counts(np.array([2.0, 6.0, 3.0, 1.0]), X, [GROUP])
    covariance, clusters = clustered_covariance(fit, GROUP)
    assert clusters == 2
    assert covariance[0, 0] == pytest.approx((48.0**2 + 24.0**2) / 2.0 / 35.0**2, rel=1e-5)


def test_what_one_cluster_alone_tells_is_not_known() -> None:
    fit = fit_counts(np.array([2.0, 6.0, 3.0, 1.0]), np.array([[0.0], [1.0], [0.0], [0.0]]), [GROUP])
    assert np.isinf(clustered_covariance(fit, GROUP)[0]).all()


def test_two_kinds_of_groups_leave_the_interaction() -> None:
    # A 2 x 2 table less its row and column means: (a - b - c + d) / 4 = (1 - 2 - 5 + 8) / 4 with signs + - - +.
    left = absorb(np.array([[1.0], [2.0], [5.0], [8.0]]), [GROUP, np.array([0, 1, 0, 1])], np.ones(4))
    np.testing.assert_allclose(left[:, 0], [0.5, -0.5, -0.5, 0.5], atol=1e-8)


def test_a_regressor_that_the_groups_hold_is_refused() -> None:
    with pytest.raises(RegressionError):
        fit_counts(np.array([2.0, 6.0, 3.0, 1.0]), np.column_stack([X, X]), [GROUP])


@pytest.mark.statistical
def test_instruments_undo_a_price_that_follows_demand() -> None:
    """Price = cost + .5 shock and demand = exp(-2 price + shock): plain counts are far off, instruments are not."""
    rng = named_generator(3, "tests/instruments")
    cost, shock = rng.normal(0.0, 0.3, 4000), rng.normal(0.0, 0.3, 4000)
    price = cost + 0.5 * shock
    counts = rng.poisson(20.0 * np.exp(-2.0 * price + shock)).astype(float)
    group = np.arange(4000) // 40
    plain = fit_counts(counts, price[:, None], [group])
    fit = fit_counts(counts, price[:, None], [group], instruments=cost[:, None])
    se = float(np.sqrt(clustered_covariance(fit, group)[0][0, 0]))
    assert abs(fit.coefficients[0] + 2.0) < 3.5 * se  # 3.5 standard errors: 1 in 2,000 seeds fails by chance
    assert plain.coefficients[0] > -1.7
