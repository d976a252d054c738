"""Upload sheets by hand: amounts, days, mappings, accounts, and what is said of them."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.campaigns.booking_exports import (
    Campaign,
    amazon,
    google_bulk,
    google_editor,
    meta,
    microsoft,
    plain,
)
from xbopt.campaigns.booking.account import Account, account_of
from xbopt.campaigns.booking.amounts import whole_units
from xbopt.campaigns.booking.booking import Booking, write_sheets
from xbopt.campaigns.booking.budget_lines import read_export
from xbopt.campaigns.booking.campaign_names import mapping_draft
from xbopt.campaigns.booking.mapping import MappedCampaign, read_mapping
from xbopt.campaigns.booking.platform import booking_platform, booking_platforms
from xbopt.campaigns.booking.read_back import read_back
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.reports.campaign.booking_words import booking_sentences, check_file, check_sentence

SCENARIO = load_scenario("quickstart")
EURO = Account(currency="EUR", base_per_unit=1.0, timezone="Europe/Berlin")
SEARCH = (
    MappedCampaign(campaign="DE search", region="DE", channel="search"),
    MappedCampaign(campaign="UK search", region="UK", channel="search"),
)
TWO = (Campaign(id="101", name="DE search"), Campaign(id="102", name="UK search"))
LEAST = np.ones(3, dtype=np.int64)


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


def by_region(made: Booking) -> FloatArray:
    """Booked spend by day and region."""
    return made.booked.spend_base.sum(axis=(2, 3))


def lines_of(made: Booking) -> list[str]:
    """The only sheet as lines."""
    (content,) = made.sheets.values()
    return content.decode().splitlines()


# ---- amounts ---------------------------------------------------------------------------------------------------------


def test_the_largest_remainders_are_rounded_up_while_there_is_room():
    """Hamilton: 1.5 + 2.5 + 3.7 is 7.7, so 7: one unit goes to 3.7."""
    made = whole_units(np.array([1.5, 2.5, 3.7]), LEAST, np.zeros(3, dtype=np.int64))
    assert made.units is not None
    assert made.units.tolist() == [1, 2, 4]


def test_rounding_moves_nothing_between_groups():
    """In groups of their own each is rounded down, so that no cap on a region or channel breaks."""
    made = whole_units(np.array([1.5, 2.5, 3.7]), LEAST, np.arange(3))
    assert made.units is not None
    assert made.units.tolist() == [1, 2, 3]


def test_a_sum_that_only_lacks_the_last_bit_is_whole():
    """0.1 + 0.2 is not 0.3 in floating point, and 28 million yen are not one short."""
    made = whole_units(np.array([28e6 * (1.0 - 2e-16), 100.0 * (0.1 + 0.2), 1.0]), LEAST, np.arange(3))
    assert made.units is not None
    assert made.units.tolist() == [28_000_000, 30, 1]
    assert made.held == ("as_planned",) * 3


def test_the_tolerance_never_makes_more_than_the_plan_has():
    """Of a budget of 1e13 a millionth of a millionth would be ten whole units of money."""
    asked = np.array([1e15 - 600.5, 1e15 / 3.0, 1e15 / 7.0])
    for group in (np.arange(3), np.zeros(3, dtype=np.int64)):
        made = whole_units(asked, LEAST, group)
        assert made.units is not None
        assert 0.0 <= asked.sum() - made.units.sum() <= 3.0
        assert made.held[0] == "rounded"


def test_least_budgets_are_paid_by_the_others():
    """2 below a least of 5 takes 3 from 10 and 20, as they have 5 and 15 above theirs."""
    made = whole_units(np.array([2.0, 10.0, 20.0]), 5 * LEAST, np.arange(3))
    assert made.units is not None
    assert made.units.tolist() == [5, 9, 18]
    assert made.held == ("raised_to_minimum", "lowered_for_others", "lowered_for_others")


def test_where_least_budgets_cost_more_than_the_plan_there_is_no_sheet():
    """Nothing can be written that would not overspend."""
    assert whole_units(np.array([1.0, 2.0, 3.0]), 5 * LEAST, np.arange(3)).units is None


def test_a_yen_account_has_no_decimals_and_meta_none_for_forints():
    """Digits are the currency's and the platform's."""
    yen = Account(currency="JPY", base_per_unit=0.0061, timezone="Asia/Tokyo")
    made = write_sheets(days_of((10.0, 20.0)), SCENARIO, "csv", plain(TWO), SEARCH, account=yen)
    assert [line.split(",")[2] for line in lines_of(made)[1:3]] == ["1639", "3278"]
    forint = Account(currency="HUF", base_per_unit=0.0025)
    made = write_sheets(days_of((10.0, 20.0)), SCENARIO, "meta", meta(TWO), SEARCH, account=forint)
    assert "\t4000\t" in next(iter(made.sheets.values())).decode("utf-16")


# ---- days ------------------------------------------------------------------------------------------------------------


def test_days_with_equal_budgets_share_a_sheet():
    """Two days, then another one; the name says which."""
    made = write_sheets(
        days_of((10, 20), (10, 20), (11, 20)), SCENARIO, "csv", plain(TWO), SEARCH, account=EURO, label="ab12"
    )
    assert list(made.sheets) == [
        f"csv_2026-10-05_2026-10-06_{made.mark}.csv",
        f"csv_2026-10-07_2026-10-07_{made.mark}.csv",
    ]
    one = write_sheets(days_of((10, 20)), SCENARIO, "csv", plain(TWO), SEARCH[:1], account=EURO, label="ab12")
    assert one.mark != made.mark  # sheets of other lines do not overwrite these


def test_the_mean_of_days_is_one_sheet_and_says_how_far_days_are_off():
    """10 and 20 become 15 a day; what is booked is that."""
    made = write_sheets(days_of((10, 20), (20, 20)), SCENARIO, "csv", plain(TWO), SEARCH, account=EURO, by="mean")
    assert list(made.sheets) == ["csv_2026-10-05_2026-10-06.csv"]
    (row,) = [row for row in made.check if row.code == "mean_of_days"]
    assert (row.line, row.asked, row.stands, row.detail) == ("DE search", 15.0, 15.0, "10.00 - 20.00")
    np.testing.assert_allclose(by_region(made), [[15.0, 20.0], [15.0, 20.0]])


def test_a_day_without_any_spend_has_no_sheet_where_budgets_cannot_be_nothing():
    """The lines are to be paused by hand; nothing counts as booked."""
    made = write_sheets(days_of((0, 0), (5, 5)), SCENARIO, "google_editor", google_editor(TWO), SEARCH, account=EURO)
    assert list(made.sheets) == ["google_editor_2026-10-06_2026-10-06.csv"]
    assert {row.line for row in made.check if row.code == "no_sheet"} == {"DE search", "UK search"}
    np.testing.assert_allclose(by_region(made), [[0.0, 0.0], [5.0, 5.0]])


def test_what_other_platforms_hold_is_told_and_kept_when_the_plan_is_replayed():
    """Social is not in this sheet: booked is this sheet's spend alone, carried out is the whole plan."""
    days = days_of((10.005, 20), social=7.0)
    made = write_sheets(days, SCENARIO, "google_editor", google_editor(TWO), SEARCH, account=EURO)
    assert {row.line for row in made.check if row.code == "other_sheet"} == {"DE / social", "UK / social"}
    assert made.booked_total_base == pytest.approx(30.0)
    assert made.asked_total_base == pytest.approx(30.005)
    assert made.carried_out(days).spend_base.sum() == pytest.approx(30.0 + 28.0)
    other = [replace(row, channel="social") for row in SEARCH]
    second = write_sheets(days, SCENARIO, "csv", plain(TWO), other, account=EURO)
    assert second.carried_out(made.carried_out(days)).spend_base.sum() == pytest.approx(30.0 + 28.0)


