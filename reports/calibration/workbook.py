"""The workbook of a calibration."""

from pathlib import Path

from xbopt.core.files import replace_file
from xbopt.reports.calibration.report import CalibrationReport
from xbopt.reports.kit.workbook_writer import WorkbookWriter


def write_calibration_xlsx(report: CalibrationReport, path: Path | str) -> None:
    """Write the workbook; a file that is there already is replaced at the end.

    Raises:
        UsageError: The file cannot be written there.
    """
    from xlsxwriter import Workbook

    lines = [("Calibration", report.verdict)]
    lines += [("Not told", text) for text in report.loud]
    lines += [("Note", text) for text in (*report.lines, *report.warnings)]
    lines += [("Orders say", text) for text in report.insights.lines()]
    with replace_file(Path(path)) as temporary, Workbook(str(temporary)) as book:
        writer = WorkbookWriter(book, report.numbers)
        writer.words("Summary", report.calibration.scenario.title, lines)
        for name, table in report.tables().items():
            if table.rows:
                writer.table(name, table)
