"""Exports from files, text or workbook: what a file holds decides, and never its name."""

from collections.abc import Callable
from pathlib import Path

from xbopt.campaigns.booking.export_table import ExportTable
from xbopt.campaigns.booking.export_text import ExportText
from xbopt.core.errors import UsageError


def export_table(template: bytes | Path, is_column: Callable[[str], bool], sheet: str = "") -> ExportTable:
    """Read an export.

    Args:
        template: The file, or what it holds.
        is_column: Whether a header is one of those wanted.
        sheet: Regex of the sheet's name in a workbook.

    Raises:
        UsageError: The file is not there.
        UnreadFileError: It is no table.
    """
    try:
        content = template.read_bytes() if isinstance(template, Path) else template
    except OSError as error:
        raise UsageError(f"{template}: {error.strerror}.") from None
    file = str(template) if isinstance(template, Path) else ""
    if content[:2] == b"PK":
        from xbopt.campaigns.booking.export_workbook import ExportWorkbook

        return ExportWorkbook.of(content, is_column, sheet, file)
    return ExportText.of(content, is_column, file)