def test_hours_of_two_sheets_of_one_channel_are_the_mean_by_spend():
    """Half of search follows its schedule, the other half the audience: the night has half of its usual spend."""
    days = days_of((10, 0))
    days.daypart_weights[:] = [0.0, 0.3, 0.3, 0.4]
    halves = [replace(SEARCH[0], share=0.5)]
    first = write_sheets(days, SCENARIO, "google_editor", google_editor(TWO), halves, account=EURO)
    second = write_sheets(days, SCENARIO, "csv", plain(TWO), halves, account=EURO)
    carried = second.carried_out(first.carried_out(days))
    assert carried.spend_base[..., 0].sum() == pytest.approx(10.0)
    assert carried.daypart_weights[0, 0, 0] == pytest.approx(SCENARIO.audience[0, 0] / 2.0)


# ---- mappings --------------------------------------------------------------------------------------------------------


def test_names_that_are_unmistakable_need_no_mapping():
    """Country and channel as whole words; the segment where one is named."""
    export = google_editor(
        [Campaign(id="", name="Deutschland | Search | Brand"), Campaign(id="", name="GB_search_students")]
    )
    made = write_sheets(days_of((10, 20)), SCENARIO, "google_editor", export, None, account=EURO)
    np.testing.assert_allclose(by_region(made), [[10.0, 10.0]])


