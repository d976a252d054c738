"""``xbopt campaign`` at the command line: days by the clock, sheets that are in force, and what is left untouched."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.campaigns.booking_exports import Campaign, google_bulk, google_editor
from tests.command_line import Answer, call
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.advice.gain import Gain
from xbopt.campaigns.books.campaign_book import CampaignBook
from xbopt.campaigns.books.events import PlanBytes, Proposed, ToldActuals
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.campaigns.days_ahead import carried_on, still_granted
from xbopt.campaigns.opening import opening
from xbopt.campaigns.standing import Standing
from xbopt.cli.campaign import read_campaigns
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import UsageError
from xbopt.env.baseline_plan import scenario_plan
from xbopt.reports.campaign.booking_words import booked_gain
from xbopt.reports.campaign.words import CampaignWords
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.service.store.opening import open_store

FIRST, TENTH = "2026-10-05", "2026-10-15"
"""The first day of the quickstart's market, and the day after ten of them."""
SEARCH = (Campaign(id="101", name="DE search"), Campaign(id="102", name="UK search"))


class Desk:
    """A planner's folder with a store, in which the campaign ``spring`` has begun."""

    def __init__(self, folder: Path, market) -> None:
        self.folder, self.market, self.url = folder, market, f"sqlite:///{folder / 'shop.db'}"
        for name, content in (("editor.csv", google_editor(SEARCH)), ("bulk.csv", google_bulk(SEARCH))):
            (folder / name).write_bytes(content)
        self.change(lambda book: book.open("spring", opening(market, scenario_plan(market)), actor="ann"))

    def change(self, what) -> CampaignRecord:
        store = open_store(self.url)
        try:
            return what(CampaignBook(store))
        finally:
            store.close()

    @property
    def record(self) -> CampaignRecord:
        return self.change(lambda book: book.load("spring"))

    def spend(self, days: int, of_day: float) -> None:
        told = [
            ActualDay(day=day, figures={"spend_base": np.full((1, 1, 1), of_day)}).to_bytes() for day in range(days)
        ]
        self.change(lambda book: book.add("spring", lambda _: ToldActuals(days=told, files=[])))

    def propose(self, first_day: int, factor: float = 0.9) -> None:
        def proposed(record: CampaignRecord) -> Proposed:
            days = PlannedDays.of(record.plan, first_day)
            cheaper = days.__class__(
                first_day=first_day, spend_base=factor * days.spend_base, daypart_weights=days.daypart_weights,
                discount_frac=days.discount_frac, mechanic=days.mechanic,
            )  # fmt: skip
            return Proposed(
                proposal=record.next_proposal, days=PlanBytes.of(cheaper), knows_until=record.known_until, figures=b"{}"
            )

        self.change(lambda book: book.add("spring", proposed, actor="ann"))

    def ask(self, *arguments: object, today: str = FIRST) -> Answer:
        return call("campaign", *arguments, "--store", self.url, "--today", today, folder=self.folder)

    def book(self, what: str, platform: str, *more: object, today: str = FIRST) -> Answer:
        template = {"google_editor": "editor.csv", "google_bulk": "bulk.csv"}.get(platform)
        chosen = () if template is None else ("--template", template)
        return self.ask("book", "spring", what, "--for", platform, *chosen, *more, today=today)

    def sheets(self) -> set[str]:
        return {path.name for path in self.folder.glob("*2026-*")}


@pytest.fixture
def desk(tmp_path: Path, quickstart) -> Desk:
    return Desk(tmp_path, quickstart)


def test_a_plan_is_booked_once_whatever_the_platform(desk: Desk) -> None:
    """One part of a cell's day stands in one sheet: another platform's is refused, unless it takes the place."""
    account = ("--currency", "EUR", "--zone", "Europe/Berlin")
    assert desk.book("plan", "google_editor", *account).code == 0
    there = desk.sheets()
    for platform in ("google_bulk", "csv"):
        twice = desk.book("plan", platform, *account)
        assert twice.code != 0
        assert "search in DE on 2026-10-05 is booked already, with google_editor" in twice.err
        assert "--again" in twice.err
        assert desk.sheets() == there
        assert len(desk.record.bookings) == 1
    same = desk.book("plan", "google_editor", *account)
    assert same.code == 0
    assert "What was booked with google_editor" in same.out
    assert "stop it there" not in same.out
    instead = desk.book("plan", "google_bulk", "--again", *account)
    assert instead.code == 0
    assert "stop it there" in instead.out
    assert desk.book("plan", "google_editor", *account).code != 0


