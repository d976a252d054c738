"""``xbopt train``: let an agent learn a scenario."""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xbopt.cli.completion import agent_names
from xbopt.cli.options import JsonOption, ScenarioArgument, SetOption
from xbopt.cli.terminal import print_json, result_console, say, table, terminal_numbers
from xbopt.core.errors import UsageError

if TYPE_CHECKING:
    from xbopt.agents.training import TrainingProgress, TrainingSummary
    from xbopt.core.scenario.scenario import Scenario

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[smh]?)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DEFAULT_STEPS = 200_000


def train_command(
    scenario: ScenarioArgument,
    agent: Annotated[str, typer.Option("--agent", help="Who learns: {agents}.", autocompletion=agent_names)],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; new, unless --resume is given.")],
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="Decisions to learn from, worlds times steps. Without a limit: 200,000."),
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option("--time-limit", metavar="TIME", help="Stop after a time such as 90s, 10m or 2h.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed and steps, same policy.")] = 0,
    plan: Annotated[
        str | None,
        typer.Option(
            "--plan",
            help="Built-in plan that decisions are relative to: {plans}. [default: planner]",
            show_default=False,
        ),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="NAME=VALUE", help="A setting of the agent; repeatable; see docs/training.md."
        ),
    ] = None,
    changes: SetOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train an agent on a scenario, and keep its best policy on worlds that it never trained on."""
    from xbopt.agents.training import train
    from xbopt.core.scenario.loading import load_scenario

    seconds = None if time_limit is None else _seconds(time_limit)
    if steps is None and seconds is None:
        steps = _DEFAULT_STEPS
    loaded = load_scenario(scenario, overrides=changes or [])
    with _bar(f"{loaded.name}, {agent}", loaded.base_currency, quiet=as_json) as on_progress:
        summary = train(
            loaded,
            agent,
            out,
            steps=steps,
            time_limit_seconds=seconds,
            seed=seed,
            plan=plan,
            options=_options(options or []),
            resume=resume,
            on_progress=on_progress,
        )
    if as_json:
        print_json(_as_json(loaded, agent, seed, out, summary))
    else:
        _print_summary(loaded, agent, summary)
    say(f"Run: {out}. Play its policy: xbopt simulate {scenario} --policy {out}")


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match["number"]) * _SECONDS[match["unit"]] if match else 0.0
    if seconds <= 0.0:
        raise UsageError(f"--time-limit {text}: a time such as 90s, 10m or 2h is wanted.")
    return seconds


def _options(texts: list[str]) -> dict[str, object]:
    options: dict[str, object] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise UsageError(f"--option {text}: write NAME=VALUE, as in learning_rate=0.001.")
        options[name] = value
    return options


@contextmanager
def _bar(label: str, currency: str, *, quiet: bool) -> "Generator[Callable[[TrainingProgress], None]]":
    """A progress bar on stderr with gain, share of the plan and time left; silent where nobody watches."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(label),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TextColumn("{task.fields[standing]}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        numbers = terminal_numbers(currency)
        task = bar.add_task(label, total=1.0, standing="playing the plan")

        def update(at: "TrainingProgress") -> None:
            left = "" if at.seconds_left != at.seconds_left else f", {at.seconds_left:,.0f} s left"
            gain = numbers.number(at.gain_base, "money", symbol=False)
            words = f"gain {gain}, {numbers.share(at.share_of_plan)} of the plan{left}"
            bar.update(task, completed=at.done_frac, standing=words)

        yield update


def _as_json(scenario: "Scenario", agent: str, seed: int, out: Path, summary: "TrainingSummary") -> dict[str, object]:
    return {
        "scenario": {"name": scenario.name, "hash": scenario.hash, "base_currency": scenario.base_currency},
        "agent": agent,
        "seed": seed,
        "run": str(out),
        **{name: getattr(summary, name) for name in summary.__slots__},
    }


def _print_summary(scenario: "Scenario", agent: str, summary: "TrainingSummary") -> None:
    console = result_console()
    console.print(
        f"{scenario.name}: {agent} learnt from {summary.steps:,} decisions; stopped: {summary.stopped}.", markup=False
    )
    made = table(
        f"On {summary.held_out_worlds} worlds that training never played", "", scenario.base_currency, "Standard error"
    )
    reward, gain, error = (
        terminal_numbers(scenario.base_currency).number(amount, "money", symbol=False)
        for amount in (summary.plan_reward_base, summary.gain_base, summary.gain_se_base)
    )
    made.add_row(f"Reward of {summary.plan}", reward, "")
    made.add_row(f"Gain of {agent}", gain, error)
    console.print(made)
    if summary.missed > 0.0:
        say(
            "No policy of this run meets the soft constraints on these worlds; the one that was kept misses "
            f"them by {summary.missed:.3g} of their scale. More steps help, or a lower floor."
        )
    if summary.gain_base <= 0.0:
        say(f"The best policy is no better than {summary.plan}: more steps, or another encoding (docs/training.md).")
