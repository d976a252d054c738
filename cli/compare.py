"""``xbopt compare``: policies in the same worlds with the same luck."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xbopt.cli.options import HtmlOption, JsonOption, ScenarioArgument, SetOption, WorldSeedOption, check_outputs
from xbopt.cli.terminal import print_json, result_console, say, stage_bar, table, written
from xbopt.core.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from xbopt.studies.compare import ComparedPolicy, ComparisonResult
    from xbopt.studies.paired import PairedDifference


def compare_command(
    scenario: ScenarioArgument,
    policies: Annotated[
        str,
        typer.Option(
            "--policies",
            metavar="P1,P2,...",
            help="Built-in policies by name, and plans by their CSV file. The others are compared with the first; all "
            "built-in ones take part in any case.",
        ),
    ] = "baseline",
    runs: Annotated[int, typer.Option("--runs", min=2, max=100_000, help="Worlds to play.")] = 256,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")] = 0,
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
    report: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare policies on the same worlds: paired differences with intervals, and how near each comes to the best."""
    from xbopt.core.scenario.loading import load_scenario
    from xbopt.core.scenario.notes import scenario_notes
    from xbopt.studies.compare import compare

    check_outputs({"--report": (report, ".html")}, source=Path(scenario))
    names = [name.strip() for name in policies.split(",") if name.strip()]
    if not names:
        raise UsageError("--policies is empty; name at least one policy, as in --policies baseline,planner.")
    loaded = load_scenario(scenario, overrides=changes or [])
    for note in scenario_notes(loaded):
        say(f"Note: {note}")
    with stage_bar(quiet=as_json) as progress:
        result = compare(
            loaded,
            names,
            runs=runs,
            seed=seed,
            world_seed=world_seed,
            oracle_worlds=oracle_worlds,
            progress=progress,
        )
    if as_json:
        from xbopt.reports.comparison.document import comparison_json

        print_json(comparison_json(result))
    else:
        _print_comparison(result)
    if report is not None:
        from xbopt.reports.comparison.page import comparison_content
        from xbopt.reports.comparison.report import build_comparison_report
        from xbopt.reports.kit.page import write_html

        write_html(comparison_content(build_comparison_report(result)), report)
        say(f"Report: {report}")


def _print_comparison(result: "ComparisonResult") -> None:
    from xbopt.reports.comparison.words import (
        comparison_verdict,
        gap_sentence,
        ranked,
        reward_sentence,
        runner_up_sentence,
    )
    from xbopt.reports.kit.numbers import NumberFormat

    scenario, money = result.scenario, result.scenario.base_currency
    numbers = NumberFormat(locale="en", currency=money)
    console = result_console()
    console.print(f"{scenario.name}: {scenario.title}", markup=False)
    sentences = (comparison_verdict, runner_up_sentence, reward_sentence, gap_sentence)
    console.print(" ".join(filter(None, (sentence(result, numbers) for sentence in sentences))), markup=False)
    console.print(
        f"{result.runs:,} worlds, seed {result.seed}; all policies meet the same worlds and the same luck; "
        f"money in {money}",
        markup=False,
    )
    for measure, title in (("contribution_margin", "Contribution margin"), ("reward", "With change of customer value")):
        console.print(_measure_table(result, ranked(result), measure, title))
    for note in result.notes:
        console.print(f"Note: {note}", markup=False)


def _measure_table(result: "ComparisonResult", rows: "list[ComparedPolicy]", measure: str, title: str) -> "Table":
    share = f"{result.confidence:.0%}"
    first = result.first.name
    made = table(
        title, "Policy", "Mean", f"Less {first}", f"{share} interval", "Ahead in", "Verdict", "Gap closed", share
    )
    for policy in rows:
        difference = policy.difference[measure]
        is_first = policy.name == first
        made.add_row(
            policy.name,
            written(float(policy.values[measure].mean()), "money"),
            "-" if is_first else written(difference.mean, "money"),
            "-" if is_first else _interval(difference),
            "-" if is_first else f"{difference.beats:.0%}",
            "-" if is_first else difference.verdict,
            *_gap_cells(policy, measure),
        )
    return made


def _interval(difference: "PairedDifference") -> str:
    return f"{written(difference.low, 'money')} .. {written(difference.high, 'money')}"


def _gap_cells(policy: "ComparedPolicy", measure: str) -> tuple[str, str]:
    if policy.gap_closed is None:
        return "-", "-"
    gap = policy.gap_closed[measure]
    return written(gap.value, "ratio"), f"{written(gap.low, 'ratio')} .. {written(gap.high, 'ratio')}"
