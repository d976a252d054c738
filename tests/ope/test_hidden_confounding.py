"""Bounds under hidden confounding: by hand, at the strength that is true, where propensities were estimated."""

from itertools import product

import numpy as np
import pytest

from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.evaluate import evaluate_policy
from xbopt.ope.hidden_confounding import hidden_confounding


def logged(action, reward, propensity, **more):
    n = len(action)
    return LoggedBanditData(
        context=np.zeros((n, 0)), action=np.array(action), reward=np.array(reward, dtype=float),
        propensity=np.array(propensity), n_actions=2, **more,
    )  # fmt: skip


def always(action, n):
    return np.tile(np.eye(2)[action], (n, 1))


def test_two_rows_by_hand():
    # Propensity 1/2, so weights lie between 1 + 1/2 and 1 + 2: at most (3 * 4 + 1.5 * 0) / 4.5 and at least
    # (1.5 * 4 + 3 * 0) / 4.5. What was done earned (4 + 0 + 2 + 2) / 4 = 2.
    data = logged([1, 1, 0, 0], [4.0, 0.0, 2.0, 2.0], [0.5] * 4)
    found = hidden_confounding(data, always(1, 4), strengths=(1.0, 2.0))
    none, two = found.bounds
    assert (none.value.low, none.value.high) == (2.0, 2.0)
    assert (two.value.low, two.value.high) == pytest.approx((4.0 / 3.0, 8.0 / 3.0))
    assert (two.difference.low, two.difference.high) == pytest.approx((-2.0 / 3.0, 2.0 / 3.0))
    assert found.sign_lost_at == 1.0


def test_no_choice_of_weights_lies_outside_and_two_choices_reach_the_bounds():
    rng = np.random.default_rng(3)
    propensity, reward = rng.uniform(0.2, 0.9, 10), rng.normal(size=10).round(1)
    data = logged([1] * 10, reward, propensity)
    (found,) = hidden_confounding(data, always(1, 10), strengths=(1.7,)).bounds
    odds = 1.0 / propensity - 1.0
    ends = np.array([1.0 + odds / 1.7, 1.0 + odds * 1.7])
    # A linear fractional program has its extremes at corners: all 2^10 of them.
    corners = np.array(list(product((0, 1), repeat=10)))
    weight = ends[corners, np.arange(10)]
    values = (weight @ reward) / weight.sum(axis=1)
    assert (found.value.low, found.value.high) == pytest.approx((values.min(), values.max()))


def test_bounds_widen_with_the_strength_and_the_sign_is_lost_where_they_meet_0():
    rng = np.random.default_rng(5)
    action = rng.integers(0, 2, 4000)
    data = logged(action, 0.5 * action + rng.normal(size=4000), np.full(4000, 0.5))
    found = hidden_confounding(data, always(1, 4000), strengths=(1.0, 1.2, 1.5, 3.0))
    lows = [one.difference.interval_low for one in found.bounds]
    highs = [one.difference.interval_high for one in found.bounds]
    assert lows == sorted(lows, reverse=True)
    assert highs == sorted(highs)
    assert found.sign_lost_at is not None
    (at,) = hidden_confounding(data, always(1, 4000), strengths=(found.sign_lost_at,)).bounds
    assert at.difference.interval_low == pytest.approx(0.0, abs=1e-6)
    # Sure rewards of 1 and 0 leave no room for a hidden cause: each action earns the same whoever took it.
    sure = logged(action, action.astype(float), np.full(4000, 0.5))
    assert hidden_confounding(sure, always(1, 4000)).sign_lost_at is None


def test_rows_of_a_cluster_share_luck_and_rows_without_reward_do_not_count():
    rng = np.random.default_rng(6)
    action, reward = np.tile(rng.integers(0, 2, 200), 5), np.tile(rng.normal(size=200), 5)
    plain = logged(action, reward, np.full(1000, 0.5))
    clustered = logged(action, reward, np.full(1000, 0.5), cluster=np.tile(np.arange(200), 5))
    (alone,), (shared,) = (
        hidden_confounding(one, always(1, 1000), strengths=(1.5,)).bounds for one in (plain, clustered)
    )
    assert alone.value.low == pytest.approx(shared.value.low)
    room = [one.value.low - one.value.interval_low for one in (alone, shared)]
    # Five copies of each row are worth one: intervals are sqrt(5) = 2.24 as wide, but for skewness.
    assert 2.0 < room[1] / room[0] < 2.5
    hidden = logged(
        action, np.where(np.arange(1000) < 200, reward, 9e9), np.full(1000, 0.5), observed=np.arange(1000) < 200
    )
    (few,) = hidden_confounding(hidden, always(1, 1000), strengths=(1.5,)).bounds
    assert few.value.low == pytest.approx(alone.value.low)


def confounded(seed, strength=2.0, n=1500):
    """Somebody who will earn 1 more is given action 1 with odds ``strength``, everybody else with 1 / strength."""
    rng = np.random.default_rng(seed)
    eager = rng.random(n) < 0.5
    chance = np.where(eager, strength / (1.0 + strength), 1.0 / (1.0 + strength))
    action = (rng.random(n) < chance).astype(np.int64)
    return LoggedBanditData(
        context=rng.normal(size=(n, 1)), action=action, reward=eager + 0.5 * rng.normal(size=n), propensity=None,
        n_actions=2,
    )  # fmt: skip


@pytest.mark.statistical
def test_bounds_of_the_true_strength_hold_the_truth_where_the_plain_interval_does_not():
    # Nothing works: the truth of both actions is 1/2, and those who got action 1 earn 2/3 on average. Half of them are
    # eager, so that the odds of an action given the empty context are 1, and moved by exactly 2 either way. At the true
    # strength a 95 % interval of the bound may miss in 5 %: of 40 logs 2, with a deviation of 1.4; 4 more are 7.6.
    held = plain = 0
    for seed in range(40):
        found = evaluate_policy(confounded(seed), always(1, 1500)).hidden_confounding
        assert found is not None
        none, two = found.bounds[0].value, found.bounds[-1].value
        assert found.bounds[-1].strength == 2.0
        held += two.interval_low <= 0.5 <= two.interval_high
        plain += none.interval_low <= 0.5 <= none.interval_high
    assert held >= 40 - 7
    assert plain == 0


def test_only_estimated_propensities_raise_the_question_and_a_refusal_keeps_it_back():
    data = confounded(0)
    assert evaluate_policy(data, always(1, 1500)).hidden_confounding is not None
    stated = logged(data.action, data.reward, np.full(1500, 0.5))
    assert evaluate_policy(stated, always(1, 1500)).hidden_confounding is None
    few = confounded(0, n=60)
    refused = evaluate_policy(few, always(1, 60))
    assert refused.verdict == "REFUSE"
    assert refused.hidden_confounding is None
    assert evaluate_policy(few, always(1, 60), force=True).hidden_confounding is not None
