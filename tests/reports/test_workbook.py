"""The workbook, read back as what it is: a zip of XML."""

# ruff: noqa: S314 - the XML is our own

import re
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from xbopt.reports.kit.workbook_writer import rounded
from xbopt.reports.simulation.report import build_simulation_report
from xbopt.reports.simulation.workbook import workbook_tables, write_xlsx

NS = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


class _Book:
    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as file:
            self.text = {name: file.read(name).decode() for name in file.namelist() if name.endswith(".xml")}
        names = ET.fromstring(self.text["xl/workbook.xml"]).findall("s:sheets/s:sheet", NS)
        self.sheets = {sheet.attrib["name"]: i for i, sheet in enumerate(names, start=1)}
        strings = ET.fromstring(self.text["xl/sharedStrings.xml"]).findall("s:si", NS)
        self.strings = ["".join(si.itertext()) for si in strings]

    def cells(self, sheet: str) -> dict[str, tuple[str | float, str]]:
        """Value and formula by place."""
        root = ET.fromstring(self.text[f"xl/worksheets/sheet{self.sheets[sheet]}.xml"])
        found: dict[str, tuple[str | float, str]] = {}
        for cell in root.iter(f"{{{NS['s']}}}c"):
            value, formula = cell.find("s:v", NS), cell.find("s:f", NS)
            if value is None or value.text is None:
                continue
            text = self.strings[int(value.text)] if cell.attrib.get("t") == "s" else float(value.text)
            found[cell.attrib["r"]] = text, "" if formula is None else formula.text or ""
        return found


@pytest.fixture(scope="module")
def report(played):
    return build_simulation_report(played, baseline=played)


@pytest.fixture(scope="module")
def book(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("book") / "report.xlsx"
    write_xlsx(report, path)
    return _Book(path)


def test_the_bridge_is_summed_by_formulas_over_its_amounts(report, book):
    cells = book.cells("Bridge")
    last = len(report.bridge) + 1
    value, formula = cells[f"B{last}"]
    added = re.fullmatch(r"SUM\((.*)\)", formula)
    assert added is not None
    amounts = [cells[place][0] for place in added[1].split(",")]
    # Each amount is rounded to cents, and so may be half a cent off.
    assert sum(amounts) == pytest.approx(report.bridge[-1].amount, abs=0.005 * len(amounts))
    assert value == pytest.approx(sum(amounts), abs=1e-9)


def test_money_is_rounded_to_cents(book):
    """No cell of the bridge, the budget maps or the results of regions has more than two decimals of money."""
    for place, (value, _) in book.cells("Bridge").items():
        if place.startswith("B") and isinstance(value, float):
            assert value == round(value, 2)
    for value, _ in book.cells("Allocation").values():
        if isinstance(value, float):
            assert value == round(value, 2)


def test_noise_of_sums_is_written_as_zero():
    assert rounded(1e-17, "share") == 0.0
    assert rounded(12.3456, "money") == 12.35
    assert rounded(0.000712, "share") == 0.000712
    assert rounded(1.23e-9, "number") == 1.23e-9


def test_changes_and_customer_value_stand_in_the_summary(played, tmp_path):
    path = tmp_path / "changed.xlsx"
    scenario = replace(played.scenario, changes=(("budget.total_base", "budget.total_base=28000"),))
    write_xlsx(build_simulation_report(replace(played, scenario=scenario)), path)
    book = _Book(path)
    summary = [value for value, _ in book.cells("Summary").values()]
    assert summary[summary.index("Changed with --set") + 1] == "budget.total_base=28000"
    assert any(str(value).startswith("Beyond the margin") for value in summary)
    assert "set with --set" in {value for value, _ in book.cells("Assumptions").values()}
    assert "Orders lost to stock-outs" in {value for value, _ in book.cells("Limit changes").values()}


def test_the_allocation_total_is_a_formula(report, book):
    heat = report.allocation[0]
    rows, columns = len(heat.rows), len(heat.columns)
    corner = f"{chr(ord('A') + columns + 1)}{rows + 3}"
    value, formula = book.cells("Allocation")[corner]
    assert formula.startswith("SUM(")
    assert value == pytest.approx(sum(map(sum, heat.values)))


def test_every_column_is_in_the_data_dictionary(report, book):
    listed = {value for value, _ in book.cells("Data dictionary").values()}
    for sheet, table in workbook_tables(report).items():
        assert sheet in book.sheets
        assert {column.name for column in table.columns} <= listed


def test_money_is_formatted_in_the_currency(book):
    assert '#,##0 "EUR"' in book.text["xl/styles.xml"].replace("&quot;", '"')


def test_names_stay_text(played, tmp_path):
    """A title that looks like a formula must not become one."""
    path = tmp_path / "evil.xlsx"
    write_xlsx(build_simulation_report(played, title='=HYPERLINK("http://example.com")'), path)
    book = _Book(path)
    assert book.cells("Summary")["A1"] == ('=HYPERLINK("http://example.com")', "")
    assert "example.com" not in book.text["xl/worksheets/sheet1.xml"]


def test_the_same_report_gives_the_same_bytes(report, tmp_path):
    first, second = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    write_xlsx(report, first)
    write_xlsx(report, second)
    assert first.read_bytes() == second.read_bytes()


def test_figures_without_meaning_stay_empty(make_result, tmp_path):
    path = tmp_path / "no_media.xlsx"
    write_xlsx(build_simulation_report(make_result([5.0, 7.0], media=0.0)), path)
    cells = _Book(path).cells("KPIs")
    row = next(place[1:] for place, (value, _) in cells.items() if value == "ROAS, organic orders included")
    assert f"B{row}" not in cells
