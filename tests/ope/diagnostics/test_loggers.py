"""Several logging policies under other conditions: found, by the mean residual of each action by policy."""

import numpy as np
import pytest

from xbopt.ope import LoggedBanditData, evaluate_policy


def pooled(gap, *, rows=3000, seed=0):
    """Two policies, drawn by chance for each row; under the second every reward is greater by ``gap``."""
    random = np.random.default_rng(seed)
    each = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
    policy = random.integers(0, 2, rows)
    chances = each[policy]
    action = (random.random((rows, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    return LoggedBanditData(
        context=np.zeros((rows, 0)),
        action=action,
        reward=np.array([0.1, 0.2, 0.4])[action] + gap * policy + 0.5 * random.normal(size=rows),
        propensity=chances[np.arange(rows), action],
        n_actions=3,
        policy=policy,
        policy_propensities=each[:, action].T,
    )


def found(data):
    return evaluate_policy(data, np.tile([0.0, 0.0, 1.0], (len(data), 1)))


def test_a_policy_that_worked_in_better_times_is_told_and_refused():
    result = found(pooled(0.3))
    assert result.verdict == "REFUSE"
    assert "the policies worked under other conditions" in result.reasons[0]
    assert "policy_propensities" in result.next_steps[0]


def test_a_small_difference_is_for_caution_and_widens_the_interval_to_the_truth():
    truth = 0.4 + 0.1 / 2.0
    results = [found(pooled(0.1, seed=seed)) for seed in range(20)]
    kept = [result for result in results if not result.withheld]
    assert sum(result.verdict == "ANSWER" for result in results) <= 4
    # Of 20 intervals of 95 % fewer than 16 hold once in 400 runs.
    assert sum(result.estimates["dr"].low <= truth <= result.estimates["dr"].high for result in kept) >= len(kept) - 4


@pytest.mark.parametrize("seed", range(6))
def test_policies_under_the_same_conditions_are_believed(seed):
    assert "loggers_differ" not in {finding.code for finding in found(pooled(0.0, seed=seed)).findings}


def test_a_context_that_holds_the_reward_is_told():
    random = np.random.default_rng(1)
    action = random.integers(0, 2, 2000)
    reward = 0.05 * action + random.normal(size=2000)
    data = LoggedBanditData(
        context=reward[:, None], action=action, reward=reward, propensity=np.full(2000, 0.5), n_actions=2
    )
    result = evaluate_policy(data, np.tile([0.0, 1.0], (2000, 1)))
    assert result.verdict == "CAUTION"
    assert "may hold the reward itself" in " ".join(result.reasons)
    # DR alone would call the difference 0; SNIPS, which the interval includes, does not.
    assert result.difference.low <= 0.025 <= result.difference.high
