"""The figures of a simulation report as a spreadsheet: values, and formulas where a sum is a sum."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

from xlsxwriter import Workbook

from xbopt.core.files import replace_file
from xbopt.reports.kit.figures import Column, Table
from xbopt.reports.kit.workbook_writer import WorkbookWriter
from xbopt.reports.simulation.marginals import marginals_table
from xbopt.reports.simulation.report import SimulationReport
from xbopt.reports.simulation.tables import added_up_table, each_table, ledger_table, response_table
from xbopt.reports.simulation.tiles import Tile
from xbopt.reports.simulation.trade_rules import rules_table

_CREATED = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - the library wants a time without zone
"""Stands in the file instead of the hour of writing, so that the same report gives the same bytes."""


def write_xlsx(
    report: SimulationReport,
    path: Path | str,
    *,
    more: Mapping[str, Table] | None = None,
    first: Sequence[tuple[str, str]] = (),
) -> None:
    """Write the workbook of a report; a file that is there already is replaced at the end.

    Args:
        report: The report.
        path: The file.
        more: Further tables by the name of their sheet.
        first: Labelled sentences that stand before those of the report.

    Raises:
        UsageError: The file cannot be written there.
    """
    # Names come from users: no text may turn into a formula, a link or a number.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with replace_file(Path(path)) as temporary:
        book = Workbook(str(temporary), options)
        book.set_properties({"title": report.title, "created": _CREATED})
        _write(WorkbookWriter(book, report.numbers), report, more or {}, first)
        book.close()


def _write(
    writer: WorkbookWriter, report: SimulationReport, more: Mapping[str, Table], first: Sequence[tuple[str, str]]
) -> None:
    facts = [(fact.label, fact.text) for fact in report.facts]
    lines = [*(("Warning", line) for line in report.warnings)]
    lines += [*first, ("Verdict", report.verdict), ("Comparison", report.comparison)]
    lines += [("Beside the margin", line) for line in report.beside_margin]
    lines += facts
    notes = [("Note", note) for note in report.notes]
    writer.words("Summary", report.title, [(label, text) for label, text in [*lines, *notes] if text])
    tables = workbook_tables(report) | dict(more)
    writer.table("KPIs", tables["KPIs"])
    writer.bridge("Bridge", report.bridge)
    writer.heat_maps("Allocation", report.allocation)
    writer.heat_maps("Flighting", report.flighting)
    writer.heat_maps("Discounts", (report.discounts,))
    writer.heat_maps("Dayparts", (report.dayparts,))
    for name, table in tables.items():
        if name != "KPIs":
            writer.table(name, table)
    writer.table("Data dictionary", _dictionary(tables))


def workbook_tables(report: SimulationReport) -> dict[str, Table]:
    """Every plain table of the workbook by the name of its sheet."""
    by_region, by_segment, by_channel = report.results
    return {
        "KPIs": _kpis(report.tiles + report.other_kpis),
        "Time": each_table(report.timeline),
        "Time added up": added_up_table(report.timeline),
        "Response": response_table(report.response),
        **({} if report.marginals is None else {"Marginals": marginals_table(report.marginals, report.numbers)}),
        "By region": by_region,
        "By segment": by_segment,
        "By channel": by_channel,
        "Pull-forward": ledger_table(report.ledger),
        "Limits": report.limits.use,
        "Limit changes": report.limits.changes,
        "Assumptions": _assumptions(report),
        "Rules": rules_table(report.assumptions.rules, report.numbers),
    }


def _kpis(tiles: tuple[Tile, ...]) -> Table:
    return Table(
        key="kpis",
        title="KPIs",
        columns=(
            Column("kpi", "KPI", "text"),
            Column("mean", "Mean", "number", "Mean over worlds"),
            Column("se", "se", "number", "Standard error of the mean"),
            Column("low", "Low", "number", "5th percentile over worlds"),
            Column("high", "High", "number", "95th percentile over worlds"),
            Column("change", "Change", "number", "Against the baseline, where there is one"),
            Column("unit", "Unit", "text", "Money is in base currency; a share is 0 to 1"),
            Column("meaning", "Meaning", "text"),
        ),
        rows=tuple(
            (
                tile.name,
                tile.figure.mean,
                tile.figure.se,
                tile.figure.low,
                tile.figure.high,
                tile.change.figure if tile.change else None,
                tile.unit,
                tile.meaning,
            )
            for tile in tiles
        ),
        row_units=tuple(tile.unit for tile in tiles),
    )


def _assumptions(report: SimulationReport) -> Table:
    return Table(
        key="assumptions",
        title="Assumption sheet",
        columns=(
            Column("section", "Section", "text", "Section of the scenario file"),
            Column("where", "Where", "text", "Path of what holds it; in brackets the ids on it"),
            Column("name", "Name", "text", "Key, or position in a list"),
            Column("value", "Value", "number", "As stated, or the format's default"),
            Column("evidence", "Mark", "text", "Evidence mark; empty where --set changed the value"),
            Column("source", "Source", "text"),
            Column("note", "Note", "text"),
        ),
        rows=tuple(
            (item.section, item.group, item.name, item.value, item.evidence, item.source, item.note)
            for item in report.assumptions.numbers
        ),
    )


def _dictionary(tables: dict[str, Table]) -> Table:
    return Table(
        key="dictionary",
        title="Data dictionary",
        columns=(
            Column("sheet", "Sheet", "text"),
            Column("column", "Column", "text"),
            Column("unit", "Unit", "text"),
            Column("meaning", "Meaning", "text"),
        ),
        rows=tuple(
            (sheet, column.name, column.unit, column.meaning or column.name)
            for sheet, table in tables.items()
            for column in table.columns
        ),
    )
