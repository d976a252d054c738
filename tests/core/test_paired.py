"""Paired statistics against numbers worked by hand, and against what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xbopt.core import paired
from xbopt.core.paired import holm, is_hardly_positive, paired_differences, ratio_of_gaps, two_sided_p


def test_a_difference_worked_by_hand():
    # Differences 1, 2, 3: mean 2, standard deviation 1, standard error 1/sqrt(3); t(2, 0.975) = 4.30265.
    first, second = np.array([10.0, 20.0, 30.0]), np.array([11.0, 22.0, 33.0])
    _, own = paired_differences([first, second], seed=0, confidence=0.95)
    assert own.mean == 2.0
    assert own.se == pytest.approx(1.0 / np.sqrt(3.0))
    assert own.low == pytest.approx(2.0 - 4.302653 / np.sqrt(3.0), rel=1e-6)
    assert own.high == pytest.approx(2.0 + 4.302653 / np.sqrt(3.0), rel=1e-6)
    assert own.beats == 1.0
    # t = 2 sqrt(3) on 2 degrees of freedom: p = 1 - t / sqrt(t^2 + 2) = 1 - sqrt(12 / 14).
    assert own.p_value == pytest.approx(1.0 - np.sqrt(12.0 / 14.0))
    assert own.holm_p_value == own.p_value
    assert own.verdict == "not shown"


def test_identical_values_differ_by_exactly_nothing():
    values = np.random.default_rng(0).normal(size=50)
    for own in paired_differences([values, values.copy(), values.copy()], seed=0, confidence=0.95):
        assert (own.mean, own.se, own.low, own.high, own.bootstrap_low, own.bootstrap_high) == (0.0,) * 6
        assert (own.beats, own.p_value, own.verdict) == (0.5, 1.0, "not shown")


def test_holm_worked_by_hand():
    # Sorted 0.01, 0.02, 0.04: times 3, 2, 1 gives 0.03, 0.04, 0.04; each at least as large as the one before.
    assert holm(np.array([0.04, 0.01, 0.02])) == pytest.approx([0.04, 0.03, 0.04])
    # 3 * 0.03 = 0.09 stays above 2 * 0.04 = 0.08.
    assert holm(np.array([0.03, 0.04, 0.9])) == pytest.approx([0.09, 0.09, 0.9])
    assert holm(np.array([])).size == 0


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_correction_never_helps_and_keeps_the_order(values):
    plain = np.array(values)
    corrected = holm(plain)
    assert (corrected >= plain).all()
    assert (corrected <= np.maximum(np.minimum(plain * len(plain), 1.0), plain)).all()
    assert (np.diff(corrected[np.argsort(plain, kind="stable")]) >= 0.0).all()


def test_p_values_are_those_of_the_t_test():
    sample = np.random.default_rng(1).normal(0.3, 1.0, size=40)
    p = two_sided_p(np.array([sample.mean()]), np.array([sample.std(ddof=1) / np.sqrt(40)]), 40)
    assert p[0] == pytest.approx(stats.ttest_1samp(sample, 0.0).pvalue)


def test_a_certain_difference_has_no_doubt():
    ones = np.ones(10)
    _, own = paired_differences([ones, ones + 1.0], seed=0, confidence=0.95)
    assert (own.p_value, own.verdict, own.low, own.high) == (0.0, "better", 1.0, 1.0)


def test_a_ratio_worked_by_hand():
    # Means 2 and 4: 0.5. own - 0.5 whole = (1-1, 2-2, 3-3) = 0, so the ratio is certain.
    own, whole = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])
    assert ratio_of_gaps(own, whole, 0.95) == (0.5, 0.0, 0.5, 0.5)
    # own (1, 3), whole (4, 4): q = 0.5, rest (-1, 1), deviation sqrt(2), se = sqrt(2) / sqrt(2) / 4 = 0.25.
    value, se, low, high = ratio_of_gaps(np.array([1.0, 3.0]), np.array([4.0, 4.0]), 0.95)
    assert (value, se) == pytest.approx((0.5, 0.25))
    assert (high - low) / 2.0 == pytest.approx(0.25 * 12.7062, rel=1e-5)


def test_without_a_gap_there_is_no_ratio():
    assert np.isnan(ratio_of_gaps(np.ones(3), np.zeros(3), 0.95)).all()
    assert np.isnan(ratio_of_gaps(np.ones(3), -np.ones(3), 0.95)).all()


@pytest.mark.statistical
def test_intervals_cover_what_they_promise(monkeypatch):
    """1,000 studies of 40 skewed differences with mean 1; a 95 % interval may miss by sqrt(0.05 * 0.95 / 1000) = 0.7 %.

    Skewness 1.15 of the gamma(3) costs Student's t about 1 % of coverage at 40 worlds; tolerance is three standard
    errors on top of that.
    """
    monkeypatch.setattr(paired, "_RESAMPLES", 2)  # the bootstrap is not what is looked at
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(1000):
        rest = rng.normal(0.0, 3.0, size=40)
        _, own = paired_differences([rest, rest + rng.gamma(3.0, 1.0 / 3.0, size=40)], seed=0, confidence=0.95)
        hits += own.low <= 1.0 <= own.high
    assert 0.95 - 0.01 - 0.021 <= hits / 1000 <= 0.95 + 0.021


@pytest.mark.statistical
def test_ratios_cover_what_they_promise():
    """1,000 studies of 64 paired gaps with a ratio of 0.8: three standard errors of 0.7 %, and 1 % of the method."""
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(1000):
        whole = rng.gamma(4.0, 0.25, size=64)
        own = 0.8 * whole + rng.normal(0.0, 0.2, size=64)
        _, _, low, high = ratio_of_gaps(own, whole, 0.95)
        hits += low <= 0.8 <= high
    assert 0.95 - 0.01 - 0.021 <= hits / 1000 <= 0.95 + 0.021


def test_few_worlds_that_carry_the_difference_are_told():
    lone = np.zeros(60)
    lone[0] = 1000.0
    _, own = paired_differences([np.zeros(60), lone], seed=0, confidence=0.95)
    assert own.bootstrap_disagrees
    rng = np.random.default_rng(3)
    _, even = paired_differences([np.zeros(200), rng.normal(1.0, 1.0, size=200)], seed=0, confidence=0.95)
    assert not even.bootstrap_disagrees


def test_a_divisor_near_nothing_is_told():
    """Mean 1 and standard deviation 2 over 4 worlds: one standard error; 100 more are a hundred of them."""
    whole = np.array([-1.0, 3.0, -1.0, 3.0])
    assert is_hardly_positive(whole)
    assert not is_hardly_positive(whole + 100.0)
    assert not is_hardly_positive(-whole - 2.0)
