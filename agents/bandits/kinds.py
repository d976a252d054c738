"""Every kind of bandit by the name of its class, as saved files name it; and reading such a file."""

from collections.abc import Mapping
from pathlib import Path

from xbopt.agents.bandits.bandit import Bandit
from xbopt.agents.bandits.budget import BudgetedBandit
from xbopt.agents.bandits.gap_weighting import FastCb, SquareCb
from xbopt.agents.bandits.linear import EpsilonGreedy, LinUcb
from xbopt.agents.bandits.neural import NeuralLinear
from xbopt.agents.bandits.storage import read_state
from xbopt.agents.bandits.thompson import LinThompson
from xbopt.core.errors import PolicyError, UsageError

KINDS: Mapping[str, type[Bandit]] = {
    kind.__name__: kind for kind in (BudgetedBandit, EpsilonGreedy, FastCb, LinThompson, LinUcb, NeuralLinear, SquareCb)
}
"""Bandits by class name."""


def load_bandit(path: Path | str, *, n_actions: int | None = None, n_features: int | None = None) -> Bandit:
    """Read a bandit from a file that ``save`` wrote.

    Args:
        path: The file.
        n_actions: How many actions it has to have, where that matters.
        n_features: How many features its contexts have to have.

    Raises:
        PolicyError: There is no such file, it is damaged, or it is for another number of actions or features.
    """
    state = read_state(Path(path))
    if state.kind not in KINDS:
        raise PolicyError(f"{path}: it holds a {state.kind!r}; known are {', '.join(KINDS)}.")
    try:
        bandit = KINDS[state.kind].with_settings(state.settings)
    except UsageError as error:
        raise PolicyError(f"{path}: its settings do not fit a {state.kind}: {error}") from error
    bandit.take_over(state, where=str(path))
    for name, have, want in (
        ("actions", bandit.n_actions, n_actions),
        ("features", bandit.n_features, n_features),
    ):
        if want is not None and have != want:
            raise PolicyError(f"{path}: this bandit was made for {have} {name}; {want} are wanted. Train it anew.")
    return bandit
