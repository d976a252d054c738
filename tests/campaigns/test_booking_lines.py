"""Running lines whose daily budget cannot be written: more than was approved would be spent beside the plan."""

import numpy as np
import pytest

from tests.campaigns.booking_exports import google_editor, text
from tests.campaigns.test_booking_exports import EURO, SCENARIO, SEARCH, TWO, days_of
from xbopt.campaigns.booking.booking import write_sheets
from xbopt.campaigns.booking.mapping import MappedCampaign
from xbopt.core.errors import UsageError
from xbopt.imports.refusals import RefusedFileError
from xbopt.reports.campaign.booking_words import booking_sentences, check_file

EDITOR = ["Campaign", "Budget", "Budget type", "Campaign Status", "Budget name"]
GOOD = ["DE search brand", "50.00", "Daily", "Enabled", ""]
MICROSOFT = ["Type", "Status", "Id", "Campaign", "Budget", "Budget Type", "Budget Id"]
TIKTOK = ["Campaign ID", "Campaign name", "Campaign budget", "Ad group ID", "Ad group name", "Ad group status",
          "Budget mode", "Ad group budget"]  # fmt: skip
META = ["Campaign ID", "Campaign name", "Ad set ID", "Ad set name", "Ad set run status", "Ad set daily budget",
        "Ad set lifetime budget"]  # fmt: skip
BAD = {
    "shared": ("google_editor", [EDITOR, GOOD, ["DE search generic", "300.00", "Daily", "Enabled", "Pool"]]),
    "shared, without its amount": ("google_editor", [EDITOR, GOOD, ["DE search generic", "", "", "Enabled", "Pool"]]),
    "doubled": ("google_editor", [EDITOR, GOOD, *[["DE search generic", n, "Daily", "Enabled", ""] for n in "35"]]),
    "doubled, the first of them paused": (
        "google_editor",
        [EDITOR, GOOD, *[["DE search generic", "3", "Daily", state, ""] for state in ("Paused", "Enabled")]],
    ),
    "total": ("google_editor", [EDITOR, GOOD, ["DE search generic", "3", "Campaign total", "Enabled", ""]]),
    "none": ("google_editor", [EDITOR, GOOD, ["DE search generic", "", "Daily", "Enabled", ""]]),
    "no number": ("google_editor", [EDITOR, GOOD, ["DE search generic", "fifty", "", "Enabled", ""]]),
    "below nothing": ("google_editor", [EDITOR, GOOD, ["DE search generic", "-5", "Daily", "Enabled", ""]]),
    "shared, Microsoft": (
        "microsoft",
        [MICROSOFT, ["Campaign", "Active", "1", "DE search brand", "50", "DailyBudgetStandard", ""],
         ["Campaign", "Active", "2", "DE search generic", "", "", "99"]],
    ),
    "total, TikTok": (
        "tiktok",
        [TIKTOK, ["1", "L", "", "11", "DE search brand", "Active", "BUDGET_MODE_DAY", "50"],
         ["1", "L", "", "12", "DE search generic", "Active", "BUDGET_MODE_TOTAL", "500"]],
    ),
    "whole life, Meta": (
        "meta",
        [META, ["1", "L", "11", "DE search brand", "Active", "50", ""],
         *[["1", "L", "12", "DE search generic", "Active", "", "900"]] * 2],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(BAD))
def test_a_running_line_that_cannot_be_written_is_refused_with_and_without_a_mapping(kind: str):
    """It would spend its old budget beside the plan: named, with what to do."""
    platform, table = BAD[kind]
    rows = [
        MappedCampaign(campaign=f"DE search {name}", region="DE", channel="search") for name in ("brand", "generic")
    ]
    for mapping, way_out in ((None, "pause it and export again.*--mapping"), (rows, "leave it out of the mapping")):
        with pytest.raises(UsageError, match=f"DE search generic: .*{way_out}.*on top of the plan"):
            write_sheets(days_of((60, 20)), SCENARIO, platform, text(table), mapping, account=EURO)


@pytest.mark.parametrize("kind", sorted(set(BAD) - {"whole life, Meta"}))
def test_a_line_that_does_not_run_is_nobodys_business(kind: str):
    """The others are booked as if it were not there."""
    platform, table = BAD[kind]
    states = {"Enabled": "Removed", "Active": "Paused"}
    stopped = [
        [states.get(cell, cell) if "DE search generic" in row else cell for cell in row] for row in table
    ]  # fmt: skip
    made = write_sheets(days_of((60, 0)), SCENARIO, platform, text(stopped), None, account=EURO)
    assert made.booked.spend_base.sum() == pytest.approx(60.0)
    assert not [row for row in made.check if "generic" in row.line]


def test_rows_below_a_campaign_are_no_lines():
    """Ad groups and locations bear the campaign's name and no budget."""
    made = write_sheets(days_of((60, 20)), SCENARIO, "google_editor", google_editor(TWO), None, account=EURO)
    np.testing.assert_allclose(made.booked.spend_base.sum(), 80.0)


def test_running_lines_that_a_mapping_leaves_out_are_told():
    """They go on as they are by choice; who reads the screen or the check file sees which."""
    _, table = BAD["shared"]
    rows = [MappedCampaign(campaign="DE search brand", region="DE", channel="search")]
    made = write_sheets(days_of((60, 0)), SCENARIO, "google_editor", text(table), rows, account=EURO)
    [row] = [row for row in made.check if row.code == "left_out"]
    assert (row.line, row.stands, row.currency) == ("DE search generic", 300.0, "EUR")
    assert ",DE search generic,,300.00,EUR,left_out," in check_file(made).decode()
    assert any("DE search generic" in sentence for sentence in booking_sentences(made))


@pytest.mark.parametrize(
    ("platform", "head"),
    [
        ("google_editor", "Campaign,Budget,Budget"),
        ("google_editor", "Campaign,Campaign daily budget,Budget"),
        ("csv", "campaign,daily_budget,Daily Budget"),
        ("google_editor", "Campaign,Budget,Campaign"),
    ],
)
def test_two_columns_for_one_thing_are_refused(platform: str, head: str):
    """One would be written, and the other would say what it said."""
    export = f"{head}\r\nDE search,5,6\r\nUK search,5,6\r\n".encode()
    with pytest.raises(RefusedFileError, match="Which column counts is open"):
        write_sheets(days_of((10, 20)), SCENARIO, platform, export, SEARCH, account=EURO)
