"""``xbopt simulate``: play a plan in many worlds and read what it brings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xbopt.cli.completion import policy_names
from xbopt.cli.options import (
    HtmlOption,
    JsonOption,
    ScenarioArgument,
    SetOption,
    WorldSeedOption,
    XlsxOption,
    check_outputs,
)
from xbopt.cli.terminal import print_json, progress_bar, ranged, result_console, say, table, written

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from xbopt.studies.kpis import Estimate, Row
    from xbopt.studies.simulate import SimulationResult

# Column headings are shorter than the KPI's full names: seven columns must fit a terminal.
_CELL_COLUMNS = {
    "media_spend": "Media",
    "orders": "Orders",
    "conversion_rate": "Conversion",
    "net_revenue": "Net revenue",
    "roas": "ROAS",
    "contribution_margin": "Margin",
}
_CHANNEL_COLUMNS = {
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
            "--policy",
            help="baseline, uniform, proportional, calendar, greedy_roas, planner, replan; a plan's CSV file; or a "
            "training run's folder.",
            autocompletion=policy_names,
        ),
    ] = "baseline",
    runs: Annotated[int, typer.Option("--runs", min=1, max=100_000, help="Worlds to play.")] = 32,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")] = 0,
    world_seed: WorldSeedOption = None,
    exploration: Annotated[
        float | None,
        typer.Option(
            "--exploration",
            min=0.0,
            max=1.0,
            help="Act through the tactic menu and draw this share of decisions at random. With --log, the scenario's.",
        ),
    ] = None,
    changes: SetOption = None,
    log: Annotated[Path | None, typer.Option("--log", help="Write the decision log to this Parquet file.")] = None,
    report: HtmlOption = None,
    xlsx: XlsxOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play a campaign plan in many worlds: what it earns, with ranges, by region, segment and channel."""
    from xbopt.agents.policies import policy_from
    from xbopt.core.decisions.policy import DirectPolicy
    from xbopt.core.scenario.loading import load_scenario
    from xbopt.core.scenario.notes import log_notes, scenario_notes
    from xbopt.simulator.build import build_market
    from xbopt.studies.simulate import media_gain, simulate

    outputs = {"--log": (log, ".parquet"), "--report": (report, ".html"), "--xlsx": (xlsx, ".xlsx")}
    check_outputs(outputs, source=Path(scenario))
    loaded = load_scenario(scenario, overrides=changes or [])
    for note in scenario_notes(loaded):
        say(f"Note: {note}")
    if log is not None and exploration is None:
        share = loaded.document.tactics.exploration
        say(
            f"Logging with {share:.0%} exploration over the {len(loaded.menu)} tactics of the menu "
            "(tactics.exploration; change it with --exploration)."
        )
    if log is not None or exploration is not None:
        say("The plan is translated to the menu: each cell holds the nearest tactic of each decision period.")
    for note in log_notes(loaded) if log is not None else ():
        say(f"Note: {note}")
    chosen = policy_from(policy, build_market(loaded))
    with progress_bar(f"{loaded.name}, {policy}", quiet=as_json) as progress:
        result = simulate(
            loaded,
            chosen,
            runs=runs,
            seed=seed,
            world_seed=world_seed,
            exploration=exploration,
            log=log,
            progress=progress,
        )
    # An exploring policy has no twin without media that draws the same tactics.
    explores = exploration is not None or log is not None
    told = not as_json or report is not None or xlsx is not None
    gain = media_gain(result, chosen) if told and not explores and isinstance(chosen, DirectPolicy) else None
    if as_json:
        from xbopt.reports.simulation.document import simulation_json

        print_json(simulation_json(result))
    else:
        _print_result(result, gain)
    _write_reports(result, gain, report, xlsx)
    for path, what in ((log, "Decision log"), (report, "Report"), (xlsx, "Workbook")):
        if path is not None:
            say(f"{what}: {path}")


