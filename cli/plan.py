"""``xbopt plan``: make the plan of a strong planner, and read what it rests on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xbopt.cli.completion import goal_names
from xbopt.cli.options import (
    HtmlOption,
    JsonOption,
    ScenarioArgument,
    SetOption,
    XlsxOption,
    check_outputs,
    load_with_notes,
)
from xbopt.cli.terminal import (
    figures_table,
    print_json,
    print_marginals,
    print_trade_rules,
    print_warnings,
    result_console,
    say,
    stage_bar,
    table,
    terminal_numbers,
    write_files,
)
from xbopt.core.errors import BudgetError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from xbopt.core.arrays import FloatArray
    from xbopt.core.scenario.scenario import Scenario
    from xbopt.reports.kit.numbers import NumberFormat
    from xbopt.simulator.parameters import MarketParameters
    from xbopt.studies.plan import PlanningResult
    from xbopt.studies.value_of_information import ValueOfInformation

_MOST_LIMITS = 12


def plan_command(
    scenario: ScenarioArgument,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write the plan to this file, day by day: .csv or .xlsx.")
    ] = None,
    own: Annotated[
        bool, typer.Option("--own", help="Write the scenario's own plan to --out, to start from; nothing is planned.")
    ] = False,
    goal: Annotated[
        str | None,
        typer.Option(
            "--goal",
            help="What to make as large as possible: {goals}. [default: reward]",
            autocompletion=goal_names,
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="KPI=VALUE",
            help="Reach so much, and give up as little as can be for it: {targets}. Of cpa, at most so much.",
        ),
    ] = None,
    give_up: Annotated[
        Literal["reward", "margin", "cost"],
        typer.Option("--give-up", help="What a target is to cost little of; cost is media and discounts."),
    ] = "reward",
    risk: Annotated[
        float,
        typer.Option(
            "--risk",
            metavar="L",
            min=0.0,
            max=10.0,
            help="Plan for the mean over worlds less L times its gap to the mean of the worst tenth.",
        ),
    ] = 0.0,
    resolution: Annotated[
        Literal["day", "week", "four_weeks"] | None,
        typer.Option("--resolution", help="Length of a plan cell; chosen by the scenario's size if left out."),
    ] = None,
    bookable: Annotated[
        bool,
        typer.Option("--bookable", help="Bring the plan into amounts that can be booked, by budget.bookable."),
    ] = False,
    changes: SetOption = None,
    report: HtmlOption = None,
    xlsx: XlsxOption = None,
    runs: Annotated[int, typer.Option("--runs", min=1, max=100_000, help="Worlds of report and workbook.")] = 64,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of these worlds.")] = 0,
    worth_knowing: Annotated[
        bool,
        typer.Option("--worth-knowing", help="Say what knowing each uncertain parameter is worth; the report does so."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Plan a campaign: where, when and how much to spend, what discounts to give, and what holds the plan back."""
    from xbopt.agents.planner.aims import Target
    from xbopt.reports.plan.document import infeasible_json, planning_json
    from xbopt.simulator.build import build_market
    from xbopt.studies.plan import plan

    outputs = {"--out": (out, ".csv,.xlsx"), "--report": (report, ".html"), "--xlsx": (xlsx, ".xlsx")}
    check_outputs(outputs, source=Path(scenario))
    wanted = None if target is None else Target.parse(target)
    if own:
        options = {
            "--target": target,
            "--goal": goal,
            "--risk": risk or None,
            "--bookable": bookable or None,
            "--worth-knowing": worth_knowing or None,
            "--report": report,
            "--xlsx": xlsx,
            "--json": as_json or None,
        }
        _check_own(out, [option for option, value in options.items() if value is not None])
    if wanted is not None and goal is not None:
        raise UsageError(f"--target {target} is reached at the least cost in --give-up; leave --goal {goal} out.")
    if wanted is not None and risk > 0.0:
        raise UsageError(f"--target {target} is kept in the average market; leave --risk {risk:g} out.")
    if wanted is None and give_up != "reward":
        raise UsageError(f"--give-up {give_up} says what a target is to cost little of; name one with --target.")
    if bookable and (wanted is not None or risk > 0.0):
        other = f"--risk {risk:g}" if wanted is None else f"--target {target}"
        raise UsageError(f"--bookable chooses amounts for a goal in the average market; leave {other} out.")
    chosen = goal or "reward"
    loaded = load_with_notes(scenario, changes)
    if own and out is not None:
        _write_own(scenario, loaded, out)
        return
    try:
        with stage_bar(quiet=as_json) as on_progress:
            on_progress(f"plan for {target or chosen}", 0, 0)
            result = plan(
                loaded,
                goal=chosen,
                target=wanted,
                give_up=give_up,
                risk=risk,
                resolution=resolution,
                bookable=bookable,
                on_progress=on_progress,
            )
    except BudgetError as error:
        if as_json:
            asked = None if wanted is None else (wanted.kpi, wanted.value)
            infeasible = infeasible_json(loaded, error, goal=chosen, target=asked)
            print_json({**infeasible, "vital_signs": _signs_json(build_market(loaded))})
        raise
    known = _known(result, seed=seed, quiet=as_json) if worth_knowing else None
    if as_json:
        signs = _signs_json(result.market)
        print_json({**planning_json(result, worth_knowing=known), "vital_signs": signs})
    else:
        _print_plan(result)
        if worth_knowing:
            _print_worth_knowing(result, known)
    if out is not None:
        from xbopt.core.scenario.plan_table import write_plan

        write_plan(result.campaign.schedule, loaded, out, in_account_currency=bookable)
        say(f"Plan: {out}. Play it: xbopt simulate {scenario} --policy {out}")
    elif not as_json:
        say(f"Next: xbopt plan {scenario} -o plan.xlsx --report plan.html writes it day by day and as a page.")
    _write_reports(result, report, xlsx, runs=runs, seed=seed, quiet=as_json)


