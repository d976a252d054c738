"""Policies: the built-in baselines, learning agents, and running any policy over many worlds.

The names below load on first use, so that importing a part stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xbopt.agents.bandits.bandit import Bandit, load_bandit
    from xbopt.agents.bandits.budget import BudgetedBandit, DualPrice
    from xbopt.agents.bandits.gap_weighting import FastCb, SquareCb
    from xbopt.agents.bandits.linear import EpsilonGreedy, LinUcb
    from xbopt.agents.bandits.log_learning import LogLearning, learn_from_log
    from xbopt.agents.bandits.neural import NeuralLinear
    from xbopt.agents.bandits.thompson import LinThompson

__all__ = [
    "Bandit",
    "BudgetedBandit",
    "DualPrice",
    "EpsilonGreedy",
    "FastCb",
    "LinThompson",
    "LinUcb",
    "LogLearning",
    "NeuralLinear",
    "SquareCb",
    "learn_from_log",
    "load_bandit",
]

_HOMES = {
    "Bandit": "xbopt.agents.bandits.bandit",
    "BudgetedBandit": "xbopt.agents.bandits.budget",
    "DualPrice": "xbopt.agents.bandits.budget",
    "EpsilonGreedy": "xbopt.agents.bandits.linear",
    "FastCb": "xbopt.agents.bandits.gap_weighting",
    "LinThompson": "xbopt.agents.bandits.thompson",
    "LinUcb": "xbopt.agents.bandits.linear",
    "LogLearning": "xbopt.agents.bandits.log_learning",
    "NeuralLinear": "xbopt.agents.bandits.neural",
    "SquareCb": "xbopt.agents.bandits.gap_weighting",
    "learn_from_log": "xbopt.agents.bandits.log_learning",
    "load_bandit": "xbopt.agents.bandits.bandit",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'xbopt.agents' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
