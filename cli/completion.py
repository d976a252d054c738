"""Names from the registries: what the shell offers when the tab key is pressed, and what ``--help`` lists."""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from typer.core import TyperCommand, TyperOption

_REGISTRIES = {
    "scenarios": ("xbopt.core.scenario.loading", "shipped_scenarios"),
    "policies": ("xbopt.agents.policies", "NAMES"),
    "plans": ("xbopt.agents.policies", "BUILT_IN"),
    "goals": ("xbopt.agents.planner.goals", "GOALS"),
    "targets": ("xbopt.agents.planner.goals", "TARGETS"),
    "agents": ("xbopt.agents.registry", "AGENTS"),
}
"""Module and name of each registry. They are loaded when somebody asks: other help need not wait for them."""


def names_in(registry: str) -> tuple[str, ...]:
    """The names of one of ``_REGISTRIES``, in its order."""
    module, attribute = _REGISTRIES[registry]
    found: Any = getattr(import_module(module), attribute)
    return tuple(found()) if registry == "scenarios" else tuple(found)


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
