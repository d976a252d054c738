"""``xbopt what-if``: changes in words, and what they do to a plan that is kept and to one that is made anew."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from xbopt.cli.completion import CommandWithNames, policy_names
from xbopt.cli.options import JsonOption, ScenarioArgument, SeedOption, SetOption, WorldSeedOption, load_with_notes
from xbopt.cli.terminal import (
    figures_table,
    print_json,
    print_warnings,
    result_console,
    stage_bar,
    terminal_numbers,
)

if TYPE_CHECKING:
    from xbopt.studies.what_if import WhatIfResult


class CommandWithForms(CommandWithNames):
    """A command whose help lists the forms of words that are understood."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer exports neither type
        """The text of the help, then the forms."""
        from xbopt.studies.changes import FORMS

        super().format_help_text(ctx, formatter)
        with formatter.section("Changes"):
            formatter.write_dl([(form.words, form.meaning) for form in FORMS])


def what_if_command(
    scenario: ScenarioArgument,
    changes: Annotated[list[str], typer.Argument(metavar="CHANGE", help="Changes in words, each in quotes.")],
    plan: Annotated[
        str,
        typer.Option(
            "--plan",
            help="The plan that is kept: {policies}; a plan's CSV file; or a training run's folder.",
            autocompletion=policy_names,
        ),
    ] = "baseline",
    runs: Annotated[int, typer.Option("--runs", min=2, max=100_000, help="Worlds to play.")] = 64,
    seed: SeedOption = 0,
    world_seed: WorldSeedOption = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask what a change would do, in the same worlds: to the plan as it is, and to one made anew."""
    from xbopt.studies.what_if import what_if

    loaded = load_with_notes(scenario, sets)
    with stage_bar(quiet=as_json) as on_progress:
        result = what_if(
            loaded, changes, plan=plan, runs=runs, seed=seed, world_seed=world_seed, on_progress=on_progress
        )
    if as_json:
        from xbopt.reports.what_if import what_if_json

        print_json(what_if_json(result))
    else:
        _print(result)


def _print(result: "WhatIfResult") -> None:
    from xbopt.reports.change_words import meaning_lines
    from xbopt.reports.what_if import change_sentence, cut_lines, today_sentence, what_if_table
    from xbopt.simulator.build import build_market

    scenario = result.scenario
    console, numbers = result_console(), terminal_numbers(scenario.base_currency)
    print_warnings(console, build_market(scenario))
    for line in cut_lines(result, numbers):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"{scenario.name}: {scenario.title}", markup=False)
    console.print(today_sentence(result, numbers), markup=False)
    for one in result.changes:
        console.print(change_sentence(one, numbers), markup=False)
    console.print(figures_table(what_if_table(result, numbers), numbers))
    console.print("What was changed, by path in --json:")
    for one in result.changes:
        for line in meaning_lines(one, numbers):
            console.print(f"  {one.change.text}: {line}", markup=False)
