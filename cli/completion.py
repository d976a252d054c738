"""Names from the registries: what the shell offers when the tab key is pressed, and what ``--help`` lists."""

from collections.abc import Callable, Iterable
from typing import Any

from typer.core import TyperCommand, TyperOption


def scenario_names(incomplete: str) -> list[str]:
    """Shipped scenarios that start with what was typed; files are completed by the shell."""
    return _starting(incomplete, _scenarios())


def agent_names(incomplete: str) -> list[str]:
    """Agents that start with what was typed."""
    return _starting(incomplete, _agents())


def policy_names(incomplete: str) -> list[str]:
    """Built-in policies that start with what was typed."""
    return _starting(incomplete, _policies())


def goal_names(incomplete: str) -> list[str]:
    """Goals of the planner that start with what was typed."""
    return _starting(incomplete, _goals())


class CommandWithNames(TyperCommand):
    """A command in whose help ``{policies}``, ``{plans}``, ``{goals}`` and ``{agents}`` stand for the names there are.

    They are filled in when the command is looked at: help of other commands does not wait for the registries.
    """

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer exports neither type
        """The options, with names in their help."""
        params = super().get_params(ctx)
        for param in params:
            if isinstance(param, TyperOption) and param.help:
                for mark, names in _REGISTRIES.items():
                    if mark in param.help:
                        param.help = param.help.replace(mark, ", ".join(names()))
        return params


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _scenarios() -> Iterable[str]:
    from xbopt.core.scenario.loading import shipped_scenarios

    return shipped_scenarios()


def _agents() -> Iterable[str]:
    from xbopt.agents.training import AGENTS

    return AGENTS


def _policies() -> Iterable[str]:
    from xbopt.agents.policies import NAMES

    return NAMES


def _plans() -> Iterable[str]:
    from xbopt.agents.policies import BUILT_IN

    return BUILT_IN


def _goals() -> Iterable[str]:
    from xbopt.agents.planner.goals import GOALS

    return GOALS


_REGISTRIES: dict[str, Callable[[], Iterable[str]]] = {
    "{policies}": _policies,
    "{plans}": _plans,
    "{goals}": _goals,
    "{agents}": _agents,
}
