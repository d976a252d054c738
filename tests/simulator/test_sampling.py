"""Samplers: the Poisson quantile is exact, every law has its moments, and draws rise with what drives them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gammainc, gammaincc, ndtr, pdtr, pdtrc

from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator
from xbopt.simulator import sampling
from xbopt.simulator.sampling import MAX_MEAN, lognormal_from_normal, normal_from_uniform, poisson_from_uniform

MEANS = [0.01, 0.3, 1.0, 3.0, 4.5, 7.99, 8.0, 9.9, 10.1, 50.0, 1000.0, 1e5]
DRAWS = 200_000
LEAST, MOST = 2.0**-53, 1.0 - 2.0**-53  # the ends of the uniforms that a WorldStream gives

uniforms_strategy = st.integers(0, 2**52 - 1).map(lambda cell: (2 * cell + 1) / 2.0**53)
means_strategy = st.one_of(st.floats(0.0, 40.0), st.floats(0.0, 1e5), st.floats(0.0, MAX_MEAN))


def uniforms(name: str, shape: int | tuple[int, ...] = DRAWS) -> FloatArray:
    return named_generator(20, name).integers(0, 2**52, size=shape) / 2.0**52 + LEAST


def poisson_one(u: float, mean: float) -> float:
    return float(poisson_from_uniform(np.array([u]), mean)[0])


def central_moments(mean: float, order: int) -> list[float]:
    """Poisson central moments 0..order by mu[r+1] = mean * sum over j < r of C(r, j) mu[j]."""
    moments = [1.0, 0.0]
    for r in range(1, order):
        moments.append(mean * sum(math.comb(r, j) * moments[j] for j in range(r)))
    return moments


def solve_by_bisection(w: FloatArray, mean: float) -> FloatArray:
    """Solve Q(x, mean) = Phi(w) for x by bisection, from whichever tail is the smaller."""
    low, high = np.full_like(w, 1e-3), np.full_like(w, mean + 10.0 * math.sqrt(mean) + 20.0)
    for _ in range(70):
        middle = 0.5 * (low + high)
        reached = np.where(w > 0.0, gammainc(middle, mean) <= ndtr(-w), gammaincc(middle, mean) >= ndtr(w))
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return low


class TestPoissonQuantile:
    def test_a_mean_of_log_2_worked_by_hand(self) -> None:
        """P(N = 0) = 1/2, P(N <= 1) = 0.8466, P(N <= 2) = 0.9667."""
        u = np.array([0.001, 0.499, 0.501, 0.846, 0.847, 0.966, 0.967])
        assert poisson_from_uniform(u, math.log(2.0)).tolist() == [0, 0, 1, 1, 2, 2, 3]

    def test_a_mean_of_zero_gives_zero(self) -> None:
        assert not poisson_from_uniform(np.array([LEAST, 0.5, MOST]), 0.0).any()

    def test_the_counts_agree_with_scipy_except_at_ties(self) -> None:
        """Two correct quantiles can only differ where the CDF equals u within rounding (some 1e-15).

        scipy takes 60 us a value; the next test asks the same of ten times as many by the definition.
        """
        size = 20_000
        u = uniforms("agreement", size)
        mean = 10.0 ** named_generator(21, "means").uniform(-4.0, 9.0, size)
        ours, theirs = poisson_from_uniform(u, mean), stats.poisson.ppf(u, mean)
        differ = np.flatnonzero(ours != theirs)
        gap = np.abs(pdtr(np.minimum(ours, theirs)[differ], mean[differ]) / u[differ] - 1.0)
        assert (np.abs(ours - theirs) <= 1.0).all()
        assert (gap < 1e-12).all()
        assert differ.size <= 2  # a tie within rounding has a chance below 1e-9 a pair

    @pytest.mark.parametrize(("least", "most"), [(-3.0, 2.0), (-4.0, 9.0)])
    def test_the_counts_meet_the_definition(self, least: float, most: float) -> None:
        """P(N <= k) >= u and P(N <= k - 1) < u but for ties; means 1e-3..100, where all ways meet, and 1e-4..1e9."""
        u = uniforms("definition")
        mean = 10.0 ** named_generator(22, "means").uniform(least, most, DRAWS)
        k = poisson_from_uniform(u, mean)
        positive = k > 0
        wrong = (pdtr(k, mean) < u) | (positive & (pdtr(np.maximum(k - 1.0, 0.0), mean) >= u))
        ties = np.minimum(np.abs(pdtr(k, mean) / u - 1.0), np.abs(pdtr(np.maximum(k - 1.0, 0.0), mean) / u - 1.0))
        assert (ties[wrong] < 1e-12).all()
        assert wrong.sum() <= 2

    @pytest.mark.parametrize("u", [LEAST, 1e-12, 1e-7, 1e-4, 1e-3])
    def test_the_lower_tail_meets_the_definition(self, u: float) -> None:
        mean = np.geomspace(1e-3, 1e9, 2000)
        k = poisson_from_uniform(np.full_like(mean, u), mean)
        assert (pdtr(k, mean) >= u * (1.0 - 1e-12)).all()
        positive = k > 0
        assert (pdtr(k[positive] - 1.0, mean[positive]) < u * (1.0 + 1e-12)).all()

    @pytest.mark.parametrize("rest", [LEAST, 1e-12, 1e-7, 1e-5, 1e-4, 1e-3])
    def test_the_upper_tail_meets_the_definition_for_the_survival_function(self, rest: float) -> None:
        """1 - u is exact. Relative slack 1e-9: sums of probabilities decide down to 1 - u = 1e-6, rounded to 1e-15."""
        mean = np.geomspace(1e-3, 1e9, 2000)
        u = 1.0 - rest
        k = poisson_from_uniform(np.full_like(mean, u), mean)
        assert (pdtrc(k, mean) <= (1.0 - u) * (1.0 + 1e-9)).all()
        positive = k > 0
        assert (pdtrc(k[positive] - 1.0, mean[positive]) > (1.0 - u) * (1.0 - 1e-9)).all()

    @pytest.mark.parametrize(("u", "most"), [(1e-12, 1e9), (1.0 - 1e-12, 1e3)])
    def test_the_tails_agree_with_scipy_except_at_ties(self, u: float, most: float) -> None:
        """Near u = 1 and above a mean of 1000, several steps of the CDF share one float64, and scipy works on those."""
        mean = np.geomspace(1e-3, most, 2000)
        ours, theirs = poisson_from_uniform(np.full_like(mean, u), mean), stats.poisson.ppf(u, mean)
        differ = np.flatnonzero(ours != theirs)
        assert (np.abs(pdtr(np.minimum(ours, theirs)[differ], mean[differ]) / u - 1.0) < 1e-12).all()
        assert differ.size <= 2

    @pytest.mark.parametrize("mean", [8.0, 9.7, 25.0, 1234.5, 1e5, 1e9])
    def test_the_cdf_itself_decides_at_its_steps(self, mean: float) -> None:
        """At u = P(N <= k) the draw is k, at the next float64 it is k + 1: the expansion alone cannot tell."""
        k = np.unique(np.floor(mean + math.sqrt(mean) * np.linspace(-2.5, 2.5, 101)))
        step = np.asarray(pdtr(k, mean))
        assert np.array_equal(poisson_from_uniform(step, mean), k)
        assert np.array_equal(poisson_from_uniform(np.nextafter(step, 1.0), mean), k + 1.0)

    def test_the_error_of_the_expansion_stays_below_its_bound(self) -> None:
        w = np.linspace(-3.0, 3.0, 601)
        ratios: list[float] = []
        for mean in np.concatenate([np.linspace(8.0, 30.0, 45), np.geomspace(30.0, 3000.0, 15)]):
            means = np.full_like(w, mean)
            error = np.abs(sampling._expansion(w, means) - solve_by_bisection(w, mean))
            ratios.append(float((error / sampling._expansion_error(means)).max()))
        assert max(ratios) < 0.75
        assert min(ratios) > 0.3  # a bound far too wide would hide a wrong coefficient

    def test_the_expansion_leaves_out_the_next_term_of_the_series_and_no_more(self) -> None:
        """The next term is p(w)/mean². The one after it is 0.0052/mean² at w = 3, and rounding comes to some 0.003."""
        w, mean = np.linspace(-3.0, 3.0, 601), 1e4
        left_out = (solve_by_bisection(w, mean) - sampling._expansion(w, np.full_like(w, mean))) * mean**2
        next_term = 19 * w**6 / 34020 + 5 * w**4 / 3024 - 5189 * w**2 / 408240 - 16 / 25515
        assert np.abs(left_out - next_term).max() < 0.03

    @given(u=uniforms_strategy, other=uniforms_strategy, mean=means_strategy)
    def test_the_count_rises_with_the_uniform(self, u: float, other: float, mean: float) -> None:
        low, high = sorted((u, other))
        assert poisson_one(low, mean) <= poisson_one(high, mean)

    @given(u=uniforms_strategy, mean=means_strategy, other=means_strategy)
    def test_the_count_rises_with_the_mean(self, u: float, mean: float, other: float) -> None:
        low, high = sorted((mean, other))
        assert poisson_one(u, low) <= poisson_one(u, high)

    @pytest.mark.parametrize("u", [LEAST, 1e-3, 0.3, 0.5, 0.99, 0.9999, MOST])
    def test_the_count_rises_across_the_seams_between_the_methods(self, u: float) -> None:
        mean = np.linspace(7.0, 9.0, 20_001)
        assert (np.diff(poisson_from_uniform(np.full_like(mean, u), mean)) >= 0.0).all()

    @pytest.mark.parametrize("mean", [0.05, 2.0, 7.99, 8.0, 40.0, 1e4])
    def test_the_count_rises_with_a_dense_row_of_uniforms(self, mean: float) -> None:
        u = (np.arange(50_000) + 0.5) / 50_000
        assert (np.diff(poisson_from_uniform(u, mean)) >= 0.0).all()


class TestPoissonLaw:
    @pytest.mark.statistical
    @pytest.mark.parametrize("mean", MEANS)
    def test_the_counts_fit_the_law(self, mean: float) -> None:
        """Chi-square over about 50 cells and the upper tail, each expected 20 times or more; 1e-6 at each side."""
        counts = poisson_from_uniform(uniforms(f"fit {mean}"), mean)
        levels = np.concatenate([np.linspace(0.02, 0.98, 49), [0.99, 0.999]])
        edges = np.unique(stats.poisson.ppf(levels, mean))
        if (1.0 - stats.poisson.cdf(edges[-1], mean)) * DRAWS < 20.0:
            edges = edges[:-1]
        chances = np.diff(stats.poisson.cdf(edges, mean), prepend=0.0, append=1.0)
        seen = np.bincount(np.searchsorted(edges, counts), minlength=chances.size)
        statistic = float(((seen - DRAWS * chances) ** 2 / (DRAWS * chances)).sum())
        freedom = chances.size - 1
        assert (DRAWS * chances >= 20.0).all()
        assert stats.chi2.ppf(1e-6, freedom) < statistic < stats.chi2.isf(1e-6, freedom)

    @pytest.mark.statistical
    @pytest.mark.parametrize("mean", MEANS)
    def test_the_counts_have_the_first_four_moments(self, mean: float) -> None:
        """The average of (N - mean)**p has variance (mu[2p] - mu[p]**2)/n. 5 standard errors."""
        deviation = poisson_from_uniform(uniforms(f"moments {mean}"), mean) - mean
        moments = central_moments(mean, 8)
        for p in range(1, 5):
            error = math.sqrt((moments[2 * p] - moments[p] ** 2) / DRAWS)
            assert abs(float((deviation**p).mean()) - moments[p]) < 5.0 * error, p

    @pytest.mark.statistical
    @pytest.mark.parametrize(("mean", "cv"), [(0.5, 0.8), (6.0, 0.5), (40.0, 0.4), (2000.0, 0.3)])
    def test_a_lognormal_shock_adds_its_variance(self, mean: float, cv: float) -> None:
        """Variance m + m² cv². The sample variance has variance (mu4 - sigma⁴)/n, mu4 from the sample: 5 errors."""
        shock = lognormal_from_normal(normal_from_uniform(uniforms(f"shock {mean}")), cv)
        counts = poisson_from_uniform(uniforms(f"mixture {mean}"), mean * shock)
        squared = (counts - mean) ** 2
        assert abs(float(squared.mean()) - (mean + (mean * cv) ** 2)) < 5.0 * float(squared.std()) / math.sqrt(DRAWS)
        assert abs(float(counts.mean()) - mean) < 5.0 * math.sqrt((mean + (mean * cv) ** 2) / DRAWS)


class TestOrder:
    def test_each_count_depends_on_its_own_element_only(self) -> None:
        """Sizes beyond one working block, in another order, and element by element."""
        size = 40_000
        u = uniforms("order", size)
        mean = 10.0 ** named_generator(23, "means").uniform(-3.0, 4.0, size)
        whole = poisson_from_uniform(u, mean)
        order = named_generator(24, "order").permutation(size)
        assert np.array_equal(poisson_from_uniform(u[order], mean[order]), whole[order])
        assert [poisson_one(u[i], mean[i]) for i in range(300)] == whole[:300].tolist()

    def test_shapes_broadcasting_and_out(self) -> None:
        u = uniforms("shape", (6, 5, 4))
        mean = np.array([0.0, 0.5, 7.0, 60.0])
        whole = poisson_from_uniform(u, mean)
        out = np.full_like(u, np.nan)
        assert poisson_from_uniform(u, mean, out=out) is out
        assert np.array_equal(out, whole)
        assert np.array_equal(poisson_from_uniform(u[:, ::2], mean), whole[:, ::2])
        assert poisson_from_uniform(np.empty((0, 4)), mean).shape == (0, 4)

    @pytest.mark.parametrize("overwritten", ["u", "mean"])
    def test_the_counts_may_overwrite_an_argument(self, overwritten: str) -> None:
        u = uniforms("overwrite", 500)
        mean = np.linspace(0.0, 30.0, 500)
        expected = poisson_from_uniform(u, mean)
        poisson_from_uniform(u, mean, out=u if overwritten == "u" else mean)
        assert np.array_equal(u if overwritten == "u" else mean, expected)


class TestRefusals:
    @pytest.mark.parametrize("mean", [-1e-9, math.nan, math.inf, 1.01 * MAX_MEAN])
    def test_means_outside_the_range_are_refused(self, mean: float) -> None:
        with pytest.raises(ValueError, match="mean"):
            poisson_from_uniform(np.full(3, 0.5), np.array([1.0, mean, 2.0]))

    @pytest.mark.parametrize("u", [0.0, 1.0, -0.1, math.nan])
    def test_uniforms_at_or_beyond_the_ends_are_refused(self, u: float) -> None:
        with pytest.raises(ValueError, match="Uniforms"):
            poisson_from_uniform(np.array([0.5, u]), 1.0)
        with pytest.raises(ValueError, match="Uniforms"):
            normal_from_uniform(np.array([0.5, u]))

    @pytest.mark.parametrize("out", [np.empty(2), np.empty(6)[::2], np.empty(3, dtype=np.float32)])
    def test_an_out_that_does_not_fit_is_refused(self, out: FloatArray) -> None:
        with pytest.raises(ValueError, match="out"):
            poisson_from_uniform(np.full(3, 0.5), 1.0, out=out)

    @pytest.mark.parametrize("cv", [-0.1, math.nan, math.inf])
    def test_a_coefficient_of_variation_that_is_none_is_refused(self, cv: float) -> None:
        with pytest.raises(ValueError, match="cv"):
            lognormal_from_normal(np.zeros(2), cv)


class TestNormalAndLognormal:
    def test_known_quantiles(self) -> None:
        z = normal_from_uniform(np.array([0.5, 0.975, 0.025, LEAST, MOST]))
        assert z == pytest.approx([0.0, 1.959963984540054, -1.959963984540054, -8.2095362, 8.2095362], abs=1e-7)

    def test_a_cv_of_zero_multiplies_by_one(self) -> None:
        assert lognormal_from_normal(np.array([-3.0, 0.0, 3.0]), 0.0).tolist() == [1.0, 1.0, 1.0]

    def test_the_median_worked_by_hand(self) -> None:
        """cv = 1: s² = log 2, so the median exp(-s²/2) is 1/sqrt(2)."""
        assert lognormal_from_normal(np.zeros(1), 1.0)[0] == pytest.approx(math.sqrt(0.5), rel=1e-14)

    def test_cv_broadcasts_against_the_draws(self) -> None:
        z = np.array([[-1.0, 1.0], [0.5, 2.0]])
        both = lognormal_from_normal(z, np.array([0.2, 0.7]))
        assert np.array_equal(both[:, 1], lognormal_from_normal(z[:, 1], 0.7))

    @pytest.mark.statistical
    @pytest.mark.parametrize("cv", [0.1, 0.5, 1.0])
    def test_the_multiplier_has_mean_one_and_the_cv_asked_for(self, cv: float) -> None:
        """E X**k = exp(s² k (k-1)/2), so X has variance cv² and X² has variance E X⁴ - (E X²)². 5 errors."""
        x = lognormal_from_normal(normal_from_uniform(uniforms(f"cv {cv}")), cv)
        second, fourth = 1.0 + cv**2, (1.0 + cv**2) ** 6
        assert abs(float(x.mean()) - 1.0) < 5.0 * cv / math.sqrt(DRAWS)
        assert abs(float((x * x).mean()) - second) < 5.0 * math.sqrt((fourth - second**2) / DRAWS)
