"""Intervals: known values, and that they hold as often as they say."""

import numpy as np
import pytest
from scipy import stats

from xbopt.core.errors import UsageError
from xbopt.ope import LoggedBanditData, evaluate_policy, guaranteed_value
from xbopt.ope.estimators.ratios import ProjectedFormula
from xbopt.ope.intervals.bootstrap import bootstrap, bootstrap_t, draw_counts
from xbopt.ope.intervals.bounded import betting, empirical_bernstein, hoeffding
from xbopt.ope.intervals.skewed import skewed_interval


def test_without_skewness_it_is_students_interval():
    """Influences -1, 1 have no skewness; t with 1 degree of freedom at 97.5 % is 12.706."""
    low, high = skewed_interval(5.0, np.array([-1.0, 1.0]), confidence=0.95)
    assert (low, high) == pytest.approx((5 - 12.7062 * 2, 5 + 12.7062 * 2), abs=1e-3)


def test_with_skewness_it_is_the_gamma_interval_at_the_far_end():
    """Shape and scale by hand, from scipy's gamma distribution."""
    influence = np.concatenate([np.full(990, -0.001), np.full(10, 0.099)])
    second, third = (influence**2).sum(), (influence**3).sum()
    variance, reach = second * 1000 / 999, third / second
    y = 2 * variance / reach
    widen = stats.t.ppf(0.975, 999) / stats.norm.ppf(0.975)
    total, spread = y + reach, variance + reach**2
    far = stats.gamma.ppf(0.975, total**2 / spread, scale=spread / total) - y
    low, high = skewed_interval(1.0, influence, confidence=0.95)
    assert high == pytest.approx(1.0 + far * widen, rel=1e-9)
    assert low == pytest.approx(1.0 - stats.t.ppf(0.975, 999) * np.sqrt(variance), rel=1e-9)


def test_the_interval_mirrors_with_its_influences():
    influence = np.random.default_rng(1).exponential(size=200)
    influence -= influence.mean()
    low, high = skewed_interval(3.0, influence, confidence=0.9)
    assert skewed_interval(-3.0, -influence, confidence=0.9) == pytest.approx((-high, -low))


def test_a_value_without_spread_has_an_interval_of_no_width():
    assert skewed_interval(2.0, np.zeros(10), confidence=0.95) == (2.0, 2.0)


def test_the_bootstrap_replicates_what_a_loop_would():
    random = np.random.default_rng(2)
    tops, bottoms = random.random((2, 30)), random.random((2, 30)) + 0.5
    formula = ProjectedFormula(tops, bottoms)
    counts = draw_counts(30, replicates=20, seed=3)
    assert (counts.sum(axis=1) == 30).all()
    replicates = bootstrap([formula], counts)[0]
    for place, drawn in enumerate(counts.astype(int)):
        rows = np.repeat(np.arange(30), drawn)
        again = ProjectedFormula(tops[:, rows], bottoms[:, rows])
        assert replicates.values[place] == pytest.approx(again.value())
        assert replicates.standard_errors[place] == pytest.approx(again.standard_error())


@pytest.mark.statistical
@pytest.mark.parametrize("bounds", [None, (0.0, 1.0)])
def test_bootstrap_t_agrees_with_students_t_on_plain_means(bounds):
    """For 400 fair coins the ends lie within 0.006 of the t interval: the error of 1000 replicates' quantiles."""
    rewards = np.random.default_rng(4).integers(0, 2, 400).astype(float)
    formula = ProjectedFormula(rewards[None], np.ones((1, 400)))
    replicates = bootstrap([formula], draw_counts(400, replicates=1000, seed=0))[0]
    found = bootstrap_t(formula.value(), formula.standard_error(), replicates, confidence=0.95, bounds=bounds)
    wanted = stats.t.interval(0.95, 399, rewards.mean(), formula.standard_error())
    assert found == pytest.approx(wanted, abs=0.006)


def test_hoeffding_by_hand():
    # 100 scores of mean 0.5 in [0, 1]: half width sqrt(log(40) / 200) = 0.1358.
    low, high = hoeffding(np.tile([0.0, 1.0], 50), low=0.0, high=1.0, confidence=0.95)
    assert (low, high) == pytest.approx((0.3642, 0.6358), abs=1e-4)


def test_empirical_bernstein_by_hand():
    # Variance 0.2525, log(80) = 4.382: sqrt(2 * 0.2525 * 4.382 / 100) + 7 * 4.382 / 297 = 0.1488 + 0.1033.
    low, high = empirical_bernstein(np.tile([0.0, 1.0], 50), low=0.0, high=1.0, confidence=0.95)
    assert (low, high) == pytest.approx((0.5 - 0.2521, 0.5 + 0.2521), abs=1e-4)


def test_betting_is_narrower_where_scores_vary_little():
    scores = np.random.default_rng(5).normal(0.3, 0.05, 2000).clip(0, 1)
    bounds = {"low": 0.0, "high": 1.0, "confidence": 0.95}
    widths = [np.diff(method(scores, **bounds))[0] for method in (betting, empirical_bernstein, hoeffding)]
    assert widths == sorted(widths)
    assert widths[0] < 0.15 * widths[2]


