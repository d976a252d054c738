"""A plan that has been through a spreadsheet: the same plan, or one sentence that says what to write."""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xlsxwriter

from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_problems import PlanTableError
from xbopt.core.scenario.plan_table import read_plan, write_plan
from xbopt.core.scenario.scenario import Scenario

DAYS = 10
Rows = list[list[str]]
KEYS, SPEND, DISCOUNT, MECHANIC, PARTS = slice(0, 4), 4, 5, 6, slice(7, 11)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Ten days, so that the days of the month pass the twelfth."""
    overrides = [f"horizon.days={DAYS}", "plan.discounts=[]", "budget.total_base=90000"]
    return load_scenario("quickstart", overrides=overrides)


@pytest.fixture(scope="module")
def plan(scenario: Scenario) -> ScheduledPolicy:
    rng = np.random.default_rng(5)
    regions, segments, channels, _ = scenario.shape
    cells = (DAYS, regions, segments)
    spend = np.round(rng.uniform(0, 9000, (*cells, channels)), 2) * rng.integers(0, 2, (*cells, channels))
    return ScheduledPolicy(
        name="any",
        kind="planner",
        spend_base=spend,
        daypart_weights=scenario.plan.daypart_weights,
        discount_frac=rng.choice([0.0, 0.05, 0.1], cells),
        mechanic=np.zeros(cells, dtype=np.int64),
    )


@pytest.fixture(scope="module")
def rows(plan: ScheduledPolicy, scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("plan") / "plan.csv"
    write_plan(plan, scenario, path)
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))


def saved(rows: Sequence[Sequence[str]], separator: str = ",") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return stream.getvalue()


def with_column(rows: Rows, column: int, change: Callable[[str], str]) -> Rows:
    return [rows[0], *([*row[:column], change(row[column]), *row[column + 1 :]] for row in rows[1:])]


def dated(rows: Rows, form: str) -> Rows:
    def written(text: str) -> str:
        day = date.fromisoformat(text)
        plain = {"d": str(day.day), "m": str(day.month), "serial": str((day - date(1899, 12, 30)).days)}
        return day.strftime(form.format(**plain))

    return with_column(rows, 0, written)


def german(text: str) -> str:
    """1234.5 as a German spreadsheet writes it."""
    return f"{float(text):,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")


def decimal_comma(rows: Rows) -> Rows:
    changed = with_column(rows, SPEND, german)
    for column in (DISCOUNT, *range(PARTS.start, PARTS.stop)):
        changed = with_column(changed, column, lambda text: text.replace(".", ","))
    return changed


def powers_of_ten(text: str) -> str:
    """1.234,50 as 1,234500000E+03."""
    return f"{float(text.replace('.', '').replace(',', '.')):.9E}".replace(".", ",")


def total_of(rows: Rows) -> str:
    return f"{sum(float(row[SPEND]) for row in rows[1:]):.2f}"


def names(rows: Rows) -> Rows:
    said = {"DE": "Germany", "UK": "united kingdom", "search": "Paid search", "families": "Families furnishing a home"}
    return [rows[0], *([said.get(cell, cell) for cell in row] for row in rows[1:])]


def capitals(rows: Rows) -> Rows:
    return [rows[0], *([row[0], *map(str.upper, row[1:4]), *row[4:]] for row in rows[1:])]


OTHER_NAMES = ("Date", "Region", "Segment", "Channel", "Spend (EUR)")
VARIANTS: dict[str, Callable[[Rows], bytes]] = {
    "as written": lambda rows: saved(rows).encode(),
    "semicolons, decimal commas, byte order mark": lambda rows: saved(decimal_comma(rows), ";").encode("utf-8-sig"),
    "tabs in UTF-16": lambda rows: saved(rows, "\t").encode("utf-16"),
    "UTF-16 without a mark": lambda rows: saved(rows, "\t").encode("utf-16-le"),
    "Windows-1252 with umlauts": lambda rows: saved([[*row, "für später"] for row in rows]).encode("cp1252"),
    "Chinese Windows": lambda rows: saved([[*row, "备注"] for row in rows]).encode("gb18030"),
    "German dates": lambda rows: saved(dated(rows, "%d.%m.%Y")).encode(),
    "German dates without zeros, two-digit years": lambda rows: saved(dated(rows, "{d}.{m}.%y")).encode(),
    "United States dates": lambda rows: saved(dated(rows, "{m}/{d}/%Y")).encode(),
    "British dates": lambda rows: saved(dated(rows, "%d/%m/%Y")).encode(),
    "ISO with a time": lambda rows: saved(dated(rows, "%Y-%m-%d 00:00:00")).encode(),
    "ISO with T and zone": lambda rows: saved(dated(rows, "%Y-%m-%dT00:00:00Z")).encode(),
    "slashes, year first": lambda rows: saved(dated(rows, "%Y/%m/%d")).encode(),
    "serial dates": lambda rows: saved(dated(rows, "{serial}")).encode(),
    "named months": lambda rows: saved(dated(rows, "{d}-%b-%y")).encode(),
    "Chinese dates": lambda rows: saved(dated(rows, "%Y年{m}月{d}日")).encode(),
    "a notes column": lambda rows: saved([[*row, "ask Ms Li, then\nbook"] for row in rows]).encode(),
    "thousands separators": lambda rows: saved(with_column(rows, SPEND, lambda x: f"{float(x):,.2f}")).encode(),
    "Swiss thousands": lambda rows: saved(
        with_column(rows, SPEND, lambda x: f"{float(x):,.2f}".replace(",", "'"))
    ).encode(),
    "thousands points and a euro sign": lambda rows: saved(
        with_column(decimal_comma(rows), SPEND, lambda x: f"{x} €"), ";"
    ).encode(),
    "currency signs": lambda rows: saved(with_column(rows, SPEND, lambda x: f"€ {float(x):,.2f}")).encode(),
    "currency codes": lambda rows: saved(with_column(rows, SPEND, lambda x: f"EUR {float(x):.2f}")).encode(),
    "percent signs": lambda rows: saved(with_column(rows, DISCOUNT, lambda x: f"{float(x) * 100:g}%")).encode(),
    "percent signs after a blank": lambda rows: saved(
        with_column(rows, DISCOUNT, lambda x: f"{float(x) * 100:g} %")
    ).encode(),
    "a total row": lambda rows: saved([*rows, ["Total", "", "", "", total_of(rows), "", *[""] * 5]]).encode(),
    "a total without a word": lambda rows: saved([*rows, ["", "", "", "", total_of(rows), *[""] * 6]]).encode(),
    "a total in German": lambda rows: saved([*rows, ["Gesamtsumme", "", "", "", total_of(rows), *[""] * 6]]).encode(),
    "zero rows left out": lambda rows: saved(
        [rows[0], *(row for row in rows[1:] if float(row[SPEND]) or row[3] == "search")]
    ).encode(),
    "names for ids": lambda rows: saved(names(rows)).encode(),
    "ids in capitals": lambda rows: saved(capitals(rows)).encode(),
    "no dayparts": lambda rows: saved([row[: PARTS.start] for row in rows]).encode(),
    "no mechanic": lambda rows: saved([[*row[:MECHANIC], *row[MECHANIC + 1 :]] for row in rows]).encode(),
    "other column names": lambda rows: saved([[*OTHER_NAMES, *rows[0][5:]], *rows[1:]]).encode(),
    "blank zeros": lambda rows: saved(with_column(rows, SPEND, lambda x: x if float(x) else "")).encode(),
    "empty lines and columns": lambda rows: saved([*([*row, "", ""] for row in rows), [""] * 13, []]).encode(),
    "a title's empty line first": lambda rows: saved([[], *rows]).encode(),
    "a line that says the separator": lambda rows: ("sep=;\r\n" + saved(decimal_comma(rows), ";")).encode(),
    "the same with a mark and in UTF-16": lambda rows: ("sep=\t\n" + saved(rows, "\t")).encode("utf-16"),
    "upright bars": lambda rows: saved(rows, "|").encode(),
    "line ends of an old Mac": lambda rows: saved(rows).replace("\r\n", "\r").encode("mac-roman"),
    "a dash for nothing": lambda rows: saved(with_column(rows, SPEND, lambda x: x if float(x) else "-")).encode(),
    "an accountant's form": lambda rows: saved(
        with_column(rows, SPEND, lambda x: f" € {float(x):,.2f} " if float(x) else " € \u2013   ")
    ).encode(),
    "powers of ten": lambda rows: saved(with_column(rows, SPEND, lambda x: f"{float(x):.9E}")).encode(),
    "powers of ten with a decimal comma": lambda rows: saved(
        with_column(decimal_comma(rows), SPEND, powers_of_ten), ";"
    ).encode(),
    "months in German": lambda rows: saved(dated(rows, "{d}. Oktober %Y")).encode(),
    "months in French": lambda rows: saved(dated(rows, "{d} octobre %Y")).encode(),
    "United States dates in words": lambda rows: saved(dated(rows, "Oct {d}, %Y")).encode(),
    "days of the week": lambda rows: saved(dated(rows, "%a %d.%m.%Y")).encode(),
    "title lines of another shape": lambda rows: (
        "Media plan, Q4, all regions\r\nprepared;by;Li\r\n\r\n" + saved(decimal_comma(rows), ";")
    ).encode(),
    "the head in the middle again": lambda rows: saved([*rows[:7], rows[0], *rows[7:]]).encode(),
    "a remark below": lambda rows: saved([*rows, [], ["* agreed with Ms Li"]]).encode(),
    "remarks right of the head": lambda rows: saved(
        [[*rows[0], "", ""], *([*row, "", "ask again"] for row in rows[1:])]
    ).encode(),
    "names with unbreakable and double blanks": lambda rows: saved(
        [[{"search": "Paid\u00a0 SEARCH "}.get(cell, cell) for cell in row] for row in names(rows)]
    ).encode(),
    "subtotals of a spreadsheet": lambda rows: saved(
        [*rows[:7], ["", "DE Total", "", "", "9", *[""] * 6], *rows[7:], ["Gesamtergebnis", *[""] * 3, "9", *[""] * 6]]
    ).encode(),
    "texts that spreadsheets must leave alone": lambda rows: saved(with_column(rows, 0, '="{}"'.format)).encode(),
    "units in the head": lambda rows: saved([[*rows[0][:4], "Spend [EUR per day]", *rows[0][5:]], *rows[1:]]).encode(),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_table_saved_by_a_spreadsheet_is_the_same_plan(
    variant: str, rows: Rows, plan: ScheduledPolicy, scenario: Scenario, tmp_path: Path
) -> None:
    (tmp_path / "plan.csv").write_bytes(VARIANTS[variant](rows))
    back = read_plan(tmp_path / "plan.csv", scenario)
    assert back.spend_base == pytest.approx(plan.spend_base, abs=1e-9)
    assert back.discount_frac == pytest.approx(plan.discount_frac, abs=1e-12)
    assert back.daypart_weights == pytest.approx(plan.daypart_weights, abs=1e-12)


@pytest.mark.parametrize(
    ("column", "head", "words"),
    [
        (SPEND, "Spend (GBP)", "this column holds amounts in EUR. Name it spend_base."),
        (SPEND, "Spend (k EUR)", "this column holds amounts in EUR. Name it spend_base."),
        (DISCOUNT, "Discount %", "this column holds shares, as 0.1 or 10%. Name it discount_frac."),
    ],
)
def test_a_head_with_another_unit_is_refused(
    column: int, head: str, words: str, rows: Rows, scenario: Scenario, tmp_path: Path
) -> None:
    said = refused(saved([[*rows[0][:column], head, *rows[0][column + 1 :]], *rows[1:]]), scenario, tmp_path)
    assert f"{head!r} has another unit; {words}" in said


def test_a_table_without_a_head_is_one_problem(rows: Rows, scenario: Scenario, tmp_path: Path) -> None:
    said = refused(saved(rows[1:]), scenario, tmp_path)
    assert said == "1:1: No line names the columns date, region, segment, channel, spend_base."


@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        (SPEND, "#REF!", "'#REF!' is an error of the spreadsheet; mend it there, or write the value."),
        (0, "#N/A", "'#N/A' is an error of the spreadsheet"),
        (DISCOUNT, "=B2/C2", "'=B2/C2' is a formula without its result"),
        (1, "", "The region is missing; write it in every row, also where it is that of the row above."),
        (SPEND, "87,5", "'87,5' has another decimal sign than the rest of this file; write all numbers alike."),
    ],
)
def test_a_cell_without_a_value_is_refused(
    column: int, text: str, words: str, rows: Rows, scenario: Scenario, tmp_path: Path
) -> None:
    marked = [*rows[:4], [*rows[4][:column], text, *rows[4][column + 1 :]], *rows[5:]]
    said = refused(saved(marked, ";"), scenario, tmp_path)
    assert said.startswith("5:")
    assert words in said


def test_blanks_where_only_the_first_row_has_the_region_are_one_problem(
    rows: Rows, scenario: Scenario, tmp_path: Path
) -> None:
    """What is left of merged cells in CSV."""
    lost = [rows[0], *([row[0], row[1] if before[1] != row[1] else "", *row[2:]] for before, row in pairwise(rows))]
    said = refused(saved(lost), scenario, tmp_path)
    assert said.startswith("3:12: region: The region is missing; ")
    # Two regions a day: of 12 rows a day, ten repeat the region of the row above.
    assert said.endswith(f"The same holds for {DAYS * 10 - 1} more rows.")


def test_several_blanks_of_a_row_are_one_problem(rows: Rows, scenario: Scenario, tmp_path: Path) -> None:
    said = refused(saved([rows[0], ["YYYY-MM-DD", "", "", "", "EUR", *[""] * 6], *rows[1:]]), scenario, tmp_path)
    assert said.startswith("2:12: region: The region, segment, channel are missing;")


def test_a_quotation_mark_that_is_never_closed_is_no_remark(rows: Rows, scenario: Scenario, tmp_path: Path) -> None:
    """It would swallow all rows that follow."""
    text = saved(rows[:3]) + '"' + saved(rows[3:])
    said = refused(text, scenario, tmp_path)
    assert said.startswith(" From line 4 on this is no table")


def test_a_discount_that_went_with_its_rows_is_told(
    rows: Rows, plan: ScheduledPolicy, scenario: Scenario, tmp_path: Path
) -> None:
    kept = [row for row in rows if row[1] != "DE" or row[2] != "families" or row[0] != "2026-10-06"]
    (tmp_path / "plan.csv").write_text(saved(kept), encoding="utf-8")
    notes = read_plan(tmp_path / "plan.csv", scenario).notes
    assert notes[-1] == (
        f"plan.csv: 1 of {DAYS * 4} days of a region and segment have no row, and so no discount; the first: "
        "2026-10-06, DE, families."
    )
    bare = with_column(kept, DISCOUNT, lambda _: "0")
    (tmp_path / "plan.csv").write_text(saved(bare), encoding="utf-8")
    assert not any("discount" in note for note in read_plan(tmp_path / "plan.csv", scenario).notes)


def test_all_that_is_not_read_is_named(rows: Rows, scenario: Scenario, tmp_path: Path) -> None:
    wide = [["Media plan"], [*rows[0][:4], "", *rows[0][4:], "Owner"], *([*r[:4], "x", *r[4:], "Li"] for r in rows[1:])]
    (tmp_path / "plan.csv").write_text(saved([*wide, ["* agreed"], wide[1]]), encoding="utf-8")
    last = len(rows) + 2
    assert read_plan(tmp_path / "plan.csv", scenario).notes == (
        "plan.csv: line 1 above the head is not read.",
        "plan.csv: the columns Owner, 5 (without a name) are not read.",
        f"plan.csv: line {last} holds a remark and is no row of the plan.",
        f"plan.csv: line {last + 1} holds the head again and is no row of the plan.",
    )


@pytest.mark.parametrize("text_dates", [False, True])
def test_a_workbook_is_the_same_plan(
    text_dates: bool, rows: Rows, plan: ScheduledPolicy, scenario: Scenario, tmp_path: Path
) -> None:
    book = xlsxwriter.Workbook(tmp_path / "plan.xlsx")
    sheet = book.add_worksheet()
    day_form, share_form = book.add_format({"num_format": "dd.mm.yyyy"}), book.add_format({"num_format": "0%"})
    sheet.write_row(0, 0, [*rows[0], "notes"])
    for i, row in enumerate(rows[1:], start=1):
        if text_dates:
            sheet.write_string(i, 0, date.fromisoformat(row[0]).strftime("%d.%m.%Y"))
        else:
            sheet.write_datetime(i, 0, datetime.fromisoformat(row[0]), day_form)
        sheet.write_row(i, 1, row[1:4])
        sheet.write_number(i, SPEND, float(row[SPEND]))
        sheet.write_number(i, DISCOUNT, float(row[DISCOUNT]), share_form)
        sheet.write_string(i, MECHANIC, row[MECHANIC])
        sheet.write_row(i, MECHANIC + 1, [float(cell) for cell in row[PARTS]])
    sheet.write_string(len(rows), 0, "Total")
    sheet.write_formula(len(rows), SPEND, f"=SUM(E2:E{len(rows)})")
    book.close()
    back = read_plan(tmp_path / "plan.xlsx", scenario)
    assert back.spend_base == pytest.approx(plan.spend_base, abs=1e-9)
    assert back.discount_frac == pytest.approx(plan.discount_frac, abs=1e-12)


def test_a_workbook_that_was_written_comes_back(plan: ScheduledPolicy, scenario: Scenario, tmp_path: Path) -> None:
    write_plan(plan, scenario, tmp_path / "plan.xlsx")
    back = read_plan(tmp_path / "plan.xlsx", scenario)
    for name in ("spend_base", "daypart_weights", "discount_frac", "mechanic"):
        assert getattr(back, name).tobytes() == getattr(plan, name).tobytes(), name
    assert back.notes == ()


def refused(text: str, scenario: Scenario, tmp_path: Path) -> str:
    (tmp_path / "plan.csv").write_text(text, encoding="utf-8")
    with pytest.raises(PlanTableError) as caught:
        read_plan(tmp_path / "plan.csv", scenario)
    (problem,) = caught.value.problems
    return str(problem).removeprefix(f"{problem.file}:")


def test_what_is_read_otherwise_is_noted(rows: Rows, scenario: Scenario, tmp_path: Path) -> None:
    some = [rows[0], *(row for row in rows[1:] if row[3] != "email"), ["Total", "", "", "", "1", *[""] * 6]]
    (tmp_path / "plan.csv").write_text(saved([[*row[:7], "mine"] for row in some]), encoding="utf-8")
    notes = read_plan(tmp_path / "plan.csv", scenario).notes
    first = "2026-10-05, DE, families, email"
    assert notes == (
        "plan.csv: the column mine is not read.",
        "plan.csv: no daypart columns: ads run through the day as in the scenario's own plan.",
        f"plan.csv: line {len(some)} holds a total and is no row of the plan.",
        f"plan.csv: 40 of {DAYS * 12} rows are left out and count as no spend; the first: {first}.",
    )


def test_a_date_with_two_readings_is_asked_about(tmp_path: Path) -> None:
    """In a plan for May to July, 06/05 and 07/06 are days of it whichever number is the month."""
    long = load_scenario("quickstart", overrides=["horizon.start=2026-05-06", "horizon.days=80", "plan.discounts=[]"])
    rows = ("06/05/2026,DE,families,search,5", "07/06/2026,DE,families,search,5")
    lines = ["date,region,segment,channel,spend_base", *rows]
    said = refused("\n".join(lines), long, tmp_path)
    assert said == (
        "2:1: date: 06/05/2026 can be 2026-06-05 (MM/DD/YYYY) or 2026-05-06 (DD/MM/YYYY), and nothing in this file "
        "settles it. Write dates as YYYY-MM-DD."
    )


def test_a_date_with_one_reading_inside_the_horizon_is_no_question(scenario: Scenario, tmp_path: Path) -> None:
    lines = ["date,region,segment,channel,spend_base", "10/5/2026,DE,families,search,5"]
    (tmp_path / "plan.csv").write_text("\n".join(lines), encoding="utf-8")
    assert read_plan(tmp_path / "plan.csv", scenario).spend_base[0, 0, 0, 0] == 5.0


def test_dates_of_two_forms_in_one_file_are_refused(rows: Rows, scenario: Scenario, tmp_path: Path) -> None:
    mixed = [*dated(rows, "%d.%m.%Y")[:-1], rows[-1]]
    said = refused(saved(mixed), scenario, tmp_path)
    assert said == f"{len(rows)}:1: date: '2026-10-14' is no date in the form DD.MM.YYYY of this file."


def test_a_number_with_two_readings_is_asked_about(scenario: Scenario, tmp_path: Path) -> None:
    lines = ["date;region;segment;channel;spend_base", "2026-10-05;DE;families;search;1.234"]
    assert "Numbers such as 1.234" in refused("\n".join(lines), scenario, tmp_path)
    (tmp_path / "plan.csv").write_text("\n".join([*lines, "2026-10-06;DE;families;search;2,50"]), encoding="utf-8")
    assert read_plan(tmp_path / "plan.csv", scenario).spend_base[0, 0, 0, 0] == 1234.0


@pytest.mark.parametrize("amount", ["GBP 100.00", "$100.00", "100 USD", "£100", "¥100"])
def test_money_in_another_currency_is_no_money_of_the_plan(amount: str, scenario: Scenario, tmp_path: Path) -> None:
    lines = ["date,region,segment,channel,spend_base", f"2026-10-05,DE,families,search,{amount}"]
    assert "is in another currency; amounts of this plan are in EUR." in refused("\n".join(lines), scenario, tmp_path)


def test_a_percentage_without_its_sign_is_told(scenario: Scenario, tmp_path: Path) -> None:
    lines = ["date,region,segment,channel,spend_base,discount_frac", "2026-10-05,DE,families,search,5,10"]
    assert "For 10 % write 0.1 or 10%." in refused("\n".join(lines), scenario, tmp_path)


def test_a_damaged_workbook_is_refused(scenario: Scenario, tmp_path: Path) -> None:
    (tmp_path / "plan.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(PlanTableError, match="cannot be opened"):
        read_plan(tmp_path / "plan.xlsx", scenario)


def test_the_days_of_the_test_pass_the_twelfth(scenario: Scenario) -> None:
    """Else American and British dates would differ in nothing but the horizon."""
    assert scenario.date_of(DAYS - 1) == scenario.start + timedelta(days=9)
    assert scenario.date_of(DAYS - 1).day == 14
