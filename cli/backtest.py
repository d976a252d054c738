"""``xbopt backtest``: what really came, against what a scenario expected."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xbopt.cli.completion import policy_names
from xbopt.cli.options import (
    HtmlOption,
    JsonOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    check_outputs,
    load_with_notes,
)
from xbopt.cli.terminal import figures_table, print_json, result_console, say, stage_bar, terminal_numbers

if TYPE_CHECKING:
    from xbopt.calibration.backtest.backtest import Backtest


def backtest_command(
    scenario: ScenarioArgument,
    data: Annotated[
        Path, typer.Argument(metavar="DATA_DIR", help="Folder made by xbopt import, or a panel's Parquet file.")
    ],
    plan: Annotated[
        str,
        typer.Option(
            "--plan",
            help="What was planned: {policies}, or a plan's file.",
            autocompletion=policy_names,
        ),
    ] = "baseline",
    refit: Annotated[
        Literal["level", "market"],
        typer.Option(
            "--refit",
            help="What is fitted anew before each rolling forecast: the level of orders by region (seconds), or the "
            "whole market (minutes), which alone can prove something about days before the horizon.",
        ),
    ] = "level",
    windows: Annotated[int, typer.Option("--windows", min=0, max=26, help="Most rolling forecasts of 8 weeks.")] = 4,
    tests: Annotated[
        Path | None, typer.Option("--tests", help="CSV file of lift tests; each is predicted without itself.")
    ] = None,
    runs: Annotated[int, typer.Option("--runs", min=2, max=10_000, help="Worlds behind each band.")] = 128,
    world: Annotated[
        int | None, typer.Option("--world", min=0, help="Which world of a simulated panel is taken.")
    ] = None,
    seed: SeedOption = 0,
    changes: SetOption = None,
    report: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what really came with what a scenario expected: where it differs and why, and whether to trust it."""
    from xbopt.calibration.backtest.backtest import backtest

    check_outputs({"--report": (report, ".html")}, source=Path(scenario))
    loaded = load_with_notes(scenario, changes)
    with stage_bar(quiet=as_json, lines=True) as on_progress:
        result = backtest(
            loaded,
            data,
            plan=plan,
            refit=refit,
            windows=windows,
            tests=tests,
            runs=runs,
            seed=seed,
            world=world,
            on_progress=on_progress,
        )
    if as_json:
        from xbopt.reports.backtest.document import backtest_json

        print_json(backtest_json(result))
    else:
        _print(result)
    if report is not None:
        _write_report(result, report, quiet=as_json)


def _print(result: "Backtest") -> None:
    from xbopt.reports.backtest.tables import cause_table, score_table, test_table, total_table
    from xbopt.reports.backtest.words import backtest_sentences

    scenario = result.scenario
    console, numbers = result_console(), terminal_numbers(scenario.base_currency)
    console.print(f"{scenario.name}: {scenario.title}", markup=False)
    for sentence in backtest_sentences(result, numbers):
        console.print(sentence, markup=False)
    if result.held_out is not None:
        console.print(figures_table(total_table(scenario, result.held_out), numbers))
        console.print(figures_table(cause_table(scenario, result.held_out), numbers))
    for source in (score_table(result), test_table(result)):
        if source.rows:
            console.print(figures_table(source, numbers))


def _write_report(result: "Backtest", report: Path, *, quiet: bool) -> None:
    from xbopt.reports.backtest.page import backtest_content
    from xbopt.reports.kit.page import write_html

    with stage_bar(quiet=quiet, lines=True) as on_progress:
        on_progress("page", 0, 0)
        write_html(backtest_content(result), report)
    say(f"Report: {report}")