def test_a_kind_of_media_in_a_name_or_the_platform_tells_the_channel():
    """Reels are short video, which this plan has not; nothing but a country is Meta's usual kind, social."""
    days = days_of((10, 20), social=6.0)
    made = write_sheets(days, SCENARIO, "meta", meta([Campaign(id="1", name="Lamps DE")]), None, account=EURO)
    assert made.channels == (SCENARIO.channels.index("social"),)
    with pytest.raises(UsageError, match="Reels DE"):
        write_sheets(days, SCENARIO, "meta", meta([Campaign(id="1", name="Reels DE")]), None, account=EURO)


def test_names_that_leave_it_open_are_refused_with_what_to_write():
    """A running campaign that could be anywhere; a paused one is nobody's business."""
    export = google_editor([*TWO, Campaign(id="", name="Lamps in all de countries")])
    with pytest.raises(UsageError, match=r"Lamps in all de countries.*campaign, region, segment, channel, share"):
        write_sheets(days_of((10, 20)), SCENARIO, "google_editor", export, None, account=EURO)


def test_a_draft_of_a_mapping_is_refused_until_it_is_filled_in(tmp_path: Path):
    """What names tell stands there; the rest is a question mark."""
    export = google_bulk([*TWO, Campaign(id="103", name="Lamps")])
    path = tmp_path / "mapping.csv"
    path.write_bytes(mapping_draft(read_export(export, booking_platform("google_bulk")), SCENARIO))
    rows = read_mapping(path)
    assert rows[0] == MappedCampaign(campaign="101", region="DE", channel="search")
    with pytest.raises(UsageError, match=r"103: the plan has no region '\?'"):
        write_sheets(days_of((10, 20)), SCENARIO, "google_bulk", export, rows, account=EURO)


def test_a_mapping_is_read_from_a_table(tmp_path: Path):
    """Shares as people write them; stars and empty cells mean all."""
    path = tmp_path / "mapping.csv"
    path.write_text("Campaign;Region;Segment;Channel;Share\n101;DE;*;search;0,5\nUK search;UK;;search;60%\n")
    assert read_mapping(path) == (
        MappedCampaign(campaign="101", region="DE", channel="search", share=0.5),
        MappedCampaign(campaign="UK search", region="UK", channel="search", share=0.6),
    )
    path.write_text("campaign,region,channel,share\n101,DE,search,1.5\n")
    with pytest.raises(UsageError, match="no part"):
        read_mapping(path)
    path.write_text("name,region\n101,DE\n")
    with pytest.raises(UsageError, match="campaign and channel are needed"):
        read_mapping(path)


def test_open_shares_follow_todays_budgets():
    """30 and 10 today: three quarters and one quarter of what is planned."""
    export = plain([Campaign(id="", name="A", budget="30"), Campaign(id="", name="B", budget="10")])
    rows = [MappedCampaign(campaign=name, region="DE", channel="search") for name in "AB"]
    made = write_sheets(days_of((100, 0)), SCENARIO, "csv", export, rows, account=EURO)
    assert [line.split(",")[2] for line in lines_of(made)[1:3]] == [
        "75.00",
        "25.00",
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([MappedCampaign(campaign="DE serach", channel="search")], "no such line.*Did you mean 'DE search'"),
        ([MappedCampaign(campaign="DE search", region="FR", channel="search")], "no region 'FR'"),
        ([MappedCampaign(campaign="DE search", channel="serach")], "Did you mean 'search'"),
        ([replace(row, region="", share=0.7) for row in SEARCH], "more than 1"),
        ([MappedCampaign(campaign="DE search", share=0.7), MappedCampaign(campaign="UK search")], "give all or none"),
        ([MappedCampaign(campaign="DE search"), MappedCampaign(campaign="101", region="DE")], "same cells"),
        ([], "No running campaign"),
    ],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_is_refused(rows: list[MappedCampaign], message: str):
    """Each with what to do."""
    with pytest.raises(UsageError, match=message):
        write_sheets(days_of((10, 20)), SCENARIO, "google_bulk", google_bulk(TWO), rows, account=EURO)


def test_a_name_that_two_campaigns_have_needs_the_identifier():
    """The identifier always works."""
    export = microsoft([Campaign(id="1", name="DE search"), Campaign(id="2", name="DE search")])
    with pytest.raises(
        UsageError, match="several lines of the export \\(campaign 1, campaign 2\\)\\. Write the identifier"
    ):
        write_sheets(days_of((10, 20)), SCENARIO, "microsoft", export, SEARCH[:1], account=EURO)
    rows = [replace(SEARCH[0], campaign="2")]
    made = write_sheets(days_of((10, 20)), SCENARIO, "microsoft", export, rows, account=EURO)
    assert ",2,7,DE search,10.00," in next(iter(made.sheets.values())).decode("utf-8-sig")


