"""Every estimator against arrays worked by hand, and against a plain implementation that shares no code."""

import numpy as np
import pytest

from tests.ope.worlds import LoggedWorld
from xbopt.ope import LoggedBanditData, SupportRules, evaluate_policy

ANYTHING_GOES = SupportRules(
    top_weight_share=1.0, ess=0.0, pareto_k=np.inf, unsupported_mass=1.0, missing_z=np.inf, top_contribution=1.0,
    contributions=0.0,
)  # fmt: skip

# Two actions, four rows. Weights 0.8/0.5 = 1.6, 0.2/0.5 = 0.4, 0.5/0.25 = 2, 0.5/0.5 = 1: their sum is 5.
ACTION = np.array([0, 1, 1, 0])
REWARD = np.array([1.0, 2.0, 3.0, 0.0])
PROPENSITY = np.array([0.5, 0.5, 0.25, 0.5])
EVALUATION = np.array([[0.8, 0.2], [0.8, 0.2], [0.5, 0.5], [0.5, 0.5]])
PREDICTIONS = np.array([[1.0, 2.0], [0.0, 1.0], [2.0, 2.0], [1.0, 3.0]])


@pytest.fixture
def by_hand():
    data = LoggedBanditData(context=np.zeros((4, 1)), action=ACTION, reward=REWARD, propensity=PROPENSITY, n_actions=2)
    return evaluate_policy(data, EVALUATION, predictions=PREDICTIONS, rules=ANYTHING_GOES)


def test_ips_and_snips_by_hand(by_hand):
    # w r = 1.6, 0.8, 6, 0: sum 8.4; over 4 rows 2.1, over the total weight 5 it is 1.68.
    assert by_hand.estimates["ips"].value == pytest.approx(2.1, abs=1e-14)
    assert by_hand.estimates["snips"].value == pytest.approx(1.68, abs=1e-14)


def test_dm_dr_and_sndr_by_hand(by_hand):
    # V = 0.8 + 0.4, 0 + 0.2, 1 + 1, 0.5 + 1.5 = 1.2, 0.2, 2, 2: mean 1.35.
    # r - q = 0, 1, 1, -1; times w = 0, 0.4, 2, -1: sum 1.4, over 4 rows 0.35, over the weight 0.28.
    assert by_hand.estimates["dm"].value == pytest.approx(1.35, abs=1e-14)
    assert by_hand.estimates["dr"].value == pytest.approx(1.70, abs=1e-14)
    assert by_hand.estimates["sndr"].value == pytest.approx(1.63, abs=1e-14)


def test_standard_errors_by_hand(by_hand):
    # DR scores are 1.2, 0.6, 4, 1: mean 1.7, squared deviations 0.25 + 1.21 + 5.29 + 0.49 = 7.24; 7.24 / 3 / 4.
    assert by_hand.estimates["dr"].se == pytest.approx(np.sqrt(7.24 / 12), abs=1e-14)
    # SNIPS: w (r - 1.68) = -1.088, 0.128, 2.64, -1.68 over the weight 5, times sqrt(4 / 3).
    squares = 1.088**2 + 0.128**2 + 2.64**2 + 1.68**2
    assert by_hand.estimates["snips"].se == pytest.approx(np.sqrt(4 / 3 * squares) / 5, abs=1e-14)


def test_the_difference_is_paired(by_hand):
    # DR scores less rewards: 0.2, -1.4, 1, 1: mean 0.2, squared deviations 0 + 2.56 + 0.64 + 0.64 = 3.84.
    assert by_hand.logging_policy.value == pytest.approx(1.5, abs=1e-14)
    assert by_hand.difference.value == pytest.approx(0.2, abs=1e-14)
    assert by_hand.difference.se == pytest.approx(np.sqrt(3.84 / 12), abs=1e-14)


def test_support_by_hand(by_hand):
    support = by_hand.support
    # 25 / (2.56 + 0.16 + 4 + 1) = 25 / 7.72
    assert support.ess == pytest.approx(25 / 7.72)
    assert support.max_weight == 2.0
    assert support.top_weight_share == pytest.approx(0.4)
    assert (support.top_row, support.top_action, support.top_propensity) == (2, 1, 0.25)
    assert support.mean_weight == pytest.approx(1.25)
    assert support.min_propensity == 0.25
    assert support.unsupported_mass == 0.0
    np.testing.assert_allclose(support.actions.policy_share, [0.65, 0.35])
    np.testing.assert_allclose(support.actions.inverse_propensity_mean, [1.0, 1.5])


