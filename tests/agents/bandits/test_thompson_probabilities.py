"""The probability that a Gaussian score is the highest: closed forms, limits, and a fine sum on a fine grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from tests.agents.bandits import numpy_oracle
from xbopt.agents.bandits.compiled_thompson import thompson_row
from xbopt.core.arrays import FloatArray


def compiled_thompson(mean: FloatArray, sd: FloatArray) -> FloatArray:
    """The compiled probabilities ``(n, K)``, row by row."""
    probabilities, room = np.empty_like(mean), np.empty((5, mean.shape[1]))
    place = np.empty(mean.shape[1], dtype=np.int64)
    for n in range(len(mean)):
        thompson_row(mean[n], sd[n], room[0], room[1], place, room[2], room[3], room[4], probabilities[n])
    return probabilities


IMPLEMENTATIONS = [compiled_thompson, numpy_oracle.thompson]


def fine_sum(mean, sd):
    """The integrals on a grid of a tenth of the smallest spread; its error is far below 1e-12."""
    low, high = (mean - 8.5 * sd).max(), (mean + 8.5 * sd).max()
    step = 0.1 * sd.min()
    grid = np.arange(low - 10.0 * step, high + 10.0 * step, step)
    total = np.zeros(len(mean))
    for start in range(0, len(grid), 4000):
        t = (grid[start : start + 4000, None] - mean) / sd
        below, density = ndtr(t), np.exp(-0.5 * t * t) / (np.sqrt(2.0 * np.pi) * sd)
        for a in range(len(mean)):
            total[a] += step * (density[:, a] * np.delete(below, a, axis=1).prod(axis=1)).sum()
    return total


@pytest.mark.parametrize("thompson", IMPLEMENTATIONS)
def test_two_actions_have_a_closed_form(thompson):
    rng = np.random.default_rng(0)
    mean, sd = rng.normal(size=(200, 2)), np.exp(rng.uniform(-6.0, 6.0, size=(200, 2)))
    exact = ndtr((mean[:, 0] - mean[:, 1]) / np.hypot(sd[:, 0], sd[:, 1]))
    np.testing.assert_allclose(thompson(mean, sd)[:, 0], exact, atol=1e-8)


@pytest.mark.parametrize("thompson", IMPLEMENTATIONS)
@pytest.mark.parametrize("actions", [1, 2, 3, 50, 200])
def test_equal_scores_share_equally(thompson, actions):
    found = thompson(np.full((1, actions), 0.7), np.full((1, actions), 0.2))
    np.testing.assert_allclose(found, 1.0 / actions, rtol=1e-12)


@pytest.mark.parametrize("thompson", IMPLEMENTATIONS)
@pytest.mark.parametrize("actions", [3, 10, 50, 200])
@pytest.mark.parametrize("ratio", [1.0, 3.0, 30.0])
def test_the_error_is_below_1e_8(thompson, actions, ratio):
    rng = np.random.default_rng(actions)
    for spread in (0.0, 0.5, 3.0):
        mean = spread * rng.normal(size=actions)
        sd = np.exp(rng.uniform(0.0, np.log(ratio), actions))
        np.testing.assert_allclose(thompson(mean[None], sd[None])[0], fine_sum(mean, sd), atol=1e-8)


@pytest.mark.parametrize("thompson", IMPLEMENTATIONS)
def test_near_ties_of_narrow_scores_among_wide_ones(thompson):
    mean = np.array([1.0, 1.0 + 1e-9, 0.0, 0.5])
    sd = np.array([1e-3, 1e-3, 1.0, 0.7])
    found = thompson(mean[None], sd[None])[0]
    np.testing.assert_allclose(found, fine_sum(mean, sd), atol=1e-8)
    assert found[0] == pytest.approx(found[1], rel=1e-5)


@pytest.mark.parametrize("thompson", IMPLEMENTATIONS)
def test_a_score_without_spread_is_a_step(thompson):
    # Score 0 is certain; the other beats it with probability Phi(-1) = 0.158655...
    found = thompson(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))[0]
    np.testing.assert_allclose(found, [ndtr(1.0), ndtr(-1.0)], atol=1e-9)


@pytest.mark.parametrize("thompson", IMPLEMENTATIONS)
def test_scores_without_spread_share_ties_and_rule_out_lower_ones(thompson):
    found = thompson(np.array([[2.0, 2.0, 1.0]]), np.zeros((1, 3)))[0]
    np.testing.assert_array_equal(found, [0.5, 0.5, 0.0])
    mixed = thompson(np.array([[2.0, 2.0, 1.0, 2.0]]), np.array([[0.0, 0.0, 0.0, 1.0]]))[0]
    np.testing.assert_allclose(mixed, [0.25, 0.25, 0.0, 0.5], atol=1e-9)


@pytest.mark.parametrize("thompson", IMPLEMENTATIONS)
def test_a_hopeless_action_gets_nothing_and_a_certain_one_all(thompson):
    found = thompson(np.array([[100.0, 0.0, 0.0]]), np.ones((1, 3)))[0]
    np.testing.assert_array_equal(found, [1.0, 0.0, 0.0])


@given(
    st.lists(
        st.tuples(st.floats(-50.0, 50.0), st.sampled_from([0.0, 1e-9, 1e-3, 0.1, 1.0, 20.0])), min_size=1, max_size=12
    )
)
def test_both_implementations_give_a_distribution_and_agree(scores):
    mean, sd = (np.array([column]) for column in zip(*scores, strict=True))
    first, second = compiled_thompson(mean, sd)[0], numpy_oracle.thompson(mean, sd)[0]
    assert first.min() >= 0.0
    assert first.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(first, second, atol=2e-8)


@given(st.floats(-1e3, 1e3), st.floats(1e-6, 1e6), st.integers(0, 2**32 - 1))
def test_probabilities_do_not_depend_on_the_unit_of_reward(shift, scale, seed):
    rng = np.random.default_rng(seed)
    mean, sd = rng.normal(size=(1, 6)), rng.uniform(0.2, 2.0, size=(1, 6))
    moved = compiled_thompson(scale * (mean + shift), scale * sd)
    np.testing.assert_allclose(moved, compiled_thompson(mean, sd), atol=1e-8)


@pytest.mark.statistical
def test_sampled_scores_are_best_as_often_as_stated():
    rng = np.random.default_rng(4)
    mean, sd = rng.normal(size=20), rng.uniform(0.3, 1.5, 20)
    draws = 400_000
    best = np.argmax(mean + sd * rng.standard_normal((draws, 20)), axis=1)
    share = np.bincount(best, minlength=20) / draws
    exact = compiled_thompson(mean[None], sd[None])[0]
    # Five standard errors of a binomial share.
    assert (np.abs(share - exact) <= 5.0 * np.sqrt(exact * (1.0 - exact) / draws) + 1e-8).all()
