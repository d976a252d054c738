"""``xbopt train``: let an agent learn a scenario."""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xbopt.cli.completion import agent_names, scenario_names
from xbopt.cli.options import EngineOption, JsonOption, SetOption, WorkersOption
from xbopt.cli.terminal import print_json, result_console, say, table, terminal_numbers
from xbopt.cli.train_seeds import print_seeds, seeds_json, seeds_trained
from xbopt.core.errors import UsageError

if TYPE_CHECKING:
    from xbopt.agents.final_figures import FinalFigures
    from xbopt.agents.seeds import Asked
    from xbopt.agents.training import TrainingProgress, TrainingSummary
    from xbopt.core.scenario.scenario import Scenario

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[smh]?)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DEFAULT_STEPS, _DEFAULT_SECONDS = 200_000, 900.0


def train_command(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO",
            help="A YAML file, the name of a shipped scenario, or that of a task card (quickstart-v0).",
            autocompletion=scenario_names,
        ),
    ],
    agent: Annotated[str, typer.Option("--agent", help="Who learns: {agents}.", autocompletion=agent_names)],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; new, unless --resume is given.")],
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="Decisions to learn from, branches included."),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            "--time-limit",
            metavar="TIME",
            help="Stop after a time such as 90s, 10m or 2h; planning counts, the final test does not. No limit: "
            "15m or 200,000 decisions.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed and steps, same policy.")] = 0,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            min=1,
            max=1000,
            help="Train so many runs, from --seed on, by --workers side by side, each with the whole limit of steps "
            "and time as its own. The best on validation worlds that are the same for all is the run of --out.",
        ),
    ] = 1,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    plan: Annotated[
        str | None,
        typer.Option(
            "--plan",
            help="What decisions are relative to: {plans}, or a plan's CSV file. ppo learns around the plan, a bandit "
            "around its re-planner; with replan:PLAN both do. The default, planner, is re-planned for both.",
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
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the run in --out, or with all of several that are not finished."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train an agent on a scenario, and keep its best policy on worlds that it never trained on."""
    from xbopt.core.scenario.loading import load_scenario
    from xbopt.studies.cards import shipped_cards

    seconds = None if time_limit is None else _seconds(time_limit)
    if seeds == 1 and (engine != "local" or workers is not None):
        raise UsageError("--engine and --workers share out the runs of several seeds: add --seeds N.")
    is_card = scenario in shipped_cards()
    if is_card:
        loaded, steps = _of_card(scenario, steps, seeds, changes)
    else:
        loaded = load_scenario(scenario, overrides=changes or [])
        if steps is None and seconds is None:
            steps, seconds = _DEFAULT_STEPS, _DEFAULT_SECONDS
    asked: Asked = {
        "steps": steps,
        "time_limit_seconds": seconds,
        "seed": seed,
        "plan": plan,
        "options": _options(options or []),
    }
    if seeds > 1:
        of_all = seeds_trained(loaded, agent, out, asked, seeds, engine, workers, resume=resume)
        summary = of_all.best.summary
    else:
        of_all, summary = None, _trained(loaded, agent, out, asked, resume=resume)
    if as_json:
        told = {} if of_all is None else {"seed": of_all.best.seed, "seeds": seeds_json(of_all)}
        print_json(_as_json(loaded, agent, seed, out, summary) | told)
    else:
        if of_all is not None:
            print_seeds(of_all, agent, loaded.base_currency)
        _print_summary(loaded, agent, summary)
    say(f"Run: {out}. Play its policy: xbopt simulate {loaded.name if is_card else scenario} --policy {out}")
    if is_card:
        say(f'Judge it in the test worlds of the card: evaluate_agent("{out}", "{scenario}") in Python.')


def _trained(scenario: "Scenario", agent: str, out: Path, asked: "Asked", *, resume: bool) -> "TrainingSummary":
    """One run."""
    from xbopt.agents.training import train

    try:
        with _bar(f"{scenario.name}, {agent}", scenario.base_currency) as on_progress:
            return train(scenario, agent, out, **asked, resume=resume, on_progress=on_progress)
    except KeyboardInterrupt:
        if any((out / "checkpoints").glob("*")):
            say(f"Go on from the last evaluation by the same command with --resume (--out {out}).")
        elif not (out / "config.yaml").is_file():
            say(f"Interrupted while planning: nothing was begun, and nothing written to {out}.")
        else:
            say(f"Interrupted before the first evaluation: nothing was learnt. Remove {out}, or name another folder.")
        raise


def _of_card(name: str, steps: int | None, seeds: int, changes: list[str] | None) -> "tuple[Scenario, int]":
    """The scenario of a card, and the steps of a run: no more than its budget for all runs together."""
    from xbopt.studies.cards import load_card

    if changes:
        raise UsageError(f"{name} is frozen: a card takes no --set. Name its scenario instead.")
    card = load_card(name)
    if steps is not None and steps * seeds > card.steps:
        whole = f"--steps {steps}" if seeds == 1 else f"--steps {steps} for each of {seeds} seeds"
        raise UsageError(f"{whole} is more than the budget of {name}, {card.steps:,} decisions.")
    return card.training_scenario(), steps or card.steps // seeds


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
def _bar(label: str, currency: str) -> "Generator[Callable[[TrainingProgress], None]]":
    """Progress on stderr: a bar where somebody watches, else a line each evaluation."""
    import sys

    numbers = terminal_numbers(currency)

    def standing(at: "TrainingProgress") -> str:
        left = "" if at.seconds_left != at.seconds_left else f", {at.seconds_left:,.0f} s left"
        gain, best = (numbers.number(amount, "money", symbol=False) for amount in (at.gain_base, at.best_gain_base))
        return f"validation gain {gain}, of the kept policy {best}{left}"

    if not sys.stderr.isatty():
        yield lambda at: say(f"{label}: {at.steps:,} decisions, {standing(at)}")
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
        task = bar.add_task(label, total=1.0, standing="planning")
        yield lambda at: bar.update(task, completed=at.done_frac, standing=standing(at))


def _as_json(scenario: "Scenario", agent: str, seed: int, out: Path, summary: "TrainingSummary") -> dict[str, object]:
    from dataclasses import asdict

    return {
        "scenario": {"name": scenario.name, "hash": scenario.hash, "base_currency": scenario.base_currency},
        "agent": agent,
        "seed": seed,
        "run": str(out),
        "keeps_anchor": summary.keeps_anchor,
        **asdict(summary),
    }


def _print_summary(scenario: "Scenario", agent: str, summary: "TrainingSummary") -> None:
    console, numbers = result_console(), terminal_numbers(scenario.base_currency)

    def money(amount: float) -> str:
        return numbers.number(amount, "money", symbol=False)

    anchor = summary.anchor or summary.plan
    # What is kept where nothing was better is the anchor: its gain over the plan is not the agent's.
    own = anchor if summary.keeps_anchor else agent
    if summary.keeps_anchor:
        console.print(
            f"The policy of this run is {anchor} itself: {agent} found nothing that was shown to be better. More time, "
            "or another encoding (docs/training.md).",
            markup=False,
        )
    console.print(
        f"{scenario.name}: {agent} learnt from {summary.steps:,} decisions; policy to beat: {anchor}; stopped: "
        f"{summary.stopped}.",
        markup=False,
    )
    made = table(
        f"Validation, {summary.validation_worlds} worlds",
        "",
        scenario.base_currency,
        "Standard error",
    )
    made.add_row(f"Reward of {summary.plan}", money(summary.plan_reward_base), "")
    if anchor != summary.plan:
        made.add_row(f"Reward of {anchor}", money(summary.anchor_reward_base), "")
        made.add_row(
            f"Gain of {own} over {summary.plan}", money(summary.over_plan_base), money(summary.over_plan_se_base)
        )
    made.add_row(f"Gain of {agent} over {anchor}", money(summary.gain_base), money(summary.gain_se_base))
    console.print(made)
    if summary.test is not None:
        _print_test(summary.test, scenario.base_currency, own)
    else:
        say(
            "No test worlds were played: test_worlds is 0, or the objective is margin alone. The validation figures "
            "above chose the policy, so they flatter it."
        )
    if summary.missed > 0.0:
        say(
            "No policy of this run meets the soft constraints on the validation worlds; the one that was kept misses "
            f"them by {summary.missed:.3g} of their scale. More steps help, or a lower floor."
        )
    if not summary.keeps_anchor and not summary.gain_base > summary.tolerance_base:
        say(f"Nothing was shown to be better than {anchor}: more time, or another encoding (docs/training.md).")


def _print_test(test: "FinalFigures", currency: str, own: str) -> None:
    """The test worlds' figures; ``own`` is the policy that was kept, be it the agent's or the one it began with."""
    numbers = terminal_numbers(currency)

    def money(amount: float) -> str:
        return numbers.number(amount, "money", symbol=False)

    made = table(f"Test, {test.worlds} worlds that chose nothing", "", currency, f"{own} ahead by", "95 %", "Verdict")
    for name, reward in test.reward_base.items():
        ahead = test.ahead.get(name)
        if ahead is None:
            made.add_row(f"Reward of {own}", money(reward), "", "", "")
        elif name != own:
            between = f"{money(ahead.low)} to {money(ahead.high)}"
            made.add_row(f"Reward of {name}", money(reward), money(ahead.mean), between, ahead.verdict)
    result_console().print(made)
