"""Bandits of every kind, on their compiled loops and on the oracle's numpy."""

from types import FunctionType
from typing import Any

import numpy as np
import pytest

from tests.agents.bandits import numpy_oracle
from xbopt.agents import BudgetedBandit
from xbopt.agents.bandits import bandit, budget, gap_weighting, linear, linear_models, neural, thompson
from xbopt.agents.bandits.bandit import Bandit
from xbopt.agents.bandits.kinds import KINDS

ENGINES = ("compiled", "numpy")
ORACLE = {name: own for name, own in vars(numpy_oracle).items() if isinstance(own, FunctionType)}
CALLERS = (bandit, budget, gap_weighting, linear, linear_models, neural, thompson)
OPEN_KINDS = tuple(name for name in KINDS if name != "BudgetedBandit")
SMALL = {"NeuralLinear": {"hidden": (8, 5), "train_every": 40, "train_steps": 5, "memory": 100}}


def make_bandit(kind: str, *, n_actions: int = 4, n_features: int = 3, seed: int = 0, **settings: Any) -> Bandit:
    settings = SMALL.get(kind, {}) | settings
    return KINDS[kind](n_actions=n_actions, n_features=n_features, seed=seed, **settings)


def use_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on bandits compute with the oracle's functions in place of the compiled ones."""
    for caller in CALLERS:
        for name, own in ORACLE.items():
            if hasattr(caller, name):
                monkeypatch.setattr(caller, name, own)


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
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "numpy":
        use_oracle(monkeypatch)
    return str(request.param)


@pytest.fixture
def budgeted():
    return BudgetedBandit(n_actions=4, n_features=3, budget=5.0, decisions=100, largest_cost=0.5)
