"""What help and completion name: policies, goals, and every agent that can be trained. It loads none of their code."""

from collections.abc import Mapping
from dataclasses import dataclass

PLANS = ("baseline", "uniform", "proportional", "calendar", "greedy_roas", "planner")
"""Names of plans that are made before the first day; ``xbopt.agents.policies`` makes them."""

REACTING = ("replan",)
"""Names of built-in policies that react to results. ``replan:PLAN`` is the one that reacts around another plan."""

POLICIES = (*PLANS, *REACTING)
"""Names of all built-in policies."""

GOALS = ("reward", "contribution_margin", "net_revenue", "orders", "new_customers", "visits")
"""Names of goals; ``xbopt.agents.planner.goals`` says what they count."""

TARGETS = (*GOALS, "roas", "incremental_roas", "roi", "cpa")
"""Names of what a target may ask for."""


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
