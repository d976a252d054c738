"""Bandits of every kind, on both engines."""

import numpy as np
import pytest

from xbopt.agents import BudgetedBandit
from xbopt.agents.bandits.kinds import KINDS

ENGINES = ("compiled", "plain")
OPEN_KINDS = tuple(name for name in KINDS if name != "BudgetedBandit")
SMALL = {"NeuralLinear": {"hidden": (8, 5), "train_every": 40, "train_steps": 5, "memory": 100}}


def make_bandit(kind, *, n_actions=4, n_features=3, seed=0, engine="auto", **settings):
    settings = SMALL.get(kind, {}) | settings
    return KINDS[kind](n_actions=n_actions, n_features=n_features, seed=seed, engine=engine, **settings)


def make_rows(n, *, n_actions=4, n_features=3, seed=0):
    """Contexts with a constant, actions, and rewards within 0..1."""
    rng = np.random.default_rng(seed)
    context = np.concatenate([np.ones((n, 1)), rng.normal(size=(n, n_features - 1))], axis=1)
    action = rng.integers(n_actions, size=n)
    lines = np.random.default_rng(99).normal(size=(n_actions, n_features)) * 0.1
    reward = np.clip(0.5 + (context * lines[action]).sum(axis=1) + 0.05 * rng.normal(size=n), 0.0, 1.0)
    return context, action, reward


@pytest.fixture(params=OPEN_KINDS)
def kind(request):
    return request.param


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def budgeted():
    return BudgetedBandit(n_actions=4, n_features=3, budget=5.0, decisions=100, largest_cost=0.5)
