"""What must hold for every log: exactness, equivariance, and no dependence on chunks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ope.worlds import LoggedWorld
from xbopt.ope import LoggedBanditData, RewardMoments, StreamingEvaluator, evaluate_policy, fit_linear
from xbopt.ope.data.blocks import KEPT_KEYS
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.estimators.bandit import ESTIMATORS

SEEDS = st.integers(0, 2**32 - 1)


def log_of(seed, rows=300, *, noise=0.5):
    return LoggedWorld(noise=noise).draw(rows, np.random.default_rng(seed), with_probabilities=True)


def values(result):
    return np.array([[e.value, e.se, e.low, e.high] for e in (result.estimates[name] for name in ESTIMATORS)])


@given(seed=SEEDS)
@settings(max_examples=30)
def test_the_logging_policy_earns_the_log_mean_exactly(seed):
    """With pi_e = pi_b every weight is 1, so IPS and SNIPS are the mean of the log."""
    data, _ = log_of(seed)
    result = evaluate_policy(data, data.action_probabilities)
    mean = data.reward.mean()
    assert result.estimates["ips"].value == pytest.approx(mean, rel=1e-13)
    assert result.estimates["snips"].value == pytest.approx(mean, rel=1e-13)
    assert result.differences["snips"].value == pytest.approx(0.0, abs=1e-13)
    assert result.support.ess == pytest.approx(300)
    assert result.verdict == "ANSWER"


@given(seed=SEEDS)
@settings(max_examples=20)
def test_renaming_the_actions_changes_nothing(seed):
    data, evaluation = log_of(seed)
    order = np.random.default_rng(seed).permutation(data.n_actions)
    place = np.argsort(order)
    renamed = LoggedBanditData(
        context=data.context, action=place[data.action], reward=data.reward, propensity=data.propensity,
        n_actions=data.n_actions,
    )  # fmt: skip
    before = evaluate_policy(data, evaluation, force=True)
    after = evaluate_policy(renamed, evaluation[:, order], force=True)
    np.testing.assert_allclose(values(after), values(before), rtol=1e-9, atol=1e-12)
    assert before.verdict == after.verdict


@given(seed=SEEDS, factor=st.floats(1e-3, 1e3))
@settings(max_examples=20)
def test_rewards_in_another_currency_scale_every_number(seed, factor):
    data, evaluation = log_of(seed)
    scaled = LoggedBanditData(
        context=data.context, action=data.action, reward=data.reward * factor, propensity=data.propensity,
        n_actions=data.n_actions,
    )  # fmt: skip
    before, after = (values(evaluate_policy(part, evaluation, force=True)) for part in (data, scaled))
    np.testing.assert_allclose(after, before * factor, rtol=1e-8)


@given(seed=SEEDS, shift=st.floats(-100, 100))
@settings(max_examples=20)
def test_self_normalised_estimates_follow_a_shift_of_rewards(seed, shift):
    """SNIPS and SNDR move with a constant added to every reward; IPS need not."""
    data, evaluation = log_of(seed)
    shifted = LoggedBanditData(
        context=data.context, action=data.action, reward=data.reward + shift, propensity=data.propensity,
        n_actions=data.n_actions,
    )  # fmt: skip
    before, after = (evaluate_policy(part, evaluation, force=True) for part in (data, shifted))
    for name in ("snips", "sndr"):
        assert after.estimates[name].value == pytest.approx(before.estimates[name].value + shift, abs=1e-6)


def streamed(data, evaluation, cuts, *, seed=0, shuffle=False):
    """The evaluation of a log that comes in chunks, with a reward model from chunks too."""
    rows = len(data)
    edges = [0, *cuts, rows]
    pieces = [(first, slice(first, last)) for first, last in pairwise(edges) if last > first]
    if shuffle:
        pieces.reverse()
    moments = [RewardMoments(n_actions=data.n_actions, n_features=data.context.shape[1]) for _ in range(2)]
    for number, (first, piece) in enumerate(pieces):
        part = data.rows(piece)
        keys = row_keys(len(part), first_row=first, cluster=part.cluster, seed=seed)
        moments[number % 2].add(part.context, part.action, part.reward, keys)
    moments[0].merge(moments[1])
    model = fit_linear(moments[0])
    clustered = data.cluster is not None
    evaluators = [
        StreamingEvaluator(n_actions=data.n_actions, reward_model=model, seed=seed, clustered=clustered)
        for _ in range(2)
    ]
    for number, (first, piece) in enumerate(pieces):
        evaluators[number % 2].add(data.rows(piece), evaluation[piece], first_row=first)
    evaluators[0].merge(evaluators[1])
    return evaluators[0].result(force=True)


@given(seed=SEEDS, cuts=st.lists(st.integers(0, 900), max_size=6), shuffle=st.booleans())
@settings(max_examples=25)
def test_chunks_do_not_matter(seed, cuts, shuffle):
    """Any cut, any order and two workers give the numbers of one pass."""
    data, evaluation = log_of(seed, 900)
    whole = evaluate_policy(data, evaluation, force=True)
    cut = streamed(data, evaluation, sorted(cuts), shuffle=shuffle)
    np.testing.assert_allclose(values(cut), values(whole), rtol=1e-9, atol=1e-12)
    assert cut.verdict == whole.verdict
    assert cut.support.pareto_k == pytest.approx(whole.support.pareto_k, rel=1e-12)
    assert cut.support.top_row == whole.support.top_row


@pytest.mark.parametrize("clusters", [None, 300, 3 * KEPT_KEYS])
def test_chunks_do_not_matter_where_rows_share_blocks(clusters):
    """Beyond the rows that are kept one by one, blocks are shared, and still no chunk matters."""
    data, evaluation = log_of(7, 4 * KEPT_KEYS)
    if clusters:
        labels = np.random.default_rng(1).integers(0, clusters, len(data))
        data = LoggedBanditData(
            context=data.context, action=data.action, reward=data.reward, propensity=data.propensity,
            n_actions=data.n_actions, cluster=labels,
        )  # fmt: skip
    whole = evaluate_policy(data, evaluation)
    for cuts in ([5000], [10, 4000, 4096, 4100, 12000], list(range(300, 16_000, 300))):
        cut = streamed(data, evaluation, cuts, shuffle=True)
        np.testing.assert_allclose(values(cut), values(whole), rtol=1e-9, atol=1e-12)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_folds():
    data, evaluation = log_of(11)
    first, again, other = (evaluate_policy(data, evaluation, seed=seed) for seed in (5, 5, 6))
    assert first.estimates["dr"] == again.estimates["dr"]
    assert first.estimates["dr"].value != other.estimates["dr"].value
    assert first.estimates["snips"].value == pytest.approx(other.estimates["snips"].value, rel=1e-13)
