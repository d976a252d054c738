"""Counts of the kernel against those of numpy's sampler, which is proved in ``test_sampling.py``."""

from types import ModuleType

import numpy as np
import pytest

from tests.simulator.kernel.test_elementary import evaluated
from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator
from xbopt.simulator.sampling import MAX_MEAN, poisson_from_uniform

DRAWS = 200_000


def uniforms(name: str) -> FloatArray:
    return (2.0 * named_generator(3, name).integers(0, 2**52, DRAWS) + 1.0) / 2.0**53


def test_a_mean_of_log_2_worked_by_hand(kernel: ModuleType) -> None:
    """P(N = 0) = 1/2, P(N <= 1) = 0.8466, P(N <= 2) = 0.9667."""
    u = np.array([0.001, 0.499, 0.501, 0.846, 0.847, 0.966, 0.967])
    counts = evaluated(kernel, "poisson", u, np.full(7, np.log(2.0)))
    assert counts.tolist() == [0, 0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(("least", "most"), [(1e-4, 0.1), (0.1, 8.0), (8.0, 40.0), (40.0, 1e4), (1e-3, 1e8)])
def test_counts_are_those_of_the_reference(kernel: ModuleType, least: float, most: float) -> None:
    """The bound is one in ten million; none of these 10^6 draws differs, and one would be a false alarm of 1 in 10."""
    u = uniforms(f"{least}")
    mean = np.exp(named_generator(4, f"{most}").uniform(np.log(least), np.log(most), DRAWS))
    assert (evaluated(kernel, "poisson", u, mean) != poisson_from_uniform(u, mean)).sum() == 0


@pytest.mark.parametrize(
    "u", [2.0**-53, 1e-12, 1e-7, 1e-4, 1.4e-3, 1 - 1.4e-3, 1 - 1e-4, 1 - 1e-7, 1 - 1e-12, 1 - 2.0**-53]
)
def test_the_tails_are_those_of_the_reference(kernel: ModuleType, u: float) -> None:
    """Around three standard deviations and beyond, where expansions end: small, middle and large means.

    Of larger ones scipy's survival function keeps a few digits only: 3e-6 off at a mean of 10^6 and 1 - u = 10^-7.
    """
    mean = np.geomspace(1e-3, 1e5, 4000)
    u_all = np.full_like(mean, u)
    assert (evaluated(kernel, "poisson", u_all, mean) != poisson_from_uniform(u_all, mean)).sum() == 0


def test_nothing_is_drawn_of_a_mean_of_nothing(kernel: ModuleType) -> None:
    u = np.array([2.0**-53, 0.5, 1.0 - 2.0**-53])
    assert evaluated(kernel, "poisson", u, np.zeros(3)).tolist() == [0.0, 0.0, 0.0]


def test_means_beyond_the_sampler_take_the_normal_limit(kernel: ModuleType) -> None:
    mean = np.array([MAX_MEAN * 4, MAX_MEAN * 4])
    # 4e12 + 2e6 z: the quantile of 0.975 is 1.959964
    counts = evaluated(kernel, "poisson", np.array([0.5, 0.975]), mean)
    assert counts == pytest.approx([4e12, 4e12 + 2e6 * 1.959963984540054], abs=1.0)
