"""The assumption sheet as a page shows it: values grouped by place, mark and source."""

from itertools import groupby

from xbopt.reports.kit.assumptions import DEFAULT_MARK, EVIDENCE, NO_MARK, SET_MARK, Assumption, AssumptionSheet
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page_parts import SheetRow, SheetRows, SheetText


def sheet_text(sheet: AssumptionSheet, numbers: NumberFormat) -> SheetText:
    """Format the sheet."""
    total, defaults, bare = len(sheet.numbers), sheet.count(DEFAULT_MARK), sheet.count(NO_MARK)
    changed = sheet.count(SET_MARK)
    also = f", {numbers.count(changed)} set with --set" if changed else ""
    used = {number.evidence for number in sheet.numbers}
    marks = {**EVIDENCE, NO_MARK: "stated in the scenario, without a source", DEFAULT_MARK: "left to the format"}

    def rows(items: list[Assumption]) -> tuple[SheetRow, ...]:
        return tuple(
            SheetRow(
                group=group,
                values=tuple(
                    ("" if item.name.startswith("[") else item.name, numbers.exact(item.value)) for item in members
                ),
                evidence=evidence,
                source=source + (f" ({note})" if note else ""),
            )
            for (group, evidence, source, note), grouped in groupby(
                sorted(items, key=lambda item: order[item.group]),
                key=lambda item: (item.group, item.evidence, item.source, item.note),
            )
            for members in [list(grouped)]
        )

    order: dict[str, int] = {}
    for item in sheet.numbers:
        order.setdefault(item.group, len(order))
    sections = [(name, list(items)) for name, items in groupby(sheet.numbers, key=lambda item: item.section)]
    return SheetText(
        takeaway=f"The scenario holds {numbers.count(total)} numbers: {numbers.count(sheet.sourced)} with a source, "
        f"{numbers.count(bare)} without one{also}, and {numbers.count(defaults)} left to the format's defaults.",
        marks=tuple((mark, words) for mark, words in marks.items() if mark in used),
        sections=tuple((name, SheetRows(count=len(items), rows=rows(items))) for name, items in sections),
    )
