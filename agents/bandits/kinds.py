"""Every kind of bandit by the name of its class, as saved files name it."""

from collections.abc import Mapping

from xbopt.agents.bandits.bandit import Bandit
from xbopt.agents.bandits.budget import BudgetedBandit
from xbopt.agents.bandits.gap_weighting import FastCb, SquareCb
from xbopt.agents.bandits.linear import EpsilonGreedy, LinUcb
from xbopt.agents.bandits.neural import NeuralLinear
from xbopt.agents.bandits.thompson import LinThompson

KINDS: Mapping[str, type[Bandit]] = {
    kind.__name__: kind for kind in (BudgetedBandit, EpsilonGreedy, FastCb, LinThompson, LinUcb, NeuralLinear, SquareCb)
}
"""Bandits by class name."""
