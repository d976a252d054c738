"""Mistakes that other libraries for off-policy evaluation make; each would fail here if we made it."""

import numpy as np
import pytest
from scipy import stats

from tests.ope.worlds import LoggedWorld
from xbopt.core.errors import UsageError
from xbopt.ope import LoggedBanditData, SupportRules, evaluate_policy, fit_reward_model
from xbopt.ope.data.row_keys import folds_of, row_keys
from xbopt.ope.intervals.bootstrap import draw_counts
from xbopt.ope.intervals.bounded import empirical_bernstein, hoeffding

ANYTHING_GOES = SupportRules(top_weight_share=1.0, ess=0.0, pareto_k=np.inf, unsupported_mass=1.0, missing_z=np.inf)


def uniform_log(rows, reward, *, n_actions=2, seed=0, **more):
    random = np.random.default_rng(seed)
    return LoggedBanditData(
        context=random.normal(size=(rows, 2)), action=random.integers(0, n_actions, rows), reward=reward,
        propensity=np.full(rows, 1 / n_actions), n_actions=n_actions, **more,
    )  # fmt: skip


def test_hoeffding_shrinks_with_the_root_of_the_rows():
    """A misplaced division makes the bound n times too wide: it would not shrink at all."""
    widths = [np.diff(hoeffding(np.full(rows, 0.5), low=0, high=1, confidence=0.95))[0] for rows in (100, 10_000)]
    assert widths[0] / widths[1] == pytest.approx(10.0)


def test_a_95_percent_interval_uses_the_two_sided_quantile():
    """With the one-sided quantile a "95 %" interval holds in 90 % of cases."""
    rewards = np.random.default_rng(1).normal(size=30)
    data = uniform_log(30, rewards)
    logging = evaluate_policy(data, np.full((30, 2), 0.5), rules=ANYTHING_GOES).logging_policy
    low, high = stats.t.interval(0.95, 29, rewards.mean(), rewards.std(ddof=1) / np.sqrt(30))
    assert logging.low <= low + 1e-9
    assert logging.high >= high - 1e-9


def test_the_denominator_of_snips_moves_with_its_numerator():
    """With the denominator frozen, rewards near 10 get the spread of the weights: here 20 times too wide."""
    rows = 2000
    random = np.random.default_rng(2)
    data = uniform_log(rows, 10.0 + 0.1 * random.normal(size=rows))
    evaluation = np.tile([0.9, 0.1], (rows, 1))
    weight = evaluation[np.arange(rows), data.action] * 2
    frozen = (weight * data.reward).std(ddof=1) / np.sqrt(rows) / weight.mean()
    for interval in ("skewed", "bootstrap-t"):
        snips = evaluate_policy(data, evaluation, interval=interval).estimates["snips"]
        width = snips.high - snips.low
        centred = (weight * (data.reward - snips.value)).std(ddof=1) / np.sqrt(rows) / weight.mean()
        assert width == pytest.approx(3.92 * centred, rel=0.1)
        assert width < 3.92 * frozen / 20


def test_biased_estimators_carry_their_bias_in_the_interval():
    """Predictions that are off by 0.5 put DM off by 0.5; its interval still reaches the truth."""
    rows = 3000
    random = np.random.default_rng(3)
    data = uniform_log(rows, random.random(rows))
    wrong = np.full((rows, 2), 1.0)
    result = evaluate_policy(data, np.tile([0.8, 0.2], (rows, 1)), predictions=wrong)
    dm = result.estimates["dm"]
    assert dm.value == 1.0
    assert dm.low <= 0.5 <= dm.high
    assert "biased" in dm.note
    for name in ("switch_dr", "dr_os"):
        assert result.estimates[name].low <= result.estimates["dr"].low
        assert result.estimates[name].high >= result.estimates["dr"].high


def test_bootstrap_samples_are_as_large_as_the_log():
    """Samples of a quarter of the rows, without rescaling, would double every width."""
    assert (draw_counts(100, replicates=50, seed=0).sum(axis=1) == 100).all()
    rows = 1500
    data = uniform_log(rows, np.random.default_rng(4).normal(size=rows))
    estimate = evaluate_policy(data, np.tile([0.7, 0.3], (rows, 1)), interval="bootstrap-t").estimates["dr"]
    assert (estimate.high - estimate.low) / estimate.se == pytest.approx(3.92, rel=0.12)


def test_the_range_of_a_bernstein_bound_is_stated_and_not_read_off_the_scores():
    """Scores that happened to stay small do not narrow the bound; scores beyond it are refused."""
    small = np.random.default_rng(5).random(500)
    stated = np.diff(empirical_bernstein(small, low=0, high=50, confidence=0.95))[0]
    range_term = 7 * np.log(80) / (3 * 499) * 50
    assert stated > range_term
    with pytest.raises(UsageError, match="outside the stated bounds"):
        empirical_bernstein([0.0, 60.0], low=0, high=50, confidence=0.95)


@pytest.mark.parametrize("name", ["linear", "logistic", "trees"])
def test_no_reward_model_sees_the_rows_that_it_is_used_on(name):
    """Rewards of one fold are turned round; predictions for that very fold stay what they were."""
    world = LoggedWorld()
    data, _ = world.draw(400, np.random.default_rng(6))
    keys = row_keys(400, first_row=0, cluster=None, seed=0)
    mine = folds_of(keys, 5) == 2
    turned = LoggedBanditData(
        context=data.context, action=data.action, reward=np.where(mine, 1.0 - data.reward, data.reward),
        propensity=data.propensity, n_actions=10,
    )  # fmt: skip
    before, after = (fit_reward_model(name, part, seed=0).predict(data.context, keys) for part in (data, turned))
    np.testing.assert_allclose(after[mine], before[mine], atol=1e-7)
    assert np.abs(after[~mine] - before[~mine]).max() > 1e-3


def test_rows_of_one_cluster_share_a_fold():
    cluster = np.repeat(np.arange(50), 4)
    folds = folds_of(row_keys(200, first_row=0, cluster=cluster, seed=0), 5)
    assert (folds.reshape(50, 4) == folds.reshape(50, 4)[:, :1]).all()


def test_a_value_outside_of_the_rewards_says_so():
    """IPS of rewards that are all 1 is the mean weight, which may well be 1.3."""
    rows = 60
    data = uniform_log(rows, np.ones(rows), reward_bounds=(0.0, 1.0))
    evaluation = np.full((rows, 2), 0.1)
    evaluation[np.arange(rows), data.action] = 0.9
    ips = evaluate_policy(data, evaluation, rules=ANYTHING_GOES).estimates["ips"]
    assert ips.value == pytest.approx(1.8)
    assert "outside the possible rewards, 0 to 1" in ips.note
    assert ips.high <= 1.0


def test_ips_is_never_clipped():
    """One weight of 1000 counts in full."""
    data = LoggedBanditData(
        context=np.zeros((2, 1)), action=[0, 1], reward=[1.0, 1.0], propensity=[0.001, 0.999], n_actions=2
    )
    result = evaluate_policy(data, [[1.0, 0.0], [0.0, 1.0]], reward_model=None, force=True)
    assert result.estimates["ips"].value == pytest.approx((1000 + 1 / 0.999) / 2)
