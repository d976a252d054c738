"""Exports of platforms: what is refused, and what of them stays."""

import io
from dataclasses import replace

import numpy as np
import pytest

from tests.campaigns.booking_exports import (
    Campaign,
    amazon,
    google_bulk,
    meta,
    text,
    workbook,
)
from xbopt.campaigns.booking.account import Account
from xbopt.campaigns.booking.booking import Booking, write_sheets
from xbopt.campaigns.booking.mapping import MappedCampaign
from xbopt.campaigns.booking.read_back import read_back
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.imports.refusals import RefusedFileError, UnreadFileError

SCENARIO = load_scenario("quickstart")
EURO = Account(currency="EUR", base_per_unit=1.0, timezone="Europe/Berlin")
SEARCH = (
    MappedCampaign(campaign="DE search", region="DE", channel="search"),
    MappedCampaign(campaign="UK search", region="UK", channel="search"),
)
TWO = (Campaign(id="101", name="DE search"), Campaign(id="102", name="UK search"))


def days_of(*search: tuple[float, float], social: float = 0.0) -> PlannedDays:
    """Search by day for DE and UK, half for each segment; the audience's own hours."""
    r, s, c, _ = SCENARIO.shape
    spend = np.zeros((len(search), r, s, c))
    for n, pair in enumerate(search):
        spend[n, :, :, 0] = np.array(pair)[:, None] / 2.0
    spend[..., 1] = social
    return PlannedDays(
        first_day=0, spend_base=spend, daypart_weights=np.repeat(SCENARIO.audience[:, None], c, axis=1),
        discount_frac=np.zeros((len(search), r, s)), mechanic=np.zeros((len(search), r, s), dtype=np.int64),
    )  # fmt: skip


def lines_of(made: Booking) -> list[str]:
    """The only sheet as lines."""
    (content,) = made.sheets.values()
    return content.decode().splitlines()


@pytest.mark.parametrize(
    ("platform", "export", "message"),
    [
        ("google_editor", b"Campaign,Labels\r\nDE search,a\r\n", "no column Budget or"),
        ("google_bulk", b"Campaign,Budget\r\nDE search,5\r\n", "Row Type; no column Action"),
        ("amazon", google_bulk(TWO), "Entity; no column Operation"),
        ("amazon", workbook({"Keywords": [["A", "B"]]}), "no sheet"),
        ("csv", b"\x00\x01\x02", "no table"),
        ("csv", b'campaign,budget\n"DE search,5\n', "quotation mark"),
        ("google_bulk", b"Row Type,Action,Campaign ID,Campaign,Budget\r\nCampaign,Add,7,New,5\r\n", "Action = Add"),
        ("google_bulk", b"Row Type,Action,Campaign ID,Campaign,Budget\r\nCampaign,,1.23E+15,New,5\r\n", "ruined"),
        ("csv", b"campaign;budget\nDE search;1.250\n", "1.234,00 or 1,234.00"),
    ],
)  # fmt: skip
def test_an_export_that_cannot_serve_is_refused_with_what_is_missing(platform: str, export: bytes, message: str):
    """Never a guess."""
    with pytest.raises((RefusedFileError, UnreadFileError), match=message):
        write_sheets(days_of((10, 20)), SCENARIO, platform, export, SEARCH, account=EURO)


@pytest.mark.parametrize(
    ("export", "message"),
    [
        (b"Campaign,Budget,Budget name\r\nDE search,5,Shared lamps\r\nUK search,5,\r\n", "shares a budget"),
        (b"Campaign,Budget,Budget type\r\nDE search,5,Campaign total\r\nUK search,5,Daily\r\n", "not a daily one"),
        (b"Campaign,Budget\r\nDE search,5\r\nUK search,5\r\nDE search,6\r\n", "more than once"),
    ],
)
def test_a_budget_that_is_no_daily_one_of_its_own_is_not_written(export: bytes, message: str):
    """Refused where a mapping names it."""
    with pytest.raises(UsageError, match=message):
        write_sheets(days_of((10, 20)), SCENARIO, "google_editor", export, SEARCH, account=EURO)