def test_what_other_platforms_hold_can_be_booked_beside(desk: Desk) -> None:
    assert desk.book("plan", "google_editor", "--currency", "EUR", "--zone", "Europe/Berlin").code == 0
    rows = [("campaign", "region", "segment", "channel", "share")]
    rows += [
        (f"{region}/{segment}/email", region, segment, "email", "1")
        for region in desk.market.scenario.regions
        for segment in desk.market.scenario.segments
    ]
    with (desk.folder / "mapping.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    beside = desk.book("plan", "csv", "--mapping", "mapping.csv", "--currency", "EUR")
    assert beside.code == 0, beside.err
    assert "that the plan asks of it are in 1 sheet." in beside.out


def test_sheets_of_an_older_plan_that_say_more_than_is_granted_are_told(desk: Desk) -> None:
    """A new plan is booked with one platform: the other's sheets spend the old money until they are made anew."""
    regions, segments = desk.market.scenario.regions, desk.market.scenario.segments
    for channel in ("email", "social"):
        rows = [f"{r}/{s}/{channel},{r},{s},{channel}" for r in regions for s in segments]
        (desk.folder / f"{channel}.csv").write_text("\n".join(["campaign,region,segment,channel", *rows]))
    search = ("google_editor", "--currency", "EUR", "--zone", "Europe/Berlin", "--json")
    assert json.loads(desk.book("plan", *search).out)["beyond_grant"] == []
    email = ("csv", "--mapping", "email.csv", "--currency", "EUR", "--json")
    assert json.loads(desk.book("plan", *email).out)["beyond_grant"] == []
    desk.propose(5, 0.5)
    assert desk.ask("approve", "spring", "p1", "--by", "bob").code == 0
    told = json.loads(desk.book("p1", *email).out)
    [stale] = told["beyond_grant"]
    committed = desk.record.ledger.committed_base[5:, ..., desk.market.scenario.channels.index("search")].sum()
    assert stale["platform"] == "google_editor"
    assert stale["more_base"] == pytest.approx(committed, rel=0.01)
    assert told["replaced"] == ["csv"]
    assert json.loads(desk.book("p1", *search).out)["beyond_grant"] == []


def test_after_an_overspend_no_more_is_booked_than_is_left(desk: Desk) -> None:
    """Sheets, status and what is carried on say one figure: what is committed, cut by what is left."""
    limits = desk.market.scenario.limits
    desk.spend(10, 0.08 * limits.total_base)  # 80 % of the budget in ten of 28 days
    standing = Standing(desk.record, worlds=8)
    carry = carried_on(standing.record, standing.market, standing.tracked.state, standing.today)
    may = float(still_granted(standing.record, carry).spend_base.sum())
    assert may == pytest.approx(0.2 * limits.total_base)
    booked = desk.book("plan", "csv", "--currency", "EUR", "--json", today=TENTH)
    assert booked.code == 0, booked.err
    assert json.loads(booked.out)["booked_base"] <= may * (1.0 + 1e-9)
    assert json.loads(booked.out)["asked_base"] == pytest.approx(may)
    status = json.loads(desk.ask("status", "spring", "--json", today=TENTH).out)
    assert status["money"]["ahead_base"] == pytest.approx(may)
    assert status["money"]["free_base"] == pytest.approx(0.0, abs=1e-6)


def test_sheets_that_say_more_than_may_go_out_are_told_by_all_who_look(desk: Desk) -> None:
    """What was overspent is cut off the days ahead; the platforms do not know of it."""
    limits = desk.market.scenario.limits
    whole = ("csv", "--currency", "EUR", "--json")
    said = json.loads(desk.book("plan", *whole).out)["booked_base"]
    desk.spend(10, 0.08 * limits.total_base)
    status = json.loads(desk.ask("status", "spring", "--json", today=TENTH).out)
    [alarm] = [one for one in status["alarms"] if one["code"] == "sheets_beyond"]
    ahead = said * 18.0 / 28.0
    assert alarm["figures"]["said_base"] == pytest.approx(ahead)
    assert alarm["figures"]["more_base"] == pytest.approx(ahead - 0.2 * limits.total_base)
    assert alarm["advice"] == "book_again"
    desk.spend(11, 0.1 * limits.total_base)
    spent = desk.book("plan", "csv", "--currency", "EUR", today="2026-10-16")
    assert spent.code != 0
    assert "What was booked with csv" in spent.err
    assert "stop it there" in " ".join(spent.err.split())
    closed = json.loads(desk.ask("close", "spring", "--early", "--json", today="2026-10-16").out)
    [running] = closed["running_sheets"]
    assert running["said_base"] == pytest.approx(said * 17.0 / 28.0)
    status = json.loads(desk.ask("status", "spring", "--json", today="2026-10-16").out)
    assert [one["advice"] for one in status["alarms"] if one["code"] == "sheets_beyond"] == ["stop_sheets"]


def test_what_keeps_the_limits_is_booked_as_it_was_committed(desk: Desk) -> None:
    standing = Standing(desk.record, worlds=8)
    carry = carried_on(standing.record, standing.market, standing.tracked.state, 0)
    np.testing.assert_allclose(
        still_granted(standing.record, carry).spend_base, standing.record.ledger.committed_base, rtol=1e-12
    )


def test_days_that_are_over_by_the_clock_are_neither_proposed_nor_approved_nor_booked(desk: Desk) -> None:
    desk.propose(3)
    late = desk.ask("approve", "spring", "p1", "--by", "bob", today=TENTH)
    assert late.code != 0
    assert "days up to 2026-10-14 are over" in late.err
    assert desk.record.proposals["p1"].state == "open"
    asked = desk.ask("propose", "spring", "--from", "2026-10-08", today=TENTH)
    assert asked.code != 0
    assert "2026-10-15 to 2026-11-01" in asked.err
    granted = desk.record.ledger.committed_base[:10]
    made = json.loads(desk.ask("propose", "spring", "--until", "2026-10-18", "--json", today=TENTH).out)
    assert (made["first_date"], made["last_date"]) == (TENTH, "2026-10-18")
    assert desk.ask("approve", "spring", "p2", "--by", "bob", today=TENTH).code == 0
    np.testing.assert_array_equal(desk.record.ledger.committed_base[:10], granted)
    booked = desk.book("plan", "csv", "--currency", "EUR", today=TENTH)
    assert booked.code == 0, booked.err
    assert desk.record.bookings[0].days.first_day == 10
    assert "The plan goes on" not in booked.out
    # Days in the middle of the plan: what they leave at the platform is not the plan's afterwards.
    part = desk.book("p2", "csv", "--currency", "EUR", today=TENTH)
    assert part.code == 0, part.err
    assert "from Oct 19, 2026 on" in " ".join(part.out.split())
    over = desk.book("plan", "csv", "--currency", "EUR", today="2026-11-20")
    assert over.code != 0
    assert "are over" in over.err


def test_a_gain_within_chance_is_called_no_difference(desk: Desk) -> None:
    """A mean of few worlds lies outside its own range: neither it nor a range that holds 0 is told as a gain."""
    words = CampaignWords(desk.market.scenario, NumberFormat(locale="en", currency="EUR"))

    def said(mean: float, se: float, low: float, high: float) -> str:
        clear = low > 0.0 or high < 0.0
        return booked_gain(Gain(mean=mean, se=se, low=low, high=high, better=0.9, is_clear=clear), words)

    for none in ((-0.59, 0.8, 0.2, 0.9), (3.0, 1.0, -4.0, 9.0), (0.001, 0.0, 0.001, 0.001), (-5.0, 1.0, 1.0, 2.0)):
        assert "no difference" in said(*none)
    assert "€50 (" in said(-50.0, 3.0, -90.0, -10.0)


def test_a_closed_campaign_has_no_days_ahead(desk: Desk) -> None:
    desk.spend(10, 10.0)
    desk.propose(12)
    closed = call("campaign", "close", "spring", "--store", desk.url, folder=desk.folder)
    assert closed.code == 0, closed.err
    told = json.loads(desk.ask("status", "spring", "--json", today=TENTH).out)
    assert told["money"]["ahead_base"] == 0.0
    assert (told["outlook"], told["waiting"]) == (None, [])
    assert {alarm["advice"] for alarm in told["alarms"]} <= {"tell_missing", "check_currency"}
    said = " ".join(told["sentences"])
    assert "ahead" not in said
    assert "left over" in said
    assert "is closed" in desk.book("plan", "csv", "--currency", "EUR", today=TENTH).err


def close(desk: Desk, *more: object) -> Answer:
    return call("campaign", "close", "spring", *more, "--store", desk.url, folder=desk.folder)


def test_a_campaign_with_days_to_come_is_closed_only_where_that_is_said(desk: Desk) -> None:
    desk.spend(3, 10.0)
    refused = close(desk, "--today", TENTH)
    assert refused.code != 0
    assert "days to come" in refused.err
    assert desk.record.closed is None
    assert close(desk, "--today", TENTH, "--early").code == 0
    assert desk.record.closed == "over"


def test_a_panel_that_cannot_be_written_leaves_the_campaign_open(desk: Desk) -> None:
    """Spend was told, and no orders: there is no panel, so nothing is closed, and nothing is written."""
    desk.spend(10, 10.0)
    refused = close(desk, "--panel", "spring.parquet")
    assert refused.code == 2
    assert "Nobody told the orders" in refused.err
    assert desk.record.closed is None
    assert not list(desk.folder.glob("*.parquet*"))
    assert close(desk).code == 0
    assert desk.record.closed == "over"


def test_a_page_that_cannot_be_written_leaves_nothing_proposed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise UsageError("there is no room")

    monkeypatch.setattr("xbopt.reports.kit.page.write_html", full)
    assert desk.ask("propose", "spring", "--report", "p.html").code != 0
    assert not desk.record.proposals
    monkeypatch.undo()
    monkeypatch.setattr(CampaignBook, "add", full)
    assert desk.ask("propose", "spring", "--report", "p.html").code != 0
    assert not list(desk.folder.glob("*p.html*"))


@pytest.mark.parametrize("name", ["ann\x1b[31m", "ann\u200b", "a\nb", " "])
def test_names_and_reasons_that_do_not_print_are_refused_before_anything_is_done(desk: Desk, name: str) -> None:
    desk.propose(3)
    number = desk.record.number
    for asked in (("approve", "spring", "p1"), ("propose", "spring"), ("actuals", "spring")):
        refused = call("campaign", *asked, "--by", name, "--store", desk.url, folder=desk.folder)
        assert refused.code == 2
        assert "--by" in refused.err
    assert "--reason" in close(desk, "--reason", name).err
    assert "--by" in close(desk, "--by", name).err
    assert desk.record.number == number
    new = ("open", "quickstart", "--name", "other", "--plan", "baseline", "--store", "new.db", "--by", name)
    assert call("campaign", *new, folder=desk.folder).code == 2
    assert call("campaign", *new[:3], "a/b", *new[4:8], folder=desk.folder).code == 2
    assert not (desk.folder / "new.db").exists()


def test_what_was_read_while_somebody_wrote_is_read_anew(desk: Desk) -> None:
    times: list[int] = []

    def read(book: CampaignBook) -> CampaignRecord:
        times.append(1)
        if len(times) == 1:
            desk.spend(2, 10.0)
        return book.load("spring")

    assert len(read_campaigns(desk.url, read).days) == 2
    assert len(times) == 2


def test_sheets_are_written_once_the_booking_is_stored(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        from xbopt.service.store.interface import StoreError

        raise StoreError("the disk is full")

    monkeypatch.setattr(CampaignBook, "add", full)
    before = set(desk.folder.iterdir())
    assert desk.book("plan", "csv", "--currency", "EUR").code != 0
    assert set(desk.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("rate", "currency", "why"),
    [
        (0, "GBP", "is no rate"),
        (-1, "GBP", "is no rate"),
        ("inf", "GBP", "is no rate"),
        (1.1, "EUR", "whose rate is 1"),
    ],
)
def test_rates_that_are_none_are_refused(desk: Desk, rate: object, currency: str, why: str) -> None:
    refused = desk.book("plan", "csv", "--currency", currency, "--rate", rate)
    assert refused.code != 0
    assert why in " ".join(refused.err.split())


@pytest.mark.parametrize(
    "asked",
    [
        ("status", "spring"),
        ("list",),
        ("propose", "spring"),
        ("book", "spring", "plan", "--for", "csv"),
        ("approve", "spring", "p1"),
        ("close", "spring"),
        ("actuals", "spring", "orders.csv"),
    ],
)
def test_only_opening_a_campaign_makes_a_store(asked: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("a\n")
    answer = call("campaign", *asked, "--store", "typo.db", folder=tmp_path)
    assert answer.code != 0
    assert "There is no store typo.db" in answer.err
    assert {path.name for path in tmp_path.iterdir()} == {"orders.csv"}
