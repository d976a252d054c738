"""``xbopt simulate``: play a plan in many worlds and read what it brings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xbopt.cli.completion import policy_names
from xbopt.cli.options import (
    EngineOption,
    ExplorationCostOption,
    HtmlOption,
    JsonOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    WorkersOption,
    WorldSeedOption,
    XlsxOption,
    check_outputs,
    load_with_notes,
    part_of,
    policy_or_bundle,
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
    tell_cost,
    terminal_numbers,
    write_files,
)

if TYPE_CHECKING:
    from rich.table import Table

    from xbopt.core.scenario.scenario import Scenario
    from xbopt.reports.kit.numbers import NumberFormat
    from xbopt.studies.kpis import WorldRange
    from xbopt.studies.marginals import Marginals
    from xbopt.studies.simulate import SimulationResult
    from xbopt.studies.without_media import MediaEffect

# Column headings are shorter than the KPI's full names: seven columns must fit a terminal.
_CELL_COLUMNS = {
    "name": "",
    "media_spend": "Media",
    "orders": "Orders",
    "conversion_rate": "Conversion",
    "net_revenue": "Net revenue",
    "roas": "ROAS",
    "contribution_margin": "Margin",
}
_CHANNEL_COLUMNS = {
    "name": "",
    "media_spend": "Media",
    "spend_share": "Share",
    "visits": "Visits",
    "cost_per_visit": "Per visit",
    "orders": "Orders",
    "cost_per_order": "Per order",
    "roas": "ROAS, attributed",
}


def simulate_command(
    scenario: ScenarioArgument,
    policy: Annotated[
        str,
        typer.Option(
            "--policy", help="{policies}; a plan's CSV file; or a training run's folder.", autocompletion=policy_names
        ),
    ] = "baseline",
    runs: Annotated[int, typer.Option("--runs", min=1, max=100_000, help="Worlds to play.")] = 32,
    seed: SeedOption = 0,
    world_seed: WorldSeedOption = None,
    exploration: Annotated[
        float | None,
        typer.Option(
            "--exploration",
            min=0.0,
            max=1.0,
            help="Draw this share of decisions at random from the tactic menu around the policy. With --log, the "
            "scenario's.",
        ),
    ] = None,
    exploration_cost: ExplorationCostOption = None,
    by: Annotated[
        Literal["factors", "menu"] | None,
        typer.Option(
            "--by",
            help="What explores and is logged: factors (channel spend, discount, timing and pace, a notch around the "
            "policy's wish), or one tactic of the menu a cell. Left out, what the policy itself chooses from.",
        ),
    ] = None,
    changes: SetOption = None,
    log: Annotated[Path | None, typer.Option("--log", help="Write the decision log to this Parquet file.")] = None,
    shadows: Annotated[
        list[str] | None,
        typer.Option(
            "--shadow",
            metavar="POLICY",
            help="With --log: a run folder or bundle over the same menu, asked beside every decision; repeatable.",
        ),
    ] = None,
    panel: Annotated[
        Path | None,
        typer.Option("--panel", help="Write media and orders by day, region and segment to this Parquet file."),
    ] = None,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    report: HtmlOption = None,
    xlsx: XlsxOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play a campaign plan in many worlds: what it earns, with ranges, by region, segment and channel."""
    from xbopt.agents.policies import policy_from
    from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy
    from xbopt.core.workers import check_engine
    from xbopt.simulator.build import build_market
    from xbopt.studies.marginals import plan_marginals
    from xbopt.studies.simulate import simulate
    from xbopt.studies.without_media import media_effect

    files = {
        "--log": (log, ".parquet"),
        "--panel": (panel, ".parquet"),
        "--report": (report, ".html"),
        "--xlsx": (xlsx, ".xlsx"),
    }
    check_outputs(files, source=Path(scenario))
    check_engine(engine, workers)
    loaded = load_with_notes(scenario, changes)
    bound = None if exploration_cost is None else part_of("--exploration-cost", exploration_cost)
    explores = exploration is not None or bound is not None or log is not None
    with stage_bar(quiet=as_json) as on_progress:
        market = build_market(loaded)
        chosen = policy_from(policy, market)
        by = by or ("factors" if explores and isinstance(chosen, FactoredPolicy) else None)
        if log is not None:
            is_usual = exploration is None and bound is None
            _explain_log(loaded, share_is_the_usual=is_usual, by_factors=by == "factors")
        result = simulate(
            market,
            chosen,
            runs=runs,
            seed=seed,
            world_seed=world_seed,
            exploration=exploration,
            exploration_cost=bound,
            by=by,
            log=log,
            shadows=[policy_or_bundle(shadow) for shadow in shadows or ()],
            panel=panel,
            origin=policy,
            engine=engine,
            workers=workers,
            on_progress=on_progress,
            on_cost=tell_cost,
        )
        # An exploring policy has no twin without media that draws the same tactics.
        is_shown = not as_json or report is not None or xlsx is not None
        has_gain = is_shown and not explores and isinstance(chosen, DirectPolicy)
        gain = None
        if has_gain:
            gain = media_effect(result, chosen, engine=engine, workers=workers, on_progress=on_progress)
        # What is explored is drawn anew each time, so no change of one per cent leaves it as it was.
        marginals = None if explores else plan_marginals(market, chosen)
    for note in result.notes:
        say(f"Note: {note}")
    _print_json(result, marginals) if as_json else _print_result(result, gain, marginals)
    _write_reports(result, None if gain is None else gain.margin, marginals, report, xlsx, quiet=as_json)
    if log is not None:
        say(f"Decision log: {log}")
    if panel is not None:
        say(f"Panel: {panel}")
    if not as_json and result.policy == "baseline":
        say(f"Next: xbopt plan {scenario} makes a better plan and says what it would bring.")