def plain_estimates(data, evaluation, predictions):
    """Loops over rows, as in a textbook."""
    ips, weights, model, residuals = [], [], [], []
    for row in range(len(data)):
        action = data.action[row]
        weight = evaluation[row, action] / data.propensity[row]
        weights.append(weight)
        ips.append(weight * data.reward[row])
        model.append(sum(evaluation[row, a] * predictions[row, a] for a in range(data.n_actions)))
        residuals.append(weight * (data.reward[row] - predictions[row, action]))
    count = len(ips)
    return {
        "ips": sum(ips) / count,
        "snips": sum(ips) / sum(weights),
        "dm": sum(model) / count,
        "dr": (sum(model) + sum(residuals)) / count,
        "sndr": sum(model) / count + sum(residuals) / sum(weights),
    }


def test_agreement_with_a_plain_implementation():
    world = LoggedWorld()
    data, evaluation = world.draw(800, np.random.default_rng(3))
    predictions = world.chance(data.context)
    result = evaluate_policy(data, evaluation, predictions=predictions)
    for name, value in plain_estimates(data, evaluation, predictions).items():
        assert result.estimates[name].value == pytest.approx(value, rel=1e-12), name


def test_levels_of_switch_and_shrinkage_lie_between_dm_and_dr():
    """Switch-DR and DR with shrinkage are one of the candidates, with the formula of the papers."""
    world = LoggedWorld(kind="poor overlap")
    data, evaluation = world.draw(1000, np.random.default_rng(4))
    predictions = np.full_like(evaluation, 0.3)
    weight = evaluation[np.arange(1000), data.action] / data.propensity
    error = data.reward - 0.3
    switch = [0.3 + (weight * (weight <= level) * error).mean() for level in (0, 1.5, 3, 6, 12, 25, 50, np.inf)]
    shrunk = [0.3 + (error * weight / (1 + weight**2 / level)).mean() for level in (1, 10, 1e2, 1e3, 1e4, 1e5, np.inf)]
    result = evaluate_policy(data, evaluation, predictions=predictions, rules=ANYTHING_GOES)
    assert np.min(np.abs(np.array(switch) - result.estimates["switch_dr"].value)) < 1e-12
    assert np.min(np.abs(np.array([0.3, *shrunk]) - result.estimates["dr_os"].value)) < 1e-12


def test_costs_give_ratios_by_hand():
    data = LoggedBanditData(
        context=np.zeros((4, 1)), action=ACTION, reward=REWARD, propensity=PROPENSITY, n_actions=2,
        cost=np.array([1.0, 1.0, 2.0, 4.0]),
    )  # fmt: skip
    budget = evaluate_policy(data, EVALUATION, predictions=PREDICTIONS, rules=ANYTHING_GOES).budget
    # w c = 1.6, 0.4, 4, 4: sum 10; over the weight 5 it is 2. Rewards 8.4 over costs 10.
    assert budget["cost"].value == pytest.approx(2.0)
    assert budget["reward_per_cost"].value == pytest.approx(0.84)
    assert budget["cost_per_reward"].value == pytest.approx(10 / 8.4)
    assert budget["cost"].low < 2.0 < budget["cost"].high


def test_balanced_weights_by_hand():
    """Two logging policies wrote half of the rows each; the weight divides by the mixture."""
    data = LoggedBanditData(
        context=np.zeros((2, 1)), action=np.array([0, 1]), reward=np.array([1.0, 2.0]), propensity=None, n_actions=2,
        policy_propensities=np.array([[0.9, 0.1], [0.1, 0.9]]), policy=np.array([0, 1]),
    )  # fmt: skip
    result = evaluate_policy(data, [[0.5, 0.5], [0.5, 0.5]], reward_model=None, rules=ANYTHING_GOES)
    # Mixture of 0.9 and 0.1 is 0.5, so both weights are 1.
    assert result.estimates["ips"].value == pytest.approx(1.5)
    assert result.support.max_weight == pytest.approx(1.0)