def test_a_name_that_two_accounts_have_is_exported_by_account():
    """The Editor's format has no identifier that could be written."""
    export = b"Account,Campaign,Budget\r\nA1,DE search,5\r\nA2,DE search,5\r\n"
    for rows in (SEARCH[:1], None):
        with pytest.raises(UsageError, match=r"campaign A1, campaign A2\)\. Export each account by itself"):
            write_sheets(days_of((10, 20)), SCENARIO, "google_editor", export, rows, account=EURO)


# ---- accounts and words ----------------------------------------------------------------------------------------------


def test_an_account_in_another_currency_has_the_scenarios_rate_or_one_that_is_given():
    """Pounds from the scenario; dollars must be given; an open or contradicted currency is asked for."""
    assert account_of(SCENARIO, currency="GBP").base_per_unit == 1.15
    assert account_of(SCENARIO, currency="USD", base_per_unit=0.9).base_per_unit == 0.9
    with pytest.raises(UsageError, match="no rate of USD"):
        account_of(SCENARIO, currency="USD")
    with pytest.raises(UsageError, match="In which currency"):
        account_of(SCENARIO)
    with pytest.raises(UsageError, match="not in EUR"):
        account_of(SCENARIO, currency="EUR", told=["GBP"])
    made = write_sheets(
        days_of((10, 23)), SCENARIO, "csv", plain(TWO), SEARCH, account=account_of(SCENARIO, currency="GBP")
    )
    assert [line.split(",")[2] for line in lines_of(made)[1:3]] == [
        "8.69",
        "20.00",
    ]


def test_a_plan_without_an_export_becomes_a_row_a_cell():
    """For whatever has no format of its own; only the plain format can do that."""
    days = days_of((10, 20))
    made = write_sheets(days, SCENARIO, "csv", None, None, account=EURO)
    back = read_back(made.sheets, "csv", None, SCENARIO, None, account=EURO, days=days)
    np.testing.assert_allclose(back.spend_base, days.spend_base)
    with pytest.raises(UsageError, match="export of your own"):
        write_sheets(days, SCENARIO, "meta", None, None, account=EURO)


def test_what_is_only_remembered_of_a_format_says_so():
    """The mark of the format is the first thing said; limits and what is not in the sheet follow."""
    said = {
        platform: " ".join(
            booking_sentences(write_sheets(days_of((60, 60)), SCENARIO, platform, export(TWO), SEARCH, account=EURO))
        )
        for platform, export in (("google_editor", google_editor), ("amazon", amazon), ("csv", plain))
    }
    assert "the platform's own documentation" in said["google_editor"]
    assert "2 times its budget" in said["google_editor"]
    assert "30.4 times" in said["google_editor"]
    assert "only raise" in said["amazon"]
    assert booking_platform("tiktok").evidence == "memory"


def test_the_page_has_a_row_for_every_format_with_its_mark(repository: Path):
    """A reader of the page and one of the printed mark learn the same."""
    marks = {"doc": "documentation", "code": "public programs", "memory": "**memory**"}
    page = (repository / "docs" / "booking.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `") and "--for" not in line}
    assert set(rows) == set(booking_platforms())
    for name, form in booking_platforms().items():
        assert (marks[form.evidence] if name != "csv" else "defined here") in rows[name]


def test_the_check_file_names_every_cell_in_words():
    """Each row has what was asked, what stands there and why."""
    made = write_sheets(days_of((10.006, 20)), SCENARIO, "google_editor", google_editor(TWO), SEARCH, account=EURO)
    lines = check_file(made).decode().splitlines()
    assert lines[0] == "from,to,line,asked_a_day,stands,currency,code,why"
    assert lines[1].startswith("2026-10-05,2026-10-05,DE search,10.01,10.00,EUR,rounded,")
    assert all("{" not in check_sentence(row) for row in made.check)


def test_no_cell_of_the_check_file_is_a_formula():
    """Names are the user's, and a spreadsheet would reckon with what begins so."""
    names = ("=1+1 DE search", "@SUM(1) UK search")
    export = google_editor([Campaign(id="", name=name) for name in names])
    made = write_sheets(days_of((10.006, 20.006)), SCENARIO, "google_editor", export, None, account=EURO)
    rows = list(csv.reader(io.StringIO(check_file(made).decode())))
    assert {f"'{name}" for name in names} <= {row[2] for row in rows}
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@")]
    assert all(name in next(iter(made.sheets.values())).decode("utf-16") for name in names)
