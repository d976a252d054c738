"""``xbopt plan``: make the plan of a strong planner, and read what it rests on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xbopt.cli.options import HtmlOption, JsonOption, ScenarioArgument, SetOption, XlsxOption, check_outputs
from xbopt.cli.terminal import print_json, progress_bar, result_console, say, stage_bar, table, written
from xbopt.core.errors import BudgetError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from xbopt.core.arrays import FloatArray
    from xbopt.studies.plan import PlanningResult

_MOST_LIMITS = 12
_SHOWN = (
    "contribution_margin",
    "customer_value",
    "net_revenue",
    "media_spend",
    "discount_cost",
    "orders",
    "new_customers",
    "visits",
)


def plan_command(
    scenario: ScenarioArgument,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write the plan to this CSV file.")] = None,
    goal: Annotated[
        str | None,
        typer.Option(
            "--goal",
            help="What to make as large as possible: reward, contribution_margin, net_revenue, orders, new_customers "
            "or visits. [default: reward]",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="KPI=VALUE", help="Find the least spend that reaches so much of a goal."),
    ] = None,
    resolution: Annotated[
        Literal["day", "week", "four_weeks"] | None,
        typer.Option("--resolution", help="Length of a plan cell; chosen by the scenario's size if left out."),
    ] = None,
    changes: SetOption = None,
    report: HtmlOption = None,
    xlsx: XlsxOption = None,
    runs: Annotated[int, typer.Option("--runs", min=1, max=100_000, help="Worlds of report and workbook.")] = 64,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of these worlds.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Plan a campaign: where, when and how much to spend, what discounts to give, and what holds the plan back."""
    from xbopt.agents.planner.target import Target
    from xbopt.core.scenario.loading import load_scenario
    from xbopt.core.scenario.notes import scenario_notes
    from xbopt.reports.plan.document import infeasible_json, planning_json
    from xbopt.studies.plan import plan

    outputs = {"--out": (out, ".csv"), "--report": (report, ".html"), "--xlsx": (xlsx, ".xlsx")}
    check_outputs(outputs, source=Path(scenario))
    wanted = None if target is None else Target.parse(target)
    if wanted is not None and goal not in (None, wanted.kpi):
        raise UsageError(f"--target {target} brings its own goal; leave --goal {goal} out.")
    chosen = wanted.kpi if wanted is not None else goal or "reward"
    loaded = load_scenario(scenario, overrides=changes or [])
    for note in scenario_notes(loaded):
        say(f"Note: {note}")
    try:
        with progress_bar(f"{loaded.name}, {target or chosen}", quiet=as_json, of="budgets tried") as progress:
            result = plan(
                loaded, goal=chosen, target=wanted, resolution=resolution, progress=lambda tried: progress(tried, 0)
            )
    except BudgetError as error:
        if as_json:
            print_json(infeasible_json(loaded, error, goal=chosen, target=wanted))
        raise
    if as_json:
        print_json(planning_json(result))
    else:
        _print_plan(result)
    if out is not None:
        from xbopt.core.scenario.plan_table import write_plan

        write_plan(result.campaign.schedule, loaded, out)
        say(f"Plan: {out}. Play it: xbopt simulate {scenario} --policy {out}")
    _write_reports(result, report, xlsx, runs=runs, seed=seed, quiet=as_json)


def _write_reports(
    result: "PlanningResult", report: Path | None, xlsx: Path | None, *, runs: int, seed: int, quiet: bool
) -> None:
    if report is None and xlsx is None:
        return
    from xbopt.reports.plan.report import build_plan_report

    with stage_bar(quiet=quiet) as progress:
        built = build_plan_report(result, runs=runs, seed=seed, progress=progress)
    if report is not None:
        from xbopt.reports.kit.page import write_html
        from xbopt.reports.plan.page import plan_content

        write_html(plan_content(built), report)
        say(f"Report: {report}")
    if xlsx is not None:
        from xbopt.reports.plan.workbook import write_plan_xlsx

        write_plan_xlsx(built, xlsx)
        say(f"Workbook: {xlsx}")


def _print_plan(result: "PlanningResult") -> None:
    from xbopt.reports.kit.numbers import NumberFormat
    from xbopt.reports.plan.words import limit_prices, limits_sentence, plan_verdict, spend_sentence

    scenario, money = result.scenario, result.scenario.base_currency
    numbers = NumberFormat(locale="en", currency=money)
    console = result_console()
    console.print(f"{scenario.name}: {scenario.title}", markup=False)
    console.print(plan_verdict(result, numbers), markup=False)
    console.print(spend_sentence(result, numbers), markup=False)
    console.print(_spend_table(result))
    console.print(_expected_table(result))
    prices = limit_prices(result, numbers)
    console.print(limits_sentence(prices), markup=False)
    if len(prices) > 1:
        limits = table("Limits that bind", "Limit", f"Allowed, {money}", "What more of it buys")
        for row in prices[:_MOST_LIMITS]:
            limits.add_row(row.name, written(row.allowed_base, "money"), row.words)
        console.print(limits)
        if len(prices) > _MOST_LIMITS:
            console.print(f"{len(prices) - _MOST_LIMITS} more limits bind; --json and --report list them.")
    for note in result.notes:
        console.print(f"Note: {note}", markup=False)


def _spend_table(result: "PlanningResult") -> "Table":
    from xbopt.reports.simulation.allocation import names_of

    regions, _, channels = names_of(result.scenario)
    plan, before = (played.spend_base.sum(axis=1) for played in (result.planned, result.baseline))  # (R, C)
    title = f"Spend by region and channel, {result.scenario.base_currency}; in brackets the scenario's own plan"
    made = table(title, "", *channels, "All")

    def cells(own: "FloatArray", other: "FloatArray") -> list[str]:
        pairs = [*zip(own, other, strict=True), (own.sum(), other.sum())]
        return [f"{written(float(a), 'money')} ({written(float(b), 'money')})" for a, b in pairs]

    for r, region in enumerate(regions):
        made.add_row(region, *cells(plan[r], before[r]))
    made.add_section()
    made.add_row("All", *cells(plan.sum(axis=0), before.sum(axis=0)))
    return made


def _expected_table(result: "PlanningResult") -> "Table":
    from xbopt.studies.labels import KPI_LABELS

    made = table("In expected mode", "KPI", "This plan", "Scenario's own", "Change")
    for name in _SHOWN:
        label, unit = KPI_LABELS[name]
        plan, before = result.planned.kpis[name], result.baseline.kpis[name]
        made.add_row(
            label,
            written(plan, unit),
            written(before, unit),
            f"{'+' if plan > before else ''}" + written(plan - before, unit),
        )
    return made
