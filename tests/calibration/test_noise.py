"""Noise of weekly counts: whitening by hand, and modes found where they are known."""

import numpy as np
import pytest

from xbopt.calibration.fit.noise import inflated, noise_of, weekly
from xbopt.calibration.fit.optimum import find_mode
from xbopt.core.arrays import FloatArray

WEEKS, REGIONS, KINDS = 30, 2, 3
LAG = np.array([[0.5, 0.1, 0.0], [0.0, 0.3, 0.0], [0.2, 0.0, 0.4]])
ROOT = np.array([[3.0, 0.0, 0.0], [1.0, 2.0, 0.0], [0.5, -1.0, 2.5]])


def autoregressive(worlds: int, seed: int) -> FloatArray:
    """Counts around 100 that follow a vector autoregression ``(B, W, R, K)``."""
    rng = np.random.default_rng(seed)
    state = np.zeros((worlds, REGIONS, KINDS))
    weeks: list[FloatArray] = []
    for week in range(WEEKS + 20):
        state = state @ LAG.T + rng.standard_normal(state.shape) @ ROOT.T
        if week >= 20:
            weeks.append(100.0 + state)
    return np.stack(weeks, axis=1)


def test_weeks_are_sums_of_seven_days_from_the_first_scored_one() -> None:
    days = np.arange(17, dtype=np.float64).reshape(1, 17, 1, 1)
    assert weekly(days, 3)[0, :, 0, 0].tolist() == [3 + 4 + 5 + 6 + 7 + 8 + 9, 10 + 11 + 12 + 13 + 14 + 15 + 16]


@pytest.mark.statistical
def test_whitened_residuals_of_new_worlds_are_independent_and_of_unit_variance() -> None:
    expected = np.full((WEEKS, REGIONS, KINDS), 100.0)
    noise = noise_of(autoregressive(600, 1), expected, expected)
    white = noise.whitened(noise.standardised(expected, autoregressive(400, 2)))
    assert white.shape == (400, WEEKS * REGIONS * KINDS)
    # Variance of 72,000 squares is 2: five standard errors are 0.026; the noise itself was read off 600 worlds.
    assert (white**2).mean() == pytest.approx(1.0, abs=0.06)
    cov = np.cov(white.reshape(400 * WEEKS, -1), rowvar=False)
    assert np.abs(cov - np.eye(REGIONS * KINDS)).max() < 0.08


def test_unknown_counts_are_not_scored() -> None:
    expected = np.full((WEEKS, REGIONS, KINDS), 100.0)
    observed = expected.copy()
    observed[4, 1] = np.nan
    noise = noise_of(autoregressive(50, 1), expected, observed)
    assert noise.scored == (WEEKS * REGIONS - 1) * KINDS
    assert np.isfinite(noise.whitened(noise.standardised(expected * 1.1, observed))).all()


@pytest.mark.statistical
def test_kinds_that_are_never_counted_leave_the_others_independent() -> None:
    expected = np.full((WEEKS, REGIONS, KINDS), 100.0)
    observed = expected.copy()
    observed[..., 1] = np.nan
    noise = noise_of(autoregressive(600, 1), expected, observed)
    white = noise.whitened(noise.standardised(expected, autoregressive(400, 2)))
    counted = white.reshape(400, WEEKS, REGIONS, KINDS)[..., [0, 2]]
    cov = np.cov(counted.reshape(400 * WEEKS, -1), rowvar=False)
    # 12,000 weeks: five standard errors of a variance are 0.065, and the noise was read off 600 worlds.
    assert np.abs(cov - np.eye(REGIONS * 2)).max() < 0.09
    assert (white.reshape(400, WEEKS, REGIONS, KINDS)[..., 1] == 0.0).all()


def test_records_that_scatter_more_than_the_market_make_its_noise_larger() -> None:
    expected = np.full((WEEKS, REGIONS, KINDS), 100.0)
    noise = noise_of(autoregressive(300, 1), expected, expected)
    record = autoregressive(1, 5)[0]
    shape = expected.shape
    same = inflated(noise, noise.whitened(noise.standardised(expected, record)).reshape(shape), fitted=0)
    assert (same.inflation == 1.0).all()
    wild = 100.0 + (record - 100.0) * 3.0
    larger = inflated(noise, noise.whitened(noise.standardised(expected, wild)).reshape(shape), fitted=0)
    assert (larger.inflation > 4.0).all()
    white = larger.whitened(larger.standardised(expected, wild))
    assert (white**2).mean() == pytest.approx(1.0, abs=0.3)


def test_the_mode_of_a_linear_model_is_that_of_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    design, target = rng.standard_normal((40, 5)), rng.standard_normal(40) * 3.0
    found = find_mode(lambda z: z @ design.T - target, np.zeros(5))
    exact = np.linalg.solve(design.T @ design + np.eye(5), design.T @ target)
    assert found.converged
    np.testing.assert_allclose(found.z, exact, atol=0.01)
    np.testing.assert_allclose(found.precision, design.T @ design + np.eye(5), rtol=1e-6)


def test_the_mode_of_a_curved_valley_is_found() -> None:
    def rosenbrock(z: FloatArray) -> FloatArray:
        return np.stack([10.0 * (z[:, 1] - z[:, 0] ** 2), 1.0 - z[:, 0]], axis=1)

    found = find_mode(rosenbrock, np.array([-1.2, 1.0]))
    gradient = found.jacobian.T @ found.residuals + found.z
    assert found.converged
    assert np.abs(gradient).max() < 1.0
    assert found.objective < 0.5 * float(
        rosenbrock(np.array([[-1.2, 1.0]]))[0] @ rosenbrock(np.array([[-1.2, 1.0]]))[0]
    )