def _write_reports(result: "SimulationResult", gain: "Estimate | None", report: Path | None, xlsx: Path | None) -> None:
    if report is None and xlsx is None:
        return
    from xbopt.reports.simulation.report import build_simulation_report

    built = build_simulation_report(result, without_media=gain)
    if report is not None:
        from xbopt.reports.kit.page import write_html
        from xbopt.reports.simulation.page import simulation_content

        write_html(simulation_content(built), report)
    if xlsx is not None:
        from xbopt.reports.simulation.workbook import write_xlsx

        write_xlsx(built, xlsx)


def _print_result(result: "SimulationResult", gain: "Estimate | None") -> None:
    from xbopt.studies.labels import KPI_LABELS

    scenario, money = result.scenario, result.scenario.base_currency
    console = result_console()
    worlds = "1 world" if result.runs == 1 else f"{result.runs:,} worlds"
    console.print(f"{scenario.name}: {scenario.title}", markup=False)
    console.print(
        f"{scenario.start} to {scenario.date_of(scenario.days - 1)}, {scenario.days} days; "
        f"policy {result.policy}; {worlds}, seed {result.seed}; money in {money}",
        markup=False,
    )
    kpis = table("Results", "KPI", "Mean", "5 % .. 95 % of worlds")
    for name, estimate in result.kpis.items():
        label, unit = KPI_LABELS[name]
        kpis.add_row(label, written(estimate.mean, unit), ranged(estimate, unit))
    if gain is not None and result.kpis["media_spend"].mean > 0.0:
        kpis.add_row(KPI_LABELS["media_effect"][0], written(gain.mean, "money"), ranged(gain, "money"))
    value = result.customer_value
    kpis.add_row(KPI_LABELS["customer_value"][0], written(value.mean, "money"), ranged(value, "money"))
    console.print(kpis)
    console.print(_bridge_table(result))
    for title, rows, columns in (
        ("By region, organic orders included", result.by_region, _CELL_COLUMNS),
        ("By segment, organic orders included", result.by_segment, _CELL_COLUMNS),
        ("By channel, without organic orders", result.by_channel, _CHANNEL_COLUMNS),
    ):
        console.print(_row_table(title, rows, columns))
    _print_changes(console, result)


def _bridge_table(result: "SimulationResult") -> "Table":
    from xbopt.studies.labels import SUM_LABELS, TERM_LABELS

    made = table("From gross revenue to contribution margin", "Term", result.scenario.base_currency, "Of net")
    whole = result.kpis["net_revenue"].mean

    def add(label: str, amount: float) -> None:
        share = written(amount / whole, "percent") if whole else "-"
        made.add_row(label, written(amount, "money"), share)

    net = 0.0
    for term, amount in result.bridge.items():
        add(TERM_LABELS[term], amount)
        if term in ("gross_revenue", "discount", "tax", "returns", "fx_effect"):
            net += amount
        if term == "fx_effect":
            add(f"= {SUM_LABELS['net_revenue']}", net)
            made.add_section()
    made.add_section()
    add(f"= {SUM_LABELS['contribution_margin']}", sum(result.bridge.values()))
    return made


def _row_table(title: str, rows: list["Row"], columns: dict[str, str]) -> "Table":
    from xbopt.studies.labels import KPI_LABELS

    with_range = "contribution_margin" in columns
    made = table(title, "", *columns.values(), *(["5 % .. 95 %"] if with_range else []))
    for row in rows:
        cells = [written(row.figures[name].mean, KPI_LABELS[name][1]) for name in columns]
        if with_range:
            cells.append(ranged(row.figures["contribution_margin"], "money"))
        made.add_row(row.name, *cells)
    return made


def _print_changes(console: "Console", result: "SimulationResult") -> None:
    """What the limits changed, and what stock-outs lost; nothing is changed in silence."""
    from xbopt.reports.simulation.limits import build_limits
    from xbopt.studies.kpis import Estimate

    limits = build_limits(result)
    if limits.anything_changed:
        made = table(limits.changes.title, "", "Mean", "In worlds", "Meaning")
        for label, money, number, share, meaning in limits.changes.rows:
            figure, unit = (money, "money") if money is not None else (number, "count")
            if isinstance(figure, Estimate) and isinstance(share, float) and share > 0.0:
                made.add_row(str(label), written(figure.mean, unit), f"{share:.0%}", str(meaning))
        console.print(made)
