"""A figure reads the same in the terminal, on the page and in the workbook."""

import re
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

import xbopt
from xbopt.cli import compare as compare_face
from xbopt.cli import plan as plan_face
from xbopt.cli import simulate as simulate_face
from xbopt.core.scenario.loading import load_scenario
from xbopt.reports.comparison.page import comparison_content
from xbopt.reports.comparison.report import build_comparison_report
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page_parts import PageContent
from xbopt.reports.plan.page import plan_content
from xbopt.reports.plan.report import build_plan_report
from xbopt.reports.simulation.page import simulation_content
from xbopt.reports.simulation.report import build_simulation_report
from xbopt.reports.simulation.workbook import write_xlsx
from xbopt.studies.labels import Unit
from xbopt.studies.plan_review import review_plan

SHORT = ["horizon.days=8", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
FIGURE = re.compile(r"-?\d[\d,]*(?:\.\d+)?%?")


def plain(text: str) -> str:
    """Without currency sign and with a hyphen for minus, as the tables of a terminal write it."""
    return re.sub("[€\N{WORD JOINER}]", "", text.replace("\N{MINUS SIGN}", "-"))


def page_rows(content: PageContent) -> dict[str, set[str]]:
    """By the name that a row or a tile begins with: every figure that the page shows for it."""
    tables = [table for section in content.sections for table in section.tables]
    tables += [chart.table for section in content.sections for chart in section.charts]
    rows: dict[str, set[str]] = {}
    for table in tables:
        for first, *cells in table.rows:
            texts = [part for cell in cells for part in (cell.text, cell.range)]
            rows.setdefault(first.text, set()).update(FIGURE.findall(plain(" ".join(texts))))
    for tile in content.tiles:
        rows.setdefault(tile.name, set()).update(FIGURE.findall(plain(f"{tile.figure} {tile.range}")))
    return rows


def terminal_rows(text: str) -> list[tuple[str, list[str]]]:
    """Every line of a terminal's tables, but for their heads: its name and its figures."""
    without_heads = re.sub(r"^.*\n ─+ *$", "", text, flags=re.MULTILINE)
    parts = [re.split(r" {2,}", line.strip()) for line in without_heads.splitlines() if line.startswith(" ")]
    return [(name, FIGURE.findall(" ".join(cells))) for name, *cells in parts if any(map(FIGURE.search, cells))]


def check(terminal: str, content: PageContent, *, at_least: int, but: Collection[str] = ()) -> None:
    """Every figure of a terminal's row stands in the page's rows of the same name, letter by letter."""
    shown = page_rows(content)
    compared = 0
    for name, figures in terminal_rows(terminal):
        if name in shown and name not in but:
            assert set(figures) <= shown[name], name
            compared += len(figures)
    assert compared >= at_least


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    return lambda: capsys.readouterr().out


def test_a_simulation(printed: Callable[[], str]) -> None:
    result = xbopt.simulate("quickstart", runs=8, seed=3)
    simulate_face._print_result(result, None, None)
    check(printed(), simulation_content(build_simulation_report(result)), at_least=110)


def test_a_comparison(printed: Callable[[], str]) -> None:
    scenario = load_scenario("quickstart", overrides=SHORT)
    result = xbopt.compare(scenario, ["baseline", "uniform"], runs=6, oracle_worlds=2)
    compare_face._print_comparison(result)
    text = printed()
    content = comparison_content(build_comparison_report(result))
    check(text, content, at_least=100)
    sentences = [content.verdict, *content.below_verdict]
    assert plain(" ".join(text.split())).find(plain(" ".join(sentences))) > 0


def test_a_plan(printed: Callable[[], str]) -> None:
    scenario = load_scenario("quickstart", overrides=[*SHORT, "budget.region_caps_base={DE: 800, UK: 300}"])
    result = xbopt.plan(scenario)
    plan_face._print_plan(result)
    text = printed()
    report = build_plan_report(review_plan(result, runs=4))
    content = plan_content(report)
    # The terminal's table of regions has no twin on the page, which tells the same move by move.
    check(text, content, at_least=20, but={"Germany", "United Kingdom", "All"})
    for sentence in (*report.simulation.warnings, report.verdict, content.below_verdict[0]):
        assert plain(sentence) in plain(" ".join(text.split()))


def test_a_workbook_shows_the_decimals_of_the_page(tmp_path: Path) -> None:
    """A conversion rate of 3.14 % is shown as 3.14%, a satisfaction of 0.799 as 0.799."""
    write_xlsx(build_simulation_report(xbopt.simulate("quickstart", runs=8, seed=3)), tmp_path / "book.xlsx")
    with zipfile.ZipFile(tmp_path / "book.xlsx") as file:
        styles = file.read("xl/styles.xml").decode().replace("&quot;", '"')
    for code in ('#,##0 "EUR"', '#,##0.00 "EUR"', "#,##0.00%", "#,##0.0%", "#,##0.000"):
        assert f'formatCode="{code}"' in styles, code


@pytest.mark.parametrize(
    ("figure", "unit", "text"),
    [
        (120851.4, "money", "€120,851"),
        (63.11, "money", "€63.11"),
        (20.0, "money", "€20"),
        (-0.001, "money", "€0"),
        (154.911, "price", "€154.91"),
        (2203.4, "count", "2,203"),
        (83.62, "count", "83.6"),
        (2.43, "count", "2.43"),
        (7.0, "count", "7"),
        (0.0314, "share", "3.14%"),
        (0.4783, "share", "47.8%"),
        (1.0, "share", "100%"),
        (4.3162, "ratio", "4.32"),
        (0.0342, "ratio", "0.034"),
        (0.79949, "score", "0.799"),
        (99.996, "money", "€100"),
    ],
)
def test_decimals_follow_from_what_a_figure_is_and_how_large(figure: float, unit: Unit, text: str) -> None:
    assert NumberFormat(locale="en", currency="EUR").number(figure, unit) == text


def test_a_currency_without_cents_shows_none() -> None:
    assert NumberFormat(locale="en", currency="JPY").money(63.11) == "¥63"


def test_a_terminal_gets_hyphens_for_minus() -> None:
    numbers = NumberFormat(locale="en", currency="EUR", is_for_terminal=True)
    assert numbers.number(-1334.2, "money", symbol=False) == "-1,334"
    assert numbers.number(float("nan"), "money") == "-"
    assert numbers.signed(5.0, "money", symbol=False) == "+5"


def test_a_confidence_level_keeps_its_digits() -> None:
    assert NumberFormat(locale="en", currency="EUR").level(0.975) == "97.5%"
    assert NumberFormat(locale="en", currency="EUR").level(0.9) == "90%"
