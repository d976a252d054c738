"""Learning from a log: by hand, unbiased under a logging policy that hides the truth, and honest about clipping."""

import numpy as np
import pytest

from xbopt.agents import FastCb, LinUcb, SquareCb, learn_from_log
from xbopt.core.decision_log.schema import DecisionColumns, DecisionLog, DecisionLogSchema
from xbopt.core.decision_log.writer import DecisionLogWriter
from xbopt.core.errors import DecisionLogError, PolicyError, SupportError, UsageError


def make_log(context, action, reward, propensity, *, n_actions, episodes=None):
    n = len(action)
    names = [f"e{e}" for e in (np.arange(n) if episodes is None else episodes)]
    times = np.full(n, "2026-01-01T00:00:00.000000", dtype="datetime64[us]")
    schema = DecisionLogSchema(
        context_names=tuple(f"x{i}" for i in range(context.shape[1])),
        action_labels=tuple(f"a{i}" for i in range(n_actions)),
    )
    columns = DecisionColumns(
        decision_id=np.array([f"d{i}" for i in range(n)]), timestamp=times, episode_id=np.array(names),
        step=np.zeros(n, dtype=np.int64), unit=np.full(n, "u"), context=context, action=action,
        propensity=propensity, action_probabilities=None, reward=reward, cost=np.zeros(n), reward_ready_at=times,
        policy_id=np.full(n, "logging"), scenario_hash=np.full(n, ""),
    )  # fmt: skip
    return DecisionLog(schema=schema, columns=columns)


def test_two_rows_by_hand():
    # x = 1; actions 0, 1 with propensities 1/2, 1/4 and rewards 1, 3. IPS rewards: row 0 (2, 0), row 1 (0, 12).
    # Sums 2 and 12 over ridge + 2 rows: theta = 2/3 and 4.
    log = make_log(np.ones((2, 1)), np.array([0, 1]), np.array([1.0, 3.0]), np.array([0.5, 0.25]), n_actions=2)
    bandit = LinUcb(n_actions=2, n_features=1)
    learned = learn_from_log(log, bandit, method="ips")
    np.testing.assert_allclose(bandit.predict(np.ones((1, 1))), [[2.0 / 3.0, 4.0]])
    assert (learned.rows, learned.clipped_rows, learned.largest_weight) == (2, 0, 4.0)
    assert learned.effective_rows == pytest.approx(36.0 / 20.0)  # (2 + 4)^2 / (4 + 16)
    assert learned.actions_never_logged == ()


