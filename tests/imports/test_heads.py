"""A head says which column is which: one of two rows, or one that names a column twice, does not."""

from pathlib import Path
from typing import Any

import pytest

from tests.imports.conftest import Importing
from xbopt.imports.refusals import RefusedFileError

META = [
    ["Day", "Campaign name", "Amount spent", "", "Impressions"],
    ["", "", "Video", "Image", ""],
    ["2026-09-03", "A", 50.0, 55.0, 1000],
    ["2026-09-04", "A", 51.0, 56.0, 1000],
]
OPTIONS: dict[str, Any] = {"zone": "UTC", "currency": "EUR"}


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_HOME", str(tmp_path / "home"))


def _csv(rows: list[list[Any]]) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


@pytest.mark.parametrize("as_text", [False, True])
def test_a_head_of_two_rows_is_refused(importing: Importing, *, as_text: bool) -> None:
    rows = _csv(META) if as_text else META
    with pytest.raises(RefusedFileError, match="numbers stand beside 'Amount spent'") as caught:
        importing(rows, name="meta.csv" if as_text else "meta.xlsx", **OPTIONS)
    assert caught.value.code == "two_row_head"


def test_numbers_in_a_column_without_a_name_are_refused_also_under_a_head_of_one_row(importing: Importing) -> None:
    with pytest.raises(RefusedFileError) as caught:
        importing([META[0], *META[2:]], name="meta.xlsx", **OPTIONS)
    assert caught.value.code == "two_row_head"


def test_words_right_under_the_head_are_refused(importing: Importing) -> None:
    rows = [[*row[:3], row[4]] for row in META]
    with pytest.raises(RefusedFileError, match="its first row is words"):
        importing(rows, name="meta.xlsx", **OPTIONS)


def test_an_accepted_head_reads_the_named_columns(importing: Importing) -> None:
    made = importing(META, name="meta.xlsx", accept=["two_row_head"], **OPTIONS)
    assert made.rows("media", "spend") == [(50.0,), (51.0,)]
    assert made.says("Accepted: Its head has two rows")


def test_empty_columns_without_a_name_are_no_second_row(importing: Importing) -> None:
    rows = [META[0], *([*row[:3], "", row[4]] for row in META[2:])]
    assert importing(rows, name="meta.xlsx", **OPTIONS).rows("media", "spend") == [(50.0,), (51.0,)]


def test_an_unnamed_column_beside_words_is_no_part_of_a_figure(importing: Importing) -> None:
    rows = [["Day", "Campaign name", "", "Amount spent", "Impressions"], ["2026-09-03", "A", 7, 50.0, 1000]]
    assert importing(rows, name="meta.xlsx", **OPTIONS).rows("media", "spend") == [(50.0,)]


GOOGLE = "Day,Campaign,Cost,Currency code,Cost,Impr.,Clicks\n2026-09-03,A,{},EUR,100.00,10,5\n"


def test_two_columns_of_one_name_and_other_figures_are_refused(importing: Importing) -> None:
    with pytest.raises(RefusedFileError, match="'Cost' stands there more than once, and 1 rows") as caught:
        importing(GOOGLE.format("1.00"), zone="UTC")
    assert caught.value.code == "column_twice"
    made = importing(GOOGLE.format("1.00"), zone="UTC", accept=["column_twice"])
    assert made.rows("media", "spend") == [(1.0,)]


def test_two_columns_of_one_name_and_the_same_figures_are_read_and_told(importing: Importing) -> None:
    made = importing(GOOGLE.format("100"), zone="UTC")
    assert made.rows("media", "spend") == [(100.0,)]
    assert made.says("column_twice")
