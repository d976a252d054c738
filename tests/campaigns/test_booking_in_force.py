"""Sheets of one platform beside and after each other: a line says what was written last, no part is booked twice."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.campaigns.booking_exports import Campaign as Line
from tests.campaigns.booking_exports import google_bulk, text
from tests.campaigns.test_campaign_commands import Desk
from xbopt.campaigns.booking.account import Account
from xbopt.campaigns.booking.booking import write_sheets
from xbopt.campaigns.books.bookings import Replaced, beyond_grant, check_booking, in_force
from xbopt.campaigns.books.events import Booked, BookedLine, PlanBytes
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import CampaignError
from xbopt.reports.campaign.booking_words import booked_sentences
from xbopt.reports.campaign.words import CampaignWords
from xbopt.reports.kit.numbers import NumberFormat

EURO = ("--currency", "EUR", "--zone", "Europe/Berlin")
A = BookedLine(id="1", name="DE search A", account="", cells=[0], share=[1.0])
B = BookedLine(id="2", name="DE search B", account="", cells=[0], share=[1.0])


@pytest.fixture
def desk(tmp_path: Path, quickstart) -> Desk:
    made = Desk(tmp_path, quickstart)
    for name, lines in (("a", "A"), ("b", "B"), ("ab", "AB")):
        rows = [[f"DE search {line}", "50.00", "Enabled"] for line in lines]
        (tmp_path / f"{name}.csv").write_bytes(text([["Campaign", "Budget", "Campaign Status"], *rows]))
    for line in "AB":
        (tmp_path / f"half_{line}.csv").write_text(
            f"campaign,region,channel,share\nDE search {line},DE,search,0.5\n", encoding="utf-8"
        )
    return made


def book(desk: Desk, template: str, *more: object):
    return desk.ask("book", "spring", "plan", "--for", "google_editor", "--template", template, *EURO, *more)


def test_a_campaign_beside_one_that_was_booked_for_the_same_cell_is_refused(desk: Desk) -> None:
    """Both would spend all of the cell; the one that is not written again is named."""
    assert book(desk, "a.csv").code == 0
    twice = book(desk, "b.csv")
    said = " ".join(twice.err.split())
    assert twice.code != 0
    assert "200% of what is granted" in said
    assert "do not write DE search A again" in said
    assert len(desk.record.bookings) == 1
    instead = book(desk, "b.csv", "--again", "--json")
    told = json.loads(instead.out)
    assert (told["replaced"], told["not_written"]) == (["google_editor"], ["DE search A"])
    assert book(desk, "b.csv").code == 0
    assert "do not write DE search B again" in " ".join(book(desk, "a.csv").err.split())


def test_all_lines_written_again_take_the_place_of_the_old_ones(desk: Desk) -> None:
    """A new campaign beside the old one shares its cell, once both are written."""
    assert book(desk, "a.csv").code == 0
    both = book(desk, "ab.csv")
    assert both.code == 0, both.err
    assert "gives way to these sheets" in both.out
    assert "where the old budget stays" not in both.out
    assert "do not write DE search B again" in " ".join(book(desk, "a.csv").err.split())


def test_halves_of_one_platform_stand_beside_each_other(desk: Desk) -> None:
    """And no sheet overwrites the other's file."""
    one = json.loads(book(desk, "a.csv", "--mapping", "half_A.csv", "--json").out)
    other = json.loads(book(desk, "b.csv", "--mapping", "half_B.csv", "--json").out)
    assert other["replaced"] == []
    assert not {*one["files"], one["check"]} & {*other["files"], other["check"]}
    assert len(in_force(desk.record)) == 2


def test_each_booking_that_gives_way_is_told_once(desk: Desk) -> None:
    """Two earlier bookings of the same files read alike."""
    scenario = desk.market.scenario
    account = Account(currency=scenario.base_currency, base_per_unit=1.0)
    made = write_sheets(PlannedDays.of(desk.record.plan, 0, 3), scenario, "csv", None, None, account=account)
    words = CampaignWords(scenario, NumberFormat(locale="en", currency=account.currency))
    earlier = Replaced(booking=booked(desk, A), not_written=("DE search A",))
    said = booked_sentences(made, None, words, replaced=(earlier, earlier))
    assert " ".join(said).count("gives way") == 1


def test_sheets_in_a_folder_that_is_not_there_make_it(desk: Desk) -> None:
    made = book(desk, "a.csv", "-o", "sheets/new")
    assert made.code == 0, made.err
    assert list((desk.folder / "sheets" / "new").glob("google_editor_*.csv"))
    assert "is no folder" in book(desk, "a.csv", "--again", "-o", "a.csv").err


