"""Every agent that can be trained, by name. Their code is loaded when one is asked for, so this list is cheap."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agent:
    """Where an agent's code is.

    Attributes:
        trainer: ``module:function`` of a ``Trainer``.
        loader: ``module:function`` that reads a trained policy from a folder, for a market.
    """

    trainer: str
    loader: str


_BANDIT = Agent("xbopt.agents.bandits.encodings:bandit_training", "xbopt.agents.bandits.encodings:load_policy")
AGENTS: Mapping[str, Agent] = {
    "ppo": Agent("xbopt.agents.ppo.trainer:PpoTraining", "xbopt.agents.ppo.policy:load_policy"),
    "epsilon_greedy": _BANDIT,
    "lin_ucb": _BANDIT,
    "lin_ts": _BANDIT,
    "square_cb": _BANDIT,
    "fast_cb": _BANDIT,
    "neural_linear": _BANDIT,
}
"""Every agent that can be trained."""
