"""Several candidates, risk, budgets, groups of actions, continuous actions, the choice among estimators."""

import numpy as np
import pytest
from scipy import stats

from tests.ope.worlds import LoggedWorld
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope import (
    LoggedBanditData,
    LoggedContinuousData,
    SupportRules,
    budget_outlook,
    compare_policies,
    evaluate_density,
    evaluate_groups,
    evaluate_policy,
    evaluate_target,
    plan_exploration,
    risk_profile,
    self_test,
)

ANYTHING_GOES = SupportRules(
    top_weight_share=1.0, ess=0.0, pareto_k=np.inf, unsupported_mass=1.0, missing_z=np.inf, top_cluster_share=1.0,
    cluster_ess=0.0, top_contribution=1.0, contributions=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def log():
    return LoggedWorld(n_actions=4, noise=0.3).draw(2000, np.random.default_rng(1), with_probabilities=True)


def test_differences_between_candidates_are_paired_and_add_up(log):
    data, evaluation = log
    mixed = 0.5 * evaluation + 0.5 * data.action_probabilities
    found = compare_policies(data, {"new": evaluation, "half": mixed})
    differences = found.differences
    assert set(differences) == {("new", "half"), ("new", "logging policy"), ("half", "logging policy")}
    whole = differences["new", "logging policy"].value
    assert whole == pytest.approx(differences["new", "half"].value + differences["half", "logging policy"].value)
    # Half of the way is half of the difference, since V and the weights are linear in the policy.
    assert differences["half", "logging policy"].value == pytest.approx(
        (
            whole
            + compare_policies(data, {"same": data.action_probabilities}).differences["same", "logging policy"].value
        )
        / 2
    )
    single = evaluate_policy(data, evaluation).difference
    assert whole == pytest.approx(single.value)
    assert differences["new", "logging policy"].low < single.low


def test_the_critical_value_lies_between_one_test_and_bonferroni(log):
    data, evaluation = log
    random = np.random.default_rng(2)
    candidates = {f"p{i}": random.dirichlet(np.ones(4), len(data)) * 0.3 + 0.7 * evaluation for i in range(4)}
    found = compare_policies(data, candidates)
    pairs = len(found.differences)
    assert pairs == 10
    assert 1.96 < found.critical_value < stats.norm.ppf(1 - 0.025 / pairs) + 0.05


def test_a_candidate_without_support_is_left_out_of_the_differences(log):
    data, evaluation = log
    far = np.zeros_like(evaluation)
    far[np.arange(len(data)), data.action_probabilities.argmin(axis=1)] = 1.0
    found = compare_policies(data, {"new": evaluation, "far": far}, rules=SupportRules(ess=400.0))
    assert found.withheld == ("far",)
    assert set(found.differences) == {("new", "logging policy")}


def test_candidates_need_names_of_their_own(log):
    with pytest.raises(UsageError, match="logging policy"):
        compare_policies(log[0], {"logging policy": log[1]})


def by_hand(reward, evaluation, **more):
    data = LoggedBanditData(
        context=np.zeros((4, 1)), action=[0, 0, 1, 1], reward=reward, propensity=[0.5] * 4, n_actions=2, **more
    )
    probabilities = np.tile(evaluation, (4, 1))
    return data, probabilities, evaluate_policy(data, probabilities, rules=ANYTHING_GOES)


def test_quantiles_and_tail_means_by_hand():
    # Weights 0.5, 0.5, 1.5, 1.5 of a total of 4: F(1) = 1/8, F(2) = 1/4, F(3) = 5/8, F(4) = 1.
    found = risk_profile(*by_hand([1.0, 2.0, 3.0, 4.0], [0.25, 0.75]), levels=(0.25, 0.5), thresholds=[1, 2, 3])
    assert [point.value for point in found.distribution] == pytest.approx([0.125, 0.25, 0.625])
    assert [quantile.value for quantile in found.quantiles] == [2.0, 3.0]
    # Worst quarter: half of it 1, half 2. Worst half: 1/8 of 1, 1/8 of 2, 1/4 of 3.
    assert [tail.value for tail in found.tail_means] == pytest.approx([1.5, (0.125 + 0.25 + 0.75) / 0.5])


@pytest.mark.statistical
def test_intervals_of_quantiles_and_tail_means_hold():
    """Normal rewards, 200 logs of 800 rows: 95 % less 3.5 standard errors of 3.08, 179."""
    held = np.zeros(3)
    median, tail = 1.0, 1.0 - stats.norm.pdf(stats.norm.ppf(0.1)) / 0.1
    for seed in range(200):
        random = np.random.default_rng(seed)
        action = random.integers(0, 2, 800)
        reward = random.normal(size=800) + np.where(action == 1, 1.0, 0.0)
        data = LoggedBanditData(
            context=np.zeros((800, 0)), action=action, reward=reward, propensity=np.full(800, 0.5), n_actions=2
        )
        probabilities = np.tile([0.0, 1.0], (800, 1))
        result = evaluate_policy(data, probabilities, reward_model=None)
        found = risk_profile(data, probabilities, result, levels=(0.5, 0.1), thresholds=[1.0])
        for place, (estimate, truth) in enumerate(
            [(found.quantiles[0], median), (found.tail_means[1], tail), (found.distribution[0], 0.5)]
        ):
            held[place] += estimate.low <= truth <= estimate.high
    assert (held >= 179).all(), held


def test_a_refused_log_has_no_risk_profile_and_no_budget(log):
    data, evaluation = log
    refused = evaluate_policy(data, evaluation, rules=SupportRules(ess=1e9))
    assert risk_profile(data, evaluation, refused) is None
    costly = LoggedBanditData(
        context=data.context, action=data.action, reward=data.reward, propensity=data.propensity, n_actions=4,
        cost=np.ones(len(data)),
    )  # fmt: skip
    assert budget_outlook(costly, evaluation, refused, decisions=10, budget=5.0) is None


def test_spend_and_overspending_by_hand():
    # Weights 0.5, 0.5, 1.5, 1.5; costs 1, 3, 1, 3: mean 2, variance 1. 100 decisions: 200, deviation 10.
    arguments = by_hand([0.0, 1.0, 0.0, 1.0], [0.25, 0.75], cost=[1.0, 3.0, 1.0, 3.0])
    found = budget_outlook(*arguments, decisions=100, budget=210.0)
    assert found.spend.value == pytest.approx(200.0)
    # The deviation of the mean of four rows comes on top of that of the campaign.
    total = np.hypot(10.0, found.spend.se)
    assert found.overspend_probability.value == pytest.approx(stats.norm.sf(10.0 / total))
    assert found.overspend_probability.low < found.overspend_probability.value < found.overspend_probability.high


def test_a_budget_needs_costs(log):
    data, evaluation = log
    with pytest.raises(UsageError, match="no costs"):
        budget_outlook(data, evaluation, evaluate_policy(data, evaluation), decisions=1, budget=1.0)


@pytest.mark.statistical
def test_groups_of_like_actions_answer_where_single_actions_cannot():
    """200 actions of 4 kinds: a kind's reward does not depend on the action within it."""
    random = np.random.default_rng(3)
    rows, n_actions = 3000, 200
    groups = np.arange(n_actions) % 4
    logging = np.tile(random.dirichlet(np.full(n_actions, 0.3)), (rows, 1))
    action = random.choice(n_actions, rows, p=logging[0])
    worth = np.array([0.1, 0.3, 0.5, 0.7])
    reward = (random.random(rows) < worth[groups[action]]).astype(float)
    data = LoggedBanditData(
        context=np.zeros((rows, 0)), action=action, reward=reward, propensity=logging[0, action], n_actions=n_actions,
        action_probabilities=logging,
    )  # fmt: skip
    evaluation = np.tile(random.dirichlet(np.full(n_actions, 0.3)), (rows, 1))
    truth = float(worth[groups] @ evaluation[0])
    assert evaluate_policy(data, evaluation).verdict == "REFUSE"
    found = evaluate_groups(data, evaluation, groups)
    assert found.verdict == "CAUTION"
    assert "one group count as alike" in found.reasons[0]
    assert abs(found.estimates["ips"].value - truth) < 4 * found.estimates["ips"].se


def test_groups_need_the_whole_logging_policy(log):
    data = LoggedBanditData(
        context=log[0].context, action=log[0].action, reward=log[0].reward, propensity=log[0].propensity, n_actions=4
    )
    with pytest.raises(DecisionLogError, match="action_probabilities"):
        evaluate_groups(data, log[1], [0, 0, 1, 1])


def bids(rows, seed):
    """Bids normal around 1 with deviation 1; the reward is -(bid - 2)^2 plus noise."""
    random = np.random.default_rng(seed)
    action = random.normal(1.0, 1.0, rows)
    reward = -((action - 2.0) ** 2) + 0.3 * random.normal(size=rows)
    return LoggedContinuousData(action=action, reward=reward, density=stats.norm.pdf(action, 1.0, 1.0))


@pytest.mark.statistical
def test_density_ratios_find_the_value_of_another_bidder():
    """Bids around 1.5 with deviation 0.8 bring -(0.25 + 0.64) = -0.89."""
    data = bids(4000, 4)
    found = evaluate_density(data, stats.norm.pdf(data.action[:, 0], 1.5, 0.8))
    assert found.verdict == "ANSWER"
    for name in ("ips", "snips"):
        assert abs(found.estimates[name].value + 0.89) < 4 * found.estimates[name].se


@pytest.mark.statistical
def test_a_kernel_finds_the_value_of_one_bid_and_warns_of_its_bias():
    """Always bidding 2 brings 0; a kernel of width h loses h^2 / 5."""
    data = bids(20_000, 5)
    found = evaluate_target(data, np.full(20_000, 2.0), bandwidth=0.5)
    assert found.verdict == "CAUTION"
    assert not found.estimates["snips"].covers
    scale = data.action.std()
    assert found.estimates["snips"].value == pytest.approx(
        -((0.5 * scale) ** 2) / 5, abs=4 * found.estimates["snips"].se
    )
    chosen = evaluate_target(data, np.full(20_000, 2.0))
    assert 0.05 <= chosen.bandwidth < 2.0
    assert abs(chosen.estimates["snips"].value) < 0.15


def test_a_bid_that_was_never_logged_is_refused():
    found = evaluate_target(bids(2000, 6), np.full(2000, 9.0), bandwidth=0.3)
    assert found.verdict == "REFUSE"
    assert found.withheld


def test_densities_are_checked():
    with pytest.raises(DecisionLogError, match=r"density, row 1: 0\.0"):
        LoggedContinuousData(action=[1.0, 2.0], reward=[0.0, 0.0], density=[0.5, 0.0])
    with pytest.raises(UsageError, match="bandwidth"):
        evaluate_target(bids(20, 7), np.zeros(20), bandwidth=0.0)


def test_the_choice_puts_the_worse_estimator_last():
    """Weights vary and rewards hardly do: IPS is the noisiest of all, and the cross-validation sees it."""
    random = np.random.default_rng(8)
    rows = 2000
    data = LoggedBanditData(
        context=random.normal(size=(rows, 1)), action=random.integers(0, 2, rows), n_actions=2,
        reward=5 + 0.1 * random.normal(size=rows), propensity=np.full(rows, 0.5),
    )  # fmt: skip
    order = evaluate_policy(data, np.tile([0.9, 0.1], (rows, 1))).cross_validated_choice
    assert order[-1] == "ips"
    assert set(order) == {"ips", "snips", "dm", "dr", "sndr", "switch_dr", "dr_os"}


def test_without_a_reward_model_there_are_ips_and_snips(log):
    result = evaluate_policy(*log, reward_model=None)
    assert set(result.estimates) == {"ips", "snips"}
    assert result.recommended == "snips"
    assert result.model is None


@pytest.mark.parametrize("options", [{"epsilons": (0.0,)}, {"half_width": 0.1}, {"half_width": 0.0, "reward_sd": 1.0}])
def test_plans_that_make_no_sense_are_refused(options):
    with pytest.raises(UsageError):
        plan_exploration([[0.5, 0.5]], **options)


def test_a_self_test_without_stated_probabilities_estimates_them():
    """The logging policy of the simulated logs is then the estimated one; the log has to be answerable still."""
    data, evaluation = LoggedWorld(n_actions=3, noise=0.3).draw(400, np.random.default_rng(9))
    found = self_test(data, evaluation, draws=3)
    assert (found.draws, found.rows) == (3, 400)
    assert set(found.coverage) == {"ips", "snips", "dm", "dr", "sndr", "switch_dr", "dr_os"}
    with pytest.raises(UsageError, match="draws"):
        self_test(data, evaluation, draws=0)


def test_a_self_test_draws_whole_clusters_with_their_luck():
    """Thirty days of 40 rows, whose shock is 2 and whose action is one draw a day; bounds are known."""
    random = np.random.default_rng(3)
    day = np.repeat(np.arange(30), 40)
    action = random.integers(0, 2, 30)[day]
    table = np.full((1200, 2), 0.5)
    reward = 2.0 * random.normal(size=30)[day] + random.normal(size=1200)
    data = LoggedBanditData(
        context=np.zeros((1200, 0)), action=action, reward=reward, propensity=np.full(1200, 0.5), n_actions=2,
        action_probabilities=table, cluster=day, reward_bounds=(-50.0, 50.0),
    )  # fmt: skip
    found = self_test(data, table, draws=20)
    assert (found.clustered, found.logging_policy, found.rows) == (True, "stated", 1200)
    # A mean over 30 shocks of deviation 2 has an interval about 4 * 2 / sqrt(30) = 1.5 wide; of rows it would be 0.26.
    assert found.width["dr"] > 1.0
    assert found.coverage["dr"] >= 0.75


def test_the_luck_of_clusters_is_shared_by_binary_rewards_too():
    random = np.random.default_rng(4)
    market = np.repeat(np.arange(40), 25)
    chance = np.where(random.random(40) < 0.5, 0.1, 0.9)[market]
    arrays = {
        "context": np.zeros((1000, 0)), "action": random.integers(0, 2, 1000), "n_actions": 2,
        "reward": (random.random(1000) < chance).astype(float), "propensity": np.full(1000, 0.5),
        "action_probabilities": np.full((1000, 2), 0.5),
    }  # fmt: skip
    even = np.full((1000, 2), 0.5)
    alone, together = (
        self_test(LoggedBanditData(**arrays, cluster=cluster), even, draws=5) for cluster in (None, market)
    )
    assert not alone.clustered
    assert together.width["dr"] > 2.0 * alone.width["dr"]


def test_a_self_test_of_a_hopeless_log_reports_refusals():
    data, evaluation = LoggedWorld(n_actions=3).draw(200, np.random.default_rng(10), with_probabilities=True)
    found = self_test(data, evaluation, draws=2, rules=SupportRules(ess=1e9))
    assert found.refused == 1.0
    assert (dict(found.coverage), found.recommended) == ({}, "")


def test_risk_leaves_out_rewards_that_are_not_complete_and_respects_clusters():
    data, probabilities, _ = by_hand(
        [1.0, 2.0, 3.0, np.nan], [0.25, 0.75], observed=np.array([True, True, True, False]), cluster=[0, 0, 1, 2]
    )
    result = evaluate_policy(data, probabilities, rules=ANYTHING_GOES)
    found = risk_profile(data, probabilities, result, levels=(0.5,))
    # Weights 0.5, 0.5, 1.5 of 2.5: F(1) = 0.2, F(2) = 0.4, so the median is 3.
    assert found.quantiles[0].value == 3.0
    assert found.thresholds[0] < 2.0
    with pytest.raises(UsageError, match="levels"):
        risk_profile(data, probabilities, result, levels=(0.0,))


def test_clusters_that_spend_alike_make_overspending_harder_to_tell():
    """Costs that are the same within a cluster of five add up: the campaign's deviation grows by about sqrt(5)."""
    random = np.random.default_rng(11)
    rows = 1000
    market = np.repeat(np.arange(200), 5)
    arrays = {
        "context": np.zeros((rows, 1)), "action": random.integers(0, 2, rows), "reward": random.random(rows),
        "propensity": np.full(rows, 0.5), "n_actions": 2, "cost": 1.0 + random.random(200)[market],
    }  # fmt: skip
    even = np.full((rows, 2), 0.5)
    chances = []
    for cluster in (None, market):
        data = LoggedBanditData(**arrays, cluster=cluster)
        result = evaluate_policy(data, even)
        chances.append(budget_outlook(data, even, result, decisions=1000, budget=1530.0).overspend_probability.value)
    assert chances[0] < chances[1] < 0.5
    with pytest.raises(UsageError, match="decisions"):
        budget_outlook(data, even, result, decisions=0, budget=1.0)


def test_the_interval_of_a_median_between_two_mass_points_holds_both():
    """Of 2000 fair draws 50.5 % are 1: the median may well be 0."""
    random = np.random.default_rng(0)
    reward = (random.permutation(2000) < 1010).astype(float)
    data = LoggedBanditData(
        context=np.zeros((2000, 0)), action=random.integers(0, 2, 2000), reward=reward, propensity=np.full(2000, 0.5),
        n_actions=2,
    )  # fmt: skip
    even = np.full((2000, 2), 0.5)
    found = risk_profile(data, even, evaluate_policy(data, even), levels=(0.5,)).quantiles[0]
    assert (found.low, found.value, found.high) == (0.0, 1.0, 1.0)
