"""``xbopt sweep``: do one thing at many points of a scenario."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xbopt.cli.options import EngineOption, JsonOption, WorkersOption, at_once
from xbopt.cli.terminal import (
    cost_teller,
    figures_table,
    print_json,
    result_console,
    say,
    stage_bar,
    terminal_numbers,
)
from xbopt.core.errors import UsageError

if TYPE_CHECKING:
    from xbopt.studies.sweep_file import Sweep
    from xbopt.studies.sweep_rows import SweepResult, SweepRow

MANY_POINTS = 1000
_PRINTED = 20
_REPORT = "report.html"


def sweep_command(
    file: Annotated[Path, typer.Argument(metavar="SWEEP.yaml", help="The sweep file; docs/scale.md shows one.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the sweep; new, unless --resume is given.")],
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the sweep in --out; what is done stays.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help=f"Do more than {MANY_POINTS:,} points without asking.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Do one thing at many points of a scenario: a grid, a list or a Sobol design of its values, with every seed."""
    from xbopt.reports.kit.page import write_html
    from xbopt.reports.sweep import sweep_content, sweep_json
    from xbopt.studies.sweep import TABLE, sweep
    from xbopt.studies.sweep_file import read_sweep

    asked = read_sweep(file)
    points = len(asked.points)
    if points > MANY_POINTS and not yes:
        raise UsageError(
            f"{file} asks for {points:,} points, more than {MANY_POINTS:,}. If that is meant, add --yes; --resume goes "
            "on with a sweep that was stopped."
        )
    say(_extent(asked))
    with stage_bar(quiet=as_json, lines=True) as on_progress:
        tell = cost_teller(on_progress, at_once(engine, workers), one="point", many="points")

        def on_row(row: "SweepRow", done: int, total: int) -> None:
            tell(row.seconds, done, total)

        result = sweep(asked, out, engine=engine, workers=workers, resume=resume, on_row=on_row)
    page = out / _REPORT
    write_html(sweep_content(result), page)
    files = {"table": out / TABLE, "report": page}
    if result.done_before:
        say(f"{result.done_before:,} of {points:,} points were done before.")
    if as_json:
        print_json(sweep_json(result, files))
    else:
        _print(result)
    say(f"Table: {files['table']}")
    say(f"Report: {page}")


def _extent(asked: "Sweep") -> str:
    """How much there is to do, before anything is done."""
    document, points = asked.document, len(asked.points)
    seeds = len(document.seeds)
    times = f" ({points // seeds:,} times {seeds} seeds)" if seeds > 1 else ""
    parameters = ", ".join(document.design.parameters)
    return f"{points:,} points{times} of {parameters}; at each: {document.run.command}, {document.run.runs:,} worlds."


def _print(result: "SweepResult") -> None:
    from dataclasses import replace

    from xbopt.reports.sweep import effects_table, points_table, sweep_sentences

    scenario = result.scenario
    console, numbers = result_console(), terminal_numbers(scenario.base_currency)
    console.print(f"{scenario.name}: {scenario.title}", markup=False)
    for line in sweep_sentences(result, numbers):
        console.print(line, markup=False)
    console.print(f"Money in {scenario.base_currency}; standard errors are over worlds.", markup=False)
    table = points_table(result)
    # A terminal has no room for more standard errors than that of the first figure.
    beside = {f"{name}_se" for name in result.sweep.document.figures[1:]}
    used = [any(row[i] for row in table.rows) for i in range(len(table.columns))]
    columns = (column for column, is_used in zip(table.columns, used, strict=True) if is_used)
    shown = {column.key: column.name for column in columns if column.key not in beside}
    console.print(figures_table(replace(table, rows=table.rows[:_PRINTED]), numbers, heads=shown))
    if len(result.rows) > _PRINTED:
        console.print(f"{len(result.rows) - _PRINTED:,} more points stand in table and report.", markup=False)
    console.print(figures_table(effects_table(result), numbers))