def _signs_json(market: "MarketParameters") -> dict[str, object]:
    from xbopt.reports.simulation.vital_signs import warnings_json
    from xbopt.studies.vital_signs import vital_signs

    return warnings_json(vital_signs(market))


def _check_own(out: Path | None, others: list[str]) -> None:
    if out is None:
        raise UsageError("--own writes the scenario's own plan; say where: -o plan.csv or -o plan.xlsx.")
    if others:
        raise UsageError(f"--own plans nothing; leave {', '.join(others)} out.")


def _write_own(name: str, scenario: "Scenario", out: Path) -> None:
    """Write the plan that the scenario states, as it would be played within its limits."""
    from xbopt.core.scenario.plan_table import write_plan
    from xbopt.env.baseline_plan import scenario_plan
    from xbopt.simulator.build import build_market

    write_plan(scenario_plan(build_market(scenario)), scenario, out)
    say(f"The scenario's own plan: {out}. Change it and play it: xbopt simulate {name} --policy {out}")


def _write_reports(
    result: "PlanningResult", report: Path | None, xlsx: Path | None, *, runs: int, seed: int, quiet: bool
) -> None:
    if report is None and xlsx is None:
        return
    from xbopt.reports.plan.document import write_plan_xlsx
    from xbopt.reports.plan.page import plan_content
    from xbopt.reports.plan.report import build_plan_report
    from xbopt.studies.plan_review import review_plan

    with stage_bar(quiet=quiet) as on_progress:
        built = build_plan_report(review_plan(result, runs=runs, seed=seed, on_progress=on_progress))
        write_files(report, lambda: plan_content(built), xlsx, lambda file: write_plan_xlsx(built, file), on_progress)


def _known(result: "PlanningResult", *, seed: int, quiet: bool) -> "ValueOfInformation | None":
    from xbopt.studies.value_of_information import value_of_information

    with stage_bar(quiet=quiet) as on_progress:
        return value_of_information(result, seed=seed, on_progress=on_progress)


def _print_worth_knowing(result: "PlanningResult", known: "ValueOfInformation | None") -> None:
    from xbopt.reports.plan.worth_knowing import worth_knowing_sentence, worth_knowing_table

    console, numbers = result_console(), terminal_numbers(result.scenario.base_currency)
    console.print(worth_knowing_sentence(known, result, numbers), markup=False)
    shown = worth_knowing_table(known, result)
    if shown.rows:
        console.print(figures_table(shown, numbers))


def _print_plan(result: "PlanningResult") -> None:
    from xbopt.reports.plan.report import expected_table, limits_table
    from xbopt.reports.plan.words import (
        booking_sentence,
        lead_sentence,
        limit_lines,
        limits_sentence,
        plan_verdict,
        risk_sentence,
        sampled_sentence,
        spend_sentence,
        unpriced_reason,
    )
    from xbopt.studies.rules_in_force import rules_in_force

    scenario, money = result.scenario, result.scenario.base_currency
    console, numbers = result_console(), terminal_numbers(money)
    print_warnings(console, result.market)
    console.print(f"{scenario.name}: {scenario.title}", markup=False)
    console.print(plan_verdict(result, numbers), markup=False)
    console.print(sampled_sentence(result, numbers), markup=False)
    if said := lead_sentence(result, numbers):
        console.print(said, markup=False)
    console.print(spend_sentence(result, numbers), markup=False)
    if result.risk is not None:
        console.print(risk_sentence(result, numbers), markup=False)
    if result.booking is not None:
        console.print(booking_sentence(result, numbers), markup=False)
    console.print(_spend_table(result, numbers))
    console.print(figures_table(expected_table(result), numbers))
    lines = limit_lines(result, numbers)
    console.print(limits_sentence(lines, unpriced=unpriced_reason(result)), markup=False)
    if len(lines) > 1:
        heads = {"limit": "Limit", "allowed": f"Allowed, {money}", "words": "What more of it buys"}
        console.print(figures_table(limits_table(lines[:_MOST_LIMITS], result), numbers, heads=heads))
    if len(lines) > _MOST_LIMITS:
        console.print(f"{len(lines) - _MOST_LIMITS} more limits bind; --json and --report list them.")
    print_marginals(result.marginals, numbers, console)
    for note in result.notes:
        console.print(f"Note: {note}", markup=False)
    print_trade_rules(rules_in_force(scenario, result.planned.dutiable_by_day), money, console)


def _spend_table(result: "PlanningResult", numbers: "NumberFormat") -> "Table":
    from xbopt.studies.labels import axis_names

    regions, _, channels = axis_names(result.scenario)
    plan, before = (played.spend_base.sum(axis=1) for played in (result.planned, result.baseline))  # (R, C)
    title = f"Spend by region and channel, {result.scenario.base_currency}; in brackets the scenario's own plan"
    made = table(title, "", *channels, "All")

    def cells(spend: "FloatArray", other: "FloatArray") -> list[str]:
        pairs = [*zip(spend, other, strict=True), (spend.sum(), other.sum())]
        texts = [[numbers.number(float(x), "money", symbol=False) for x in pair] for pair in pairs]
        return [f"{own} ({theirs})" for own, theirs in texts]

    for r, region in enumerate(regions):
        made.add_row(region, *cells(plan[r], before[r]))
    made.add_section()
    made.add_row("All", *cells(plan.sum(axis=0), before.sum(axis=0)))
    return made