@pytest.mark.statistical
@pytest.mark.parametrize("method", [hoeffding, empirical_bernstein, betting])
def test_bounded_intervals_hold_for_rare_large_scores(method):
    """Scores 100 with chance 0.002: 200 samples of 1000 rows miss at most 5 % plus 3 standard errors, 19."""
    random = np.random.default_rng(6)
    missed = 0
    for _ in range(200):
        scores = 100.0 * (random.random(1000) < 0.002)
        low, high = method(scores, low=0.0, high=100.0, confidence=0.95)
        missed += not low <= 0.2 <= high
    assert missed <= 19


def test_a_bound_that_the_scores_break_is_refused():
    with pytest.raises(UsageError, match="outside the stated bounds 0 to 1"):
        betting([0.5, 1.5], low=0.0, high=1.0, confidence=0.95)


def test_rows_of_one_cluster_do_not_count_as_independent():
    """Twenty copies of each row in one cluster give the interval of the rows, not one that is 4.5 times narrower."""
    random = np.random.default_rng(11)
    action, reward = random.integers(0, 2, 100), random.random(100)

    def evaluate(copies, cluster):
        data = LoggedBanditData(
            context=np.zeros((100 * copies, 1)), action=np.repeat(action, copies), reward=np.repeat(reward, copies),
            propensity=np.full(100 * copies, 0.5), n_actions=2, cluster=cluster,
        )  # fmt: skip
        return evaluate_policy(data, np.tile([0.7, 0.3], (100 * copies, 1)), reward_model=None).estimates["snips"]

    alone = evaluate(1, None)
    together = evaluate(20, np.repeat(np.arange(100), 20))
    assert (together.value, together.low, together.high) == pytest.approx((alone.value, alone.low, alone.high))
    assert evaluate(20, None).se == pytest.approx(alone.se / np.sqrt(20), rel=0.01)


def explored(random, rows):
    """Ten percent of decisions uniform over four actions, the rest action 0: propensities from 0.025."""
    logging = np.array([0.925, 0.025, 0.025, 0.025])
    action = random.choice(4, rows, p=logging)
    chance = np.array([0.2, 0.3, 0.4, 0.5])
    data = LoggedBanditData(
        context=np.zeros((rows, 0)), action=action, reward=(random.random(rows) < chance[action]).astype(float),
        propensity=logging[action], n_actions=4, reward_bounds=(0.0, 1.0),
    )  # fmt: skip
    evaluation = np.tile([0.5, 0.3, 0.1, 0.1], (rows, 1))
    return data, evaluation, 0.28


@pytest.mark.statistical
def test_a_guaranteed_interval_holds_and_says_what_it_rests_on():
    """100 logs miss at most 5 % plus 3 standard errors: 11. Betting is the narrowest of the three."""
    missed = 0
    for seed in range(100):
        data, evaluation, truth = explored(np.random.default_rng(seed), 1000)
        found = guaranteed_value(data, evaluation, least_propensity=0.025)
        missed += not found.low <= truth <= found.high
    assert missed <= 11
    assert "no propensity is below 0.025" in found.note
    each = [
        guaranteed_value(data, evaluation, least_propensity=0.025, method=method)
        for method in ("betting", "bernstein", "hoeffding")
    ]
    widths = [estimate.high - estimate.low for estimate in each]
    assert widths[0] < widths[1]
    assert widths[0] < widths[2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"least_propensity": 0.1}, "below the stated least one of 0.1"),
        ({"least_propensity": 0.0}, "least_propensity in"),
        ({"least_propensity": 0.025, "method": "magic"}, "'magic'"),
    ],
)
def test_a_guarantee_on_false_grounds_is_refused(options, words):
    data, evaluation, _ = explored(np.random.default_rng(1), 200)
    with pytest.raises(UsageError, match=words):
        guaranteed_value(data, evaluation, **options)


def test_a_guarantee_needs_bounds_of_the_reward():
    data = LoggedBanditData(
        context=np.zeros((2, 0)), action=[0, 1], reward=[0.0, 1.0], propensity=[0.5, 0.5], n_actions=2
    )
    with pytest.raises(UsageError, match="reward_bounds"):
        guaranteed_value(data, [[0.5, 0.5]] * 2, least_propensity=0.5)


def test_leaving_out_a_block_by_hand():
    """Ratio 6 / 4: without each block 5 / 3, 4 / 3 and 3 / 2, so it takes away -1/6, 1/6 and 0; times 2 / 3."""
    formula = ProjectedFormula(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 1.0, 2.0]]))
    np.testing.assert_allclose(formula.leave_one_out(), np.array([-1 / 6, 1 / 6, 0.0]) * 2 / 3)
    # On means the jackknife is the plain influence.
    mean = ProjectedFormula(np.array([[1.0, 2.0, 6.0]]), np.ones((1, 3)))
    np.testing.assert_allclose(mean.leave_one_out(), mean.influence())


@pytest.mark.statistical
def test_replicates_without_an_event_define_the_lower_tail():
    """Three events are expected: of honest intervals at most 2.5 % lie above the truth, or 2.5 + 3.5 * 1.6 of 100."""
    above = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        data = LoggedBanditData(
            context=np.zeros((600, 0)), action=random.integers(0, 2, 600), n_actions=2,
            reward=(random.random(600) < 0.01).astype(float), propensity=np.full(600, 0.5),
        )  # fmt: skip
        result = evaluate_policy(data, np.tile([1.0, 0.0], (600, 1)), reward_model=None, interval="bootstrap-t")
        above += not result.withheld and result.estimates["snips"].low > 0.01
    assert above <= 8
