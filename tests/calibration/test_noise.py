"""Noise of weekly counts: whitening by hand, and modes found where they are known."""

import numpy as np
import pytest
from scipy.optimize import minimize

from xbopt.calibration.fit.noise import inflated, noise_of, scatter_by_chance, weekly
from xbopt.calibration.fit.optimum import Optimum, find_mode
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
    same = inflated(noise, noise.whitened(noise.standardised(expected, record)).reshape(shape), np.ones(shape))
    assert (same.inflation == 1.0).all()
    wild = 100.0 + (record - 100.0) * 3.0
    larger = inflated(noise, noise.whitened(noise.standardised(expected, wild)).reshape(shape), np.ones(shape))
    assert (larger.inflation > 4.0).all()
    white = larger.whitened(larger.standardised(expected, wild))
    assert (white**2).mean() == pytest.approx(1.0, abs=0.3)


def test_what_a_fit_has_taken_of_the_scatter_counts_as_taken() -> None:
    """A fit that took half of the degrees of freedom leaves half of the squares of a market that is right."""
    expected = np.full((WEEKS, REGIONS, KINDS), 100.0)
    noise = noise_of(autoregressive(300, 1), expected, expected)
    white = np.full(expected.shape, 0.75**0.5)
    assert (inflated(noise, white, np.ones(expected.shape)).inflation == 1.0).all()
    assert inflated(noise, white, np.full(expected.shape, 0.4)).inflation == pytest.approx([0.75 / 0.4] * KINDS)


@pytest.mark.statistical
def test_the_scatter_of_clean_weeks_has_the_law_that_sampled_worlds_say() -> None:
    expected = np.full((WEEKS, REGIONS, KINDS), 100.0)
    noise = noise_of(autoregressive(600, 1), expected, expected)
    worlds = noise.whitened(noise.standardised(expected, autoregressive(256, 2)))
    bound = scatter_by_chance(noise, worlds, 0.01)
    # 60 counts: chi-square of 60 over 60 has its upper hundredth at 1.47; freedom is read off 256 worlds.
    assert bound[:-1] == pytest.approx([1.47] * KINDS, abs=0.1)
    # Of 180 together it is 1.26.
    assert bound[-1] == pytest.approx(1.26, abs=0.06)
    clean = noise.whitened(noise.standardised(expected, autoregressive(400, 3))).reshape(400, *expected.shape)
    # 1,200 mean squares: 12 are expected above, and more than 30 come once in a hundred thousand.
    assert ((clean**2).mean(axis=(1, 2)) > bound[:-1]).sum() <= 30
    # A week of every thirty that stands out leaves fewer degrees of freedom.
    single = worlds.reshape(256, *expected.shape).copy()
    single[:, 7] *= 4.0
    assert (scatter_by_chance(noise, single.reshape(256, -1), 0.01) > bound).all()


def test_a_row_that_the_mode_saw_is_held_against_what_the_others_say() -> None:
    """Leaving rows out and fitting again is what the formula does at once."""
    rng = np.random.default_rng(3)
    design, target = rng.standard_normal((30, 4)), rng.standard_normal(30)
    # Rows that count much, of which the mode takes in nearly all.
    design[:2] *= 20.0
    target[:2] += 15.0
    mode = np.linalg.solve(design.T @ design + np.eye(4), design.T @ target)
    found = Optimum(
        z=mode, residuals=design @ mode - target, jacobian=design, decrement=0.0, iterations=1, converged=True
    )
    for rows in ([0], [0, 1]):
        rest = np.delete(np.arange(30), rows)
        precision = design[rest].T @ design[rest] + np.eye(4)
        z = np.linalg.solve(precision, design[rest].T @ target[rest])
        error = design[rows] @ z - target[rows]
        sd = np.sqrt(1.0 + np.diag(design[rows] @ np.linalg.solve(precision, design[rows].T)))
        assert found.left_out(rows) == pytest.approx(error / sd)
    assert abs(found.left_out([0])[0]) > 3.0 * abs(found.residuals[0])
    # As many degrees of freedom are gone as the data told parameters.
    assert 30.0 - found.freedom.sum() == pytest.approx(4.0 - np.trace(np.linalg.inv(found.precision)))


def test_the_mode_of_a_linear_model_is_that_of_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    design, target = rng.standard_normal((40, 5)), rng.standard_normal(40) * 3.0
    found = find_mode(lambda z: z @ design.T - target, np.zeros(5))
    exact = np.linalg.solve(design.T @ design + np.eye(5), design.T @ target)
    assert found.converged
    np.testing.assert_allclose(found.z, exact, atol=0.01)
    np.testing.assert_allclose(found.precision, design.T @ design + np.eye(5), rtol=1e-6)


def test_a_half_life_that_matters_on_one_side_only_settles_in_few_batches() -> None:
    """What is left of a half-life below a day is next to nothing: flat there, and steep towards the prior's centre."""
    rng = np.random.default_rng(0)
    design = rng.standard_normal((60, 6)) * np.array([1.0, 3.0, 0.3, 2.0, 1.0, 0.5])
    target, shown = rng.standard_normal(60), 300.0 * rng.standard_normal(60)
    played: list[int] = []

    def residuals(z: FloatArray) -> FloatArray:
        played.append(len(z))
        return z @ design.T + np.outer(0.5 ** np.exp(-1.5 * z[:, 0]), shown) - target

    found = find_mode(residuals, np.zeros(6))
    assert found.converged
    assert len(played) <= 15
    best = minimize(lambda z: 0.5 * float((residuals(z[None]) ** 2).sum() + z @ z), found.z)
    assert found.objective - float(best.fun) < 0.01


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