def test_the_rate_is_checked_and_told(desk: Desk) -> None:
    """Where the account has another currency, whoever books sees at which rate."""
    pounds = ("--currency", "gbp", "--zone", "Europe/Berlin")
    asked = ("book", "spring", "plan", "--for", "google_editor", "--template", "a.csv", *pounds)
    refused = desk.ask(*asked, "--rate", 0.87)
    assert "turned round" in " ".join(refused.err.split())
    assert "One GBP is taken for 1.15 EUR." in desk.ask(*asked).out
    assert "One GBP is taken for 0.87 EUR." in desk.ask(*asked, "--rate", 0.87, "--accept", "doubtful_rates").out


def booked(desk: Desk, *lines: BookedLine, first: int = 0, end: int = 28, again: bool = False) -> Booked:
    """All of the plan's first cell through some lines of one platform."""
    plan = PlannedDays.of(desk.record.plan, first, end)
    spend = np.zeros_like(plan.spend_base)
    spend[:, 0, 0, 0] = plan.spend_base[:, 0, 0, 0]
    share = np.zeros(spend.shape[1:])
    share[0, 0, 0] = 1.0
    return Booked(
        proposal="", platform="meta", days=PlanBytes.of(replace(plan, spend_base=spend)), channels=[0], files=[],
        share=share.ravel().tolist(), again=again, lines=list(lines),
    )  # fmt: skip


def with_bookings(desk: Desk, *bookings: Booked):
    return replace(desk.record, bookings=bookings)


def test_bookings_without_lines_are_judged_by_platform(desk: Desk) -> None:
    """As they were stored before lines were: an event of then is read, and gives way to the next of its platform."""
    of_then = msgspec.msgpack.encode(booked(desk))
    shorter = msgspec.msgpack.encode(msgspec.msgpack.decode(of_then)[:-1])
    old = msgspec.msgpack.decode(shorter, type=Booked)
    assert old.lines == []
    assert check_booking(with_bookings(desk, old), booked(desk, A))[0].booking == old
    assert check_booking(with_bookings(desk, booked(desk, A)), old)[0].not_written == ()


def test_a_line_is_written_again_by_its_identifier_or_else_its_name(desk: Desk) -> None:
    record = with_bookings(desk, booked(desk, A))
    for same in (
        BookedLine(id="1", name="renamed", account="", cells=[0], share=[1.0]),
        BookedLine(id="", name="DE search A", account="x", cells=[0], share=[1.0]),
    ):
        assert len(check_booking(record, booked(desk, same))) == 1
    with pytest.raises(CampaignError, match="do not write DE search A again"):
        check_booking(record, booked(desk, BookedLine(id="3", name="DE search A", account="", cells=[0], share=[1.0])))
    in_account = BookedLine(id="", name="DE search", account="x", cells=[0], share=[1.0])
    with pytest.raises(CampaignError, match="do not write DE search again"):
        check_booking(
            with_bookings(desk, booked(desk, in_account)),
            booked(desk, BookedLine(id="", name="DE search", account="y", cells=[0], share=[1.0])),
        )


def test_a_line_gives_way_on_the_days_of_the_new_sheets_alone(desk: Desk) -> None:
    """What A says before the tenth day stands; from then on B may have the cell once A was replaced there."""
    replaced = booked(desk, A, B, first=10)
    record = with_bookings(desk, booked(desk, A), replaced)
    first, second = in_force(record)
    assert first.part[:10, 0, 0, 0].sum() == 10.0
    assert first.part[10:].sum() == 0.0
    assert second.part[:10].sum() == 0.0
    with pytest.raises(CampaignError, match="do not write DE search A again"):
        check_booking(record, booked(desk, B))


def test_what_is_left_of_old_sheets_counts_by_its_part(desk: Desk) -> None:
    """Half of the cell is written again; the other half says no more than is granted."""
    halves = [msgspec.structs.replace(line, share=[0.5]) for line in (A, B)]
    record = with_bookings(desk, booked(desk, *halves))
    assert beyond_grant(record, record.ledger.committed_base, 0, booked(desk, halves[1])) == []


def test_an_identifier_tells_lines_of_one_name_apart(desk: Desk) -> None:
    """An export with identifiers: the same names, other campaigns."""
    for name, first in (("one", 1), ("two", 3)):
        export = google_bulk([Line(id=str(first), name="DE search"), Line(id=str(first + 1), name="UK search")])
        (desk.folder / f"{name}.csv").write_bytes(export)
    asked = ("book", "spring", "plan", "--for", "google_bulk", *EURO, "--template")
    assert desk.ask(*asked, "one.csv").code == 0
    assert desk.ask(*asked, "one.csv").code == 0
    assert "200%" in desk.ask(*asked, "two.csv").err
