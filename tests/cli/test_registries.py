"""Help and messages list what there is: every name of a registry, so that none can be forgotten in a text."""

import re
from collections.abc import Callable, Iterable

import pytest
import typer
from typer.testing import CliRunner

from xbopt.agents.planner.goals import GOALS, TARGETS
from xbopt.agents.policies import BUILT_IN, NAMES
from xbopt.agents.training import AGENTS
from xbopt.cli.completion import agent_names, goal_names, names_in, policy_names, scenario_names
from xbopt.cli.main import app
from xbopt.cli.verbs import VERBS
from xbopt.core.scenario.loading import shipped_scenarios

LISTED: list[tuple[str, str, Iterable[str]]] = [
    ("simulate", "--policy", NAMES),
    ("compare", "--policies", NAMES),
    ("dataset", "--policy", NAMES),
    ("plan", "--goal", GOALS),
    ("plan", "--target", TARGETS),
    ("train", "--agent", AGENTS),
    ("train", "--plan", BUILT_IN),
]


def help_of(command: str) -> dict[str, str]:
    """The text of each option in the help of a command, on one line."""
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0, shown.output
    parts = re.split(r"^  (--[a-z-]+|-o, --out)\b", shown.output, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize(
    ("command", "option", "names"), LISTED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_help_lists_every_name(command: str, option: str, names: Iterable[str]) -> None:
    text = help_of(command)[option]
    missing = [name for name in names if not re.search(rf"\b{name}\b", text)]
    assert missing == []


@pytest.mark.parametrize(
    ("named", "made"),
    [("policies", NAMES), ("plans", BUILT_IN), ("goals", GOALS), ("targets", TARGETS), ("agents", AGENTS)],
)
def test_a_list_of_names_holds_what_there_is(named: str, made: Iterable[str]) -> None:
    """The lists stand apart from what they name, so that help need not load it."""
    assert names_in(named) == tuple(made)


def test_the_list_of_commands_says_what_their_help_says() -> None:
    group = typer.main.get_command(app)
    for name, verb in VERBS.items():
        command = group.get_command(None, name)
        assert " ".join(command.help.partition("\n\n")[0].split()) == verb.help


@pytest.mark.parametrize("command", sorted({command for command, _, _ in LISTED}))
def test_no_mark_of_a_registry_is_left_in_the_help(command: str) -> None:
    assert not re.search(r"\{[a-z]+\}", " ".join(help_of(command).values()))


@pytest.mark.parametrize(
    ("offered", "names"),
    [
        (scenario_names, shipped_scenarios()),
        (policy_names, NAMES),
        (goal_names, GOALS),
        (agent_names, AGENTS),
    ],
)
def test_the_shell_offers_the_same_names(offered: Callable[[str], list[str]], names: Iterable[str]) -> None:
    assert offered("") == list(names)
    first = next(iter(names))
    assert first in offered(first[:2])
    assert offered("no such name") == []