def test_a_lifetime_budget_of_meta_is_refused():
    """Daily and lifetime exclude each other."""
    head = ["Campaign ID", "Campaign Name", "Ad Set ID", "Ad Set Name", "Ad Set Daily Budget", "Ad Set Lifetime Budget"]
    export = text([head, ["cg:1", "Lamps", "c:2", "DE search", "", "900.00"]], separator="\t", encoding="utf-16")
    with pytest.raises(UsageError, match="whole life"):
        write_sheets(days_of((10, 20)), SCENARIO, "meta", export, SEARCH[:1], account=EURO)


def test_every_ad_of_an_ad_set_gets_the_same_budget():
    """Meta's sheet repeats an ad set for each ad, and has identifiers with a prefix."""
    rows = [replace(SEARCH[0], campaign="101"), replace(SEARCH[1], campaign="c:102")]
    made = write_sheets(days_of((12, 20)), SCENARIO, "meta", meta(TWO), rows, account=EURO)
    sheet = next(iter(made.sheets.values())).decode("utf-16")
    assert sheet.count("\t12.00\t") == sheet.count("\t20.00\t") == 2


def test_a_decimal_comma_stays_one_and_is_quoted_where_commas_separate():
    """The template's own sign, whatever separates its columns."""
    made = write_sheets(days_of((12.5, 20)), SCENARIO, "google_bulk", google_bulk(TWO), SEARCH, account=EURO)
    assert "Campaign;Set;Enabled;101;DE search;12,50;Daily" in lines_of(made)
    export = b'campaign,budget\r\nDE search,"37,50"\r\nUK search,"1,5"\r\n'
    made = write_sheets(days_of((12.5, 20)), SCENARIO, "csv", export, SEARCH, account=EURO)
    assert lines_of(made)[1:3] == ['DE search,"12,50"', 'UK search,"20,00"']


def test_a_cell_in_quotation_marks_keeps_them():
    """Microsoft's own files quote every cell."""
    export = b'"Campaign","Budget"\r\n"DE search","5.00"\r\n"UK search","5.00"\r\n'
    made = write_sheets(days_of((12.5, 20)), SCENARIO, "csv", export, SEARCH, account=EURO)
    assert lines_of(made) == ['"Campaign","Budget"', '"DE search","12.50"', '"UK search","20.00"']


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "gb18030", "cp1252"])
def test_an_export_keeps_its_encoding(encoding: str):
    """What Excel saves in China and in Germany comes back byte for byte, but for the budgets."""
    name = "德国搜索广告系列" if encoding == "gb18030" else "Möbel DE"
    export = f"Campaign\tBudget\r\n{name}\t5.00\r\nUK search\t5.00\r\n".encode(encoding)
    rows = [replace(SEARCH[0], campaign=name), SEARCH[1]]
    made = write_sheets(days_of((12.5, 20)), SCENARIO, "csv", export, rows, account=EURO)
    (content,) = made.sheets.values()
    assert content == f"Campaign\tBudget\r\n{name}\t12.50\r\nUK search\t20.00\r\n".encode(encoding)
    back = read_back(made.sheets, "csv", export, SCENARIO, rows, account=EURO, days=days_of((12.5, 20)))
    np.testing.assert_allclose(back.spend_base, made.booked.spend_base)


def test_amazon_gets_numbers_and_an_operation_in_our_rows_alone():
    """A number stays a number; rows without an operation are passed over by Amazon."""
    made = write_sheets(days_of((12.5, 20)), SCENARIO, "amazon", amazon(TWO), SEARCH, account=EURO)
    from python_calamine import CalamineWorkbook

    (content,) = made.sheets.values()
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    rows = book.get_sheet_by_name("Sponsored Products Campaigns").to_python()
    assert [(row[2], row[6]) for row in rows[1:]] == [("Update", 12.5), ("", ""), ("Update", 20.0), ("", ""), ("", 5.5)]


def test_a_sheet_that_was_changed_on_the_way_is_found():
    """Reading back compares every row with the export."""
    export, days = google_bulk(TWO), days_of((12.5, 20))
    made = write_sheets(days, SCENARIO, "google_bulk", export, SEARCH, account=EURO)
    changed = {name: content.replace(b"Paused", b"Enabled") for name, content in made.sheets.items()}
    with pytest.raises(UsageError, match="Row 8 of the sheet differs"):
        read_back(changed, "google_bulk", export, SCENARIO, SEARCH, account=EURO, days=days)
