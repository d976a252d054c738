"""Files become canonical tables, and every row of theirs is accounted for."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from xbopt.imports.data_folder import read_data_folder
from xbopt.imports.engine.run import ImportResult, import_files
from xbopt.imports.refusals import RefusedFileError, UnreadFileError

TODAY = date(2026, 11, 28)
SHOP = """\
Order,Day,Buyer,Pieces,Price,Land
A1,2026-09-03,ann@example.test,2,10.00,DE
A1,2026-09-03,ann@example.test,1,"1,200.50",DE
A2,2026-09-04,bob@example.test,1,10.00,Austria
A2,2026-09-14,bob@example.test,-1,10.00,Austria
"""
HEAD = SHOP[: SHOP.index("A1")]
ROLES = {
    "order_id": "Order", "date": "Day", "customer": "Buyer", "quantity": "Pieces", "unit_price": "Price",
    "country": "Land",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_HOME", str(tmp_path / "home"))


def shop(
    folder: Path, text: str = SHOP, *, name: str = "shop.csv", encoding: str = "utf-8", **more: object
) -> ImportResult:
    """Import a file of the little shop above."""
    path = folder / name
    path.write_bytes(text.encode(encoding))
    options: dict[str, object] = {"columns": ROLES, "currency": "EUR", "zone": "Europe/Berlin", "today": TODAY, "k": 0}
    return import_files([path], into=folder / "data", **{**options, **more})  # type: ignore[arg-type]


def table(folder: Path, name: str = "transactions") -> pl.DataFrame:
    """A table of the data folder."""
    found = read_data_folder(folder / "data").table(name)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_columns_named_by_hand_make_orders_and_refunds(tmp_path: Path) -> None:
    result = shop(tmp_path)
    rows = table(tmp_path)
    assert rows["net_revenue"].to_list() == [20.0, 1200.5, 10.0]
    assert rows["country"].to_list() == ["DE", "DE", "AT"]
    assert rows["line"].to_list() == [1, 2, 1]
    assert rows["currency"].unique().to_list() == ["EUR"]
    back = table(tmp_path, "refunds")
    assert back.select("date", "order_id", "amount", "quantity").rows() == [(date(2026, 9, 14), "A2", 10.0, 1.0)]
    record = result.files[0]
    assert record.rows_read == record.rows_kept == 4
    assert record.ignored == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_the_encoding_is_told_by_the_bytes(tmp_path: Path, encoding: str) -> None:
    shop(tmp_path, SHOP.replace("Austria", "Österreich"), encoding=encoding)
    assert table(tmp_path)["country"].to_list() == ["DE", "DE", "AT"]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_the_separator_is_told_by_the_head(tmp_path: Path, separator: str) -> None:
    shop(tmp_path, SHOP.replace('"1,200.50"', "1200.50").replace(",", separator))
    assert table(tmp_path)["net_revenue"].to_list() == [20.0, 1200.5, 10.0]


def test_a_line_that_names_the_separator_is_believed(tmp_path: Path) -> None:
    shop(tmp_path, "sep=;\n" + SHOP.replace('"1,200.50"', "1200.50").replace(",", ";"))
    assert table(tmp_path).height == 3


def test_a_decimal_comma_is_told_by_the_cells(tmp_path: Path) -> None:
    shop(
        tmp_path,
        SHOP.replace('"1,200.50"', "1.200,50").replace(",", ";").replace("00;50", "00,50").replace("0.00", "0,00"),
    )
    assert table(tmp_path)["net_revenue"].to_list() == [20.0, 1200.5, 10.0]


def test_day_and_month_are_told_apart_by_a_day_above_twelve(tmp_path: Path) -> None:
    text = SHOP.replace("2026-09-03", "9/3/2026").replace("2026-09-04", "9/4/2026").replace("2026-09-14", "9/14/2026")
    shop(tmp_path, text, currency="XTS")
    assert table(tmp_path)["date"].to_list() == [date(2026, 9, 3), date(2026, 9, 3), date(2026, 9, 4)]


def test_open_dates_are_asked_for_and_the_answer_counts(tmp_path: Path) -> None:
    text = (
        SHOP.replace("2026-09-03", "03/09/2026").replace("2026-09-04", "04/09/2026").replace("2026-09-14", "05/09/2026")
    )
    with pytest.raises(UnreadFileError, match="--dates DMY") as caught:
        shop(tmp_path, text, currency="CAD")
    assert caught.value.code == "open_dates"
    shop(tmp_path, text, currency="CAD", dates="DMY")
    assert table(tmp_path)["date"].max() == date(2026, 9, 4)
    assert any("DD/MM/YYYY" in each.what for each in shop(tmp_path, text + "\n", currency="EUR").files[0].assumptions)


@pytest.mark.parametrize(
    "ids",
    [
        ["576460752303420000", "576460752303430000"],  # 15 digits are left
        ["576,460,752,303,423,000", "576,460,752,303,457,000"],
        [str(576460752303422976 + 128 * i) for i in range(5)],  # binary numbers of 53 bits
    ],
)
def test_ids_that_a_spreadsheet_rounded_are_refused(tmp_path: Path, ids: list[str]) -> None:
    text = "".join([HEAD, *(f'"{each}",2026-09-14,a,1,10.00,DE\n' for each in ids)])
    with pytest.raises(RefusedFileError, match="to 15 digits") as caught:
        shop(tmp_path, text)
    assert caught.value.code == "ruined_ids"


@pytest.mark.parametrize(
    "ids",
    [
        [str(576460752303423488 + 37 * i) for i in range(6)],
        ["5764607523034230", "5764607523034247"],  # one zero of two is chance
        ["1000", "2000", "3000", "555000000000000", "556000000000000"],
    ],
)
def test_long_ids_that_nobody_rounded_are_kept(tmp_path: Path, ids: list[str]) -> None:
    text = "".join([HEAD, *(f"{each},2026-09-14,a,1,10.00,DE\n" for each in ids)])
    shop(tmp_path, text)
    assert table(tmp_path)["order_id"].to_list() == ids


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        (SHOP, {"currency": None}, "missing_currency"),
        (SHOP, {"zone": None}, "missing_zone"),
        (SHOP.replace("A2,2026-09-14", "A2,14/09/2026"), {}, "mixed_dates"),
        (SHOP.replace("2026-09-1", "2027-09-1"), {}, "future_dates"),
        (SHOP.replace("A2,", "5.76E+17,"), {}, "ruined_ids"),
        (SHOP[:-25], {}, "cut_file"),
        (SHOP + 'A3,2026-09-05,"cy', {}, "cut_file"),
        (SHOP.splitlines()[0] + "\n", {}, "no_rows"),
        (SHOP.replace("10.00", "ten"), {}, "unreadable_numbers"),
        (SHOP.replace('"1,200.50"', "£12.00").replace("10.00", "€10.00"), {}, "mixed_currencies"),
        ("", {}, "empty"),
        (SHOP.replace("Order", "Nr"), {}, "no_such_column"),
    ],
)
def test_what_cannot_be_trusted_is_refused_by_code(
    tmp_path: Path, text: str, options: dict[str, object], code: str
) -> None:
    with pytest.raises((RefusedFileError, UnreadFileError)) as caught:
        shop(tmp_path, text, **options)
    assert caught.value.code == code
    assert caught.value.exit_code in (2, 3)
    assert not (tmp_path / "data").exists()


def test_a_refusal_can_be_accepted_and_the_rows_are_counted(tmp_path: Path) -> None:
    result = shop(tmp_path, SHOP.replace("2026-09-1", "2027-09-1"), accept=["future_dates"])
    assert result.files[0].dropped == {"a day in the future": 1}
    assert result.files[0].rows_read == result.files[0].rows_kept + 1
    assert any(note.code == "future_dates" for note in result.files[0].notes)


def test_the_same_file_and_the_same_orders_count_once(tmp_path: Path) -> None:
    shop(tmp_path)
    again = shop(tmp_path, name="copy.csv")
    assert again.repeated == ("copy.csv",)
    later = shop(tmp_path, SHOP + "A3,2026-09-20,cy@example.test,1,5.00,FR\n", name="later.csv")
    rows = table(tmp_path)
    assert rows.select("order_id", "line").rows() == [("A1", 1), ("A1", 2), ("A2", 1), ("A3", 1)]
    assert sum(each.rows for each in later.provenance.overlaps if each.table == "transactions") == 3
    assert len(later.provenance.files) == 2


def test_an_order_that_was_cut_over_two_files_keeps_all_its_lines(tmp_path: Path) -> None:
    lines = SHOP.splitlines(keepends=True)
    first, second = "".join(lines[:2]), lines[0] + "".join(lines[2:])
    shop(tmp_path, first, name="a.csv")
    shop(tmp_path, second, name="b.csv")
    assert sorted(table(tmp_path)["net_revenue"]) == [10.0, 20.0, 1200.5]


def test_rows_of_an_order_may_stand_apart(tmp_path: Path) -> None:
    head, *lines = SHOP.splitlines(keepends=True)
    shop(tmp_path, head + "".join([lines[0], lines[2], lines[1], lines[3]]))
    assert sorted(table(tmp_path).select("order_id", "line").rows()) == [("A1", 1), ("A1", 2), ("A2", 1)]


def test_instants_are_turned_into_the_zone_that_is_asked_for(tmp_path: Path) -> None:
    roles = {**{role: name for role, name in ROLES.items() if role != "date"}, "time": "Day"}
    text = SHOP.replace("2026-09-03", "2026-09-03T23:30:00+00:00").replace("2026-09-04", "2026-09-04T10:00:00Z")
    shop(tmp_path, text.replace("2026-09-14", "2026-09-14 00:00:00 +0200"), columns=roles)
    rows = table(tmp_path)
    assert rows["date"].to_list() == [date(2026, 9, 4), date(2026, 9, 4), date(2026, 9, 4)]
    assert rows["time"].dt.hour().to_list() == [1, 1, 12]


def test_a_status_that_is_not_known_is_no_sale(tmp_path: Path) -> None:
    head, *lines = SHOP.splitlines()
    states = ("State", "paid", "Bezahlt?", "voided", "paid")
    text = "".join(f"{line},{state}\n" for line, state in zip((head, *lines), states, strict=True))
    result = shop(tmp_path, text, columns={**ROLES, "status": "State"})
    assert table(tmp_path)["status"].to_list() == ["sold", "pending", "cancelled"]
    assert [note.rows for note in result.files[0].notes if note.code == "unknown_values"] == [1]


def test_orders_and_media_make_a_panel(tmp_path: Path) -> None:
    shop(tmp_path)
    assert not (tmp_path / "data" / "panel.parquet").exists()
    report = "Date,Where,Cost\n2026-09-03,DE,5.00\n2026-09-04,AT,7.00\n"
    shop(tmp_path, report, name="media.csv", columns={"date": "Date", "country": "Where", "spend": "Cost"})
    panel = pl.read_parquet(tmp_path / "data" / "panel.parquet")
    assert panel["spend"].sum() == 12.0
    assert panel["net_revenue"].sum() == 1230.5


def test_a_saved_format_is_known_the_next_time(tmp_path: Path) -> None:
    result = shop(tmp_path, save_as="till")
    assert result.saved_profile is not None
    assert (
        shop(tmp_path, SHOP + "A4,2026-09-05,d@example.test,1,1.00,DE\n", columns=None, name="x.csv").files[0].profile
        == "till"
    )


def test_no_row_is_lost_in_a_file_with_titles_remarks_and_totals(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text(
        'Campaign report\n"September 3, 2026 - September 4, 2026"\nDay,Campaign,Currency code,Cost,Impr.,Clicks\n'
        '2026-09-03,Total: Rewards,EUR,"1,000.50",10,1\n2026-09-04,Lamps,EUR,1.00,5,2\n'
        'Total: Campaigns,--,EUR,"1,001.50",15,3\n',
        encoding="utf-8",
    )
    result = import_files([path], into=tmp_path / "data", zone="UTC", today=TODAY)
    assert table(tmp_path, "media").select("campaign", "spend", "clicks").rows() == [
        ("Total: Rewards", 1000.5, 1),
        ("Lamps", 1.0, 2),
    ]
    assert (result.files[0].rows_read, dict(result.files[0].dropped)) == (3, {"totals": 1})
    path.write_text(path.read_text().replace("2026-09-04,Lamps,EUR,1.00,5,2\n", ""))
    with pytest.raises(RefusedFileError) as caught:
        import_files([path], into=tmp_path / "more", zone="UTC", today=TODAY)
    assert caught.value.code == "totals_differ"
