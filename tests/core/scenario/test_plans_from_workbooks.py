"""A plan in a workbook: the right sheet, no error read as nothing, merged cells as they are meant."""

import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pytest
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_problems import PlanProblems, PlanTableError
from xbopt.core.scenario.plan_sheet import understood
from xbopt.core.scenario.plan_table import read_plan, write_plan
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.spreadsheets.sheet import Lines, Row, Sheet

Rows = list[list[str]]
SPEND = 4


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("quickstart", overrides=["horizon.days=2", "plan.discounts=[]"])


@pytest.fixture(scope="module")
def plan(scenario: Scenario) -> ScheduledPolicy:
    regions, segments, channels, _ = scenario.shape
    cells = (2, regions, segments)
    return ScheduledPolicy(
        name="any",
        kind="planner",
        spend_base=np.arange(2.0 * regions * segments * channels).reshape((*cells, channels)) + 0.25,
        daypart_weights=scenario.plan.daypart_weights,
        discount_frac=np.full(cells, 0.05),
        mechanic=np.zeros(cells, dtype=np.int64),
    )


@pytest.fixture(scope="module")
def rows(plan: ScheduledPolicy, scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("plan") / "plan.csv"
    write_plan(plan, scenario, path)
    return [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]


def fill(book: xlsxwriter.Workbook, rows: Rows, name: str = "Plan", top: int = 0) -> Worksheet:
    """The plan as a sheet whose head stands in row ``top``, from 0."""
    sheet, day_form = book.add_worksheet(name), book.add_format({"num_format": "dd.mm.yyyy"})
    sheet.write_row(top, 0, rows[0])
    for i, row in enumerate(rows[1:], start=top + 1):
        sheet.write_datetime(i, 0, datetime.fromisoformat(row[0]), day_form)
        sheet.write_row(i, 1, row[1:4])
        sheet.write_row(i, SPEND, [float(row[SPEND]), float(row[SPEND + 1]), row[6], *map(float, row[7:])])
    return sheet


def with_formula(book: xlsxwriter.Workbook, rows: Rows, cell: str, formula: str, value: str | float) -> None:
    """The plan with a formula in a cell, and the result that was saved with it."""
    # The writer's annotation knows whole numbers alone; errors and texts are written as well.
    fill(book, rows).write_formula(cell, formula, None, cast("int", value))


@pytest.fixture
def read(rows: Rows, scenario: Scenario, tmp_path: Path) -> Callable[..., ScheduledPolicy]:
    def attempt(make: Callable[[xlsxwriter.Workbook], None]) -> ScheduledPolicy:
        book = xlsxwriter.Workbook(tmp_path / "plan.xlsx")
        make(book)
        book.close()
        return read_plan(tmp_path / "plan.xlsx", scenario)

    return attempt


Read = Callable[[Callable[[xlsxwriter.Workbook], None]], ScheduledPolicy]


def refused(read: Read, make: Callable[[xlsxwriter.Workbook], None]) -> str:
    with pytest.raises(PlanTableError) as caught:
        read(make)
    (problem,) = caught.value.problems
    return str(problem).removeprefix(f"{problem.file}:")


def same(back: ScheduledPolicy, plan: ScheduledPolicy) -> bool:
    names = ("spend_base", "discount_frac", "daypart_weights", "mechanic")
    return all(np.array_equal(getattr(back, name), getattr(plan, name)) for name in names)


@pytest.mark.parametrize(
    ("formula", "value", "words"),
    [
        ("=1/0", "#DIV/0!", "'#DIV/0!' is an error of the spreadsheet; mend it there, or write the value."),
        ("=Z1", "#REF!", "'#REF!' is an error of the spreadsheet"),
        ("=B7*2", "", "'=B7*2' is a formula without its result; let a spreadsheet calculate and save it, or write"),
        ("=B7*2", 0, "'=B7*2' is a formula without its result"),  # written by a program that leaves it to Excel
    ],
)
@pytest.mark.parametrize("cell", ["E7", "F7", "A7"])
def test_an_error_is_no_blank_and_its_cell_is_named(
    cell: str, formula: str, value: str | int, words: str, read: Read, rows: Rows
) -> None:
    said = refused(read, lambda book: with_formula(book, rows, cell, formula, value))
    assert f"cell {cell}: {words}" in said


def test_a_formula_with_its_result_is_a_number(read: Read, rows: Rows, plan: ScheduledPolicy) -> None:
    value = float(rows[6][SPEND])
    assert same(read(lambda book: with_formula(book, rows, "E7", "=B7*2", value)), plan)
    blank = read(lambda book: with_formula(book, rows, "E2", '=IF(B2="","",1)', " "))
    assert blank.spend_base[0, 0, 0, 0] == 0.0
    assert blank.notes == ("plan.xlsx: 1 rows leave the spend blank and count as no spend.",)


def test_errors_outside_the_plan_are_nobodys(read: Read, rows: Rows, plan: ScheduledPolicy) -> None:
    def make(book: xlsxwriter.Workbook) -> None:
        sheet = fill(book, rows)
        sheet.write_formula("M3", "=1/0", None, cast("int", "#DIV/0!"))
        sheet.write_string(len(rows), 0, "Total")
        sheet.write_formula(len(rows), SPEND, "=1/0", None, cast("int", "#DIV/0!"))

    back = read(make)
    assert same(back, plan)
    assert back.notes == (
        "plan.xlsx: the column M (without a name) is not read.",
        f"plan.xlsx: line {len(rows) + 1} holds a total and is no row of the plan.",
    )


def test_the_sheet_with_the_plan_is_found_and_the_others_are_named(
    read: Read, rows: Rows, plan: ScheduledPolicy
) -> None:
    def make(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet("Notes").write("A1", "see the next sheet")
        book.add_chartsheet("Chart")
        fill(book, rows, "October")
        fill(book, rows[:3], "Old").hide()

    back = read(make)
    assert same(back, plan)
    assert back.notes == ("plan.xlsx: the sheets Notes, Chart, Old (hidden) are not read.",)


def test_two_plans_are_asked_about(read: Read, rows: Rows) -> None:
    def make(book: xlsxwriter.Workbook) -> None:
        fill(book, rows, "October")
        fill(book, rows, "October (2)")

    assert refused(read, make) == (
        " The sheets October, October (2) all hold such a table. Leave one, or hide the others."
    )


def test_a_plan_on_a_hidden_sheet_alone_is_not_guessed(read: Read, rows: Rows) -> None:
    def make(book: xlsxwriter.Workbook) -> None:
        front = book.add_worksheet("Front")
        front.write("A1", "Welcome")
        front.activate()
        fill(book, rows).hide()

    assert refused(read, make).endswith("The sheet Plan (hidden) is not read.")


def test_titles_above_and_remarks_beside_are_passed_over(read: Read, rows: Rows, plan: ScheduledPolicy) -> None:
    def make(book: xlsxwriter.Workbook) -> None:
        sheet = fill(book, rows, top=3)
        sheet.merge_range(0, 0, 0, 5, "Media plan")
        sheet.write("A2", "date of issue")
        sheet.write("M9", "ask again")

    back = read(make)
    assert same(back, plan)
    assert back.notes == (
        "plan.xlsx: lines 1 to 2 above the head are not read.",
        "plan.xlsx: the column M (without a name) is not read.",
    )


def test_what_is_merged_holds_for_all_its_rows(read: Read, rows: Rows, plan: ScheduledPolicy) -> None:
    """Twelve rows a day, six a region, three a segment: date, region and discount stand once each."""

    def make(book: xlsxwriter.Workbook) -> None:
        sheet, form = fill(book, rows), book.add_format({"num_format": "yyyy-mm-dd"})
        for first in range(1, len(rows), 12):
            sheet.merge_range(first, 0, first + 11, 0, datetime.fromisoformat(rows[first][0]), form)
        for first in range(1, len(rows), 6):
            sheet.merge_range(first, 1, first + 5, 1, rows[first][1])
            sheet.merge_range(first, 5, first + 5, 5, 0.05)

    assert same(read(make), plan)


def test_one_amount_for_several_rows_is_refused(read: Read, rows: Rows) -> None:
    def make(book: xlsxwriter.Workbook) -> None:
        fill(book, rows).merge_range("E2:E4", 117)

    said = refused(read, make)
    assert said == (
        "2:5: spend_base, cell E2: A merged cell has one amount for several rows; split it, one amount a row. "
        "The same holds for 2 more rows."
    )


@pytest.mark.parametrize("form", ["[$$-409]#,##0.00", '"$"#,##0.00', "#,##0.00 [$USD]"])
def test_amounts_shown_in_another_currency_are_refused(form: str, read: Read, rows: Rows) -> None:
    def make(book: xlsxwriter.Workbook) -> None:
        fill(book, rows).write_number("E2", 117.0, book.add_format({"num_format": form}))

    assert "cell E2: This amount is shown in another currency (" in refused(read, make)


def test_amounts_shown_in_the_plans_currency_are_its_amounts(read: Read, rows: Rows, plan: ScheduledPolicy) -> None:
    def make(book: xlsxwriter.Workbook) -> None:
        form = book.add_format({"num_format": '#,##0.00 [$€-407];"-"'})
        fill(book, rows).write_number("E2", float(rows[1][SPEND]), form)

    assert same(read(make), plan)


def test_a_format_that_hides_errors_has_no_blanks(scenario: Scenario) -> None:
    """The reader of .xls gives nothing for an error."""
    head = ("date", "region", "segment", "channel", "spend_base")
    row = Row(line=2, cells=("2026-10-05", "DE", "families", "search", None))
    for hides, count in ((True, 1), (False, 0)):
        problems = PlanProblems("plan.xls")
        understood(
            Sheet(head=head, head_line=1, rows=(row,), lines=Lines(cells=(), hides_errors=hides)), scenario, problems
        )
        assert len(problems.error().problems) == count


def test_a_locked_workbook_says_so(scenario: Scenario, tmp_path: Path) -> None:
    (tmp_path / "plan.xlsx").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(3000))
    with pytest.raises(PlanTableError, match="locked by a password"):
        read_plan(tmp_path / "plan.xlsx", scenario)


NAMESPACES = " ".join(
    f'xmlns:{name}="urn:{urn}"'
    for name, urn in {
        "office": "oasis:names:tc:opendocument:xmlns:office:1.0",
        "table": "oasis:names:tc:opendocument:xmlns:table:1.0",
        "text": "oasis:names:tc:opendocument:xmlns:text:1.0",
        "calcext": "org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
    }.items()
)

MANIFEST = (
    '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
)


def cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{escape(text)}</text:p></table:table-cell>"


def as_cells(row: Sequence[str], *, is_head: bool) -> list[str]:
    """A row as LibreOffice saves it in German: a value, and a text that only people read."""
    if is_head:
        return [cell(name, 'office:value-type="string"') for name in row]
    day = ".".join(reversed(row[0].split("-")))
    cells = [cell(day, f'office:value-type="date" office:date-value="{row[0]}"')]
    cells += [cell(name, 'office:value-type="string"') for name in row[1:4]]
    amount = f'office:value-type="currency" office:currency="EUR" office:value="{row[SPEND]}"'
    cells.append(cell(row[SPEND].replace(".", ",") + " €", amount))
    cells.append(cell(f"{float(row[5]):.0%}", f'office:value-type="percentage" office:value="{row[5]}"'))
    cells.append(cell(row[6], 'office:value-type="string"'))
    return cells + [cell(share, f'office:value-type="float" office:value="{share}"') for share in row[7:]]


def save_ods(path: Path, table: Sequence[Sequence[str]]) -> None:
    """An OpenDocument workbook as LibreOffice saves it, with its million empty rows at the end."""
    body = "".join(f"<table:table-row>{''.join(cells)}</table:table-row>" for cells in table)
    rest = '<table:table-cell table:number-columns-repeated="1024"/>'
    body += f'<table:table-row table:number-rows-repeated="{1 << 20}">{rest}</table:table-row>'
    sheet = f"<table:table table:name={quoteattr('Plan')}>{body}</table:table>"
    content = f"<office:body><office:spreadsheet>{sheet}</office:spreadsheet></office:body>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        head = f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {NAMESPACES} office:version="1.3">'
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", f"{head}{content}</office:document-content>")


@pytest.fixture
def ods(rows: Rows) -> list[list[str]]:
    return [as_cells(row, is_head=i == 0) for i, row in enumerate(rows)]


def test_libreoffice_gives_the_same_plan(
    ods: list[list[str]], plan: ScheduledPolicy, scenario: Scenario, tmp_path: Path
) -> None:
    save_ods(tmp_path / "plan.ods", ods)
    back = read_plan(tmp_path / "plan.ods", scenario)
    assert same(back, plan)
    assert back.notes == ()


def test_libreoffice_merges_too(
    ods: list[list[str]], plan: ScheduledPolicy, scenario: Scenario, tmp_path: Path
) -> None:
    for first in range(1, len(ods), 6):
        ods[first][1] = ods[first][1].replace(
            "<table:table-cell ", '<table:table-cell table:number-rows-spanned="6" ', 1
        )
        for row in ods[first + 1 : first + 6]:
            row[1] = "<table:covered-table-cell/>"
    save_ods(tmp_path / "plan.ods", ods)
    assert same(read_plan(tmp_path / "plan.ods", scenario), plan)


@pytest.mark.parametrize(
    ("attributes", "text", "words"),
    [
        (
            'table:formula="of:=1/0" office:value-type="string" office:string-value="" calcext:value-type="error"',
            "#DIV/0!",
            "'#DIV/0!' is an error of the spreadsheet",
        ),
        ('table:formula="of:=[.B7]*2" office:value-type="float" office:value="0"', "Err:502", "'Err:502' is an error"),
        ('table:formula="of:=[.B7]*2"', "", "'=[.B7]*2' is a formula without its result"),
        ('office:value-type="currency" office:currency="USD" office:value="3"', "$3", "in another currency (USD)"),
    ],
)
def test_an_error_of_libreoffice_is_no_blank(
    attributes: str, text: str, words: str, ods: list[list[str]], scenario: Scenario, tmp_path: Path
) -> None:
    ods[6][SPEND] = cell(text, attributes)
    save_ods(tmp_path / "plan.ods", ods)
    with pytest.raises(PlanTableError) as caught:
        read_plan(tmp_path / "plan.ods", scenario)
    (problem,) = caught.value.problems
    assert problem.path == "spend_base, cell E7"
    assert words in problem.message
