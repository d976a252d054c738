"""Workbooks: formulas without a result, hidden rows, and money that a row does not tell."""

from collections.abc import Sequence
from io import BytesIO

import pytest

from tests.imports.conftest import Importing
from xbopt.imports.refusals import RefusedFileError

HEAD = ("Day", "Campaign", "Currency code", "Cost", "Impr.", "Clicks")
ROWS = [(f"2026-09-{n:02d}", "Brand", "EUR", 2.5, 100 * n, n) for n in range(1, 10)]


def book(rows: Sequence[Sequence[object]], *, formulas: Sequence[str] = (), hidden: Sequence[int] = ()) -> bytes:
    """A Google Ads report as a program writes it: formulas have no result."""
    import xlsxwriter

    stream = BytesIO()
    with xlsxwriter.Workbook(stream) as made:
        sheet = made.add_worksheet()
        for i, row in enumerate([HEAD, *rows]):
            sheet.write_row(i, 0, row)
        for cell in formulas:
            sheet.write_formula(cell, "=1+1", None, "")
        for i in hidden:
            sheet.set_row(i, None, None, {"hidden": True})
    return stream.getvalue()


def test_a_formula_without_a_result_is_refused_with_what_to_do(importing: Importing) -> None:
    with pytest.raises(RefusedFileError, match=r"Cells of .*'Cost'.* hold formulas.*save it") as caught:
        importing(book(ROWS, formulas=["D4", "E5"]), name="g.xlsx", zone="UTC")
    assert caught.value.code == "formulas_unsaved"


def test_formulas_of_a_totals_row_make_no_check_which_is_told(importing: Importing) -> None:
    rows = [*ROWS, ("Total: Campaigns", "", "EUR")]
    found = importing(book(rows, formulas=["D11", "E11", "F11"]), name="g.xlsx", zone="UTC")
    assert found.table("media").height == 9
    assert found.says("totals_unread")
    assert not found.says("no_money")


def test_hidden_rows_are_read_and_counted(importing: Importing) -> None:
    found = importing(book(ROWS, hidden=[0, 3, 4, 30]), name="g.xlsx", zone="UTC")
    assert found.table("media").height == 9
    assert found.says("read like all others: 2.")
    assert not importing(book(ROWS), name="h.xlsx", zone="UTC").says("read like all others: 0.")


def test_rows_without_spend_are_counted(importing: Importing) -> None:
    found = importing(book([*ROWS[:-1], (*ROWS[-1][:3], "", 900, 9)]), name="g.xlsx", zone="UTC")
    (note,) = [each for each in found.provenance["files"][0]["notes"] if each["code"] == "no_money"]
    assert note["rows"] == 1
    assert "no spend" in note["message"]