def biased_log(seed, n=400):
    """Rewards bend with the context and the logging policy prefers actions where they are bad for them."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.0, 1.0, n)
    chance = np.clip(0.5 + 0.45 * x, 0.05, 0.95)
    action = (rng.random(n) < chance).astype(np.int64)
    mean = np.stack([1.0 + x**3, 0.5 - x + x**2], axis=1)
    reward = mean[np.arange(n), action] + 0.3 * rng.normal(size=n)
    propensity = np.where(action == 1, chance, 1.0 - chance)
    return make_log(np.stack([np.ones(n), x], axis=1), action, reward, propensity, n_actions=2)


# Best lines for x uniform on -1..1: 1 + x^3 gives 1 + 3/5 x, and 0.5 - x + x^2 gives 0.5 + 1/3 - x.
BEST_LINES = np.array([[1.0, 0.6], [0.5 + 1.0 / 3.0, -1.0]])


@pytest.mark.statistical
@pytest.mark.parametrize("method", ["ips", "dr"])
def test_learning_is_unbiased_where_plain_regression_is_not(method):
    found, plain = [], []
    for seed in range(200):
        log = biased_log(seed)
        bandit = LinUcb(n_actions=2, n_features=2, ridge=1e-6)
        learn_from_log(log, bandit, method=method, clip=None)
        found.append(bandit.models.theta[:, 0].copy())
        naive = LinUcb(n_actions=2, n_features=2, ridge=1e-6)
        naive.update(log.columns.context, log.columns.action, log.columns.reward)
        plain.append(naive.models.theta[:, 0].copy())
    found, plain = np.array(found), np.array(plain)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    # Four standard errors for four numbers, and room for the bias of order 1/n that a ratio of sums has.
    assert (np.abs(found.mean(axis=0) - BEST_LINES) < 4.0 * error + 2.0 / 400.0).all()
    assert np.abs(plain.mean(axis=0) - BEST_LINES).max() > 0.1


@pytest.mark.statistical
def test_dr_is_steadier_than_ips():
    spread = {}
    for method in ("ips", "dr"):
        found = []
        for seed in range(60):
            bandit = LinUcb(n_actions=2, n_features=2, ridge=1e-6)
            learn_from_log(biased_log(seed), bandit, method=method, clip=None)
            found.append(bandit.models.theta[:, 0].copy())
        spread[method] = np.array(found).var(axis=0).sum()
    assert spread["dr"] < 0.5 * spread["ips"]


def test_clipping_is_counted_and_done():
    log = make_log(np.ones((2, 1)), np.array([0, 0]), np.array([1.0, 1.0]), np.array([0.5, 0.01]), n_actions=2)
    bandit = SquareCb(n_actions=2, n_features=1)
    learned = learn_from_log(log, bandit, method="ips", clip=10.0)
    assert (learned.clipped_rows, learned.largest_weight) == (1, 100.0)
    assert learned.actions_never_logged == (1,)
    np.testing.assert_allclose(bandit.predict(np.ones((1, 1))), [[12.0 / 3.0, 0.0]])


def test_rows_without_a_reward_yet_are_left_out_and_counted():
    reward = np.array([1.0, np.nan, 1.0])
    log = make_log(np.ones((3, 1)), np.array([0, 0, 1]), reward, np.full(3, 0.5), n_actions=2)
    learned = learn_from_log(log, LinUcb(n_actions=2, n_features=1), method="dr")
    assert (learned.rows, learned.incomplete_rows) == (2, 1)
    empty = make_log(np.ones((1, 1)), np.array([0]), np.array([np.nan]), np.ones(1), n_actions=2)
    with pytest.raises(SupportError, match="complete reward"):
        learn_from_log(empty, LinUcb(n_actions=2, n_features=1))


def test_a_file_is_read(tmp_path):
    log = biased_log(1)
    path = tmp_path / "log.parquet"
    with DecisionLogWriter(path, log.schema, with_probabilities=False) as writer:
        writer.append(log.columns)
    from_file, from_memory = LinUcb(n_actions=2, n_features=2), LinUcb(n_actions=2, n_features=2)
    learn_from_log(path, from_file)
    learn_from_log(log, from_memory)
    np.testing.assert_array_equal(from_file.models.theta, from_memory.models.theta)
    with pytest.raises(DecisionLogError, match="no such file"):
        learn_from_log(tmp_path / "other.parquet", from_file)


@pytest.mark.parametrize(
    ("bandit", "settings", "error", "message"),
    [
        (LinUcb(n_actions=3, n_features=2), {}, PolicyError, "2 actions, the bandit 3"),
        (LinUcb(n_actions=2, n_features=5), {}, PolicyError, "2 context fields, the bandit 5"),
        (FastCb(n_actions=2, n_features=2), {}, UsageError, "does not learn from estimated rewards"),
        (LinUcb(n_actions=2, n_features=2), {"method": "dm"}, UsageError, "method is 'dm'"),
        (LinUcb(n_actions=2, n_features=2), {"clip": 0.0}, UsageError, "clip is 0"),
    ],
)
def test_what_cannot_be_learned_is_refused(bandit, settings, error, message):
    with pytest.raises(error, match=message):
        learn_from_log(biased_log(0), bandit, **settings)
