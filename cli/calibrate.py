"""``xbopt calibrate``: from data folders to a scenario."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xbopt.cli.completion import scenario_names
from xbopt.cli.options import (
    EngineOption,
    HtmlOption,
    JsonOption,
    WorkersOption,
    XlsxOption,
    at_once,
    check_outputs,
    day_of,
)
from xbopt.cli.terminal import (
    cost_teller,
    figures_table,
    print_json,
    result_console,
    say,
    stage_bar,
    terminal_numbers,
    write_files,
)
from xbopt.core.errors import UsageError

if TYPE_CHECKING:
    from xbopt.calibration.fit.self_test import Refit
    from xbopt.calibration.scenario.calibration import Calibration
    from xbopt.core.workers import Engine
    from xbopt.imports.tables import TableName


def calibrate_command(
    out: Annotated[Path, typer.Option("-o", "--out", help="Write the scenario to this file: .yaml.")],
    data: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DATA_DIR...", help="Folders that xbopt import wrote, or a panel (with --like)."),
    ] = None,
    transactions: Annotated[
        Path | None, typer.Option("--transactions", help="A file of orders, imported on the way.")
    ] = None,
    sessions: Annotated[Path | None, typer.Option("--sessions", help="A file of sessions, likewise.")] = None,
    spend: Annotated[Path | None, typer.Option("--spend", help="A file of media spend, likewise.")] = None,
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="ROLE=NAME,...", help="Headers of these files, where no format is known."),
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--zone", metavar="ZONE", help="Time zone of the days of these files.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", metavar="GBP", help="Count in this currency; that of the orders.")
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            "--like",
            help="Scenario to start from, for what the data do not tell; else public facts.",
            autocompletion=scenario_names,
        ),
    ] = None,
    trade: Annotated[
        str | None,
        typer.Option("--trade", metavar="home", help="What is sold, for facts where no --like is named."),
    ] = None,
    origin: Annotated[
        str, typer.Option("--origin", metavar="CN", help="Where the goods come from, for these facts.")
    ] = "any",
    regions: Annotated[
        str | None, typer.Option("--regions", metavar="DE,FR", help="Countries to take; those with enough orders.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", metavar="DATE", help="First day; the day after the last of the data.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=1100, help="Days of the scenario.")] = 90,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Leave out what the data hold after this day.")
    ] = None,
    world: Annotated[
        int | None, typer.Option("--world", min=0, help="Which simulated world of a panel to take.")
    ] = None,
    costs: Annotated[
        Path | None, typer.Option("--costs", help="Table of unit costs: columns sku and cost, in the currency.")
    ] = None,
    gross_margin: Annotated[
        str | None, typer.Option("--gross-margin", metavar="45%", help="Gross margin of what --costs does not list.")
    ] = None,
    tests: Annotated[
        Path | None, typer.Option("--tests", help="Lift tests: a CSV table; docs/calibration.md has its columns.")
    ] = None,
    off: Annotated[
        list[str] | None,
        typer.Option(
            "--off",
            metavar="PLATFORM:DATE..DATE",
            help="Days without rows on which a platform was off (or orders:DATE..DATE, the shop closed); repeatable.",
        ),
    ] = None,
    no_fit: Annotated[
        bool, typer.Option("--no-fit", help="Leave media as facts or --like say them; takes seconds.")
    ] = False,
    self_test: Annotated[
        int | None,
        typer.Option(
            "--self-test",
            min=1,
            max=1000,
            metavar="N",
            help="Draw N markets from the fit, play their records, fit each anew, and tell how often the stated "
            "intervals hold what is true. Each takes as long as the fit; 20 tell gross errors, 100 finer ones.",
        ),
    ] = None,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    title: Annotated[str | None, typer.Option("--title", help="Title of the scenario, for people.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")] = 0,
    report: HtmlOption = None,
    xlsx: XlsxOption = None,
    as_json: JsonOption = False,
) -> None:
    """Calibrate a scenario: what the data tell is measured, the rest is taken over, and every number says so."""
    from xbopt.core.extras import need_extra

    need_extra("data", "polars", "sklearn")
    from xbopt.calibration.scenario.calibrate import calibrate
    from xbopt.calibration.scenario.costs import read_costs
    from xbopt.calibration.scenario.writing import write_calibration
    from xbopt.cli.options import part_of
    from xbopt.core.workers import check_engine
    from xbopt.imports.coverage import read_span

    if self_test is None and (engine != "local" or workers is not None):
        raise UsageError("--engine and --workers share out the fits of a self-test: add --self-test N.")
    if self_test is not None and no_fit:
        raise UsageError("--self-test tests the fit, and --no-fit makes none.")
    check_engine(engine, workers)
    outputs = {"--out": (out, ".yaml,.yml"), "--report": (report, ".html"), "--xlsx": (xlsx, ".xlsx")}
    check_outputs(outputs)
    files: Mapping[TableName, Path | None] = {"transactions": transactions, "sessions": sessions, "media": spend}
    with (
        _with_files(data or [], files, columns, currency, zone) as folders,
        stage_bar(quiet=as_json, lines=True) as on_progress,
    ):
        result = calibrate(
            folders,
            name=_name(out),
            title=title,
            currency=currency,
            like=like,
            trade=trade,
            origin=origin,
            regions=None if regions is None else [part.strip().upper() for part in regions.split(",")],
            start=None if start is None else day_of("--start", start),
            days=days,
            until=None if until is None else day_of("--until", until),
            world=world,
            costs=None if costs is None else read_costs(costs),
            gross_margin=None if gross_margin is None else part_of("--gross-margin", gross_margin),
            tests=() if tests is None else tests,
            off=[read_span(text) for text in off or ()],
            fits_media=not no_fit,
            seed=seed,
            on_progress=on_progress,
        )
    write_calibration(result, out)
    if self_test is not None:
        result = _self_tested(result, self_test, engine, workers, quiet=as_json)
    _finish(result, out, report, xlsx, as_json=as_json)


def _self_tested(
    result: "Calibration", fits: int, engine: "Engine", workers: int | None, *, quiet: bool
) -> "Calibration":
    """The same with the fit's test of itself; the scenario is written already."""
    from xbopt.calibration.fit.self_test import self_test_fit

    if result.fit is None:
        say("No market was fitted to these data, so there is no fit to test.")
        return result
    with stage_bar(quiet=quiet, lines=True) as on_progress:
        tell = cost_teller(on_progress, at_once(engine, workers), one="fit", many="self-test, fits")

        def on_fit(one: "Refit", done: int, total: int) -> None:
            tell(one.seconds, done, total)

        tested = self_test_fit(result.fit, fits, engine=engine, workers=workers, on_fit=on_fit)
    return replace(result, self_test=tested)