def _print_json(result: "SimulationResult", marginals: "Marginals | None") -> None:
    from xbopt.reports.simulation.document import marginals_json, simulation_json
    from xbopt.reports.simulation.vital_signs import warnings_json
    from xbopt.studies.vital_signs import vital_signs

    found = {
        "vital_signs": warnings_json(vital_signs(result.market)),
        "marginals": None if marginals is None else marginals_json(marginals),
    }
    print_json({**simulation_json(result), **found})


def _explain_log(scenario: "Scenario", *, share_is_the_usual: bool, by_factors: bool) -> None:
    from xbopt.core.scenario.notes import log_notes

    if share_is_the_usual:
        share = terminal_numbers(scenario.base_currency).share(scenario.document.tactics.exploration)
        over = f"over the {len(scenario.menu)} tactics of the menu around the policy"
        if by_factors:
            over = "of each factor (channel spend, discount, timing, pace), one notch around the policy's wish"
        say(f"Logging with {share} exploration {over} (tactics.exploration; change it with --exploration).")
    for note in log_notes(scenario, by_factors=by_factors):
        say(f"Note: {note}")


def _write_reports(
    result: "SimulationResult",
    gain: "WorldRange | None",
    marginals: "Marginals | None",
    report: Path | None,
    xlsx: Path | None,
    *,
    quiet: bool,
) -> None:
    if report is None and xlsx is None:
        return
    from xbopt.reports.simulation.page import simulation_content
    from xbopt.reports.simulation.report import build_simulation_report
    from xbopt.reports.simulation.workbook import write_xlsx

    with stage_bar(quiet=quiet) as on_progress:
        on_progress("report", 0, 0)
        built = build_simulation_report(result, without_media=gain, marginals=marginals)
        write_files(report, lambda: simulation_content(built), xlsx, lambda file: write_xlsx(built, file), on_progress)


def _print_result(result: "SimulationResult", gain: "MediaEffect | None", marginals: "Marginals | None") -> None:
    from xbopt.reports.simulation.bridge import bridge_table, build_bridge
    from xbopt.reports.simulation.tables import limits_report, result_tables
    from xbopt.reports.simulation.verdict import plan_cut_sentence
    from xbopt.studies.rules_in_force import rules_in_force

    scenario, money = result.scenario, result.scenario.base_currency
    console, numbers = result_console(), terminal_numbers(money)
    worlds = "1 world" if result.runs == 1 else f"{numbers.count(result.runs)} worlds"
    if result.plan_cut is not None:
        console.print(f"Warning: {plan_cut_sentence(result.plan_cut, numbers)}", markup=False, soft_wrap=True)
    print_warnings(console, result.market)
    console.print(f"{scenario.name}: {scenario.title}", markup=False)
    console.print(
        f"{scenario.start} to {scenario.date_of(scenario.days - 1)}, {scenario.days} days; "
        f"policy {result.policy}; {worlds}, seed {result.seed}; money in {money}",
        markup=False,
    )
    console.print(_kpi_table(result, gain, numbers))
    heads = {"term": "Term", "amount": money, "of_revenue": "Of net"}
    console.print(figures_table(bridge_table(build_bridge(result.bridge)), numbers, heads=heads))
    *by_cell, by_channel = result_tables(result)
    for source in by_cell:
        console.print(figures_table(source, numbers, heads=_CELL_COLUMNS, ranges=("contribution_margin",)))
    console.print(figures_table(by_channel, numbers, heads=_CHANNEL_COLUMNS))
    if marginals is not None:
        print_marginals(marginals, numbers, console)
    changes = limits_report(result).changes_that_happened
    if changes.rows:  # nothing is changed in silence
        console.print(figures_table(changes, numbers))
    rules = rules_in_force(scenario, result.totals.dutiable_by_day / result.runs)
    print_trade_rules(rules, money, console)


def _kpi_table(result: "SimulationResult", gain: "MediaEffect | None", numbers: "NumberFormat") -> "Table":
    from xbopt.studies.labels import KPI_LABELS

    shown = dict(result.kpis)
    if gain is not None and result.kpis["media_spend"].mean > 0.0:
        shown["media_effect"], shown["incremental_roas"] = gain.margin, gain.roas
    shown["customer_value"] = result.customer_value
    shown["carried_beyond"] = result.carried_beyond
    made = table("Results", "KPI", "Mean", "5 % to 95 % of worlds")
    for key, figure in shown.items():
        name, unit = KPI_LABELS[key]
        spread = numbers.range(figure, unit, symbol=False)
        made.add_row(name, numbers.number(figure.mean, unit, symbol=False), spread)
    return made
