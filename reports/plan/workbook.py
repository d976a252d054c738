"""The figures of a plan report as a spreadsheet: those of its simulation, and what is the plan's own."""

from pathlib import Path

from xbopt.reports.plan.report import PlanReport
from xbopt.reports.simulation.workbook import write_xlsx


def write_plan_xlsx(report: PlanReport, path: Path | str) -> None:
    """Write the workbook of a plan; a file that is there already is replaced at the end.

    Raises:
        UsageError: The file cannot be written there.
    """
    lines = [("Plan", report.verdict), ("Spend", report.spend_words), ("Limits", report.limits_words)]
    lines += [(fact.label, fact.text) for fact in report.facts]
    lines += [("Note", note) for note in report.notes]
    more = {"Moves": report.moves, "Shadow prices": report.limits, "Other assumptions": report.swing_table}
    write_xlsx(report.simulation, path, more=more, first=lines)
