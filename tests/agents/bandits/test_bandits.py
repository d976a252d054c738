"""What every bandit promises: distributions, floors, honest draws, one answer for every batch, clear refusals."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import chi2

import xbopt.agents
from tests.agents.bandits.conftest import ENGINES, make_bandit, make_rows, use_oracle
from xbopt.agents import EpsilonGreedy, FastCb, LinThompson, LinUcb, SquareCb
from xbopt.agents.bandits.bandit import Bandit
from xbopt.core.errors import PolicyError, UsageError


@pytest.fixture
def trained(kind: str, engine: str) -> Bandit:
    bandit = make_bandit(kind)
    bandit.update(*make_rows(130))
    return bandit


@pytest.mark.parametrize("rows", [0, 1, 7, 1000])
def test_probabilities_are_a_distribution_above_the_floor(trained, rows):
    probabilities = trained.probabilities(make_rows(rows, seed=5)[0])
    assert probabilities.shape == (rows, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)
    assert (probabilities >= max(0.0, trained.probability_floor - 1e-15)).all()


def test_a_row_is_answered_the_same_alone_and_in_a_batch(trained, engine):
    context = make_rows(50, seed=6)[0]
    together = trained.probabilities(context)
    alone = np.concatenate([trained.probabilities(context[i : i + 1]) for i in range(50)])
    if engine == "compiled":
        np.testing.assert_array_equal(alone, together)
    else:
        np.testing.assert_allclose(alone, together, rtol=1e-12, atol=1e-12)


def test_the_oracle_states_the_same_probabilities(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context = make_rows(60, seed=7)[0]
    answers = []
    for engine in ENGINES:
        if engine == "numpy":
            use_oracle(monkeypatch)
        bandit = make_bandit(kind)
        for start in range(0, 130, 13):
            bandit.update(*(column[start : start + 13] for column in make_rows(130)))
        answers.append(bandit.probabilities(context))
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-8)


@pytest.mark.statistical
def test_draws_agree_with_the_stated_probabilities(trained):
    context = np.repeat(make_rows(1, seed=8)[0], 20_000, axis=0)
    rng = np.random.default_rng(1)
    actions, propensity = trained.act_with_propensity(context, rng)
    exact = trained.probabilities(context[:1])[0]
    np.testing.assert_allclose(propensity, exact[actions], rtol=1e-9)
    for drawn in (actions, trained.act(context, rng)):
        counts = np.bincount(drawn, minlength=4)
        assert counts[exact == 0.0].sum() == 0
        kept = exact * len(context) >= 5.0
        if kept.sum() > 1:
            expected = exact[kept] * len(context)
            statistic = ((counts[kept] - expected) ** 2 / expected).sum()
            assert statistic < chi2.isf(1e-6, int(kept.sum()) - 1)  # one false alarm in a million


def test_the_same_generator_draws_the_same_actions(trained):
    context = make_rows(100, seed=9)[0]
    first = trained.act(context, np.random.default_rng(3))
    np.testing.assert_array_equal(first, trained.act(context, np.random.default_rng(3)))


@pytest.mark.usefixtures("engine")
def test_how_rows_are_cut_into_calls_does_not_matter(kind: str) -> None:
    rows = make_rows(130)
    whole, parts = make_bandit(kind), make_bandit(kind)
    whole.update(*rows)
    for start, end in ((0, 1), (1, 50), (50, 50), (50, 130)):
        parts.update(*(column[start:end] for column in rows))
    assert parts.rows_seen == whole.rows_seen == 130
    context = make_rows(20, seed=4)[0]
    np.testing.assert_allclose(parts.probabilities(context), whole.probabilities(context), atol=1e-8)


@pytest.mark.usefixtures("engine")
def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    context, action, reward = make_rows(40)
    double, twice = make_bandit("LinUcb"), make_bandit("LinUcb")
    double.update(context, action, reward, weight=np.full(40, 2.0))
    for _ in range(2):
        twice.update(context, action, reward)
    np.testing.assert_allclose(double.predict(context), twice.predict(context), atol=1e-12)


def test_a_nan_in_the_context_is_named(trained):
    context = make_rows(3)[0]
    context[1, 2] = np.nan
    with pytest.raises(PolicyError, match=r"nan at row 1, feature 2"):
        trained.probabilities(context)
    with pytest.raises(PolicyError, match="row 1, feature 2"):
        trained.update(context, [0, 1, 2], [0.0, 0.0, 0.0])


@pytest.mark.parametrize("context", [np.zeros((2, 4)), np.zeros(3), [["a", "b", "c"]]])
def test_a_context_of_another_shape_is_refused(trained, context):
    with pytest.raises(PolicyError, match="context"):
        trained.act(context)


@pytest.mark.parametrize(
    ("action", "reward", "weight", "message"),
    [
        ([0, 4], [0.0, 0.0], None, r"action is 4 at row 1; 0\.\.3"),
        ([0, -1], [0.0, 0.0], None, r"action is -1 at row 1"),
        ([0.0, 1.0], [0.0, 0.0], None, "whole numbers"),
        ([0], [0.0, 0.0], None, "action is"),
        ([0, 1], [0.0], None, "reward has shape"),
        ([0, 1], [0.0, np.inf], None, "reward is inf at row 1"),
        ([0, 1], [0.0, 0.0], [1.0, -1.0], "weight is -1 at row 1"),
    ],
)
def test_rows_that_make_no_sense_are_refused_and_not_learned(trained, action, reward, weight, message):
    context = make_rows(2)[0]
    before = trained.probabilities(context)
    with pytest.raises(UsageError, match=message):
        trained.update(context, action, reward, weight=weight)
    np.testing.assert_array_equal(trained.probabilities(context), before)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LinUcb(n_actions=0, n_features=2), "n_actions is 0"),
        (lambda: LinUcb(n_actions=2, n_features=0), "n_features is 0"),
        (lambda: LinUcb(n_actions=2, n_features=2, alpha=-1.0), "alpha is -1"),
        (lambda: LinUcb(n_actions=2, n_features=2, epsilon=1.5), "epsilon is 1.5"),
        (lambda: LinUcb(n_actions=2, n_features=2, seed=-1), "seed is -1"),
        (lambda: LinThompson(n_actions=2, n_features=2, spread=np.nan), "spread is nan"),
        (lambda: FastCb(n_actions=2, n_features=2, initial_rate=0.0), "initial_rate is 0"),
        (lambda: EpsilonGreedy(n_actions=2, n_features=2, half_rows=0.0), "half_rows is 0"),
    ],
)
def test_settings_outside_their_range_are_refused(build, message):
    with pytest.raises(UsageError, match=message):
        build()


@pytest.mark.usefixtures("engine")
def test_lin_ucb_by_hand() -> None:
    # One row x = 1, y = 2 for action 0, ridge 1: theta = 1, variance 1/2; action 1: 0 and 1. alpha = 1:
    # scores 1 + 0.7071 and 1. epsilon = 0.2 gives 0.8 + 0.1 and 0.1.
    bandit = LinUcb(n_actions=2, n_features=1, alpha=1.0, epsilon=0.2)
    bandit.update([[1.0]], [0], [2.0])
    np.testing.assert_allclose(bandit.scores(np.ones((1, 1))), [[1.0 + np.sqrt(0.5), 1.0]], atol=1e-15)
    np.testing.assert_allclose(bandit.probabilities([[1.0]]), [[0.9, 0.1]], atol=1e-15)


@pytest.mark.usefixtures("engine")
def test_ties_share_the_greedy_mass() -> None:
    bandit = LinUcb(n_actions=4, n_features=2, epsilon=0.2)
    np.testing.assert_allclose(bandit.probabilities([[0.3, -2.0]]), 0.25, atol=1e-15)
    bandit.update([[0.3, -2.0]], [2], [-5.0])
    np.testing.assert_allclose(
        bandit.probabilities([[0.3, -2.0]])[0], [0.8 / 3 + 0.05, 0.8 / 3 + 0.05, 0.05, 0.8 / 3 + 0.05], atol=1e-15
    )


@pytest.mark.usefixtures("engine")
def test_square_cb_by_hand() -> None:
    # Predictions 1/2 and 0 (x = 1, y = 1, ridge 1); gamma 4, growth 0: p_1 = 1 / (2 + 4 * 0.5) = 1/4.
    bandit = SquareCb(n_actions=2, n_features=1, gamma=4.0, growth=0.0)
    bandit.update([[1.0]], [0], [1.0])
    np.testing.assert_allclose(bandit.probabilities([[1.0]]), [[0.75, 0.25]], atol=1e-15)


@pytest.mark.usefixtures("engine")
def test_fast_cb_by_hand() -> None:
    # Rate 1/2 at first; row x = 1, y = 1, ridge 1: curvature 1/4, theta = (1 - 1/2) / (1 + 1/4) = 0.4,
    # rate 1 / (1 + e^-0.4). gamma 3, growth 0: p_1 = f / (2 f + 3 (f - 1/2)).
    bandit = FastCb(n_actions=2, n_features=1, gamma=3.0, growth=0.0, initial_rate=0.5)
    bandit.update([[1.0]], [0], [1.0])
    best = 1.0 / (1.0 + np.exp(-0.4))
    other = best / (2.0 * best + 3.0 * (best - 0.5))
    np.testing.assert_allclose(bandit.predict(np.ones((1, 1))), [[best, 0.5]], atol=1e-15)
    np.testing.assert_allclose(bandit.probabilities([[1.0]]), [[1.0 - other, other]], atol=1e-15)


def test_fast_cb_counts_gaps_relative_to_the_best_rate():
    def exploration(rate):
        bandit = FastCb(n_actions=2, n_features=1, gamma=20.0, growth=0.0, initial_rate=rate, ridge=1e-6)
        x, rows = np.ones((4000, 1)), np.arange(4000) % 2
        bandit.update(x, rows, np.where(rows == 0, rate, rate / 2.0))
        return bandit.probabilities([[1.0]])[0, 1]

    # Half the best rate: 1 / (2 + 20 / 2) at any level.
    assert exploration(0.2) == pytest.approx(1.0 / 12.0, rel=1e-2)
    assert exploration(0.002) == pytest.approx(1.0 / 12.0, rel=1e-2)


def test_fast_cb_refuses_rewards_outside_its_range():
    with pytest.raises(UsageError, match=r"reward is 1.5 at row 0; FastCb learns rewards within 0..1"):
        FastCb(n_actions=2, n_features=1).update([[1.0]], [0], [1.5])


def test_epsilon_decays_to_its_floor():
    bandit = EpsilonGreedy(n_actions=2, n_features=1, epsilon=0.5, floor=0.1, half_rows=10.0)
    assert bandit.epsilon_now == 0.5
    bandit.update(np.ones((10, 1)), np.zeros(10, dtype=int), np.ones(10))
    assert bandit.epsilon_now == pytest.approx(0.3)  # half of the way after half_rows rows
    bandit.update(np.ones((100_000, 1)), np.zeros(100_000, dtype=int), np.ones(100_000))
    assert bandit.epsilon_now == pytest.approx(0.1, abs=1e-4)
    np.testing.assert_allclose(
        bandit.probabilities([[1.0]]), [[1.0 - bandit.epsilon_now / 2.0, bandit.epsilon_now / 2.0]]
    )


def test_the_public_names_exist_and_load_late():
    assert list(xbopt.agents.__all__) == dir(xbopt.agents)
    for name in xbopt.agents.__all__:
        assert getattr(xbopt.agents, name).__name__ == name
    with pytest.raises(AttributeError, match="Nothing"):
        _ = xbopt.agents.Nothing


def test_without_numba_a_log_is_evaluated_for_what_is_no_bandit() -> None:
    script = "import sys; sys.modules['numba'] = None; import xbopt.studies.evaluate, xbopt.agents.policies"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_without_numba_a_bandit_says_how_to_get_it() -> None:
    script = "import sys; sys.modules['numba'] = None; from xbopt.agents import LinUcb"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "UsageError: This needs numba, which is not installed: pip install 'xbopt[rl]'" in done.stderr
