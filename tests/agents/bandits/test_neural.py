"""The network's gradient, Adam's first step, and what learned features are good for."""

import numpy as np
import pytest

from tests.agents.bandits.conftest import make_bandit
from xbopt.agents import LinThompson, NeuralLinear
from xbopt.agents.bandits.network import Network
from xbopt.core.errors import UsageError


def test_the_gradient_agrees_with_differences():
    rng = np.random.default_rng(0)
    network = Network((3, 5, 4, 2), rng)
    context, action = rng.normal(size=(11, 3)), rng.integers(2, size=11)
    target, weight = rng.normal(size=11), rng.uniform(0.1, 2.0, 11)
    found = network.gradient(context, action, target, weight)
    step = 1e-5
    for parameter, gradient in zip(network.parameters, found.parameters, strict=True):
        for place in np.ndindex(parameter.shape):
            kept = parameter[place]
            parameter[place] = kept + step
            above = network.gradient(context, action, target, weight).loss
            parameter[place] = kept - step
            below = network.gradient(context, action, target, weight).loss
            parameter[place] = kept
            # Central differences err by the third derivative times step^2, here about 1e-10.
            assert gradient[place] == pytest.approx((above - below) / (2.0 * step), abs=1e-8)


def test_adams_first_step_has_the_size_of_the_rate():
    # After one step both moments are g and g^2 once corrected, so each parameter moves by rate * sign(g).
    network = Network((1, 1, 1), np.random.default_rng(1))
    before = [p.copy() for p in network.parameters]
    gradient = network.gradient(np.array([[1.0]]), np.array([0]), np.array([3.0]), np.ones(1))
    network.step(gradient, rate=0.01)
    for old, new, g in zip(before, network.parameters, gradient.parameters, strict=True):
        np.testing.assert_allclose(new, old - 0.01 * np.sign(g), rtol=1e-6)


def test_one_layer_by_hand():
    network = Network((1, 1, 1), np.random.default_rng(1))
    network.parameters[0][...], network.parameters[2][...] = 0.5, 2.0
    assert network.layers(np.array([[2.0]]))[-1][0, 0] == pytest.approx(np.tanh(1.0))
    # Output 2 tanh(1), target 0: loss half its square.
    found = network.gradient(np.array([[2.0]]), np.array([0]), np.zeros(1), np.ones(1))
    assert found.loss == pytest.approx(2.0 * np.tanh(1.0) ** 2)


@pytest.mark.statistical
def test_it_learns_what_no_line_can():
    # The better action is the one whose sign agrees with x_1 x_2: a linear model sees nothing of it.
    rng = np.random.default_rng(2)
    bandits = {
        "network": NeuralLinear(
            n_actions=2, n_features=2, spread=0.1, hidden=(16, 8), train_every=250, train_steps=150, rate=1e-2
        ),
        "line": LinThompson(n_actions=2, n_features=2, spread=0.1),
    }
    share = {}
    for name, bandit in bandits.items():
        right = []
        for _ in range(40):
            context = rng.uniform(-1.0, 1.0, size=(100, 2))
            better = (context.prod(axis=1) > 0.0).astype(int)
            action = bandit.act(context, rng)
            reward = np.where(action == better, 1.0, 0.0) + 0.1 * rng.normal(size=100)
            bandit.update(context, action, reward)
            right.append((action == better).mean())
        share[name] = np.mean(right[-10:])
    # 1,000 decisions: a line is right half of the time, give or take 0.016.
    assert share["network"] > 0.9
    assert abs(share["line"] - 0.5) < 0.1


def test_the_memory_forgets_the_oldest_rows_first():
    bandit = make_bandit("NeuralLinear", memory=40, train_every=40)
    context = np.arange(60.0)[:, None] + np.zeros((60, 3))
    bandit.update(context, np.zeros(60, dtype=int), np.zeros(60))
    bandit.update(context[:20] + 60.0, np.zeros(20, dtype=int), np.zeros(20))
    # The second training came after 80 rows; the memory then held rows 40 to 79.
    np.testing.assert_allclose(bandit._centre, 59.5)


def test_a_constant_feature_is_left_alone():
    bandit = make_bandit("NeuralLinear", train_every=10)
    context = np.concatenate([np.full((10, 1), 7.0), np.random.default_rng(0).normal(size=(10, 2))], axis=1)
    bandit.update(context, np.arange(10) % 4, np.zeros(10))
    assert bandit._scale[0] == 1.0
    assert np.isfinite(bandit.probabilities(context)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": ()}, "hidden"),
        ({"memory": 0}, "memory is 0"),
        ({"train_every": 0}, "train_every"),
        ({"rate": 0.0}, "rate"),
    ],
)
def test_settings_outside_their_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        make_bandit("NeuralLinear", **settings)
