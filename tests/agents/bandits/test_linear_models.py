"""Ridge regressions: small cases by hand, any cut into batches, no drift of rounding, forgetting as stated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.agents.bandits.conftest import ENGINES, use_oracle
from xbopt.agents.bandits.linear_models import LinearModels
from xbopt.core.errors import UsageError


def models(
    *, n_actions: int = 2, n_features: int = 2, ridge: float = 1.0, discount: float = 1.0, outputs: int = 1
) -> LinearModels:
    return LinearModels(n_actions=n_actions, n_features=n_features, ridge=ridge, discount=discount, outputs=outputs)


def full(packed, features):
    matrix = np.zeros((features, features))
    matrix[np.triu_indices(features)] = packed
    return matrix + np.triu(matrix, 1).T


def data(n, n_actions, n_features, seed):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n, n_features)), rng.integers(n_actions, size=n), rng.normal(size=(n, 1)),
        rng.uniform(0.1, 2.0, n),
    )  # fmt: skip


@pytest.mark.usefixtures("engine")
def test_one_row_by_hand() -> None:
    # x = (1, 2), y = 3, ridge 1: A = [[2, 2], [2, 5]], det 6, A^-1 = [[5, -2], [-2, 2]] / 6, b = (3, 6),
    # theta = ((15 - 12)/6, (-6 + 12)/6) = (0.5, 1).
    learned = models()
    learned.learn(np.array([[1.0, 2.0]]), np.array([1]), np.array([[3.0]]), np.ones(1))
    np.testing.assert_allclose(full(learned.inverse[1], 2), np.array([[5.0, -2.0], [-2.0, 2.0]]) / 6.0, atol=1e-15)
    np.testing.assert_allclose(learned.theta[1, 0], [0.5, 1.0], atol=1e-15)
    # Predictions at (1, 1): 1.5; variance (5 - 4 + 2)/6 = 0.5. The other action knows nothing: 0 and 1 + 1 = 2.
    np.testing.assert_allclose(learned.means(np.ones((1, 2))), [[0.0, 1.5]], atol=1e-15)
    np.testing.assert_allclose(learned.variances(np.ones((1, 2))), [[2.0, 0.5]], atol=1e-15)


@pytest.mark.parametrize("ridge", [0.25, 1.0, 8.0])
@pytest.mark.usefixtures("engine")
def test_the_inverse_starts_at_one_over_the_ridge(ridge: float) -> None:
    learned = models(ridge=ridge)
    np.testing.assert_array_equal(full(learned.inverse[0], 2), np.eye(2) / ridge)


@given(
    cuts=st.lists(st.integers(1, 199), max_size=12),
    seed=st.integers(0, 2**32 - 1),
    features=st.sampled_from([1, 3, 17]),
)
def test_the_cut_into_batches_does_not_matter(cuts, seed, features):
    context, action, outcome, weight = data(200, 3, features, seed)
    whole = models(n_actions=3, n_features=features)
    whole.learn(context, action, outcome, weight)
    parts = models(n_actions=3, n_features=features)
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 200], strict=True):
        at = slice(start, end)
        parts.learn(context[at], action[at], outcome[at], weight[at])
    np.testing.assert_allclose(parts.theta, whole.theta, atol=1e-10)
    np.testing.assert_allclose(parts.inverse, whole.inverse, atol=1e-10)


@pytest.mark.parametrize("discount", [1.0, 0.99, 0.7])
@pytest.mark.parametrize("sizes", [(1,) * 60, (60,), (3, 50, 7)])
def test_the_oracle_agrees(discount: float, sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    context, action, outcome, weight = data(60, 3, 9, 1)
    pair = [models(n_actions=3, n_features=9, discount=discount, outputs=1) for _ in ENGINES]
    for engine, learned in zip(ENGINES, pair, strict=True):
        if engine == "numpy":
            use_oracle(monkeypatch)
        start = 0
        for size in sizes:
            at = slice(start, start + size)
            learned.learn(context[at], action[at], outcome[at], weight[at])
            start += size
    np.testing.assert_allclose(pair[0].inverse, pair[1].inverse, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(pair[0].theta, pair[1].theta, rtol=1e-11, atol=1e-13)


def test_a_million_updates_leave_the_inverse_exact():
    rows, features = 1_000_000, 5
    learned = models(n_actions=2, n_features=features)
    rng = np.random.default_rng(3)
    # Nearly collinear contexts are what Sherman-Morrison alone drifts on.
    shared = rng.normal(size=(rows, 1))
    context = np.ascontiguousarray(shared + 1e-3 * rng.normal(size=(rows, features)))
    action, outcome = rng.integers(2, size=rows), rng.normal(size=(rows, 1))
    ones = np.ones(3)
    for start in range(0, rows - 2, 3):  # three rows are below the number that triggers an inversion
        at = slice(start, start + 3)
        learned.learn(context[at], action[at], outcome[at], ones)
    used = (rows // 3) * 3
    for k in (0, 1):
        x = context[:used][action[:used] == k]
        exact = np.eye(features) + x.T @ x
        error = np.abs(full(learned.inverse[k], features) @ exact - np.eye(features)).max()
        # The condition number is near 5e6; one inversion alone leaves about 1e-16 times that.
        assert error < 1e-7


@pytest.mark.parametrize("discount", [0.5, 0.9, 0.98])
@pytest.mark.usefixtures("engine")
def test_forgetting_weighs_a_row_by_its_age(discount: float) -> None:
    # Blocks of rows end when their product of discounts reaches 0.95; there the weights are exact.
    block = max(1, int(np.log(0.95) / np.log(discount)))
    n = block * 12
    context, action, outcome, weight = data(n, 2, 3, 5)
    learned = models(n_features=3, discount=discount)
    for start in range(0, n, 4):
        at = slice(start, start + 4)
        learned.learn(context[at], action[at], outcome[at], weight[at])
    aged = weight * discount ** np.arange(n - 1, -1, -1.0)
    for k in (0, 1):
        mine = action == k
        x = context[mine]
        exact = np.eye(3) + (x * aged[mine][:, None]).T @ x
        np.testing.assert_allclose(full(learned.inverse[k], 3), np.linalg.inv(exact), atol=1e-12)
        theta = np.linalg.solve(exact, x.T @ (aged[mine] * outcome[mine, 0]))
        np.testing.assert_allclose(learned.theta[k, 0], theta, atol=1e-12)


@pytest.mark.usefixtures("engine")
def test_inside_a_block_confidence_is_at_most_a_twentieth_too_large() -> None:
    discount = 0.99  # a block of 5 rows
    context, action, outcome, weight = data(104, 1, 3, 6)
    learned = models(n_actions=1, n_features=3, discount=discount, ridge=1e-9)
    learned.learn(context, action, outcome, weight)
    aged = weight * discount ** np.arange(103, -1, -1.0)
    exact = np.linalg.inv(1e-9 * np.eye(3) + (context * aged[:, None]).T @ context)
    form = learned.variances(context[:20])[:, 0]
    true = np.einsum("ni,ij,nj->n", context[:20], exact, context[:20])
    ratio = form / true
    assert 0.95 <= ratio.min() <= ratio.max() < 1.0


@pytest.mark.usefixtures("engine")
def test_an_action_that_is_not_chosen_becomes_uncertain_again() -> None:
    learned = models(discount=0.9)
    context = np.ones((50, 2))
    learned.learn(context, np.zeros(50, dtype=np.int64), np.ones((50, 1)), np.ones(50))
    before = learned.variances(np.ones((1, 2)))[0, 0]
    learned.learn(context, np.ones(50, dtype=np.int64), np.ones((50, 1)), np.ones(50))
    after = learned.variances(np.ones((1, 2)))[0, 0]
    # Its rows weigh 0.9^50 = 0.5 % of what they did; ridge 1 and x'x = 2 without rows.
    assert before < 0.2
    assert after == pytest.approx(2.0 / (1.0 + 2.0 * 0.9**50 * (1 - 0.9**50) / 0.1), rel=1e-9)


@pytest.mark.usefixtures("engine")
def test_two_outcomes_share_the_inverse() -> None:
    context, action, outcome, weight = data(40, 2, 3, 8)
    both = models(n_features=3, outputs=2)
    both.learn(context, action, np.concatenate([outcome, -2.0 * outcome], axis=1), weight)
    one = models(n_features=3)
    one.learn(context, action, outcome, weight)
    np.testing.assert_allclose(both.theta[:, 0], one.theta[:, 0], atol=1e-12)
    np.testing.assert_allclose(both.theta[:, 1], -2.0 * one.theta[:, 0], atol=1e-12)


@pytest.mark.usefixtures("engine")
def test_rewards_for_every_action_count_as_rows_of_each() -> None:
    context, _, _, weight = data(30, 2, 3, 9)
    outcome = np.random.default_rng(2).normal(size=(30, 2))
    together = models(n_features=3)
    together.learn_all(context, outcome, weight)
    apart = models(n_features=3)
    for k in (0, 1):
        apart.learn(context, np.full(30, k), outcome[:, [k]], weight)
    np.testing.assert_allclose(together.theta, apart.theta, atol=1e-12)
    np.testing.assert_allclose(together.inverse, apart.inverse, atol=1e-12)


@pytest.mark.parametrize(("name", "value"), [("ridge", 0.0), ("ridge", np.inf), ("discount", 0.0), ("discount", 1.1)])
def test_settings_outside_their_range_are_refused(name, value):
    with pytest.raises(UsageError, match=name):
        models(**{name: value})
