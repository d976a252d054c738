"""``xbopt compare``: policies in the same worlds with the same luck."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xbopt.cli.completion import policy_names
from xbopt.cli.options import (
    EngineOption,
    HtmlOption,
    JsonOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    WorkersOption,
    WorldSeedOption,
    check_outputs,
    load_with_notes,
)
from xbopt.cli.terminal import figures_table, print_json, result_console, say, stage_bar, terminal_numbers
from xbopt.core.errors import UsageError

if TYPE_CHECKING:
    from xbopt.studies.compare import ComparisonResult


def compare_command(
    scenario: ScenarioArgument,
    policies: Annotated[
        str,
        typer.Option(
            "--policies",
            metavar="P1,P2,...",
            help="Built-in policies ({policies}), plans by their CSV file, and run folders (xbopt train), named by "
            "folder in the table. The others are compared with the first; all built-in ones take part in any case.",
            autocompletion=policy_names,
        ),
    ] = "baseline",
    runs: Annotated[int, typer.Option("--runs", min=2, max=100_000, help="Worlds to play.")] = 256,
    seed: SeedOption = 0,
    world_seed: WorldSeedOption = None,
    oracle_worlds: Annotated[
        int,
        typer.Option(
            "--oracle-worlds",
            min=0,
            max=256,
            help="Ask the planner that knows each world's parameters in so many of the worlds; 0 is fast.",
        ),
    ] = 64,
    changes: SetOption = None,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    report: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare policies on the same worlds: paired differences with intervals, and how near each comes to the best."""
    from xbopt.studies.compare import compare

    check_outputs({"--report": (report, ".html")}, source=Path(scenario))
    names = [name.strip() for name in policies.split(",") if name.strip()]
    if not names:
        raise UsageError("--policies is empty; name at least one policy, as in --policies baseline,planner.")
    loaded = load_with_notes(scenario, changes)
    with stage_bar(quiet=as_json) as on_progress:
        result = compare(
            loaded,
            names,
            runs=runs,
            seed=seed,
            world_seed=world_seed,
            oracle_worlds=oracle_worlds,
            engine=engine,
            workers=workers,
            on_progress=on_progress,
        )
    if as_json:
        from xbopt.reports.comparison.document import comparison_json

        print_json(comparison_json(result))
    else:
        _print_comparison(result)
    if report is not None:
        _write_report(result, report, quiet=as_json)


def _write_report(result: "ComparisonResult", report: Path, *, quiet: bool) -> None:
    from xbopt.reports.comparison.page import comparison_content
    from xbopt.reports.comparison.report import build_comparison_report
    from xbopt.reports.kit.page import write_html

    with stage_bar(quiet=quiet) as on_progress:
        on_progress("page", 0, 0)
        write_html(comparison_content(build_comparison_report(result)), report)
    say(f"Report: {report}")


def _print_comparison(result: "ComparisonResult") -> None:
    from xbopt.reports.comparison.report import difference_table
    from xbopt.reports.comparison.words import MEASURE_WORDS, comparison_sentences

    scenario, money = result.scenario, result.scenario.base_currency
    console, numbers = result_console(), terminal_numbers(money)
    console.print(f"{scenario.name}: {scenario.title}", markup=False)
    console.print(" ".join(comparison_sentences(result, numbers)), markup=False)
    console.print(
        f"{numbers.count(result.runs)} worlds, seed {result.seed}; all policies meet the same worlds and the same "
        f"luck; money in {money}; low and high are the ends of {numbers.level(result.confidence)} intervals",
        markup=False,
    )
    heads = {
        "policy": "Policy",
        "mean": "Mean",
        "difference": f"Less {result.first.name}",
        "low": "Low",
        "high": "High",
        "beats": "Ahead in",
        "verdict": "Verdict",
        "gap": "Gap closed",
        "gap_low": "Low",
        "gap_high": "High",
    }
    for measure, words in MEASURE_WORDS.items():
        source = replace(difference_table(result, measure), title=f"{words[0].upper()}{words[1:]}")
        console.print(figures_table(source, numbers, heads=heads))
    for note in result.notes:
        console.print(f"Note: {note}", markup=False)
