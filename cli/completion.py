"""Names from the registries: what the shell offers when the tab key is pressed, and what ``--help`` lists.

All of them are read where they are cheap: neither waits for the market or for a learning library.
"""

import re
from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand, TyperOption

_REGISTRIES = {
    "policies": "POLICIES",
    "plans": "PLANS",
    "goals": "GOALS",
    "targets": "TARGETS",
    "agents": "AGENTS",
}
"""Name of each registry in ``agents/registry.py``, beside that of scenarios."""


def names_in(registry: str) -> tuple[str, ...]:
    """The names of a registry, in its order."""
    if registry == "scenarios":
        from xbopt.core.scenario.shipped import shipped_scenarios

        return shipped_scenarios()
    from xbopt.agents import registry as registries

    return tuple(getattr(registries, _REGISTRIES[registry]))


def _offer(registry: str) -> Callable[[str], list[str]]:
    """What the shell offers: the names that start with what was typed. Files are completed by the shell."""
    return lambda incomplete: [name for name in names_in(registry) if name.startswith(incomplete)]


scenario_names, policy_names = _offer("scenarios"), _offer("policies")
agent_names, goal_names = _offer("agents"), _offer("goals")


class CommandWithNames(TyperCommand):
    """A command in whose help ``{policies}``, or another registry in braces, stands for the names in it."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer exports neither type
        """The options, with names in their help."""
        params = super().get_params(ctx)
        for param in params:
            if isinstance(param, TyperOption) and param.help:
                param.help = re.sub(r"\{(\w+)\}", lambda mark: ", ".join(names_in(mark[1])), param.help)
        return params
