"""A log that was thinned: each row counts one over the probability with which it was kept."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import xbopt
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope import LoggedBanditData, StreamingEvaluator, evaluate_policy, guaranteed_value, self_test

SHOWN = np.array([0.5, 0.3, 0.2])
RATE = np.array([0.02, 0.03, 0.06])
POLICY = np.array([0.2, 0.2, 0.6])
TRUTH = float(POLICY @ RATE)


def drawn(rows, seed, *, kept_without=0.05):
    """Buyers are kept, others with a probability; a context column moves the reward."""
    random = np.random.default_rng(seed)
    context = random.integers(0, 2, (rows, 1)).astype(float)
    action = random.choice(3, rows, p=SHOWN)
    reward = (random.random(rows) < RATE[action] * (0.5 + context[:, 0])).astype(float)
    sampling = np.where(reward > 0.0, 1.0, kept_without)
    kept = random.random(rows) < sampling
    return LoggedBanditData(
        context=context[kept], action=action[kept], reward=reward[kept], propensity=SHOWN[action[kept]], n_actions=3,
        action_probabilities=np.tile(SHOWN, (int(kept.sum()), 1)), sampling=sampling[kept],
    )  # fmt: skip


def evaluated(data, **options):
    return evaluate_policy(data, np.tile(POLICY, (len(data), 1)), **options)


def test_values_are_ratios_of_sums_that_count_each_row_as_what_it_stands_for():
    """Worked by hand: kept with 1, .5, .25, so the rows stand for 1, 2 and 4: 7 rows in all."""
    data = LoggedBanditData(
        context=None, action=[0, 1, 1], reward=[3.0, 0.0, 1.0], propensity=[0.5, 0.5, 0.25], n_actions=2,
        sampling=[1.0, 0.5, 0.25],
    )  # fmt: skip
    result = evaluate_policy(data, [[0.5, 0.5]] * 3, reward_model=None, force=True)
    # Weights 1, 1, 2. IPS: (1 * 1 * 3 + 4 * 2 * 1) / 7; SNIPS: 11 / (1 + 2 + 8); logging: (1 * 3 + 4 * 1) / 7.
    assert result.estimates["ips"].value == pytest.approx(11 / 7)
    assert result.estimates["snips"].value == pytest.approx(11 / 11)
    assert result.logging_policy.value == pytest.approx(1.0)
    # Weights times what rows stand for: 1, 2, 8.
    assert result.support.ess == pytest.approx(11**2 / (1 + 4 + 64))
    assert result.support.top_weight_share == pytest.approx(8 / 11)
    assert result.support.mean_weight == pytest.approx(11 / 7)
    assert result.support.actions.policy_share.tolist() == pytest.approx([0.5, 0.5])
    assert result.support.actions.rows.tolist() == [1, 2]


def test_a_log_that_kept_every_row_is_any_log():
    data = drawn(4_000, 1, kept_without=1.0)
    whole, thinned = evaluated(replace(data, sampling=None)), evaluated(data)
    assert thinned.verdict == whole.verdict
    for name, estimate in whole.estimates.items():
        assert thinned.estimates[name].value == pytest.approx(estimate.value, rel=1e-12)
        assert thinned.estimates[name].low == pytest.approx(estimate.low, rel=1e-9)
    for name in ("ess", "top_weight_share", "mean_weight", "mean_weight_z", "policy_concentration", "max_weight"):
        assert getattr(thinned.support, name) == pytest.approx(getattr(whole.support, name), rel=1e-9)


def test_the_same_share_everywhere_changes_no_value():
    data = drawn(4_000, 2, kept_without=1.0)
    third = replace(data, sampling=np.full(len(data), 1 / 3))
    thinned, whole = (evaluated(one, reward_model=None) for one in (third, data))
    assert thinned.estimates["snips"].low == pytest.approx(whole.estimates["snips"].low, rel=1e-9)
    for name in ("ess", "top_weight_share", "mean_weight", "mean_weight_z", "policy_concentration", "max_weight"):
        assert getattr(thinned.support, name) == pytest.approx(getattr(whole.support, name), rel=1e-9)


@pytest.mark.statistical
def test_intervals_hold_where_few_of_those_who_did_not_buy_were_kept():
    """Of 60 intervals of 95 % fewer than 52 hold in 0.5 % of all tries (binomial); the unweighted mean is far off."""
    results = [evaluated(drawn(15_000, seed), force=True) for seed in range(60)]
    # The mean weight's own test alarms at 2 standard errors: more than 6 of 60 in 0.1 % of all tries.
    assert sum(result.verdict == "ANSWER" for result in results) >= 54
    assert sum(one.estimates["dr"].low <= TRUTH <= one.estimates["dr"].high for one in results) >= 52
    gain = TRUTH - float(SHOWN @ RATE)
    assert sum(one.difference.low <= gain <= one.difference.high for one in results) >= 52
    as_if_whole = evaluated(replace(drawn(15_000, 0), sampling=None), force=True)
    assert as_if_whole.estimates["dr"].value > 5 * TRUTH


def test_chunks_and_clusters_change_nothing():
    data = replace(
        drawn(8_000, 3), segment=np.arange(len(drawn(8_000, 3))) % 3, cluster=np.arange(len(drawn(8_000, 3)))
    )
    policy = np.tile(POLICY, (len(data), 1))
    first = StreamingEvaluator.of(data, reward_model=None, confidence=0.95, seed=0)
    second = StreamingEvaluator.of(data, reward_model=None, confidence=0.95, seed=0)
    first.add(data.rows(slice(0, 500)), policy[:500], first_row=0)
    second.add(data.rows(slice(500, None)), policy[500:], first_row=500)
    first.merge(second)
    merged, whole = first.result(), evaluate_policy(data, policy, reward_model=None)
    assert merged.estimates["snips"].value == pytest.approx(whole.estimates["snips"].value, rel=1e-12)
    assert merged.estimates["snips"].high == pytest.approx(whole.estimates["snips"].high, rel=1e-9)
    assert [part.rows for part in merged.support.segments] == [part.rows for part in whole.support.segments]
    # Every row its own cluster: the same weights, so the same worth; near 1, since rows stand for what was thinned.
    assert whole.support.by_cluster.ess == pytest.approx(whole.support.ess, rel=1e-6)
    assert abs(whole.support.mean_weight - 1.0) < 0.2


@pytest.mark.parametrize("bad", [0.0, -0.5, 1.5, np.nan])
def test_a_sampling_probability_that_is_none_is_named(bad):
    with pytest.raises(DecisionLogError, match="sampling, row 1"):
        LoggedBanditData(
            context=None, action=[0, 1], reward=[0.0, 1.0], propensity=[0.5, 0.5], n_actions=2, sampling=[1.0, bad]
        )


@pytest.mark.parametrize(
    "ask",
    [
        self_test,
        lambda data, policy: guaranteed_value(replace(data, reward_bounds=(0.0, 1.0)), policy, least_propensity=0.2),
        lambda data, policy: evaluate_policy(replace(data, propensity=None, action_probabilities=None), policy),
    ],
)
def test_questions_without_a_rule_for_thinned_logs_refuse_them(ask):
    data = drawn(2_000, 4)
    with pytest.raises(UsageError, match="needs a log that kept every row"):
        ask(data, np.tile(POLICY, (len(data), 1)))


# From a table or file


def table(seed=5):
    data = drawn(15_000, seed)
    return pa.table(
        {"arm": [f"m{one}" for one in data.action.tolist()], "p": data.propensity, "bought": data.reward,
         "kept": data.sampling, "old": data.context[:, 0]}
    )  # fmt: skip


COLUMNS = "action=arm,propensity=p,reward=bought,sampling_probability=kept,context=old"


def test_the_role_counts_rows_of_a_table_as_arrays_do():
    data = drawn(15_000, 5)
    found = xbopt.evaluate(table(), {"m0": 0.2, "m1": 0.2, "m2": 0.6}, columns=[COLUMNS])
    expected = evaluated(data)
    assert found.result.estimates["dr"].value == pytest.approx(expected.estimates["dr"].value, rel=1e-9)
    assert found.result.verdict == "ANSWER"
    assert any("Rows were kept with the probability in column kept" in rule for rule in found.rules)


def test_a_probability_of_keeping_that_is_wrong_is_named_with_its_row():
    bad = table().set_column(3, "kept", pa.array(np.full(len(table()), 0.0)))
    with pytest.raises(DecisionLogError, match="row 1, column kept: is 0; the probability that the row was kept"):
        xbopt.evaluate(bad, "uniform", columns=[COLUMNS])


@pytest.mark.parametrize(
    "options",
    [
        {"estimand": "sequential"},
        {"self_test": True},
        {"sequence": True},
        {"propensity": "estimate", "columns": [COLUMNS.replace("propensity=p,", "")]},
    ],
)
def test_options_without_a_rule_for_thinned_logs_refuse_them(options):
    with pytest.raises(UsageError, match="needs a log that kept every row"):
        xbopt.evaluate(table(), "uniform", **{"columns": [COLUMNS], **options})
