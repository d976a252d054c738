"""Unit costs are read from whatever an office program saves, and never guessed."""

from pathlib import Path

import pytest
import xlsxwriter

from xbopt.calibration.scenario.costs import read_costs
from xbopt.core.errors import UsageError

COSTS = {"LMP-1": 14.0, "0042": 1041.65}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("sku,cost\nLMP-1,14.00\n0042,1041.65\n", "utf-8"),
        ("SKU;Cost\nLMP-1;14,00\n0042;1.041,65\n", "cp1252"),
        ("sku\tname\tcost\nLMP-1\tLeuchte für Bäder\t14\n0042\tTeppich\t1041,65\n", "utf-16"),
        ('sku,cost\nLMP-1,"€ 14,00"\n0042,"1.041,65"\n', "utf-8-sig"),
    ],
)
def test_costs_are_read_in_any_usual_form_of_text(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(text, encoding=encoding)
    assert read_costs(path) == COSTS


def test_costs_are_read_from_a_workbook(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "costs.xlsx") as book:
        sheet = book.add_worksheet()
        for n, row in enumerate([("sku", "cost"), ("LMP-1", 14), (4711, 7.5)]):
            sheet.write_row(n, 0, row)
    assert read_costs(tmp_path / "costs.xlsx") == {"LMP-1": 14.0, "4711": 7.5}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("sku;price\nA;1\n", "sku and cost are wanted"),
        ("sku;cost;Cost\nA;1;2\n", "once each"),
        ("sku;cost\nA;1.234\n", "two decimals"),
        ("sku,cost\nA,1\n,2\n", "row 3: the sku is empty"),
        ("sku,cost\nA,free\n", "row 2: the cost of A is 'free'"),
        ("sku,cost\nA,-1\n", "from 0 on"),
        ("sku,cost\nA,1\nA,2\n", "A costs 1 above and 2 here"),
    ],
)
def test_what_is_no_list_of_costs_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=says):
        read_costs(path)