@contextmanager
def _with_files(
    folders: list[Path],
    files: "Mapping[TableName, Path | None]",
    columns: str | None,
    currency: str | None,
    zone: str | None,
) -> Generator[list[Path]]:
    """The folders, and one more that holds what was made of single files, for as long as the block runs."""
    import tempfile

    from xbopt.imports.engine.run import import_files
    from xbopt.imports.tables import TABLES

    given: dict[TableName, Path] = {table: file for table, file in files.items() if file is not None}
    if not given and not folders:
        raise UsageError("Name a folder that xbopt import wrote, or a file of orders: --transactions FILE.")
    if columns is not None and not given:
        raise UsageError("--columns names headers of --transactions, --sessions or --spend; name one of these files.")
    if not given:
        yield folders
        return
    pairs = [part.partition("=") for part in (columns or "").split(",") if part]
    with tempfile.TemporaryDirectory(prefix="xbopt.") as made:
        for table, file in given.items():
            own = {role.strip(): name for role, _, name in pairs if role.strip() in (*TABLES[table], "line_price")}
            import_files([file], into=made, columns=own or None, currency=currency, zone=zone)
        yield [*folders, Path(made)]


def _finish(result: "Calibration", out: Path, report: Path | None, xlsx: Path | None, *, as_json: bool) -> None:
    from xbopt.reports.calibration.document import calibration_json

    if as_json:
        files = (
            {"scenario": out}
            | ({} if report is None else {"report": report})
            | ({} if xlsx is None else {"xlsx": xlsx})
        )
        print_json(calibration_json(result, files))
    else:
        _print(result)
        say(f"Wrote {out}. Next: xbopt scenario check {out}, and: xbopt plan {out} -o plan.csv --report plan.html")
    if report is not None or xlsx is not None:
        from xbopt.calibration.scenario.review import review_fit
        from xbopt.reports.calibration.page import calibration_content
        from xbopt.reports.calibration.report import build_calibration_report
        from xbopt.reports.calibration.workbook import write_calibration_xlsx

        with stage_bar(quiet=as_json, lines=True) as on_progress:
            on_progress("page", 0, 0)
            built = build_calibration_report(result, None if result.fit is None else review_fit(result.fit))
            write_files(
                report,
                lambda: calibration_content(built),
                xlsx,
                lambda file: write_calibration_xlsx(built, file),
                on_progress,
            )


def _print(result: "Calibration") -> None:
    from xbopt.reports.calibration.report import build_calibration_report
    from xbopt.reports.calibration.words import next_test_sentence

    console, numbers = result_console(), terminal_numbers(result.currency)
    built = build_calibration_report(result)
    console.print(built.verdict)
    for line in built.loud:
        console.print(f"! {line}", soft_wrap=True)
    extra = built.insights
    for table in (
        extra.quality.rules,
        built.regions,
        built.segments,
        built.channels,
        built.told,
        built.next_tests,
        extra.demand,
        extra.buyers,
        extra.values,
        built.self_test,
    ):
        if table.rows:
            console.print(figures_table(table, numbers))
    best = [next_test_sentence(result.next_tests[0], numbers)] if result.next_tests else []
    quality = [str(finding) for _, finding in extra.quality.findings.rows]
    told = (*built.price_lines, *extra.lines(), *built.fit_lines, *built.self_test_lines, *best)
    for line in (*built.lines, *quality, *told, *built.warnings):
        console.print(f"- {line}", soft_wrap=True)


def _name(out: Path) -> str:
    import re

    name = re.sub(r"[^A-Za-z0-9_]", "_", out.stem)[:40]
    return name if name[:1].isalpha() else f"m_{name}"[:40]
